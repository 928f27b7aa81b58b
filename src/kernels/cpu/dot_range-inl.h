// Dot products of a range of matrix rows with several rows of activations, cut into tiles.
//
// Per target: included once for each instruction set (hwy/foreach_target.h).

#if defined(EBB_KERNELS_CPU_DOT_RANGE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef EBB_KERNELS_CPU_DOT_RANGE_INL_H_
#undef EBB_KERNELS_CPU_DOT_RANGE_INL_H_
#else
#define EBB_KERNELS_CPU_DOT_RANGE_INL_H_
#endif

#include <cstdint>

#include "hwy/highway.h"
#include "kernels/cpu/dot-inl.h"

HWY_BEFORE_NAMESPACE();
namespace ebb {
namespace HWY_NAMESPACE {

// The tiles' sizes. A tile has (rows x tokens x kParts) accumulators, a register for each matrix
// row and one for the activations: 29 of 32 registers with AVX-512, 15 of 16 with AVX2. One token
// alone gets more rows, so that enough independent chains hide the latency of the fma (4 cycles,
// one or two a cycle).
#if HWY_MAX_BYTES >= 64
inline constexpr int kTileRows = 4;
inline constexpr int kTileTokens = 6;
inline constexpr int kSingleRows = 8;
#elif HWY_MAX_BYTES == 32
inline constexpr int kTileRows = 2;
inline constexpr int kTileTokens = 3;
inline constexpr int kSingleRows = 4;
#elif HWY_TARGET == HWY_NEON
inline constexpr int kTileRows = 2;
inline constexpr int kTileTokens = 3;
inline constexpr int kSingleRows = 4;
#else
inline constexpr int kTileRows = 2;
inline constexpr int kTileTokens = 1;
inline constexpr int kSingleRows = 2;
#endif

// A range of matrix rows.
template <typename T>
struct DotRangeInput {
  const T* w;        // the first row
  int64_t w_stride;  // elements
  int64_t rows;
  int64_t cols;
  float scale;
  const T* next;  // rows like these that will be read soon: the first of them, for the first row
  int64_t next_rows;  // how many of them there are
};

// y[t][r] = scale x dot(w[r], x[t]) for all rows of the range and kTokens rows of activations.
template <WeightFormat kFormat, int kTokens, typename T>
void DotTokens(const DotRangeInput<T>& in, const float* const* x, float* const* y) {
  constexpr int kRows = kTokens == 1 ? kSingleRows : kTileRows;
  float* to[kTokens];
  int64_t r = 0;
  const auto run = [&]<int kCount>() HWY_ATTR {
    for (; r + kCount <= in.rows; r += kCount) {
      for (int t = 0; t < kTokens; ++t) to[t] = y[t] + r;
      const T* prefetch = r + kCount <= in.next_rows ? in.next + r * in.w_stride : nullptr;
      DotTile<kFormat, kCount, kTokens>(
          TileInput<T>{in.w + r * in.w_stride, in.w_stride, x, in.cols, prefetch}, in.scale, to);
    }
  };
  run.template operator()<kRows>();
  if constexpr (kRows > kTileRows) run.template operator()<kTileRows>();
  run.template operator()<1>();
}

// The same for any number of rows of activations, which are split evenly into tiles.
template <WeightFormat kFormat, typename T>
void DotRange(DotRangeInput<T> in, int64_t tokens, const float* const* x, float* const* y) {
  while (tokens > 0) {
    const int64_t tiles = (tokens + kTileTokens - 1) / kTileTokens;
    const int64_t count = (tokens + tiles - 1) / tiles;
    switch (count) {
#if HWY_MAX_BYTES >= 64
      case 6:
        DotTokens<kFormat, 6>(in, x, y);
        break;
      case 5:
        DotTokens<kFormat, 5>(in, x, y);
        break;
      case 4:
        DotTokens<kFormat, 4>(in, x, y);
        break;
#endif
#if HWY_TARGET != HWY_SSE4
      case 3:
        DotTokens<kFormat, 3>(in, x, y);
        break;
      case 2:
        DotTokens<kFormat, 2>(in, x, y);
        break;
#endif
      default:
        DotTokens<kFormat, 1>(in, x, y);
        break;
    }
    tokens -= count;
    x += count;
    y += count;
    in.next_rows = 0;  // they have been asked for
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace ebb
HWY_AFTER_NAMESPACE();

#endif  // EBB_KERNELS_CPU_DOT_RANGE_INL_H_
