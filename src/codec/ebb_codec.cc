// The codecs `ebb:fast` and `ebb:small` for whole arrays: a sequence of chunks, each of whole rows
// where there are rows.
#include <algorithm>
#include <cstring>

#include "base/bytes.h"
#include "base/checked.h"
#include "codec/codec.h"
#include "codec/statistics.h"

namespace ebb {
namespace {

// The number of elements of each chunk (the last may have fewer).
uint64_t ElementsPerChunk(CodecSetting setting, uint64_t rows, uint64_t cols) {
  const uint64_t wanted = ChunkWeights(setting);
  const uint64_t chunks = std::max<uint64_t>(1, DivideRoundingUp(rows * cols, wanted));
  const uint64_t whole_rows = cols * std::max<uint64_t>(1, DivideRoundingUp(rows, chunks));
  return whole_rows <= 4 * wanted ? whole_rows : wanted;
}

class EbbCodec final : public Codec {
 public:
  explicit EbbCodec(CodecSetting setting) : setting_(setting) {}

  const CodecInfo& info() const override {
    static const CodecInfo kFast = {"ebb:fast", true, true,
                                    "uniform quantization and interleaved rANS; decodes fastest"};
    static const CodecInfo kSmall = {"ebb:small", true, true,
                                     "the same with finer tables and larger chunks; smallest"};
    return setting_ == CodecSetting::kFast ? kFast : kSmall;
  }

  Result<EncodedArray> Encode(const ArrayView& array, float bound, uint64_t) const override {
    EncodedArray encoded;
    CodeHistogram histogram;
    WeightsEncoder encoder(setting_);
    const auto row = static_cast<uint32_t>(std::min<uint64_t>(array.cols, UINT32_MAX));
    const uint64_t each = ElementsPerChunk(setting_, array.rows, array.cols);
    for (uint64_t first = 0; first < array.values.size(); first += each) {
      const auto values = array.values.subspan(first, std::min(each, array.values.size() - first));
      if (bound == 0) {
        encoder.EncodeWords(std::as_bytes(values), WordBits::k32, row, &encoded.stream);
        continue;
      }
      const size_t start = encoded.stream.size();
      encoder.EncodeBounded(values, {{&bound, 1}, 0}, row, &encoded.stream);
      // Under bounds so small that codes are longer than the words themselves, words it is.
      CodeHistogram codes;
      codes.Add(encoder.codes());
      if (encoded.stream.size() - start > values.size_bytes() / 2) {
        std::vector<std::byte> words;
        encoder.EncodeWords(std::as_bytes(values), WordBits::k32, row, &words);
        if (words.size() < encoded.stream.size() - start) {
          encoded.stream.resize(start);
          encoded.stream.insert(encoded.stream.end(), words.begin(), words.end());
          continue;
        }
      }
      histogram.Add(codes);
    }
    if (histogram.count() > 0) encoded.entropy_bits_per_weight = histogram.EntropyBits();
    return encoded;
  }

  Status Decode(std::span<const std::byte> stream, uint64_t rows, uint64_t cols, float,
                float* out) const override {
    uint64_t left = rows * cols;
    std::vector<std::byte> chunk_bytes;
    while (left > 0) {
      if (stream.size() < kChunkHeaderBytes) {
        return MakeError(ErrorCode::kCorrupt, "stream", "ends before all values are there");
      }
      const uint64_t size = LoadLe<uint32_t>(stream.data() + offsetof(ChunkHeader, bytes));
      if (size > stream.size()) return MakeError(ErrorCode::kCorrupt, "stream", "is truncated");
      // Decoders may look past the end of a chunk. Behind all but the last is the next one.
      std::span<const std::byte> bytes = stream.first(size);
      if (stream.size() - size < kChunkSlackBytes) {
        chunk_bytes.reserve(size + kChunkSlackBytes);
        chunk_bytes.assign(bytes.begin(), bytes.end());
        chunk_bytes.resize(size + kChunkSlackBytes);
        bytes = std::span(chunk_bytes).first(size);
      }
      EBB_TRY_ASSIGN(const ChunkView chunk, ParseChunk(bytes));
      if (chunk.header.elements > left) {
        return MakeError(ErrorCode::kCorrupt, "stream", "holds more values than the array");
      }
      if (chunk.header.map == ValueMap::kCodes) {
        EBB_TRY(DecodeFloats(chunk, out));
      } else {
        EBB_TRY(DecodeWords(chunk, reinterpret_cast<uint32_t*>(out)));
      }
      out += chunk.header.elements;
      left -= chunk.header.elements;
      stream = stream.subspan(size);
    }
    if (stream.empty()) return {};
    return MakeError(ErrorCode::kCorrupt, "stream", "has bytes left over");
  }

 private:
  CodecSetting setting_;
};

}  // namespace

std::unique_ptr<Codec> MakeEbbCodec(CodecSetting setting) {
  return std::make_unique<EbbCodec>(setting);
}

}  // namespace ebb
