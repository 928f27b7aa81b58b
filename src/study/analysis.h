// What a study's results say: rates with intervals, contrasts with p-values that count how many
// were tested, checks that must come out null. docs/study.md, "Statistics".
//
// Thread-safety: pure functions and plain values.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
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
  std::vector<size_t> cells;       // by seed
  // Absent while a cell is not measured on all items.
  std::optional<Estimate> ica;  // Wilson for one seed, bootstrap over items and seeds for several
  std::optional<Estimate> pia;
  std::optional<Estimate> in_format;
  std::array<double, kFailureKinds> failures{};  // shares of answers, by Failure
  std::optional<Estimate> mean_kl;               // in nats a token
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
  PairedContrast contrast;
  std::string method;  // holm or bh
  double p_adjusted = 1;
};

// A comparison that must find nothing.
struct NullCheck {
  size_t experiment = 0;
  std::string label;
  int64_t seed = 0;
  int64_t items = 0;
  int64_t changed_answers = 0;  // items whose text or verdict differs from the baseline's
  int64_t changed_kl = 0;       // items whose divergence is not 0
  bool ok() const { return changed_answers == 0 && changed_kl == 0; }
};

struct StudyAnalysis {
  std::vector<Arm> arms;  // of all experiments, in order
  std::vector<ContrastRow> contrasts;
  std::vector<NullCheck> checks;
};

// Arms that are not measured yet are there without figures, and in no contrast.
[[nodiscard]] Result<StudyAnalysis> AnalyseStudy(const StudyResults& results);

}  // namespace ebb
