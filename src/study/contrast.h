// Two conditions on the same items, each under one or several noise seeds: what is the difference,
// how sure is it, and how small a one could have been seen?
//
// Thread-safety: pure functions and plain values.
#pragma once

#include <cstdint>
#include <vector>

#include "base/error.h"
#include "stats/bootstrap.h"
#include "stats/proportions.h"

namespace ebb {

// Values of the same items, under one or several seeds: [seed][item].
using SeedValues = std::vector<std::vector<double>>;

// first - second on the same items.
struct PairedContrast {
  int64_t items = 0;
  int64_t rose = 0;  // items whose mean over seeds is higher in the first
  int64_t fell = 0;
  Estimate difference;    // mean, 95 % bootstrap over items and seeds
  double p_value = 1;     // exact sign test over items; with one seed each McNemar's
  double detectable = 0;  // the smallest difference that would have been found with power 0.8
};

// Where both have as many seeds they are paired by place; one seed stands against each of several;
// otherwise means over seeds are compared. All rows must be of one length, not empty.
[[nodiscard]] Result<PairedContrast> ContrastPairs(const SeedValues& first,
                                                   const SeedValues& second);

// How all intervals of a study are resampled.
[[nodiscard]] BootstrapOptions StudyResampling();

// The mean with its interval over items and seeds.
[[nodiscard]] Result<Estimate> BootstrapSeeds(const SeedValues& values);

}  // namespace ebb
