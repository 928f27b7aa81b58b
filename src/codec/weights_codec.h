// Weights to chunks and back: the codec `ebb` as the rest of Ebb uses it.
//
// Encoding bounded weights quantizes and entropy-codes them; encoding losslessly codes their words.
// Decoding gives integer codes (for kernels), float32 (where the bound holds in the last bit), bf16
// (rounded once more) or the original words. All functions are thread-safe. Decoders need
// kChunkSlackBytes readable bytes after the chunk.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/error.h"
#include "codec/chunk.h"
#include "codec/chunk_encoder.h"

namespace ebb {

// The settings of the codec: which layout of chunks is written. Decoders know both.
enum class CodecSetting : uint8_t {
  kFast,     // decodes fastest
  kSmall,    // the fewest bits: of each chunk, the smaller layout
  kLayout2,  // layout 2 even where it is larger: for tests
};

// About how many weights a chunk should have: small ones decode in parallel and stay in the cache,
// of large ones tables and states are a smaller part.
constexpr uint64_t ChunkWeights(CodecSetting setting) {
  return setting == CodecSetting::kFast ? 512 * 1024 : 4 * 1024 * 1024;
}

// The width of stored words. A codec knows no dtypes: bf16 and f16 are 16-bit words.
enum class WordBits : uint8_t { k16 = 16, k32 = 32 };

// Bounds of consecutive runs of `period` weights (a matrix row, say); one bound for all if period
// is 0.
struct BoundRuns {
  std::span<const float> bounds;
  uint32_t period = 0;
};

// What encoding one chunk did, for reports.
struct EncodeReport {
  double max_error_over_bound = 0;  // over finite weights
  double squared_error = 0;         // sum over finite weights
  uint64_t finite = 0;
};

// Appends one chunk that holds `weights` (1 to kMaxEbbElements) under their bounds. A bound of 0
// stores its run exactly. `row_elements`: see ChunkContent. Reusable scratch is the caller's.
class WeightsEncoder {
 public:
  explicit WeightsEncoder(CodecSetting setting = CodecSetting::kFast) : setting_(setting) {}

  // Bounded. Also fills codes() (for entropy statistics) until the next call.
  EncodeReport EncodeBounded(std::span<const float> weights, const BoundRuns& bounds,
                             uint32_t row_elements, std::vector<std::byte>* out);

  // Lossless: `words` holds 16-bit or 32-bit words, little-endian, without gaps.
  void EncodeWords(std::span<const std::byte> words, WordBits width, uint32_t row_elements,
                   std::vector<std::byte>* out);

  // The codes of the last EncodeBounded; 0 where an exception stands.
  std::span<const int32_t> codes() const { return codes_; }

 private:
  void EncodeValues(const ChunkContent& content, std::vector<std::byte>* out) const;

  CodecSetting setting_;
  std::vector<int32_t> codes_;
  std::vector<uint32_t> words_;
  std::vector<ChunkView::Exception> exceptions_;
};

// Codes, for chunks whose map is kCodes; exceptions keep code 0. The type must hold the chunk's
// code_bytes. kCorrupt if the streams do not end as they must.
[[nodiscard]] Status DecodeCodes(const ChunkView& chunk, int8_t* out);
[[nodiscard]] Status DecodeCodes(const ChunkView& chunk, int16_t* out);
[[nodiscard]] Status DecodeCodes(const ChunkView& chunk, int32_t* out);

// float32 weights, exceptions put in, for chunks whose map is kCodes.
[[nodiscard]] Status DecodeFloats(const ChunkView& chunk, float* out);

// The same rounded to bf16.
[[nodiscard]] Status DecodeBf16(const ChunkView& chunk, uint16_t* out);

// The words of a lossless chunk of that width.
[[nodiscard]] Status DecodeWords(const ChunkView& chunk, uint16_t* out);
[[nodiscard]] Status DecodeWords(const ChunkView& chunk, uint32_t* out);

}  // namespace ebb
