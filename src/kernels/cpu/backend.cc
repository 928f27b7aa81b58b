// The CPU backend: cuts every operation into pieces that are worth a thread, and gives each to the
// kernels of the best instruction set.
#include "kernels/backend.h"

#include <algorithm>
#include <atomic>
#include <cstring>

#include "kernels/cpu/targets.h"
// (before Highway)
#include "hwy/targets.h"
#include "kernels/cpu/attention_plan.h"
#include "kernels/cpu/codes_product.h"
#include "kernels/cpu/kernels.h"

namespace ebb {

namespace {

// Waking a thread costs microseconds, in which one core multiplies about this often.
constexpr int64_t kMinTaskProducts = 128 * 1024;
// For elementwise work, which takes about this many products' time for each element.
constexpr int64_t kProductsPerElement = 16;
// A task's share of a matrix should stay in the L2 cache while all tokens meet it.
constexpr int64_t kTaskWeightBytes = 256 * 1024;

// The targets that are compiled and that this CPU has, as bits; lower bits are better.
int64_t Targets() { return hwy::SupportedTargets() & (HWY_TARGETS); }

const char* TargetName(int64_t target) {
  switch (target) {
#if defined(__x86_64__)
    case HWY_AVX3:
      return "avx512";
    case HWY_AVX2:
      return "avx2";
    case HWY_SSE4:
      return "sse4";
#elif defined(__aarch64__)
    case HWY_NEON:
      return "neon";
#endif
    default:
      return hwy::TargetName(target);
  }
}

// How one product is cut into units: blocks of matrix rows, and where these are too few to occupy
// the threads, blocks of tokens too.
struct UnitShape {
  int64_t rows;
  int64_t tokens;
  int64_t row_units;
  int64_t token_units;
  int64_t products;  // of one unit, roughly

  UnitShape(const MatProduct& product, int threads) {
    const auto& [w, x, y] = product;
    const int64_t row_bytes = std::max<int64_t>(1, w.cols * WeightBytes(w.format));
    rows = std::clamp<int64_t>(kTaskWeightBytes / row_bytes / 8 * 8, 16, 64);
    rows = std::max<int64_t>(1, std::min(rows, w.rows));
    if (IsCodes(w.format)) rows *= 2;  // each task makes the activations' digits anew
    row_units = (w.rows + rows - 1) / rows;
    token_units = 1;
    if (w.format == WeightFormat::kEncoded8) {  // a unit is a chunk
      row_units = static_cast<int64_t>(w.encoded().chunks.size());
      rows = (w.rows + row_units - 1) / std::max<int64_t>(1, row_units);
    }
    const int64_t wanted = 4 * threads;
    if (row_units > 0 && row_units < wanted && x.count >= 48) {
      token_units = std::min((wanted + row_units - 1) / row_units, x.count / 24);
    }
    tokens = std::max<int64_t>(1, (x.count + token_units - 1) / token_units);
    products = std::max<int64_t>(1, rows * tokens * w.cols);
  }

  int64_t count() const { return row_units * token_units; }
};

class CpuBackend final : public Backend {
 public:
  CpuBackend(const ThreadPool& pool, const CpuKernels& kernels) : pool_(pool), kernels_(kernels) {}

  const char* name() const override { return kernels_.name; }

  using Backend::MatMul;
  void MatMul(std::span<const MatProduct> products) const override {
    int64_t units = 0;
    int64_t work = 0;
    for (const MatProduct& product : products) {
      const UnitShape shape(product, pool_.threads());
      units += shape.count();
      work += product.x.count * product.w.rows * product.w.cols;
    }
    if (units == 0) return;
    const int64_t unit_work = std::max<int64_t>(1, work / units);
    For(units, unit_work, [&](RowSpan span) {
      CodesProduct codes(kernels_);
      int64_t first = 0;  // the first unit of the product
      for (const MatProduct& product : products) {
        const UnitShape shape(product, pool_.threads());
        const int64_t end = std::min(span.end, first + shape.count());
        for (int64_t unit = std::max(span.begin, first); unit < end; ++unit) {
          MultiplyUnit(product, shape, unit - first, codes);
        }
        first += shape.count();
      }
    });
  }

  void RmsNorm(std::span<const float> weight, float eps, ConstRows x, Rows y) const override {
    ForRows(x.count, static_cast<int64_t>(weight.size()),
            [&](RowSpan span) { kernels_.rms_norm(weight, eps, x, y, span); });
  }

  void Rope(ConstRows x, int64_t x_head_stride, Rows y, int64_t y_head_stride, int64_t heads,
            int64_t dim, bool interleaved, const float* cos, const float* sin) const override {
    const RopeInput in{x, y, x_head_stride, y_head_stride, heads, dim, interleaved, cos, sin};
    ForRows(x.count, heads * dim, [&](RowSpan span) { kernels_.rope(in, span); });
  }

  int64_t AttentionScratchFloats(const AttentionShape&, int64_t positions) const override {
    return AttentionPlan::ScratchFloats(positions, pool_.threads());
  }

  void Attention(const AttentionShape& shape, std::span<const AttentionRow> rows,
                 std::span<float> scratch) const override {
    if (rows.empty()) return;
    const AttentionPlan plan(shape, rows, scratch.size(), pool_.threads());
    // Items differ in length, so that each slot of scratch takes the next one when it is done.
    std::atomic<int64_t> next = 0;
    For(plan.slots(), plan.work() / plan.slots(), [&](RowSpan slots) {
      for (int64_t slot = slots.begin; slot < slots.end; ++slot) {
        float* const scores = scratch.data() + slot * plan.slot_floats();
        for (int64_t item = next++; item < plan.items(); item = next++) {
          plan.ForGroups(item,
                         [&](const AttentionGroup& group) { kernels_.attend(group, scores); });
        }
      }
    });
  }

  void SiluMultiply(Rows gate, ConstRows up, int64_t dim) const override {
    ForRows(gate.count, dim, [&](RowSpan span) { kernels_.silu_multiply(gate, up, dim, span); });
  }

  void Add(ConstRows x, Rows y, int64_t dim) const override {
    ForRows(x.count, dim, [&](RowSpan span) { kernels_.add(x, y, dim, span); });
  }

  void Softmax(Rows x, int64_t dim) const override {
    ForRows(x.count, dim, [&](RowSpan span) { kernels_.softmax(x, dim, span); });
  }

  void Sigmoid(Rows x, int64_t dim) const override {
    ForRows(x.count, dim, [&](RowSpan span) { kernels_.sigmoid(x, dim, span); });
  }

  void GatherRows(ConstRows x, std::span<const int32_t> from, Rows y, int64_t dim) const override {
    const size_t bytes = static_cast<size_t>(dim) * sizeof(float);
    ForRows(static_cast<int64_t>(from.size()), dim, [&](RowSpan span) {
      for (int64_t t = span.begin; t < span.end; ++t) {
        std::memcpy(y.row(t), x.row(from[t]), bytes);
      }
    });
  }

  void CopyRows(ConstRows x, std::span<float* const> to, int64_t dim) const override {
    const size_t bytes = static_cast<size_t>(dim) * sizeof(float);
    ForRows(static_cast<int64_t>(to.size()), dim, [&](RowSpan span) {
      for (int64_t t = span.begin; t < span.end; ++t) std::memcpy(to[t], x.row(t), bytes);
    });
  }

  void WeightedSum(ConstRows x, std::span<const int32_t> from, std::span<const float> weights,
                   Rows y, int64_t dim) const override {
    if (y.count == 0) return;
    ForRows(y.count, dim * (1 + static_cast<int64_t>(from.size()) / y.count),
            [&](RowSpan span) { kernels_.weighted_sum(x, from, weights, y, dim, span); });
  }

 private:
  // Calls body on ranges that cover [0, count), from several threads where a range of items with
  // `item_work` products each is worth it.
  template <class Body>
  void For(int64_t count, int64_t item_work, const Body& body) const {
    if (count <= 0) return;
    if (pool_.threads() == 1 || count == 1 || count * item_work < 2 * kMinTaskProducts) {
      body(RowSpan{0, count});
      return;
    }
    const int64_t grain = std::max<int64_t>(1, kMinTaskProducts / std::max<int64_t>(1, item_work));
    pool_.ParallelFor(static_cast<size_t>(count), static_cast<size_t>(grain),
                      [&](size_t begin, size_t end) {
                        body(RowSpan{static_cast<int64_t>(begin), static_cast<int64_t>(end)});
                      });
  }

  template <class Body>
  void ForRows(int64_t rows, int64_t elements, const Body& body) const {
    For(rows, elements * kProductsPerElement, body);
  }

  void MultiplyUnit(const MatProduct& product, const UnitShape& shape, int64_t unit,
                    CodesProduct& codes) const {
    const int64_t token = unit % shape.token_units * shape.tokens;
    const RowSpan tokens{token, std::min(product.x.count, token + shape.tokens)};
    if (product.w.format == WeightFormat::kEncoded8) {
      const auto chunk = static_cast<size_t>(unit / shape.token_units);
      return codes.MultiplyChunk(product, product.w.encoded().chunks[chunk], tokens);
    }
    const int64_t row = unit / shape.token_units * shape.rows;
    const RowSpan rows{row, std::min(product.w.rows, row + shape.rows)};
    if (IsCodes(product.w.format)) return codes.Multiply(product, rows, tokens);
    kernels_.multiply(product, rows, tokens);
  }

  const ThreadPool& pool_;
  const CpuKernels kernels_;
};

}  // namespace

std::vector<std::string_view> CpuBackendNames() {
  std::vector<std::string_view> names;
  for (int64_t rest = Targets(); rest != 0; rest &= rest - 1) {
    names.emplace_back(TargetName(rest & -rest));
  }
  names.emplace_back("ref");
  return names;
}

std::unique_ptr<Backend> MakeCpuBackend(const ThreadPool& pool, std::string_view name) {
  for (int64_t rest = Targets(); rest != 0; rest &= rest - 1) {
    const int64_t target = rest & -rest;
    if (!name.empty() && name != TargetName(target)) continue;
    CpuKernels kernels;
    kernels.name = TargetName(target);
    ChooseCodesKernels(target, kernels);
    ChooseMatMulKernels(target, kernels);
    ChooseAttentionKernels(target, kernels);
    ChooseElementwiseKernels(target, kernels);
    return std::make_unique<CpuBackend>(pool, kernels);
  }
  return name.empty() || name == "ref" ? MakeReferenceBackend() : nullptr;
}

}  // namespace ebb
