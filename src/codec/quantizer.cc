#include "codec/quantizer.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#ifndef EBB_CODEC_QUANTIZER_CONSTANTS_  // this file is compiled once a target, these lines once
#define EBB_CODEC_QUANTIZER_CONSTANTS_
namespace ebb {
namespace {

// Numbers that all weights of a run share. Near a denormal step or bound, `scale` brings both into
// the normal range, where reciprocals exist; it is a power of two, so that scaling is exact.
struct QuantizerConstants {
  float bound;
  float step;
  float scale;
  float inverse_step;   // of step x scale
  float inverse_bound;  // of bound x scale
};

}  // namespace
}  // namespace ebb
#endif

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "codec/quantizer.cc"
#include <hwy/foreach_target.h>  // IWYU pragma: keep
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace ebb {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Quantizes weights in whole vectors and returns how many, stopping before a vector that needs
// care.
size_t QuantizeEasy(const float* weights, size_t count, const QuantizerConstants& c, int32_t* codes,
                    QuantizationError* error_sum) {
  const hn::ScalableTag<float> df;
  const hn::RebindToSigned<decltype(df)> di;
  const auto scale = hn::Set(df, c.scale);
  const auto inverse_step = hn::Set(df, c.inverse_step);
  const auto inverse_bound = hn::Set(df, c.inverse_bound);
  const auto step = hn::Set(df, c.step);
  const auto bound = hn::Set(df, c.bound);
  const auto max_code = hn::Set(df, static_cast<float>(kMaxCode));
  const size_t lanes = hn::Lanes(df);
  constexpr size_t kVectorsPerSum = 64;  // so few that float32 sums lose nothing that matters
  auto max_error = hn::Zero(df);
  bool easy = true;
  size_t i = 0;
  while (easy && i + lanes <= count) {
    auto squares = hn::Zero(df);
    for (size_t n = 0; n < kVectorsPerSum && i + lanes <= count; ++n, i += lanes) {
      const auto w = hn::LoadU(df, weights + i);
      const auto t = hn::Mul(hn::Mul(w, scale), inverse_step);
      const auto q = hn::NearestInt(t);
      const auto error = hn::Abs(hn::Sub(hn::Mul(hn::ConvertTo(df, q), step), w));
      const auto good = hn::And(hn::Le(error, bound), hn::Le(hn::Abs(t), max_code));
      easy = hn::AllTrue(df, good);
      if (!easy) break;
      hn::StoreU(q, di, codes + i);
      max_error = hn::Max(max_error, error);
      const auto share = hn::Mul(hn::Mul(error, scale), inverse_bound);
      squares = hn::MulAdd(share, share, squares);
    }
    error_sum->squared_over_bound += static_cast<double>(hn::GetLane(hn::SumOfLanes(df, squares)));
  }
  error_sum->max_error = std::max(error_sum->max_error,
                                  static_cast<double>(hn::GetLane(hn::MaxOfLanes(df, max_error))));
  error_sum->finite += i;
  return i;
}

bool Keeps(const float* original, const float* decoded, size_t count, float bound) {
  const hn::ScalableTag<float> df;
  const hn::RebindToUnsigned<decltype(df)> du;
  const size_t lanes = hn::Lanes(df);
  const auto bounds = hn::Set(df, bound);
  auto kept = hn::Eq(bounds, bounds);
  const auto keeps = [&](auto o, auto d) HWY_ATTR {
    const auto same = hn::RebindMask(df, hn::Eq(hn::BitCast(du, o), hn::BitCast(du, d)));
    return hn::Or(hn::Le(hn::Abs(hn::Sub(d, o)), bounds), same);
  };
  size_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    kept = hn::And(kept, keeps(hn::LoadU(df, original + i), hn::LoadU(df, decoded + i)));
  }
  bool good = hn::AllTrue(df, kept);
  for (; i < count; ++i) {
    good &= std::abs(decoded[i] - original[i]) <= bound ||
            std::bit_cast<uint32_t>(decoded[i]) == std::bit_cast<uint32_t>(original[i]);
  }
  return good;
}

}  // namespace HWY_NAMESPACE
}  // namespace ebb
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace ebb {
namespace {

HWY_EXPORT(QuantizeEasy);
HWY_EXPORT(Keeps);

constexpr float kDenormalScale = 0x1p100f;
constexpr float kSmallestUnscaledStep = 0x1p-100f;

QuantizerConstants MakeConstants(float bound) {
  const float step = StepForBound(bound);
  const float scale = step < kSmallestUnscaledStep ? kDenormalScale : 1.0f;
  return {bound, step, scale, 1.0f / (step * scale), 1.0f / (bound * scale)};
}

// The code of one weight, or false if it must be an exception.
bool QuantizeOne(float weight, const QuantizerConstants& c, int32_t* code) {
  const float t = weight * c.scale * c.inverse_step;
  if (!(std::abs(t) <= static_cast<float>(kMaxCode))) return false;  // NaN and infinity, too
  const auto nearest = static_cast<int32_t>(std::lrintf(t));
  // The multiplication by the reciprocal may have rounded into the neighbouring bin.
  const int32_t neighbour = Reconstruct(nearest, c.step) < weight ? nearest + 1 : nearest - 1;
  for (const int32_t candidate : {nearest, neighbour}) {
    // This difference is exact wherever it is near the bound (Sterbenz).
    if (std::abs(Reconstruct(candidate, c.step) - weight) > c.bound) continue;
    *code = candidate;
    return true;
  }
  return false;
}

}  // namespace

bool KeepsBound(std::span<const float> original, std::span<const float> decoded, float bound) {
  return HWY_DYNAMIC_DISPATCH(Keeps)(original.data(), decoded.data(), original.size(), bound);
}

float StepForBound(float bound) {
  const float step = 2 * bound;
  return std::min(step, std::numeric_limits<float>::max());
}

void QuantizationError::Add(const QuantizationError& other) {
  max_error = std::max(max_error, other.max_error);
  squared_over_bound += other.squared_over_bound;
  finite += other.finite;
}

QuantizationError Quantize(std::span<const float> weights, float bound, uint32_t first_element,
                           int32_t* codes, std::vector<ChunkView::Exception>* exceptions) {
  constexpr size_t kCarefulRun = 16;  // so many weights are done one by one after a stop
  const QuantizerConstants constants = MakeConstants(bound);
  QuantizationError sum;
  size_t i = 0;
  while (i < weights.size()) {
    i += HWY_DYNAMIC_DISPATCH(QuantizeEasy)(weights.data() + i, weights.size() - i, constants,
                                            codes + i, &sum);
    const size_t careful_end = std::min(weights.size(), i + kCarefulRun);
    for (; i < careful_end; ++i) {
      const float w = weights[i];
      if (QuantizeOne(w, constants, &codes[i])) {
        const double error = std::abs(static_cast<double>(Reconstruct(codes[i], constants.step)) -
                                      static_cast<double>(w));
        const double share = error / static_cast<double>(bound);
        sum.Add({error, share * share, 1});
        continue;
      }
      codes[i] = 0;
      exceptions->push_back({first_element + static_cast<uint32_t>(i), std::bit_cast<uint32_t>(w)});
      sum.finite += std::isfinite(w);
    }
  }
  return sum;
}

}  // namespace ebb
#endif  // HWY_ONCE
