#include "stats/multiple.h"

#include <algorithm>
#include <numeric>

namespace ebb {
namespace {

// The indices of the p-values, smallest first; equal ones in their order.
Result<std::vector<size_t>> Ordered(std::span<const double> p_values) {
  for (const double p : p_values) {
    if (!(p >= 0 && p <= 1)) {
      return MakeError(ErrorCode::kInvalidArgument, "p-values", "{} is not a probability", p);
    }
  }
  std::vector<size_t> order(p_values.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return p_values[a] < p_values[b]; });
  return order;
}

}  // namespace

Result<std::vector<double>> HolmAdjusted(std::span<const double> p_values) {
  EBB_TRY_ASSIGN(const std::vector<size_t> order, Ordered(p_values));
  std::vector<double> adjusted(p_values.size());
  double largest = 0;
  for (size_t i = 0; i < order.size(); ++i) {
    largest = std::max(largest, static_cast<double>(order.size() - i) * p_values[order[i]]);
    adjusted[order[i]] = std::min(1.0, largest);
  }
  return adjusted;
}

Result<std::vector<double>> BenjaminiHochbergAdjusted(std::span<const double> p_values) {
  EBB_TRY_ASSIGN(const std::vector<size_t> order, Ordered(p_values));
  std::vector<double> adjusted(p_values.size());
  const auto count = static_cast<double>(order.size());
  double smallest = 1;
  for (size_t i = order.size(); i-- > 0;) {
    smallest = std::min(smallest, p_values[order[i]] * (count / static_cast<double>(i + 1)));
    adjusted[order[i]] = smallest;
  }
  return adjusted;
}

}  // namespace ebb
