#include "stats/proportions.h"

#include <algorithm>
#include <cmath>

#include "stats/special.h"

namespace ebb {
namespace {

Status CheckConfidence(double confidence) {
  if (confidence > 0 && confidence < 1) return {};
  return MakeError(ErrorCode::kInvalidArgument, "confidence", "{} is not between 0 and 1",
                   confidence);
}

Status CheckCounts(const PairedCounts& counts) {
  const bool negative =
      std::min({counts.both, counts.only_before, counts.only_after, counts.neither}) < 0;
  if (!negative) return {};
  return MakeError(ErrorCode::kInvalidArgument, "paired counts", "a count is negative");
}

double TwoSidedZ(double confidence) { return -NormalQuantile((1 - confidence) / 2); }

Interval Wilson(double hits, double items, double z) {
  const double z2 = z * z;
  const double middle = (hits + z2 / 2) / (items + z2);
  const double half = z / (items + z2) * std::sqrt(hits * (items - hits) / items + z2 / 4);
  // Rounding must not leave [0, 1], nor an end that is exactly 0 or 1.
  return {hits == 0 ? 0 : std::max(0.0, middle - half),
          hits == items ? 1 : std::min(1.0, middle + half)};
}

// Newcombe's correlation of the two rates: phi, with n/2 taken off a positive numerator.
double Correlation(const PairedCounts& counts) {
  const auto a = static_cast<double>(counts.both);
  const auto b = static_cast<double>(counts.only_before);
  const auto c = static_cast<double>(counts.only_after);
  const auto d = static_cast<double>(counts.neither);
  const double margins = (a + b) * (c + d) * (a + c) * (b + d);
  if (margins == 0) return 0;
  double numerator = a * d - b * c;
  if (numerator > 0) numerator = std::max(0.0, numerator - (a + b + c + d) / 2);
  return numerator / std::sqrt(margins);
}

}  // namespace

Result<Estimate> WilsonInterval(int64_t hits, int64_t items, double confidence) {
  EBB_TRY(CheckConfidence(confidence));
  if (items <= 0 || hits < 0 || hits > items) {
    return MakeError(ErrorCode::kInvalidArgument, "rate", "{} of {} is not a rate", hits, items);
  }
  const auto h = static_cast<double>(hits);
  const auto n = static_cast<double>(items);
  return Estimate{h / n, Wilson(h, n, TwoSidedZ(confidence))};
}

Result<PairedCounts> CountPairs(std::span<const uint8_t> before, std::span<const uint8_t> after) {
  if (before.size() != after.size()) {
    return MakeError(ErrorCode::kInvalidArgument, "paired items",
                     "{} before and {} after are not the same items", before.size(), after.size());
  }
  PairedCounts counts;
  for (size_t i = 0; i < before.size(); ++i) {
    if (before[i] != 0) {
      ++(after[i] != 0 ? counts.both : counts.only_before);
    } else {
      ++(after[i] != 0 ? counts.only_after : counts.neither);
    }
  }
  return counts;
}

Result<double> McNemarExact(const PairedCounts& counts) {
  EBB_TRY(CheckCounts(counts));
  const int64_t changed = counts.only_before + counts.only_after;
  const int64_t fewer = std::min(counts.only_before, counts.only_after);
  return std::min(1.0, 2 * BinomialHalfCdf(fewer, changed));
}

Result<Estimate> PairedDifference(const PairedCounts& counts, double confidence) {
  EBB_TRY(CheckConfidence(confidence));
  EBB_TRY(CheckCounts(counts));
  if (counts.items() == 0) {
    return MakeError(ErrorCode::kInvalidArgument, "paired counts", "there are no items");
  }
  const double z = TwoSidedZ(confidence);
  const auto n = static_cast<double>(counts.items());
  const auto before_hits = static_cast<double>(counts.both + counts.only_before);
  const auto after_hits = static_cast<double>(counts.both + counts.only_after);
  const double before = before_hits / n;
  const double after = after_hits / n;
  const Interval b = Wilson(before_hits, n, z);
  const Interval a = Wilson(after_hits, n, z);
  const double phi = Correlation(counts);
  const auto width = [phi](double x, double y) {
    return std::sqrt(std::max(0.0, x * x - 2 * phi * x * y + y * y));
  };
  const double difference = after - before;
  const double down = width(after - a.low, b.high - before);
  const double up = width(a.high - after, before - b.low);
  return Estimate{difference, {std::max(-1.0, difference - down), std::min(1.0, difference + up)}};
}

Result<double> SmallestDetectableDrop(int64_t items, double discordant, double alpha,
                                      double power) {
  EBB_TRY(CheckConfidence(alpha));
  EBB_TRY(CheckConfidence(power));
  if (items <= 0 || !(discordant >= 0 && discordant <= 1)) {
    return MakeError(ErrorCode::kInvalidArgument, "smallest detectable drop",
                     "{} items of which a share of {} changed", items, discordant);
  }
  const auto n = static_cast<double>(items);
  const double z_alpha = -NormalQuantile(alpha / 2);
  const double z_power = NormalQuantile(power);
  double share = std::max(discordant, std::min(1.0, 0.5 / n));
  const auto found = [&](double drop) {
    const double spread = std::sqrt(std::max(0.0, share - drop * drop));
    return z_alpha * std::sqrt(share) + z_power * spread <= drop * std::sqrt(n);
  };
  if (!found(share)) {
    // A drop needs as many changes, all of them losses: share = drop.
    double low = share;
    double high = 1;
    share = 1;
    if (!found(1)) return 1.0;
    for (int i = 0; i < 200; ++i) {
      share = (low + high) / 2;
      (found(share) ? high : low) = share;
    }
    return high;
  }
  double low = 0;
  double high = share;
  for (int i = 0; i < 200; ++i) {
    const double middle = (low + high) / 2;
    (found(middle) ? high : low) = middle;
  }
  return high;
}

}  // namespace ebb
