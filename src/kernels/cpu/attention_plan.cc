#include "kernels/cpu/attention_plan.h"

namespace ebb {

namespace {

// A query takes as many score floats as it sees positions; beyond this many floats (2 MiB), a
// thread works on fewer queries at once.
constexpr int64_t kMaxScoreFloats = 512 * 1024;

// Smaller blocks of heads read the cache too often for what they compute.
constexpr int64_t kMinHeadsPerBlock = 4;

int64_t DivideUp(int64_t a, int64_t b) { return (a + b - 1) / b; }

RowSpan Union(RowSpan a, const AttentionRow& row) {
  return {std::min(a.begin, row.first_position), std::max(a.end, row.end_position)};
}

}  // namespace

RowSpan AttentionGroup::Positions() const {
  RowSpan positions{queries[0].first_position, queries[0].end_position};
  for (int64_t q = 1; q < count; ++q) {
    positions.begin = std::min(positions.begin, queries[q].first_position);
    positions.end = std::max(positions.end, queries[q].end_position);
  }
  return positions;
}

int64_t AttentionPlan::ScratchFloats(int64_t positions, int threads) {
  const int64_t query = ScoreFloats(positions);
  return threads * std::max(query, std::min(kMaxAttentionQueries * query, kMaxScoreFloats));
}

AttentionPlan::AttentionPlan(const AttentionShape& shape, std::span<const AttentionRow> rows,
                             size_t scratch_floats, int threads)
    : shape_(shape), rows_(rows) {
  int64_t longest = 1;
  for (const AttentionRow& row : rows) {
    const int64_t length = row.end_position - row.first_position;
    longest = std::max(longest, length);
    work_ += shape.heads * length * (shape.key_dim + shape.value_dim);
  }
  const auto floats = static_cast<int64_t>(scratch_floats);
  slots_ = std::clamp<int64_t>(floats / longest, 1, threads);
  slot_floats_ = floats / slots_;
  const int64_t max_queries = std::clamp<int64_t>(slot_floats_ / longest, 1, kMaxAttentionQueries);

  const auto row_count = static_cast<int64_t>(rows.size());
  const int64_t heads = shape.heads / shape.kv_heads;
  rows_per_chunk_ = std::max<int64_t>(1, max_queries / heads);
  rows_per_chunk_ = std::min(rows_per_chunk_, DivideUp(row_count * shape.kv_heads, threads));
  row_chunks_ = DivideUp(row_count, rows_per_chunk_);
  head_blocks_ = DivideUp(heads, std::min(heads, max_queries));
  const int64_t wanted = DivideUp(threads, row_chunks_ * shape.kv_heads);
  head_blocks_ = std::max(head_blocks_, std::min(wanted, heads / kMinHeadsPerBlock));
  heads_per_block_ = DivideUp(heads, head_blocks_);
  head_blocks_ = DivideUp(heads, heads_per_block_);
}

int64_t AttentionPlan::NextGroup(int64_t row, int64_t end_row, int64_t kv_head, int64_t block,
                                 AttentionGroup& group) const {
  const int64_t heads = shape_.heads / shape_.kv_heads;
  const int64_t first_head = kv_head * heads + block * heads_per_block_;
  const int64_t end_head = std::min(first_head + heads_per_block_, (kv_head + 1) * heads);
  const int64_t head_count = end_head - first_head;
  group.shape = &shape_;
  group.pages = rows_[row].pages;
  group.kv_head = kv_head;
  group.count = 0;
  RowSpan positions{rows_[row].first_position, rows_[row].end_position};
  for (; row < end_row && rows_[row].pages == group.pages; ++row) {
    const AttentionRow& next = rows_[row];
    positions = Union(positions, next);
    const int64_t count = group.count + head_count;
    const bool fits =
        count <= kMaxAttentionQueries && count * (positions.end - positions.begin) <= slot_floats_;
    if (group.count > 0 && !fits) break;
    for (int64_t head = first_head; head < end_head; ++head) {
      group.queries[group.count++] = {next.query + head * shape_.key_dim,
                                      next.output + head * shape_.value_dim, next.first_position,
                                      next.end_position};
    }
  }
  return row;
}

}  // namespace ebb
