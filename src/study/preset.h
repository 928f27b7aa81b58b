// The study file of the paper's experiments for a given model.
#pragma once

#include <string>

#include "base/error.h"
#include "eval/task_items.h"

namespace ebb {

struct PresetOptions {
  std::string study_path;  // where the file will be: its paths are relative to that folder
  std::string model;
  Task task = Task::kArith;
  std::string data;  // the task's items
  std::string math;  // a second data set of MATH for T8 and T9; may be empty
};

// The layer of a model that stands for layer `paper_layer` (1 to 26) of the paper's 26: docs/
// study.md has the formula.
[[nodiscard]] int64_t ScaledLayer(int64_t paper_layer, int64_t first_layer, int64_t layers);

// TOML with comments. Reads the model's experts to find the bounds at which error-bounded codecs
// take as many bytes as quantizers do.
[[nodiscard]] Result<std::string> PaperPreset(const PresetOptions& options);

}  // namespace ebb
