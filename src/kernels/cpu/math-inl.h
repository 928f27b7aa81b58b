// exp, sigmoid and silu of docs/numbers.md on vectors of any number of lanes.
//
// Per target: included once for each instruction set (hwy/foreach_target.h).

#if defined(EBB_KERNELS_CPU_MATH_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef EBB_KERNELS_CPU_MATH_INL_H_
#undef EBB_KERNELS_CPU_MATH_INL_H_
#else
#define EBB_KERNELS_CPU_MATH_INL_H_
#endif

#include <cstdint>
#include <limits>

#include "hwy/highway.h"
#include "kernels/exp_constants.h"

HWY_BEFORE_NAMESPACE();
namespace ebb {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

template <class D, class V = hn::Vec<D>>
HWY_INLINE V Exp(D d, V x) {
  const hn::RebindToSigned<D> di;
  const V n = hn::Round(hn::Mul(x, hn::Set(d, kExpLog2E)));
  V r = hn::MulAdd(n, hn::Set(d, -kExpLn2High), x);
  r = hn::MulAdd(n, hn::Set(d, -kExpLn2Low), r);
  V p = hn::Set(d, kExpC6);
  p = hn::MulAdd(p, r, hn::Set(d, kExpC5));
  p = hn::MulAdd(p, r, hn::Set(d, kExpC4));
  p = hn::MulAdd(p, r, hn::Set(d, kExpC3));
  p = hn::MulAdd(p, r, hn::Set(d, kExpC2));
  p = hn::MulAdd(p, r, hn::Set(d, 1.0f));
  p = hn::MulAdd(p, r, hn::Set(d, 1.0f));
  // 2^n goes into the exponent: within the limits the result is a normal number.
  const auto scale = hn::ShiftLeft<23>(hn::ConvertTo(di, n));
  V y = hn::BitCast(d, hn::Add(hn::BitCast(di, p), scale));
  y = hn::IfThenElse(hn::Lt(x, hn::Set(d, kExpLowest)), hn::Zero(d), y);
  y = hn::IfThenElse(hn::Gt(x, hn::Set(d, kExpHighest)),
                     hn::Set(d, std::numeric_limits<float>::infinity()), y);
  return hn::IfThenElse(hn::IsNaN(x), x, y);
}

// 1 + exp(-x): the denominator of sigmoid and silu.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V OnePlusExpNegative(D d, V x) {
  return hn::Add(hn::Set(d, 1.0f), Exp(d, hn::Neg(x)));
}

// Calls f(d, i) for the elements i, i + 1, ... of [0, n) that each vector takes: whole vectors
// first, then single lanes, so that nothing beyond n is read or written.
template <class F>
HWY_INLINE void ForVectors(int64_t n, const F& f) {
  const hn::CappedTag<float, 16> d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) f(d, i);
  for (; i < n; ++i) f(hn::CappedTag<float, 1>(), i);
}

}  // namespace HWY_NAMESPACE
}  // namespace ebb
HWY_AFTER_NAMESPACE();

#endif  // EBB_KERNELS_CPU_MATH_INL_H_
