// The rANS stream coder in AVX-512 (VBMI, VBMI2): 64 lanes at once, as planes of low and high
// bytes.
//
// A lane gives out its low byte when high >= slots (that is x >= 256 slots). The quotient by
// `slots` is the high half of x * floor(65536 / slots), which is at most one too small: x / slots -
// x * floor(65536 / slots) / 65536 < x / 65536 < 1; one comparison of the remainder puts that
// right.
#include <hwy/base.h>
#include <immintrin.h>

#include <utility>

#include "codec/stream_encoder.h"

HWY_PUSH_ATTRIBUTES("avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512vbmi2,bmi,bmi2,popcnt")

namespace ebb {
namespace {

// Puts the bytes of `values` that `mask` selects before all earlier ones, in rising order.
inline __attribute__((always_inline)) void Put(CodedBytes* bytes, __mmask64 mask, __m512i values) {
  const auto count = static_cast<size_t>(_mm_popcnt_u64(mask));
  _mm512_mask_storeu_epi8(bytes->Before(count),
                          _bzhi_u64(~uint64_t{0}, static_cast<uint32_t>(count)),
                          _mm512_maskz_compress_epi8(mask, values));
}

struct Quotient {
  __m512i quotient;
  __m512i remainder;
};

// x / slots and x mod slots in 16-bit lanes; x < 256 slots.
inline __attribute__((always_inline)) Quotient Divide(__m512i x, __m512i slots,
                                                      __m512i reciprocal) {
  const __m512i low = _mm512_mulhi_epu16(x, reciprocal);
  const __m512i rest = _mm512_sub_epi16(x, _mm512_mullo_epi16(low, slots));
  const __mmask32 one_more = _mm512_cmpge_epu16_mask(rest, slots);
  return {_mm512_mask_add_epi16(low, one_more, low, _mm512_set1_epi16(1)),
          _mm512_mask_sub_epi16(rest, one_more, rest, slots)};
}

// The even and the odd bytes of a as low, those of b as high bytes of 16-bit lanes.
inline __attribute__((always_inline)) __m512i Even(__m512i a, __m512i b) {
  return _mm512_mask_blend_epi8(0xAAAAAAAAAAAAAAAAull, a, _mm512_slli_epi16(b, 8));
}
inline __attribute__((always_inline)) __m512i Odd(__m512i a, __m512i b) {
  return _mm512_mask_blend_epi8(0xAAAAAAAAAAAAAAAAull, _mm512_srli_epi16(a, 8), b);
}

class Coder {
 public:
  explicit Coder(size_t tokens) : bytes_(tokens), escapes_(tokens) {}

  void CodeRun(const TokenRun& run) {
    const CodingTable& table = *run.table;
    const __m512i slots_table = _mm512_load_si512(table.slots.data());
    const __m512i base_table = _mm512_load_si512(table.base.data());
    const __m512i low_table = _mm512_load_si512(table.reciprocal_low.data());
    const __m512i high_table = _mm512_load_si512(table.reciprocal_high.data());
    __m512i slot_of[4];
    for (int i = 0; i < 4; ++i) slot_of[i] = _mm512_load_si512(table.slot_of.data() + 64 * i);
    const __m512i zero = _mm512_setzero_si512();
    for (uint32_t block = run.blocks; block-- > 0;) {
      __m512i tokens = _mm512_loadu_si512(run.tokens + size_t{block} * kLanes);
      // Known tokens lie in -31..31 and have slots.
      const __m512i from_min = _mm512_sub_epi8(tokens, _mm512_set1_epi8(kMinToken));
      const __mmask64 in_range =
          _mm512_cmple_epu8_mask(from_min, _mm512_set1_epi8(kMaxToken - kMinToken));
      const __m512i own_slots = _mm512_permutexvar_epi8(tokens, slots_table);
      const __mmask64 escaped = ~(in_range & _mm512_test_epi8_mask(own_slots, own_slots));
      if (escaped != 0) {
        Put(&escapes_, escaped, tokens);
        tokens = _mm512_mask_mov_epi8(tokens, escaped, _mm512_set1_epi8(kEscapeToken));
      }
      const __m512i slots = _mm512_permutexvar_epi8(tokens, slots_table);
      const __m512i base = _mm512_permutexvar_epi8(tokens, base_table);
      const __m512i reciprocal_low = _mm512_permutexvar_epi8(tokens, low_table);
      const __m512i reciprocal_high = _mm512_permutexvar_epi8(tokens, high_table);

      const __mmask64 full = _mm512_cmpge_epu8_mask(high_, slots);
      Put(&bytes_, full, low_);
      const __m512i low = _mm512_mask_mov_epi8(low_, full, high_);
      const __m512i high = _mm512_mask_mov_epi8(high_, full, zero);

      const Quotient even =
          Divide(Even(low, high), Even(slots, zero), Even(reciprocal_low, reciprocal_high));
      const Quotient odd =
          Divide(Odd(low, high), Odd(slots, zero), Odd(reciprocal_low, reciprocal_high));
      high_ = Even(even.quotient, zero);
      high_ = _mm512_or_si512(high_, _mm512_slli_epi16(odd.quotient, 8));
      const __m512i remainder =
          _mm512_or_si512(even.remainder, _mm512_slli_epi16(odd.remainder, 8));
      const __m512i index = _mm512_add_epi8(base, remainder);
      low_ = _mm512_mask_blend_epi8(_mm512_movepi8_mask(index),
                                    _mm512_permutex2var_epi8(slot_of[0], index, slot_of[1]),
                                    _mm512_permutex2var_epi8(slot_of[2], index, slot_of[3]));
    }
  }

  void Finish(CodedStream* stream) {
    alignas(64) std::array<uint8_t, kLanes> low;
    alignas(64) std::array<uint8_t, kLanes> high;
    _mm512_store_si512(low.data(), low_);
    _mm512_store_si512(high.data(), high_);
    for (size_t lane = 0; lane < kLanes; ++lane) {
      stream->states[lane] = static_cast<uint16_t>(high[lane] << 8 | low[lane]);
    }
    stream->bytes = std::move(bytes_);
    stream->escapes = std::move(escapes_);
  }

 private:
  __m512i low_ = _mm512_setzero_si512();  // every lane starts at 256
  __m512i high_ = _mm512_set1_epi8(1);
  CodedBytes bytes_;
  CodedBytes escapes_;
};

}  // namespace

void CodeStreamAvx512(std::span<const TokenRun> runs, CodedStream* stream) {
  Coder coder(TokensOf(runs));
  for (size_t r = runs.size(); r-- > 0;) {
    if (!runs[r].table->single) coder.CodeRun(runs[r]);
  }
  coder.Finish(stream);
}

}  // namespace ebb

HWY_POP_ATTRIBUTES
