// The single-threaded CPU kernels as function pointers, one set for each instruction set. Free of
// Highway, so that the backend can be compiled once.
#pragma once

#include <cstdint>
#include <span>

#include "kernels/backend.h"
#include "kernels/cpu/fixed_block.h"

namespace ebb {

// A half-open range of rows.
struct RowSpan {
  int64_t begin = 0;
  int64_t end = 0;
};

struct RopeInput {
  ConstRows x;
  Rows y;
  int64_t x_head_stride = 0;
  int64_t y_head_stride = 0;
  int64_t heads = 0;
  int64_t dim = 0;
  bool interleaved = false;
  const float* cos = nullptr;
  const float* sin = nullptr;
};

// One head of one row of attention.
struct AttentionQuery {
  const float* query = nullptr;  // [key_dim]
  float* output = nullptr;       // [value_dim]
  int64_t first_position = 0;
  int64_t end_position = 0;
};

inline constexpr int64_t kMaxAttentionQueries = 24;

// The floats that keep the scores of one query over so many positions. Never a multiple of a large
// power of two: the scores of several queries, side by side, would compete for the same lines of
// the cache.
[[nodiscard]] constexpr int64_t ScoreFloats(int64_t positions) {
  return (positions + 31) / 32 * 32 + 16;
}

// Queries that read the same kv head of the same cache.
struct AttentionGroup {
  const AttentionShape* shape = nullptr;
  const float* const* pages = nullptr;
  int64_t kv_head = 0;
  int64_t count = 0;  // of queries
  AttentionQuery queries[kMaxAttentionQueries];

  // The positions from the first that any query sees to the last.
  RowSpan Positions() const;

  // How many floats of scratch each query's scores take.
  int64_t ScoreStride() const { return ScoreFloats(Positions().end - Positions().begin); }
};

struct CpuKernels {
  const char* name = nullptr;

  // Of a row of n activations.
  FixedScale (*scale_of_row)(const float* x, int64_t n) = nullptr;
  FixedKernels<int8_t> codes8;
  FixedKernels<int16_t> codes16;

  // Rows `rows` of the matrix, which is not of codes, times rows `tokens` of x.
  void (*multiply)(const MatProduct& product, RowSpan rows, RowSpan tokens) = nullptr;
  // `scratch` holds group.count x group.ScoreStride() floats.
  void (*attend)(const AttentionGroup& group, float* scratch) = nullptr;

  // Each works on the rows of `span` only.
  void (*rms_norm)(std::span<const float> weight, float eps, ConstRows x, Rows y,
                   RowSpan span) = nullptr;
  void (*rope)(const RopeInput& in, RowSpan span) = nullptr;
  void (*silu_multiply)(Rows gate, ConstRows up, int64_t dim, RowSpan span) = nullptr;
  void (*add)(ConstRows x, Rows y, int64_t dim, RowSpan span) = nullptr;
  void (*softmax)(Rows x, int64_t dim, RowSpan span) = nullptr;
  void (*sigmoid)(Rows x, int64_t dim, RowSpan span) = nullptr;
  void (*weighted_sum)(ConstRows x, std::span<const int32_t> from, std::span<const float> weights,
                       Rows y, int64_t dim, RowSpan span) = nullptr;
};

// Each fills in its own part, for one of Highway's targets.
void ChooseCodesKernels(int64_t target, CpuKernels& kernels);
void ChooseMatMulKernels(int64_t target, CpuKernels& kernels);
void ChooseAttentionKernels(int64_t target, CpuKernels& kernels);
void ChooseElementwiseKernels(int64_t target, CpuKernels& kernels);

#if defined(__x86_64__)
// For processors with AVX-512 VNNI.
[[nodiscard]] FixedKernels<int8_t> VnniKernels();
#endif

}  // namespace ebb
