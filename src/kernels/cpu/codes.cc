// The exact dot product of codes, for each instruction set: activations as two digits of 11 bits,
// multiplied as pairs of 16-bit integers.
#include "kernels/cpu/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/codes.cc"
#include <algorithm>
#include <bit>
#include <cmath>
#include <type_traits>

#include "hwy/foreach_target.h"
#include "hwy/highway.h"
#include "kernels/cpu/dispatch.h"
#include "kernels/cpu/fixed_block.h"
#include "kernels/cpu/kernels.h"

HWY_BEFORE_NAMESPACE();
namespace ebb {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

constexpr int kDigitBits = 11;

using D16 = hn::CappedTag<int16_t, 32>;
using D32 = hn::Repartition<int32_t, D16>;
using V16 = hn::Vec<D16>;
using V32 = hn::Vec<D32>;

// The high digits of a token, then the low ones.
const int16_t* HighDigits(const FixedBlock& block, int64_t token) {
  return reinterpret_cast<const int16_t*>(block.DigitsOf(token));
}

FixedScale ScaleOfRow(const float* x, int64_t n) {
  const hn::CappedTag<uint32_t, 16> d;
  const auto magnitude = hn::Set(d, 0x7fffffffu);
  auto largest = hn::Zero(d);
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    const auto bits = hn::LoadU(d, reinterpret_cast<const uint32_t*>(x + i));
    largest = hn::Max(largest, hn::And(bits, magnitude));
  }
  uint32_t bits = hn::GetLane(hn::MaxOfLanes(d, largest));
  for (; i < n; ++i) bits = std::max(bits, std::bit_cast<uint32_t>(x[i]) & 0x7fffffffu);
  // Magnitudes rise with their bits; infinity and NaN are beyond all others.
  if (bits >= 0x7f800000u) return {0, false};
  return ScaleOfLargest(std::bit_cast<float>(bits));
}

void Fix(const float* const* x, FixedBlock& block) {
  const hn::CappedTag<float, 16> df;
  const hn::RebindToSigned<decltype(df)> di;
  const hn::Rebind<int16_t, decltype(df)> dh;
  const auto lanes = static_cast<int64_t>(hn::Lanes(df));
  const int64_t padded = FixedBlock::PaddedCols(block.cols);
  const auto half = hn::Set(di, 1 << (kDigitBits - 1));
  for (int64_t t = 0; t < block.tokens; ++t) {
    auto* const high = reinterpret_cast<int16_t*>(block.DigitsOf(t));
    int16_t* const low = high + padded;
    const float* const from = x[t] + block.first_col;
    const auto factor =
        hn::Set(df, block.scales[t].is_finite ? std::ldexp(1.0f, block.scales[t].exponent) : 0.0f);
    int64_t sum = 0;
    for (int64_t i = 0; i < padded; i += lanes) {
      const auto left = static_cast<size_t>(std::max<int64_t>(0, block.cols - i));
      const auto values = left >= static_cast<size_t>(lanes)
                              ? hn::LoadU(df, from + i)
                              : hn::MaskedLoad(hn::FirstN(df, left), df, from + i);
      const auto a =
          block.scales[t].is_finite ? hn::NearestInt(hn::Mul(values, factor)) : hn::Zero(di);
      const auto top = hn::ShiftRight<kDigitBits>(hn::Add(a, half));
      hn::StoreU(hn::DemoteTo(dh, top), dh, high + i);
      hn::StoreU(hn::DemoteTo(dh, hn::Sub(a, hn::ShiftLeft<kDigitBits>(top))), dh, low + i);
      sum += hn::GetLane(hn::SumOfLanes(di, a));
    }
    block.digit_sums[t] = sum;
  }
}

int64_t SumOf(V32 a, V32 b) {
  const D32 d;
  return int64_t{hn::GetLane(hn::SumOfLanes(d, a))} + hn::GetLane(hn::SumOfLanes(d, b));
}

// 8-bit codes are one digit; 16-bit codes two, code = 256 x upper + lower.
template <typename Code>
int64_t DotPiece(const Code* codes, const int16_t* high, const int16_t* low, int64_t cols) {
  const D16 d16;
  const D32 d32;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d16));
  V32 sums[4][2];
  for (auto& pair : sums) pair[0] = pair[1] = hn::Zero(d32);
  const auto add = [&](V16 a, V16 b, V32(&sum)[2]) {
    sum[0] = hn::ReorderWidenMulAccumulate(d32, a, b, sum[0], sum[1]);
  };
  const auto multiply = [&](const Code* at, int64_t i) {
    const V16 h = hn::LoadU(d16, high + i);
    const V16 l = hn::LoadU(d16, low + i);
    if constexpr (sizeof(Code) == 1) {
      const hn::Rebind<int8_t, D16> d8;
      const V16 code = hn::PromoteTo(d16, hn::LoadU(d8, at));
      add(code, h, sums[0]);
      add(code, l, sums[1]);
    } else {
      const V16 code = hn::LoadU(d16, at);
      const V16 upper = hn::ShiftRight<8>(code);
      const V16 lower = hn::And(code, hn::Set(d16, 255));
      add(upper, h, sums[0]);
      add(upper, l, sums[1]);
      add(lower, h, sums[2]);
      add(lower, l, sums[3]);
    }
  };
  int64_t i = 0;
  for (; i + lanes <= cols; i += lanes) multiply(codes + i, i);
  if (i < cols) {
    HWY_ALIGN Code last[32] = {};
    std::copy_n(codes + i, cols - i, last);
    multiply(last, i);
  }
  const auto whole = [&](int k) {
    return (SumOf(sums[k][0], sums[k][1]) << kDigitBits) + SumOf(sums[k + 1][0], sums[k + 1][1]);
  };
  if constexpr (sizeof(Code) == 1) return whole(0);
  return whole(0) * 256 + whole(2);
}

template <typename Code>
void Dot(const Code* codes, int64_t stride, int64_t rows, const FixedBlock& block, int64_t* sums) {
  const int64_t padded = FixedBlock::PaddedCols(block.cols);
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t t = 0; t < block.tokens; ++t) {
      const int16_t* const high = HighDigits(block, t);
      for (int64_t c = 0; c < block.cols; c += kFixedPiece) {
        sums[r * kFixedTokens + t] += DotPiece(codes + r * stride + c, high + c, high + padded + c,
                                               std::min(kFixedPiece, block.cols - c));
      }
    }
  }
}

void DotCodes8(const int8_t* codes, int64_t stride, int64_t rows, const FixedBlock& block,
               int64_t* sums) {
  Dot(codes, stride, rows, block, sums);
}
void DotCodes16(const int16_t* codes, int64_t stride, int64_t rows, const FixedBlock& block,
                int64_t* sums) {
  Dot(codes, stride, rows, block, sums);
}

}  // namespace HWY_NAMESPACE
}  // namespace ebb
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace ebb {

HWY_EXPORT(ScaleOfRow);
HWY_EXPORT(Fix);
HWY_EXPORT(DotCodes8);
HWY_EXPORT(DotCodes16);

void ChooseCodesKernels(int64_t target, CpuKernels& kernels) {
  const size_t i = DispatchIndex(target);
  kernels.scale_of_row = HWY_DISPATCH_TABLE(ScaleOfRow)[i];
  kernels.codes8 = {HWY_DISPATCH_TABLE(Fix)[i], HWY_DISPATCH_TABLE(DotCodes8)[i]};
  kernels.codes16 = {HWY_DISPATCH_TABLE(Fix)[i], HWY_DISPATCH_TABLE(DotCodes16)[i]};
#if defined(__x86_64__)
  if (target == HWY_AVX3 && __builtin_cpu_supports("avx512vnni")) kernels.codes8 = VnniKernels();
#endif
}

}  // namespace ebb
#endif  // HWY_ONCE
