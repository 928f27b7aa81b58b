// The sections of a study's page; report.cc puts them in order.
//
// A section without anything to show adds nothing. Not thread-safe: each writes to the page.
#pragma once

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

// "layer 6, top1": what arms of an experiment are told apart by, beside codec and bound.
[[nodiscard]] std::string GroupName(const CellResults& cell);

// The number if the text is one layer.
[[nodiscard]] std::optional<int> SingleNumber(const std::string& text);

// "fell", "rose" or "no effect seen (drops of 0.031 or more would have shown)".
[[nodiscard]] std::string Verdict(const ContrastRow& row);

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
