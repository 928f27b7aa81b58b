// The AVX-512 decoder of layout 2 (VBMI for raw bits).
//
// The 64 states of a stream are four vectors of 32-bit lanes. One gathered load a lane brings all
// that a step needs: symbol, slots and rank. The gathers bound the speed, and the four vectors of a
// block overlap them, so streams are decoded one after the other. Renormalisation expands the
// stream's next words into the lanes that fell below 2^16.
#include <hwy/base.h>
#include <immintrin.h>

#include <array>
#include <cstring>
#include <type_traits>

#include "base/bytes.h"
#include "codec/avx512_common-inl.h"
#include "codec/decoders.h"
#include "codec/small_table.h"

HWY_PUSH_ATTRIBUTES(
    "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512vbmi2,bmi,bmi2,popcnt,avx2,fma")

namespace ebb {
namespace {

#define EBB_EACH_VECTOR _Pragma("GCC unroll 4") for (int v = 0; v < kVectors; ++v)

constexpr int kVectors = kLanes / 16;

struct StreamState {
  std::array<uint32_t, kLanes> x;
  const uint8_t* words;
  const uint8_t* words_end;
  const uint8_t* escapes;
  const uint8_t* escapes_end;
};

EBB_INLINE __m512i LoadWords(const uint8_t* from) {
  return _mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(from)));
}

// Decodes `blocks` whole blocks of a stream. A damaged stream reads no further than 33 bytes past
// its end.
template <bool kRaw, typename Values>
EBB_INLINE void DecodeBlocks(const SmallDecodingTable& table, const WideRaw& wide,
                             const Values& values, StreamState* stream, const uint8_t* raw,
                             uint32_t blocks, typename Values::Out* out) {
  const __m512i low12 = _mm512_set1_epi32(4095);
  const __m512i one = _mm512_set1_epi32(1);
  const __m512i first = _mm512_set1_epi32(table.first);
  const __m512i escape = _mm512_set1_epi32(kSmallEscape);
  const __m512i state_low = _mm512_set1_epi32(kSmallStateLow);
  __m512i x[kVectors];
  EBB_EACH_VECTOR x[v] = _mm512_loadu_si512(stream->x.data() + 16 * v);
  const uint8_t* words = stream->words;
  const uint8_t* const words_end = stream->words_end;
  for (uint32_t block = 0; block < blocks; ++block) {
    __m512i entries[kVectors];
    EBB_EACH_VECTOR entries[v] =
        _mm512_i32gather_epi32(_mm512_and_si512(x[v], low12), table.slots.data(), 4);
    EBB_EACH_VECTOR {
      const __m512i slots =
          _mm512_add_epi32(_mm512_and_si512(_mm512_srli_epi32(entries[v], 8), low12), one);
      x[v] = _mm512_add_epi32(_mm512_mullo_epi32(slots, _mm512_srli_epi32(x[v], 12)),
                              _mm512_srli_epi32(entries[v], 20));
      const __mmask16 small = _mm512_cmplt_epu32_mask(x[v], state_low);
      const __m512i next = _mm512_maskz_expand_epi32(small, LoadWords(words));
      x[v] = _mm512_mask_or_epi32(x[v], small, _mm512_slli_epi32(x[v], 16), next);
      words = Advance(words, 2 * _mm_popcnt_u32(small), words_end);
    }
    EBB_EACH_VECTOR {
      const __m512i symbols = _mm512_and_si512(entries[v], escape);
      __m512i tokens = _mm512_add_epi32(symbols, first);
      const __mmask16 escaped = _mm512_cmpeq_epi32_mask(symbols, escape);
      if (escaped != 0) [[unlikely]] {
        const __m512i escapes = _mm512_cvtepi16_epi32(
            _mm256_loadu_si256(reinterpret_cast<const __m256i*>(stream->escapes)));
        tokens = _mm512_mask_expand_epi32(tokens, escaped, escapes);
        stream->escapes =
            Advance(stream->escapes, 2 * _mm_popcnt_u32(escaped), stream->escapes_end);
      }
      if constexpr (kRaw) tokens = WideRaw::Join(wide, tokens, raw + 2 * v * wide.k);
      Values::Put(values, tokens, out + 16 * v);
    }
    raw += 8 * wide.k;
    out += kLanes;
  }
  EBB_EACH_VECTOR _mm512_storeu_si512(stream->x.data() + 16 * v, x[v]);
  stream->words = words;
}

std::vector<StreamState> LoadStreams(const ChunkView& chunk) {
  std::vector<StreamState> streams(static_cast<size_t>(chunk.stream_count()));
  for (size_t s = 0; s < streams.size(); ++s) {
    std::memcpy(streams[s].x.data(), chunk.states + s * sizeof(streams[s].x), sizeof(streams[s].x));
    streams[s].words = BytesOf(chunk.streams[s].bytes_begin);
    streams[s].words_end = BytesOf(chunk.streams[s].bytes_end);
    streams[s].escapes = BytesOf(chunk.streams[s].escapes_begin);
    streams[s].escapes_end = BytesOf(chunk.streams[s].escapes_end);
  }
  return streams;
}

bool AtEnd(const StreamState& stream) {
  bool at_end = stream.words == stream.words_end && stream.escapes == stream.escapes_end;
  for (const uint32_t x : stream.x) at_end &= x == kSmallStateLow;
  return at_end;
}

template <bool kRaw, typename Values>
bool DecodeChunk(const ChunkView& chunk, typename Values::Out* out) {
  AlignedArray<SmallDecodingTable> tables(chunk.header.classes);
  for (size_t c = 0; c < tables.size(); ++c) {
    tables[c] = LoadSmallTable(chunk.small_tables[c]);
  }
  std::vector<StreamState> streams = LoadStreams(chunk);
  const WideRaw wide = WideRaw::Make(chunk.header.raw_bits);
  const Values values = Values::Make(chunk);
  const auto k = static_cast<size_t>(chunk.header.raw_bits);
  UnitOrder order(chunk);
  UnitOrder::Unit unit;
  for (size_t i = 0; order.Next(&unit); ++i) {
    const SmallDecodingTable& table = tables[static_cast<size_t>(unit.class_number)];
    StreamState* const stream = &streams[i % streams.size()];
    const size_t first = size_t{unit.position} * chunk.header.unit;
    const uint8_t* const raw = BytesOf(chunk.raw) + first / 8 * k;
    const uint32_t blocks = unit.elements / kLanes;
    DecodeBlocks<kRaw>(table, wide, values, stream, raw, blocks, out + first);
    const size_t rest = unit.elements % kLanes;
    if (rest == 0) continue;
    // The raw bits of dropped elements may be missing: there the states lie, and what follows them.
    alignas(64) std::array<typename Values::Out, kLanes> last;
    const size_t done = size_t{blocks} * kLanes;
    DecodeBlocks<kRaw>(table, wide, values, stream, raw + done / 8 * k, 1, last.data());
    std::memcpy(out + first + done, last.data(), rest * sizeof(last[0]));
  }
  for (const StreamState& stream : streams) {
    if (!AtEnd(stream)) return false;
  }
  return true;
}

template <typename Values>
bool Decode(const ChunkView& chunk, typename Values::Out* out) {
  return chunk.header.raw_bits == 0 ? DecodeChunk<false, Values>(chunk, out)
                                    : DecodeChunk<true, Values>(chunk, out);
}

#undef EBB_EACH_VECTOR

}  // namespace

bool DecodeSmallAvx512(const ChunkView& chunk, int8_t* out) {
  return Decode<IntegerValues<int8_t>>(chunk, out);
}
bool DecodeSmallAvx512(const ChunkView& chunk, int16_t* out) {
  return Decode<IntegerValues<int16_t>>(chunk, out);
}
bool DecodeSmallAvx512(const ChunkView& chunk, int32_t* out) {
  return Decode<IntegerValues<int32_t>>(chunk, out);
}
bool DecodeSmallAvx512ToF32(const ChunkView& chunk, float* out) {
  return Decode<F32Values>(chunk, out);
}
bool DecodeSmallAvx512ToBf16(const ChunkView& chunk, uint16_t* out) {
  return Decode<Bf16Values>(chunk, out);
}

}  // namespace ebb

HWY_POP_ATTRIBUTES
