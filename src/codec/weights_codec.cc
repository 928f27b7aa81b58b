#include "codec/weights_codec.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "base/bytes.h"
#include "base/float16.h"
#include "codec/chunk_decoder.h"
#include "codec/chunk_encoder.h"
#include "codec/encode_ops.h"
#include "codec/quantizer.h"

namespace ebb {
namespace {

Status StreamsOk(bool ok) {
  if (ok) return {};
  return MakeError(ErrorCode::kCorrupt, "chunk", "its streams do not end where they must");
}

Status WantMap(const ChunkView& chunk, ValueMap map) {
  if (chunk.header.map == map) return {};
  return MakeError(ErrorCode::kCorrupt, "chunk", "holds another kind of values than its tensor");
}

// Words are rotated so that the exponent is on top, and become integers around the most common one:
// the commonest top byte (bf16, f32: exponent) becomes token 0. Counts of top bytes are kept in
// four histograms in turn, because neighbouring equal bytes would wait for each other's increments.
class TopBytes {
 public:
  void Add(size_t part, uint64_t byte) { ++parts_[part][byte & 255]; }

  uint32_t Commonest() {
    for (size_t b = 0; b < 256; ++b) parts_[0][b] += parts_[1][b] + parts_[2][b] + parts_[3][b];
    const auto most = std::max_element(parts_[0].begin(), parts_[0].end());
    return static_cast<uint32_t>(most - parts_[0].begin());
  }

 private:
  std::array<std::array<uint32_t, 256>, 4> parts_{};
};

// `words` without gaps or alignment. Returns the offset.
uint32_t CenterHalves(std::span<const std::byte> words, std::vector<int32_t>* values) {
  const size_t count = words.size() / 2;
  TopBytes top;
  size_t i = 0;
  // The top byte of a rotated word is that below the sign.
  for (; i + 4 <= count; i += 4) {
    const auto four = LoadLe<uint64_t>(words.data() + 2 * i);
    for (size_t part = 0; part < 4; ++part) top.Add(part, four >> (16 * part + 7));
  }
  for (; i < count; ++i) top.Add(0, LoadLe<uint16_t>(words.data() + 2 * i) >> 7);
  const auto offset = static_cast<uint16_t>(top.Commonest() << 8);
  values->resize(count);
  RotateWords(words.data(), count, offset, values->data());
  return offset;
}

uint32_t CenterWords(std::span<const uint32_t> words, std::vector<int32_t>* values) {
  TopBytes top;
  for (size_t i = 0; i < words.size(); ++i) top.Add(i % 4, words[i] >> 23);
  const uint32_t offset = top.Commonest() << 24;
  values->resize(words.size());
  for (size_t i = 0; i < words.size(); ++i) {
    (*values)[i] = static_cast<int32_t>(std::rotl(words[i], 1) - offset);
  }
  return offset;
}

void ApplyExceptions(const ChunkView& chunk, auto&& put) {
  for (uint32_t i = 0; i < chunk.header.exceptions; ++i) {
    const ChunkView::Exception exception = chunk.ExceptionAt(i);
    put(exception.element, exception.bits);
  }
}

// Chunks of layout 2 with fewer values than this may be larger than those of layout 1: their lanes
// begin with states of 32 bits, and their tables are longer.
constexpr size_t kTryBothBelow = 512 * 1024;

}  // namespace

void WeightsEncoder::EncodeValues(const ChunkContent& content, std::vector<std::byte>* out) const {
  if (setting_ == CodecSetting::kFast) return EncodeChunk(content, out);
  if (setting_ == CodecSetting::kLayout2 || content.values.size() >= kTryBothBelow) {
    return EncodeSmallChunk(content, out);
  }
  // Encoding may make values exceptions, of which the second try must not know.
  std::vector<int32_t> values(content.values.begin(), content.values.end());
  ChunkContent copy = content;
  copy.values = values;
  std::vector<std::byte> fast;
  EncodeChunk(copy, &fast);
  const size_t start = out->size();
  EncodeSmallChunk(content, out);
  if (fast.size() > out->size() - start) return;
  out->resize(start);
  out->insert(out->end(), fast.begin(), fast.end());
  std::copy(values.begin(), values.end(), content.values.begin());
}

EncodeReport WeightsEncoder::EncodeBounded(std::span<const float> weights, const BoundRuns& bounds,
                                           uint32_t row_elements, std::vector<std::byte>* out) {
  EncodeReport report;
  codes_.resize(weights.size());
  exceptions_.clear();
  const size_t period = bounds.period == 0 ? weights.size() : bounds.period;
  std::vector<float> steps;
  for (size_t first = 0, run = 0; first < weights.size(); first += period, ++run) {
    const size_t count = std::min(period, weights.size() - first);
    const float bound = bounds.bounds[run];
    steps.push_back(bound > 0 ? StepForBound(bound) : 0);
    const std::span run_weights = weights.subspan(first, count);
    if (bound > 0) {
      const QuantizationError error = Quantize(run_weights, bound, static_cast<uint32_t>(first),
                                               codes_.data() + first, &exceptions_);
      report.max_error_over_bound =
          std::max(report.max_error_over_bound, error.max_error / static_cast<double>(bound));
      report.squared_error +=
          error.squared_over_bound * static_cast<double>(bound) * static_cast<double>(bound);
      report.finite += error.finite;
    } else {
      // Bound 0: all that a code (always 0) does not give exactly is an exception.
      for (size_t i = 0; i < count; ++i) {
        codes_[first + i] = 0;
        const auto bits = std::bit_cast<uint32_t>(run_weights[i]);
        if (bits != 0) exceptions_.push_back({static_cast<uint32_t>(first + i), bits});
        report.finite += std::isfinite(run_weights[i]);
      }
    }
  }
  ChunkContent content;
  content.map = ValueMap::kCodes;
  content.values = codes_;
  content.originals = std::as_bytes(weights);
  content.exceptions = exceptions_;
  content.row_elements = row_elements;
  if (bounds.period == 0) {
    content.step = steps[0];
  } else {
    content.steps = steps;
    content.step_period = bounds.period;
  }
  EncodeValues(content, out);
  return report;
}

void WeightsEncoder::EncodeWords(std::span<const std::byte> words, WordBits width,
                                 uint32_t row_elements, std::vector<std::byte>* out) {
  ChunkContent content;
  content.row_elements = row_elements;
  content.originals = words;
  if (width == WordBits::k16) {
    content.map = ValueMap::kWords16;
    content.original_bytes = 2;
    content.offset = CenterHalves(words, &codes_);
  } else {
    content.map = ValueMap::kWords32;
    words_.resize(words.size() / 4);
    uint32_t used_bits = 0;
    for (size_t i = 0; i < words_.size(); ++i) {
      words_[i] = LoadLe<uint32_t>(words.data() + i * 4);
      used_bits |= words_[i];
    }
    if ((used_bits & 0xffff) == 0) {
      // Float32 words that are bf16 in disguise.
      content.shift = 16;
      std::vector<uint16_t> halves(words_.size());
      for (size_t i = 0; i < halves.size(); ++i) halves[i] = static_cast<uint16_t>(words_[i] >> 16);
      content.offset = CenterHalves(std::as_bytes(std::span(halves)), &codes_);
    } else {
      content.offset = CenterWords(words_, &codes_);
    }
  }
  content.values = codes_;
  EncodeValues(content, out);
}

Status DecodeCodes(const ChunkView& chunk, int8_t* out) {
  EBB_TRY(WantMap(chunk, ValueMap::kCodes));
  return StreamsOk(BestChunkDecoder().to_int8(chunk, out));
}

Status DecodeCodes(const ChunkView& chunk, int16_t* out) {
  EBB_TRY(WantMap(chunk, ValueMap::kCodes));
  return StreamsOk(BestChunkDecoder().to_int16(chunk, out));
}

Status DecodeCodes(const ChunkView& chunk, int32_t* out) {
  EBB_TRY(WantMap(chunk, ValueMap::kCodes));
  return StreamsOk(BestChunkDecoder().to_int32(chunk, out));
}

namespace {

// Codes are decoded into the place of the floats that they become.
Status DecodeCodesThenFloats(const ChunkView& chunk, float* out) {
  auto* const codes = reinterpret_cast<int32_t*>(out);
  EBB_TRY(DecodeCodes(chunk, codes));
  const uint32_t elements = chunk.header.elements;
  const uint32_t period = chunk.steps == nullptr ? elements : chunk.header.step_period_or_shift;
  for (uint32_t first = 0; first < elements; first += std::min(period, elements - first)) {
    const float step = chunk.StepOf(first);
    const uint32_t end = first + std::min(period, elements - first);
    for (uint32_t i = first; i < end; ++i) {
      int32_t code;
      std::memcpy(&code, codes + i, sizeof(code));
      out[i] = Reconstruct(code, step);
    }
  }
  return {};
}

}  // namespace

Status DecodeFloats(const ChunkView& chunk, float* out) {
  EBB_TRY(WantMap(chunk, ValueMap::kCodes));
  const ChunkDecoder& decoder = BestChunkDecoder();
  if (chunk.steps == nullptr && decoder.to_f32 != nullptr) {
    EBB_TRY(StreamsOk(decoder.to_f32(chunk, out)));
  } else {
    EBB_TRY(DecodeCodesThenFloats(chunk, out));
  }
  ApplyExceptions(
      chunk, [out](uint32_t element, uint32_t bits) { out[element] = std::bit_cast<float>(bits); });
  return {};
}

Status DecodeBf16(const ChunkView& chunk, uint16_t* out) {
  EBB_TRY(WantMap(chunk, ValueMap::kCodes));
  const ChunkDecoder& decoder = BestChunkDecoder();
  if (chunk.steps == nullptr && decoder.to_bf16 != nullptr) {
    EBB_TRY(StreamsOk(decoder.to_bf16(chunk, out)));
    ApplyExceptions(chunk, [out](uint32_t element, uint32_t bits) {
      out[element] = F32ToBf16(std::bit_cast<float>(bits));
    });
    return {};
  }
  std::vector<float> floats(chunk.header.elements);
  EBB_TRY(DecodeFloats(chunk, floats.data()));
  std::transform(floats.begin(), floats.end(), out, F32ToBf16);
  return {};
}

Status DecodeWords(const ChunkView& chunk, uint16_t* out) {
  EBB_TRY(WantMap(chunk, ValueMap::kWords16));
  EBB_TRY(StreamsOk(BestChunkDecoder().to_int16(chunk, reinterpret_cast<int16_t*>(out))));
  const auto offset = static_cast<uint16_t>(chunk.header.step_or_offset);
  for (uint32_t i = 0; i < chunk.header.elements; ++i) {
    out[i] = std::rotr(static_cast<uint16_t>(out[i] + offset), 1);
  }
  ApplyExceptions(chunk, [out](uint32_t element, uint32_t bits) {
    out[element] = static_cast<uint16_t>(bits);
  });
  return {};
}

Status DecodeWords(const ChunkView& chunk, uint32_t* out) {
  EBB_TRY(WantMap(chunk, ValueMap::kWords32));
  EBB_TRY(StreamsOk(BestChunkDecoder().to_int32(chunk, reinterpret_cast<int32_t*>(out))));
  const uint32_t offset = chunk.header.step_or_offset;
  const uint32_t shift = chunk.header.step_period_or_shift;
  const int width = 32 - static_cast<int>(shift);
  const uint32_t mask = width == 32 ? 0xffffffffu : (1u << width) - 1;
  for (uint32_t i = 0; i < chunk.header.elements; ++i) {
    const uint32_t rotated = (out[i] + offset) & mask;
    const uint32_t word = (rotated >> 1 | rotated << (width - 1)) & mask;
    out[i] = word << shift;
  }
  ApplyExceptions(chunk, [out](uint32_t element, uint32_t bits) { out[element] = bits; });
  return {};
}

}  // namespace ebb
