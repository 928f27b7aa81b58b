// What error a user allows: the bound as it is written, and the absolute bound that follows from
// it.
#pragma once

#include <array>
#include <span>
#include <string>
#include <string_view>

#include "base/error.h"

namespace ebb {

// The numbers are part of the .ebb format, but for kLike, which no file has: what follows from it
// is stored as kAbsolute.
enum class BoundKind : uint8_t { kLossless = 0, kAbsolute = 1, kRelative = 2, kLike = 3 };

// "lossless", "abs:E" (|w' - w| <= E) or "rel:R" (E = R x mean|w| over the finite weights of the
// scope). "like:CODEC" (the largest E whose RMS error is not above that codec's) is for those who
// have the codecs and the weights: pack/like_bound.h.
struct ErrorBound {
  BoundKind kind = BoundKind::kLossless;
  double value = 0;
  std::string like = {};  // kLike: the codec's name

  static ErrorBound Lossless() { return {}; }
  static ErrorBound Absolute(double value) { return {BoundKind::kAbsolute, value}; }
  static ErrorBound Relative(double rate) { return {BoundKind::kRelative, rate}; }
  static ErrorBound Like(std::string codec) { return {BoundKind::kLike, 0, std::move(codec)}; }

  // Whether it asks for lossless coding, in whatever words.
  bool IsLossless() const { return kind != BoundKind::kLike && value == 0; }

  // As Parse reads it, with all digits that matter.
  std::string ToString() const;

  bool operator==(const ErrorBound&) const = default;
};

// Parses the forms above but like:. The number must be finite and not negative.
[[nodiscard]] Result<ErrorBound> ParseErrorBound(std::string_view text);

// Which weights share one mean, and so one absolute bound.
enum class BoundScope : uint8_t { kExpert, kTensor, kRow };

[[nodiscard]] Result<BoundScope> ParseBoundScope(std::string_view text);
[[nodiscard]] std::string_view BoundScopeName(BoundScope scope);

// |w| summed over finite weights in eight parts (weight i in part i modulo 8), so that vectors of
// any width give the same result.
struct MagnitudeParts {
  static constexpr size_t kParts = 8;
  std::array<double, kParts> sums{};
  uint64_t count = 0;

  // The next weights of a run: a multiple of eight but for the last.
  void Add(std::span<const float> weights);
};

// Sum of |w| over finite weights, and their number. Sums of consecutive runs of weights may be
// added in order; the result for given runs does not depend on the instruction set.
struct MagnitudeSum {
  double sum = 0;
  uint64_t count = 0;

  void Add(std::span<const float> weights);
  void Add(const MagnitudeParts& run);
  double Mean() const { return count == 0 ? 0 : sum / static_cast<double>(count); }
};

// The absolute bound in force, rounded down to float32; 0 means that weights are stored exactly. It
// is finite: a bound above the largest float32 is that float32. Not for kLike.
[[nodiscard]] float AbsoluteBound(const ErrorBound& bound, double mean_magnitude);

}  // namespace ebb
