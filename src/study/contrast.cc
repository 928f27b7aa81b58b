#include "study/contrast.h"

#include <algorithm>
#include <cmath>

#include "stats/special.h"

namespace ebb {
namespace {

constexpr double kPower = 0.8;
constexpr double kLevel = 0.05;

std::vector<double> MeanOverSeeds(const SeedValues& values) {
  std::vector<double> means(values.front().size());
  for (const std::vector<double>& row : values) {
    for (size_t i = 0; i < row.size(); ++i) means[i] += row[i];
  }
  for (double& mean : means) mean /= static_cast<double>(values.size());
  return means;
}

// first - second as a table for the bootstrap.
SeedValues Differences(const SeedValues& first, const SeedValues& second) {
  if (first.size() != second.size() && first.size() != 1 && second.size() != 1) {
    return Differences({MeanOverSeeds(first)}, {MeanOverSeeds(second)});
  }
  SeedValues differences(std::max(first.size(), second.size()));
  for (size_t s = 0; s < differences.size(); ++s) {
    const std::vector<double>& a = first[first.size() == 1 ? 0 : s];
    const std::vector<double>& b = second[second.size() == 1 ? 0 : s];
    for (size_t i = 0; i < a.size(); ++i) differences[s].push_back(a[i] - b[i]);
  }
  return differences;
}

// With one seed Connor's formula. With several, the interval's width says how sure the mean is:
// (z_{1-a/2} + z_power) standard errors.
Result<double> Detectable(const SeedValues& differences, const PairedContrast& contrast) {
  const auto items = static_cast<double>(contrast.items);
  const double changed = static_cast<double>(contrast.rose + contrast.fell) / items;
  if (differences.size() == 1) return SmallestDetectableDrop(contrast.items, changed);
  EBB_TRY_ASSIGN(const double least, SmallestDetectableDrop(contrast.items, 0));
  const double z = NormalQuantile(1 - kLevel / 2);
  const Interval& interval = contrast.difference.interval;
  const double error = (interval.high - interval.low) / (2 * z);
  if (!std::isfinite(error)) return error;  // one item: it is not known
  return std::max(least / static_cast<double>(differences.size()),
                  (z + NormalQuantile(kPower)) * error);
}

}  // namespace

BootstrapOptions StudyResampling() {
  BootstrapOptions options;
  options.resamples = 2000;
  return options;
}

Result<Estimate> BootstrapSeeds(const SeedValues& values) {
  std::vector<double> flat;
  for (const std::vector<double>& row : values) flat.insert(flat.end(), row.begin(), row.end());
  return BootstrapMean(flat, static_cast<int64_t>(values.front().size()),
                       static_cast<int64_t>(values.size()), StudyResampling());
}

Result<PairedContrast> ContrastPairs(const SeedValues& first, const SeedValues& second) {
  const size_t items = first.empty() ? 0 : first.front().size();
  const auto fits = [&](const std::vector<double>& row) { return row.size() == items; };
  if (items == 0 || second.empty() || !std::all_of(first.begin(), first.end(), fits) ||
      !std::all_of(second.begin(), second.end(), fits)) {
    return MakeError(ErrorCode::kInvalidArgument, "contrast", "the items are not the same");
  }
  const SeedValues differences = Differences(first, second);
  PairedContrast contrast;
  contrast.items = static_cast<int64_t>(items);
  for (const double mean : MeanOverSeeds(differences)) {
    contrast.rose += mean > 0 ? 1 : 0;
    contrast.fell += mean < 0 ? 1 : 0;
  }
  EBB_TRY_ASSIGN(contrast.difference, BootstrapSeeds(differences));
  PairedCounts counts;
  counts.only_before = contrast.fell;
  counts.only_after = contrast.rose;
  EBB_TRY_ASSIGN(contrast.p_value, McNemarExact(counts));
  EBB_TRY_ASSIGN(contrast.detectable, Detectable(differences, contrast));
  return contrast;
}

}  // namespace ebb
