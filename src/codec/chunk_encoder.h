// Integers to the bytes of a chunk (docs/format.md, section 2): the second stage of the codec.
//
// The encoder chooses what the format leaves open, by counting bits: how many raw bits, how many
// classes of units and their tables, how many streams. Its bytes depend on its input only, not on
// the instruction set.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "codec/chunk.h"

namespace ebb {

// What a chunk is to hold.
struct ChunkContent {
  ValueMap map = ValueMap::kCodes;
  // 1 to kMaxEbbElements integers; 0 at exceptions. The encoder sets those that it makes
  // exceptions to 0.
  std::span<int32_t> values;
  std::span<const std::byte> originals;  // of each element, for exceptions that the encoder adds
  int original_bytes = 4;                // 2 or 4
  std::span<const ChunkView::Exception> exceptions;  // rising elements
  uint32_t row_elements =
      0;           // the length of a matrix row, or 0: units are made of whole rows where possible
  float step = 0;  // kCodes with one step
  std::span<const float> steps;  // kCodes with a step for each step_period elements
  uint32_t step_period = 0;
  uint32_t offset = 0;  // kWords16 and kWords32
  uint32_t shift = 0;
};

// Appends one chunk of layout 2, which is smaller where there are many values, and slower.
void EncodeSmallChunk(const ChunkContent& content, std::vector<std::byte>* out);

// Appends one chunk of layout 1 to `out`.
void EncodeChunk(const ChunkContent& content, std::vector<std::byte>* out);

// The same with the scalar stream coder, for tests: the bytes are equal.
void EncodeChunkScalar(const ChunkContent& content, std::vector<std::byte>* out);

}  // namespace ebb
