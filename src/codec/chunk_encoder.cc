#include "codec/chunk_encoder.h"

#include "base/bytes.h"
#include "base/checked.h"
#include "codec/chunk_plan.h"
#include "codec/chunk_writer.h"
#include "codec/encode_ops.h"
#include "codec/stream_encoder.h"

namespace ebb {
namespace {

using Bytes = std::vector<std::byte>;

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

  Bytes table_bytes;
  for (const SlotCounts& table : plan.tables) AppendTable(table, &table_bytes);
  std::vector<Bytes> states;
  std::vector<StreamParts> parts;
  for (const CodedStream& stream : streams) {
    Bytes& bytes = states.emplace_back();
    for (const uint16_t state : stream.states) AppendLe(bytes, state);
    parts.push_back({bytes, stream.bytes.span(), stream.escapes.span()});
  }
  const ChunkParts chunk = {1, 8, plan.tables.size(), table_bytes, exceptions, parts};
  AppendChunk(content, plan, chunk, out);
}

}  // namespace

void EncodeChunk(const ChunkContent& content, Bytes* out) {
  Encode(content, BestStreamCoder(), out);
}

void EncodeChunkScalar(const ChunkContent& content, Bytes* out) {
  Encode(content, CodeStreamScalar, out);
}

}  // namespace ebb
