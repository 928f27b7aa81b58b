// The operations of a model's forward pass, on one device.
//
// A Backend is a set of stateless kernels. Pointers are in the backend's memory (for the CPU:
// ordinary host memory). What each operation computes, to the bit, is docs/numbers.md;
// implementations differ in speed only. All activations are float32, row-major; a "row" is one
// token of one sequence. Strides are in elements. No operation allocates memory except through a
// Scratch, and none keeps a pointer.
//
// Thread-safety: all operations may be called from several threads at once; each spreads its own
// work over the ThreadPool given to the backend at construction.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "base/threads.h"

namespace ebb {

enum class WeightFormat : uint8_t { kF32, kBf16, kF16, kCodes8, kCodes16 };

// A weight of an error-bounded matrix that is stored exactly; its code is 0.
struct WeightException {
  uint32_t row;
  uint32_t col;
  float value;
};

// A view of a matrix [rows, cols], row-major without gaps; data aligned to its element.
struct WeightMatrix {
  WeightFormat format = WeightFormat::kF32;
  int64_t rows = 0;
  int64_t cols = 0;
  const void* data = nullptr;
  float step = 1;                               // for kCodes8 and kCodes16
  std::span<const WeightException> exceptions;  // rising (row, col); for codes only
};

// Rows of activations: row t starts at data + t x stride.
struct ConstRows {
  const float* data = nullptr;
  int64_t count = 0;
  int64_t stride = 0;
};
struct Rows {
  float* data = nullptr;
  int64_t count = 0;
  int64_t stride = 0;
  operator ConstRows() const { return {data, count, stride}; }
};

// One query row of attention and the cache that it sees.
struct AttentionRow {
  const float* query = nullptr;  // [heads, key_dim]
  float* output = nullptr;       // [heads, value_dim]
  const float* const*
      key_pages;  // page i holds positions [i x page_positions, ...), rows of kv_stride
  const float* const* value_pages;
  int64_t first_position = 0;  // of the window, inclusive
  int64_t end_position = 0;    // exclusive: the row's own position + 1
};

struct AttentionShape {
  int64_t heads = 0;
  int64_t kv_heads = 0;  // 1 for MLA: every head reads the same cached row
  int64_t key_dim = 0;
  int64_t value_dim = 0;
  int64_t key_stride = 0;  // elements from one position to the next in a page
  int64_t value_stride = 0;
  int64_t page_positions = 0;
  float scale = 1;
};

class Backend {
 public:
  virtual ~Backend() = default;

  // "ref", or the instruction set the CPU kernels chose: "avx512", "avx2", ...
  virtual const char* name() const = 0;

  // y[t][r] = w[r] . x[t]: x has w.cols columns, y w.rows columns.
  virtual void MatMul(const WeightMatrix& w, ConstRows x, Rows y) const = 0;

  // y[t] = rms_norm(x[t]) with `dim` columns; y may be x.
  virtual void RmsNorm(std::span<const float> weight, float eps, ConstRows x, Rows y) const = 0;

  // Rotates pairs of the `dim` columns of `heads` heads in place. cos and sin are [rows, dim / 2]
  // tables for the rows' positions. interleaved: pairs are (2i, 2i+1), else (i, i + dim/2); in both
  // cases the result is written in the (i, i + dim/2) layout, so that keys and queries agree.
  virtual void Rope(Rows x, int64_t heads, int64_t head_stride, int64_t dim, bool interleaved,
                    const float* cos, const float* sin) const = 0;

  // Attention of every row over its own cache.
  virtual void Attention(const AttentionShape& shape, std::span<const AttentionRow> rows) const = 0;

  // gate[t][i] = silu(gate[t][i]) x up[t][i] over `dim` columns.
  virtual void SiluMultiply(Rows gate, ConstRows up, int64_t dim) const = 0;

  // y[t][i] += x[t][i] over `dim` columns.
  virtual void Add(ConstRows x, Rows y, int64_t dim) const = 0;

  // y[i] = fma(scale, x[i], y[i]) over `dim` columns.
  virtual void AddScaled(float scale, const float* x, float* y, int64_t dim) const = 0;
};

// The scalar reference: slow, obvious, the truth that every other backend is tested against.
[[nodiscard]] std::unique_ptr<Backend> MakeReferenceBackend(const ThreadPool& pool);

// The fastest kernels that this CPU has.
[[nodiscard]] std::unique_ptr<Backend> MakeCpuBackend(const ThreadPool& pool);

}  // namespace ebb
