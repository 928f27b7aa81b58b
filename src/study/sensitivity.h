// How much each layer or expert makes a model diverge, from the cells of a study: measurements, and
// the law that is fitted to them. docs/plan.md has the formulas.
//
// Thread-safety: pure functions and plain values.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "arch/ids.h"
#include "arch/model_config.h"
#include "base/error.h"

namespace ebb {

// A layer's experts, or one of them.
struct PlanTarget {
  LayerId layer;
  std::optional<ExpertId> expert;  // none: all of the layer
  auto operator<=>(const PlanTarget&) const = default;
};
[[nodiscard]] std::string PlanTargetName(const PlanTarget& target);  // "9", "9/3"

// The divergence of the model with the target's weights under one relative bound.
struct DivergencePoint {
  PlanTarget target;
  double rate = 0;          // of the bound, positive
  double mean_kl = 0;       // over tokens
  double log_variance = 0;  // of ln mean_kl, over items
};

struct FittedTarget {
  PlanTarget target;
  int64_t bounds = 0;      // at which it was measured; 0: it has its layer's mean
  double raw = 0;          // e^y: c as measured
  double coefficient = 0;  // c after shrinkage
};

struct DivergenceFit {
  double exponent = 2;  // p
  double residual = 0;  // s, in logarithms
  double spread = 0;    // t, in logarithms
  double least_rate = 0;
  double greatest_rate = 0;
  std::vector<FittedTarget> targets;  // that cover all routed experts once, in rising order

  // c r^p.
  [[nodiscard]] double Predict(const FittedTarget& target, double rate) const;
};

// A layer without measurements is kInvalidArgument, and named; so are rates that are not positive.
[[nodiscard]] Result<DivergenceFit> FitDivergence(std::span<const DivergencePoint> points,
                                                  const ModelConfig& config);

}  // namespace ebb
