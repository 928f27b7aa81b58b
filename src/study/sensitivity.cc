#include "study/sensitivity.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

namespace ebb {
namespace {

constexpr double kLeastExponent = 1;
constexpr double kGreatestExponent = 4;
constexpr double kZeroShare = 1e-3;  // of the least divergence that is not 0

// One measurement in logarithms.
struct LogPoint {
  double x = 0;  // ln rate
  double y = 0;  // ln KL
  double item_variance = 0;
};
using Groups = std::map<PlanTarget, std::vector<LogPoint>>;

// What is known of a group before it is drawn to its layer's mean.
struct RawFit {
  double y = 0;         // ln c
  double variance = 0;  // v
  int64_t bounds = 0;
};

double MeanOf(std::span<const LogPoint> points, double LogPoint::*member) {
  double sum = 0;
  for (const LogPoint& point : points) sum += point.*member;
  return sum / static_cast<double>(points.size());
}

// The layers whose experts were measured one by one.
std::vector<bool> LayersWithExperts(std::span<const DivergencePoint> points,
                                    const ModelConfig& config) {
  std::vector<bool> with(static_cast<size_t>(config.num_layers), false);
  for (const DivergencePoint& point : points) {
    if (point.target.expert) with[static_cast<size_t>(point.target.layer.value)] = true;
  }
  return with;
}

Result<Groups> MakeGroups(std::span<const DivergencePoint> points, const ModelConfig& config) {
  const std::vector<bool> with_experts = LayersWithExperts(points, config);
  double least = std::numeric_limits<double>::infinity();
  for (const DivergencePoint& point : points) {
    if (!(point.rate > 0) || !std::isfinite(point.rate) || !std::isfinite(point.mean_kl)) {
      return MakeError(ErrorCode::kInvalidArgument, "layer " + PlanTargetName(point.target),
                       "a divergence of {} at the relative bound {} says nothing", point.mean_kl,
                       point.rate);
    }
    if (point.mean_kl > 0) least = std::min(least, point.mean_kl);
  }
  if (std::isinf(least)) least = 1;  // nothing diverges at all: all are alike
  Groups groups;
  for (const DivergencePoint& point : points) {
    const bool is_expert = point.target.expert.has_value();
    if (is_expert != with_experts[static_cast<size_t>(point.target.layer.value)]) continue;
    const double kl = point.mean_kl > 0 ? point.mean_kl : least * kZeroShare;
    groups[point.target].push_back({std::log(point.rate), std::log(kl), point.log_variance});
  }
  return groups;
}

struct Exponent {
  double value = 2;
  bool fitted = false;  // it took a degree of freedom: not where a limit or nothing decided
};

// Least squares within groups; 2 where no group was measured at two bounds.
Exponent FitExponent(const Groups& groups) {
  double above = 0;
  double below = 0;
  for (const auto& [target, points] : groups) {
    const double x_mean = MeanOf(points, &LogPoint::x);
    const double y_mean = MeanOf(points, &LogPoint::y);
    for (const LogPoint& point : points) {
      above += (point.x - x_mean) * (point.y - y_mean);
      below += (point.x - x_mean) * (point.x - x_mean);
    }
  }
  if (!(below > 0)) return {};
  const double slope = above / below;
  const double kept = std::clamp(slope, kLeastExponent, kGreatestExponent);
  return {kept, kept == slope};
}

// s^2: of what the law leaves unexplained within groups. A line through two points leaves nothing
// whatever their noise is, so that the fitted exponent takes a degree of freedom, too.
double ResidualVariance(const Groups& groups, const Exponent& exponent) {
  double squares = 0;
  double freedom = exponent.fitted ? -1 : 0;
  for (const auto& [target, points] : groups) {
    const double x_mean = MeanOf(points, &LogPoint::x);
    const double y_mean = MeanOf(points, &LogPoint::y);
    for (const LogPoint& point : points) {
      squares += std::pow(point.y - y_mean - exponent.value * (point.x - x_mean), 2);
    }
    freedom += static_cast<double>(points.size() - 1);
  }
  return freedom >= 1 ? squares / freedom : std::pow(std::log(2.0), 2);
}

// The means that groups are drawn to: of an expert its layer's, of a layer that of all layers.
using Means = std::map<int32_t, double>;  // by layer; -1: of the groups that are layers
int32_t MeanKey(const PlanTarget& target) { return target.expert ? target.layer.value : -1; }

Means MeansOf(const std::map<PlanTarget, RawFit>& raw) {
  std::map<int32_t, std::pair<double, int>> sums;
  for (const auto& [target, fit] : raw) {
    sums[MeanKey(target)].first += fit.y;
    ++sums[MeanKey(target)].second;
  }
  Means means;
  for (const auto& [key, sum] : sums) means[key] = sum.first / sum.second;
  return means;
}

// t^2: the variance around the means, less what is uncertainty.
double SpreadVariance(const std::map<PlanTarget, RawFit>& raw, const Means& means) {
  double squares = 0;
  double noise = 0;
  for (const auto& [target, fit] : raw) {
    squares += std::pow(fit.y - means.at(MeanKey(target)), 2);
    noise += fit.variance;
  }
  const auto count = static_cast<double>(raw.size());
  const double freedom = count - static_cast<double>(means.size());
  return freedom > 0 ? std::max(0.0, squares / freedom - noise / count) : 0;
}

}  // namespace

std::string PlanTargetName(const PlanTarget& target) {
  return target.expert ? fmt::format("{}/{}", target.layer.value, target.expert->value)
                       : fmt::format("{}", target.layer.value);
}

double DivergenceFit::Predict(const FittedTarget& target, double rate) const {
  return target.coefficient * std::pow(rate, exponent);
}

Result<DivergenceFit> FitDivergence(std::span<const DivergencePoint> points,
                                    const ModelConfig& config) {
  EBB_TRY_ASSIGN(const Groups groups, MakeGroups(points, config));
  DivergenceFit fit;
  const Exponent exponent = FitExponent(groups);
  fit.exponent = exponent.value;
  const double residual_variance = ResidualVariance(groups, exponent);
  fit.residual = std::sqrt(residual_variance);
  fit.least_rate = std::numeric_limits<double>::infinity();
  std::map<PlanTarget, RawFit> raw;
  for (const auto& [target, measured] : groups) {
    RawFit& of = raw[target];
    of.bounds = static_cast<int64_t>(measured.size());
    of.y = MeanOf(measured, &LogPoint::y) - fit.exponent * MeanOf(measured, &LogPoint::x);
    of.variance = residual_variance / static_cast<double>(of.bounds) +
                  MeanOf(measured, &LogPoint::item_variance);
    for (const LogPoint& point : measured) {
      fit.least_rate = std::min(fit.least_rate, std::exp(point.x));
      fit.greatest_rate = std::max(fit.greatest_rate, std::exp(point.x));
    }
  }
  const Means means = MeansOf(raw);
  const double spread_variance = SpreadVariance(raw, means);
  fit.spread = std::sqrt(spread_variance);

  const std::vector<bool> with_experts = LayersWithExperts(points, config);
  const auto add = [&](const PlanTarget& target) -> Status {
    FittedTarget fitted;
    fitted.target = target;
    const auto mean = means.find(MeanKey(target));
    if (mean != means.end()) fitted.coefficient = std::exp(mean->second);
    if (const auto of = raw.find(target); of != raw.end()) {
      const double total = spread_variance + of->second.variance;
      const double kept = total > 0 ? spread_variance / total : 1;
      fitted.bounds = of->second.bounds;
      fitted.raw = std::exp(of->second.y);
      fitted.coefficient = std::exp(mean->second + (of->second.y - mean->second) * kept);
    } else if (!target.expert) {
      return MakeError(ErrorCode::kInvalidArgument, fmt::format("layer {}", target.layer.value),
                       "the study has not measured it: add cells with a rel: bound of a codec that "
                       "guarantees it, for the layer or its experts, and run the study");
    }
    fit.targets.push_back(fitted);
    return {};
  };
  for (LayerId layer{0}; layer.value < config.num_layers; ++layer.value) {
    if (!config.IsMoeLayer(layer)) continue;
    if (!with_experts[static_cast<size_t>(layer.value)]) {
      EBB_TRY(add({layer, std::nullopt}));
      continue;
    }
    for (int32_t e = 0; e < config.moe.num_experts; ++e) EBB_TRY(add({layer, ExpertId{e}}));
  }
  return fit;
}

}  // namespace ebb
