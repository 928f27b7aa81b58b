// The tables of a study as CSV: docs/study.md names them. Each has a header line; numbers have all
// digits that matter, and what is not known is empty.
//
// Thread-safety: pure functions.
#pragma once

#include <string>
#include <vector>

#include "base/error.h"
#include "study/analysis.h"
#include "study/results.h"

namespace ebb {

struct StudyTable {
  std::string name;  // the file's
  std::string csv;
};

[[nodiscard]] Result<std::vector<StudyTable>> MakeStudyTables(const StudyResults& results,
                                                              const StudyAnalysis& analysis);

// Writes them into a folder, which is made if it is not there.
[[nodiscard]] Status WriteStudyTables(const std::vector<StudyTable>& tables,
                                      const std::string& folder);

}  // namespace ebb
