#include "codec/chunk.h"

#include <bit>
#include <cmath>
#include <cstring>

#include "base/bytes.h"
#include "base/checked.h"
#include "codec/small_table.h"

namespace ebb {
namespace {

tl::unexpected<Error> Corrupt(std::string_view what) {
  return MakeError(ErrorCode::kCorrupt, "chunk", "{}", what);
}

// Hands out consecutive parts of a chunk; an overrun gives null and is remembered.
class Cursor {
 public:
  explicit Cursor(std::span<const std::byte> bytes) : bytes_(bytes) {}

  const std::byte* Take(uint64_t size) {
    if (size > bytes_.size() - at_) {
      overrun_ = true;
      return nullptr;
    }
    const std::byte* part = bytes_.data() + at_;
    at_ += size;
    return part;
  }
  std::span<const std::byte> rest() const { return bytes_.subspan(at_); }
  bool overrun() const { return overrun_; }
  bool at_end() const { return at_ == bytes_.size(); }

 private:
  std::span<const std::byte> bytes_;
  size_t at_ = 0;
  bool overrun_ = false;
};

Status CheckHeader(const ChunkHeader& h, size_t size) {
  if (h.bytes != size) return Corrupt("the header names another size");
  if (h.layout != 1 && h.layout != 2) return Corrupt("unknown layout");
  if (h.map > ValueMap::kWords32) return Corrupt("unknown map");
  const int table_log2 = h.layout == 1 ? 8 : kSmallSlotsLog2;
  if (h.table_log2 != table_log2 || h.lanes_log2 != 6)
    return Corrupt("unknown table or lane count");
  if (h.streams_log2 > 6) return Corrupt("too many streams");
  if (h.classes < 1 || h.classes > kMaxClasses) return Corrupt("bad number of classes");
  if (h.raw_bits > kMaxRawBits) return Corrupt("too many raw bits");
  if (h.elements < 1 || h.elements > kMaxEbbElements) return Corrupt("bad number of elements");
  if (h.unit < kLanes || h.unit > kMaxUnit || h.unit % kLanes != 0) return Corrupt("bad unit");
  if (h.exceptions > h.elements) return Corrupt("more exceptions than elements");
  if (h.map == ValueMap::kCodes) {
    if (h.code_bytes != 1 && h.code_bytes != 2 && h.code_bytes != 4)
      return Corrupt("bad code size");
    if (h.step_period_or_shift == 0) {
      const float step = std::bit_cast<float>(h.step_or_offset);
      if (!std::isfinite(step) || step < 0) return Corrupt("bad step");
    }
  } else {
    if (h.code_bytes != 4) return Corrupt("bad code size");
    const uint32_t max_shift = h.map == ValueMap::kWords32 ? 16 : 0;
    if (h.step_period_or_shift > max_shift) return Corrupt("bad shift");
  }
  return {};
}

// Reads one table of section 2.3.
Status ReadTable(Cursor& cursor, SlotCounts* table) {
  const std::byte* head = cursor.Take(2);
  if (head == nullptr) return Corrupt("truncated table");
  table->first = LoadLe<int8_t>(head);
  const int count = LoadLe<uint8_t>(head + 1);
  table->last = table->first + count - 1;
  if (count < 1 || table->first < kMinToken || table->last > kMaxToken) {
    return Corrupt("a table's tokens are out of range");
  }
  const std::byte* slots = cursor.Take(static_cast<uint64_t>(count) + 1);
  if (slots == nullptr) return Corrupt("truncated table");
  int total = 0;
  for (int i = 0; i < count; ++i) {
    table->slots[TokenIndex(table->first + i)] = LoadLe<uint8_t>(slots + i);
    total += LoadLe<uint8_t>(slots + i);
  }
  table->slots[TokenIndex(kEscapeToken)] = LoadLe<uint8_t>(slots + count);
  total += LoadLe<uint8_t>(slots + count);
  if (count == 1 && total == 0) {
    table->slots[TokenIndex(table->first)] = kSlots;
    total = kSlots;
  }
  if (total != kSlots) return Corrupt("a table's slots do not add up to 256");
  return {};
}

Status ReadTables(Cursor& cursor, ChunkView* chunk) {
  for (size_t c = 0; c < chunk->header.classes; ++c) {
    if (!chunk->is_small()) {
      EBB_TRY(ReadTable(cursor, &chunk->tables[c]));
      continue;
    }
    const std::span<const std::byte> rest = cursor.rest();
    SmallCounts counts;
    const size_t size = ReadSmallTable(rest, &counts);
    if (size == 0) return Corrupt("a table is truncated, or its slots do not add up to 4096");
    chunk->small_tables[c] = rest.first(size);
    cursor.Take(size);
  }
  return {};
}

// Full units of each class must fill all streams evenly, but for the last class that has any.
Status CheckClasses(const ChunkView& chunk) {
  if (chunk.header.classes == 1) return {};
  std::array<uint32_t, kMaxClasses> counts{};
  for (uint32_t unit = 0; unit < chunk.units(); ++unit) {
    const int class_number = chunk.ClassOf(unit);
    if (class_number >= chunk.header.classes) return Corrupt("a unit's class has no table");
    if (unit < chunk.full_units()) ++counts[static_cast<size_t>(class_number)];
  }
  int last = chunk.header.classes - 1;
  while (last > 0 && counts[static_cast<size_t>(last)] == 0) --last;
  for (int c = 0; c < last; ++c) {
    if (counts[static_cast<size_t>(c)] % static_cast<uint32_t>(chunk.stream_count()) != 0) {
      return Corrupt("a class does not fill its streams");
    }
  }
  return {};
}

}  // namespace

int ChunkView::ClassOf(uint32_t unit) const {
  if (class_bits == nullptr) return 0;
  const auto bits = static_cast<uint32_t>(ClassBits(header.classes));
  const uint32_t at = unit * bits;  // below 2^20 x 3
  uint32_t window = LoadLe<uint8_t>(class_bits + at / 8);
  if (at % 8 + bits > 8) window |= uint32_t{LoadLe<uint8_t>(class_bits + at / 8 + 1)} << 8;
  return static_cast<int>((window >> (at % 8)) & ((1u << bits) - 1));
}

float ChunkView::step() const { return std::bit_cast<float>(header.step_or_offset); }

float ChunkView::StepOf(uint32_t element) const {
  if (steps == nullptr) return step();
  return LoadLe<float>(steps + size_t{element / header.step_period_or_shift} * sizeof(float));
}

ChunkView::Exception ChunkView::ExceptionAt(uint32_t i) const {
  return {LoadLe<uint32_t>(exceptions + size_t{i} * 8),
          LoadLe<uint32_t>(exceptions + size_t{i} * 8 + 4)};
}

Result<ChunkView> ParseChunk(std::span<const std::byte> bytes) {
  if (bytes.size() < kChunkHeaderBytes) return Corrupt("shorter than its header");
  ChunkView chunk;
  chunk.bytes = bytes;
  std::memcpy(&chunk.header, bytes.data(), kChunkHeaderBytes);
  const ChunkHeader& h = chunk.header;
  EBB_TRY(CheckHeader(h, bytes.size()));

  Cursor cursor(bytes);
  cursor.Take(kChunkHeaderBytes);
  if (h.map == ValueMap::kCodes && h.step_period_or_shift > 0) {
    const uint64_t count = DivideRoundingUp(h.elements, h.step_period_or_shift);
    chunk.steps = cursor.Take(count * sizeof(float));
    if (chunk.steps == nullptr) return Corrupt("truncated steps");
    for (uint64_t i = 0; i < count; ++i) {
      const float step = LoadLe<float>(chunk.steps + i * sizeof(float));
      if (!std::isfinite(step) || step < 0) return Corrupt("bad step");
    }
  }
  EBB_TRY(ReadTables(cursor, &chunk));
  if (h.classes > 1) {
    const uint64_t bits = uint64_t{chunk.units()} * static_cast<uint64_t>(ClassBits(h.classes));
    chunk.class_bits = cursor.Take(DivideRoundingUp(bits, 8));
  }
  const auto streams = static_cast<size_t>(chunk.stream_count());
  const std::byte* directory = cursor.Take(streams * 8);
  chunk.exceptions = cursor.Take(uint64_t{h.exceptions} * 8);
  chunk.raw = cursor.Take(DivideRoundingUp(uint64_t{h.elements} * h.raw_bits, 8));
  chunk.states =
      cursor.Take(streams * kLanes * (chunk.is_small() ? sizeof(uint32_t) : sizeof(uint16_t)));
  if (cursor.overrun()) return Corrupt("truncated");
  for (size_t s = 0; s < streams; ++s) {
    const uint64_t size = LoadLe<uint32_t>(directory + s * 8);
    const std::byte* begin = cursor.Take(size);
    if (begin == nullptr) return Corrupt("truncated stream");
    if (chunk.is_small() && size % 2 != 0) return Corrupt("a stream has half a word");
    chunk.streams[s].bytes_begin = begin;
    chunk.streams[s].bytes_end = begin + size;
  }
  for (size_t s = 0; s < streams; ++s) {
    const uint64_t size = LoadLe<uint32_t>(directory + s * 8 + 4);
    const std::byte* begin = cursor.Take(size);
    if (begin == nullptr) return Corrupt("truncated stream");
    if (chunk.is_small() && size % 2 != 0) return Corrupt("a stream has half a word");
    chunk.streams[s].escapes_begin = begin;
    chunk.streams[s].escapes_end = begin + size;
  }
  if (!cursor.at_end()) return Corrupt("bytes are left over");
  EBB_TRY(CheckClasses(chunk));
  for (uint32_t i = 0; i < h.exceptions; ++i) {
    const uint32_t element = chunk.ExceptionAt(i).element;
    if (element >= h.elements || (i > 0 && element <= chunk.ExceptionAt(i - 1).element)) {
      return Corrupt("an exception is out of order");
    }
  }
  return chunk;
}

UnitOrder::UnitOrder(const ChunkView& chunk) : chunk_(chunk) {
  const uint32_t full = chunk.full_units();
  if (chunk.header.classes == 1 || full > kMaxSorted) return;
  is_sorted_ = true;
  std::array<uint8_t, kMaxSorted> class_of;
  std::array<uint32_t, kMaxClasses + 1> count{};
  for (uint32_t i = 0; i < full; ++i) {
    class_of[i] = static_cast<uint8_t>(chunk.ClassOf(i));
    ++count[class_of[i] + size_t{1}];
  }
  for (size_t c = 0; c < kMaxClasses; ++c) {
    count[c + 1] += count[c];
    class_end_[c] = count[c + 1];
  }
  for (uint32_t i = 0; i < full; ++i) sorted_[count[class_of[i]]++] = static_cast<uint16_t>(i);
}

bool UnitOrder::Next(Unit* unit) {
  const uint32_t full = chunk_.full_units();
  const ChunkHeader& h = chunk_.header;
  if (is_sorted_ && position_ < full) {
    while (position_ >= class_end_[static_cast<size_t>(class_number_)]) ++class_number_;
    *unit = {sorted_[position_++], h.unit, class_number_};
    return true;
  }
  for (; !is_sorted_ && class_number_ < h.classes; ++class_number_, position_ = 0) {
    while (h.classes > 1 && position_ < full && chunk_.ClassOf(position_) != class_number_) {
      ++position_;
    }
    if (position_ < full) {
      *unit = {position_++, h.unit, class_number_};
      return true;
    }
  }
  if (chunk_.partial_elements() == 0 || partial_done_) return false;
  partial_done_ = true;
  *unit = {full, chunk_.partial_elements(), chunk_.ClassOf(full)};
  return true;
}

}  // namespace ebb
