// Two conditions on the same items, each under one or several noise seeds: what is the difference,
// how sure is it, and how small a one could have been seen?
//
// Thread-safety: pure functions and plain values.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "stats/bootstrap.h"
#include "stats/crossed.h"
#include "stats/proportions.h"

namespace ebb {

// Values of the same items, under one or several seeds: [seed][item].
using SeedValues = DrawValues;

// One condition.
struct ContrastArm {
  // Verdicts (0 or 1); or, where there are `tokens`, sums over an item's tokens.
  SeedValues values;
  SeedValues tokens;   // empty, or of the same shape: the condition's value is sum / sum
  bool fixed = false;  // the unperturbed model: it could not have come out otherwise
};

// How the p-value was found. docs/study.md says when which.
enum class ContrastTest {
  kCrossed,   // Student's t over items and draws: speaks of other items and other draws
  kMcNemar,   // of one draw alone: exact, verdicts
  kSignFlip,  // of one draw alone: random signs, sums over tokens
};
[[nodiscard]] std::string_view ContrastTestName(ContrastTest test);

// first - second on the same items.
struct PairedContrast {
  int64_t items = 0;
  int64_t rose = 0;  // items whose mean over seeds is higher in the first
  int64_t fell = 0;
  Estimate difference;  // 95 %: Student's t; of one draw Newcombe's, or the paired bootstrap
  double p_value = 1;   // two-sided
  ContrastTest test = ContrastTest::kCrossed;
  int64_t draws = 1;          // of the arm that has more
  bool of_verdicts = true;    // or of sums over tokens
  double standard_error = 0;  // of the difference; infinite: one item cannot say
  double freedom = 0;         // of the t distribution
};

// Verdicts or sums in both, items in the same order. kInvalidArgument: other items, none at all.
[[nodiscard]] Result<PairedContrast> ContrastArms(const ContrastArm& first,
                                                  const ContrastArm& second);

// The smallest true difference that such a contrast would have found with a power of 0.8 at the
// two-sided level `alpha`, in the contrast's units; infinite if none would have been found.
[[nodiscard]] Result<double> DetectableDifference(const PairedContrast& contrast,
                                                  double alpha = 0.05);

// How all intervals of a study are resampled.
[[nodiscard]] BootstrapOptions StudyResampling();

// The mean with its interval over items and seeds.
[[nodiscard]] Result<Estimate> BootstrapSeeds(const SeedValues& values);
// The same of a ratio of sums.
[[nodiscard]] Result<Estimate> BootstrapSeedsRatio(const SeedValues& above,
                                                   const SeedValues& below);

}  // namespace ebb
