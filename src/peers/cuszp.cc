// cuszp: the format of cuSZp (Huang et al., 2023) for one-dimensional float32 arrays, on the CPU,
// in its modes "fixed", "plain" and "outlier". Streams are what its kernels write, byte for byte,
// and are decoded as they do.
//
// Values become integers q of steps of 2e, in float32 (Quantize below); 32 of them are a block.
//
//   region A   one byte a block, ceil(values / 32768) x 1024 bytes, 0 past the last block
//   region B   the blocks' payloads, one after the other; their sizes follow from region A
//
// A block codes 32 integers v with f bits of magnitude each: a sign word (element i at bit 31 - i,
// most significant byte first), then f planes of 4 bytes, lowest bit first, element 8k + j at bit 7
// - j of byte k. Nothing at all if f = 0. Elements past the end have v = 0.
//   fixed     v = q; byte f
//   plain     v = the difference to the q before, from 0 at each block; byte f
//   outlier   the same, but a block may store its first |v| apart if that is smaller: byte
//             0x80 | (bytes of |v0| - 1) << 5 | f of the others; payload |v0|, lowest byte first,
//             then signs and planes with element 0 as 0
//
// Not guaranteed: |w' - w| exceeds e by float32 rounding now and then
// (tests/unit/peers/cuszp_test.cc), and the format has no room for NaN, infinities and codes beyond
// 31 bits: those are refused.
#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdlib>

#include "base/bytes.h"
#include "base/checked.h"
#include "codec/statistics.h"
#include "peers/peers.h"

namespace ebb {
namespace {

constexpr size_t kBlock = 32;
constexpr size_t kThreadBlock = 32768;  // values of one GPU thread block
constexpr uint32_t kOutlierFlag = 0x80;
constexpr uint32_t kWidthMask = 31;
constexpr int64_t kMaxMagnitude = (int64_t{1} << 31) - 1;

using Integers = std::array<int64_t, kBlock>;

size_t RateBytes(uint64_t elements) {
  return DivideRoundingUp(elements, kThreadBlock) * (kThreadBlock / kBlock);
}

// The nearest integer to value / (2 bound), as float32 arithmetic has it. False if it leaves 31
// bits.
bool Quantize(float value, float inverse_step, int64_t* code) {
  const float scaled = value * inverse_step;
  if (!(std::fabs(scaled) < 0x1p31f)) return false;  // NaN fails as well
  *code = static_cast<int64_t>(scaled + 0.5f) - (scaled < -0.5f ? 1 : 0);
  return std::abs(*code) <= kMaxMagnitude;
}

float Reconstruct(int32_t code, float bound) { return static_cast<float>(code) * bound * 2; }

uint32_t WidthOf(uint64_t magnitude) { return static_cast<uint32_t>(std::bit_width(magnitude)); }

size_t PlanesBytes(uint32_t width) { return width == 0 ? 0 : 4 + 4 * size_t{width}; }

// The sign word of all elements, and the planes of the elements from `first` on.
void AppendPlanes(const Integers& values, size_t first, uint32_t width,
                  std::vector<std::byte>* out) {
  uint32_t signs = 0;
  for (size_t i = 0; i < kBlock; ++i) signs |= (values[i] < 0 ? 1u : 0u) << (31 - i);
  const size_t at = out->size();
  out->resize(at + 4 + 4 * size_t{width});
  std::byte* const to = out->data() + at;
  // Bit 31 - i of a word that is stored most significant byte first is bit 7 - j of byte k.
  StoreLe(to, __builtin_bswap32(signs));
  for (uint32_t plane = 0; plane < width; ++plane) {
    uint32_t word = 0;
    for (size_t i = first; i < kBlock; ++i) {
      word |= static_cast<uint32_t>((std::abs(values[i]) >> plane) & 1) << (31 - i);
    }
    StoreLe(to + 4 + 4 * size_t{plane}, __builtin_bswap32(word));
  }
}

void ReadPlanes(const std::byte* from, uint32_t width, Integers* values) {
  const uint32_t signs = __builtin_bswap32(LoadLe<uint32_t>(from));
  std::array<uint32_t, kBlock> magnitudes{};
  for (uint32_t plane = 0; plane < width; ++plane) {
    const uint32_t word = __builtin_bswap32(LoadLe<uint32_t>(from + 4 + 4 * size_t{plane}));
    for (size_t i = 0; i < kBlock; ++i) magnitudes[i] |= ((word >> (31 - i)) & 1) << plane;
  }
  for (size_t i = 0; i < kBlock; ++i) {
    const bool negative = (signs >> (31 - i)) & 1;
    (*values)[i] = negative ? -int64_t{magnitudes[i]} : int64_t{magnitudes[i]};
  }
}

// Appends a block's payload and returns its byte of region A.
uint32_t AppendBlock(const Integers& values, CuszpMode mode, std::vector<std::byte>* out) {
  uint64_t others = 0;  // the OR has the width of the largest
  for (size_t i = 1; i < kBlock; ++i) others |= static_cast<uint64_t>(std::abs(values[i]));
  const auto first = static_cast<uint64_t>(std::abs(values[0]));
  const uint32_t width = WidthOf(others | first);
  const uint32_t others_width = WidthOf(others);
  const size_t first_bytes = std::max<size_t>(1, (WidthOf(first) + 7) / 8);
  if (mode != CuszpMode::kOutlier ||
      PlanesBytes(width) <= 4 + 4 * size_t{others_width} + first_bytes) {
    if (width > 0) AppendPlanes(values, 0, width, out);
    return width;
  }
  for (size_t i = 0; i < first_bytes; ++i) {
    out->push_back(static_cast<std::byte>((first >> (8 * i)) & 255));
  }
  AppendPlanes(values, 1, others_width, out);
  return kOutlierFlag | static_cast<uint32_t>(first_bytes - 1) << 5 | others_width;
}

// The payload's size that a byte of region A states.
size_t PayloadBytes(uint32_t rate, CuszpMode mode) {
  if (mode == CuszpMode::kOutlier && (rate & kOutlierFlag) != 0) {
    return ((rate >> 5) & 3) + 1 + 4 + 4 * size_t{rate & kWidthMask};
  }
  return PlanesBytes(rate);
}

void ReadBlock(const std::byte* from, uint32_t rate, CuszpMode mode, Integers* values) {
  if (mode != CuszpMode::kOutlier || (rate & kOutlierFlag) == 0) {
    values->fill(0);
    if (rate != 0) ReadPlanes(from, rate, values);
    return;
  }
  const size_t first_bytes = ((rate >> 5) & 3) + 1;
  uint64_t first = 0;
  for (size_t i = 0; i < first_bytes; ++i) first |= static_cast<uint64_t>(from[i]) << (8 * i);
  ReadPlanes(from + first_bytes, rate & kWidthMask, values);
  const bool negative = (static_cast<uint32_t>(from[first_bytes]) & 0x80) != 0;
  (*values)[0] = negative ? -static_cast<int64_t>(first) : static_cast<int64_t>(first);
}

CodecInfo InfoOf(CuszpMode mode) {
  CodecInfo info;
  info.name = mode == CuszpMode::kFixed   ? "cuszp:fixed"
              : mode == CuszpMode::kPlain ? "cuszp:plain"
                                          : "cuszp:outlier";
  info.reason = fmt::format(
      "the format of cuSZp on the CPU, {}; exceeds its bound by float32 rounding, no NaN or "
      "infinity",
      mode == CuszpMode::kFixed   ? "without prediction (what it recommends for weights)"
      : mode == CuszpMode::kPlain ? "differences"
                                  : "differences with the first of 32 apart");
  return info;
}

class CuszpCodec final : public Codec {
 public:
  explicit CuszpCodec(CuszpMode mode) : mode_(mode), info_(InfoOf(mode)) {}

  const CodecInfo& info() const override { return info_; }

  Result<EncodedArray> Encode(const ArrayView& array, float bound, uint64_t) const override {
    if (bound == 0) {
      return MakeError(ErrorCode::kUnsupported, info_.name, "has no lossless mode; give a bound");
    }
    const std::span<const float> values = array.values;
    const float inverse_step = 0.5f / bound;
    EncodedArray encoded;
    encoded.side_bytes = kCountAndBoundBytes;
    encoded.stream.resize(RateBytes(values.size()));
    CodeHistogram histogram;
    std::array<int32_t, kBlock> codes;
    for (size_t first = 0; first < values.size(); first += kBlock) {
      const size_t count = std::min(kBlock, values.size() - first);
      Integers block{};
      int64_t previous = 0;
      for (size_t i = 0; i < count; ++i) {
        int64_t code;
        if (!Quantize(values[first + i], inverse_step, &code) ||
            std::abs(code - previous) > kMaxMagnitude) {
          return MakeError(ErrorCode::kUnsupported, info_.name,
                           "element {} ({} under a bound of {}) has no code of 31 bits", first + i,
                           values[first + i], bound);
        }
        block[i] = code - previous;
        if (mode_ != CuszpMode::kFixed) previous = code;
        codes[i] = static_cast<int32_t>(code);
      }
      encoded.stream[first / kBlock] =
          static_cast<std::byte>(AppendBlock(block, mode_, &encoded.stream));
      histogram.Add(std::span<const int32_t>(codes).first(count));
    }
    encoded.entropy_bits_per_weight = histogram.EntropyBits();
    return encoded;
  }

  Status Decode(std::span<const std::byte> stream, uint64_t rows, uint64_t cols, float bound,
                float* out) const override {
    const uint64_t elements = rows * cols;
    const size_t rate_bytes = RateBytes(elements);
    if (stream.size() < rate_bytes) {
      return MakeError(ErrorCode::kCorrupt, "stream", "ends before all values are there");
    }
    const std::span<const std::byte> rates = stream.first(rate_bytes);
    std::span<const std::byte> payloads = stream.subspan(rate_bytes);
    for (uint64_t first = 0; first < elements; first += kBlock) {
      const auto rate = static_cast<uint32_t>(rates[first / kBlock]);
      if (mode_ != CuszpMode::kOutlier || (rate & kOutlierFlag) == 0) {
        if (rate > kWidthMask) {
          return MakeError(ErrorCode::kCorrupt, "stream", "block {} has codes of {} bits",
                           first / kBlock, rate);
        }
      }
      const size_t size = PayloadBytes(rate, mode_);
      if (size > payloads.size()) {
        return MakeError(ErrorCode::kCorrupt, "stream", "ends before all values are there");
      }
      Integers block;
      ReadBlock(payloads.data(), rate, mode_, &block);
      payloads = payloads.subspan(size);
      const size_t count = std::min<uint64_t>(kBlock, elements - first);
      uint32_t code = 0;  // sums wrap around, as they do on a GPU
      for (size_t i = 0; i < count; ++i) {
        code = static_cast<uint32_t>(block[i]) + (mode_ == CuszpMode::kFixed ? 0 : code);
        out[first + i] = Reconstruct(static_cast<int32_t>(code), bound);
      }
    }
    for (size_t i = DivideRoundingUp(elements, kBlock); i < rates.size(); ++i) {
      if (rates[i] != std::byte{0}) {
        return MakeError(ErrorCode::kCorrupt, "stream", "has blocks past its end");
      }
    }
    if (payloads.empty()) return {};
    return MakeError(ErrorCode::kCorrupt, "stream", "has bytes left over");
  }

 private:
  // The number of values as u64 and the bound as f32; the mode is the codec's name.
  static constexpr uint64_t kCountAndBoundBytes = 12;

  CuszpMode mode_;
  CodecInfo info_;
};

}  // namespace

std::unique_ptr<Codec> MakeCuszpCodec(CuszpMode mode) { return std::make_unique<CuszpCodec>(mode); }

}  // namespace ebb
