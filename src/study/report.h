// A study as one page: what was measured, what differs, and what could not have been seen.
//
// Thread-safety: pure functions.
#pragma once

#include <string>

#include "base/error.h"
#include "study/analysis.h"
#include "study/results.h"
#include "study/tables.h"

namespace ebb {

// A complete HTML document (docs/study.md, "Report"). It links to the tables by their names, so
// they should lie beside it.
[[nodiscard]] Result<std::string> RenderReport(const StudyResults& results,
                                               const StudyAnalysis& analysis);

}  // namespace ebb
