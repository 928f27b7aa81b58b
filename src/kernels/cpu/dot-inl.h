// The dot product of docs/numbers.md in vectors: widening loads, and tiles of (matrix rows) x (rows
// of activations) whose sixteen partial sums each stay in registers.
//
// Per target: included once for each instruction set (hwy/foreach_target.h).

#if defined(EBB_KERNELS_CPU_DOT_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef EBB_KERNELS_CPU_DOT_INL_H_
#undef EBB_KERNELS_CPU_DOT_INL_H_
#else
#define EBB_KERNELS_CPU_DOT_INL_H_
#endif

#include <cstdint>
#include <cstring>

#include "hwy/highway.h"
#include "kernels/matrix.h"

HWY_BEFORE_NAMESPACE();
namespace ebb {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Sixteen float32 lanes are one vector of AVX-512, two of AVX2, four of NEON or SSE4: each partial
// sum has its own lane in every width, so that all widths add in the same order.
using DF = hn::CappedTag<float, 16>;
using VF = hn::Vec<DF>;
inline constexpr int kLanes = HWY_MIN(16, HWY_LANES(float));
inline constexpr int kParts = 16 / kLanes;

// How a stored weight becomes a float32: all of these are exact.
template <WeightFormat kFormat>
struct Stored;

template <>
struct Stored<WeightFormat::kF32> {
  using Type = float;
  static HWY_INLINE VF Load(const Type* from) { return hn::LoadU(DF(), from); }
};

template <>
struct Stored<WeightFormat::kBf16> {
  using Type = uint16_t;
  static HWY_INLINE VF Load(const Type* from) {
    const hn::RebindToUnsigned<DF> du32;
    const hn::Rebind<uint16_t, DF> du16;
    return hn::BitCast(DF(), hn::ShiftLeft<16>(hn::PromoteTo(du32, hn::LoadU(du16, from))));
  }
};

template <>
struct Stored<WeightFormat::kF16> {
  using Type = uint16_t;
  static HWY_INLINE VF Load(const Type* from) {
    const hn::Rebind<uint16_t, DF> du16;
#if HWY_TARGET == HWY_AVX2 || HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_NEON
    const hn::Rebind<hwy::float16_t, DF> df16;
    return hn::PromoteTo(DF(), hn::BitCast(df16, hn::LoadU(du16, from)));
#else
    // Exponent and mantissa, moved to their float32 places, are the number x 2^-112 (a denormal
    // stays one); the product with 2^112 is exact. Infinity and NaN come out at 2^16 and above, and
    // get the exponent that they lack.
    const hn::RebindToUnsigned<DF> du32;
    const auto bits = hn::PromoteTo(du32, hn::LoadU(du16, from));
    const auto sign = hn::ShiftLeft<16>(hn::And(bits, hn::Set(du32, 0x8000u)));
    const auto magnitude = hn::ShiftLeft<13>(hn::And(bits, hn::Set(du32, 0x7fffu)));
    const VF value = hn::Mul(hn::BitCast(DF(), magnitude), hn::Set(DF(), 0x1p112f));
    const auto is_special = hn::Ge(value, hn::Set(DF(), 65536.0f));
    const VF special = hn::Or(value, hn::BitCast(DF(), hn::Set(du32, 0x7f800000u)));
    return hn::Or(hn::IfThenElse(is_special, special, value), hn::BitCast(DF(), sign));
#endif
  }
};

using DF4 = hn::CappedTag<float, 4>;
using VF4 = hn::Vec<DF4>;

// p[j] = p[j] + p[j + 8] for j < 8, then p[j] = p[j] + p[j + 4] for j < 4.
HWY_INLINE VF4 SumToFour(const VF (&p)[kParts]) {
#if HWY_MAX_BYTES >= 64
  const hn::Half<DF> d8;
  const auto sum = hn::Add(hn::LowerHalf(d8, p[0]), hn::UpperHalf(d8, p[0]));
  return hn::Add(hn::LowerHalf(DF4(), sum), hn::UpperHalf(DF4(), sum));
#elif HWY_MAX_BYTES == 32
  const auto sum = hn::Add(p[0], p[1]);
  return hn::Add(hn::LowerHalf(DF4(), sum), hn::UpperHalf(DF4(), sum));
#else
  return hn::Add(hn::Add(p[0], p[2]), hn::Add(p[1], p[3]));
#endif
}

// The last two steps of the tree for four sums at once: lane r of the result is the total of p_r.
HWY_INLINE VF4 SumFours(VF4 p0, VF4 p1, VF4 p2, VF4 p3) {
  const DF4 d;
  const VF4 p01 = hn::Add(hn::ConcatLowerLower(d, p1, p0), hn::ConcatUpperUpper(d, p1, p0));
  const VF4 p23 = hn::Add(hn::ConcatLowerLower(d, p3, p2), hn::ConcatUpperUpper(d, p3, p2));
  return hn::Add(hn::ConcatEven(d, p23, p01), hn::ConcatOdd(d, p23, p01));
}

// The total of one set of partial sums.
HWY_INLINE float SumAll(const VF (&p)[kParts]) {
  const VF4 four = SumToFour(p);
  return hn::GetLane(SumFours(four, four, four, four));
}

// What one tile works on: kRows rows of a matrix from `w` on (w_stride elements apart), and kTokens
// rows of activations. `prefetch` is null, or as many bytes as the tile's rows that will be read
// soon.
template <typename T>
struct TileInput {
  const T* w;
  int64_t w_stride;
  const float* const* x;
  int64_t cols;
  const T* prefetch;
};

// Keeps g++ from loading the same activations once more for every fma, which makes loads the limit
// where a tile has two rows (measured with AVX2: 75 to 85 instead of 50 to 77 GFLOP/s).
HWY_INLINE void KeepInRegister(VF& v) {
#if HWY_TARGET == HWY_AVX2 && HWY_COMPILER_GCC_ACTUAL
  asm("" : "+x"(v.raw));
#else
  (void)v;
#endif
}

// Adds the products of 16 columns.
template <WeightFormat kFormat, int kRows, int kTokens, typename T>
HWY_INLINE void AddBlock(const T* const (&w)[kRows], const float* const (&x)[kTokens], int64_t col,
                         VF (&p)[kRows][kTokens][kParts]) {
  HWY_UNROLL(4)
  for (int part = 0; part < kParts; ++part) {
    const int64_t at = col + part * kLanes;
    VF wv[kRows];
    HWY_UNROLL(8)
    for (int r = 0; r < kRows; ++r) wv[r] = Stored<kFormat>::Load(w[r] + at);
    HWY_UNROLL(8)
    for (int t = 0; t < kTokens; ++t) {
      VF xv = hn::LoadU(DF(), x[t] + at);
      if constexpr (kRows > 1) KeepInRegister(xv);
      HWY_UNROLL(8)
      for (int r = 0; r < kRows; ++r) p[r][t][part] = hn::MulAdd(wv[r], xv, p[r][t][part]);
    }
  }
}

// The last cols % 16 columns from `col` on, padded so that the padding changes nothing: 0 x -0 =
// -0, and p + -0 is p for every p, also for -0.
template <int kRows, int kTokens, typename T>
HWY_NOINLINE void CopyTail(const TileInput<T>& in, int64_t col, T* w, float* x) {
  const auto count = static_cast<size_t>(in.cols - col);
  for (int r = 0; r < kRows; ++r) {
    std::memset(w + r * 16, 0, 16 * sizeof(T));
    std::memcpy(w + r * 16, in.w + r * in.w_stride + col, count * sizeof(T));
  }
  for (int t = 0; t < kTokens; ++t) {
    for (int j = 0; j < 16; ++j) x[t * 16 + j] = -0.0f;
    std::memcpy(x + t * 16, in.x[t] + col, count * sizeof(float));
  }
}

// Asks for the share of one block of columns of in.prefetch: into the L2 cache, because a tile and
// what is read after it are more than L1 holds. (Asking for memory that is not there is harmless.)
template <int kRows, typename T>
HWY_INLINE void PrefetchBlock(const TileInput<T>& in, int64_t col) {
  constexpr int64_t kBytes = kRows * 16 * sizeof(T);
  const auto* from = reinterpret_cast<const char*>(in.prefetch + kRows * col);
  HWY_UNROLL(8)
  for (int64_t i = 0; i < kBytes; i += 64) __builtin_prefetch(from + i, /*rw=*/0, /*locality=*/2);
}

// All partial sums of a tile.
template <WeightFormat kFormat, int kRows, int kTokens, typename T>
HWY_INLINE void PartialSums(const TileInput<T>& in, VF (&p)[kRows][kTokens][kParts]) {
  const T* w[kRows];
  const float* x[kTokens];
  HWY_UNROLL(8)
  for (int r = 0; r < kRows; ++r) w[r] = in.w + r * in.w_stride;
  HWY_UNROLL(8)
  for (int t = 0; t < kTokens; ++t) x[t] = in.x[t];
  HWY_UNROLL(8)
  for (int r = 0; r < kRows; ++r) {
    HWY_UNROLL(8)
    for (int t = 0; t < kTokens; ++t) {
      HWY_UNROLL(4)
      for (int part = 0; part < kParts; ++part) p[r][t][part] = hn::Zero(DF());
    }
  }
  int64_t col = 0;
  if (in.prefetch != nullptr) {
    for (; col + 16 <= in.cols; col += 16) {
      PrefetchBlock<kRows>(in, col);
      AddBlock<kFormat, kRows, kTokens>(w, x, col, p);
    }
  }
  for (; col + 16 <= in.cols; col += 16) AddBlock<kFormat, kRows, kTokens>(w, x, col, p);
  if (col < in.cols) [[unlikely]] {
    T w_tail[kRows * 16];
    float x_tail[kTokens * 16];
    CopyTail<kRows, kTokens>(in, col, w_tail, x_tail);
    HWY_UNROLL(8)
    for (int r = 0; r < kRows; ++r) w[r] = w_tail + r * 16;
    HWY_UNROLL(8)
    for (int t = 0; t < kTokens; ++t) x[t] = x_tail + t * 16;
    AddBlock<kFormat, kRows, kTokens>(w, x, 0, p);
  }
}

// y[t][r] = scale x dot(w[r], x[t]) for the tile.
template <WeightFormat kFormat, int kRows, int kTokens, typename T>
HWY_NOINLINE void DotTile(const TileInput<T>& in, float scale, float* const* y) {
  VF p[kRows][kTokens][kParts];
  PartialSums<kFormat, kRows, kTokens>(in, p);
  HWY_UNROLL(8)
  for (int t = 0; t < kTokens; ++t) {
    if constexpr (kRows == 1) {
      y[t][0] = scale * SumAll(p[0][t]);
    } else if constexpr (kRows == 2) {
      const VF4 p0 = SumToFour(p[0][t]);
      const VF4 p1 = SumToFour(p[1][t]);
      const VF4 dots = hn::Mul(hn::Set(DF4(), scale), SumFours(p0, p1, p0, p1));
      hn::StoreU(hn::LowerHalf(dots), hn::Half<DF4>(), y[t]);
    } else {
      HWY_UNROLL(2)
      for (int r = 0; r < kRows; r += 4) {
        const VF4 dots = SumFours(SumToFour(p[r][t]), SumToFour(p[r + 1][t]),
                                  SumToFour(p[r + 2][t]), SumToFour(p[r + 3][t]));
        hn::StoreU(hn::Mul(hn::Set(DF4(), scale), dots), DF4(), y[t] + r);
      }
    }
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace ebb
HWY_AFTER_NAMESPACE();

#endif  // EBB_KERNELS_CPU_DOT_INL_H_
