// The operations of a model's forward pass, on one device.
//
// A Backend is a set of stateless kernels. Pointers are in the backend's memory (for the CPU:
// ordinary host memory), but for spans, which are always host memory. What each operation computes,
// to the bit, is docs/numbers.md; implementations differ in speed only. All activations are
// float32. Operations allocate nothing and keep no pointer; where one needs scratch memory, its
// caller brings it.
//
// NaN and infinities go through as IEEE 754 says; which NaN it is (sign, payload) is not specified.
//
// Thread-safety: all operations may be called from several threads at once; each spreads its own
// work over the ThreadPool given to the backend at construction.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "base/threads.h"
#include "kernels/matrix.h"

namespace ebb {

// One product of MatMul, y[t][r] = w[r] . x[t]: x has w.cols columns, y has w.rows, and x and y the
// same number of rows. y overlaps neither x nor another product's y or x.
struct MatProduct {
  WeightMatrix w;
  ConstRows x;
  Rows y;
};

// The layout of a paged KV cache, and the heads that read it. A page holds `page_positions`
// positions; the key of its p-th position and kv head g starts at key_offset + p x key_stride + g x
// key_head_stride, the value at value_offset + p x value_stride + g x value_head_stride. (A page
// may hold all layers: the offsets say which one.)
struct AttentionShape {
  int64_t heads = 0;
  int64_t kv_heads = 0;  // divides heads; head h reads kv head h / (heads / kv_heads). 1 for MLA
  int64_t key_dim = 0;
  int64_t value_dim = 0;
  int64_t key_offset = 0;
  int64_t key_stride = 0;
  int64_t key_head_stride = 0;
  int64_t value_offset = 0;
  int64_t value_stride = 0;
  int64_t value_head_stride = 0;
  int64_t page_positions = 0;
  float scale = 1;
};

// One query row of attention and the positions that it sees.
struct AttentionRow {
  const float* query = nullptr;         // [heads, key_dim]
  float* output = nullptr;              // [heads, value_dim]
  const float* const* pages = nullptr;  // page i holds positions from i x page_positions on
  int64_t first_position = 0;           // inclusive
  int64_t end_position = 0;             // exclusive, > first_position
};

// The widest head that Rope takes.
inline constexpr int64_t kMaxRopeDim = 16384;

class Backend {
 public:
  virtual ~Backend() = default;

  // "ref", or the instruction set of the kernels: "avx512", "avx2", "sse4", "neon", ...
  virtual const char* name() const = 0;

  // Several products at once. They are independent, and together they keep all threads busy where
  // each alone would be too small.
  virtual void MatMul(std::span<const MatProduct> products) const = 0;

  void MatMul(const WeightMatrix& w, ConstRows x, Rows y) const {
    const MatProduct product{w, x, y};
    MatMul({&product, 1});
  }

  // y[t] = rms_norm(x[t]) over weight.size() columns; y may be x.
  virtual void RmsNorm(std::span<const float> weight, float eps, ConstRows x, Rows y) const = 0;

  // Rotates the pairs of `dim` columns of each of `heads` heads; head h of x starts at column
  // h x x_head_stride, of y at h x y_head_stride. cos and sin are [rows, dim / 2], for the rows'
  // positions. interleaved: the pairs of x are (2i, 2i+1), else (i, i + dim/2); y gets them as
  // (i, i + dim/2) in both cases, so that keys and queries agree. y may be x; dim is at most
  // kMaxRopeDim.
  virtual void Rope(ConstRows x, int64_t x_head_stride, Rows y, int64_t y_head_stride,
                    int64_t heads, int64_t dim, bool interleaved, const float* cos,
                    const float* sin) const = 0;

  // How many floats of scratch Attention works best with, for rows that see at most `positions`
  // positions. It depends on the number of threads.
  [[nodiscard]] virtual int64_t AttentionScratchFloats(const AttentionShape& shape,
                                                       int64_t positions) const = 0;

  // Attention of every row over its own cache. `scratch` has at least 64 floats more than a row
  // sees positions; AttentionScratchFloats of them let all threads work.
  virtual void Attention(const AttentionShape& shape, std::span<const AttentionRow> rows,
                         std::span<float> scratch) const = 0;

  // gate[t][i] = silu(gate[t][i]) x up[t][i] over `dim` columns.
  virtual void SiluMultiply(Rows gate, ConstRows up, int64_t dim) const = 0;

  // y[t][i] = y[t][i] + x[t][i] over `dim` columns.
  virtual void Add(ConstRows x, Rows y, int64_t dim) const = 0;

  // Each row of `dim` columns through softmax, or each element through sigmoid, in place.
  virtual void Softmax(Rows x, int64_t dim) const = 0;
  virtual void Sigmoid(Rows x, int64_t dim) const = 0;

  // y[t] = x[from[t]] over `dim` columns, for t < from.size().
  virtual void GatherRows(ConstRows x, std::span<const int32_t> from, Rows y,
                          int64_t dim) const = 0;

  // to[t][i] = x[t][i] over `dim` columns, for t < to.size(): rows into a cache.
  virtual void CopyRows(ConstRows x, std::span<float* const> to, int64_t dim) const = 0;

  // With k = from.size() / y.count terms a row: y[t] = the fold of fma(weights[j], x[from[j]], acc)
  // over j = t k .. t k + k - 1 in rising order, from 0, over `dim` columns. A term with from[j] <
  // 0 is left out.
  virtual void WeightedSum(ConstRows x, std::span<const int32_t> from,
                           std::span<const float> weights, Rows y, int64_t dim) const = 0;
};

// The scalar reference: slow, obvious, the truth that every other backend is tested against. It
// uses one thread.
[[nodiscard]] std::unique_ptr<Backend> MakeReferenceBackend();

// The names of the CPU backends that this machine can run, the fastest first: "avx512", "avx2",
// "sse4", or "neon", and always "ref" at the end.
[[nodiscard]] std::vector<std::string_view> CpuBackendNames();

// The fastest of them, or the one that is named; null for a name that is not among them. The pool
// must outlive the backend.
[[nodiscard]] std::unique_ptr<Backend> MakeCpuBackend(const ThreadPool& pool,
                                                      std::string_view name = "");

}  // namespace ebb
