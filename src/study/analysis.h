// What a study's results say: rates with intervals, contrasts with p-values that count how many
// were tested, checks that must come out null. docs/study.md, "Statistics".
//
// Thread-safety: pure functions and plain values.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "eval/accuracy.h"
#include "stats/proportions.h"
#include "study/contrast.h"
#include "study/results.h"

namespace ebb {

// An arm of an experiment on the items of its filter.
struct Arm {
  size_t experiment = 0;
  int64_t arm = 0;
  std::optional<int64_t> against;  // another arm
  std::vector<size_t> cells;       // in the order of their seeds' numbers
  bool must_agree = false;         // one half of its seeds with the other
  // Asked for, and not yet measured on all items of all cells.
  bool lacks_answers = false;
  bool lacks_kl = false;
  bool kl_not_finite = false;  // measured, and there is no mean to speak of
  // Absent while a cell is not measured on all items.
  // Bootstrap over items and seeds; Wilson for one seed, or where all verdicts are the same.
  std::optional<Estimate> ica;
  std::optional<Estimate> pia;
  std::optional<Estimate> in_format;
  std::array<double, kFailureKinds> failures{};  // shares of answers, by Failure
  std::optional<Estimate> mean_kl;  // in nats a token; sums over tokens, resampled together
  std::optional<Estimate> top1_agreement;
  double median_kl = 0;
  double p99_kl = 0;
};

enum class Measure { kIca, kPia, kKl };
[[nodiscard]] std::string_view MeasureName(Measure measure);

struct ContrastRow {
  size_t experiment = 0;
  std::string kind;  // baseline, layers, codecs, seeds
  std::string first;
  std::string second;
  Measure measure = Measure::kIca;
  size_t first_arm = 0;              // in StudyAnalysis::arms
  std::optional<size_t> second_arm;  // none: the baseline
  PairedContrast contrast;
  std::string method;  // holm or bh
  double p_adjusted = 1;
  int64_t family = 1;     // how many p-values were adjusted together
  double detectable = 0;  // by this contrast alone, at 0.05
  // At 0.05 / family, which is what either correction asks for at most: a larger difference would
  // have shown whatever the others gave.
  double detectable_adjusted = 0;

  bool differs() const { return p_adjusted < 0.05; }
};

// A comparison that must find nothing.
struct NullCheck {
  size_t experiment = 0;
  std::string label;
  int64_t seed = 0;
  int64_t items = 0;
  int64_t changed_answers = 0;  // items whose text or verdict differs from the baseline's
  int64_t changed_kl = 0;       // items whose divergence is not 0
  bool complete = false;        // all that the cell is measured for is measured
  bool changed() const { return changed_answers != 0 || changed_kl != 0; }
  bool ok() const { return complete && !changed(); }
  // "null", "changed" or "not measured yet".
  std::string_view Outcome() const;
};

// All comparisons that must find nothing: null checks, and noise of some seeds against noise of
// others.
struct CheckCounts {
  int64_t null_checks = 0;
  int64_t null_unfinished = 0;  // of these: nothing has changed as far as they are measured
  int64_t changed = 0;          // of these
  int64_t seed_contrasts = 0;
  int64_t seeds_unfinished = 0;  // of these
  int64_t seeds_differ = 0;      // of these, after correction; or there is no mean to compare
  int64_t all() const { return null_checks + seed_contrasts; }
  int64_t unfinished() const { return null_unfinished + seeds_unfinished; }
  int64_t failed() const { return changed + seeds_differ; }
};

struct StudyAnalysis {
  std::vector<Arm> arms;  // of all experiments, in order
  std::vector<ContrastRow> contrasts;
  std::vector<NullCheck> checks;

  CheckCounts CountChecks() const;
};

// Arms that are not measured yet are there without figures, and in no contrast.
[[nodiscard]] Result<StudyAnalysis> AnalyseStudy(const StudyResults& results);

}  // namespace ebb
