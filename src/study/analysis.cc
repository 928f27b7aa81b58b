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

namespace {

class Analyst {
 public:
  explicit Analyst(const StudyResults& results) : results_(results) {}

  Result<StudyAnalysis> Run() {
    for (size_t e = 0; e < results_.experiments.size(); ++e) {
      const size_t first = analysis_.arms.size();
      EBB_TRY(MakeArms(e));
      const auto arms = std::span<const Arm>(analysis_.arms).subspan(first);
      const Contrast compare = results_.experiments[e].compare;
      if (compare == Contrast::kNull) {
        CheckNull(e, arms);
        continue;
      }
      EBB_TRY(CompareWithBaseline(e, arms));
      if (compare == Contrast::kLayers) EBB_TRY(CompareLayers(e, arms));
      if (compare == Contrast::kCodecs) EBB_TRY(CompareCodecs(e, arms));
      if (compare == Contrast::kSeeds) EBB_TRY(CompareSeeds(e, arms));
      EBB_TRY(Adjust(e));
    }
    return std::move(analysis_);
  }

 private:
  const CellResults& CellAt(size_t cell) const { return results_.cells[cell]; }
  const CellResults& Baseline(size_t e) const {
    return CellAt(results_.baselines[static_cast<size_t>(results_.experiments[e].data)]);
  }
  const std::string& LabelOf(const Arm& arm) const { return CellAt(arm.cells.front()).label; }

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

  // A cell's values by item. Divergence is scaled so that its mean over items is the mean over
  // tokens.
  std::vector<double> ValuesOf(size_t e, const CellResults& cell, Measure measure) const {
    const std::vector<size_t> items = ItemsOf(e, measure);
    std::vector<double> values;
    double tokens = 0;
    for (const size_t i : items) {
      tokens += cell.tokens[i];
      values.push_back(measure == Measure::kIca   ? cell.ica[i]
                       : measure == Measure::kPia ? cell.pia[i]
                                                  : cell.sum_kl[i]);
    }
    if (measure == Measure::kKl) {
      for (double& value : values) value *= static_cast<double>(items.size()) / tokens;
    }
    return values;
  }
  SeedValues ValuesOf(const Arm& arm, Measure measure) const {
    SeedValues values;
    for (const size_t cell : arm.cells) {
      values.push_back(ValuesOf(arm.experiment, CellAt(cell), measure));
    }
    return values;
  }

  Status MakeArms(size_t e) {
    const ExperimentResults& experiment = results_.experiments[e];
    for (size_t m = 0; m < experiment.members.size();) {
      Arm arm;
      arm.experiment = e;
      arm.arm = experiment.members[m].arm;
      arm.against = experiment.members[m].against;
      for (; m < experiment.members.size() && experiment.members[m].arm == arm.arm; ++m) {
        arm.cells.push_back(experiment.members[m].cell);
      }
      if (IsComplete(arm, Measure::kIca)) EBB_TRY(DescribeAnswers(&arm));
      if (IsComplete(arm, Measure::kKl)) EBB_TRY(DescribeKl(&arm));
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
    if (values.size() > 1) return BootstrapSeeds(values);
    int64_t hits = 0;
    for (const double value : values.front()) hits += value > 0 ? 1 : 0;
    return WilsonInterval(hits, static_cast<int64_t>(items.size()));
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
    SeedValues agreements;
    std::vector<double> sums;
    std::vector<double> agreed;
    std::vector<double> tokens;
    for (const size_t c : arm->cells) {
      const CellResults& cell = CellAt(c);
      agreements.emplace_back();
      double all_tokens = 0;
      for (const size_t i : items) all_tokens += cell.tokens[i];
      if (all_tokens == 0) return {};
      for (const size_t i : items) {
        if (!std::isfinite(cell.sum_kl[i])) return {};  // nothing can be said of its mean
        kls.insert(kls.end(), cell.token_kl[i].begin(), cell.token_kl[i].end());
        agreements.back().push_back(cell.agreements[i] * static_cast<double>(items.size()) /
                                    all_tokens);
        sums.push_back(cell.sum_kl[i]);
        agreed.push_back(cell.agreements[i]);
        tokens.push_back(cell.tokens[i]);
      }
    }
    if (arm->cells.size() == 1) {
      EBB_TRY_ASSIGN(arm->mean_kl, BootstrapRatio(sums, tokens, StudyResampling()));
      EBB_TRY_ASSIGN(arm->top1_agreement, BootstrapRatio(agreed, tokens, StudyResampling()));
    } else {
      EBB_TRY_ASSIGN(arm->mean_kl, BootstrapSeeds(ValuesOf(*arm, Measure::kKl)));
      EBB_TRY_ASSIGN(arm->top1_agreement, BootstrapSeeds(agreements));
    }
    std::sort(kls.begin(), kls.end());
    arm->median_kl = SortedQuantile(kls, 0.5);
    arm->p99_kl = SortedQuantile(kls, 0.99);
    return {};
  }

  Status AddContrast(size_t e, const std::string& kind, const std::string& first,
                     const std::string& second, Measure measure, const SeedValues& a,
                     const SeedValues& b) {
    ContrastRow row;
    row.experiment = e;
    row.kind = kind;
    row.first = first;
    row.second = second;
    row.measure = measure;
    EBB_TRY_ASSIGN(row.contrast, ContrastPairs(a, b));
    analysis_.contrasts.push_back(std::move(row));
    return {};
  }

  static bool Has(const Arm& arm, Measure measure) {
    return measure == Measure::kKl ? arm.mean_kl.has_value() : arm.ica.has_value();
  }

  // Divergence from the baseline is the mean itself.
  Status CompareWithBaseline(size_t e, std::span<const Arm> arms) {
    const CellResults& baseline = Baseline(e);
    for (const Measure measure : {Measure::kIca, Measure::kPia}) {
      for (size_t a = 0; a < arms.size(); ++a) {
        const Arm arm = arms[a];
        if (!Has(arm, measure) || !IsComplete(e, baseline, measure)) continue;
        EBB_TRY(AddContrast(e, "baseline", LabelOf(arm), "baseline", measure,
                            ValuesOf(arm, measure), {ValuesOf(e, baseline, measure)}));
      }
    }
    return {};
  }

  Status CompareArms(size_t e, const std::string& kind, const Arm& first, const Arm& second) {
    for (const Measure measure : {Measure::kIca, Measure::kPia, Measure::kKl}) {
      if (!Has(first, measure) || !Has(second, measure)) continue;
      EBB_TRY(AddContrast(e, kind, LabelOf(first), LabelOf(second), measure,
                          ValuesOf(first, measure), ValuesOf(second, measure)));
    }
    return {};
  }

  Status CompareLayers(size_t e, std::span<const Arm> arms) {
    for (size_t a = 0; a < arms.size(); ++a) {
      for (size_t b = a + 1; b < arms.size(); ++b) {
        const CellResults& first = CellAt(arms[a].cells.front());
        const CellResults& second = CellAt(arms[b].cells.front());
        if (first.codec == second.codec && first.bound == second.bound &&
            first.experts == second.experts) {
          EBB_TRY(CompareArms(e, "layers", arms[a], arms[b]));
        }
      }
    }
    return {};
  }

  Status CompareCodecs(size_t e, std::span<const Arm> arms) {
    for (const Arm& arm : arms) {
      if (!arm.against) continue;
      const auto reference = std::find_if(
          arms.begin(), arms.end(), [&](const Arm& other) { return other.arm == *arm.against; });
      if (reference != arms.end()) EBB_TRY(CompareArms(e, "codecs", arm, *reference));
    }
    return {};
  }

  Status CompareSeeds(size_t e, std::span<const Arm> arms) {
    for (const Arm& arm : arms) {
      const size_t half = arm.cells.size() / 2;
      if (half == 0) continue;
      for (const Measure measure : {Measure::kIca, Measure::kPia, Measure::kKl}) {
        if (!Has(arm, measure)) continue;
        const SeedValues values = ValuesOf(arm, measure);
        const auto middle = values.begin() + static_cast<std::ptrdiff_t>(half);
        EBB_TRY(AddContrast(e, "seeds", LabelOf(arm), LabelOf(arm), measure,
                            SeedValues(values.begin(), middle), SeedValues(middle, values.end())));
      }
    }
    return {};
  }

  void CheckNull(size_t e, std::span<const Arm> arms) {
    const CellResults& baseline = Baseline(e);
    for (const Arm& arm : arms) {
      for (const size_t c : arm.cells) {
        const CellResults& cell = CellAt(c);
        NullCheck check;
        check.experiment = e;
        check.label = cell.label;
        check.seed = cell.seed;
        for (const int64_t item : results_.experiments[e].items) {
          const auto i = static_cast<size_t>(item);
          const bool both = cell.has_answer[i] != 0 && baseline.has_answer[i] != 0;
          check.items += both || cell.has_kl[i] != 0 ? 1 : 0;
          check.changed_answers +=
              both && (cell.answer_hash[i] != baseline.answer_hash[i] ||
                       cell.ica[i] != baseline.ica[i] || cell.pia[i] != baseline.pia[i]);
          check.changed_kl += cell.has_kl[i] != 0 && cell.sum_kl[i] != 0;
        }
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
        analysis_.contrasts[rows[i]].p_adjusted = adjusted[i];
        analysis_.contrasts[rows[i]].method = screened ? "bh" : "holm";
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
