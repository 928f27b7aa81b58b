// A bound for every layer or expert, so that a model diverges least at a given size: docs/plan.md.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "pack/bound_plan.h"
#include "study/results.h"
#include "study/sensitivity.h"
#include "study/size_curve.h"

namespace ebb {

// The cells of a data set that say how sensitive layers and experts are. Cells that were not
// measured on all items are left out, and so are those whose divergence nobody asked
// for. kInvalidArgument if there are none; with an empty `data` the only data set that has some is
// taken, and several are an error that lists them.
struct SensitivityCells {
  std::string data;
  std::vector<DivergencePoint> points;
  int64_t unfinished = 0;  // cells left out
};
[[nodiscard]] Result<SensitivityCells> FindSensitivityCells(const StudyResults& study,
                                                            const ModelConfig& config,
                                                            const std::string& data);

struct PlannedTarget {
  FittedTarget fit;
  double rate = 0;  // of its bound
};

struct MadePlan {
  BoundPlan bounds;
  DivergenceFit fit;
  std::vector<PlannedTarget> targets;
  uint64_t size_bytes = 0;     // of all routed experts
  bool size_is_exact = false;  // encoded, not predicted
  double bits_per_weight = 0;
  double predicted_kl = 0;
  double uniform_rate = 0;  // the one rate that takes as many bytes
  double uniform_predicted_kl = 0;
};

// At most `budget_bytes` for the routed experts; kOutOfMemory if the coarsest bounds that were
// measured take more, in a line that says the least.
[[nodiscard]] Result<MadePlan> MakePlan(const DivergenceFit& fit, const ExpertSizes& sizes,
                                        uint64_t budget_bytes, const ThreadPool& pool,
                                        const ProgressSink& progress = {});

// As `ebb compress --plan` reads it.
[[nodiscard]] OrderedJson PlanToJson(const BoundPlan& plan);

}  // namespace ebb
