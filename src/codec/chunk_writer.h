// The parts of a chunk in their order (docs/format.md, section 2): what both layouts share.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "codec/chunk_encoder.h"
#include "codec/chunk_plan.h"

namespace ebb {

// Turns values that the plan cannot code into exceptions (their values become 0), and returns all
// exceptions in rising order.
[[nodiscard]] std::vector<ChunkView::Exception> CollectExceptions(const ChunkContent& content,
                                                                  const ChunkPlan& plan);

// One coded stream, as bytes.
struct StreamParts {
  std::span<const std::byte> states;
  std::span<const std::byte> bytes;  // of renormalisation
  std::span<const std::byte> escapes;
};

struct ChunkParts {
  uint8_t layout;
  uint8_t table_log2;
  size_t classes;
  std::span<const std::byte> tables;
  std::span<const ChunkView::Exception> exceptions;
  std::span<const StreamParts> streams;
};

// Appends the chunk. Of the plan, everything but its tables counts.
void AppendChunk(const ChunkContent& content, const ChunkPlan& plan, const ChunkParts& parts,
                 std::vector<std::byte>* out);

}  // namespace ebb
