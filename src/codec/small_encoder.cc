// The encoder of layout 2: the steps of docs/format.md, 2.5, backwards. 64 independent states hide
// the latency of the multiplication that divides by a symbol's slots.
#include <algorithm>

#include "base/bytes.h"
#include "base/checked.h"
#include "codec/chunk_encoder.h"
#include "codec/chunk_writer.h"
#include "codec/small_plan.h"

namespace ebb {
namespace {

using Bytes = std::vector<std::byte>;

// Coding a symbol with f slots from slot `start`: x = (x / f) * 4096 + start + x mod f, which is
// x + start + (x / f) * (4096 - f). The quotient is the high half of x * ceil(2^64 / f): exact for
// x < 2^32, f > 1. For f = 1 the factor does not fit; 2^64 - 1 gives x - 1, and `add` holds the
// missing 4095.
__extension__ using Product = unsigned __int128;

struct Symbol {
  uint64_t factor;
  uint64_t limit;  // a state of f x 2^20 or more gives out its low 16 bits first
  uint32_t add;
  uint16_t multiplier;  // 4096 - f
  bool escaped;
};

struct CodingTable {
  int first;
  int most_frequent;                  // token
  std::array<Symbol, 256> of_offset;  // of token - first, or of 255 if that is no number below it
};

Symbol MakeSymbol(uint32_t slots, uint32_t start) {
  Symbol symbol;
  symbol.factor = slots == 1 ? ~uint64_t{0} : ~uint64_t{0} / slots + 1;
  symbol.limit = uint64_t{slots} << 20;
  symbol.add = slots == 1 ? start + kSmallSlots - 1 : start;
  symbol.multiplier = static_cast<uint16_t>(kSmallSlots - slots);
  symbol.escaped = false;
  return symbol;
}

CodingTable MakeCodingTable(const SmallCounts& counts) {
  CodingTable table;
  table.first = counts.first;
  const auto most = std::max_element(counts.slots.begin(), counts.slots.begin() + counts.count);
  table.most_frequent = counts.first + static_cast<int>(most - counts.slots.begin());
  const uint32_t escapes = counts.slots[kSmallEscape];
  Symbol escape = MakeSymbol(std::max(1u, escapes), kSmallSlots - escapes);
  escape.escaped = true;
  uint32_t start = 0;
  for (size_t s = 0; s < kSmallEscape; ++s) {
    const uint32_t slots = counts.slots[s];
    table.of_offset[s] = slots == 0 ? escape : MakeSymbol(slots, start);
    start += slots;
  }
  table.of_offset[kSmallEscape] = escape;
  return table;
}

// Codes values from the last to the first.
class BackwardCoder {
 public:
  BackwardCoder(size_t values, int raw_bits)
      : raw_bits_(raw_bits), words_(values), at_(words_.data() + values) {
    states_.fill(kSmallStateLow);
  }

  void CodeBlock(const int32_t* values, const CodingTable& table) {
    for (size_t lane = kLanes; lane-- > 0;) {
      const int32_t token = values[lane] >> raw_bits_;
      const uint32_t offset = static_cast<uint32_t>(token) - static_cast<uint32_t>(table.first);
      const Symbol& symbol = table.of_offset[std::min<uint32_t>(offset, kSmallEscape)];
      if (symbol.escaped) [[unlikely]]
        escapes_.push_back(static_cast<int16_t>(token));
      uint64_t x = states_[lane];
      const bool gives = x >= symbol.limit;
      at_[-1] = static_cast<uint16_t>(x);
      at_ -= gives;
      x >>= gives ? 16 : 0;
      const auto quotient = static_cast<uint64_t>(Product{x} * symbol.factor >> 64);
      states_[lane] = static_cast<uint32_t>(x + symbol.add + quotient * symbol.multiplier);
    }
  }

  Bytes States() const {
    Bytes bytes;
    for (const uint32_t x : states_) AppendLe(bytes, x);
    return bytes;
  }
  Bytes Words() const {
    const auto bytes = std::as_bytes(words_.span()).last(BytesLeft());
    return {bytes.begin(), bytes.end()};
  }
  Bytes Escapes() const {
    Bytes bytes;
    for (size_t i = escapes_.size(); i-- > 0;) AppendLe(bytes, escapes_[i]);
    return bytes;
  }

 private:
  size_t BytesLeft() const {
    return static_cast<size_t>(words_.data() + words_.size() - at_) * sizeof(uint16_t);
  }

  int raw_bits_;
  std::array<uint32_t, kLanes> states_;
  AlignedArray<uint16_t> words_;
  uint16_t* at_;
  std::vector<int16_t> escapes_;
};

BackwardCoder CodeUnits(std::span<const int32_t> values, const ChunkPlan& plan,
                        const std::vector<CodingTable>& tables) {
  // A word a value is the most, and one more place is written to before it is known to be one.
  BackwardCoder coder(AlignUp(values.size(), kLanes) + 1, plan.raw_bits);
  const auto class_of = [&](size_t unit) -> size_t {
    return plan.class_of_unit.empty() ? 0 : plan.class_of_unit[unit];
  };
  const size_t full = values.size() / plan.unit;
  const std::span<const int32_t> partial = values.subspan(full * plan.unit);
  if (!partial.empty()) {
    const CodingTable& table = tables[class_of(full)];
    // Filled up with a token that the table knows.
    std::vector<int32_t> padded(
        AlignUp(partial.size(), kLanes),
        static_cast<int32_t>(static_cast<uint32_t>(table.most_frequent) << plan.raw_bits));
    std::copy(partial.begin(), partial.end(), padded.begin());
    for (size_t at = padded.size(); at > 0; at -= kLanes) {
      coder.CodeBlock(padded.data() + at - kLanes, table);
    }
  }
  for (size_t c = tables.size(); c-- > 0;) {
    for (size_t unit = full; unit-- > 0;) {
      if (class_of(unit) != c) continue;
      for (size_t at = (unit + 1) * plan.unit; at > unit * plan.unit; at -= kLanes) {
        coder.CodeBlock(values.data() + at - kLanes, tables[c]);
      }
    }
  }
  return coder;
}

}  // namespace

void EncodeSmallChunk(const ChunkContent& content, Bytes* out) {
  EBB_CHECK(!content.values.empty() && content.values.size() <= kMaxEbbElements);
  const SmallPlan small =
      PlanSmallChunk(content.values, content.row_elements, content.map == ValueMap::kCodes);
  const std::vector<ChunkView::Exception> exceptions = CollectExceptions(content, small.plan);
  Bytes table_bytes;
  std::vector<CodingTable> tables;
  for (const SmallCounts& counts : small.small_tables) {
    AppendSmallTable(counts, &table_bytes);
    tables.push_back(MakeCodingTable(counts));
  }
  const BackwardCoder coder = CodeUnits(content.values, small.plan, tables);
  const Bytes states = coder.States();
  const Bytes words = coder.Words();
  const Bytes escapes = coder.Escapes();
  const StreamParts stream = {states, words, escapes};
  const ChunkParts parts = {2,           kSmallSlotsLog2, tables.size(),
                            table_bytes, exceptions,      std::span(&stream, 1)};
  AppendChunk(content, small.plan, parts, out);
}

}  // namespace ebb
