#include "codec/bound.h"

#include <charconv>
#include <cmath>
#include <limits>

namespace ebb {

std::string ErrorBound::ToString() const {
  switch (kind) {
    case BoundKind::kLossless:
      return "lossless";
    case BoundKind::kAbsolute:
      return fmt::format("abs:{}", value);
    case BoundKind::kRelative:
      return fmt::format("rel:{}", value);
    case BoundKind::kLike:
      return "like:" + like;
  }
  return "lossless";
}

Result<ErrorBound> ParseErrorBound(std::string_view text) {
  if (text == "lossless") return ErrorBound::Lossless();
  const bool relative = text.starts_with("rel:");
  if (relative || text.starts_with("abs:")) {
    const std::string_view number = text.substr(4);
    double value = 0;
    const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), value);
    if (error == std::errc() && end == number.data() + number.size() && std::isfinite(value) &&
        value >= 0) {
      return relative ? ErrorBound::Relative(value) : ErrorBound::Absolute(value);
    }
  }
  return MakeError(ErrorCode::kInvalidArgument, "",
                   "\"{}\" is not an error bound; write rel:0.2, abs:1e-3 or lossless", text);
}

Result<BoundScope> ParseBoundScope(std::string_view text) {
  for (const BoundScope scope : {BoundScope::kExpert, BoundScope::kTensor, BoundScope::kRow}) {
    if (text == BoundScopeName(scope)) return scope;
  }
  return MakeError(ErrorCode::kInvalidArgument, "",
                   "\"{}\" is not a scope; write expert, tensor or row", text);
}

std::string_view BoundScopeName(BoundScope scope) {
  switch (scope) {
    case BoundScope::kExpert:
      return "expert";
    case BoundScope::kTensor:
      return "tensor";
    case BoundScope::kRow:
      return "row";
  }
  return "";
}

float AbsoluteBound(const ErrorBound& bound, double mean_magnitude) {
  EBB_CHECK(bound.kind != BoundKind::kLike);
  double exact = 0;
  if (bound.kind == BoundKind::kAbsolute) exact = bound.value;
  if (bound.kind == BoundKind::kRelative) exact = bound.value * mean_magnitude;
  if (exact >= static_cast<double>(std::numeric_limits<float>::max())) {
    return std::numeric_limits<float>::max();
  }
  const float rounded = static_cast<float>(exact);
  return static_cast<double>(rounded) > exact ? std::nextafter(rounded, 0.0f) : rounded;
}

}  // namespace ebb
