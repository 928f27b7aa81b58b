#include "study/analysis.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <span>

#include "stats/bootstrap.h"
#include "stats/multiple.h"

namespace ebb {

std::string_view MeasureName(Measure measure) {
  switch (measure) {
    case Measure::kIca:
      return "ica";
    case Measure::kPia:
      return "pia";
    case Measure::kKl:
      return "kl";
  }
  return "";
}

std::string_view NullCheck::Outcome() const {
  if (changed()) return "changed";
  return complete ? "null" : "not measured yet";
}

CheckCounts StudyAnalysis::CountChecks() const {
  CheckCounts counts;
  for (const NullCheck& check : checks) {
    ++counts.null_checks;
    counts.changed += check.changed() ? 1 : 0;
    counts.null_unfinished += !check.changed() && !check.complete ? 1 : 0;
  }
  for (const ContrastRow& row : contrasts) {
    if (row.kind != "seeds") continue;
    ++counts.seed_contrasts;
    counts.seeds_differ += row.differs() ? 1 : 0;
  }
  // What is not measured, or has no mean, has no contrast.
  for (const Arm& arm : arms) {
    if (!arm.must_agree) continue;
    const int64_t lacking = (arm.lacks_answers ? 2 : 0) + (arm.lacks_kl ? 1 : 0);  // ICA and PIA
    const int64_t not_finite = arm.kl_not_finite ? 1 : 0;
    counts.seed_contrasts += lacking + not_finite;
    counts.seeds_unfinished += lacking;
    counts.seeds_differ += not_finite;
  }
  return counts;
}

namespace {

class Analyst {
 public:
  explicit Analyst(const StudyResults& results) : results_(results) {}

  Result<StudyAnalysis> Run() {
    for (size_t e = 0; e < results_.experiments.size(); ++e) {
      const size_t first = analysis_.arms.size();
      EBB_TRY(MakeArms(e));
      const ArmRange arms = {first, analysis_.arms.size()};
      const Contrast compare = results_.experiments[e].compare;
      if (compare == Contrast::kNull) {
        CheckNull(e, arms);
        continue;
      }
      EBB_TRY(CompareWithBaseline(e, arms));
      if (compare == Contrast::kLayers) EBB_TRY(CompareLayers(arms));
      if (compare == Contrast::kCodecs) EBB_TRY(CompareCodecs(arms));
      if (compare == Contrast::kSeeds) EBB_TRY(CompareSeeds(arms));
      EBB_TRY(Adjust(e));
    }
    return std::move(analysis_);
  }

 private:
  // The arms of an experiment.
  struct ArmRange {
    size_t begin;
    size_t end;
  };

  const CellResults& CellAt(size_t cell) const { return results_.cells[cell]; }
  const CellResults& Baseline(size_t e) const {
    return CellAt(results_.baselines[static_cast<size_t>(results_.experiments[e].data)]);
  }
  const Arm& ArmAt(size_t arm) const { return analysis_.arms[arm]; }
  const std::string& LabelOf(size_t arm) const { return CellAt(ArmAt(arm).cells.front()).label; }

  // The items of an experiment on which divergence is measured.
  std::vector<size_t> ItemsOf(size_t e, Measure measure) const {
    const ExperimentResults& experiment = results_.experiments[e];
    const int64_t limit = measure == Measure::kKl
                              ? results_.data[static_cast<size_t>(experiment.data)].kl_items
                              : results_.data[static_cast<size_t>(experiment.data)].items;
    std::vector<size_t> items;
    for (const int64_t item : experiment.items) {
      if (item < limit) items.push_back(static_cast<size_t>(item));
    }
    return items;
  }

  bool IsComplete(size_t e, const CellResults& cell, Measure measure) const {
    const std::vector<uint8_t>& has = measure == Measure::kKl ? cell.has_kl : cell.has_answer;
    const std::vector<size_t> items = ItemsOf(e, measure);
    return !items.empty() &&
           std::all_of(items.begin(), items.end(), [&](size_t i) { return has[i] != 0; });
  }
  bool IsComplete(const Arm& arm, Measure measure) const {
    return std::all_of(arm.cells.begin(), arm.cells.end(), [&](size_t cell) {
      return IsComplete(arm.experiment, CellAt(cell), measure);
    });
  }

  // Asked for and not there. Where a filter leaves no item to measure, nothing is missing.
  bool Lacks(const Arm& arm, Measure measure) const {
    const bool asked = std::any_of(arm.cells.begin(), arm.cells.end(), [&](size_t cell) {
      return measure == Measure::kKl ? CellAt(cell).measures_kl : CellAt(cell).measures_accuracy;
    });
    return asked && !ItemsOf(arm.experiment, measure).empty() && !IsComplete(arm, measure);
  }

  // Cells' values by item, ready to be compared.
  ContrastArm ValuesOf(size_t e, std::span<const size_t> cells, Measure measure) const {
    ContrastArm arm;
    const std::vector<size_t> items = ItemsOf(e, measure);
    for (const size_t c : cells) {
      const CellResults& cell = CellAt(c);
      std::vector<double> values;
      std::vector<double> tokens;
      for (const size_t i : items) {
        values.push_back(measure == Measure::kIca   ? cell.ica[i]
                         : measure == Measure::kPia ? cell.pia[i]
                                                    : cell.sum_kl[i]);
        tokens.push_back(cell.tokens[i]);
      }
      arm.values.push_back(std::move(values));
      if (measure == Measure::kKl) arm.tokens.push_back(std::move(tokens));
      arm.fixed = cell.baseline;
    }
    return arm;
  }
  ContrastArm ValuesOf(size_t arm, Measure measure) const {
    return ValuesOf(ArmAt(arm).experiment, ArmAt(arm).cells, measure);
  }

  Status MakeArms(size_t e) {
    const ExperimentResults& experiment = results_.experiments[e];
    for (size_t m = 0; m < experiment.members.size();) {
      Arm arm;
      arm.experiment = e;
      arm.must_agree = experiment.compare == Contrast::kSeeds;
      arm.arm = experiment.members[m].arm;
      arm.against = experiment.members[m].against;
      for (; m < experiment.members.size() && experiment.members[m].arm == arm.arm; ++m) {
        arm.cells.push_back(experiment.members[m].cell);
      }
      std::stable_sort(arm.cells.begin(), arm.cells.end(),
                       [&](size_t a, size_t b) { return CellAt(a).seed < CellAt(b).seed; });
      if (IsComplete(arm, Measure::kIca)) EBB_TRY(DescribeAnswers(&arm));
      if (IsComplete(arm, Measure::kKl)) EBB_TRY(DescribeKl(&arm));
      arm.lacks_answers = Lacks(arm, Measure::kIca);
      arm.lacks_kl = Lacks(arm, Measure::kKl);
      analysis_.arms.push_back(std::move(arm));
    }
    return {};
  }

  Result<Estimate> RateOf(const Arm& arm, const std::vector<uint8_t> CellResults::*verdicts) const {
    const std::vector<size_t> items = ItemsOf(arm.experiment, Measure::kIca);
    SeedValues values;
    for (const size_t cell : arm.cells) {
      values.emplace_back();
      for (const size_t i : items) values.back().push_back((CellAt(cell).*verdicts)[i]);
    }
    const auto hits = std::count(values.front().begin(), values.front().end(), 1.0);
    const auto count = static_cast<int64_t>(items.size());
    // All right or all wrong under every seed: resampling finds nothing that varies.
    const double first = values.front().front();
    const bool varies = std::any_of(values.begin(), values.end(), [first](const auto& row) {
      return std::any_of(row.begin(), row.end(), [first](double v) { return v != first; });
    });
    if (values.size() > 1 && varies) return BootstrapSeeds(values);
    return WilsonInterval(hits, count);
  }

  Status DescribeAnswers(Arm* arm) const {
    EBB_TRY_ASSIGN(arm->ica, RateOf(*arm, &CellResults::ica));
    EBB_TRY_ASSIGN(arm->pia, RateOf(*arm, &CellResults::pia));
    EBB_TRY_ASSIGN(arm->in_format, RateOf(*arm, &CellResults::in_format));
    const std::vector<size_t> items = ItemsOf(arm->experiment, Measure::kIca);
    const double answers = static_cast<double>(items.size() * arm->cells.size());
    for (const size_t cell : arm->cells) {
      for (const size_t i : items) {
        arm->failures[static_cast<size_t>(CellAt(cell).failure[i])] += 1 / answers;
      }
    }
    return {};
  }

  Status DescribeKl(Arm* arm) const {
    const std::vector<size_t> items = ItemsOf(arm->experiment, Measure::kKl);
    std::vector<double> kls;
    SeedValues sums;
    SeedValues agreed;
    SeedValues tokens;
    double all_tokens = 0;
    for (const size_t c : arm->cells) {
      const CellResults& cell = CellAt(c);
      for (SeedValues* table : {&sums, &agreed, &tokens}) table->emplace_back();
      for (const size_t i : items) {
        arm->kl_not_finite |= !std::isfinite(cell.sum_kl[i]);
        kls.insert(kls.end(), cell.token_kl[i].begin(), cell.token_kl[i].end());
        sums.back().push_back(cell.sum_kl[i]);
        agreed.back().push_back(cell.agreements[i]);
        tokens.back().push_back(cell.tokens[i]);
        all_tokens += cell.tokens[i];
      }
    }
    if (arm->kl_not_finite || all_tokens == 0) return {};
    EBB_TRY_ASSIGN(arm->mean_kl, BootstrapSeedsRatio(sums, tokens));
    EBB_TRY_ASSIGN(arm->top1_agreement, BootstrapSeedsRatio(agreed, tokens));
    std::sort(kls.begin(), kls.end());
    arm->median_kl = SortedQuantile(kls, 0.5);
    arm->p99_kl = SortedQuantile(kls, 0.99);
    return {};
  }

  // Of two arms; `second`: none for the baseline.
  Status AddContrast(const char* kind, size_t first, std::optional<size_t> second, Measure measure,
                     const ContrastArm& a, const ContrastArm& b) {
    ContrastRow row;
    row.experiment = ArmAt(first).experiment;
    row.kind = kind;
    row.first = LabelOf(first);
    row.second = second ? LabelOf(*second) : "baseline";
    row.first_arm = first;
    row.second_arm = second;
    row.measure = measure;
    EBB_TRY_ASSIGN(row.contrast, ContrastArms(a, b));
    analysis_.contrasts.push_back(std::move(row));
    return {};
  }

  bool Has(size_t arm, Measure measure) const {
    return measure == Measure::kKl ? ArmAt(arm).mean_kl.has_value() : ArmAt(arm).ica.has_value();
  }

  // Divergence from the baseline is the mean itself.
  Status CompareWithBaseline(size_t e, const ArmRange& arms) {
    const size_t baseline = results_.baselines[static_cast<size_t>(results_.experiments[e].data)];
    for (const Measure measure : {Measure::kIca, Measure::kPia}) {
      for (size_t a = arms.begin; a < arms.end; ++a) {
        if (!Has(a, measure) || !IsComplete(e, CellAt(baseline), measure)) continue;
        EBB_TRY(AddContrast("baseline", a, std::nullopt, measure, ValuesOf(a, measure),
                            ValuesOf(e, std::span(&baseline, 1), measure)));
      }
    }
    return {};
  }

  Status CompareArms(const char* kind, size_t first, size_t second) {
    for (const Measure measure : {Measure::kIca, Measure::kPia, Measure::kKl}) {
      if (!Has(first, measure) || !Has(second, measure)) continue;
      EBB_TRY(AddContrast(kind, first, second, measure, ValuesOf(first, measure),
                          ValuesOf(second, measure)));
    }
    return {};
  }

  Status CompareLayers(const ArmRange& arms) {
    for (size_t a = arms.begin; a < arms.end; ++a) {
      for (size_t b = a + 1; b < arms.end; ++b) {
        const CellResults& first = CellAt(ArmAt(a).cells.front());
        const CellResults& second = CellAt(ArmAt(b).cells.front());
        // Of several specifications only the first one's fields are known: not a layer's contrast.
        if (!first.has_one_spec() || !second.has_one_spec()) continue;
        if (first.codec == second.codec && first.bound == second.bound &&
            first.experts == second.experts) {
          EBB_TRY(CompareArms("layers", a, b));
        }
      }
    }
    return {};
  }

  Status CompareCodecs(const ArmRange& arms) {
    for (size_t a = arms.begin; a < arms.end; ++a) {
      if (!ArmAt(a).against) continue;
      for (size_t b = arms.begin; b < arms.end; ++b) {
        if (ArmAt(b).arm == *ArmAt(a).against) EBB_TRY(CompareArms("codecs", a, b));
      }
    }
    return {};
  }

  Status CompareSeeds(const ArmRange& arms) {
    for (size_t a = arms.begin; a < arms.end; ++a) {
      const std::span<const size_t> cells = ArmAt(a).cells;
      const size_t half = cells.size() / 2;
      if (half == 0) continue;
      const size_t e = ArmAt(a).experiment;
      for (const Measure measure : {Measure::kIca, Measure::kPia, Measure::kKl}) {
        if (!Has(a, measure)) continue;
        EBB_TRY(AddContrast("seeds", a, a, measure, ValuesOf(e, cells.first(half), measure),
                            ValuesOf(e, cells.subspan(half), measure)));
      }
    }
    return {};
  }

  void CheckNull(size_t e, const ArmRange& arms) {
    const CellResults& baseline = Baseline(e);
    for (size_t a = arms.begin; a < arms.end; ++a) {
      for (const size_t c : ArmAt(a).cells) {
        const CellResults& cell = CellAt(c);
        NullCheck check;
        check.experiment = e;
        check.label = cell.label;
        check.seed = cell.seed;
        for (const int64_t item : results_.experiments[e].items) {
          const auto i = static_cast<size_t>(item);
          const bool both = cell.has_answer[i] != 0 && baseline.has_answer[i] != 0;
          const bool scored = cell.has_kl[i] != 0 && cell.tokens[i] > 0;
          check.items += both || scored ? 1 : 0;
          check.changed_answers +=
              both && (cell.answer_hash[i] != baseline.answer_hash[i] ||
                       cell.ica[i] != baseline.ica[i] || cell.pia[i] != baseline.pia[i]);
          check.changed_kl += cell.has_kl[i] != 0 && cell.sum_kl[i] != 0;
        }
        const bool answers = !cell.measures_accuracy || (IsComplete(e, cell, Measure::kIca) &&
                                                         IsComplete(e, baseline, Measure::kIca));
        const bool kl = !cell.measures_kl || ItemsOf(e, Measure::kKl).empty() ||
                        IsComplete(e, cell, Measure::kKl);
        check.complete = answers && kl && check.items > 0;
        analysis_.checks.push_back(std::move(check));
      }
    }
  }

  // A family is a measure of an experiment; the planned contrasts of layers count those with the
  // baseline, others do not.
  Status Adjust(size_t e) {
    const bool planned = results_.experiments[e].compare == Contrast::kLayers;
    std::map<std::string, std::vector<size_t>> families;
    for (size_t r = 0; r < analysis_.contrasts.size(); ++r) {
      const ContrastRow& row = analysis_.contrasts[r];
      if (row.experiment != e) continue;
      families[fmt::format("{} {}", MeasureName(row.measure), planned ? "" : row.kind)].push_back(
          r);
    }
    for (const auto& [name, rows] : families) {
      std::vector<double> p_values;
      for (const size_t r : rows) p_values.push_back(analysis_.contrasts[r].contrast.p_value);
      const bool screened = !planned && analysis_.contrasts[rows.front()].kind == "baseline";
      EBB_TRY_ASSIGN(const std::vector<double> adjusted,
                     screened ? BenjaminiHochbergAdjusted(p_values) : HolmAdjusted(p_values));
      for (size_t i = 0; i < rows.size(); ++i) {
        ContrastRow& row = analysis_.contrasts[rows[i]];
        row.p_adjusted = adjusted[i];
        row.method = screened ? "bh" : "holm";
        row.family = static_cast<int64_t>(rows.size());
        EBB_TRY_ASSIGN(row.detectable, DetectableDifference(row.contrast));
        EBB_TRY_ASSIGN(row.detectable_adjusted,
                       DetectableDifference(row.contrast, 0.05 / static_cast<double>(row.family)));
      }
    }
    return {};
  }

  const StudyResults& results_;
  StudyAnalysis analysis_;
};

}  // namespace

Result<StudyAnalysis> AnalyseStudy(const StudyResults& results) {
  if (results.baselines.size() != results.data.size() || results.cells.empty()) {
    return MakeError(ErrorCode::kCorrupt, "study", "the database has no cells");
  }
  return Analyst(results).Run();
}

}  // namespace ebb
