// The coder of layout 2 in AVX-512 (VBMI2): 16 lanes at a time.
//
// Quotients come from float64: x < 2^32 and f <= 4096 are exact there, and where x / f is no whole
// number it is at least 1 / f >= 2^-12 below the next one, while rounding moves it by less than
// 2^32 x 2^-53. So cutting the rounded quotient gives the right one.
#include <hwy/base.h>
#include <immintrin.h>

#include "codec/small_stream.h"

HWY_PUSH_ATTRIBUTES("avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512vbmi2,bmi,bmi2,popcnt")

namespace ebb {
namespace {

inline __attribute__((always_inline)) __m256i Quotient8(__m256i x, __m256i slots) {
  return _mm512_cvttpd_epu32(_mm512_div_pd(_mm512_cvtepu32_pd(x), _mm512_cvtepu32_pd(slots)));
}

inline __attribute__((always_inline)) __m512i Quotient(__m512i x, __m512i slots) {
  const __m256i low = Quotient8(_mm512_castsi512_si256(x), _mm512_castsi512_si256(slots));
  const __m256i high =
      Quotient8(_mm512_extracti64x4_epi64(x, 1), _mm512_extracti64x4_epi64(slots, 1));
  return _mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1);
}

// Puts the low halves of the lanes that `mask` selects before `at`, in rising order.
inline __attribute__((always_inline)) uint16_t* PutBefore(uint16_t* at, __mmask16 mask,
                                                          __m512i lanes) {
  const auto count = static_cast<uint32_t>(_mm_popcnt_u32(mask));
  at -= count;
  _mm256_mask_storeu_epi16(at, static_cast<__mmask16>(_bzhi_u32(0xffff, count)),
                           _mm512_cvtepi32_epi16(_mm512_maskz_compress_epi32(mask, lanes)));
  return at;
}

}  // namespace

void CodeSmallAvx512(const int32_t* values, size_t blocks, int raw_bits,
                     const SmallCodingTable& table, SmallStream* stream) {
  constexpr int kVectors = kLanes / 16;
  const __m128i shift = _mm_cvtsi32_si128(raw_bits);
  const __m512i first = _mm512_set1_epi32(table.first);
  const __m512i last_offset = _mm512_set1_epi32(kSmallEscape);
  const __m512i all_slots = _mm512_set1_epi32(kSmallSlots);
  const __m512i low_half = _mm512_set1_epi32(0xffff);
  const __m512i slot_bits = _mm512_set1_epi32(kSmallSlots - 1);
  __m512i x[kVectors];
  for (int v = 0; v < kVectors; ++v) x[v] = _mm512_load_si512(stream->states.data() + 16 * v);
  uint16_t* words = stream->words_at;
  for (size_t block = blocks; block-- > 0;) {
    __m512i tokens[kVectors];
    __m512i symbols[kVectors];
    for (int v = 0; v < kVectors; ++v) {
      tokens[v] = _mm512_sra_epi32(_mm512_loadu_si512(values + block * kLanes + 16 * v), shift);
      const __m512i offset = _mm512_min_epu32(_mm512_sub_epi32(tokens[v], first), last_offset);
      symbols[v] = _mm512_i32gather_epi32(offset, table.of_offset.data(), 4);
    }
    for (int v = kVectors - 1; v >= 0; --v) {
      const __mmask16 escaped = _mm512_movepi32_mask(symbols[v]);
      if (escaped != 0) [[unlikely]] {
        stream->escapes_at = PutBefore(stream->escapes_at, escaped, tokens[v]);
      }
      const __m512i slots = _mm512_and_si512(symbols[v], low_half);
      // A state of f x 2^20 or more gives out its low 16 bits first.
      const __mmask16 full = _mm512_cmpge_epu32_mask(_mm512_srli_epi32(x[v], 20), slots);
      words = PutBefore(words, full, x[v]);
      x[v] = _mm512_mask_srli_epi32(x[v], full, x[v], 16);
      const __m512i start = _mm512_and_si512(_mm512_srli_epi32(symbols[v], 16), slot_bits);
      const __m512i rest =
          _mm512_mullo_epi32(Quotient(x[v], slots), _mm512_sub_epi32(all_slots, slots));
      x[v] = _mm512_add_epi32(_mm512_add_epi32(x[v], start), rest);
    }
  }
  for (int v = 0; v < kVectors; ++v) _mm512_store_si512(stream->states.data() + 16 * v, x[v]);
  stream->words_at = words;
}

}  // namespace ebb

HWY_POP_ATTRIBUTES
