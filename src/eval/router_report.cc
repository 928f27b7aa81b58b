#include "eval/router_report.h"

#include "base/svg_heat.h"

namespace ebb {

Result<std::vector<LayerSelections>> DescribeRouter(const SelectionCounter& selections,
                                                    const ModelConfig& config) {
  std::vector<LayerSelections> layers;
  for (LayerId layer{0}; layer.value < config.num_layers; ++layer.value) {
    if (!config.IsMoeLayer(layer)) continue;
    LayerSelections of;
    of.layer = layer;
    for (int32_t e = 0; e < config.moe.num_experts; ++e) {
      of.counts.push_back(static_cast<int64_t>(selections.count({layer, ExpertId{e}})));
    }
    auto statistics = DescribeSelections(of.counts);
    if (!statistics) {
      return tl::unexpected(Error(statistics.error()).In(fmt::format("layer {}", layer.value)));
    }
    of.statistics = *statistics;
    layers.push_back(std::move(of));
  }
  return layers;
}

std::string RouterCsv(std::span<const LayerSelections> layers) {
  std::string csv = "layer,selections,imbalance,utilisation,normalised_entropy,gini";
  const size_t experts = layers.empty() ? 0 : layers.front().counts.size();
  for (size_t e = 0; e < experts; ++e) csv += fmt::format(",count_{}", e);
  csv += "\n";
  for (const LayerSelections& of : layers) {
    const RouterStatistics& s = of.statistics;
    csv += fmt::format("{},{},{:.9g},{:.9g},{:.9g},{:.9g}", of.layer.value, s.selections,
                       s.imbalance, s.utilisation, s.normalised_entropy, s.gini);
    for (const int64_t count : of.counts) csv += fmt::format(",{}", count);
    csv += "\n";
  }
  return csv;
}

std::string RouterHeatMap(std::span<const LayerSelections> layers) {
  HeatMap map;
  map.title = "Share of a layer's selections";
  map.x_label = "expert";
  map.y_label = "layer";
  for (size_t e = 0; !layers.empty() && e < layers.front().counts.size(); ++e) {
    map.columns.push_back(fmt::format("{}", e));
  }
  for (const LayerSelections& of : layers) {
    map.rows.push_back(fmt::format("{}", of.layer.value));
    for (const int64_t count : of.counts) {
      map.values.push_back(static_cast<double>(count) /
                           static_cast<double>(of.statistics.selections));
    }
  }
  map.percent = true;
  return RenderSvg(map);
}

}  // namespace ebb
