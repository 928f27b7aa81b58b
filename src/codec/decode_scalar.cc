// The reference decoder: docs/format.md, section 2.4, line by line.
#include <array>

#include "base/bytes.h"
#include "codec/chunk_decoder.h"
#include "codec/decoders.h"

namespace ebb {
namespace {

struct StreamState {
  std::array<uint16_t, kLanes> x;
  const std::byte* bytes;
  const std::byte* escapes;
};

class ScalarDecoder {
 public:
  explicit ScalarDecoder(const ChunkView& chunk) : chunk_(chunk) {
    for (int c = 0; c < chunk.header.classes; ++c) {
      tables_[static_cast<size_t>(c)] = BuildSlotTable(chunk.tables[static_cast<size_t>(c)]);
    }
    for (int s = 0; s < chunk.stream_count(); ++s) {
      StreamState& stream = streams_[static_cast<size_t>(s)];
      for (size_t lane = 0; lane < kLanes; ++lane) {
        stream.x[lane] =
            LoadLe<uint16_t>(chunk.states + (static_cast<size_t>(s) * kLanes + lane) * 2);
      }
      stream.bytes = chunk.streams[static_cast<size_t>(s)].bytes_begin;
      stream.escapes = chunk.streams[static_cast<size_t>(s)].escapes_begin;
    }
  }

  template <typename Out>
  bool Run(Out* out) {
    UnitOrder order(chunk_);
    UnitOrder::Unit unit;
    for (size_t i = 0; order.Next(&unit); ++i) {
      const size_t stream = i % static_cast<size_t>(chunk_.stream_count());
      const uint32_t first = unit.position * chunk_.header.unit;
      for (uint32_t at = 0; at < unit.elements; at += kLanes) {
        DecodeBlock(stream, tables_[static_cast<size_t>(unit.class_number)]);
        for (uint32_t j = 0; j < kLanes && at + j < unit.elements; ++j) {
          out[first + at + j] = static_cast<Out>(Join(first + at + j, tokens_[j]));
        }
      }
    }
    return sound_ && AtEnd();
  }

 private:
  // The next 64 tokens of a stream.
  void DecodeBlock(size_t s, const SlotTable& table) {
    StreamState& stream = streams_[s];
    for (size_t lane = 0; lane < kLanes; ++lane) {
      const uint32_t x = stream.x[lane];
      const uint32_t slot = x & 255;
      tokens_[lane] = table.token[slot];
      const uint32_t slots =
          table.single ? kSlots : table.slots[static_cast<size_t>(TokenIndex(tokens_[lane]))];
      stream.x[lane] = static_cast<uint16_t>(slots * (x >> 8) + table.rank[slot]);
    }
    for (uint16_t& x : stream.x) {
      if (x < kStateLow) {
        x = static_cast<uint16_t>(x << 8 | Take(&stream.bytes, chunk_.streams[s].bytes_end));
      }
    }
    if (!table.has_escape) return;
    for (int8_t& token : tokens_) {
      if (token == kEscapeToken) {
        token = static_cast<int8_t>(Take(&stream.escapes, chunk_.streams[s].escapes_end));
      }
    }
  }

  uint8_t Take(const std::byte** at, const std::byte* end) {
    if (*at == end) {
      sound_ = false;
      return 0;
    }
    return static_cast<uint8_t>(*(*at)++);
  }

  int32_t Join(uint32_t element, int8_t token) const {
    const int k = chunk_.header.raw_bits;
    const auto high = static_cast<uint32_t>(int32_t{token}) << k;
    if (k == 0) return static_cast<int32_t>(high);
    return static_cast<int32_t>(
        high | LoadRawBits(chunk_.raw, uint64_t{element} * static_cast<uint64_t>(k), k));
  }

  bool AtEnd() const {
    for (size_t s = 0; s < static_cast<size_t>(chunk_.stream_count()); ++s) {
      for (const uint16_t x : streams_[s].x) {
        if (x != kStateLow) return false;
      }
      if (streams_[s].bytes != chunk_.streams[s].bytes_end) return false;
      if (streams_[s].escapes != chunk_.streams[s].escapes_end) return false;
    }
    return true;
  }

  const ChunkView& chunk_;
  std::array<SlotTable, kMaxClasses> tables_;
  std::array<StreamState, kMaxStreams> streams_;
  std::array<int8_t, kLanes> tokens_;
  bool sound_ = true;
};

template <typename Out>
bool DecodeScalar(const ChunkView& chunk, Out* out) {
  return chunk.is_small() ? DecodeSmallScalar(chunk, out) : ScalarDecoder(chunk).Run(out);
}

}  // namespace

const ChunkDecoder& ScalarChunkDecoder() {
  static constexpr ChunkDecoder kDecoder = {"scalar",
                                            DecodeScalar<int8_t>,
                                            DecodeScalar<int16_t>,
                                            DecodeScalar<int32_t>,
                                            nullptr,
                                            nullptr,
                                            nullptr};
  return kDecoder;
}

}  // namespace ebb
