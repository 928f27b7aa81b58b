#include "codec/chunk_writer.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "base/bytes.h"

namespace ebb {
namespace {

using Bytes = std::vector<std::byte>;

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

void Append(std::span<const std::byte> bytes, Bytes* out) {
  out->insert(out->end(), bytes.begin(), bytes.end());
}

}  // namespace

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

void AppendChunk(const ChunkContent& content, const ChunkPlan& plan, const ChunkParts& parts,
                 Bytes* out) {
  ChunkHeader header;
  header.layout = parts.layout;
  header.table_log2 = parts.table_log2;
  header.map = content.map;
  header.streams_log2 = static_cast<uint8_t>(plan.streams_log2);
  header.classes = static_cast<uint8_t>(parts.classes);
  header.raw_bits = static_cast<uint8_t>(plan.raw_bits);
  header.code_bytes = static_cast<uint8_t>(plan.code_bytes);
  header.elements = static_cast<uint32_t>(content.values.size());
  header.unit = plan.unit;
  header.exceptions = static_cast<uint32_t>(parts.exceptions.size());
  const bool one_step = content.map == ValueMap::kCodes && content.steps.empty();
  header.step_or_offset = one_step ? std::bit_cast<uint32_t>(content.step) : content.offset;
  header.step_period_or_shift =
      content.map == ValueMap::kCodes ? content.step_period : content.shift;

  const size_t start = out->size();
  out->resize(start + kChunkHeaderBytes);
  for (const float step : content.steps) AppendLe(*out, step);
  Append(parts.tables, out);
  if (parts.classes > 1) {
    const std::vector<int32_t> classes(plan.class_of_unit.begin(), plan.class_of_unit.end());
    AppendBits(classes, ClassBits(header.classes), out);
  }
  for (const StreamParts& stream : parts.streams) {
    AppendLe(*out, static_cast<uint32_t>(stream.bytes.size()));
    AppendLe(*out, static_cast<uint32_t>(stream.escapes.size()));
  }
  for (const ChunkView::Exception& exception : parts.exceptions) {
    AppendLe(*out, exception.element);
    AppendLe(*out, exception.bits);
  }
  AppendBits(content.values, plan.raw_bits, out);
  for (const StreamParts& stream : parts.streams) Append(stream.states, out);
  for (const StreamParts& stream : parts.streams) Append(stream.bytes, out);
  for (const StreamParts& stream : parts.streams) Append(stream.escapes, out);
  header.bytes = static_cast<uint32_t>(out->size() - start);
  std::memcpy(out->data() + start, &header, kChunkHeaderBytes);
}

}  // namespace ebb
