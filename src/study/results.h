// A study's database read for analysis: verdicts and divergences of every cell, item by item.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"
#include "eval/accuracy.h"
#include "study/sqlite.h"
#include "study/study_file.h"

namespace ebb {

// What a cell's model did inside one layer, by item of those that divergence is measured on. Sums
// over an item's scored positions; NaN: not finite, or the layer has no router.
struct InsideItems {
  int64_t layer = 0;
  std::vector<uint8_t> has;
  std::vector<double> tokens;
  std::vector<double> drift;
  std::vector<double> flips;
  std::vector<double> carried;
};

// What a cell gave, by item; where it was not measured, `has_..` is 0.
struct CellResults {
  int64_t cell_id = 0;
  int64_t data = 0;
  bool baseline = false;
  std::string label;
  std::string codec;
  std::string bound;
  std::optional<double> rate;
  std::string layers;
  std::string experts;
  int64_t seed = 0;
  // What it is measured for, by some experiment.
  bool measures_accuracy = false;
  bool measures_kl = false;
  bool measures_inside = false;
  // Over all specifications: bits a weight of what was coded, error over the mean magnitude.
  std::optional<double> bits_per_weight;
  std::optional<int64_t> coded_bytes;
  std::optional<double> rmse_over_mean_abs;
  std::optional<double> max_error_over_bound;

  std::vector<uint8_t> has_answer;
  std::vector<uint8_t> ica;
  std::vector<uint8_t> pia;
  std::vector<uint8_t> in_format;
  std::vector<Failure> failure;
  std::vector<uint64_t> answer_hash;  // of text, tokens and stop reason

  std::vector<uint8_t> has_kl;
  std::vector<double> tokens;  // scored
  std::vector<double> sum_kl;  // NaN: not finite
  std::vector<double> agreements;
  std::vector<double> sum_nll;
  std::vector<std::vector<float>> token_kl;
  std::vector<InsideItems> inside;  // rising

  // Its fields (codec, bound, layers, ..) say all of it; of several specifications they are those
  // of the first.
  bool has_one_spec() const { return label.find(" | ") == std::string::npos; }
};

struct ExperimentMember {
  size_t cell = 0;  // index in StudyResults::cells
  int64_t arm = 0;
  std::optional<int64_t> against;  // another arm
};

struct ExperimentResults {
  std::string name;
  std::string about;
  int64_t data = 0;
  Contrast compare = Contrast::kBaseline;
  std::string where;           // its filter; empty: none
  std::vector<int64_t> items;  // that the filter accepts, rising
  std::vector<ExperimentMember> members;
};

struct DataResults {
  std::string name;
  std::string task;
  int64_t items = 0;
  int64_t kl_items = 0;
  std::vector<std::string> ids;
};

struct RouterLayer {
  int64_t data = 0;
  int64_t layer = 0;
  std::vector<int64_t> counts;  // by expert
};

// Of one layer, over items and cells.
struct InsideTotals {
  int64_t items = 0;  // of all cells together
  double tokens = 0;
  double drift = 0;  // sums; NaN if one of them is, for the rest would look too mild
  double flips = 0;
  double carried = 0;
};

// Adds a cell's layers, on those of `items` that are measured.
void AddInsideTotals(const CellResults& cell, std::span<const int64_t> items,
                     std::map<int64_t, InsideTotals>* totals);

struct StudyResults {
  std::map<std::string, std::string> facts;  // the table "study"
  std::vector<DataResults> data;
  std::vector<CellResults> cells;
  std::vector<size_t> baselines;  // by data set
  std::vector<ExperimentResults> experiments;
  std::vector<RouterLayer> router;
};

// As it stands at one moment, even while `run` writes. Rows that contradict each other are
// kCorrupt, and named: what this returns can be used without further checks.
[[nodiscard]] Result<StudyResults> ReadStudyResults(SqlDatabase& database);

}  // namespace ebb
