// How the rows of an attention call are cut into items, one for a thread at a time.
//
// An item is a chunk of consecutive rows, one kv head, and a block of the heads that read it. The
// rows of an item that share a cache make one group, so that prefill reads the cache once for
// several rows.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>

#include "kernels/cpu/kernels.h"

namespace ebb {

class AttentionPlan {
 public:
  // The scratch that lets `threads` threads work on groups of full size.
  static int64_t ScratchFloats(int64_t positions, int threads);

  AttentionPlan(const AttentionShape& shape, std::span<const AttentionRow> rows,
                size_t scratch_floats, int threads);

  int64_t items() const { return row_chunks_ * shape_.kv_heads * head_blocks_; }
  int64_t slots() const { return slots_; }
  int64_t slot_floats() const { return slot_floats_; }
  int64_t work() const { return work_; }  // products, over all items

  // Calls f(group) for the groups of an item; the scores of each fit into a slot.
  template <class F>
  void ForGroups(int64_t item, const F& f) const {
    const int64_t block = item % head_blocks_;
    const int64_t kv_head = item / head_blocks_ % shape_.kv_heads;
    const int64_t first_row = item / head_blocks_ / shape_.kv_heads * rows_per_chunk_;
    const int64_t end_row =
        std::min(first_row + rows_per_chunk_, static_cast<int64_t>(rows_.size()));
    AttentionGroup group;
    for (int64_t row = first_row; row < end_row;) {
      row = NextGroup(row, end_row, kv_head, block, group);
      f(group);
    }
  }

 private:
  // Fills `group` with the rows from `row` on that share a cache, and gives the row after them.
  int64_t NextGroup(int64_t row, int64_t end_row, int64_t kv_head, int64_t block,
                    AttentionGroup& group) const;

  const AttentionShape& shape_;
  std::span<const AttentionRow> rows_;
  int64_t rows_per_chunk_ = 1;
  int64_t row_chunks_ = 1;
  int64_t heads_per_block_ = 1;
  int64_t head_blocks_ = 1;
  int64_t slots_ = 1;
  int64_t slot_floats_ = 0;
  int64_t work_ = 0;
};

}  // namespace ebb
