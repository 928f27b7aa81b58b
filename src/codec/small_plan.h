// What the encoder of layout 2 chooses for a chunk: as chunk_plan.h, with larger tables.
#pragma once

#include <span>
#include <vector>

#include "codec/chunk_plan.h"
#include "codec/small_table.h"

namespace ebb {

struct SmallPlan {
  ChunkPlan plan;                         // without tables
  std::vector<SmallCounts> small_tables;  // one a class
};

[[nodiscard]] SmallPlan PlanSmallChunk(std::span<const int32_t> values, uint32_t row_elements,
                                       bool codes);

}  // namespace ebb
