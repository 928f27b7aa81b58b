// The rANS coder behind the encoder of layout 2: values to words of renormalisation and escapes.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/bytes.h"
#include "codec/chunk.h"
#include "codec/small_table.h"

namespace ebb {

// What coding needs of a class's table, by a token's offset from the first: the offsets that are no
// number below 255, and those of tokens without slots, are the escape's.
struct SmallCodingTable {
  static constexpr uint32_t kEscaped = uint32_t{1} << 31;

  int first;
  int most_frequent;                    // token
  std::array<uint32_t, 256> of_offset;  // slots + (the first of them << 16) + kEscaped
  // ceil(2^64 / slots), for the scalar coder; 2^64 - 1 for a single slot.
  std::array<uint64_t, 256> reciprocals;
};

[[nodiscard]] SmallCodingTable MakeSmallCodingTable(const SmallCounts& counts);

// One stream, which is written from its end to its start.
class SmallStream {
 public:
  // Room for so many values.
  explicit SmallStream(size_t values);

  std::span<const std::byte> States() const { return std::as_bytes(std::span(states)); }
  std::span<const std::byte> Words() const { return From(words_at, words_); }
  std::span<const std::byte> Escapes() const { return From(escapes_at, escapes_); }

  alignas(64) std::array<uint32_t, kLanes> states;
  uint16_t* words_at;  // the earliest word so far
  uint16_t* escapes_at;

 private:
  static std::span<const std::byte> From(const uint16_t* at, const AlignedArray<uint16_t>& array) {
    return std::as_bytes(std::span(at, array.data() + array.size()));
  }

  AlignedArray<uint16_t> words_;
  AlignedArray<uint16_t> escapes_;
};

// Codes `blocks` blocks of 64 values, from the last to the first.
using SmallStreamCoder = void (*)(const int32_t* values, size_t blocks, int raw_bits,
                                  const SmallCodingTable& table, SmallStream* stream);

void CodeSmallScalar(const int32_t* values, size_t blocks, int raw_bits,
                     const SmallCodingTable& table, SmallStream* stream);
#if defined(__x86_64__)
void CodeSmallAvx512(const int32_t* values, size_t blocks, int raw_bits,
                     const SmallCodingTable& table, SmallStream* stream);
#endif

// The fastest coder that this machine can run. All give the same bytes.
[[nodiscard]] SmallStreamCoder BestSmallStreamCoder();

}  // namespace ebb
