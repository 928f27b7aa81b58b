// What the sections of a study's page share: names, numbers as text, which arms belong together.
#include <algorithm>
#include <cmath>

#include "study/report_parts.h"

namespace ebb {

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

std::string LayersText(const CellResults& cell) {
  return cell.layers == "all"        ? "all layers"
         : SingleNumber(cell.layers) ? "layer " + cell.layers
                                     : "layers " + cell.layers;
}

std::string GroupName(const CellResults& cell) {
  std::string name = LayersText(cell);
  if (SingleNumber(cell.experts)) {
    name += ", expert " + cell.experts;
  } else if (cell.experts != "all") {
    name += ", " + cell.experts;
  }
  return name;
}

ItemScope ScopeOf(const ReportInput& input, size_t experiment) {
  const ExperimentResults& of = input.Experiment(experiment);
  return {of.data, of.where};
}

std::string ScopeText(const ReportInput& input, const ItemScope& scope) {
  std::string text;
  if (input.results.data.size() > 1) {
    text = input.results.data[static_cast<size_t>(scope.data)].name;
  }
  if (!scope.where.empty()) text += (text.empty() ? "where " : ", where ") + scope.where;
  return text;
}

std::string WithScope(const ReportInput& input, const std::string& text, const ItemScope& scope) {
  const std::string of = ScopeText(input, scope);
  return of.empty() ? text : fmt::format("{} ({})", text, of);
}

std::string TitleOf(const ReportInput& input, size_t experiment) {
  const ExperimentResults& of = input.Experiment(experiment);
  const std::string name = WithScope(input, of.name, ScopeOf(input, experiment));
  return of.about.empty() ? name : name + ": " + of.about;
}

std::string HeadingOf(const ReportInput& input, const FigureKey& key) {
  return WithScope(input, key.what, key.scope);
}

void ArmSet::Add(const ReportInput& input, const Arm& arm) {
  const auto [place, is_new] = places_.emplace(input.FirstCell(arm).label, arms_.size());
  if (is_new) {
    arms_.push_back(&arm);
  } else if (arm.cells.size() > arms_[place->second]->cells.size()) {
    arms_[place->second] = &arm;
  }
}

void AddTo(ArmGroups* groups, const ReportInput& input, const std::string& what, const Arm& arm) {
  (*groups)[{ScopeOf(input, arm.experiment), what}].Add(input, arm);
}

std::string KlText(const Arm& arm) {
  if (arm.kl_not_finite) return "not finite";
  if (!arm.mean_kl) return "-";
  const Estimate& kl = *arm.mean_kl;
  return fmt::format("{} [{}, {}]", NumberText(kl.value), NumberText(kl.interval.low),
                     NumberText(kl.interval.high));
}

std::optional<int> SingleNumber(const std::string& text) {
  const bool digits =
      !text.empty() && text.size() < 7 &&
      std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (!digits) return std::nullopt;
  return std::stoi(text);
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

}  // namespace ebb
