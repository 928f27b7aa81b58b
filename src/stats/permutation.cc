#include "stats/permutation.h"

#include <algorithm>
#include <cmath>

#include "stats/random.h"

namespace ebb {

Result<double> SignFlipTest(std::span<const double> differences, int64_t flips, uint64_t seed) {
  if (flips < 1 || flips > 10000000) {
    return MakeError(ErrorCode::kInvalidArgument, "sign flips",
                     "{} flips are not between 1 and 10000000", flips);
  }
  double given = 0;
  for (const double difference : differences) {
    if (!std::isfinite(difference)) {
      return MakeError(ErrorCode::kInvalidArgument, "sign flips", "a difference is not finite");
    }
    given += difference;
  }
  if (differences.empty()) {
    return MakeError(ErrorCode::kInvalidArgument, "sign flips", "there are no differences");
  }
  // Sums of the same numbers in another sign pattern that are equal but for rounding count as
  // equal.
  const double reached = std::abs(given) * (1 - 1e-12);
  ResamplingRandom random(seed);
  int64_t hits = 0;
  for (int64_t flip = 0; flip < flips; ++flip) {
    double sum = 0;
    uint64_t signs = 0;
    for (size_t i = 0; i < differences.size(); ++i) {
      if (i % 64 == 0) signs = random.Next();
      sum += (signs & 1) != 0 ? differences[i] : -differences[i];
      signs >>= 1;
    }
    hits += std::abs(sum) >= reached ? 1 : 0;
  }
  return static_cast<double>(1 + hits) / static_cast<double>(1 + flips);
}

}  // namespace ebb
