// The bound "like:CODEC": the largest one at which quantizing with bins of twice the bound makes no
// larger RMS error on the same weights than a codec of fixed width does (docs/codecs.md).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "arch/dtype.h"
#include "codec/bound.h"
#include "codec/chunk.h"
#include "codec/codec.h"

namespace ebb {

// Parses all that ParseErrorBound does, and "like:" with the name of a codec of fixed width.
[[nodiscard]] Result<ErrorBound> ParseBoundOrLike(std::string_view text);

// The codec of a bound that ParseBoundOrLike made.
[[nodiscard]] const Codec& CodecToBeLike(const ErrorBound& bound);

// The squared error that quantizing makes, summed over finite weights. Reusable scratch; one
// thread.
class QuantizerError {
 public:
  // counts[i] weights are weights[i]; each is one if `counts` is empty. The sum does not depend on
  // the instruction set.
  double At(float bound, std::span<const float> weights, std::span<const double> counts = {});

 private:
  std::vector<int32_t> codes_;
  std::vector<ChunkView::Exception> exceptions_;
};

// Finds the bound of one scope. The scope's weights are seen once, in order; words of 16 bits are
// counted, of which there are so few different ones that the error at any bound is known without a
// second look. One thread.
class LikeBoundFinder {
 public:
  explicit LikeBoundFinder(const Codec& codec) : codec_(codec) {}

  // The next weights of a matrix: as they are stored and as float32.
  [[nodiscard]] Status Add(DType dtype, std::span<const std::byte> words,
                           std::span<const float> weights);
  // Groups of the codec end where a matrix ends.
  [[nodiscard]] Status EndMatrix();

  // The squared error that quantizing all weights at `bound` makes. Only asked where weights are
  // float32, or of several dtypes.
  using ErrorAt = std::function<Result<double>(float bound)>;

  // The largest bound whose error is not above the codec's, to one part in 4096; 0 (store exactly)
  // if the codec makes none. The error is verified at the very bound that is returned.
  [[nodiscard]] Result<float> Find(const ErrorAt& error_at) const;

 private:
  [[nodiscard]] Status AddCodecError(std::span<const float> weights);
  void AddMagnitude(float magnitude, uint64_t count);
  void StopCounting();
  // The finite magnitudes that were counted, and how often each occurred.
  [[nodiscard]] std::vector<std::pair<float, uint64_t>> Counted() const;
  [[nodiscard]] Result<float> Search(uint64_t finite, float largest, const ErrorAt& error_at) const;

  const Codec& codec_;
  double codec_error_ = 0;
  std::vector<float> carried_;  // weights of a group that is not whole yet
  bool counted_ = true;         // all weights so far are of one dtype of 16 bits
  DType counted_dtype_ = DType::kBf16;
  std::vector<uint64_t> counts_;  // of words without their sign
  uint64_t finite_ = 0;           // where they are not counted
  float largest_ = 0;             // of the finite magnitudes, likewise
};

}  // namespace ebb
