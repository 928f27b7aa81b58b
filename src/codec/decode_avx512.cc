// The AVX-512 decoder (VBMI and VBMI2: Ice Lake, Zen 4 and later).
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
#include <hwy/base.h>
#include <immintrin.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <type_traits>

#include "base/bytes.h"
#include "base/float16.h"
#include "codec/chunk_decoder.h"
#include "codec/decoders.h"

HWY_PUSH_ATTRIBUTES(
    "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512vbmi2,bmi,bmi2,popcnt,avx2,fma")

namespace ebb {
namespace {

#define EBB_INLINE static inline __attribute__((always_inline))

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

// One byte behind the end is where a stream stays that wanted more than there is: AtEnd sees it.
EBB_INLINE const uint8_t* Advance(const uint8_t* bytes, __mmask64 taken, const uint8_t* end) {
  bytes += _mm_popcnt_u64(taken);
  return bytes <= end ? bytes : end + 1;
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
  EBB_EACH_STREAM streams[s].bytes = Advance(streams[s].bytes, small[s], streams[s].bytes_end);
  if constexpr (kEscapes) {
    EBB_EACH_STREAM {
      const __mmask64 escaped = _mm512_cmpeq_epi8_mask(tokens[s], _mm512_set1_epi8(kEscapeToken));
      tokens[s] =
          _mm512_mask_expand_epi8(tokens[s], escaped, _mm512_loadu_si512(streams[s].escapes));
      streams[s].escapes = Advance(streams[s].escapes, escaped, streams[s].escapes_end);
    }
  }
}

// --- Sinks: tokens and raw bits become the integers of one block. ---

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

// Integers of any width, 16 at a time in 32-bit lanes; k <= 24.
template <typename T>
struct WideSink {
  using Out = T;
  int k;
  __m512i spread;  // byte 4i+j: byte j of the four that hold element i's bits
  __m512i shifts;
  __m512i raw_mask;
  __m128i shift;

  EBB_INLINE WideSink Make(const ChunkView& chunk) {
    WideSink sink;
    sink.k = chunk.header.raw_bits;
    alignas(64) std::array<uint8_t, 64> spread;
    alignas(64) std::array<uint32_t, 16> shifts;
    for (int i = 0; i < 16; ++i) {
      for (int j = 0; j < 4; ++j) {
        spread[static_cast<size_t>(4 * i + j)] = static_cast<uint8_t>(i * sink.k / 8 + j);
      }
      shifts[static_cast<size_t>(i)] = static_cast<uint32_t>(i * sink.k % 8);
    }
    sink.spread = _mm512_load_si512(spread.data());
    sink.shifts = _mm512_load_si512(shifts.data());
    sink.raw_mask = _mm512_set1_epi32((1 << sink.k) - 1);
    sink.shift = _mm_cvtsi32_si128(sink.k);
    return sink;
  }
  EBB_INLINE void Put(const WideSink& sink, __m512i tokens, const uint8_t* raw, Out* out) {
    Put16(sink, _mm512_castsi512_si128(tokens), raw, out);
    Put16(sink, _mm512_extracti32x4_epi32(tokens, 1), raw + 2 * sink.k, out + 16);
    Put16(sink, _mm512_extracti32x4_epi32(tokens, 2), raw + 4 * sink.k, out + 32);
    Put16(sink, _mm512_extracti32x4_epi32(tokens, 3), raw + 6 * sink.k, out + 48);
  }
  EBB_INLINE __m512i Join16(const WideSink& sink, __m128i tokens, const uint8_t* raw) {
    const __m512i bytes = _mm512_permutexvar_epi8(sink.spread, _mm512_loadu_si512(raw));
    return _mm512_ternarylogic_epi64(sink.raw_mask, _mm512_srlv_epi32(bytes, sink.shifts),
                                     _mm512_sll_epi32(_mm512_cvtepi8_epi32(tokens), sink.shift),
                                     0xCA);
  }
  EBB_INLINE void Put16(const WideSink& sink, __m128i tokens, const uint8_t* raw, Out* out) {
    const __m512i joined = Join16(sink, tokens, raw);
    if constexpr (sizeof(Out) == 4) {
      _mm512_storeu_si512(out, joined);
    } else if constexpr (sizeof(Out) == 2) {
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(out), _mm512_cvtepi32_epi16(joined));
    } else {
      _mm_storeu_si128(reinterpret_cast<__m128i*>(out), _mm512_cvtepi32_epi8(joined));
    }
  }
};

// bf16(code x step) for codes of any width: converted, multiplied, and rounded to nearest even as
// F32ToBf16 does (the conversion instruction would flush denormals). Codes and steps are finite.
struct WideBf16Sink {
  using Out = uint16_t;
  WideSink<int32_t> codes;
  __m512 step;

  EBB_INLINE WideBf16Sink Make(const ChunkView& chunk) {
    return {WideSink<int32_t>::Make(chunk), _mm512_set1_ps(chunk.step())};
  }
  EBB_INLINE void Put(const WideBf16Sink& sink, __m512i tokens, const uint8_t* raw, Out* out) {
    const int k = sink.codes.k;
    Put16(sink, _mm512_castsi512_si128(tokens), raw, out);
    Put16(sink, _mm512_extracti32x4_epi32(tokens, 1), raw + 2 * k, out + 16);
    Put16(sink, _mm512_extracti32x4_epi32(tokens, 2), raw + 4 * k, out + 32);
    Put16(sink, _mm512_extracti32x4_epi32(tokens, 3), raw + 6 * k, out + 48);
  }
  EBB_INLINE void Put16(const WideBf16Sink& sink, __m128i tokens, const uint8_t* raw, Out* out) {
    const __m512i codes = WideSink<int32_t>::Join16(sink.codes, tokens, raw);
    const __m512i bits = _mm512_castps_si512(_mm512_mul_ps(_mm512_cvtepi32_ps(codes), sink.step));
    const __m512i odd = _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
    const __m512i rounded =
        _mm512_add_epi32(_mm512_add_epi32(bits, odd), _mm512_set1_epi32(0x7fff));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(out),
                        _mm512_cvtepi32_epi16(_mm512_srli_epi32(rounded, 16)));
  }
};

// --- Units ---

// Where one unit's integers go and where its raw bits lie.
template <typename Out>
struct UnitPlace {
  Out* out;
  const uint8_t* raw;
};

// Decodes `blocks` whole blocks of kStreams neighbouring units in lockstep.
template <int kStreams, bool kWide, bool kEscapes, typename Sink>
EBB_INLINE void DecodeLockstep(const SlotTable& slot_table, const Sink& sink, StreamState* streams,
                               const UnitPlace<typename Sink::Out>* places, uint32_t blocks,
                               int raw_bits) {
  const TableRegisters table = LoadTable(slot_table);
  const Interleave interleave = MakeInterleave();
  __m512i low[kStreams];
  __m512i high[kStreams];
  StreamState local[kStreams];  // pointers in registers; the byte arrays stay where they are
  for (int s = 0; s < kStreams; ++s) {
    low[s] = _mm512_load_si512(streams[s].low.data());
    high[s] = _mm512_load_si512(streams[s].high.data());
    local[s].bytes = streams[s].bytes;
    local[s].bytes_end = streams[s].bytes_end;
    local[s].escapes = streams[s].escapes;
    local[s].escapes_end = streams[s].escapes_end;
  }
  const size_t raw_step = static_cast<size_t>(raw_bits) * (kLanes / 8);
  for (uint32_t block = 0; block < blocks; ++block) {
    __m512i tokens[kStreams];
    DecodeBlocks<kStreams, kWide, kEscapes>(table, interleave, low, high, local, tokens);
    EBB_EACH_STREAM {
      Sink::Put(sink, tokens[s], places[s].raw + block * raw_step,
                places[s].out + size_t{block} * kLanes);
    }
  }
  for (int s = 0; s < kStreams; ++s) {
    _mm512_store_si512(streams[s].low.data(), low[s]);
    _mm512_store_si512(streams[s].high.data(), high[s]);
    streams[s].bytes = local[s].bytes;
    streams[s].escapes = local[s].escapes;
  }
}

// A table whose one token has all slots: states and streams stay as they are.
template <typename Sink>
EBB_INLINE void FillUnit(const SlotTable& table, const Sink& sink,
                         const UnitPlace<typename Sink::Out>& place, uint32_t blocks,
                         int raw_bits) {
  const __m512i tokens = _mm512_set1_epi8(table.token[0]);
  const size_t raw_step = static_cast<size_t>(raw_bits) * (kLanes / 8);
  for (uint32_t block = 0; block < blocks; ++block) {
    Sink::Put(sink, tokens, place.raw + block * raw_step, place.out + size_t{block} * kLanes);
  }
}

template <int kStreams, typename Sink>
void DecodeUnits(const SlotTable& table, const Sink& sink, StreamState* streams,
                 const UnitPlace<typename Sink::Out>* places, uint32_t blocks, int raw_bits) {
  if (table.single) {
    for (int s = 0; s < kStreams; ++s) FillUnit(table, sink, places[s], blocks, raw_bits);
  } else if (table.max_slots > 127) {
    DecodeLockstep<kStreams, true, true>(table, sink, streams, places, blocks, raw_bits);
  } else if (table.has_escape) {
    DecodeLockstep<kStreams, false, true>(table, sink, streams, places, blocks, raw_bits);
  } else {
    DecodeLockstep<kStreams, false, false>(table, sink, streams, places, blocks, raw_bits);
  }
}

template <typename Sink>
class Avx512Decoder {
 public:
  using Out = typename Sink::Out;

  // `visitor`: units go to `out` of kMaxUnitsAtOnce units, and from there to it.
  Avx512Decoder(const ChunkView& chunk, Out* out, UnitVisitor* visitor)
      : chunk_(chunk), out_(out), visitor_(visitor), sink_(Sink::Make(chunk)) {
    for (int c = 0; c < chunk.header.classes; ++c) {
      tables_[static_cast<size_t>(c)] = BuildSlotTable(chunk.tables[static_cast<size_t>(c)]);
    }
    for (size_t s = 0; s < static_cast<size_t>(chunk.stream_count()); ++s) {
      StreamState& stream = streams_[s];
      for (size_t lane = 0; lane < kLanes; ++lane) {
        const auto x = LoadLe<uint16_t>(chunk.states + (s * kLanes + lane) * 2);
        stream.low[lane] = static_cast<uint8_t>(x);
        stream.high[lane] = static_cast<uint8_t>(x >> 8);
      }
      stream.bytes = Bytes(chunk.streams[s].bytes_begin);
      stream.bytes_end = Bytes(chunk.streams[s].bytes_end);
      stream.escapes = Bytes(chunk.streams[s].escapes_begin);
      stream.escapes_end = Bytes(chunk.streams[s].escapes_end);
    }
  }

  bool Run() {
    const int streams = chunk_.stream_count();
    const int group = streams < 4 ? streams : 4;
    const uint32_t unit_blocks = chunk_.header.unit / kLanes;
    const int k = chunk_.header.raw_bits;
    UnitOrder order(chunk_);
    UnitOrder::Unit unit;
    UnitPlace<Out> places[kMaxUnitsAtOnce];
    int class_number = 0;
    int waiting = 0;       // full units gathered for a lockstep run
    int first_stream = 0;  // the stream of the first of them
    const auto finish_singly = [&] {
      for (int i = 0; i < waiting; ++i) {
        DecodeUnits<1>(tables_[static_cast<size_t>(class_number)], sink_,
                       &streams_[static_cast<size_t>(first_stream + i)], &places[i], unit_blocks,
                       k);
      }
      Visit(waiting);
    };
    while (order.Next(&unit)) {
      if (unit.elements != chunk_.header.unit) {  // the partial unit comes last
        finish_singly();
        DecodePartial(unit, static_cast<size_t>((first_stream + waiting) % streams));
        waiting = 0;
        break;
      }
      class_number = unit.class_number;
      positions_[static_cast<size_t>(waiting)] = unit.position;
      places[waiting] = PlaceOf(unit, waiting);
      if (++waiting < group) continue;
      const SlotTable& table = tables_[static_cast<size_t>(class_number)];
      StreamState* first = &streams_[static_cast<size_t>(first_stream)];
      if (group == 4) {
        DecodeUnits<4>(table, sink_, first, places, unit_blocks, k);
      } else if (group == 2) {
        DecodeUnits<2>(table, sink_, first, places, unit_blocks, k);
      } else {
        DecodeUnits<1>(table, sink_, first, places, unit_blocks, k);
      }
      Visit(waiting);
      first_stream = (first_stream + group) % streams;
      waiting = 0;
    }
    finish_singly();
    return AtEnd();
  }

 private:
  static const uint8_t* Bytes(const std::byte* bytes) {
    return reinterpret_cast<const uint8_t*>(bytes);
  }

  // The place of a unit that is the number-th of those that are decoded together.
  UnitPlace<Out> PlaceOf(const UnitOrder::Unit& unit, int number) const {
    const size_t first = size_t{unit.position} * chunk_.header.unit;
    const size_t to = visitor_ != nullptr ? size_t(number) * chunk_.header.unit : first;
    return {out_ + to, Bytes(chunk_.raw) + first / 8 * chunk_.header.raw_bits};
  }

  void Visit(int units) {
    if constexpr (std::is_same_v<Out, int8_t>) {
      if (visitor_ != nullptr && units > 0) {
        visitor_->Visit(std::span(positions_).first(static_cast<size_t>(units)), out_);
      }
    }
  }

  // Whole blocks in place, the last elements by way of a buffer.
  void DecodePartial(const UnitOrder::Unit& unit, size_t stream) {
    const SlotTable& table = tables_[static_cast<size_t>(unit.class_number)];
    const int k = chunk_.header.raw_bits;
    const uint32_t blocks = unit.elements / kLanes;
    const uint32_t rest = unit.elements % kLanes;
    UnitPlace<Out> place = PlaceOf(unit, 0);
    DecodeUnits<1>(table, sink_, &streams_[stream], &place, blocks, k);
    if (rest == 0) return;
    alignas(64) std::array<Out, kLanes> last;
    Out* const end = place.out + size_t{blocks} * kLanes;
    place = {last.data(), place.raw + size_t{blocks} * (kLanes / 8) * static_cast<size_t>(k)};
    DecodeUnits<1>(table, sink_, &streams_[stream], &place, 1, k);
    std::memcpy(end, last.data(), rest * sizeof(Out));
  }

  bool AtEnd() const {
    for (size_t s = 0; s < static_cast<size_t>(chunk_.stream_count()); ++s) {
      const StreamState& stream = streams_[s];
      for (size_t lane = 0; lane < kLanes; ++lane) {
        if (stream.low[lane] != 0 || stream.high[lane] != 1) return false;
      }
      if (stream.bytes != stream.bytes_end || stream.escapes != stream.escapes_end) return false;
    }
    return true;
  }

  const ChunkView& chunk_;
  Out* out_;
  UnitVisitor* visitor_;
  std::array<uint32_t, kMaxUnitsAtOnce> positions_;
  Sink sink_;
  std::array<SlotTable, kMaxClasses> tables_;
  std::array<StreamState, kMaxStreams> streams_;
};

template <typename Sink>
bool Decode(const ChunkView& chunk, typename Sink::Out* out, UnitVisitor* visitor = nullptr) {
  return Avx512Decoder<Sink>(chunk, out, visitor).Run();
}

bool ToInt8With(const ChunkView& chunk, int8_t* out, UnitVisitor* visitor) {
  if (chunk.header.raw_bits == 0) return Decode<Int8Sink<false>>(chunk, out, visitor);
  if (chunk.header.raw_bits <= 7) return Decode<Int8Sink<true>>(chunk, out, visitor);
  return Decode<WideSink<int8_t>>(chunk, out, visitor);
}

bool ToInt8(const ChunkView& chunk, int8_t* out) {
  return chunk.is_small() ? DecodeSmallAvx512(chunk, out) : ToInt8With(chunk, out, nullptr);
}

bool UnitsToInt8(const ChunkView& chunk, int8_t* tile, UnitVisitor& visitor) {
  return !chunk.is_small() && ToInt8With(chunk, tile, &visitor);
}

bool ToInt16(const ChunkView& chunk, int16_t* out) {
  if (chunk.is_small()) return DecodeSmallAvx512(chunk, out);
  if (chunk.header.raw_bits == 0) return Decode<Int16Sink<false>>(chunk, out);
  if (chunk.header.raw_bits <= 8) return Decode<Int16Sink<true>>(chunk, out);
  return Decode<WideSink<int16_t>>(chunk, out);
}

bool ToInt32(const ChunkView& chunk, int32_t* out) {
  return chunk.is_small() ? DecodeSmallAvx512(chunk, out) : Decode<WideSink<int32_t>>(chunk, out);
}

// Whether every escaped token, too, lies in -32..31. Escapes are rare: looking at all of them costs
// little.
bool TokensHaveSixBits(const ChunkView& chunk) {
  const auto end = chunk.streams.begin() + chunk.stream_count();
  return std::all_of(chunk.streams.begin(), end, [](const ChunkView::Stream& stream) {
    return std::all_of(stream.escapes_begin, stream.escapes_end, [](std::byte token) {
      const auto value = static_cast<int8_t>(token);
      return value >= -32 && value <= 31;
    });
  });
}

bool ToBf16(const ChunkView& chunk, uint16_t* out) {
  if (chunk.is_small()) return DecodeSmallAvx512ToBf16(chunk, out);
  if (chunk.header.code_bytes != 1) return Decode<WideBf16Sink>(chunk, out);
  if (chunk.header.raw_bits == 0) {
    return TokensHaveSixBits(chunk) ? Decode<Bf16TokenSink>(chunk, out)
                                    : Decode<Bf16Sink<false>>(chunk, out);
  }
  return Decode<Bf16Sink<true>>(chunk, out);
}

#undef EBB_EACH_STREAM
#undef EBB_INLINE

}  // namespace

const ChunkDecoder& Avx512ChunkDecoder() {
  static constexpr ChunkDecoder kDecoder = {"avx512", ToInt8, ToInt16,
                                            ToInt32,  ToBf16, UnitsToInt8};
  return kDecoder;
}

}  // namespace ebb

HWY_POP_ATTRIBUTES
