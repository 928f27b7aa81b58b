// Sharing bytes out so that the sum of divergences is least. docs/plan.md says why this is optimal.
//
// Thread-safety: pure functions and plain values.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/error.h"

namespace ebb {

// What one group may choose.
struct AllocationChoice {
  double bytes = 0;
  double cost = 0;
};

struct Allocation {
  std::vector<size_t> chosen;  // of each group, an index of its choices
  double bytes = 0;
  double cost = 0;
};

// For each group one of its choices, with the sum of bytes at most `budget` and the sum of costs
// the least that the groups' lower convex hulls allow, plus at most what one step along one hull
// costs. Numbers are finite. kOutOfMemory if even the smallest choices take more than the budget.
[[nodiscard]] Result<Allocation> Allocate(std::span<const std::vector<AllocationChoice>> groups,
                                          double budget);

}  // namespace ebb
