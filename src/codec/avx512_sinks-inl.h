// Layout 1 with AVX-512: the 64 tokens of a block and their raw bits become what the caller wants.
#pragma once

#include <hwy/base.h>
#include <immintrin.h>

#include <array>

#include "base/float16.h"
#include "codec/avx512_common-inl.h"
#include "codec/chunk.h"

HWY_PUSH_ATTRIBUTES(
    "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512vbmi2,bmi,bmi2,popcnt,avx2,fma")

namespace ebb {
namespace {

// Raw bits of 64 elements as bytes whose low k bits count (k <= 8): element i has bits i*k of the
// block.
class RawBytes {
 public:
  EBB_INLINE RawBytes Make(int k) {
    alignas(64) std::array<uint8_t, 64> spread;
    alignas(64) std::array<uint8_t, 64> shifts;
    for (int i = 0; i < 64; ++i) {
      // Eight elements use k whole bytes: those go to one 64-bit word.
      spread[static_cast<size_t>(i)] = static_cast<uint8_t>(i / 8 * k + i % 8);
      shifts[static_cast<size_t>(i)] = static_cast<uint8_t>(i % 8 * k);
    }
    RawBytes raw;
    raw.spread_ = _mm512_load_si512(spread.data());
    raw.shifts_ = _mm512_load_si512(shifts.data());
    return raw;
  }
  EBB_INLINE __m512i Load(const RawBytes& raw, const uint8_t* from) {
    const __m512i words = _mm512_permutexvar_epi8(raw.spread_, _mm512_loadu_si512(from));
    return _mm512_multishift_epi64_epi8(raw.shifts_, words);
  }

 private:
  __m512i spread_;
  __m512i shifts_;
};

// Codes of one byte; k <= 7.
template <bool kRaw>
struct Int8Codes {
  RawBytes raw;
  __m512i raw_mask;
  __m128i shift;

  EBB_INLINE Int8Codes Make(int k) {
    Int8Codes codes;
    codes.raw = RawBytes::Make(k);
    codes.raw_mask = _mm512_set1_epi8(static_cast<char>((1 << k) - 1));
    codes.shift = _mm_cvtsi32_si128(k);
    return codes;
  }
  EBB_INLINE __m512i Join(const Int8Codes& codes, __m512i tokens, const uint8_t* raw) {
    if constexpr (!kRaw) return tokens;
    const __m512i shifted = _mm512_sll_epi16(tokens, codes.shift);
    // raw where the mask is set, shifted token elsewhere (0xCA: bitwise select).
    return _mm512_ternarylogic_epi64(codes.raw_mask, RawBytes::Load(codes.raw, raw), shifted, 0xCA);
  }
};

template <bool kRaw>
struct Int8Sink {
  using Out = int8_t;
  Int8Codes<kRaw> codes;

  EBB_INLINE Int8Sink Make(const ChunkView& chunk) {
    return {Int8Codes<kRaw>::Make(chunk.header.raw_bits)};
  }
  EBB_INLINE void Put(const Int8Sink& sink, __m512i tokens, const uint8_t* raw, Out* out) {
    _mm512_storeu_si512(out, Int8Codes<kRaw>::Join(sink.codes, tokens, raw));
  }
};

// bf16(code x step) by table: magnitudes 0..127 in two pairs of registers, low and high byte.
template <bool kRaw>
struct Bf16Sink {
  using Out = uint16_t;
  Int8Codes<kRaw> codes;
  __m512i low[2];
  __m512i high[2];

  EBB_INLINE Bf16Sink Make(const ChunkView& chunk) {
    Bf16Sink sink;
    sink.codes = Int8Codes<kRaw>::Make(chunk.header.raw_bits);
    alignas(64) std::array<uint8_t, 128> low_bytes;
    alignas(64) std::array<uint8_t, 128> high_bytes;
    for (size_t code = 0; code < 128; ++code) {
      const uint16_t value = F32ToBf16(static_cast<float>(code) * chunk.step());
      low_bytes[code] = static_cast<uint8_t>(value);
      high_bytes[code] = static_cast<uint8_t>(value >> 8);
    }
    for (int i = 0; i < 2; ++i) {
      sink.low[i] = _mm512_load_si512(low_bytes.data() + 64 * i);
      sink.high[i] = _mm512_load_si512(high_bytes.data() + 64 * i);
    }
    return sink;
  }
  EBB_INLINE void Put(const Bf16Sink& sink, __m512i tokens, const uint8_t* raw, Out* out) {
    const __m512i code = Int8Codes<kRaw>::Join(sink.codes, tokens, raw);
    const __m512i magnitude = _mm512_abs_epi8(code);
    const __m512i low = _mm512_permutex2var_epi8(sink.low[0], magnitude, sink.low[1]);
    // The code's sign is the value's (0xF8: a | (b & c)).
    const __m512i high =
        _mm512_ternarylogic_epi64(_mm512_permutex2var_epi8(sink.high[0], magnitude, sink.high[1]),
                                  code, _mm512_set1_epi8(static_cast<char>(0x80)), 0xF8);
    // Interleaving works within 128 bits: a has elements 0-7, 16-23, 32-39, 48-55, b the others.
    const __m512i a = _mm512_unpacklo_epi8(low, high);
    const __m512i b = _mm512_unpackhi_epi8(low, high);
    const __m512i first = _mm512_setr_epi64(0, 1, 8, 9, 2, 3, 10, 11);
    const __m512i second = _mm512_setr_epi64(4, 5, 12, 13, 6, 7, 14, 15);
    _mm512_storeu_si512(out, _mm512_permutex2var_epi64(a, first, b));
    _mm512_storeu_si512(out + 32, _mm512_permutex2var_epi64(a, second, b));
  }
};

// bf16(token x step) where codes are tokens of six bits: one table of 64
// words, looked up by the low six bits of each word, which are those of the even tokens, or after a
// shift of the odd ones.
struct Bf16TokenSink {
  using Out = uint16_t;
  __m512i table[2];
  __m512i first;  // word indices that interleave even and odd words
  __m512i second;

  EBB_INLINE Bf16TokenSink Make(const ChunkView& chunk) {
    alignas(64) std::array<uint16_t, 64> values;
    alignas(64) std::array<uint16_t, 32> order;
    for (int i = 0; i < 64; ++i) {
      const int token = i < 32 ? i : i - 64;
      values[static_cast<size_t>(i)] = F32ToBf16(static_cast<float>(token) * chunk.step());
    }
    for (size_t i = 0; i < 32; ++i) order[i] = static_cast<uint16_t>(i / 2 + i % 2 * 32);
    Bf16TokenSink sink;
    sink.table[0] = _mm512_load_si512(values.data());
    sink.table[1] = _mm512_load_si512(values.data() + 32);
    sink.first = _mm512_load_si512(order.data());
    sink.second = _mm512_add_epi16(sink.first, _mm512_set1_epi16(16));
    return sink;
  }
  EBB_INLINE void Put(const Bf16TokenSink& sink, __m512i tokens, const uint8_t*, Out* out) {
    const __m512i odd_tokens = _mm512_srli_epi16(tokens, 8);
    const __m512i even = _mm512_permutex2var_epi16(sink.table[0], tokens, sink.table[1]);
    const __m512i odd = _mm512_permutex2var_epi16(sink.table[0], odd_tokens, sink.table[1]);
    _mm512_storeu_si512(out, _mm512_permutex2var_epi16(even, sink.first, odd));
    _mm512_storeu_si512(out + 32, _mm512_permutex2var_epi16(even, sink.second, odd));
  }
};

// 16-bit integers; k <= 8.
template <bool kRaw>
struct Int16Sink {
  using Out = int16_t;
  RawBytes raw_bytes;
  __m512i raw_mask;
  __m128i shift;

  EBB_INLINE Int16Sink Make(const ChunkView& chunk) {
    const int k = chunk.header.raw_bits;
    Int16Sink sink;
    sink.raw_bytes = RawBytes::Make(k);
    sink.raw_mask = _mm512_set1_epi16(static_cast<int16_t>((1 << k) - 1));
    sink.shift = _mm_cvtsi32_si128(k);
    return sink;
  }
  EBB_INLINE void Put(const Int16Sink& sink, __m512i tokens, const uint8_t* raw, Out* out) {
    __m512i first = _mm512_cvtepi8_epi16(_mm512_castsi512_si256(tokens));
    __m512i second = _mm512_cvtepi8_epi16(_mm512_extracti64x4_epi64(tokens, 1));
    if constexpr (kRaw) {
      const __m512i bytes = RawBytes::Load(sink.raw_bytes, raw);
      first = _mm512_ternarylogic_epi64(sink.raw_mask,
                                        _mm512_cvtepu8_epi16(_mm512_castsi512_si256(bytes)),
                                        _mm512_sll_epi16(first, sink.shift), 0xCA);
      second = _mm512_ternarylogic_epi64(sink.raw_mask,
                                         _mm512_cvtepu8_epi16(_mm512_extracti64x4_epi64(bytes, 1)),
                                         _mm512_sll_epi16(second, sink.shift), 0xCA);
    }
    _mm512_storeu_si512(out, first);
    _mm512_storeu_si512(out + 32, second);
  }
};

// Codes of any width, 16 at a time in 32-bit lanes; k <= 24.
template <typename Values>
struct WideSink {
  using Out = typename Values::Out;
  WideRaw raw;
  Values values;

  EBB_INLINE WideSink Make(const ChunkView& chunk) {
    return {WideRaw::Make(chunk.header.raw_bits), Values::Make(chunk)};
  }
  EBB_INLINE void Put(const WideSink& sink, __m512i tokens, const uint8_t* raw, Out* out) {
    const int k = sink.raw.k;
    Put16(sink, _mm512_castsi512_si128(tokens), raw, out);
    Put16(sink, _mm512_extracti32x4_epi32(tokens, 1), raw + 2 * k, out + 16);
    Put16(sink, _mm512_extracti32x4_epi32(tokens, 2), raw + 4 * k, out + 32);
    Put16(sink, _mm512_extracti32x4_epi32(tokens, 3), raw + 6 * k, out + 48);
  }
  EBB_INLINE void Put16(const WideSink& sink, __m128i tokens, const uint8_t* raw, Out* out) {
    Values::Put(sink.values, WideRaw::Join(sink.raw, _mm512_cvtepi8_epi32(tokens), raw), out);
  }
};

}  // namespace
}  // namespace ebb

HWY_POP_ATTRIBUTES
