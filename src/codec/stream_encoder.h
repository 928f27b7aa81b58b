// The rANS stream coder behind the chunk encoder: tokens to renormalisation and escape bytes.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/bytes.h"
#include "codec/chunk.h"
#include "codec/slot_table.h"

namespace ebb {

// What coding a token needs of a class's table. 64-byte aligned for vector loads.
struct alignas(64) CodingTable {
  std::array<uint8_t, 64> slots;           // TokenIndex -> number of slots, modulo 256
  std::array<uint8_t, 64> base;            // TokenIndex -> where its slots start in slot_of
  std::array<uint8_t, 64> reciprocal_low;  // of floor(65536 / slots), at most 65535
  std::array<uint8_t, 64> reciprocal_high;
  std::array<uint8_t, kSlots> slot_of;  // base + rank -> slot
  bool single;                          // one token has all slots: nothing is coded
};
[[nodiscard]] CodingTable BuildCodingTable(const SlotCounts& counts);

// A run of tokens of one class, a multiple of 64 long.
struct TokenRun {
  const int8_t* tokens;
  uint32_t blocks;
  const CodingTable* table;
};

// Bytes in the decoder's order, written from the end of a buffer towards its start, since rANS
// codes backwards.
class CodedBytes {
 public:
  CodedBytes() = default;
  // Room for `capacity` bytes in all.
  explicit CodedBytes(size_t capacity) : buffer_(capacity), at_(capacity) {}

  // Makes room for `count` bytes before all earlier ones.
  std::byte* Before(size_t count) { return buffer_.data() + (at_ -= count); }

  std::span<const std::byte> span() const {
    return {buffer_.data() + at_, buffer_.data() + buffer_.size()};
  }

 private:
  AlignedArray<std::byte> buffer_;
  size_t at_ = 0;
};

// One coded stream.
struct CodedStream {
  std::array<uint16_t, kLanes> states;  // where the decoder starts
  CodedBytes bytes;
  CodedBytes escapes;
};

// How many there are in all: a stream has at most so many bytes, and escapes.
[[nodiscard]] size_t TokensOf(std::span<const TokenRun> runs);

// Codes the runs, given in decoding order.
using StreamCoder = void (*)(std::span<const TokenRun> runs, CodedStream* stream);

void CodeStreamScalar(std::span<const TokenRun> runs, CodedStream* stream);
#if defined(__x86_64__)
void CodeStreamAvx512(std::span<const TokenRun> runs, CodedStream* stream);
#endif

// The fastest coder that this machine can run.
[[nodiscard]] StreamCoder BestStreamCoder();

}  // namespace ebb
