#include "codec/chunk_writer.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <type_traits>

#include "base/bytes.h"
#include "base/checked.h"
#include "codec/encode_ops.h"

namespace ebb {
namespace {

using Bytes = std::vector<std::byte>;

// Closes the gaps between fields of 8 or 16 bits in a word: of each, the low `bits` bits stay. In
// each step neighbours of `width` bits that hold `used` become one of twice as many.
template <int kField>
uint64_t CloseGaps(uint64_t word, int bits) {
  uint64_t low = kField == 8 ? 0x00ff00ff00ff00ffu : 0x0000ffff0000ffffu;
  word &= ((uint64_t{1} << bits) - 1) * (kField == 8 ? 0x0101010101010101u : 0x0001000100010001u);
  int used = bits;
  for (int width = kField; width < 64; width *= 2, used *= 2) {
    word = (word & low) | (word & ~low) >> (width - used);
    low = width * 2 == 16 ? 0x0000ffff0000ffffu : 0x00000000ffffffffu;
  }
  return word;
}

// The bit strings of as many values as fill whole bytes, up to a tile at a time, by way of fields
// of kField bits; returns how many values. Writes up to 8 bytes behind the last.
template <int kField>
size_t PackFields(std::span<const int32_t> values, int bits, std::byte* to) {
  using Field = std::conditional_t<kField == 8, uint8_t, uint16_t>;
  constexpr size_t kInWord = 64 / kField;
  constexpr size_t kTile = 1024;
  alignas(64) std::array<Field, kTile> fields;
  // 8 values have a whole number of bytes.
  const size_t count = values.size() / 8 * 8;
  for (size_t first = 0; first < count; first += kTile) {
    const auto tile = values.subspan(first, std::min(kTile, count - first));
    if constexpr (kField == 8) {
      LowBytes(tile, fields.data());
    } else {
      LowHalves(tile, fields.data());
    }
    if (bits == kField) {
      std::memcpy(to, fields.data(), tile.size() * sizeof(Field));
      to += tile.size() * sizeof(Field);
      continue;
    }
    for (size_t i = 0; i < tile.size(); i += 8) {
      const auto word = [&](size_t at) {
        uint64_t loaded;
        std::memcpy(&loaded, fields.data() + at, sizeof(loaded));
        return CloseGaps<kField>(loaded, bits);
      };
      if constexpr (kField == 8) {
        StoreLe(to, word(i));
      } else {
        // Two words of up to 60 bits each.
        const uint64_t low = word(i);
        const uint64_t high = word(i + kInWord);
        const int low_bits = bits * static_cast<int>(kInWord);
        StoreLe(to, low | high << low_bits);
        StoreLe(to + 8, high >> (64 - low_bits));
      }
      to += bits;
    }
  }
  return count;
}

// Bit strings, least significant bit first, whole bytes at the end.
void AppendBits(std::span<const int32_t> values, int bits, Bytes* out) {
  if (bits == 0) return;
  if (bits <= 16) {
    constexpr size_t kSlack = 16;
    const size_t start = out->size();
    out->resize(start + values.size() / 8 * static_cast<size_t>(bits) + kSlack);
    const size_t packed = bits <= 8 ? PackFields<8>(values, bits, out->data() + start)
                                    : PackFields<16>(values, bits, out->data() + start);
    out->resize(out->size() - kSlack);
    values = values.subspan(packed);
  }
  const uint64_t mask = (uint64_t{1} << bits) - 1;
  size_t at = out->size();
  out->resize(at + DivideRoundingUp(values.size() * static_cast<size_t>(bits), 8));
  uint64_t window = 0;
  int held = 0;
  for (const int32_t v : values) {
    window |= (static_cast<uint32_t>(v) & mask) << held;
    held += bits;
    if (held >= 32) {
      StoreLe(out->data() + at, static_cast<uint32_t>(window));
      at += 4;
      window >>= 32;
      held -= 32;
    }
  }
  for (; held > 0; held -= 8, window >>= 8) (*out)[at++] = static_cast<std::byte>(window);
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
    const uint32_t bits = content.original_bytes == 4
                              ? LoadLe<uint32_t>(content.originals.data() + 4 * i)
                              : LoadLe<uint16_t>(content.originals.data() + 2 * i);
    all.push_back({static_cast<uint32_t>(i), bits});
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
