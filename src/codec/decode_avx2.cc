// The AVX2 decoder: eight lanes a register as 32-bit numbers, all tables in one gather.
//
// A slot's token, rank and the token's slot count are packed into 32 bits, so that one vpgatherdd
// of eight lanes looks everything up. Renormalisation spreads the stream's next bytes over the
// lanes that want one by a permutation chosen by their mask.
#include <hwy/base.h>
#include <immintrin.h>

#include <array>
#include <bit>
#include <cstring>

#include "base/bytes.h"
#include "codec/chunk_decoder.h"
#include "codec/decoders.h"

HWY_PUSH_ATTRIBUTES("avx,avx2,bmi,bmi2,popcnt")

namespace ebb {
namespace {

constexpr int kWidth = 8;  // lanes a register

// slots in bits 0-15, rank in 16-23, token in 24-31.
using PackedTable = std::array<uint32_t, kSlots>;

PackedTable Pack(const SlotTable& table) {
  PackedTable packed;
  for (size_t slot = 0; slot < kSlots; ++slot) {
    const int8_t token = table.token[slot];
    const uint32_t slots =
        table.single ? kSlots : table.slots[static_cast<size_t>(TokenIndex(token))];
    packed[slot] =
        slots | uint32_t{table.rank[slot]} << 16 | uint32_t{static_cast<uint8_t>(token)} << 24;
  }
  return packed;
}

// For each mask of eight lanes: the i-th set lane gets i.
const std::array<std::array<uint8_t, kWidth>, 256>& ExpandTable() {
  static const auto kTable = [] {
    std::array<std::array<uint8_t, kWidth>, 256> table{};
    for (size_t mask = 0; mask < 256; ++mask) {
      uint8_t next = 0;
      for (size_t lane = 0; lane < kWidth; ++lane) {
        if (mask >> lane & 1) table[mask][lane] = next++;
      }
    }
    return table;
  }();
  return kTable;
}

struct StreamState {
  alignas(32) std::array<uint32_t, kLanes> x;
  const std::byte* bytes;
  const std::byte* escapes;
};

__m256i LoadBytesAsLanes(const void* from) {
  return _mm256_cvtepu8_epi32(_mm_loadl_epi64(static_cast<const __m128i*>(from)));
}

class Avx2Decoder {
 public:
  explicit Avx2Decoder(const ChunkView& chunk) : chunk_(chunk), expand_(ExpandTable()) {
    for (size_t c = 0; c < chunk.header.classes; ++c) {
      const SlotTable table = BuildSlotTable(chunk.tables[c]);
      tables_[c] = Pack(table);
      has_escape_[c] = table.has_escape;
    }
    for (size_t s = 0; s < static_cast<size_t>(chunk.stream_count()); ++s) {
      for (size_t lane = 0; lane < kLanes; ++lane) {
        streams_[s].x[lane] = LoadLe<uint16_t>(chunk.states + (s * kLanes + lane) * 2);
      }
      streams_[s].bytes = chunk.streams[s].bytes_begin;
      streams_[s].escapes = chunk.streams[s].escapes_begin;
    }
  }

  template <typename Out>
  bool Run(Out* out) {
    UnitOrder order(chunk_);
    UnitOrder::Unit unit;
    const auto k = static_cast<uint32_t>(chunk_.header.raw_bits);
    for (size_t i = 0; order.Next(&unit); ++i) {
      const size_t stream = i % static_cast<size_t>(chunk_.stream_count());
      const size_t first = size_t{unit.position} * chunk_.header.unit;
      for (uint32_t at = 0; at < unit.elements; at += kLanes) {
        DecodeBlock(stream, static_cast<size_t>(unit.class_number));
        const uint32_t count = std::min<uint32_t>(kLanes, unit.elements - at);
        Join(first + at, count, k, out + first + at);
      }
    }
    return AtEnd();
  }

 private:
  void DecodeBlock(size_t s, size_t class_number) {
    StreamState& stream = streams_[s];
    const auto* table = reinterpret_cast<const int*>(tables_[class_number].data());
    const std::byte* const end = chunk_.streams[s].bytes_end;
    const __m256i low_byte = _mm256_set1_epi32(0xff);
    // Byte 3 of each 32-bit number, gathered into the first four bytes of its half.
    const __m256i top_bytes =
        _mm256_setr_epi8(3, 7, 11, 15, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, 3, 7, 11, 15,
                         -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1);
    for (size_t lane = 0; lane < kLanes; lane += kWidth) {
      auto* const at = reinterpret_cast<__m256i*>(stream.x.data() + lane);
      const __m256i x = _mm256_load_si256(at);
      const __m256i entry = _mm256_i32gather_epi32(table, _mm256_and_si256(x, low_byte), 4);
      const __m256i slots = _mm256_and_si256(entry, _mm256_set1_epi32(0xffff));
      const __m256i rank = _mm256_and_si256(_mm256_srli_epi32(entry, 16), low_byte);
      const __m256i next =
          _mm256_add_epi32(_mm256_mullo_epi32(slots, _mm256_srli_epi32(x, 8)), rank);
      const __m256i small = _mm256_cmpgt_epi32(_mm256_set1_epi32(256), next);
      const auto mask = static_cast<uint32_t>(_mm256_movemask_ps(_mm256_castsi256_ps(small)));
      const __m256i bytes = _mm256_permutevar8x32_epi32(LoadBytesAsLanes(stream.bytes),
                                                        LoadBytesAsLanes(expand_[mask].data()));
      const __m256i refilled = _mm256_or_si256(_mm256_slli_epi32(next, 8), bytes);
      _mm256_store_si256(at, _mm256_blendv_epi8(next, refilled, small));
      stream.bytes = std::min(stream.bytes + std::popcount(mask), end + 1);  // see AtEnd
      const __m256i tokens = _mm256_shuffle_epi8(entry, top_bytes);
      const auto first = static_cast<uint32_t>(_mm256_extract_epi32(tokens, 0));
      const auto second = static_cast<uint32_t>(_mm256_extract_epi32(tokens, 4));
      std::memcpy(tokens_.data() + lane, &first, 4);
      std::memcpy(tokens_.data() + lane + 4, &second, 4);
    }
    if (has_escape_[class_number]) FillEscapes(s);
  }

  void FillEscapes(size_t s) {
    const std::byte* const end = chunk_.streams[s].escapes_end;
    for (size_t half = 0; half < kLanes; half += 32) {
      const __m256i tokens =
          _mm256_load_si256(reinterpret_cast<const __m256i*>(tokens_.data() + half));
      auto escaped = static_cast<uint32_t>(
          _mm256_movemask_epi8(_mm256_cmpeq_epi8(tokens, _mm256_set1_epi8(kEscapeToken))));
      for (; escaped != 0; escaped &= escaped - 1) {
        tokens_[half + static_cast<size_t>(std::countr_zero(escaped))] =
            LoadLe<int8_t>(streams_[s].escapes);
        streams_[s].escapes = std::min(streams_[s].escapes + 1, end + 1);
      }
    }
  }

  template <typename Out>
  void Join(size_t first, uint32_t count, uint32_t k, Out* out) const {
    if (k == 0) {
      for (uint32_t j = 0; j < count; ++j) out[j] = static_cast<Out>(tokens_[j]);
      return;
    }
    const uint32_t mask = (1u << k) - 1;
    uint64_t bit = uint64_t{first} * k;
    for (uint32_t j = 0; j < count; ++j, bit += k) {
      const uint32_t raw = LoadLe<uint32_t>(chunk_.raw + bit / 8) >> (bit % 8) & mask;
      const auto high = static_cast<uint32_t>(int32_t{tokens_[j]}) << k;
      out[j] = static_cast<Out>(static_cast<int32_t>(high | raw));
    }
  }

  // A stream that wanted more than there is stays one byte behind its end.
  bool AtEnd() const {
    for (size_t s = 0; s < static_cast<size_t>(chunk_.stream_count()); ++s) {
      for (const uint32_t x : streams_[s].x) {
        if (x != kStateLow) return false;
      }
      if (streams_[s].bytes != chunk_.streams[s].bytes_end) return false;
      if (streams_[s].escapes != chunk_.streams[s].escapes_end) return false;
    }
    return true;
  }

  const ChunkView& chunk_;
  const std::array<std::array<uint8_t, kWidth>, 256>& expand_;
  std::array<PackedTable, kMaxClasses> tables_;
  std::array<bool, kMaxClasses> has_escape_{};
  std::array<StreamState, kMaxStreams> streams_;
  alignas(32) std::array<int8_t, kLanes> tokens_;
};

template <typename Out>
bool DecodeAvx2(const ChunkView& chunk, Out* out) {
  return chunk.is_small() ? DecodeSmallScalar(chunk, out) : Avx2Decoder(chunk).Run(out);
}

}  // namespace

const ChunkDecoder& Avx2ChunkDecoder() {
  static constexpr ChunkDecoder kDecoder = {
      "avx2", DecodeAvx2<int8_t>, DecodeAvx2<int16_t>, DecodeAvx2<int32_t>, nullptr, nullptr,
      nullptr};
  return kDecoder;
}

}  // namespace ebb

HWY_POP_ATTRIBUTES
