// Layout 1 with AVX-512 (VBMI and VBMI2): one block of each of some streams.
//
// A stream's 64 lanes are one register of low bytes (the slots) and one of high bytes. Slot ->
// token and slot -> rank are 256-entry byte tables in four registers each, looked up with two byte
// permutations and a blend; token -> slots is one more permutation, whose index is the token's low
// six bits, which the instruction takes for free. The new state slots x high + rank is one
// multiply-add of byte pairs (vpmaddubsw) for the even and one for the odd lanes. Renormalisation
// expands the stream's next bytes into the lanes whose high byte became 0 (vpexpandb).
//
// A block takes about 41 cycles from state to state on Zen 4 and, where the one unit for
// permutations across 512 bits is the limit, about 10 of execution. So four streams run in
// lockstep, step by step and not block after block: the processor's window of waiting instructions
// is too small to find the other streams' work behind a whole block.
#pragma once

#include <hwy/base.h>
#include <immintrin.h>

#include <array>

#include "codec/avx512_common-inl.h"
#include "codec/chunk.h"

HWY_PUSH_ATTRIBUTES(
    "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512vbmi2,bmi,bmi2,popcnt,avx2,fma")

namespace ebb {
namespace {

struct StreamState {
  alignas(64) std::array<uint8_t, kLanes> low;
  alignas(64) std::array<uint8_t, kLanes> high;
  const uint8_t* bytes;
  const uint8_t* bytes_end;
  const uint8_t* escapes;
  const uint8_t* escapes_end;
};

// A SlotTable in registers.
struct TableRegisters {
  __m512i token[4];
  __m512i rank[4];
  __m512i slots;
};

EBB_INLINE TableRegisters LoadTable(const SlotTable& table) {
  TableRegisters registers;
  for (int i = 0; i < 4; ++i) {
    registers.token[i] = _mm512_load_si512(table.token.data() + 64 * i);
    registers.rank[i] = _mm512_load_si512(table.rank.data() + 64 * i);
  }
  registers.slots = _mm512_load_si512(table.slots.data());
  return registers;
}

// table[index] for 64 byte indices; `upper` says which indices are 128 or more.
EBB_INLINE __m512i Lookup256(const __m512i (&table)[4], __m512i index, __mmask64 upper) {
  return _mm512_mask_blend_epi8(upper, _mm512_permutex2var_epi8(table[0], index, table[1]),
                                _mm512_permutex2var_epi8(table[2], index, table[3]));
}

constexpr __mmask64 kEvenBytes = 0x5555555555555555;
constexpr __mmask64 kOddBytes = ~kEvenBytes;

// Byte indices that interleave two registers: the even bytes of both, or the odd ones.
struct Interleave {
  __m512i even;  // a[0] b[0] a[2] b[2] ...
  __m512i odd;   // a[1] b[1] a[3] b[3] ...
};

EBB_INLINE Interleave MakeInterleave() {
  alignas(64) std::array<uint8_t, 64> even;
  for (size_t i = 0; i < 64; ++i) even[i] = static_cast<uint8_t>(i % 2 == 0 ? i : 63 + i);
  Interleave interleave;
  interleave.even = _mm512_load_si512(even.data());
  interleave.odd = _mm512_add_epi8(interleave.even, _mm512_set1_epi8(1));
  return interleave;
}

// slots x high + rank for the 64 lanes, split into low and high bytes again.
// kWide: some token has more than 127 slots, which vpmaddubsw would take as negative.
template <bool kWide>
EBB_INLINE void NextStates(const Interleave& interleave, __m512i tokens, __m512i slots_of_tokens,
                           __m512i rank, __m512i* low, __m512i* high) {
  __m512i even;
  __m512i odd;
  if constexpr (kWide) {
    const __m512i low_bytes = _mm512_set1_epi16(0x00ff);
    const __m512i slots = _mm512_permutexvar_epi8(tokens, slots_of_tokens);
    even = _mm512_add_epi16(
        _mm512_mullo_epi16(_mm512_and_si512(low_bytes, *high), _mm512_and_si512(low_bytes, slots)),
        _mm512_and_si512(low_bytes, rank));
    odd = _mm512_add_epi16(
        _mm512_mullo_epi16(_mm512_srli_epi16(*high, 8), _mm512_srli_epi16(slots, 8)),
        _mm512_srli_epi16(rank, 8));
  } else {
    // Even lanes: bytes (high, rank) x (slots, 1). Odd lanes: (rank, high) x (1, slots).
    const __m512i ones = _mm512_set1_epi8(1);
    even = _mm512_maddubs_epi16(
        _mm512_permutex2var_epi8(*high, interleave.even, rank),
        _mm512_mask_permutexvar_epi8(ones, kEvenBytes, tokens, slots_of_tokens));
    odd = _mm512_maddubs_epi16(
        _mm512_permutex2var_epi8(rank, interleave.odd, *high),
        _mm512_mask_permutexvar_epi8(ones, kOddBytes, tokens, slots_of_tokens));
  }
  *low = _mm512_mask_mov_epi8(_mm512_slli_epi16(odd, 8), kEvenBytes, even);
  *high = _mm512_mask_mov_epi8(_mm512_srli_epi16(even, 8), kOddBytes, odd);
}

#define EBB_EACH_STREAM _Pragma("GCC unroll 4") for (int s = 0; s < kStreams; ++s)

// Decodes one block of each stream to its 64 tokens. A damaged stream reads no further than 65
// bytes past its end.
template <int kStreams, bool kWide, bool kEscapes>
EBB_INLINE void DecodeBlocks(const TableRegisters& table, const Interleave& interleave,
                             __m512i* low, __m512i* high, StreamState* streams, __m512i* tokens) {
  __mmask64 upper[kStreams];
  __m512i ranks[kStreams];
  EBB_EACH_STREAM upper[s] = _mm512_movepi8_mask(low[s]);
  EBB_EACH_STREAM tokens[s] = Lookup256(table.token, low[s], upper[s]);
  EBB_EACH_STREAM ranks[s] = Lookup256(table.rank, low[s], upper[s]);
  EBB_EACH_STREAM NextStates<kWide>(interleave, tokens[s], table.slots, ranks[s], &low[s],
                                    &high[s]);
  __mmask64 small[kStreams];
  EBB_EACH_STREAM small[s] = _mm512_testn_epi8_mask(high[s], high[s]);
  EBB_EACH_STREAM high[s] = _mm512_mask_mov_epi8(high[s], small[s], low[s]);
  EBB_EACH_STREAM low[s] =
      _mm512_mask_expand_epi8(low[s], small[s], _mm512_loadu_si512(streams[s].bytes));
  EBB_EACH_STREAM streams[s].bytes =
      Advance(streams[s].bytes, _mm_popcnt_u64(small[s]), streams[s].bytes_end);
  if constexpr (kEscapes) {
    EBB_EACH_STREAM {
      const __mmask64 escaped = _mm512_cmpeq_epi8_mask(tokens[s], _mm512_set1_epi8(kEscapeToken));
      tokens[s] =
          _mm512_mask_expand_epi8(tokens[s], escaped, _mm512_loadu_si512(streams[s].escapes));
      streams[s].escapes =
          Advance(streams[s].escapes, _mm_popcnt_u64(escaped), streams[s].escapes_end);
    }
  }
}

}  // namespace
}  // namespace ebb

HWY_POP_ATTRIBUTES
