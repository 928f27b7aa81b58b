// The sections of a study's page that draw accuracy and divergence against the bound, or the bytes.
#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <set>

#include "base/svg_heat.h"
#include "base/svg_plot.h"
#include "study/report_parts.h"

namespace ebb {
namespace {

constexpr std::array kColours = {PlotColour::kBlue,   PlotColour::kOrange, PlotColour::kGreen,
                                 PlotColour::kPurple, PlotColour::kRed,    PlotColour::kSky,
                                 PlotColour::kGrey};
constexpr std::array kMarkers = {PlotMarker::kCircle, PlotMarker::kSquare, PlotMarker::kTriangle,
                                 PlotMarker::kDiamond, PlotMarker::kCross};

// Series by name, in the order of their first points.
class SeriesSet {
 public:
  void Add(const std::string& name, double x, const std::optional<Estimate>& estimate) {
    if (!estimate || !std::isfinite(x)) return;
    auto found = std::find_if(series_.begin(), series_.end(),
                              [&](const PlotSeries& series) { return series.name == name; });
    if (found == series_.end()) {
      PlotSeries series;
      series.name = name;
      series.colour = kColours[series_.size() % kColours.size()];
      series.marker = kMarkers[series_.size() % kMarkers.size()];
      found = series_.insert(series_.end(), series);
    }
    found->points.emplace_back(x, estimate->value);
    const Interval& interval = estimate->interval;
    const bool known = std::isfinite(interval.low);  // else there is no bar
    found->ranges.emplace_back(known ? interval.low : estimate->value,
                               known ? interval.high : estimate->value);
  }

  bool empty() const { return series_.empty(); }

  HtmlPage::Figure Draw(const std::string& title, const std::string& x_label,
                        const std::string& y_label, bool log_x, bool log_y,
                        const std::string& label) {
    for (size_t i = 0; i < series_.size(); ++i) {
      Sort(&series_[i]);
      // Side by side, so that lines and intervals that coincide can be told apart.
      const double shift = static_cast<double>(i) - static_cast<double>(series_.size() - 1) / 2;
      for (auto& point : series_[i].points) {
        point.first = log_x ? point.first * std::pow(1.012, shift) : point.first + 0.006 * shift;
      }
    }
    Plot plot;
    plot.themed = true;
    plot.columns = 1;
    plot.panels = {{title, x_label, y_label, series_, log_x, log_y, false}};
    return {RenderSvg(plot), label, false};
  }

 private:
  static void Sort(PlotSeries* series) {
    std::vector<size_t> order(series->points.size());
    for (size_t i = 0; i < order.size(); ++i) order[i] = i;
    std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
      return series->points[a].first < series->points[b].first;
    });
    PlotSeries sorted = *series;
    for (size_t i = 0; i < order.size(); ++i) {
      sorted.points[i] = series->points[order[i]];
      sorted.ranges[i] = series->ranges[order[i]];
    }
    *series = std::move(sorted);
  }

  std::vector<PlotSeries> series_;
};

std::set<double> RatesOf(const ReportInput& input, size_t experiment) {
  std::set<double> rates;
  for (const Arm* arm : input.ArmsOf(experiment)) {
    if (arm->ica && input.FirstCell(*arm).rate) rates.insert(*input.FirstCell(*arm).rate);
  }
  return rates;
}

std::set<std::string> GroupsOf(const ReportInput& input, size_t experiment) {
  std::set<std::string> groups;
  for (const Arm* arm : input.ArmsOf(experiment)) {
    groups.insert(input.FirstCell(*arm).codec + GroupName(input.FirstCell(*arm)));
  }
  return groups;
}

// How many codecs an experiment has at one rate.
size_t CodecsAt(const ReportInput& input, size_t experiment, double rate) {
  std::set<std::string> codecs;
  for (const Arm* arm : input.ArmsOf(experiment)) {
    const CellResults& cell = input.FirstCell(*arm);
    if (cell.rate == rate) codecs.insert(cell.codec);
  }
  return codecs.size();
}

HtmlTable ArmTable(const ReportInput& input, const std::vector<const Arm*>& arms) {
  HtmlTable table;
  table.csv = "arms.csv";
  table.header = {"cell", "seeds", "ICA", "PIA", "mean KL"};
  const bool with_bits = std::any_of(arms.begin(), arms.end(), [&](const Arm* arm) {
    return input.FirstCell(*arm).bits_per_weight.has_value();
  });
  if (with_bits) table.header.emplace_back("bits a weight");
  for (const Arm* arm : arms) {
    const CellResults& cell = input.FirstCell(*arm);
    if (!arm->ica && !arm->mean_kl) continue;
    std::string kl = "-";
    if (arm->mean_kl) {
      kl = fmt::format("{} [{}, {}]", NumberText(arm->mean_kl->value),
                       NumberText(arm->mean_kl->interval.low),
                       NumberText(arm->mean_kl->interval.high));
    }
    table.rows.push_back({cell.label, fmt::format("{}", arm->cells.size()), RateText(arm->ica),
                          RateText(arm->pia), kl});
    if (!with_bits) continue;
    table.rows.back().push_back(cell.bits_per_weight ? fmt::format("{:.3f}", *cell.bits_per_weight)
                                                     : "-");
  }
  return table;
}

// A heat map of values by layer (rows) and a second number or name (columns).
HtmlPage::Figure DrawMap(const std::map<int, std::map<double, double>>& values,
                         const std::string& title, const std::string& x_label, bool log,
                         const std::string& label) {
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

struct LayerMaps {
  std::map<int, std::map<double, double>> ica;  // layer, rate
  std::map<int, std::map<double, double>> pia;
  std::map<int, std::map<double, double>> kl;
};

}  // namespace

void AddRates(const ReportInput& input, HtmlPage* page) {
  constexpr size_t kMostGroups = 7;  // as many lines as colours
  bool first = true;
  for (size_t e = 0; e < input.results.experiments.size(); ++e) {
    const ExperimentResults& experiment = input.Experiment(e);
    if (experiment.compare == Contrast::kCodecs || experiment.compare == Contrast::kNull) continue;
    if (RatesOf(input, e).size() < 2 || GroupsOf(input, e).size() > kMostGroups) continue;
    SeriesSet ica;
    SeriesSet pia;
    const std::vector<const Arm*> arms = input.ArmsOf(e);
    std::set<std::string> started;
    for (const Arm* arm : arms) {
      const CellResults& cell = input.FirstCell(*arm);
      if (!cell.rate) continue;
      const std::string group = GroupName(cell);
      if (started.insert(group).second) {  // each line starts at the unperturbed model
        ica.Add(group, 0, CellRate(input.Baseline(*arm), RateKind::kIca, &experiment.items));
        pia.Add(group, 0, CellRate(input.Baseline(*arm), RateKind::kPia, &experiment.items));
      }
      ica.Add(group, *cell.rate, arm->ica);
      pia.Add(group, *cell.rate, arm->pia);
    }
    if (ica.empty()) continue;
    if (first) {
      page->Section("rates", "Accuracy against rate");
      page->Paragraph(
          "Rate 0 is the unperturbed model on the same items. Bars: 95 % intervals, over items and "
          "seeds. Lines that coincide are drawn side by side.");
      first = false;
    }
    page->Subheading(fmt::format("{}: {}", experiment.name, experiment.about));
    page->Figures({ica.Draw("ICA", "rate", "share of items", false, false,
                            experiment.name + ": ICA by rate, a line for each group"),
                   pia.Draw("PIA", "rate", "share of items", false, false,
                            experiment.name + ": PIA by rate, a line for each group")});
    page->Table(ArmTable(input, arms));
  }
}

void AddMaps(const ReportInput& input, HtmlPage* page) {
  std::map<std::string, LayerMaps> by_codec;
  std::map<std::string, std::map<int, std::map<double, double>>> experts;  // by codec and rate
  for (const Arm& arm : input.analysis.arms) {
    const CellResults& cell = input.FirstCell(arm);
    const auto layer = SingleNumber(cell.layers);
    if (!layer || !cell.rate) continue;
    if (cell.experts == "all") {
      LayerMaps& maps = by_codec[cell.codec];
      if (arm.ica) maps.ica[*layer][*cell.rate] = arm.ica->value;
      if (arm.pia) maps.pia[*layer][*cell.rate] = arm.pia->value;
      if (arm.mean_kl) maps.kl[*layer][*cell.rate] = arm.mean_kl->value;
    } else if (const auto expert = SingleNumber(cell.experts); expert && arm.mean_kl) {
      experts[fmt::format("{}, rate {:g}", CodecText(cell.codec), *cell.rate)][*layer][*expert] =
          arm.mean_kl->value;
    }
  }
  // One row is no map.
  std::erase_if(by_codec, [](const auto& entry) {
    return entry.second.kl.size() < 3 && entry.second.ica.size() < 3;
  });
  std::erase_if(experts, [](const auto& entry) { return entry.second.size() < 3; });
  if (by_codec.empty() && experts.empty()) return;
  page->Section("layers", "Layers by rate");
  page->Paragraph("All experts of one layer perturbed; means over seeds. Dark is high.");
  for (const auto& [codec, maps] : by_codec) {
    const std::string name = CodecText(codec);
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
    page->Figures(figures);
  }
  for (const auto& [name, map] : experts) {
    page->Figures({DrawMap(map, "mean KL of single experts, " + name, "expert", true,
                           name + ": divergence with one expert perturbed, logarithmic colours")});
  }
}

void AddCodecs(const ReportInput& input, HtmlPage* page) {
  SeriesSet kl;
  SeriesSet ica;
  std::vector<const Arm*> shown;
  for (const Arm& arm : input.analysis.arms) {
    const CellResults& cell = input.FirstCell(arm);
    if (input.Experiment(arm.experiment).compare != Contrast::kCodecs) continue;
    if (!cell.rate || CodecsAt(input, arm.experiment, *cell.rate) < 2) continue;
    kl.Add(CodecText(cell.codec), *cell.rate, arm.mean_kl);
    ica.Add(CodecText(cell.codec), *cell.rate, arm.ica);
    shown.push_back(&arm);
  }
  if (kl.empty()) return;
  page->Section("codecs", "Noise and codecs at the same bound");
  page->Paragraph(
      "Does noise predict a real codec? e is the bound. N(0, e) has the bound as its standard "
      "deviation and breaks it in 32 % of weights; a codec's error lies within it, with about a "
      "third of that mean square, as that of U(-e, e).");
  std::vector<HtmlPage::Figure> figures = {
      kl.Draw("Divergence", "rate", "mean KL (nats a token)", true, true,
              "Divergence by rate, a line for each codec; both axes logarithmic")};
  if (!ica.empty()) {
    figures.push_back(ica.Draw("ICA", "rate", "share of items", false, false,
                               "ICA by rate, a line for each codec"));
  }
  page->Figures(figures);
  page->Table(ArmTable(input, shown));
}

void AddBytes(const ReportInput& input, HtmlPage* page) {
  SeriesSet kl;
  SeriesSet ica;
  std::vector<const Arm*> shown;
  std::set<std::string> labels;
  for (const Arm& arm : input.analysis.arms) {
    const CellResults& cell = input.FirstCell(arm);
    if (cell.layers != "all" || cell.experts != "all" || !cell.bits_per_weight) continue;
    if (input.Experiment(arm.experiment).compare == Contrast::kNull) continue;
    if (!labels.insert(cell.label).second) continue;
    const bool rtn = cell.codec.starts_with("rtn");
    const std::string name = rtn ? "rtn (groups of 32)" : cell.codec;
    kl.Add(name, *cell.bits_per_weight, arm.mean_kl);
    ica.Add(name, *cell.bits_per_weight, arm.ica);
    shown.push_back(&arm);
  }
  if (kl.empty()) return;
  page->Section("bytes", "Error-bounded and quantized at the same bytes");
  page->Paragraph("All experts of all layers coded; every byte that decoding needs is counted.");
  std::vector<HtmlPage::Figure> figures = {
      kl.Draw("Divergence", "bits a weight", "mean KL (nats a token)", false, true,
              "Divergence by bits a weight, a line for each codec; logarithmic")};
  if (!ica.empty()) {
    figures.push_back(ica.Draw("ICA", "bits a weight", "share of items", false, false,
                               "ICA by bits a weight, a line for each codec"));
  }
  page->Figures(figures);
  page->Table(ArmTable(input, shown));
}

}  // namespace ebb
