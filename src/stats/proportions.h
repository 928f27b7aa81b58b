// Accuracies and their differences: intervals and tests for right and wrong answers.
//
// All functions are pure and thread-safe. Rates are fractions in [0, 1], not percent; `confidence`
// is in (0, 1), 0.95 by default. Wrong arguments (negative counts, more hits than items, a
// confidence outside) give kInvalidArgument.
#pragma once

#include <cstdint>
#include <span>

#include "base/error.h"

namespace ebb {

struct Interval {  // NaN where there is none (stats/bootstrap.h)
  double low = 0;
  double high = 0;
};

struct Estimate {
  double value = 0;
  Interval interval;
};

// The Wilson score interval of a rate (Wilson, J. Am. Stat. Assoc. 22, 1927), without continuity
// correction. Unlike p +- z sqrt(p(1-p)/n) it stays inside [0, 1] and means something at 0 and 1.
// `items` must be positive.
[[nodiscard]] Result<Estimate> WilsonInterval(int64_t hits, int64_t items,
                                              double confidence = 0.95);

// The same items answered twice: how many were right only before, only after, both times, never.
struct PairedCounts {
  int64_t both = 0;
  int64_t only_before = 0;
  int64_t only_after = 0;
  int64_t neither = 0;

  int64_t items() const { return both + only_before + only_after + neither; }
};

// The spans hold one verdict an item, in the same order, and must be of the same length.
[[nodiscard]] Result<PairedCounts> CountPairs(std::span<const uint8_t> before,
                                              std::span<const uint8_t> after);

// McNemar's exact test, two-sided: the probability, if a change were as likely to help as to hurt,
// of a split of the changed items at least as uneven as this one (binomial, p = 1/2; McNemar,
// Psychometrika 12, 1947). 1 if no item changed. Counts must not be negative.
[[nodiscard]] Result<double> McNemarExact(const PairedCounts& counts);

// after - before with Newcombe's interval for paired proportions (Newcombe, Stat. Med. 17, 1998,
// method 10): Wilson intervals of both rates, joined with their correlation, which he corrects for
// continuity. At least one item.
[[nodiscard]] Result<Estimate> PairedDifference(const PairedCounts& counts,
                                                double confidence = 0.95);

// The smallest drop in accuracy that a paired comparison of `items` items would have found with
// probability `power`, two-sided at level `alpha`, if a share `discordant` of the items changed
// at all (take the observed one): the smallest difference d in (0, discordant] with
//     z_{1-alpha/2} sqrt(discordant) + z_power sqrt(discordant - d^2) <= d sqrt(items)
// (Connor, Biometrics 43, 1987). If even d = discordant would not be found, the answer is
// `discordant` rounded up to what would: the drop at which all changes are losses; at most 1.
// items > 0; discordant in [0, 1]; 0 counts as half an item, because none seen is not none.
[[nodiscard]] Result<double> SmallestDetectableDrop(int64_t items, double discordant,
                                                    double alpha = 0.05, double power = 0.8);

}  // namespace ebb
