// How far a study has come.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "study/sqlite.h"

namespace ebb {

struct ExperimentStatus {
  std::string name;
  int64_t cells = 0;
  int64_t cells_done = 0;
  int64_t items = 0;  // to measure: of divergence and of answers
  int64_t items_done = 0;
};

struct StudyStatus {
  int64_t cells = 0;  // each once, whichever experiments name it
  int64_t cells_done = 0;
  int64_t items = 0;
  int64_t items_done = 0;
  std::vector<ExperimentStatus> experiments;
  int64_t runs = 0;
  int64_t lost_ranks = 0;
  int64_t workers = 0;      // of the last run
  double work_seconds = 0;  // of all workers so far
  // Until the end, with the last run's workers, at the speed so far; absent before any work.
  std::optional<double> seconds_left;
};

[[nodiscard]] Result<StudyStatus> ReadStudyStatus(SqlDatabase& database);

}  // namespace ebb
