// The reference backend: docs/numbers.md written down as plainly as it can be.
#include "kernels/backend.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <vector>

#include "codec/chunk.h"
#include "codec/chunk_decoder.h"
#include "kernels/ref/scalar_math.h"

namespace ebb {
namespace {

void SoftmaxInPlace(float* x, int64_t n) {
  float maximum = -std::numeric_limits<float>::infinity();
  for (int64_t i = 0; i < n; ++i) maximum = x[i] > maximum ? x[i] : maximum;
  for (int64_t i = 0; i < n; ++i) x[i] = ref::Exp(x[i] - maximum);
  const float sum = ref::Sum(x, n);
  for (int64_t i = 0; i < n; ++i) x[i] = x[i] / sum;
}

// The codes of an encoded matrix; of another nothing.
std::vector<int8_t> DecodedCodes(const WeightMatrix& w) {
  if (w.format != WeightFormat::kEncoded8) return {};
  std::vector<int8_t> codes(static_cast<size_t>(w.rows * w.cols));
  for (const EncodedRows& chunk : w.encoded().chunks) {
    const Result<ChunkView> view = ParseChunk(chunk.bytes);
    const bool is_whole =
        view && view->header.elements == static_cast<uint64_t>(chunk.rows * w.cols) &&
        ScalarChunkDecoder().to_int8(*view, codes.data() + chunk.first_row * w.cols);
    if (!is_whole) w.encoded().is_corrupt = true;
  }
  return codes;
}

void OneMatMul(const MatProduct& product) {
  const WeightMatrix& w = product.w;
  const ConstRows& x = product.x;
  const Rows& y = product.y;
  const std::vector<int8_t> decoded = DecodedCodes(w);
  const auto* const codes =
      w.format == WeightFormat::kEncoded8 ? decoded.data() : static_cast<const int8_t*>(w.data);
  for (int64_t t = 0; t < x.count; ++t) {
    const float* x_row = x.row(t);
    for (int64_t r = 0; r < w.rows; ++r) {
      const int64_t first = r * w.cols;
      switch (w.format) {
        case WeightFormat::kCodes8:
        case WeightFormat::kEncoded8:
          y.row(t)[r] = ref::CodesDot(w.cols, codes + first, x_row, w.step);
          break;
        case WeightFormat::kCodes16:
          y.row(t)[r] =
              ref::CodesDot(w.cols, static_cast<const int16_t*>(w.data) + first, x_row, w.step);
          break;
        default:
          y.row(t)[r] = ref::Dot(
              w.cols, [&, r](int64_t i) { return ref::StoredValue(w, r, i); },
              [x_row](int64_t i) { return x_row[i]; });
      }
    }
    for (const WeightException& e : w.exceptions) {
      y.row(t)[e.row] = std::fma(e.value, x_row[e.col], y.row(t)[e.row]);
    }
  }
}

class ReferenceBackend final : public Backend {
 public:
  const char* name() const override { return "ref"; }

  using Backend::MatMul;
  void MatMul(std::span<const MatProduct> products) const override {
    for (const MatProduct& product : products) OneMatMul(product);
  }

  void RmsNorm(std::span<const float> weight, float eps, ConstRows x, Rows y) const override {
    const auto dim = static_cast<int64_t>(weight.size());
    for (int64_t t = 0; t < x.count; ++t) {
      const float* from = x.row(t);
      const auto element = [from](int64_t i) { return from[i]; };
      const float mean_square = ref::Dot(dim, element, element) / static_cast<float>(dim);
      const float inverse = 1.0f / std::sqrt(mean_square + eps);
      for (int64_t i = 0; i < dim; ++i) y.row(t)[i] = (from[i] * inverse) * weight[i];
    }
  }

  void Rope(ConstRows x, int64_t x_head_stride, Rows y, int64_t y_head_stride, int64_t heads,
            int64_t dim, bool interleaved, const float* cos, const float* sin) const override {
    const int64_t half = dim / 2;
    for (int64_t t = 0; t < x.count; ++t) {
      for (int64_t h = 0; h < heads; ++h) {
        std::array<float, kMaxRopeDim> head;
        std::copy_n(x.row(t) + h * x_head_stride, dim, head.begin());
        float* to = y.row(t) + h * y_head_stride;
        for (int64_t i = 0; i < half; ++i) {
          const float a = head[interleaved ? 2 * i : i];
          const float b = head[interleaved ? 2 * i + 1 : i + half];
          const float c = cos[t * half + i];
          const float s = sin[t * half + i];
          to[i] = std::fma(a, c, -(b * s));
          to[i + half] = std::fma(b, c, a * s);
        }
      }
    }
  }

  int64_t AttentionScratchFloats(const AttentionShape&, int64_t positions) const override {
    return positions;
  }

  void Attention(const AttentionShape& shape, std::span<const AttentionRow> rows,
                 std::span<float> scratch) const override {
    for (const AttentionRow& row : rows) {
      for (int64_t h = 0; h < shape.heads; ++h) AttentionHead(shape, row, h, scratch);
    }
  }

  void SiluMultiply(Rows gate, ConstRows up, int64_t dim) const override {
    for (int64_t t = 0; t < gate.count; ++t) {
      for (int64_t i = 0; i < dim; ++i) gate.row(t)[i] = ref::Silu(gate.row(t)[i]) * up.row(t)[i];
    }
  }

  void Add(ConstRows x, Rows y, int64_t dim) const override {
    for (int64_t t = 0; t < x.count; ++t) {
      for (int64_t i = 0; i < dim; ++i) y.row(t)[i] = y.row(t)[i] + x.row(t)[i];
    }
  }

  void Softmax(Rows x, int64_t dim) const override {
    for (int64_t t = 0; t < x.count; ++t) SoftmaxInPlace(x.row(t), dim);
  }

  void Sigmoid(Rows x, int64_t dim) const override {
    for (int64_t t = 0; t < x.count; ++t) {
      for (int64_t i = 0; i < dim; ++i) x.row(t)[i] = ref::Sigmoid(x.row(t)[i]);
    }
  }

  void GatherRows(ConstRows x, std::span<const int32_t> from, Rows y, int64_t dim) const override {
    for (size_t t = 0; t < from.size(); ++t) {
      std::copy_n(x.row(from[t]), dim, y.row(static_cast<int64_t>(t)));
    }
  }

  void CopyRows(ConstRows x, std::span<float* const> to, int64_t dim) const override {
    for (size_t t = 0; t < to.size(); ++t) std::copy_n(x.row(static_cast<int64_t>(t)), dim, to[t]);
  }

  void WeightedSum(ConstRows x, std::span<const int32_t> from, std::span<const float> weights,
                   Rows y, int64_t dim) const override {
    const int64_t terms = y.count == 0 ? 0 : static_cast<int64_t>(from.size()) / y.count;
    for (int64_t t = 0; t < y.count; ++t) {
      for (int64_t i = 0; i < dim; ++i) {
        float sum = 0;
        for (int64_t j = t * terms; j < (t + 1) * terms; ++j) {
          if (from[j] >= 0) sum = std::fma(weights[j], x.row(from[j])[i], sum);
        }
        y.row(t)[i] = sum;
      }
    }
  }

 private:
  static void AttentionHead(const AttentionShape& shape, const AttentionRow& row, int64_t head,
                            std::span<float> weights) {
    const int64_t kv_head = head / (shape.heads / shape.kv_heads);
    const auto page_of = [&](int64_t p) { return row.pages[p / shape.page_positions]; };
    const int64_t positions = row.end_position - row.first_position;
    const float* query = row.query + head * shape.key_dim;
    for (int64_t i = 0; i < positions; ++i) {
      const int64_t p = row.first_position + i;
      const float* key = page_of(p) + shape.key_offset +
                         (p % shape.page_positions) * shape.key_stride +
                         kv_head * shape.key_head_stride;
      weights[i] = shape.scale * ref::Dot(
                                     shape.key_dim, [query](int64_t j) { return query[j]; },
                                     [key](int64_t j) { return key[j]; });
    }
    SoftmaxInPlace(weights.data(), positions);
    float* output = row.output + head * shape.value_dim;
    std::fill_n(output, shape.value_dim, 0.0f);
    for (int64_t i = 0; i < positions; ++i) {
      const int64_t p = row.first_position + i;
      const float* value = page_of(p) + shape.value_offset +
                           (p % shape.page_positions) * shape.value_stride +
                           kv_head * shape.value_head_stride;
      for (int64_t d = 0; d < shape.value_dim; ++d) {
        output[d] = std::fma(weights[i], value[d], output[d]);
      }
    }
  }
};

}  // namespace

std::unique_ptr<Backend> MakeReferenceBackend() { return std::make_unique<ReferenceBackend>(); }

}  // namespace ebb
