// What the encoder chooses for a chunk: raw bits, units, streams, classes and their tables.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "codec/chunk.h"
#include "codec/slot_table.h"

namespace ebb {

struct ChunkPlan {
  uint32_t unit = 0;
  int streams_log2 = 0;
  int raw_bits = 0;
  int code_bytes = 4;
  // Values whose magnitude has more bits than this become exceptions.
  int max_magnitude_bits = 31;
  bool adds_exceptions = false;        // whether there are any such
  std::vector<SlotCounts> tables;      // one a class; none in layout 2
  std::vector<uint8_t> class_of_unit;  // partial unit included; empty: all are of class 0
};

// The bits of |v| as two's complement sees it: 0 for 0 and -1, 1 for 1 and -2, ...
constexpr uint32_t Magnitude(int32_t v) { return static_cast<uint32_t>(v ^ (v >> 31)); }

// Plans a chunk of `values`. `row_elements` as in ChunkContent. With `codes`, values are
// quantization codes whose size (code_bytes) matters; otherwise they are words.
[[nodiscard]] ChunkPlan PlanChunk(std::span<const int32_t> values, uint32_t row_elements,
                                  bool codes);

}  // namespace ebb
