#include "study/allocation.h"

#include <algorithm>
#include <numeric>
#include <queue>

namespace ebb {
namespace {

// The choices on the lower convex hull from the fewest bytes on, costs falling: along it each byte
// saves less than the one before (Andrew's monotone chain).
std::vector<size_t> LowerHull(std::span<const AllocationChoice> choices) {
  std::vector<size_t> order(choices.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return choices[a].bytes != choices[b].bytes ? choices[a].bytes < choices[b].bytes
                                                : choices[a].cost < choices[b].cost;
  });
  std::vector<size_t> hull;
  for (const size_t next : order) {
    if (!hull.empty() && choices[next].cost >= choices[hull.back()].cost) continue;
    const auto is_above = [&](size_t first, size_t middle) {
      const AllocationChoice& a = choices[first];
      const AllocationChoice& b = choices[middle];
      const AllocationChoice& c = choices[next];
      return (b.cost - a.cost) * (c.bytes - a.bytes) >= (c.cost - a.cost) * (b.bytes - a.bytes);
    };
    while (hull.size() >= 2 && is_above(hull[hull.size() - 2], hull.back())) hull.pop_back();
    hull.push_back(next);
  }
  return hull;
}

// The next step of a group along its hull.
struct HullStep {
  double saved_per_byte;
  size_t group;
  size_t to;  // on the hull
  bool operator<(const HullStep& other) const {
    return saved_per_byte != other.saved_per_byte ? saved_per_byte < other.saved_per_byte
                                                  : group > other.group;
  }
};

}  // namespace

Result<Allocation> Allocate(std::span<const std::vector<AllocationChoice>> groups, double budget) {
  Allocation allocation;
  std::vector<std::vector<size_t>> hulls;
  std::priority_queue<HullStep> steps;
  const auto push = [&](size_t group, size_t to) {
    if (to >= hulls[group].size()) return;
    const AllocationChoice& from = groups[group][hulls[group][to - 1]];
    const AllocationChoice& next = groups[group][hulls[group][to]];
    steps.push({(from.cost - next.cost) / (next.bytes - from.bytes), group, to});
  };
  for (size_t g = 0; g < groups.size(); ++g) {
    EBB_CHECK(!groups[g].empty());
    hulls.push_back(LowerHull(groups[g]));
    allocation.chosen.push_back(hulls[g].front());
    allocation.bytes += groups[g][hulls[g].front()].bytes;
    push(g, 1);
  }
  if (allocation.bytes > budget) {
    return MakeError(ErrorCode::kOutOfMemory, "",
                     "the coarsest bounds take {:.0f} bytes, more than the {:.0f} wanted",
                     allocation.bytes, budget);
  }
  // A step that does not fit ends its group; smaller steps of others may still fit.
  while (!steps.empty()) {
    const HullStep step = steps.top();
    steps.pop();
    const AllocationChoice& from = groups[step.group][allocation.chosen[step.group]];
    const AllocationChoice& to = groups[step.group][hulls[step.group][step.to]];
    if (allocation.bytes + to.bytes - from.bytes > budget) continue;
    allocation.bytes += to.bytes - from.bytes;
    allocation.chosen[step.group] = hulls[step.group][step.to];
    push(step.group, step.to + 1);
  }
  for (size_t g = 0; g < groups.size(); ++g) {
    allocation.cost += groups[g][allocation.chosen[g]].cost;
  }
  return allocation;
}

}  // namespace ebb
