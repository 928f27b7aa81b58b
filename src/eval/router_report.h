// How the routers of a model spread their choices: counts and statistics, layer by layer.
// docs/eval.md has the formulas. Thread-safety: pure functions and plain values.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "arch/model_config.h"
#include "model/observer.h"
#include "stats/router.h"

namespace ebb {

struct LayerSelections {
  LayerId layer;
  std::vector<int64_t> counts;  // of each expert
  RouterStatistics statistics;
};

// Of every layer with routed experts, in order. A layer whose router chose nothing is
// kInvalidArgument.
[[nodiscard]] Result<std::vector<LayerSelections>> DescribeRouter(
    const SelectionCounter& selections, const ModelConfig& config);

// A line of names, then one a layer: layer, selections, imbalance, utilisation,
// normalised_entropy, gini, count_0, count_1, ..
[[nodiscard]] std::string RouterCsv(std::span<const LayerSelections> layers);

// The shares of each layer's choices that its experts have, as an SVG heat map.
[[nodiscard]] std::string RouterHeatMap(std::span<const LayerSelections> layers);

}  // namespace ebb
