// From experiments to cells: every combination once, whichever experiments name it.
//
// Thread-safety: pure functions and plain values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "arch/model_config.h"
#include "base/error.h"
#include "eval/injection_spec.h"
#include "study/study_file.h"

namespace ebb {

// One perturbed model on one data set.
struct Cell {
  std::string key;                   // data set and specifications: what makes it this cell
  size_t data = 0;                   // index of its data set
  std::vector<InjectionSpec> specs;  // none: the baseline
  // For tables: of the first specification.
  std::string codec;
  std::string bound;
  std::optional<double> rate;  // of a relative bound
  std::string layers;
  std::string experts;
  uint64_t seed = 0;
  bool kl = false;
  bool inside = false;
  bool accuracy = false;

  bool baseline() const { return specs.empty(); }
  // What people call it: its specifications without the seed.
  std::string Label() const;
};

// A cell's place in an experiment: cells of one arm differ by seed only.
struct CellOfExperiment {
  size_t cell = 0;
  int64_t arm = 0;
  std::optional<int64_t> against;  // the arm that it is compared with where codecs are
};

struct StudyCells {
  std::vector<Cell> cells;  // the baselines first, one a data set, in the order of data sets
  std::vector<std::vector<CellOfExperiment>> experiments;
};

// Whether another seed makes another cell of it.
[[nodiscard]] bool DrawsRandomNumbers(const InjectionSpec& spec);

// A specification that is mistaken, or that does not fit the model, is named by the line and the
// field of the part at fault.
[[nodiscard]] Result<StudyCells> ExpandCells(const StudyFile& study, const ModelConfig& config);

}  // namespace ebb
