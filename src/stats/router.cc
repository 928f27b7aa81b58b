#include "stats/router.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace ebb {

Result<RouterStatistics> DescribeSelections(std::span<const int64_t> counts) {
  RouterStatistics statistics;
  for (const int64_t count : counts) {
    if (count < 0 || __builtin_add_overflow(statistics.selections, count, &statistics.selections)) {
      return MakeError(ErrorCode::kInvalidArgument, "router statistics",
                       "{} is not a count of selections", count);
    }
  }
  if (statistics.selections == 0) {
    return MakeError(ErrorCode::kInvalidArgument, "router statistics",
                     "no expert was selected at all");
  }
  std::vector<int64_t> sorted(counts.begin(), counts.end());
  std::sort(sorted.begin(), sorted.end());
  const auto n = static_cast<double>(sorted.size());
  const auto total = static_cast<double>(statistics.selections);
  double used = 0;
  double entropy = 0;
  double weighted = 0;
  for (size_t k = 0; k < sorted.size(); ++k) {
    const auto count = static_cast<double>(sorted[k]);
    weighted += (2 * static_cast<double>(k + 1) - n - 1) * count;
    if (count == 0) continue;
    used += 1;
    entropy -= count / total * std::log(count / total);
  }
  statistics.imbalance = static_cast<double>(sorted.back()) / (total / n);
  statistics.utilisation = used / n;
  statistics.normalised_entropy = sorted.size() == 1 ? 1 : entropy / std::log(n);
  statistics.gini = weighted / (n * total);
  return statistics;
}

}  // namespace ebb
