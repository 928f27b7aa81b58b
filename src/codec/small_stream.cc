#include "codec/small_stream.h"

#include <algorithm>
#include <string_view>

#include "codec/chunk_decoder.h"

namespace ebb {
namespace {

__extension__ using Product = unsigned __int128;

// x / slots: the high half of x * ceil(2^64 / slots), exact for x < 2^32 and slots > 1. For a
// single slot the factor does not fit.
uint64_t Divide(uint64_t x, uint32_t slots, uint64_t reciprocal) {
  if (slots == 1) return x;
  return static_cast<uint64_t>(Product{x} * reciprocal >> 64);
}

}  // namespace

SmallCodingTable MakeSmallCodingTable(const SmallCounts& counts) {
  SmallCodingTable table;
  table.first = counts.first;
  const auto most = std::max_element(counts.slots.begin(), counts.slots.begin() + counts.count);
  table.most_frequent = counts.first + static_cast<int>(most - counts.slots.begin());
  const uint32_t escapes = counts.slots[kSmallEscape];
  // Without a slot for the escape nothing is escaped.
  const uint32_t escape =
      std::max(1u, escapes) | (kSmallSlots - std::max(1u, escapes)) << 16 | table.kEscaped;
  uint32_t start = 0;
  for (size_t s = 0; s < table.of_offset.size(); ++s) {
    const uint32_t slots = s == kSmallEscape ? 0 : counts.slots[s];
    table.of_offset[s] = slots == 0 ? escape : slots | start << 16;
    table.reciprocals[s] = ~uint64_t{0} / (slots == 0 ? std::max(1u, escapes) : slots) + 1;
    start += slots;
  }
  return table;
}

SmallStream::SmallStream(size_t values) : words_(values), escapes_(values) {
  states.fill(kSmallStateLow);
  words_at = words_.data() + values;
  escapes_at = escapes_.data() + values;
}

// A symbol with f slots from slot `start`: x = (x / f) * 4096 + start + x mod f, which is
// x + start + (x / f) * (4096 - f). 64 independent states hide the latency of the multiplication.
void CodeSmallScalar(const int32_t* values, size_t blocks, int raw_bits,
                     const SmallCodingTable& table, SmallStream* stream) {
  for (size_t i = blocks * kLanes; i-- > 0;) {
    const int32_t token = values[i] >> raw_bits;
    const uint32_t offset = static_cast<uint32_t>(token) - static_cast<uint32_t>(table.first);
    const size_t s = std::min<uint32_t>(offset, kSmallEscape);
    const uint32_t symbol = table.of_offset[s];
    if (symbol & table.kEscaped) [[unlikely]]
      *--stream->escapes_at = static_cast<uint16_t>(token);
    const uint32_t slots = symbol & 0xffff;
    uint64_t x = stream->states[i % kLanes];
    // A state of f x 2^20 or more gives out its low 16 bits first.
    if (x >> 20 >= slots) {
      *--stream->words_at = static_cast<uint16_t>(x);
      x >>= 16;
    }
    const uint32_t start = symbol >> 16 & (kSmallSlots - 1);
    stream->states[i % kLanes] = static_cast<uint32_t>(
        x + start + Divide(x, slots, table.reciprocals[s]) * (kSmallSlots - slots));
  }
}

SmallStreamCoder BestSmallStreamCoder() {
#if defined(__x86_64__)
  if (std::string_view(BestChunkDecoder().name) == "avx512") return CodeSmallAvx512;
#endif
  return CodeSmallScalar;
}

}  // namespace ebb
