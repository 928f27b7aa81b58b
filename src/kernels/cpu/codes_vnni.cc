// The exact dot product of 8-bit codes with AVX-512 VNNI: an activation is three digits to the base
// 256, a code plus 128 an unsigned byte, and one instruction multiplies and adds 64 pairs.
#if defined(__x86_64__)
#include <hwy/base.h>
#include <immintrin.h>

#include <algorithm>
#include <cmath>

#include "kernels/cpu/fixed_block.h"
#include "kernels/cpu/kernels.h"

HWY_PUSH_ATTRIBUTES("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,bmi,bmi2,popcnt")

namespace ebb {
namespace {

#define EBB_INLINE static inline __attribute__((always_inline))

// a = 65536 high + 256 middle + low, all in -128..127; the three digits of 64 columns lie together.
constexpr int64_t kStep = 64;
constexpr int64_t kDigits = 3;

void Fix(const float* const* x, FixedBlock& block) {
  const int64_t padded = FixedBlock::PaddedCols(block.cols);
  const __m512i half = _mm512_set1_epi32(128);
  for (int64_t t = 0; t < block.tokens; ++t) {
    auto* const digits = reinterpret_cast<int8_t*>(block.DigitsOf(t));
    const float* const from = x[t] + block.first_col;
    const FixedScale& scale = block.scales[t];
    const __m512 factor = _mm512_set1_ps(std::ldexp(1.0f, scale.exponent));
    __m512i sum_low = _mm512_setzero_si512();
    __m512i sum_high = _mm512_setzero_si512();
    for (int64_t i = 0; i < padded; i += 16) {
      const int64_t left = std::clamp<int64_t>(block.cols - i, 0, 16);
      const auto valid = static_cast<__mmask16>(scale.is_finite ? (1u << left) - 1 : 0);
      const __m512i a =
          _mm512_cvtps_epi32(_mm512_mul_ps(_mm512_maskz_loadu_ps(valid, from + i), factor));
      sum_low = _mm512_add_epi64(sum_low, _mm512_cvtepi32_epi64(_mm512_castsi512_si256(a)));
      sum_high = _mm512_add_epi64(sum_high, _mm512_cvtepi32_epi64(_mm512_extracti64x4_epi64(a, 1)));
      const __m512i upper = _mm512_srai_epi32(_mm512_add_epi32(a, half), 8);
      const __m512i top = _mm512_srai_epi32(_mm512_add_epi32(upper, half), 8);
      int8_t* const to = digits + i / kStep * kStep * kDigits + i % kStep;
      const auto put = [to](int64_t digit, __m512i value) {
        _mm_storeu_si128(reinterpret_cast<__m128i*>(to + digit * kStep),
                         _mm512_cvtepi32_epi8(value));
      };
      put(0, top);
      put(1, upper);
      put(2, a);
    }
    block.digit_sums[t] = _mm512_reduce_add_epi64(_mm512_add_epi64(sum_low, sum_high));
  }
}

// The sums of the lanes of four registers.
EBB_INLINE __m128i SumsOfLanes(__m512i a, __m512i b, __m512i c, __m512i d) {
  const __m512i ab =
      _mm512_add_epi32(_mm512_shuffle_i64x2(a, b, 0x44), _mm512_shuffle_i64x2(a, b, 0xee));
  const __m512i cd =
      _mm512_add_epi32(_mm512_shuffle_i64x2(c, d, 0x44), _mm512_shuffle_i64x2(c, d, 0xee));
  // Quarters a0 a1 b0 b1 and c0 c1 d0 d1 become a, b, c, d.
  const __m512i abcd =
      _mm512_add_epi32(_mm512_shuffle_i64x2(ab, cd, 0x88), _mm512_shuffle_i64x2(ab, cd, 0xdd));
  const __m512i pairs = _mm512_add_epi32(abcd, _mm512_shuffle_epi32(abcd, _MM_PERM_CDAB));
  const __m512i sums = _mm512_add_epi32(pairs, _mm512_shuffle_epi32(pairs, _MM_PERM_BADC));
  return _mm512_castsi512_si128(_mm512_permutexvar_epi32(
      _mm512_setr_epi32(0, 4, 8, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0), sums));
}

// Four rows times one token over a piece of columns, which starts at a multiple of 64: adds to
// sums[r x kFixedTokens]. kAtOnce rows go side by side: one where they come from memory, which the
// hardware foresees best when it is read from end to end; four where they are in the cache, so that
// each digit that is loaded meets all of them.
template <int kAtOnce>
EBB_INLINE void DotPiece(const int8_t* const (&row)[4], int64_t cols, const int8_t* digits,
                         int64_t* sums) {
  const __m512i bias = _mm512_set1_epi8(static_cast<char>(0x80));
  __m512i acc[kDigits][4];
#pragma GCC unroll 3
  for (int d = 0; d < kDigits; ++d) {
#pragma GCC unroll 4
    for (int r = 0; r < 4; ++r) acc[d][r] = _mm512_setzero_si512();
  }
#pragma GCC unroll 4
  for (int first = 0; first < 4; first += kAtOnce) {
    __m512i codes[kAtOnce];
    const auto add_step = [&](int64_t i) __attribute__((always_inline)) {
#pragma GCC unroll 3
      for (int d = 0; d < kDigits; ++d) {
        const __m512i factors = _mm512_load_si512(digits + i * kDigits + d * kStep);
#pragma GCC unroll 4
        for (int r = 0; r < kAtOnce; ++r) {
          acc[d][first + r] = _mm512_dpbusd_epi32(acc[d][first + r], codes[r], factors);
        }
      }
    };
    int64_t i = 0;
    for (; i + kStep <= cols; i += kStep) {
#pragma GCC unroll 4
      for (int r = 0; r < kAtOnce; ++r) {
        codes[r] = _mm512_xor_si512(_mm512_loadu_si512(row[first + r] + i), bias);
      }
      add_step(i);
    }
    if (i < cols) {
      const __mmask64 valid = (__mmask64{1} << (cols - i)) - 1;
#pragma GCC unroll 4
      for (int r = 0; r < kAtOnce; ++r) {
        codes[r] = _mm512_xor_si512(_mm512_maskz_loadu_epi8(valid, row[first + r] + i), bias);
      }
      add_step(i);
    }
  }
  __m256i sum = _mm256_setzero_si256();
#pragma GCC unroll 3
  for (int d = 0; d < kDigits; ++d) {
    const __m512i(&a)[4] = acc[d];
    sum = _mm256_add_epi64(_mm256_slli_epi64(sum, 8),
                           _mm256_cvtepi32_epi64(SumsOfLanes(a[0], a[1], a[2], a[3])));
  }
  alignas(32) int64_t part[4];
  _mm256_store_si256(reinterpret_cast<__m256i*>(part), sum);
  for (int r = 0; r < 4; ++r) sums[r * kFixedTokens] += part[r];
}

// Up to four rows times all tokens of the block.
void DotRows(const int8_t* codes, bool is_cached, int64_t stride, int64_t rows,
             const FixedBlock& block, int64_t* sums) {
  // A missing row is the last one again, its sums are left out.
  int64_t part[4 * kFixedTokens];
  for (int64_t r = 0; r < 4; ++r) {
    // The codes are 128 too large.
    for (int64_t t = 0; t < block.tokens; ++t) {
      part[r * kFixedTokens + t] = -128 * block.digit_sums[t];
    }
  }
  for (int64_t c = 0; c < block.cols; c += kFixedPiece) {
    const int8_t* row[4];
    for (int64_t r = 0; r < 4; ++r) row[r] = codes + std::min(r, rows - 1) * stride + c;
    const int64_t cols = std::min(kFixedPiece, block.cols - c);
    for (int64_t t = 0; t < block.tokens; ++t) {
      const auto* const digits = reinterpret_cast<const int8_t*>(block.DigitsOf(t)) + c * kDigits;
      if (is_cached || t > 0) {
        DotPiece<4>(row, cols, digits, part + t);
      } else {
        DotPiece<1>(row, cols, digits, part + t);
      }
    }
  }
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t t = 0; t < block.tokens; ++t) {
      sums[r * kFixedTokens + t] += part[r * kFixedTokens + t];
    }
  }
}

void Dot(const int8_t* codes, int64_t stride, int64_t rows, const FixedBlock& block,
         int64_t* sums) {
  for (int64_t first = 0; first < rows; first += 4) {
    DotRows(codes + first * stride, /*is_cached=*/rows <= kCachedRows, stride,
            std::min<int64_t>(4, rows - first), block, sums + first * kFixedTokens);
  }
}

#undef EBB_INLINE

}  // namespace

FixedKernels<int8_t> VnniKernels() { return {Fix, Dot}; }

}  // namespace ebb

HWY_POP_ATTRIBUTES
#endif  // __x86_64__
