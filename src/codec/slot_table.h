// How the 256 slots of a rANS state's low byte are shared among tokens: normalisation of counts,
// and the tables that encoders and decoders look tokens up in. docs/format.md, section 2.3.
#pragma once

#include <array>
#include <cstdint>
#include <span>

namespace ebb {

// Tokens are -31..31; -32 is the escape, whose real token follows in the stream's escape bytes.
inline constexpr int kMinToken = -31;
inline constexpr int kMaxToken = 31;
inline constexpr int kEscapeToken = -32;
inline constexpr int kSlots = 256;

// All 64 token numbers, the escape included, as indices: their low six bits. A byte permutation of
// 64 entries takes exactly these bits of its index.
constexpr int TokenIndex(int token) { return token & 63; }

// Slots of each token: the compact form of a table, as a chunk stores it.
struct SlotCounts {
  std::array<uint16_t, 64> slots{};  // by TokenIndex; they add up to 256
  int first = 0;                     // the smallest token with slots, escape excluded
  int last = 0;                      // the largest
};

// Shares 256 slots among tokens in proportion to `counts` (by TokenIndex), at least one for each
// token that occurs. Tokens too rare to deserve a slot are moved to the escape first, where that
// costs fewer bits: an escape spends 8 bits more. `counts` must not be all zero.
[[nodiscard]] SlotCounts NormaliseCounts(std::span<const uint64_t, 64> counts);

// The bits that coding `counts` takes with `table`: -sum count x log2(slots / 256), plus 8 for each
// token that the table escapes.
[[nodiscard]] double CodedBits(std::span<const uint64_t, 64> counts, const SlotCounts& table);

// A table ready for decoding. 64-byte aligned so that vector registers load it in one go.
struct alignas(64) SlotTable {
  std::array<int8_t, kSlots> token;  // slot -> token
  std::array<uint8_t, kSlots> rank;  // slot -> how many lower slots have the same token
  std::array<uint8_t, 64> slots;     // TokenIndex -> number of slots, modulo 256
  bool has_escape;
  bool single;  // one token has all 256 slots, which `slots` cannot say
  int max_slots;
};
[[nodiscard]] SlotTable BuildSlotTable(const SlotCounts& counts);

}  // namespace ebb
