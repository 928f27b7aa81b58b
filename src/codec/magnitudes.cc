#include <cmath>
#include <limits>

#include "codec/bound.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "codec/magnitudes.cc"
#include <hwy/foreach_target.h>  // IWYU pragma: keep
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace ebb {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Adds whole rounds of MagnitudeParts::kParts weights; returns how many weights.
size_t AddRounds(const float* weights, size_t count, double* sums, uint64_t* finite) {
  constexpr size_t kParts = MagnitudeParts::kParts;
  constexpr size_t kRun = 64 * kParts;  // in the cache for all parts
  const hn::CappedTag<double, kParts> dd;
  const hn::Rebind<float, decltype(dd)> df;
  const size_t lanes = hn::Lanes(dd);
  const auto largest = hn::Set(df, std::numeric_limits<float>::max());
  const size_t whole = count / kParts * kParts;
  size_t counted = 0;
  for (size_t first = 0; first < whole; first += kRun) {
    const size_t end = first + kRun < whole ? first + kRun : whole;
    for (size_t part = 0; part < kParts; part += lanes) {
      auto sum = hn::LoadU(dd, sums + part);
      for (size_t i = first + part; i < end; i += kParts) {
        const auto magnitude = hn::Abs(hn::LoadU(df, weights + i));
        const auto is_finite = hn::Le(magnitude, largest);
        counted += hn::CountTrue(df, is_finite);
        sum = hn::Add(sum, hn::PromoteTo(dd, hn::IfThenElseZero(is_finite, magnitude)));
      }
      hn::StoreU(sum, dd, sums + part);
    }
  }
  *finite += counted;
  return whole;
}

}  // namespace HWY_NAMESPACE
}  // namespace ebb
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace ebb {

HWY_EXPORT(AddRounds);

void MagnitudeParts::Add(std::span<const float> weights) {
  size_t i = HWY_DYNAMIC_DISPATCH(AddRounds)(weights.data(), weights.size(), sums.data(), &count);
  for (; i < weights.size(); ++i) {
    const float magnitude = std::fabs(weights[i]);
    if (!(magnitude <= std::numeric_limits<float>::max())) continue;
    sums[i % kParts] += static_cast<double>(magnitude);
    ++count;
  }
}

void MagnitudeSum::Add(std::span<const float> weights) {
  MagnitudeParts parts;
  parts.Add(weights);
  Add(parts);
}

void MagnitudeSum::Add(const MagnitudeParts& run) {
  for (const double part : run.sums) sum += part;
  count += run.count;
}

}  // namespace ebb
#endif  // HWY_ONCE
