// Tables of layout 2 (`ebb:small`): how the 4096 slots of a rANS state's low 12 bits are shared
// among up to 255 neighbouring tokens and the escape. docs/format.md, section 2.5.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace ebb {

inline constexpr int kSmallSlotsLog2 = 12;
inline constexpr int kSmallSlots = 1 << kSmallSlotsLog2;
inline constexpr int kMaxSmallTokens = 255;
inline constexpr int kSmallEscape = 255;                       // the symbol of the escape
inline constexpr int kSmallEscapeBits = 16;                    // an escaped token, on its own
inline constexpr uint32_t kSmallStateLow = uint32_t{1} << 16;  // states live in [2^16, 2^32)

// Slots of each symbol: symbol s is token first + s, but for the escape.
struct SmallCounts {
  int first = 0;
  int count = 1;  // 1 to 255 tokens
  std::array<uint16_t, 256> slots{};
};

// Shares the slots in proportion to `counts` (of token first, first + 1, ...), at least one for
// each token that is kept; `beyond` values are escaped anyway. Tokens outside the best window of
// 255, and those too rare to deserve a slot, are escaped too. The counts must not be all zero.
[[nodiscard]] SmallCounts NormaliseSmallCounts(std::span<const uint64_t> counts, int first,
                                               uint64_t beyond);

// The bits that coding such counts takes with `table`, escapes included.
[[nodiscard]] double SmallCodedBits(std::span<const uint64_t> counts, int first, uint64_t beyond,
                                    const SmallCounts& table);

void AppendSmallTable(const SmallCounts& table, std::vector<std::byte>* out);

// Reads a table at the start of `bytes`; its length, or 0 if there is no sound one.
[[nodiscard]] size_t ReadSmallTable(std::span<const std::byte> bytes, SmallCounts* table);

// One entry a slot, for decoding: symbol in bits 0-7, the symbol's slots - 1 in bits 8-19, the
// slot's rank among them in bits 20-31. All that a step needs comes with one load.
using SmallSlotTable = std::array<uint32_t, kSmallSlots>;
void BuildSmallSlotTable(const SmallCounts& counts, SmallSlotTable* table);

struct SmallDecodingTable {
  int first;  // token of symbol 0
  SmallSlotTable slots;
};

// From the bytes of a table that is known to be sound (ParseChunk saw to it).
[[nodiscard]] SmallDecodingTable LoadSmallTable(std::span<const std::byte> bytes);

}  // namespace ebb
