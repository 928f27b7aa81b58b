// Softmax of one row in place.
//
// Per target: included once for each instruction set (hwy/foreach_target.h).

#if defined(EBB_KERNELS_CPU_SOFTMAX_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef EBB_KERNELS_CPU_SOFTMAX_INL_H_
#undef EBB_KERNELS_CPU_SOFTMAX_INL_H_
#else
#define EBB_KERNELS_CPU_SOFTMAX_INL_H_
#endif

#include <cstdint>
#include <cstring>
#include <limits>

#include "hwy/highway.h"
#include "kernels/cpu/dot-inl.h"
#include "kernels/cpu/math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace ebb {
namespace HWY_NAMESPACE {

// Any order gives the same maximum. How a NaN is treated here does not matter: it makes the sum of
// the exponentials, and so the whole row, NaN.
HWY_INLINE float Maximum(const float* x, int64_t n) {
  VF maximum = hn::Set(DF(), -std::numeric_limits<float>::infinity());
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) maximum = hn::Max(maximum, hn::LoadU(DF(), x + i));
  float result = hn::GetLane(hn::MaxOfLanes(DF(), maximum));
  for (; i < n; ++i) result = x[i] > result ? x[i] : result;
  return result;
}

// The dot product with ones.
HWY_INLINE float Sum(const float* x, int64_t n) {
  VF p[kParts];
  for (VF& part : p) part = hn::Zero(DF());
  int64_t i = 0;
  for (; i + 16 <= n; i += 16) {
    for (int part = 0; part < kParts; ++part) {
      p[part] = hn::Add(p[part], hn::LoadU(DF(), x + i + part * kLanes));
    }
  }
  if (i < n) {
    float tail[16];
    for (float& lane : tail) lane = -0.0f;  // p + -0 is p
    std::memcpy(tail, x + i, static_cast<size_t>(n - i) * sizeof(float));
    for (int part = 0; part < kParts; ++part) {
      p[part] = hn::Add(p[part], hn::LoadU(DF(), tail + part * kLanes));
    }
  }
  return SumAll(p);
}

HWY_INLINE void SoftmaxRow(float* x, int64_t n) {
  const float maximum = Maximum(x, n);
  ForVectors(n, [x, maximum](auto d, int64_t i) HWY_ATTR {
    const auto shifted = hn::Sub(hn::LoadU(d, x + i), hn::Set(d, maximum));
    hn::StoreU(Exp(d, shifted), d, x + i);
  });
  const float sum = Sum(x, n);
  ForVectors(n, [x, sum](auto d, int64_t i) HWY_ATTR {
    hn::StoreU(hn::Div(hn::LoadU(d, x + i), hn::Set(d, sum)), d, x + i);
  });
}

}  // namespace HWY_NAMESPACE
}  // namespace ebb
HWY_AFTER_NAMESPACE();

#endif  // EBB_KERNELS_CPU_SOFTMAX_INL_H_
