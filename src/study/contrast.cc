#include "study/contrast.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "stats/permutation.h"
#include "stats/special.h"

namespace ebb {
namespace {

constexpr double kPower = 0.8;
constexpr double kInfinite = std::numeric_limits<double>::infinity();

std::vector<double> Flat(const SeedValues& values) {
  std::vector<double> flat;
  for (const std::vector<double>& row : values) flat.insert(flat.end(), row.begin(), row.end());
  return flat;
}

// The sum over seeds: exact for verdicts, so that what has not changed is 0.
std::vector<double> SumOverSeeds(const SeedValues& values) {
  std::vector<double> sums(values.front().size());
  for (const std::vector<double>& row : values) {
    for (size_t i = 0; i < row.size(); ++i) sums[i] += row[i];
  }
  return sums;
}

Status CheckArm(const ContrastArm& arm, size_t items) {
  const auto right_length = [items](const std::vector<double>& row) { return row.size() == items; };
  const bool fits = std::all_of(arm.values.begin(), arm.values.end(), right_length) &&
                    std::all_of(arm.tokens.begin(), arm.tokens.end(), right_length) &&
                    (arm.tokens.empty() || arm.tokens.size() == arm.values.size());
  if (!arm.values.empty() && items > 0 && fits) return {};
  return MakeError(ErrorCode::kInvalidArgument, "contrast", "the items are not the same");
}

void CountChanges(const ContrastArm& first, const ContrastArm& second, PairedContrast* contrast) {
  const std::vector<double> a = SumOverSeeds(first.values);
  const std::vector<double> b = SumOverSeeds(second.values);
  const auto a_seeds = static_cast<double>(first.values.size());
  const auto b_seeds = static_cast<double>(second.values.size());
  for (size_t i = 0; i < a.size(); ++i) {
    contrast->rose += a[i] * b_seeds > b[i] * a_seeds ? 1 : 0;
    contrast->fell += a[i] * b_seeds < b[i] * a_seeds ? 1 : 0;
  }
}

// One draw of verdicts against another, or against the unperturbed model.
Status TestVerdicts(const ContrastArm& first, const ContrastArm& second, PairedContrast* contrast) {
  std::vector<uint8_t> before;
  std::vector<uint8_t> after;
  for (const double value : second.values[0]) before.push_back(value > 0);
  for (const double value : first.values[0]) after.push_back(value > 0);
  EBB_TRY_ASSIGN(const PairedCounts counts, CountPairs(before, after));
  EBB_TRY_ASSIGN(contrast->p_value, McNemarExact(counts));
  EBB_TRY_ASSIGN(contrast->difference, PairedDifference(counts));
  contrast->test = ContrastTest::kMcNemar;
  return {};
}

// One draw of sums over tokens against another.
Status TestSums(const ContrastArm& first, const ContrastArm& second, PairedContrast* contrast) {
  EBB_TRY_ASSIGN(const SeedValues a, LineariseRatio(first.values, first.tokens));
  EBB_TRY_ASSIGN(const SeedValues b, LineariseRatio(second.values, second.tokens));
  const size_t items = a[0].size();
  std::vector<double> differences(items);  // of sums: what a flipped sign exchanges
  std::vector<double> linear(items);
  double mean = 0;
  for (size_t i = 0; i < items; ++i) {
    differences[i] = first.values[0][i] - second.values[0][i];
    linear[i] = a[0][i] - b[0][i];
    mean += linear[i] / static_cast<double>(items);
  }
  contrast->test = ContrastTest::kSignFlip;
  if (contrast->rose + contrast->fell == 0) return {};
  EBB_TRY_ASSIGN(contrast->p_value, SignFlipTest(differences));
  EBB_TRY_ASSIGN(contrast->difference,
                 BootstrapRatio(differences, first.tokens[0], StudyResampling()));
  double squares = 0;
  for (const double value : linear) squares += (value - mean) * (value - mean);
  const auto n = static_cast<double>(items);
  contrast->standard_error = items > 1 ? std::sqrt(squares / (n - 1) / n) : kInfinite;
  return {};
}

// Every item changed alike under every draw, or none at all, so that nothing varies: how many items
// there are is all the evidence.
Status TestWithoutVariance(const ContrastArm& second, PairedContrast* contrast) {
  PairedCounts counts;
  counts.only_before = contrast->fell;
  counts.only_after = contrast->rose;
  if (contrast->of_verdicts && contrast->fell + contrast->rose == 0) {
    for (const double right : SumOverSeeds(second.values)) {
      (2 * right > static_cast<double>(second.values.size()) ? counts.both : counts.neither) += 1;
    }
  }
  EBB_TRY_ASSIGN(contrast->p_value, McNemarExact(counts));
  const double size = std::abs(contrast->difference.value);
  if (contrast->of_verdicts && (size == 0 || size == 1)) {
    EBB_TRY_ASSIGN(contrast->difference, PairedDifference(counts));
  }
  return {};
}

Status TestCrossed(const ContrastArm& first, const ContrastArm& second, PairedContrast* contrast) {
  SeedValues a = first.values;
  SeedValues b = second.values;
  if (!contrast->of_verdicts) {
    EBB_TRY_ASSIGN(a, LineariseRatio(first.values, first.tokens));
    EBB_TRY_ASSIGN(b, LineariseRatio(second.values, second.tokens));
  }
  contrast->test = ContrastTest::kCrossed;
  if (contrast->items < 2) {
    const double difference = SumOverSeeds(a)[0] / static_cast<double>(a.size()) -
                              SumOverSeeds(b)[0] / static_cast<double>(b.size());
    contrast->difference = {difference, {-kInfinite, kInfinite}};
    contrast->standard_error = kInfinite;
    contrast->freedom = 1;
    return {};
  }
  EBB_TRY_ASSIGN(const CrossedDifference found,
                 CompareCrossed({a, first.fixed}, {b, second.fixed}));
  contrast->difference = {found.difference, found.interval};
  contrast->p_value = found.p_value;
  contrast->standard_error = found.standard_error;
  contrast->freedom = found.freedom;
  if (contrast->of_verdicts) {
    contrast->difference.interval.low = std::max(-1.0, found.interval.low);
    contrast->difference.interval.high = std::min(1.0, found.interval.high);
  }
  // What is left of a variance of 0 after rounding.
  const bool varies = found.standard_error > 1e-10 * std::abs(found.difference);
  return varies ? Status{} : TestWithoutVariance(second, contrast);
}

// Of several draws of verdicts. A drop d varies, too, and adds to the variance V that was seen. At
// the least favourable it takes the same items under every draw, so that no number of draws
// averages its share d (1 - d) / n out. The smallest d with
//     (t_{1-alpha/2} + t_power) sqrt(V + d (1 - d) / n) <= d
// for t with Satterthwaite's degrees of freedom of the sum; 1 if there is none.
double DetectableShare(const PairedContrast& contrast, double alpha) {
  if (!std::isfinite(contrast.standard_error)) return 1;
  const auto items = static_cast<double>(contrast.items);
  const double seen = contrast.standard_error * contrast.standard_error;
  const double seen_below = seen > 0 ? seen * seen / contrast.freedom : 0;
  const auto shows = [&](double drop) {
    const double own = drop * (1 - drop) / items;
    const double variance = seen + own;
    if (variance == 0) return true;
    const double freedom = variance * variance / (seen_below + own * own / (items - 1));
    const double reach =
        StudentTQuantile(1 - alpha / 2, freedom) + StudentTQuantile(kPower, freedom);
    return reach * std::sqrt(variance) <= drop;
  };
  // A certain drop of all items has no variance of its own, but few items are little evidence.
  double low = 0;
  double high = 1 - 0.5 / items;
  if (!shows(high)) return 1;
  for (int step = 0; step < 50; ++step) {
    const double middle = (low + high) / 2;
    (shows(middle) ? high : low) = middle;
  }
  return high;
}

}  // namespace

std::string_view ContrastTestName(ContrastTest test) {
  switch (test) {
    case ContrastTest::kCrossed:
      return "items x draws";
    case ContrastTest::kMcNemar:
      return "mcnemar";
    case ContrastTest::kSignFlip:
      return "sign flip";
  }
  return "";
}

BootstrapOptions StudyResampling() {
  BootstrapOptions options;
  options.resamples = 2000;
  return options;
}

Result<Estimate> BootstrapSeeds(const SeedValues& values) {
  return BootstrapMean(Flat(values), static_cast<int64_t>(values.front().size()),
                       static_cast<int64_t>(values.size()), StudyResampling());
}

Result<Estimate> BootstrapSeedsRatio(const SeedValues& above, const SeedValues& below) {
  return BootstrapRatio(Flat(above), Flat(below), static_cast<int64_t>(above.front().size()),
                        static_cast<int64_t>(above.size()), StudyResampling());
}

Result<PairedContrast> ContrastArms(const ContrastArm& first, const ContrastArm& second) {
  const size_t items = first.values.empty() ? 0 : first.values.front().size();
  EBB_TRY(CheckArm(first, items));
  EBB_TRY(CheckArm(second, items));
  if (first.tokens.empty() != second.tokens.empty()) {
    return MakeError(ErrorCode::kInvalidArgument, "contrast",
                     "one arm has verdicts and the other has sums over tokens");
  }
  PairedContrast contrast;
  contrast.items = static_cast<int64_t>(items);
  contrast.draws = static_cast<int64_t>(std::max(first.values.size(), second.values.size()));
  contrast.of_verdicts = first.tokens.empty();
  CountChanges(first, second, &contrast);
  if (contrast.draws > 1) {
    EBB_TRY(TestCrossed(first, second, &contrast));
  } else if (contrast.of_verdicts) {
    EBB_TRY(TestVerdicts(first, second, &contrast));
  } else {
    EBB_TRY(TestSums(first, second, &contrast));
  }
  return contrast;
}

Result<double> DetectableDifference(const PairedContrast& contrast, double alpha) {
  const auto items = static_cast<double>(contrast.items);
  if (contrast.test == ContrastTest::kMcNemar) {
    const double changed = static_cast<double>(contrast.rose + contrast.fell) / items;
    return SmallestDetectableDrop(contrast.items, changed, alpha, kPower);
  }
  if (contrast.test == ContrastTest::kSignFlip) {
    // No p-value is smaller than that of one in all flips.
    if (alpha * static_cast<double>(1 + kSignFlips) < 1) return kInfinite;
    return (NormalQuantile(1 - alpha / 2) + NormalQuantile(kPower)) * contrast.standard_error;
  }
  if (contrast.of_verdicts) return DetectableShare(contrast, alpha);
  if (contrast.standard_error == 0) return 0.0;
  return (StudentTQuantile(1 - alpha / 2, contrast.freedom) +
          StudentTQuantile(kPower, contrast.freedom)) *
         contrast.standard_error;
}

}  // namespace ebb
