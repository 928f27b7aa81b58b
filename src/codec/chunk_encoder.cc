#include "codec/chunk_encoder.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "base/bytes.h"
#include "base/checked.h"
#include "codec/chunk_plan.h"
#include "codec/encode_ops.h"
#include "codec/stream_encoder.h"

namespace ebb {
namespace {

using Bytes = std::vector<std::byte>;

// Turns values that the plan cannot code into exceptions, and returns all of them in rising order.
std::vector<ChunkView::Exception> CollectExceptions(const ChunkContent& content,
                                                    const ChunkPlan& plan) {
  std::vector<ChunkView::Exception> all(content.exceptions.begin(), content.exceptions.end());
  if (!plan.adds_exceptions) return all;
  const auto given = static_cast<ptrdiff_t>(all.size());
  const uint32_t limit = (uint32_t{1} << plan.max_magnitude_bits) - 1;
  for (size_t i = 0; i < content.values.size(); ++i) {
    if (Magnitude(content.values[i]) <= limit) [[likely]]
      continue;
    all.push_back({static_cast<uint32_t>(i), LoadLe<uint32_t>(content.originals.data() + 4 * i)});
    content.values[i] = 0;
  }
  std::inplace_merge(all.begin(), all.begin() + given, all.end(),
                     [](const auto& a, const auto& b) { return a.element < b.element; });
  return all;
}

// Bit strings, least significant bit first, whole bytes at the end.
void AppendBits(std::span<const int32_t> values, int bits, Bytes* out) {
  if (bits == 0) return;
  const uint64_t mask = (uint64_t{1} << bits) - 1;
  uint64_t window = 0;
  int held = 0;
  for (const int32_t v : values) {
    window |= (static_cast<uint32_t>(v) & mask) << held;
    held += bits;
    if (held >= 32) {
      AppendLe(*out, static_cast<uint32_t>(window));
      window >>= 32;
      held -= 32;
    }
  }
  for (; held > 0; held -= 8, window >>= 8) AppendLe(*out, static_cast<uint8_t>(window));
}

void AppendTable(const SlotCounts& table, Bytes* out) {
  const int count = table.last - table.first + 1;
  AppendLe(*out, static_cast<int8_t>(table.first));
  AppendLe(*out, static_cast<uint8_t>(count));
  for (int token = table.first; token <= table.last; ++token) {
    AppendLe(*out, static_cast<uint8_t>(table.slots[static_cast<size_t>(TokenIndex(token))]));
  }
  AppendLe(*out, static_cast<uint8_t>(table.slots[TokenIndex(kEscapeToken)]));
}

int8_t MostFrequentToken(const SlotCounts& table) {
  int best = table.first;
  for (int token = table.first; token <= table.last; ++token) {
    if (table.slots[static_cast<size_t>(TokenIndex(token))] >
        table.slots[static_cast<size_t>(TokenIndex(best))]) {
      best = token;
    }
  }
  return static_cast<int8_t>(best);
}

// The units of each stream, in coded order (format.md 2.2).
std::vector<std::vector<TokenRun>> AssignRuns(const ChunkPlan& plan, size_t elements,
                                              const std::vector<int8_t>& tokens,
                                              const std::vector<CodingTable>& tables) {
  const size_t streams = size_t{1} << plan.streams_log2;
  std::vector<std::vector<TokenRun>> runs(streams);
  size_t coded = 0;
  const auto assign = [&](size_t unit, size_t class_number, size_t unit_elements) {
    runs[coded++ % streams].push_back(
        {tokens.data() + unit * plan.unit,
         static_cast<uint32_t>(DivideRoundingUp(unit_elements, kLanes)), &tables[class_number]});
  };
  const size_t full = elements / plan.unit;
  const auto class_of = [&](size_t unit) -> size_t {
    return plan.class_of_unit.empty() ? 0 : plan.class_of_unit[unit];
  };
  for (size_t c = 0; c < tables.size(); ++c) {
    for (size_t unit = 0; unit < full; ++unit) {
      if (class_of(unit) == c) assign(unit, c, plan.unit);
    }
  }
  if (elements % plan.unit != 0) assign(full, class_of(full), elements % plan.unit);
  return runs;
}

void Encode(const ChunkContent& content, StreamCoder code_stream, Bytes* out) {
  EBB_CHECK(!content.values.empty() && content.values.size() <= kMaxEbbElements);
  const ChunkPlan plan =
      PlanChunk(content.values, content.row_elements, content.map == ValueMap::kCodes);
  const std::vector<ChunkView::Exception> exceptions = CollectExceptions(content, plan);

  const size_t last_class = plan.class_of_unit.empty() ? 0 : plan.class_of_unit.back();
  // Padded to whole blocks with a token that the last unit's table knows.
  std::vector<int8_t> tokens(AlignUp(content.values.size(), kLanes),
                             MostFrequentToken(plan.tables[last_class]));
  MakeTokens(content.values, plan.raw_bits, tokens.data());
  std::vector<CodingTable> tables;
  for (const SlotCounts& table : plan.tables) tables.push_back(BuildCodingTable(table));
  std::vector<CodedStream> streams;
  for (const auto& runs : AssignRuns(plan, content.values.size(), tokens, tables)) {
    code_stream(runs, &streams.emplace_back());
  }

  ChunkHeader header;
  header.map = content.map;
  header.streams_log2 = static_cast<uint8_t>(plan.streams_log2);
  header.classes = static_cast<uint8_t>(plan.tables.size());
  header.raw_bits = static_cast<uint8_t>(plan.raw_bits);
  header.code_bytes = static_cast<uint8_t>(plan.code_bytes);
  header.elements = static_cast<uint32_t>(content.values.size());
  header.unit = plan.unit;
  header.exceptions = static_cast<uint32_t>(exceptions.size());
  const bool one_step = content.map == ValueMap::kCodes && content.steps.empty();
  header.step_or_offset = one_step ? std::bit_cast<uint32_t>(content.step) : content.offset;
  header.step_period_or_shift =
      content.map == ValueMap::kCodes ? content.step_period : content.shift;

  const size_t start = out->size();
  out->resize(start + kChunkHeaderBytes);
  for (const float step : content.steps) AppendLe(*out, step);
  for (const SlotCounts& table : plan.tables) AppendTable(table, out);
  if (plan.tables.size() > 1) {
    const std::vector<int32_t> classes(plan.class_of_unit.begin(), plan.class_of_unit.end());
    AppendBits(classes, ClassBits(header.classes), out);
  }
  for (const CodedStream& stream : streams) {
    AppendLe(*out, static_cast<uint32_t>(stream.bytes.size()));
    AppendLe(*out, static_cast<uint32_t>(stream.escapes.size()));
  }
  for (const ChunkView::Exception& exception : exceptions) {
    AppendLe(*out, exception.element);
    AppendLe(*out, exception.bits);
  }
  AppendBits(content.values, plan.raw_bits, out);
  for (const CodedStream& stream : streams) {
    for (const uint16_t state : stream.states) AppendLe(*out, state);
  }
  for (const CodedStream& s : streams) out->insert(out->end(), s.bytes.begin(), s.bytes.end());
  for (const CodedStream& s : streams) out->insert(out->end(), s.escapes.begin(), s.escapes.end());
  header.bytes = static_cast<uint32_t>(out->size() - start);
  std::memcpy(out->data() + start, &header, kChunkHeaderBytes);
}

}  // namespace

void EncodeChunk(const ChunkContent& content, Bytes* out) {
  Encode(content, BestStreamCoder(), out);
}

void EncodeChunkScalar(const ChunkContent& content, Bytes* out) {
  Encode(content, CodeStreamScalar, out);
}

}  // namespace ebb
