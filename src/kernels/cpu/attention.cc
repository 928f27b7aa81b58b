// Attention of a group of queries over a paged cache, for each instruction set.
//
// The scores of a page are one small matrix product (keys x queries), and so are the values: both
// tiles keep their sums in registers while the page comes from the cache once. Softmax stands
// between them, so the whole row of scores is kept.
#include "kernels/cpu/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/attention.cc"
#include <algorithm>
#include <cstring>

#include "hwy/foreach_target.h"
#include "hwy/highway.h"
#include "kernels/cpu/dispatch.h"
#include "kernels/cpu/dot_range-inl.h"
#include "kernels/cpu/kernels.h"
#include "kernels/cpu/softmax-inl.h"

HWY_BEFORE_NAMESPACE();
namespace ebb {
namespace HWY_NAMESPACE {

// Calls f(page, next page or null, first, last) for the parts of the positions [begin, end) that
// lie on one page.
template <class F>
HWY_INLINE void ForPages(const AttentionGroup& group, int64_t begin, int64_t end, const F& f) {
  const int64_t page_positions = group.shape->page_positions;
  while (begin < end) {
    const int64_t page = begin / page_positions;
    const int64_t last = std::min(end, (page + 1) * page_positions);
    f(group.pages[page], last < end ? group.pages[page + 1] : nullptr, begin, last);
    begin = last;
  }
}

// scores[q][p - positions.begin] for all queries and all positions of the group. What a query does
// not see is computed as well (it is there: another query of the group sees it), and never used.
void Score(const AttentionGroup& group, RowSpan positions, float* scores) {
  const AttentionShape& shape = *group.shape;
  const int64_t stride = group.ScoreStride();
  const int64_t head = shape.key_offset + group.kv_head * shape.key_head_stride;
  const float* from[kMaxAttentionQueries];
  for (int64_t q = 0; q < group.count; ++q) from[q] = group.queries[q].query;
  ForPages(group, positions.begin, positions.end,
           [&](const float* page, const float* next, int64_t begin, int64_t end) HWY_ATTR {
             float* to[kMaxAttentionQueries];
             for (int64_t q = 0; q < group.count; ++q) {
               to[q] = scores + q * stride + (begin - positions.begin);
             }
             const int64_t first = begin % shape.page_positions * shape.key_stride;
             const DotRangeInput<float> in{page + head + first,
                                           shape.key_stride,
                                           end - begin,
                                           shape.key_dim,
                                           shape.scale,
                                           next == nullptr ? page : next + head,
                                           next == nullptr ? 0 : end - begin};
             DotRange<WeightFormat::kF32>(in, group.count, from, to);
           });
}

// The tile of the values: kFoldQueries x kFoldVectors sums, one vector of values and a weight for
// each query in registers.
#if HWY_MAX_BYTES >= 64 || HWY_TARGET == HWY_NEON
inline constexpr int kFoldQueries = 4;
#else
inline constexpr int kFoldQueries = 2;
#endif
inline constexpr int kFoldVectors = 6;

struct FoldInput {
  const float* values;  // of the first position, at the first column
  const float* next;    // as many values that will be read soon; null: unknown
  int64_t stride;       // from one position to the next
  int64_t positions;
  const float* const* weights;  // of each query, from the first position on
  float* const* outputs;        // of each query, at the first column

  // The same for the queries from q on. What is read soon is asked for with the first of them only.
  FoldInput FromQuery(int64_t q) const {
    return {values, q == 0 ? next : nullptr, stride, positions, weights + q, outputs + q};
  }
};

// outputs[q][d] = the fold of fma(weights[q][p], values[p][d], .) over p, for kQueries queries and
// kVectors vectors of columns.
template <int kQueries, int kVectors, class D>
HWY_INLINE void FoldTile(D d, const FoldInput& in, int64_t column) {
  using V = hn::Vec<D>;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  V sum[kQueries][kVectors];
  HWY_UNROLL(4)
  for (int q = 0; q < kQueries; ++q) {
    HWY_UNROLL(6)
    for (int v = 0; v < kVectors; ++v) sum[q][v] = hn::LoadU(d, in.outputs[q] + column + v * lanes);
  }
  const float* values = in.values + column;
  const bool prefetch = in.next != nullptr;
  const float* next = prefetch ? in.next + column : values;
  for (int64_t p = 0; p < in.positions; ++p, values += in.stride, next += in.stride) {
    if (prefetch) {
      HWY_UNROLL(6)
      for (int v = 0; v < kVectors; ++v) __builtin_prefetch(next + v * lanes, 0, 2);
    }
    V weight[kQueries];
    HWY_UNROLL(4)
    for (int q = 0; q < kQueries; ++q) weight[q] = hn::Set(d, in.weights[q][p]);
    HWY_UNROLL(6)
    for (int v = 0; v < kVectors; ++v) {
      const V value = hn::LoadU(d, values + v * lanes);
      HWY_UNROLL(4)
      for (int q = 0; q < kQueries; ++q) sum[q][v] = hn::MulAdd(weight[q], value, sum[q][v]);
    }
  }
  HWY_UNROLL(4)
  for (int q = 0; q < kQueries; ++q) {
    HWY_UNROLL(6)
    for (int v = 0; v < kVectors; ++v) hn::StoreU(sum[q][v], d, in.outputs[q] + column + v * lanes);
  }
}

template <int kQueries>
void FoldColumns(const FoldInput& in, int64_t columns) {
  int64_t column = 0;
  for (; column + kFoldVectors * kLanes <= columns; column += kFoldVectors * kLanes) {
    FoldTile<kQueries, kFoldVectors>(DF(), in, column);
  }
  for (; column + 2 * kLanes <= columns; column += 2 * kLanes) {
    FoldTile<kQueries, 2>(DF(), in, column);
  }
  for (; column + kLanes <= columns; column += kLanes) FoldTile<kQueries, 1>(DF(), in, column);
  for (; column < columns; ++column) {
    FoldTile<kQueries, 1>(hn::CappedTag<float, 1>(), in, column);
  }
}

// Adds the values of the positions to the outputs of queries [first, first + count), all of which
// see them. `scores` is that of Score, after softmax; its first column is position `origin`.
void Fold(const AttentionGroup& group, int64_t first, int64_t count, RowSpan positions,
          const float* scores, int64_t origin) {
  const AttentionShape& shape = *group.shape;
  const int64_t stride = group.ScoreStride();
  const int64_t head = shape.value_offset + group.kv_head * shape.value_head_stride;
  ForPages(group, positions.begin, positions.end,
           [&](const float* page, const float* next, int64_t begin, int64_t end) HWY_ATTR {
             const float* weights[kMaxAttentionQueries];
             float* outputs[kMaxAttentionQueries];
             for (int64_t q = 0; q < count; ++q) {
               weights[q] = scores + (first + q) * stride + (begin - origin);
               outputs[q] = group.queries[first + q].output;
             }
             const FoldInput in{page + head + begin % shape.page_positions * shape.value_stride,
                                next == nullptr ? nullptr : next + head,
                                shape.value_stride,
                                end - begin,
                                weights,
                                outputs};
             int64_t q = 0;
             for (; q + kFoldQueries <= count; q += kFoldQueries) {
               FoldColumns<kFoldQueries>(in.FromQuery(q), shape.value_dim);
             }
             for (; q < count; ++q) FoldColumns<1>(in.FromQuery(q), shape.value_dim);
           });
}

void Attend(const AttentionGroup& group, float* scratch) {
  const RowSpan all = group.Positions();
  const int64_t stride = group.ScoreStride();
  Score(group, all, scratch);
  RowSpan shared = all;  // the positions that every query sees
  for (int64_t q = 0; q < group.count; ++q) {
    const AttentionQuery& query = group.queries[q];
    SoftmaxRow(scratch + q * stride + (query.first_position - all.begin),
               query.end_position - query.first_position);
    std::memset(query.output, 0, static_cast<size_t>(group.shape->value_dim) * sizeof(float));
    shared.begin = std::max(shared.begin, query.first_position);
    shared.end = std::min(shared.end, query.end_position);
  }
  if (shared.begin >= shared.end) shared = {all.end, all.end};
  // Each query in rising order of its positions: those before the shared ones, these, those after.
  for (int64_t q = 0; q < group.count; ++q) {
    const AttentionQuery& query = group.queries[q];
    Fold(group, q, 1, {query.first_position, std::min(shared.begin, query.end_position)}, scratch,
         all.begin);
  }
  Fold(group, 0, group.count, shared, scratch, all.begin);
  for (int64_t q = 0; q < group.count; ++q) {
    Fold(group, q, 1, {shared.end, group.queries[q].end_position}, scratch, all.begin);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace ebb
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace ebb {

HWY_EXPORT(Attend);

void ChooseAttentionKernels(int64_t target, CpuKernels& kernels) {
  const size_t i = DispatchIndex(target);
  kernels.attend = HWY_DISPATCH_TABLE(Attend)[i];
}

}  // namespace ebb
#endif  // HWY_ONCE
