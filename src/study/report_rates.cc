// The sections of a study's page that draw accuracy and divergence against the bound, or the bytes,
// as lines.
#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <set>

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

// Arms whose one specification has a rate: what lines against the rate can be drawn of.
std::vector<const Arm*> ArmsByRate(const ReportInput& input, size_t experiment) {
  std::vector<const Arm*> arms = input.ArmsOf(experiment);
  std::erase_if(arms, [&](const Arm* arm) {
    return !input.FirstCell(*arm).rate || !input.FirstCell(*arm).has_one_spec();
  });
  return arms;
}

size_t CountRates(const ReportInput& input, const std::vector<const Arm*>& arms) {
  std::set<double> rates;
  for (const Arm* arm : arms) {
    if (arm->ica) rates.insert(*input.FirstCell(*arm).rate);
  }
  return rates.size();
}

// The lines that arms belong to: their layers and experts, and the codec where there are several.
std::vector<std::string> LinesOf(const ReportInput& input, const std::vector<const Arm*>& arms) {
  std::set<std::string> codecs;
  for (const Arm* arm : arms) codecs.insert(input.FirstCell(*arm).codec);
  std::vector<std::string> lines;
  for (const Arm* arm : arms) {
    const CellResults& cell = input.FirstCell(*arm);
    lines.push_back((codecs.size() > 1 ? CodecText(cell.codec) + ", " : "") + GroupName(cell));
  }
  return lines;
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
    if (!arm->ica && !arm->mean_kl && !arm->kl_not_finite) continue;
    table.rows.push_back({cell.label, fmt::format("{}", arm->cells.size()), RateText(arm->ica),
                          RateText(arm->pia), KlText(*arm)});
    if (!with_bits) continue;
    table.rows.back().push_back(cell.bits_per_weight ? fmt::format("{:.3f}", *cell.bits_per_weight)
                                                     : "-");
  }
  return table;
}

struct XAxis {
  const char* label;
  bool log;  // in the figure of divergence
};

// Divergence beside ICA, a line for each codec.
void AddPair(SeriesSet* kl, SeriesSet* ica, const XAxis& x, const std::string& name,
             HtmlPage* page) {
  std::vector<HtmlPage::Figure> figures;
  if (!kl->empty()) {
    figures.push_back(
        kl->Draw("Divergence", x.label, "mean KL (nats a token)", x.log, true,
                 fmt::format("{}: divergence by {}, a line for each codec; {}", name, x.label,
                             x.log ? "both axes logarithmic" : "logarithmic")));
  }
  if (!ica->empty()) {
    figures.push_back(
        ica->Draw("ICA", x.label, "share of items", false, false,
                  fmt::format("{}: ICA by {}, a line for each codec", name, x.label)));
  }
  page->Figures(figures);
}

}  // namespace

void AddRates(const ReportInput& input, HtmlPage* page) {
  constexpr size_t kMostGroups = 7;  // as many lines as colours
  bool first = true;
  for (size_t e = 0; e < input.results.experiments.size(); ++e) {
    const ExperimentResults& experiment = input.Experiment(e);
    if (experiment.compare == Contrast::kCodecs || experiment.compare == Contrast::kNull) continue;
    const std::vector<const Arm*> arms = ArmsByRate(input, e);
    const std::vector<std::string> lines = LinesOf(input, arms);
    if (CountRates(input, arms) < 2) continue;
    if (std::set<std::string>(lines.begin(), lines.end()).size() > kMostGroups) continue;
    SeriesSet ica;
    SeriesSet pia;
    std::set<std::string> started;
    for (size_t a = 0; a < arms.size(); ++a) {
      const Arm& arm = *arms[a];
      if (started.insert(lines[a]).second) {  // each line starts at the unperturbed model
        ica.Add(lines[a], 0, CellRate(input.Baseline(arm), RateKind::kIca, &experiment.items));
        pia.Add(lines[a], 0, CellRate(input.Baseline(arm), RateKind::kPia, &experiment.items));
      }
      ica.Add(lines[a], *input.FirstCell(arm).rate, arm.ica);
      pia.Add(lines[a], *input.FirstCell(arm).rate, arm.pia);
    }
    if (ica.empty()) continue;
    if (first) {
      page->Section("rates", "Accuracy against rate");
      page->Paragraph(
          "Rate 0 is the unperturbed model on the same items. Bars: 95 % intervals, over items and "
          "seeds. Lines that coincide are drawn side by side.");
      first = false;
    }
    page->Subheading(TitleOf(input, e));
    page->Figures({ica.Draw("ICA", "rate", "share of items", false, false,
                            experiment.name + ": ICA by rate, a line for each group"),
                   pia.Draw("PIA", "rate", "share of items", false, false,
                            experiment.name + ": PIA by rate, a line for each group")});
    page->Table(ArmTable(input, input.ArmsOf(e)));
  }
}

void AddCodecs(const ReportInput& input, HtmlPage* page) {
  ArmGroups groups;  // by layers and experts
  for (const Arm& arm : input.analysis.arms) {
    const CellResults& cell = input.FirstCell(arm);
    if (input.Experiment(arm.experiment).compare != Contrast::kCodecs) continue;
    if (!cell.rate || !cell.has_one_spec()) continue;
    if (CodecsAt(input, arm.experiment, *cell.rate) < 2) continue;
    AddTo(&groups, input, GroupName(cell), arm);
  }
  bool first = true;
  for (const auto& [key, set] : groups) {
    SeriesSet kl;
    SeriesSet ica;
    for (const Arm* arm : set.arms()) {
      const CellResults& cell = input.FirstCell(*arm);
      kl.Add(CodecText(cell.codec), *cell.rate, arm->mean_kl);
      ica.Add(CodecText(cell.codec), *cell.rate, arm->ica);
    }
    if (kl.empty() && ica.empty()) continue;
    if (first) {
      page->Section("codecs", "Noise and codecs at the same bound");
      page->Paragraph(
          "Does noise predict a real codec? e is the bound. N(0, e) has the bound as its standard "
          "deviation and breaks it in 32 % of weights; a codec's error lies within it, with about "
          "a third of that mean square, as that of U(-e, e).");
      first = false;
    }
    const std::string name = HeadingOf(input, key);
    page->Subheading(name);
    AddPair(&kl, &ica, {"rate", true}, name, page);
    page->Table(ArmTable(input, set.arms()));
  }
}

void AddBytes(const ReportInput& input, HtmlPage* page) {
  ArmGroups groups;
  for (const Arm& arm : input.analysis.arms) {
    const CellResults& cell = input.FirstCell(arm);
    if (cell.layers != "all" || cell.experts != "all" || !cell.bits_per_weight) continue;
    if (input.Experiment(arm.experiment).compare == Contrast::kNull) continue;
    if (cell.has_one_spec()) AddTo(&groups, input, "all layers", arm);
  }
  bool first = true;
  for (const auto& [key, set] : groups) {
    SeriesSet kl;
    SeriesSet ica;
    for (const Arm* arm : set.arms()) {
      const CellResults& cell = input.FirstCell(*arm);
      const std::string name = cell.codec.starts_with("rtn") ? "rtn (groups of 32)" : cell.codec;
      kl.Add(name, *cell.bits_per_weight, arm->mean_kl);
      ica.Add(name, *cell.bits_per_weight, arm->ica);
    }
    if (kl.empty() && ica.empty()) continue;
    if (first) {
      page->Section("bytes", "Error-bounded and quantized at the same bytes");
      page->Paragraph(
          "All experts of all layers coded; every byte that decoding needs is counted.");
      first = false;
    }
    const std::string name = HeadingOf(input, key);
    if (groups.size() > 1) page->Subheading(name);
    AddPair(&kl, &ica, {"bits a weight", false}, name, page);
    page->Table(ArmTable(input, set.arms()));
  }
}

}  // namespace ebb
