// One chunk of the codec `ebb`: its header and where its parts lie. docs/format.md, section 2.
//
// ParseChunk checks everything that can be checked without decoding, so that decoders may trust the
// view: every range lies inside the chunk, tables are complete, units divide among streams as the
// format says. A ChunkView points into the chunk's bytes and owns nothing.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/error.h"
#include "codec/slot_table.h"

namespace ebb {

inline constexpr int kLanes = 64;
inline constexpr int kMaxStreams = 64;
inline constexpr int kMaxClasses = 8;
inline constexpr uint32_t kMaxEbbElements = uint32_t{1} << 26;  // of one chunk
inline constexpr uint32_t kMaxUnit = uint32_t{1} << 20;
inline constexpr int kMaxRawBits = 24;
inline constexpr size_t kChunkHeaderBytes = 32;
inline constexpr uint32_t kStateLow = 256;  // states live in [256, 65535]

// Decoders may read (never use) this many bytes past the end of a chunk; who owns the buffer sees
// to it that they exist.
inline constexpr size_t kChunkSlackBytes = 72;

// What the integers of a chunk mean.
enum class ValueMap : uint8_t { kCodes = 0, kWords16 = 1, kWords32 = 2 };

// The 32 bytes at the start of a chunk.
struct ChunkHeader {
  uint8_t layout = 1;  // 1: `ebb:fast`, 2: `ebb:small`
  ValueMap map = ValueMap::kCodes;
  uint8_t table_log2 = 8;
  uint8_t lanes_log2 = 6;
  uint8_t streams_log2 = 0;
  uint8_t classes = 1;
  uint8_t raw_bits = 0;
  uint8_t code_bytes = 4;
  uint32_t elements = 0;
  uint32_t unit = 0;
  uint32_t step_or_offset = 0;
  uint32_t exceptions = 0;
  uint32_t step_period_or_shift = 0;
  uint32_t bytes = 0;
};
static_assert(sizeof(ChunkHeader) == kChunkHeaderBytes);

struct ChunkView {
  ChunkHeader header;
  std::span<const std::byte> bytes;  // the whole chunk

  const std::byte* steps = nullptr;       // f32[], when step_period > 0
  const std::byte* class_bits = nullptr;  // packed class numbers, when classes > 1
  const std::byte* exceptions = nullptr;  // (u32 element, u32 bits)[]
  const std::byte* raw = nullptr;
  const std::byte* states = nullptr;  // u16[streams][64]; u32 in layout 2
  struct Stream {
    const std::byte* bytes_begin;  // renormalisation bytes; in layout 2 words, like the escapes
    const std::byte* bytes_end;
    const std::byte* escapes_begin;
    const std::byte* escapes_end;
  };
  std::array<Stream, kMaxStreams> streams;
  std::array<SlotCounts, kMaxClasses> tables;                        // layout 1
  std::array<std::span<const std::byte>, kMaxClasses> small_tables;  // layout 2: ReadSmallTable

  bool is_small() const { return header.layout == 2; }

  int stream_count() const { return 1 << header.streams_log2; }
  uint32_t full_units() const { return header.elements / header.unit; }
  uint32_t partial_elements() const { return header.elements % header.unit; }
  uint32_t units() const { return full_units() + (partial_elements() != 0); }
  int ClassOf(uint32_t unit) const;
  float step() const;
  // The step of an element, whether the chunk has one step or many.
  float StepOf(uint32_t element) const;
  struct Exception {
    uint32_t element;
    uint32_t bits;
  };
  Exception ExceptionAt(uint32_t i) const;
};

// `bytes` is exactly one chunk.
[[nodiscard]] Result<ChunkView> ParseChunk(std::span<const std::byte> bytes);

// Visits the units of a chunk in coded order (format.md, 2.2), without memory from the heap.
class UnitOrder {
 public:
  explicit UnitOrder(const ChunkView& chunk);

  struct Unit {
    uint32_t position;  // among the chunk's units: elements from position x unit
    uint32_t elements;  // unit, or fewer for the partial one
    int class_number;
  };
  // The next unit; false after the last.
  bool Next(Unit* unit);

 private:
  // Chunks with more full units are searched for each class anew.
  static constexpr uint32_t kMaxSorted = 2048;

  const ChunkView& chunk_;
  int class_number_ = 0;
  uint32_t position_ = 0;  // among sorted_, or among all units
  bool partial_done_ = false;
  bool is_sorted_ = false;
  std::array<uint32_t, kMaxClasses> class_end_;  // in sorted_
  std::array<uint16_t, kMaxSorted> sorted_;      // the full units by class
};

// Bits of a class number in a chunk with `classes` classes.
constexpr int ClassBits(int classes) {
  return classes <= 1 ? 0 : classes <= 2 ? 1 : classes <= 4 ? 2 : 3;
}

}  // namespace ebb
