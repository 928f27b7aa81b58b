// Every codec behind one interface: whole arrays to bytes and back, for comparison and for study.
//
// To add one: derive from Codec in a file of its own in src/peers, and name it in Codecs()
// (peers/codecs.cc). docs/codecs.md shows how.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "codec/weights_codec.h"

namespace ebb {

enum class CodecKind : uint8_t {
  kBounded,     // codes to the bound that is asked for
  kFixedWidth,  // spends the same bits whatever the bound is
  kNoise,       // simulates a codec by adding noise: its "stream" is the values, and has no size
};

struct CodecInfo {
  std::string name;         // "ebb:fast", "sz3:nopred"
  bool guaranteed = false;  // every finite value keeps the bound, NaN and infinities their bits
  bool available = true;
  std::string reason;  // what it is; if it is not available, what to install
  CodecKind kind = CodecKind::kBounded;
};

// A 1-D (rows = 1) or 2-D array of float32, row-major.
struct ArrayView {
  std::span<const float> values;
  uint64_t rows = 1;
  uint64_t cols = 0;
};

struct EncodedArray {
  std::vector<std::byte> stream;  // the codec's own bytes
  uint64_t side_bytes = 0;        // what a reader needs besides: counts, scales, bounds
  std::optional<double> entropy_bits_per_weight;  // of the integer codes, for codecs that have them
};

// Thread-safe.
class Codec {
 public:
  virtual ~Codec() = default;
  virtual const CodecInfo& info() const = 0;

  // `bound` is absolute; 0 asks for lossless coding (kUnsupported if the codec has none, or if the
  // array holds what it cannot code at all). `seed` is for codecs that draw random numbers.
  [[nodiscard]] virtual Result<EncodedArray> Encode(const ArrayView& array, float bound,
                                                    uint64_t seed) const = 0;

  // Decodes what Encode made of an array of this shape under this bound. Any bytes give data or
  // kCorrupt.
  [[nodiscard]] virtual Status Decode(std::span<const std::byte> stream, uint64_t rows,
                                      uint64_t cols, float bound, float* out) const = 0;

  // The sum of squared errors over finite values that Encode and Decode make, for codecs of fixed
  // width. It does not depend on the instruction set.
  [[nodiscard]] virtual Result<double> SquaredError(const ArrayView& array) const;
};

// The codec of this project: `ebb:fast` and `ebb:small`.
[[nodiscard]] std::unique_ptr<Codec> MakeEbbCodec(CodecSetting setting);

}  // namespace ebb
