// What a study's page says first, and what its sections share.
#include <algorithm>
#include <cmath>

#include "study/report_parts.h"

namespace ebb {
namespace {

constexpr double kLevel = 0.05;

std::string MeasureText(Measure measure) {
  switch (measure) {
    case Measure::kIca:
      return "ICA";
    case Measure::kPia:
      return "PIA";
    case Measure::kKl:
      return "KL";
  }
  return "";
}

size_t CountUnfinished(const ReportInput& input) {
  return static_cast<size_t>(
      std::count_if(input.analysis.arms.begin(), input.analysis.arms.end(),
                    [](const Arm& arm) { return !arm.ica && !arm.mean_kl; }));
}

void AddBaselines(const ReportInput& input, HtmlPage* page) {
  HtmlTable table;
  table.caption = "The unperturbed model; 95 % Wilson intervals.";
  table.csv = "cells.csv";
  table.header = {"data", "task", "items", "ICA", "PIA"};
  for (size_t d = 0; d < input.results.data.size(); ++d) {
    const DataResults& data = input.results.data[d];
    const CellResults& cell = input.results.cells[input.results.baselines[d]];
    table.rows.push_back({data.name, data.task, fmt::format("{}", data.items),
                          RateText(CellRate(cell, RateKind::kIca)),
                          RateText(CellRate(cell, RateKind::kPia))});
  }
  page->Table(table);
}

// The checks that must come out null: one box that says whether they did.
void AddChecks(const ReportInput& input, HtmlPage* page) {
  if (input.analysis.checks.empty()) return;
  std::vector<std::string> failed;
  int64_t items = 0;
  for (const NullCheck& check : input.analysis.checks) {
    items += check.items;
    if (check.ok()) continue;
    failed.push_back(fmt::format("{}, seed {}: {} answers and {} divergences of {} items changed",
                                 check.label, check.seed, check.changed_answers, check.changed_kl,
                                 check.items));
  }
  if (failed.empty()) {
    page->Paragraph(fmt::format(
        "Null checks: {} of {} came out null, to the bit, on {} items. The machinery adds no error "
        "of its own.",
        input.analysis.checks.size(), input.analysis.checks.size(), items));
    return;
  }
  page->Note("Null checks that failed: every figure below is in doubt.");
  page->List(failed);
}

// Of the accuracies' contrasts of an experiment: what differs, and how little could be seen.
void AddFindings(const ReportInput& input, HtmlPage* page) {
  std::vector<std::string> entries;
  for (size_t e = 0; e < input.results.experiments.size(); ++e) {
    size_t tests = 0;
    size_t fell = 0;
    size_t rose = 0;
    double least = 1;
    double most = 0;
    for (const ContrastRow& row : input.analysis.contrasts) {
      if (row.experiment != e || row.measure == Measure::kKl) continue;
      ++tests;
      const double difference = row.contrast.difference.value;
      if (row.p_adjusted < kLevel) {
        ++(difference < 0 ? fell : rose);
      } else {
        least = std::min(least, row.contrast.detectable);
        most = std::max(most, row.contrast.detectable);
      }
    }
    if (tests == 0) continue;
    const ExperimentResults& experiment = input.results.experiments[e];
    std::string text = fmt::format("{} ({}): of {} comparisons of ICA and PIA {} fell, {} rose",
                                   experiment.name, experiment.about, tests, fell, rose);
    const size_t rest = tests - fell - rose;
    if (rest > 0) {
      const std::string drops = fmt::format("{:.3f}", least) == fmt::format("{:.3f}", most)
                                    ? fmt::format("{:.3f}", least)
                                    : fmt::format("{:.3f} to {:.3f}", least, most);
      text +=
          fmt::format("; no effect seen in {}, where a drop of {} would have shown", rest, drops);
    }
    entries.push_back(text + ".");
  }
  if (entries.empty()) return;
  page->Subheading("What differs after correction for many tests");
  page->List(entries);
}

}  // namespace

std::vector<const Arm*> ReportInput::ArmsOf(size_t experiment) const {
  std::vector<const Arm*> arms;
  for (const Arm& arm : analysis.arms) {
    if (arm.experiment == experiment) arms.push_back(&arm);
  }
  return arms;
}

std::string NumberText(double value) {
  if (!std::isfinite(value)) return "-";
  if (value != 0 && std::abs(value) < 1e-3) return fmt::format("{:.2e}", value);
  return fmt::format("{:.4g}", value);
}

std::string RateText(const std::optional<Estimate>& estimate) {
  if (!estimate) return "-";
  if (!std::isfinite(estimate->interval.low)) {
    return fmt::format("{:.3f} [n/a, n/a]", estimate->value);
  }
  return fmt::format("{:.3f} [{:.3f}, {:.3f}]", estimate->value, estimate->interval.low,
                     estimate->interval.high);
}

std::string PValueText(double p) { return p < 0.001 ? "< 0.001" : fmt::format("{:.3f}", p); }

std::string CodecText(const std::string& codec) {
  if (codec == "noise:normal") return "N(0, e)";
  if (codec == "noise:uniform") return "U(-e, e)";
  return codec;
}

std::string GroupName(const CellResults& cell) {
  std::string name = cell.layers == "all"        ? "all layers"
                     : SingleNumber(cell.layers) ? "layer " + cell.layers
                                                 : "layers " + cell.layers;
  if (SingleNumber(cell.experts)) {
    name += ", expert " + cell.experts;
  } else if (cell.experts != "all") {
    name += ", " + cell.experts;
  }
  return name;
}

std::optional<int> SingleNumber(const std::string& text) {
  const bool digits =
      !text.empty() && text.size() < 7 &&
      std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (!digits) return std::nullopt;
  return std::stoi(text);
}

std::string Verdict(const ContrastRow& row) {
  if (row.p_adjusted < kLevel) return row.contrast.difference.value < 0 ? "fell" : "rose";
  if (row.measure == Measure::kKl) return "no effect seen";
  return fmt::format("no effect seen (a drop of {:.3f} would have shown)", row.contrast.detectable);
}

std::optional<Estimate> CellRate(const CellResults& cell, RateKind kind,
                                 const std::vector<int64_t>* items) {
  int64_t answers = 0;
  int64_t hits = 0;
  const std::vector<uint8_t>& verdicts = kind == RateKind::kIca ? cell.ica : cell.pia;
  const auto count = [&](size_t i) {
    if (i >= cell.has_answer.size() || cell.has_answer[i] == 0) return;
    ++answers;
    hits += verdicts[i];
  };
  if (items != nullptr) {
    for (const int64_t i : *items) count(static_cast<size_t>(i));
  } else {
    for (size_t i = 0; i < cell.has_answer.size(); ++i) count(i);
  }
  const auto estimate = WilsonInterval(hits, answers);
  if (!estimate) return std::nullopt;
  return *estimate;
}

void AddSummary(const ReportInput& input, HtmlPage* page) {
  page->Section("in-short", "In short");
  page->Paragraph(
      fmt::format("{} cells in {} experiments. ICA: right and in the format asked for. PIA: right, "
                  "wherever the "
                  "answer stands. KL: divergence of the next-token distribution from the "
                  "unperturbed model's, in "
                  "nats a token. Rate: the bound over the mean magnitude of an expert's weights.",
                  input.results.cells.size(), input.results.experiments.size()));
  if (const size_t unfinished = CountUnfinished(input); unfinished > 0) {
    page->Note(
        fmt::format("The study is not finished: {} of {} arms have no figures yet and are "
                    "left out.",
                    unfinished, input.analysis.arms.size()));
  }
  AddBaselines(input, page);
  AddChecks(input, page);
  AddFindings(input, page);
}

void AddContrasts(const ReportInput& input, HtmlPage* page) {
  if (input.analysis.contrasts.empty()) return;
  page->Section("contrasts", "Contrasts");
  page->Paragraph(
      "Every comparison is paired by item. Intervals: 95 %, bootstrap over items and seeds. "
      "p-values: exact, two-sided; "
      "adjusted within an experiment by Holm (planned contrasts) or Benjamini and Hochberg (maps). "
      "Detectable: the smallest difference that these items would have shown with a power of 0.8.");
  for (size_t e = 0; e < input.results.experiments.size(); ++e) {
    HtmlTable table;
    table.header = {"first", "against", "measure",    "difference", "rose",
                    "fell",  "p",       "adjusted p", "detectable", "verdict"};
    table.csv = "contrasts.csv";
    for (const ContrastRow& row : input.analysis.contrasts) {
      if (row.experiment != e) continue;
      const PairedContrast& contrast = row.contrast;
      const bool kl = row.measure == Measure::kKl;
      const auto number = [&](double v) {
        return kl || !std::isfinite(v) ? NumberText(v) : fmt::format("{:+.3f}", v);
      };
      const Estimate& difference = contrast.difference;
      table.rows.push_back(
          {row.first, row.second, MeasureText(row.measure),
           fmt::format("{} [{}, {}]", number(difference.value), number(difference.interval.low),
                       number(difference.interval.high)),
           fmt::format("{}", contrast.rose), fmt::format("{}", contrast.fell),
           PValueText(contrast.p_value),
           fmt::format("{} ({})", PValueText(row.p_adjusted), row.method),
           kl || !std::isfinite(contrast.detectable) ? NumberText(contrast.detectable)
                                                     : fmt::format("{:.3f}", contrast.detectable),
           Verdict(row)});
    }
    if (table.rows.empty()) continue;
    const ExperimentResults& experiment = input.results.experiments[e];
    table.caption = experiment.about;
    page->BeginDetails(fmt::format("{}: {} comparisons", experiment.name, table.rows.size()));
    page->Table(table);
    page->EndDetails();
  }
}

}  // namespace ebb
