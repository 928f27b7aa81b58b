#include "stats/bootstrap.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>
#include <vector>

#include "stats/random.h"

namespace ebb {
namespace {

Status Check(std::span<const double> values, int64_t items, int64_t seeds,
             const BootstrapOptions& options) {
  const bool sizes = items > 0 && seeds > 0 && values.size() % static_cast<size_t>(items) == 0 &&
                     values.size() / static_cast<size_t>(items) == static_cast<size_t>(seeds);
  if (!sizes) {
    return MakeError(ErrorCode::kInvalidArgument, "bootstrap",
                     "{} values are not {} items of {} seeds", values.size(), items, seeds);
  }
  if (options.resamples < 100 || options.resamples > 1000000) {
    return MakeError(ErrorCode::kInvalidArgument, "bootstrap",
                     "{} resamples are not between 100 and 1000000", options.resamples);
  }
  if (!(options.confidence > 0 && options.confidence < 1)) {
    return MakeError(ErrorCode::kInvalidArgument, "bootstrap",
                     "a confidence of {} is not between 0 and 1", options.confidence);
  }
  if (!std::all_of(values.begin(), values.end(), [](double v) { return std::isfinite(v); })) {
    return MakeError(ErrorCode::kInvalidArgument, "bootstrap", "a value is not finite");
  }
  return {};
}

// A value and the item that it is of.
struct OwnedValue {
  float value;
  uint32_t item;
};

// The quantiles of a multiset: each of `sorted` as often as its item was drawn, `total` in all.
// `qs_order` are the numbers of the quantiles in rising order.
void WeightedQuantiles(std::span<const OwnedValue> sorted, std::span<const uint32_t> times,
                       uint64_t total, std::span<const double> qs, std::span<const size_t> qs_order,
                       std::span<double> out) {
  uint64_t passed = 0;  // how many stand before sorted[i]
  size_t i = 0;
  const auto at = [&](uint64_t place) {
    while (passed + times[sorted[i].item] <= place) passed += times[sorted[i++].item];
    return double{sorted[i].value};
  };
  for (const size_t q : qs_order) {
    const double place = qs[q] * static_cast<double>(total - 1);
    const auto below = std::min(static_cast<uint64_t>(place), total - 1);
    const double low = at(below);
    const size_t kept_i = i;
    const uint64_t kept_passed = passed;
    const double high = at(std::min(below + 1, total - 1));
    i = kept_i;  // the next quantile may lie between the same two
    passed = kept_passed;
    out[q] = low + (place - static_cast<double>(below)) * (high - low);
  }
}

// The percentile interval, of resamples of `clusters` items.
Interval PercentileInterval(std::vector<double> resampled, size_t clusters,
                            const BootstrapOptions& options) {
  // All resamples of one item are the same: how much items differ is not known.
  constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();
  if (clusters < 2) return {kUnknown, kUnknown};
  std::sort(resampled.begin(), resampled.end());
  const double tail = (1 - options.confidence) / 2;
  return {SortedQuantile(resampled, tail), SortedQuantile(resampled, 1 - tail)};
}

}  // namespace

double SortedQuantile(std::span<const double> sorted, double q) {
  const double place = q * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<size_t>(place);
  const size_t above = std::min(below + 1, sorted.size() - 1);
  const double share = place - static_cast<double>(below);
  return sorted[below] + share * (sorted[above] - sorted[below]);
}

Result<Estimate> BootstrapMean(std::span<const double> values, int64_t items, int64_t seeds,
                               const BootstrapOptions& options) {
  EBB_TRY(Check(values, items, seeds, options));
  const auto item_count = static_cast<size_t>(items);
  const auto seed_count = static_cast<size_t>(seeds);
  double total = 0;
  for (const double value : values) total += value;
  // A resample's mean is a sum over seeds and items of value x times drawn, so drawing counts first
  // makes one pass over the table of it.
  ResamplingRandom random(options.seed);
  std::vector<double> means(static_cast<size_t>(options.resamples));
  std::vector<double> item_times(item_count);
  std::vector<double> seed_times(seed_count);
  for (double& mean : means) {
    std::fill(item_times.begin(), item_times.end(), 0.0);
    std::fill(seed_times.begin(), seed_times.end(), 0.0);
    for (size_t i = 0; i < item_count; ++i) item_times[random.Below(item_count)] += 1;
    for (size_t s = 0; s < seed_count; ++s) seed_times[random.Below(seed_count)] += 1;
    double sum = 0;
    for (size_t s = 0; s < seed_count; ++s) {
      if (seed_times[s] == 0) continue;
      double row = 0;
      for (size_t i = 0; i < item_count; ++i) row += item_times[i] * values[s * item_count + i];
      sum += seed_times[s] * row;
    }
    mean = sum / static_cast<double>(values.size());
  }
  return Estimate{total / static_cast<double>(values.size()),
                  PercentileInterval(std::move(means), item_count, options)};
}

Result<Estimate> BootstrapRatio(std::span<const double> numerators,
                                std::span<const double> denominators, int64_t items, int64_t seeds,
                                const BootstrapOptions& options) {
  EBB_TRY(Check(numerators, items, seeds, options));
  EBB_TRY(Check(denominators, items, seeds, options));
  double above = 0;
  double below = 0;
  for (size_t i = 0; i < numerators.size(); ++i) {
    if (denominators[i] < 0) {
      return MakeError(ErrorCode::kInvalidArgument, "bootstrap", "a denominator is negative");
    }
    above += numerators[i];
    below += denominators[i];
  }
  if (below <= 0) {
    return MakeError(ErrorCode::kInvalidArgument, "bootstrap", "all denominators are 0");
  }
  const auto item_count = static_cast<size_t>(items);
  const auto seed_count = static_cast<size_t>(seeds);
  ResamplingRandom random(options.seed);
  std::vector<double> ratios(static_cast<size_t>(options.resamples));
  std::vector<size_t> drawn(item_count);
  for (double& ratio : ratios) {
    double sum_above = 0;
    double sum_below = 0;
    while (sum_below <= 0) {
      sum_above = 0;
      for (size_t& item : drawn) item = random.Below(item_count);
      for (size_t s = 0; s < seed_count; ++s) {
        // One seed is always the same: nothing to draw.
        const size_t row = seed_count == 1 ? 0 : random.Below(seed_count) * item_count;
        for (const size_t item : drawn) {
          sum_above += numerators[row + item];
          sum_below += denominators[row + item];
        }
      }
    }
    ratio = sum_above / sum_below;
  }
  size_t clusters = 0;
  for (size_t i = 0; i < item_count; ++i) {
    bool counts = false;
    for (size_t s = 0; s < seed_count; ++s) counts |= denominators[s * item_count + i] > 0;
    clusters += counts ? 1 : 0;
  }
  return Estimate{above / below, PercentileInterval(std::move(ratios), clusters, options)};
}

Result<Estimate> BootstrapRatio(std::span<const double> numerators,
                                std::span<const double> denominators,
                                const BootstrapOptions& options) {
  return BootstrapRatio(numerators, denominators, static_cast<int64_t>(numerators.size()), 1,
                        options);
}

Result<std::vector<Estimate>> BootstrapQuantiles(std::span<const std::vector<float>> items,
                                                 std::span<const double> qs,
                                                 const BootstrapOptions& options) {
  std::vector<OwnedValue> sorted;
  for (size_t i = 0; i < items.size(); ++i) {
    for (const float value : items[i]) sorted.push_back({value, static_cast<uint32_t>(i)});
  }
  std::vector<double> values;
  for (const OwnedValue& owned : sorted) values.push_back(owned.value);
  EBB_TRY(Check(values, static_cast<int64_t>(values.size()), 1, options));
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const OwnedValue& a, const OwnedValue& b) { return a.value < b.value; });
  std::vector<size_t> order(qs.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) { return qs[a] < qs[b]; });

  std::vector<uint32_t> times(items.size(), 1);
  std::vector<double> found(qs.size());
  WeightedQuantiles(sorted, times, sorted.size(), qs, order, found);
  std::vector<Estimate> estimates(qs.size());
  for (size_t q = 0; q < qs.size(); ++q) estimates[q].value = found[q];

  ResamplingRandom random(options.seed);
  std::vector<std::vector<double>> resampled(qs.size());
  for (int64_t r = 0; r < options.resamples; ++r) {
    uint64_t total = 0;
    while (total == 0) {
      std::fill(times.begin(), times.end(), 0u);
      for (size_t drawn = 0; drawn < items.size(); ++drawn) {
        const size_t item = random.Below(items.size());
        ++times[item];
        total += items[item].size();
      }
    }
    WeightedQuantiles(sorted, times, total, qs, order, found);
    for (size_t q = 0; q < qs.size(); ++q) resampled[q].push_back(found[q]);
  }
  const auto clusters = static_cast<size_t>(
      std::count_if(items.begin(), items.end(), [](const auto& item) { return !item.empty(); }));
  for (size_t q = 0; q < qs.size(); ++q) {
    estimates[q].interval = PercentileInterval(std::move(resampled[q]), clusters, options);
  }
  return estimates;
}

}  // namespace ebb
