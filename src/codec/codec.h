// Every codec behind one interface: whole arrays to bytes and back, for comparison and for study.
//
// To add one: derive from Codec in a file of its own, and name it in Codecs() (codec.cc).
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

namespace ebb {

struct CodecInfo {
  std::string name;         // "ebb:fast", "sz3:nopred"
  bool guaranteed = false;  // every finite value keeps the bound, NaN and infinities their bits
  bool available = true;
  std::string reason;  // what it is; if it is not available, what to install
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

  // `bound` is absolute; 0 asks for lossless coding (kUnsupported if the codec has none). `seed` is
  // for codecs that draw random numbers.
  [[nodiscard]] virtual Result<EncodedArray> Encode(const ArrayView& array, float bound,
                                                    uint64_t seed) const = 0;

  // Decodes what Encode made of an array of this shape under this bound. Any bytes give data or
  // kCorrupt.
  [[nodiscard]] virtual Status Decode(std::span<const std::byte> stream, uint64_t rows,
                                      uint64_t cols, float bound, float* out) const = 0;
};

// All codecs of this build, available or not.
[[nodiscard]] std::span<const std::unique_ptr<Codec>> Codecs();

// By name ("ebb" is "ebb:fast"). An unknown name is kInvalidArgument with the known ones, an
// unavailable codec kUnsupported with what to install.
[[nodiscard]] Result<const Codec*> FindCodec(std::string_view name);

// The codec of this project; `ebb:fast`.
[[nodiscard]] std::unique_ptr<Codec> MakeEbbCodec();

}  // namespace ebb
