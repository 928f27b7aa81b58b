// The section of a study's page with heat maps: layers, and experts of a layer, by rate.
#include <cmath>
#include <map>
#include <set>

#include "base/svg_heat.h"
#include "study/report_parts.h"

namespace ebb {
namespace {

using ValuesByLayer = std::map<int, std::map<double, double>>;

struct LayerMaps {
  ValuesByLayer ica;  // layer, rate
  ValuesByLayer pia;
  ValuesByLayer kl;
};

// A heat map of values by layer (rows) and a second number or name (columns).
HtmlPage::Figure DrawMap(const ValuesByLayer& values, const std::string& title,
                         const std::string& x_label, bool log, const std::string& label) {
  std::set<double> columns;
  for (const auto& [layer, row] : values) {
    for (const auto& [x, value] : row) columns.insert(x);
  }
  HeatMap map;
  map.title = title;
  map.x_label = x_label;
  map.y_label = "layer";
  map.log = log;
  map.from_zero = log;  // accuracies differ little, and the scale says where it begins
  map.themed = true;
  for (const double x : columns) map.columns.push_back(fmt::format("{:g}", x));
  for (const auto& [layer, row] : values) {
    map.rows.push_back(fmt::format("{}", layer));
    for (const double x : columns) {
      const auto found = row.find(x);
      map.values.push_back(found == row.end() ? NAN : found->second);
    }
  }
  return {RenderSvg(map), label, columns.size() > 6};
}

std::vector<HtmlPage::Figure> DrawLayerMaps(const LayerMaps& maps, const std::string& name) {
  std::vector<HtmlPage::Figure> figures;
  if (maps.ica.size() >= 3) {
    figures.push_back(
        DrawMap(maps.ica, "ICA, " + name, "rate", false, name + ": ICA by layer and rate"));
    figures.push_back(
        DrawMap(maps.pia, "PIA, " + name, "rate", false, name + ": PIA by layer and rate"));
  }
  if (maps.kl.size() >= 3) {
    figures.push_back(DrawMap(maps.kl, "mean KL, " + name, "rate", true,
                              name + ": divergence by layer and rate, logarithmic colours"));
  }
  return figures;
}

LayerMaps MapsOf(const ReportInput& input, const ArmSet& set) {
  LayerMaps maps;
  for (const Arm* arm : set.arms()) {
    const CellResults& cell = input.FirstCell(*arm);
    const int layer = *SingleNumber(cell.layers);
    if (arm->ica) maps.ica[layer][*cell.rate] = arm->ica->value;
    if (arm->pia) maps.pia[layer][*cell.rate] = arm->pia->value;
    if (arm->mean_kl) maps.kl[layer][*cell.rate] = arm->mean_kl->value;
  }
  return maps;
}

ValuesByLayer ExpertMapOf(const ReportInput& input, const ArmSet& set) {
  ValuesByLayer map;
  for (const Arm* arm : set.arms()) {
    const CellResults& cell = input.FirstCell(*arm);
    if (arm->mean_kl) {
      map[*SingleNumber(cell.layers)][*SingleNumber(cell.experts)] = arm->mean_kl->value;
    }
  }
  return map;
}

}  // namespace

void AddMaps(const ReportInput& input, HtmlPage* page) {
  ArmGroups by_codec;
  ArmGroups experts;  // by codec and rate
  for (const Arm& arm : input.analysis.arms) {
    const CellResults& cell = input.FirstCell(arm);
    if (!SingleNumber(cell.layers) || !cell.rate || !cell.has_one_spec()) continue;
    if (cell.experts == "all") {
      AddTo(&by_codec, input, CodecText(cell.codec), arm);
    } else if (SingleNumber(cell.experts)) {
      AddTo(&experts, input, fmt::format("{}, rate {:g}", CodecText(cell.codec), *cell.rate), arm);
    }
  }
  std::vector<HtmlPage::Figure> figures;
  std::vector<size_t> ends;  // of what stands together
  for (const auto& [key, set] : by_codec) {
    for (auto& figure : DrawLayerMaps(MapsOf(input, set), HeadingOf(input, key))) {
      figures.push_back(std::move(figure));
    }
    ends.push_back(figures.size());
  }
  for (const auto& [key, set] : experts) {
    const ValuesByLayer map = ExpertMapOf(input, set);
    if (map.size() < 3) continue;  // one row is no map
    const std::string name = HeadingOf(input, key);
    figures.push_back(
        DrawMap(map, "mean KL of single experts, " + name, "expert", true,
                name + ": divergence with one expert perturbed, logarithmic colours"));
    ends.push_back(figures.size());
  }
  if (figures.empty()) return;
  page->Section("layers", "Layers by rate");
  page->Paragraph("All experts of one layer perturbed; means over seeds. Dark is high.");
  size_t begin = 0;
  for (const size_t end : ends) {
    page->Figures({figures.begin() + static_cast<std::ptrdiff_t>(begin),
                   figures.begin() + static_cast<std::ptrdiff_t>(end)});
    begin = end;
  }
}

}  // namespace ebb
