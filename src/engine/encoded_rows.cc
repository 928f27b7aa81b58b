#include "engine/encoded_rows.h"

#include <bit>

#include "codec/chunk_decoder.h"

namespace ebb {

bool CanMultiplyEncoded() { return BestChunkDecoder().units_to_int8 != nullptr; }

bool IsEncodedRows(const ChunkHeader& header, uint64_t cols) {
  return header.layout == 1 && header.map == ValueMap::kCodes && header.code_bytes == 1 &&
         header.step_period_or_shift == 0 && header.unit == cols &&
         cols <= static_cast<uint64_t>(kMaxEncodedCols) && header.elements % header.unit == 0;
}

void EncodedRowsBuilder::Start() {
  matrix->chunks.clear();
  matrix->is_corrupt = false;
  exceptions->clear();
  step = 0;
}

bool EncodedRowsBuilder::Append(const ChunkView& chunk) {
  if (matrix->chunks.empty()) step = chunk.step();
  if (chunk.step() != step) return false;
  const uint32_t cols = chunk.header.unit;
  const int64_t first_row =
      matrix->chunks.empty() ? 0 : matrix->chunks.back().first_row + matrix->chunks.back().rows;
  matrix->chunks.push_back({chunk.bytes, first_row, chunk.header.elements / cols});
  for (uint32_t i = 0; i < chunk.header.exceptions; ++i) {
    const ChunkView::Exception e = chunk.ExceptionAt(i);
    exceptions->push_back({static_cast<uint32_t>(first_row) + e.element / cols, e.element % cols,
                           std::bit_cast<float>(e.bits)});
  }
  return true;
}

}  // namespace ebb
