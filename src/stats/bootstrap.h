// Intervals by resampling, where items and noise seeds both vary.
//
// Pure and thread-safe; the same data and seed give the same numbers on every machine (SplitMix64
// and Lemire's range reduction, no library's distributions; sums in a fixed order). Fewer than two
// items (with a denominator or a value) tell nothing about how items differ: both ends of the
// interval are then NaN, which is printed as null or n/a.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/error.h"
#include "stats/proportions.h"

namespace ebb {

struct BootstrapOptions {
  int64_t resamples = 10000;  // 100 .. 1,000,000
  double confidence = 0.95;
  uint64_t seed = 1;
};

// The mean of a table values[seed * items + item] (scores, or differences from the baseline on the
// same item), with the percentile interval of means over resampled items and, independently,
// resampled seeds (both with replacement: the pigeonhole bootstrap of Owen, Ann. Appl. Stat. 1,
// 2007). It is conservative: its variance contains that of items and that of seeds in full. With
// one seed it is the bootstrap over items. The size must be items * seeds, both positive; values
// finite.
[[nodiscard]] Result<Estimate> BootstrapMean(std::span<const double> values, int64_t items,
                                             int64_t seeds, const BootstrapOptions& options = {});

// The ratio of sums, sum of numerators / sum of denominators, with the percentile interval over
// resampled pairs: the interval of a mean over tokens, clustered by item (an item's sum over its
// tokens above, their number below). As many of one as of the other, at least one; finite; no
// denominator negative, and at least one positive. A resample whose denominators are all 0 is drawn
// again.
[[nodiscard]] Result<Estimate> BootstrapRatio(std::span<const double> numerators,
                                              std::span<const double> denominators,
                                              const BootstrapOptions& options = {});

// The same of tables [seed * items + item], over resampled items and, independently, resampled
// seeds. Numerators and denominators are drawn together, so that where no numerator is above its
// denominator no ratio is above 1.
[[nodiscard]] Result<Estimate> BootstrapRatio(std::span<const double> numerators,
                                              std::span<const double> denominators, int64_t items,
                                              int64_t seeds, const BootstrapOptions& options = {});

// Quantiles `qs` (each in [0, 1]) of all values together, each with the percentile interval over
// resampled items; an item is the list of its values. As SortedQuantile does it, of the values of
// the drawn items. At least one value; values finite. A resample without any value is drawn again.
[[nodiscard]] Result<std::vector<Estimate>> BootstrapQuantiles(
    std::span<const std::vector<float>> items, std::span<const double> qs,
    const BootstrapOptions& options = {});

// The value below which a share `q` in [0, 1] of `sorted` lies, interpolated linearly between
// neighbours (numpy's default; Hyndman and Fan, Am. Stat. 50, 1996, type 7). `sorted` must not be
// empty.
[[nodiscard]] double SortedQuantile(std::span<const double> sorted, double q);

}  // namespace ebb
