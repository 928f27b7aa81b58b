// The sections of a study's page on what happens in the model: routers, layers, and how outputs
// fail.
#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <set>

#include "base/svg_heat.h"
#include "base/svg_plot.h"
#include "stats/router.h"
#include "study/report_parts.h"

namespace ebb {
namespace {

constexpr std::array kColours = {PlotColour::kBlue,   PlotColour::kOrange, PlotColour::kGreen,
                                 PlotColour::kPurple, PlotColour::kRed,    PlotColour::kSky,
                                 PlotColour::kGrey};

PlotSeries LineOf(const std::string& name, size_t number) {
  PlotSeries series;
  series.name = name;
  series.colour = kColours[number % kColours.size()];
  series.marker = number % 2 == 0 ? PlotMarker::kCircle : PlotMarker::kSquare;
  return series;
}

HtmlPage::Figure Draw(const std::string& title, const std::string& y_label,
                      const std::vector<PlotSeries>& series, const std::string& label) {
  Plot plot;
  plot.themed = true;
  plot.columns = 1;
  plot.panels = {{title, "layer", y_label, series, false, false}};
  return {RenderSvg(plot), label, false};
}

// Means over the positions of an arm's items, all seeds together.
struct Means {
  double drift = 0;
  double flips = 0;
  double carried = 0;
  bool has_router = false;
};

// A mean; of what there is no number for, "not finite".
std::string MeanText(double mean) { return std::isfinite(mean) ? NumberText(mean) : "not finite"; }

// By layer; empty while one of the arm's cells is not measured on all items.
std::map<int64_t, Means> MeansOf(const ReportInput& input, const Arm& arm) {
  const ExperimentResults& experiment = input.Experiment(arm.experiment);
  std::vector<int64_t> items = experiment.items;
  const int64_t limit = input.results.data[static_cast<size_t>(experiment.data)].kl_items;
  std::erase_if(items, [limit](int64_t item) { return item >= limit; });
  std::map<int64_t, InsideTotals> totals;
  for (const size_t cell : arm.cells) AddInsideTotals(input.results.cells[cell], items, &totals);
  std::map<int64_t, Means> means;
  for (const auto& [layer, of] : totals) {
    if (of.items != static_cast<int64_t>(items.size() * arm.cells.size())) return {};
    if (of.tokens == 0) continue;
    // Layers without a router have no flips, whichever item.
    means[layer] = {of.drift / of.tokens, of.flips / of.tokens, of.carried / of.tokens,
                    std::isfinite(of.flips)};
  }
  return means;
}

// Arms with one bound, as two figures. What there is no colour for is only in the table.
void DrawBound(const ReportInput& input, const ExperimentResults& experiment,
               const std::vector<const Arm*>& arms, HtmlPage* page) {
  std::vector<PlotSeries> drift;
  std::vector<PlotSeries> flips;
  for (const Arm* arm : arms) {
    if (drift.size() == kColours.size()) break;
    const CellResults& cell = input.FirstCell(*arm);
    const std::string name = cell.has_one_spec() ? GroupName(cell) : cell.label;
    drift.push_back(LineOf(name, drift.size()));
    flips.push_back(LineOf(name, flips.size()));
    for (const auto& [layer, of] : MeansOf(input, *arm)) {
      const auto x = static_cast<double>(layer);
      if (std::isfinite(of.drift)) drift.back().points.emplace_back(x, of.drift);
      if (of.has_router) flips.back().points.emplace_back(x, of.flips);
    }
  }
  const CellResults& cell = input.FirstCell(*arms.front());
  const std::string what =
      fmt::format("{}, {} {}", experiment.name, CodecText(cell.codec), cell.bound);
  const std::string rest = arms.size() > drift.size()
                               ? fmt::format("; the first {} of {}, the others are in the table",
                                             drift.size(), arms.size())
                               : "";
  page->Figures(
      {Draw("Drift of the residual stream", "relative to its length", drift,
            what + ": drift by layer" + rest),
       Draw("Router flips", "share of positions", flips, what + ": router flips by layer" + rest)});
}

// What the page has already: experiments may share cells, and with them figures if they are of the
// same items.
using ShownArms = std::set<std::pair<ItemScope, std::string>>;

void AddInsideOf(const ReportInput& input, size_t experiment, HtmlPage* page, ShownArms* shown) {
  const ItemScope scope = ScopeOf(input, experiment);
  std::map<std::string, std::vector<const Arm*>> by_bound;
  HtmlTable table;
  table.header = {"cell", "layer", "drift", "router flips", "carried"};
  table.csv = "inside.csv";
  for (const Arm* arm : input.ArmsOf(experiment)) {
    const auto means = MeansOf(input, *arm);
    const CellResults& cell = input.FirstCell(*arm);
    if (means.empty() || shown->contains({scope, cell.label})) continue;
    by_bound[cell.codec + " " + cell.bound].push_back(arm);
    for (const auto& [layer, of] : means) {
      table.rows.push_back({cell.label, fmt::format("{}", layer), MeanText(of.drift),
                            of.has_router ? NumberText(of.flips) : "-",
                            of.has_router ? MeanText(of.carried) : "-"});
    }
  }
  if (by_bound.empty()) return;
  if (shown->empty()) {
    page->Section("inside", "Inside");
    page->Paragraph(
        "On the same tokens as the unperturbed model, means over positions and seeds. Drift: how "
        "far the residual stream after a layer has moved, relative to its length. Router flips: "
        "share of positions whose set of experts is another. Carried: the perturbed experts' share "
        "of what the layer adds.");
  }
  for (const auto& [bound, arms] : by_bound) {
    for (const Arm* arm : arms) shown->insert({scope, input.FirstCell(*arm).label});
  }
  const ExperimentResults& of = input.Experiment(experiment);
  page->Subheading(TitleOf(input, experiment));
  for (const auto& entry : by_bound) DrawBound(input, of, entry.second, page);
  page->BeginDetails(fmt::format("{}: the figures, and what was carried, as a table", of.name));
  page->Table(table);
  page->EndDetails();
}

}  // namespace

Status AddRouter(const ReportInput& input, HtmlPage* page) {
  for (size_t d = 0; d < input.results.data.size(); ++d) {
    HeatMap map;
    map.title = "Share of a layer's selections, per cent";
    map.x_label = "expert";
    map.y_label = "layer";
    map.percent = true;
    map.themed = true;
    std::array<PlotSeries, 3> lines = {LineOf("utilisation", 0), LineOf("normalised entropy", 1),
                                       LineOf("Gini", 2)};
    PlotSeries imbalance = LineOf("imbalance", 4);
    HtmlTable table;
    table.csv = "router.csv";
    table.header = {"layer",   "selections", "imbalance",    "utilisation",
                    "entropy", "Gini",       "most selected"};
    for (const RouterLayer& layer : input.results.router) {
      if (layer.data != static_cast<int64_t>(d)) continue;
      EBB_TRY_ASSIGN(const RouterStatistics s, DescribeSelections(layer.counts));
      const auto x = static_cast<double>(layer.layer);
      lines[0].points.emplace_back(x, s.utilisation);
      lines[1].points.emplace_back(x, s.normalised_entropy);
      lines[2].points.emplace_back(x, s.gini);
      imbalance.points.emplace_back(x, s.imbalance);
      map.rows.push_back(fmt::format("{}", layer.layer));
      map.columns.clear();
      for (size_t e = 0; e < layer.counts.size(); ++e) {
        map.columns.push_back(fmt::format("{}", e));
        map.values.push_back(static_cast<double>(layer.counts[e]) /
                             static_cast<double>(s.selections));
      }
      const auto most = std::max_element(layer.counts.begin(), layer.counts.end());
      table.rows.push_back(
          {fmt::format("{}", layer.layer), fmt::format("{}", s.selections),
           fmt::format("{:.3f}", s.imbalance), fmt::format("{:.3f}", s.utilisation),
           fmt::format("{:.4f}", s.normalised_entropy), fmt::format("{:.4f}", s.gini),
           fmt::format("{}", most - layer.counts.begin())});
    }
    if (table.rows.empty()) continue;
    page->Section(d == 0 ? "router" : fmt::format("router-{}", d),
                  d == 0 ? "Router" : "Router, " + input.results.data[d].name);
    page->Figures({{RenderSvg(map), "Which experts the router chooses, by layer", true}});
    page->Figures({Draw("Evenness", "", {lines.begin(), lines.end()},
                        "Utilisation and normalised entropy (1: even), Gini (0: even), by layer"),
                   Draw("Imbalance", "most selected over mean", {imbalance},
                        "Imbalance by layer; 1 is even")});
    page->Table(table);
  }
  return {};
}

void AddInside(const ReportInput& input, HtmlPage* page) {
  ShownArms shown;
  for (size_t e = 0; e < input.results.experiments.size(); ++e) {
    AddInsideOf(input, e, page, &shown);
  }
}

// A row of the failures' heat map: short, for what is wide is scrolled out of sight.
static std::string ShortName(const ReportInput& input, const Arm& arm) {
  const CellResults& cell = input.FirstCell(arm);
  if (!cell.has_one_spec()) return cell.label;
  std::string name = CodecText(cell.codec);
  if (!cell.bound.empty()) name += " " + cell.bound;
  if (cell.layers != "all" || cell.experts != "all") name += ", " + GroupName(cell);
  const ItemScope scope = ScopeOf(input, arm.experiment);
  if (input.results.data.size() > 1) name += ", " + ScopeText(input, {scope.data, ""});
  return scope.where.empty() ? name : name + ", " + scope.where;
}

void AddFailures(const ReportInput& input, HtmlPage* page) {
  HtmlTable table;
  table.csv = "failures.csv";
  table.header = {"cell"};
  HeatMap map;
  map.title = "Share of answers, per cent";
  map.y_label = "";
  map.x_label = "failure signature";
  map.percent = true;
  map.themed = true;
  for (int f = 1; f < kFailureKinds; ++f) {
    std::string name(FailureName(static_cast<Failure>(f)));
    std::replace(name.begin(), name.end(), '_', ' ');
    table.header.push_back(name);
  }
  ShownArms seen;
  std::map<std::string, std::string> short_names;  // by the row's first field
  for (const Arm& arm : input.analysis.arms) {
    const ItemScope scope = ScopeOf(input, arm.experiment);
    const std::string& label = input.FirstCell(arm).label;
    if (!arm.ica || !seen.insert({scope, label}).second) continue;
    double wrong = 0;
    std::vector<std::string> row = {WithScope(input, label, scope)};
    short_names[row.front()] = ShortName(input, arm);
    for (int f = 1; f < kFailureKinds; ++f) {
      const double share = arm.failures[static_cast<size_t>(f)];
      wrong += share;
      row.push_back(fmt::format("{:.3f}", share));
    }
    row.push_back(fmt::format("{:.3f}", wrong));
    table.rows.push_back(std::move(row));
  }
  table.header.emplace_back("all");
  if (table.rows.empty()) return;
  std::stable_sort(table.rows.begin(), table.rows.end(), [](const auto& a, const auto& b) {
    return std::stod(a.back()) > std::stod(b.back());
  });
  constexpr size_t kShown = 20;
  for (size_t r = 0; r < std::min(kShown, table.rows.size()); ++r) {
    map.rows.push_back(short_names[table.rows[r].front()]);
    for (size_t c = 1; c < table.rows[r].size(); ++c) {
      map.values.push_back(std::stod(table.rows[r][c]));
    }
  }
  map.columns.assign(table.header.begin() + 1, table.header.end());
  page->Section("failures", "Failures");
  page->Paragraph(
      "Each output that is not right by ICA has one signature, the first that fits: silence, "
      "looping, truncated, format violation (right, but not in the format), reasoning collapse. "
      "The most wrong cells first.");
  page->Figures({{RenderSvg(map), "Failure signatures of the most wrong cells", true}});
  const size_t rows = table.rows.size();
  table.caption = "Shares of all answers.";
  if (rows > kShown) page->BeginDetails(fmt::format("All {} cells", rows));
  page->Table(table);
  if (rows > kShown) page->EndDetails();
}

}  // namespace ebb
