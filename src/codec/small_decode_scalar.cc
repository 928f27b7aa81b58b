// The reference decoder of layout 2: docs/format.md, section 2.5, line by line.
#include <array>

#include "base/bytes.h"
#include "codec/decoders.h"
#include "codec/small_table.h"

namespace ebb {
namespace {

struct StreamState {
  std::array<uint32_t, kLanes> x;
  const std::byte* words;
  const std::byte* escapes;
};

class ScalarDecoder {
 public:
  explicit ScalarDecoder(const ChunkView& chunk)
      : chunk_(chunk), tables_(chunk.header.classes), streams_(StreamCount(chunk)) {
    for (size_t c = 0; c < tables_.size(); ++c) {
      tables_[c] = LoadSmallTable(chunk.small_tables[c]);
    }
    for (size_t s = 0; s < streams_.size(); ++s) {
      for (size_t lane = 0; lane < kLanes; ++lane) {
        streams_[s].x[lane] = LoadLe<uint32_t>(chunk.states + (s * kLanes + lane) * 4);
      }
      streams_[s].words = chunk.streams[s].bytes_begin;
      streams_[s].escapes = chunk.streams[s].escapes_begin;
    }
  }

  template <typename Out>
  bool Run(Out* out) {
    UnitOrder order(chunk_);
    UnitOrder::Unit unit;
    for (size_t i = 0; order.Next(&unit); ++i) {
      const uint32_t first = unit.position * chunk_.header.unit;
      for (uint32_t at = 0; at < unit.elements; at += kLanes) {
        DecodeBlock(i % streams_.size(), tables_[static_cast<size_t>(unit.class_number)]);
        for (uint32_t j = 0; j < kLanes && at + j < unit.elements; ++j) {
          out[first + at + j] = static_cast<Out>(Join(first + at + j, tokens_[j]));
        }
      }
    }
    return sound_ && AtEnd();
  }

 private:
  static size_t StreamCount(const ChunkView& chunk) {
    return static_cast<size_t>(chunk.stream_count());
  }

  // The next 64 tokens of a stream.
  void DecodeBlock(size_t s, const SmallDecodingTable& table) {
    StreamState& stream = streams_[s];
    std::array<uint32_t, kLanes> symbols;
    for (size_t lane = 0; lane < kLanes; ++lane) {
      const uint32_t x = stream.x[lane];
      const uint32_t entry = table.slots[x % kSmallSlots];
      symbols[lane] = entry & 255;
      const uint32_t slots = (entry >> 8 & 4095) + 1;
      stream.x[lane] = slots * (x / kSmallSlots) + (entry >> 20);
    }
    for (uint32_t& x : stream.x) {
      if (x < kSmallStateLow) x = x << 16 | Take(&stream.words, chunk_.streams[s].bytes_end);
    }
    for (size_t lane = 0; lane < kLanes; ++lane) {
      tokens_[lane] =
          symbols[lane] != kSmallEscape
              ? table.first + static_cast<int32_t>(symbols[lane])
              : static_cast<int16_t>(Take(&stream.escapes, chunk_.streams[s].escapes_end));
    }
  }

  uint16_t Take(const std::byte** at, const std::byte* end) {
    if (*at == end) {
      sound_ = false;
      return 0;
    }
    const auto word = LoadLe<uint16_t>(*at);
    *at += sizeof(word);
    return word;
  }

  int32_t Join(uint32_t element, int32_t token) const {
    const int k = chunk_.header.raw_bits;
    const uint32_t high = static_cast<uint32_t>(token) << k;
    if (k == 0) return static_cast<int32_t>(high);
    return static_cast<int32_t>(
        high | LoadRawBits(chunk_.raw, uint64_t{element} * static_cast<uint64_t>(k), k));
  }

  bool AtEnd() const {
    for (size_t s = 0; s < streams_.size(); ++s) {
      for (const uint32_t x : streams_[s].x) {
        if (x != kSmallStateLow) return false;
      }
      if (streams_[s].words != chunk_.streams[s].bytes_end) return false;
      if (streams_[s].escapes != chunk_.streams[s].escapes_end) return false;
    }
    return true;
  }

  const ChunkView& chunk_;
  std::vector<SmallDecodingTable> tables_;
  std::vector<StreamState> streams_;
  std::array<int32_t, kLanes> tokens_;
  bool sound_ = true;
};

}  // namespace

template <typename T>
bool DecodeSmallScalar(const ChunkView& chunk, T* out) {
  return ScalarDecoder(chunk).Run(out);
}

template bool DecodeSmallScalar(const ChunkView& chunk, int8_t* out);
template bool DecodeSmallScalar(const ChunkView& chunk, int16_t* out);
template bool DecodeSmallScalar(const ChunkView& chunk, int32_t* out);

}  // namespace ebb
