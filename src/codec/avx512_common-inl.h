// What the AVX-512 decoders of both layouts share: raw bits, and what becomes of 16 integers.
#pragma once

#include <hwy/base.h>
#include <immintrin.h>

#include <array>

#include "codec/chunk.h"

HWY_PUSH_ATTRIBUTES(
    "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512vbmi2,bmi,bmi2,popcnt,avx2,fma")

namespace ebb {
namespace {

#define EBB_INLINE static inline __attribute__((always_inline))

// One byte behind the end is where a stream stays that wanted more than there is: AtEnd sees it.
EBB_INLINE const uint8_t* Advance(const uint8_t* bytes, int64_t taken, const uint8_t* end) {
  bytes += taken;
  return bytes <= end ? bytes : end + 1;
}

EBB_INLINE const uint8_t* BytesOf(const std::byte* bytes) {
  return reinterpret_cast<const uint8_t*>(bytes);
}

// Raw bits of 16 elements at a time, joined with their tokens; k <= 24.
struct WideRaw {
  int k;
  __m512i spread;  // byte 4i+j: byte j of the four that hold element i's bits
  __m512i shifts;
  __m512i mask;
  __m128i shift;

  EBB_INLINE WideRaw Make(int k) {
    alignas(64) std::array<uint8_t, 64> spread;
    alignas(64) std::array<uint32_t, 16> shifts;
    for (int i = 0; i < 16; ++i) {
      for (int j = 0; j < 4; ++j) {
        spread[static_cast<size_t>(4 * i + j)] = static_cast<uint8_t>(i * k / 8 + j);
      }
      shifts[static_cast<size_t>(i)] = static_cast<uint32_t>(i * k % 8);
    }
    return {k, _mm512_load_si512(spread.data()), _mm512_load_si512(shifts.data()),
            _mm512_set1_epi32((1 << k) - 1), _mm_cvtsi32_si128(k)};
  }
  EBB_INLINE __m512i Join(const WideRaw& wide, __m512i tokens, const uint8_t* raw) {
    const __m512i bytes = _mm512_permutexvar_epi8(wide.spread, _mm512_loadu_si512(raw));
    // raw where the mask is set, shifted token elsewhere (0xCA: bitwise select).
    return _mm512_ternarylogic_epi64(wide.mask, _mm512_srlv_epi32(bytes, wide.shifts),
                                     _mm512_sll_epi32(tokens, wide.shift), 0xCA);
  }
};

// --- Values: what becomes of 16 integers ---

// Their low bits.
template <typename T>
struct IntegerValues {
  using Out = T;
  EBB_INLINE IntegerValues Make(const ChunkView&) { return {}; }
  EBB_INLINE void Put(const IntegerValues&, __m512i values, Out* out) {
    if constexpr (sizeof(Out) == 4) {
      _mm512_storeu_si512(out, values);
    } else if constexpr (sizeof(Out) == 2) {
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(out), _mm512_cvtepi32_epi16(values));
    } else {
      _mm_storeu_si128(reinterpret_cast<__m128i*>(out), _mm512_cvtepi32_epi8(values));
    }
  }
};

// code x step.
struct F32Values {
  using Out = float;
  __m512 step;

  EBB_INLINE F32Values Make(const ChunkView& chunk) { return {_mm512_set1_ps(chunk.step())}; }
  EBB_INLINE void Put(const F32Values& values, __m512i codes, Out* out) {
    _mm512_storeu_ps(out, _mm512_mul_ps(_mm512_cvtepi32_ps(codes), values.step));
  }
};

// bf16(code x step), rounded to nearest even as F32ToBf16 does (the conversion instruction would
// flush denormals). Codes and steps are finite.
struct Bf16Values {
  using Out = uint16_t;
  __m512 step;

  EBB_INLINE Bf16Values Make(const ChunkView& chunk) { return {_mm512_set1_ps(chunk.step())}; }
  EBB_INLINE void Put(const Bf16Values& values, __m512i codes, Out* out) {
    const __m512i bits = _mm512_castps_si512(_mm512_mul_ps(_mm512_cvtepi32_ps(codes), values.step));
    const __m512i odd = _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
    const __m512i rounded =
        _mm512_add_epi32(_mm512_add_epi32(bits, odd), _mm512_set1_epi32(0x7fff));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(out),
                        _mm512_cvtepi32_epi16(_mm512_srli_epi32(rounded, 16)));
  }
};

}  // namespace
}  // namespace ebb

HWY_POP_ATTRIBUTES
