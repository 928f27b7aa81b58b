// How evenly a layer's router spreads its selections over the experts.
#pragma once

#include <cstdint>
#include <span>

#include "base/error.h"

namespace ebb {

// With n experts of which expert i was selected c_i times, C = sum of c_i, p_i = c_i / C:
struct RouterStatistics {
  int64_t selections = 0;         // C
  double imbalance = 0;           // max c_i / (C / n): 1 is even, n is all on one expert
  double utilisation = 0;         // share of experts with c_i > 0
  double normalised_entropy = 0;  // -sum p_i ln p_i / ln n (0 ln 0 = 0): 1 is even, 0 is one expert
  // sum_i sum_j |c_i - c_j| / (2 n C), computed as sum_k (2k - n - 1) c_(k) / (n C) over the sorted
  // counts, k = 1 .. n (Gini 1912): 0 is even, (n - 1) / n is all on one expert
  double gini = 0;
};

// Without any selection nothing can be said: kInvalidArgument, as for negative or no counts. One
// expert alone is even: imbalance, utilisation and entropy 1, Gini 0. Pure, thread-safe.
[[nodiscard]] Result<RouterStatistics> DescribeSelections(std::span<const int64_t> counts);

}  // namespace ebb
