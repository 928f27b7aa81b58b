// The encoder of layout 2: the steps of docs/format.md, 2.5, backwards.
#include <algorithm>

#include "base/bytes.h"
#include "base/checked.h"
#include "codec/chunk_encoder.h"
#include "codec/chunk_writer.h"
#include "codec/small_plan.h"
#include "codec/small_stream.h"

namespace ebb {
namespace {

using Bytes = std::vector<std::byte>;

SmallStream CodeUnits(std::span<const int32_t> values, const ChunkPlan& plan,
                      const std::vector<SmallCodingTable>& tables, SmallStreamCoder code) {
  // A word a value is the most.
  SmallStream stream(AlignUp(values.size(), kLanes));
  const auto class_of = [&](size_t unit) -> size_t {
    return plan.class_of_unit.empty() ? 0 : plan.class_of_unit[unit];
  };
  const size_t full = values.size() / plan.unit;
  const std::span<const int32_t> partial = values.subspan(full * plan.unit);
  if (!partial.empty()) {
    const SmallCodingTable& table = tables[class_of(full)];
    // Filled up with a token that the table knows.
    std::vector<int32_t> padded(
        AlignUp(partial.size(), kLanes),
        static_cast<int32_t>(static_cast<uint32_t>(table.most_frequent) << plan.raw_bits));
    std::copy(partial.begin(), partial.end(), padded.begin());
    code(padded.data(), padded.size() / kLanes, plan.raw_bits, table, &stream);
  }
  for (size_t c = tables.size(); c-- > 0;) {
    for (size_t unit = full; unit-- > 0;) {
      if (class_of(unit) != c) continue;
      code(values.data() + unit * plan.unit, plan.unit / kLanes, plan.raw_bits, tables[c], &stream);
    }
  }
  return stream;
}

void Encode(const ChunkContent& content, SmallStreamCoder code, Bytes* out) {
  EBB_CHECK(!content.values.empty() && content.values.size() <= kMaxEbbElements);
  const SmallPlan small =
      PlanSmallChunk(content.values, content.row_elements, content.map == ValueMap::kCodes);
  const std::vector<ChunkView::Exception> exceptions = CollectExceptions(content, small.plan);
  Bytes table_bytes;
  std::vector<SmallCodingTable> tables;
  for (const SmallCounts& counts : small.small_tables) {
    AppendSmallTable(counts, &table_bytes);
    tables.push_back(MakeSmallCodingTable(counts));
  }
  const SmallStream coded = CodeUnits(content.values, small.plan, tables, code);
  const StreamParts stream = {coded.States(), coded.Words(), coded.Escapes()};
  const ChunkParts parts = {2,           kSmallSlotsLog2, tables.size(),
                            table_bytes, exceptions,      std::span(&stream, 1)};
  AppendChunk(content, small.plan, parts, out);
}

}  // namespace

void EncodeSmallChunk(const ChunkContent& content, Bytes* out) {
  Encode(content, BestSmallStreamCoder(), out);
}

void EncodeSmallChunkScalar(const ChunkContent& content, Bytes* out) {
  Encode(content, CodeSmallScalar, out);
}

}  // namespace ebb
