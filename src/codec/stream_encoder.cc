#include "codec/stream_encoder.h"

#include <algorithm>
#include <cstdlib>
#include <string_view>

#include "codec/chunk_decoder.h"

namespace ebb {

CodingTable BuildCodingTable(const SlotCounts& counts) {
  const SlotTable slot_table = BuildSlotTable(counts);
  CodingTable table{};
  uint32_t base = 0;
  for (size_t index = 0; index < 64; ++index) {
    const uint32_t slots = counts.slots[index];
    table.slots[index] = static_cast<uint8_t>(slots);
    table.base[index] = static_cast<uint8_t>(base);
    const uint32_t reciprocal = slots == 0 ? 0 : std::min(65536 / slots, 65535u);
    table.reciprocal_low[index] = static_cast<uint8_t>(reciprocal);
    table.reciprocal_high[index] = static_cast<uint8_t>(reciprocal >> 8);
    base += slots;
  }
  for (size_t slot = 0; slot < kSlots; ++slot) {
    const auto index = static_cast<size_t>(TokenIndex(slot_table.token[slot]));
    table.slot_of[table.base[index] + slot_table.rank[slot]] = static_cast<uint8_t>(slot);
  }
  table.single = slot_table.single;
  return table;
}

size_t TokensOf(std::span<const TokenRun> runs) {
  size_t tokens = 0;
  for (const TokenRun& run : runs) tokens += size_t{run.blocks} * kLanes;
  return tokens;
}

void CodeStreamScalar(std::span<const TokenRun> runs, CodedStream* stream) {
  std::array<uint32_t, kLanes> x;
  x.fill(kStateLow);
  stream->bytes = CodedBytes(TokensOf(runs));
  stream->escapes = CodedBytes(TokensOf(runs));
  for (size_t r = runs.size(); r-- > 0;) {
    const CodingTable& table = *runs[r].table;
    if (table.single) continue;
    for (size_t i = size_t{runs[r].blocks} * kLanes; i-- > 0;) {
      const int8_t token = runs[r].tokens[i];
      const bool known = token >= kMinToken && token <= kMaxToken &&
                         table.slots[static_cast<size_t>(TokenIndex(token))] != 0;
      if (!known) *stream->escapes.Before(1) = static_cast<std::byte>(token);
      const auto index = static_cast<size_t>(TokenIndex(known ? token : kEscapeToken));
      const uint32_t slots = table.slots[index];
      uint32_t& state = x[i % kLanes];
      if (state >= slots << 8) {
        *stream->bytes.Before(1) = static_cast<std::byte>(state & 255);
        state >>= 8;
      }
      state = state / slots << 8 | table.slot_of[table.base[index] + state % slots];
    }
  }
  for (size_t lane = 0; lane < kLanes; ++lane) {
    stream->states[lane] = static_cast<uint16_t>(x[lane]);
  }
}

StreamCoder BestStreamCoder() {
#if defined(__x86_64__)
  if (std::string_view(BestChunkDecoder().name) == "avx512") return CodeStreamAvx512;
#endif
  return CodeStreamScalar;
}

}  // namespace ebb
