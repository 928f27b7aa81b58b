#include "model/rope.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace ebb {
namespace {

// YaRN (arXiv 2309.00071), equation 22 with a free factor: how much attention is sharpened when the
// context is stretched by `factor`.
double YarnMscale(double factor, double mscale) {
  return factor <= 1 ? 1.0 : 0.1 * mscale * std::log(factor) + 1.0;
}

double YarnCosSinScale(const YarnScaling& yarn) {
  if (yarn.attention_factor) return *yarn.attention_factor;
  if (yarn.mscale != 0 && yarn.mscale_all_dim != 0) {
    return YarnMscale(yarn.factor, yarn.mscale) / YarnMscale(yarn.factor, yarn.mscale_all_dim);
  }
  return YarnMscale(yarn.factor, 1);
}

// The pair (not rounded) that turns `rotations` times over the original context.
double PairOfRotations(double rotations, const RopeConfig& rope, double dim) {
  const auto context = static_cast<double>(rope.yarn->original_max_positions);
  return dim * std::log(context / (rotations * 2 * std::numbers::pi)) / (2 * std::log(rope.theta));
}

// How much of each pair's own frequency YaRN keeps: 1 for pairs that turn fast, which see enough
// rotations in the original context, 0 for slow ones, which are stretched by the factor; a ramp
// between.
class YarnRamp {
 public:
  YarnRamp(const RopeConfig& rope, double dim) {
    const YarnScaling& yarn = *rope.yarn;
    double low = PairOfRotations(yarn.beta_fast, rope, dim);
    double high = PairOfRotations(yarn.beta_slow, rope, dim);
    if (yarn.truncate) {
      low = std::floor(low);
      high = std::ceil(high);
    }
    low_ = std::max(low, 0.0);
    high_ = std::min(high, dim - 1);
    if (low_ == high_) high_ += 0.001;
  }

  double Kept(double pair) const {
    return 1 - std::clamp((pair - low_) / (high_ - low_), 0.0, 1.0);
  }

 private:
  double low_;
  double high_;
};

}  // namespace

Rope::Rope(const ModelConfig& config) {
  const RopeConfig& rope = config.rope;
  const auto dim = static_cast<double>(config.RotaryDim());
  const int64_t pairs = config.RotaryDim() / 2;
  for (int64_t i = 0; i < pairs; ++i) {
    const double pair = static_cast<double>(i);
    double frequency = 1 / std::pow(rope.theta, 2 * pair / dim);
    if (rope.yarn) {
      const double kept = YarnRamp(rope, dim).Kept(pair);
      frequency = frequency / rope.yarn->factor * (1 - kept) + frequency * kept;
    }
    inverse_frequencies_.push_back(static_cast<float>(frequency));
  }
  if (rope.yarn) cos_sin_scale_ = YarnCosSinScale(*rope.yarn);
}

void Rope::Fill(std::span<const int64_t> positions, float* cos, float* sin) const {
  for (const int64_t position : positions) {
    for (const float frequency : inverse_frequencies_) {
      const float angle = static_cast<float>(position) * frequency;
      *cos++ = static_cast<float>(std::cos(static_cast<double>(angle)) * cos_sin_scale_);
      *sin++ = static_cast<float>(std::sin(static_cast<double>(angle)) * cos_sin_scale_);
    }
  }
}

double SoftmaxScale(const ModelConfig& config) {
  if (!config.mla) return 1 / std::sqrt(static_cast<double>(config.gqa->head_dim));
  double scale = 1 / std::sqrt(static_cast<double>(config.mla->qk_head_dim()));
  const std::optional<YarnScaling>& yarn = config.rope.yarn;
  if (yarn && yarn->mscale_all_dim != 0) {
    const double mscale = YarnMscale(yarn->factor, yarn->mscale_all_dim);
    scale *= mscale * mscale;
  }
  return scale;
}

}  // namespace ebb
