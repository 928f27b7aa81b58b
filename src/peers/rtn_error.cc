#include "peers/rtn_error.h"

#include <cmath>
#include <limits>

#include "base/error.h"
#include "base/float16.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "peers/rtn_error.cc"
#include <hwy/foreach_target.h>  // IWYU pragma: keep
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace ebb {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// The value of largest magnitude, the first of those that tie; not finite if any value is not.
HWY_INLINE float ExtremeOfGroup(const float* group) {
  const hn::CappedTag<float, kRtnGroup / 2> df;
  const size_t lanes = hn::Lanes(df);
  auto largest = hn::Zero(df);
  auto all_finite = hn::Eq(largest, largest);
  for (size_t i = 0; i < kRtnGroup; i += lanes) {
    const auto magnitude = hn::Abs(hn::LoadU(df, group + i));
    all_finite =
        hn::And(all_finite, hn::Le(magnitude, hn::Set(df, std::numeric_limits<float>::max())));
    largest = hn::Max(largest, magnitude);
  }
  if (!hn::AllTrue(df, all_finite)) return std::numeric_limits<float>::infinity();
  const auto extreme = hn::MaxOfLanes(df, largest);
  for (size_t i = 0; i < kRtnGroup; i += lanes) {
    const intptr_t at = hn::FindFirstTrue(df, hn::Eq(hn::Abs(hn::LoadU(df, group + i)), extreme));
    if (at >= 0) return group[i + static_cast<size_t>(at)];
  }
  return 0;
}

// The level of each value: what the scale is multiplied by.
template <int kBits, class D, class V = hn::Vec<D>>
HWY_INLINE V LevelOf(D df, V scaled) {
  constexpr int kHalf = 1 << (kBits - 1);
  if constexpr (kBits == 8) {
    // Halves away from zero. What rounding to zero leaves is exact.
    const auto whole = hn::Trunc(scaled);
    const auto left = hn::Abs(hn::Sub(scaled, whole));
    const auto up = hn::CopySign(hn::Set(df, 1.0f), scaled);
    const auto rounded = hn::IfThenElse(hn::Ge(left, hn::Set(df, 0.5f)), hn::Add(whole, up), whole);
    return hn::Clamp(rounded, hn::Set(df, -127.0f), hn::Set(df, 127.0f));
  } else {
    const auto moved =
        hn::Add(hn::Add(scaled, hn::Set(df, static_cast<float>(kHalf))), hn::Set(df, 0.5f));
    const auto code =
        hn::Trunc(hn::Clamp(moved, hn::Zero(df), hn::Set(df, static_cast<float>(2 * kHalf - 1))));
    return hn::Sub(code, hn::Set(df, static_cast<float>(kHalf)));
  }
}

template <int kBits>
size_t AddErrors(const float* values, size_t count, double* sums) {
  constexpr float kHalf = 1 << (kBits - 1);
  constexpr float kMaxFloat16 = 65504;
  const hn::CappedTag<double, kRtnErrorLanes> dd;
  const hn::Rebind<float, decltype(dd)> df;
  const size_t lanes = hn::Lanes(dd);
  size_t groups = 0;
  for (; (groups + 1) * kRtnGroup <= count; ++groups) {
    const float* const group = values + groups * kRtnGroup;
    const float extreme = ExtremeOfGroup(group);
    const float scale = kBits == 8 ? std::fabs(extreme) / 127 : extreme / -kHalf;
    const float inverse = scale == 0 ? 0 : 1 / scale;
    if (!(std::fabs(scale) <= kMaxFloat16) || std::isinf(inverse)) break;
    const auto stored_scale = hn::Set(df, F16ToF32(F32ToF16(scale)));
    const auto factor = hn::Set(df, inverse);
    for (size_t lane = 0; lane < kRtnErrorLanes; lane += lanes) {
      auto sum = hn::LoadU(dd, sums + lane);
      for (size_t i = lane; i < kRtnGroup; i += kRtnErrorLanes) {
        const auto w = hn::LoadU(df, group + i);
        const auto decoded = hn::Mul(LevelOf<kBits>(df, hn::Mul(w, factor)), stored_scale);
        // The difference is rounded in float64; fused or not, the sum would differ in its last
        // digit, so it is not fused.
        const auto error = hn::Sub(hn::PromoteTo(dd, decoded), hn::PromoteTo(dd, w));
        sum = hn::Add(sum, hn::Mul(error, error));
      }
      hn::StoreU(sum, dd, sums + lane);
    }
  }
  return groups;
}

size_t AddErrors8(const float* v, size_t n, double* sums) { return AddErrors<8>(v, n, sums); }
size_t AddErrors4(const float* v, size_t n, double* sums) { return AddErrors<4>(v, n, sums); }
size_t AddErrors3(const float* v, size_t n, double* sums) { return AddErrors<3>(v, n, sums); }
size_t AddErrors2(const float* v, size_t n, double* sums) { return AddErrors<2>(v, n, sums); }

}  // namespace HWY_NAMESPACE
}  // namespace ebb
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace ebb {

HWY_EXPORT(AddErrors8);
HWY_EXPORT(AddErrors4);
HWY_EXPORT(AddErrors3);
HWY_EXPORT(AddErrors2);

size_t AddRtnErrors(int bits, std::span<const float> values, double* sums) {
  switch (bits) {
    case 8:
      return HWY_DYNAMIC_DISPATCH(AddErrors8)(values.data(), values.size(), sums);
    case 4:
      return HWY_DYNAMIC_DISPATCH(AddErrors4)(values.data(), values.size(), sums);
    case 3:
      return HWY_DYNAMIC_DISPATCH(AddErrors3)(values.data(), values.size(), sums);
    default:
      EBB_CHECK(bits == 2);
      return HWY_DYNAMIC_DISPATCH(AddErrors2)(values.data(), values.size(), sums);
  }
}

}  // namespace ebb
#endif  // HWY_ONCE
