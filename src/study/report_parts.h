// The sections of a study's page; report.cc puts them in order.
//
// A section without anything to show adds nothing. Not thread-safe: each writes to the page.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "study/analysis.h"
#include "study/html_page.h"
#include "study/results.h"

namespace ebb {

// What all sections read.
struct ReportInput {
  const StudyResults& results;
  const StudyAnalysis& analysis;

  const CellResults& FirstCell(const Arm& arm) const { return results.cells[arm.cells.front()]; }
  const CellResults& Baseline(const Arm& arm) const {
    const auto data = static_cast<size_t>(results.experiments[arm.experiment].data);
    return results.cells[results.baselines[data]];
  }
  const ExperimentResults& Experiment(size_t e) const { return results.experiments[e]; }
  std::vector<const Arm*> ArmsOf(size_t experiment) const;
};

// "0.975", "0.975 [0.93, 0.99]"; "-" for what is not there.
[[nodiscard]] std::string RateText(const std::optional<Estimate>& estimate);
[[nodiscard]] std::string NumberText(double value);  // four digits, as 1.23e-05 where small
[[nodiscard]] std::string PValueText(double p);

// "noise:normal", a codec's name as people read it: "N(0, e)".
[[nodiscard]] std::string CodecText(const std::string& codec);

// "layer 6", "layers 1-5", "all layers".
[[nodiscard]] std::string LayersText(const CellResults& cell);

// "layer 6, top1": what arms of an experiment are told apart by, beside codec and bound.
[[nodiscard]] std::string GroupName(const CellResults& cell);

// Which items figures are of: those of one scope can stand side by side.
struct ItemScope {
  int64_t data = 0;
  std::string where;
  auto operator<=>(const ItemScope&) const = default;
};
[[nodiscard]] ItemScope ScopeOf(const ReportInput& input, size_t experiment);
// "math, where steps >= 3"; empty where it goes without saying.
[[nodiscard]] std::string ScopeText(const ReportInput& input, const ItemScope& scope);
[[nodiscard]] std::string WithScope(const ReportInput& input, const std::string& text,
                                    const ItemScope& scope);
// "T8 (math): Layers on harder problems".
[[nodiscard]] std::string TitleOf(const ReportInput& input, size_t experiment);

// What figures are drawn of: values of one scope and one codec, or group of layers.
struct FigureKey {
  ItemScope scope;
  std::string what;
  auto operator<=>(const FigureKey&) const = default;
};
// "layers 1-5, top1 (math)".
[[nodiscard]] std::string HeadingOf(const ReportInput& input, const FigureKey& key);

// Arms that differ in nothing else than their seeds, once: the one of most seeds. In the order of
// their first appearance.
class ArmSet {
 public:
  void Add(const ReportInput& input, const Arm& arm);
  const std::vector<const Arm*>& arms() const { return arms_; }

 private:
  std::vector<const Arm*> arms_;
  std::map<std::string, size_t> places_;  // by label
};

// Arms by scope and `what`, each once.
using ArmGroups = std::map<FigureKey, ArmSet>;
void AddTo(ArmGroups* groups, const ReportInput& input, const std::string& what, const Arm& arm);

// The mean with its interval, "not finite", or "-" for what is not measured.
[[nodiscard]] std::string KlText(const Arm& arm);

// The number if the text is one layer.
[[nodiscard]] std::optional<int> SingleNumber(const std::string& text);

// "fell", "layer 6 is higher", "no effect seen (a drop of 0.031 would have shown)": of the mean, as
// the test is, at the level that the correction asks for.
[[nodiscard]] std::string Verdict(const ReportInput& input, const ContrastRow& row);

// The rate with a Wilson interval of a cell's answers, to some `items` (null: all); absent without
// answers.
enum class RateKind { kIca, kPia };
[[nodiscard]] std::optional<Estimate> CellRate(const CellResults& cell, RateKind kind,
                                               const std::vector<int64_t>* items = nullptr);

void AddSummary(const ReportInput& input, HtmlPage* page);
void AddRates(const ReportInput& input, HtmlPage* page);
void AddMaps(const ReportInput& input, HtmlPage* page);
void AddCodecs(const ReportInput& input, HtmlPage* page);
void AddBytes(const ReportInput& input, HtmlPage* page);
[[nodiscard]] Status AddRouter(const ReportInput& input, HtmlPage* page);
void AddInside(const ReportInput& input, HtmlPage* page);
void AddFailures(const ReportInput& input, HtmlPage* page);
void AddContrasts(const ReportInput& input, HtmlPage* page);

}  // namespace ebb
