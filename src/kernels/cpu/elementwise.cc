// Norms, rotary positions and elementwise functions, for each instruction set.
#include "kernels/cpu/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/elementwise.cc"
#include <cmath>
#include <cstring>

#include "hwy/foreach_target.h"
#include "hwy/highway.h"
#include "kernels/cpu/dispatch.h"
#include "kernels/cpu/dot-inl.h"
#include "kernels/cpu/kernels.h"
#include "kernels/cpu/math-inl.h"
#include "kernels/cpu/softmax-inl.h"

HWY_BEFORE_NAMESPACE();
namespace ebb {
namespace HWY_NAMESPACE {

void RmsNorm(std::span<const float> weight, float eps, ConstRows x, Rows y, RowSpan span) {
  const auto dim = static_cast<int64_t>(weight.size());
  for (int64_t t = span.begin; t < span.end; ++t) {
    const float* from = x.row(t);
    float* to = y.row(t);
    float square = 0;
    float* square_at = &square;
    DotTile<WeightFormat::kF32, 1, 1>(TileInput<float>{from, 0, &from, dim, nullptr}, 1.0f,
                                      &square_at);
    const float inverse = 1.0f / std::sqrt(square / static_cast<float>(dim) + eps);
    ForVectors(dim, [&](auto d, int64_t i) HWY_ATTR {
      const auto scaled = hn::Mul(hn::LoadU(d, from + i), hn::Set(d, inverse));
      hn::StoreU(hn::Mul(scaled, hn::LoadU(d, weight.data() + i)), d, to + i);
    });
  }
}

// (a, b) -> (fma(a, cos, -(b sin)), fma(b, cos, a sin)). y may be a, with b behind it.
HWY_INLINE void RotateHead(const float* a, const float* b, const float* cos, const float* sin,
                           int64_t half, float* y) {
  ForVectors(half, [=](auto d, int64_t i) HWY_ATTR {
    const auto va = hn::LoadU(d, a + i);
    const auto vb = hn::LoadU(d, b + i);
    const auto c = hn::LoadU(d, cos + i);
    const auto s = hn::LoadU(d, sin + i);
    hn::StoreU(hn::MulAdd(va, c, hn::Neg(hn::Mul(vb, s))), d, y + i);
    hn::StoreU(hn::MulAdd(vb, c, hn::Mul(va, s)), d, y + half + i);
  });
}

void Rope(const RopeInput& in, RowSpan span) {
  const int64_t half = in.dim / 2;
  float pairs[kMaxRopeDim];
  for (int64_t t = span.begin; t < span.end; ++t) {
    for (int64_t h = 0; h < in.heads; ++h) {
      const float* a = in.x.row(t) + h * in.x_head_stride;
      if (in.interleaved) {
        for (int64_t i = 0; i < half; ++i) {
          pairs[i] = a[2 * i];
          pairs[half + i] = a[2 * i + 1];
        }
        a = pairs;
      }
      RotateHead(a, a + half, in.cos + t * half, in.sin + t * half, half,
                 in.y.row(t) + h * in.y_head_stride);
    }
  }
}

void SiluMultiply(Rows gate, ConstRows up, int64_t dim, RowSpan span) {
  for (int64_t t = span.begin; t < span.end; ++t) {
    float* g = gate.row(t);
    const float* u = up.row(t);
    ForVectors(dim, [g, u](auto d, int64_t i) HWY_ATTR {
      const auto x = hn::LoadU(d, g + i);
      const auto silu = hn::Div(x, OnePlusExpNegative(d, x));
      hn::StoreU(hn::Mul(silu, hn::LoadU(d, u + i)), d, g + i);
    });
  }
}

void Add(ConstRows x, Rows y, int64_t dim, RowSpan span) {
  for (int64_t t = span.begin; t < span.end; ++t) {
    const float* from = x.row(t);
    float* to = y.row(t);
    ForVectors(dim, [from, to](auto d, int64_t i) HWY_ATTR {
      hn::StoreU(hn::Add(hn::LoadU(d, to + i), hn::LoadU(d, from + i)), d, to + i);
    });
  }
}

void Softmax(Rows x, int64_t dim, RowSpan span) {
  for (int64_t t = span.begin; t < span.end; ++t) SoftmaxRow(x.row(t), dim);
}

void Sigmoid(Rows x, int64_t dim, RowSpan span) {
  for (int64_t t = span.begin; t < span.end; ++t) {
    float* row = x.row(t);
    ForVectors(dim, [row](auto d, int64_t i) HWY_ATTR {
      const auto v = hn::LoadU(d, row + i);
      hn::StoreU(hn::Div(hn::Set(d, 1.0f), OnePlusExpNegative(d, v)), d, row + i);
    });
  }
}

void WeightedSum(ConstRows x, std::span<const int32_t> from, std::span<const float> weights, Rows y,
                 int64_t dim, RowSpan span) {
  const int64_t terms = static_cast<int64_t>(from.size()) / y.count;
  for (int64_t t = span.begin; t < span.end; ++t) {
    float* to = y.row(t);
    ForVectors(dim, [&](auto d, int64_t i) HWY_ATTR {
      auto sum = hn::Zero(d);
      for (int64_t j = t * terms; j < (t + 1) * terms; ++j) {
        if (from[j] < 0) continue;
        sum = hn::MulAdd(hn::Set(d, weights[j]), hn::LoadU(d, x.row(from[j]) + i), sum);
      }
      hn::StoreU(sum, d, to + i);
    });
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace ebb
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace ebb {

HWY_EXPORT(RmsNorm);
HWY_EXPORT(Rope);
HWY_EXPORT(SiluMultiply);
HWY_EXPORT(Add);
HWY_EXPORT(Softmax);
HWY_EXPORT(Sigmoid);
HWY_EXPORT(WeightedSum);

void ChooseElementwiseKernels(int64_t target, CpuKernels& kernels) {
  const size_t i = DispatchIndex(target);
  kernels.rms_norm = HWY_DISPATCH_TABLE(RmsNorm)[i];
  kernels.rope = HWY_DISPATCH_TABLE(Rope)[i];
  kernels.silu_multiply = HWY_DISPATCH_TABLE(SiluMultiply)[i];
  kernels.add = HWY_DISPATCH_TABLE(Add)[i];
  kernels.softmax = HWY_DISPATCH_TABLE(Softmax)[i];
  kernels.sigmoid = HWY_DISPATCH_TABLE(Sigmoid)[i];
  kernels.weighted_sum = HWY_DISPATCH_TABLE(WeightedSum)[i];
}

}  // namespace ebb
#endif  // HWY_ONCE
