// Does units of a study with an engine of its own.
//
// What it finds depends on the unit, the model and the data, not on what it did before. Not
// thread-safe.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/threads.h"
#include "engine/engine.h"
#include "eval/injection.h"
#include "study/inputs.h"
#include "study/kl_meter.h"
#include "study/wire.h"

namespace ebb {

// Items of a block of the router's statistics.
inline constexpr int64_t kRouterBlockItems = 32;

struct WorkerOptions {
  int threads = 1;
  std::optional<uint64_t> memory_cap_bytes;      // of all that it holds
  uint64_t reserved_bytes = 0;                   // of those for what is not the engine's
  uint64_t reference_bytes = uint64_t{1} << 30;  // of logits of the unperturbed model
};

class StudyWorker {
 public:
  using RowSink = std::function<Status(std::vector<ResultRow>)>;

  // `inputs` must outlive it.
  [[nodiscard]] static Result<std::unique_ptr<StudyWorker>> Open(const StudyInputs& inputs,
                                                                 const WorkerOptions& options);

  // Gives rows to `sink` as items are finished; an error of it ends the unit. Errors name the cell.
  // A unit may come from elsewhere: one of data, items or experts that there are not is kCorrupt.
  [[nodiscard]] Status Run(const Unit& unit, const RowSink& sink);

 private:
  StudyWorker(const StudyInputs& inputs, const WorkerOptions& options);

  Status CountRouter(const Unit& unit, const RowSink& sink);
  Status MeasureKl(const Unit& unit, const RowSink& sink);
  Status MeasureAnswers(const Unit& unit, const RowSink& sink);
  // Makes the cell's experts, unless they are those of the unit before.
  Status PrepareCell(const Unit& unit, const RowSink& sink);

  const StudyInputs& inputs_;
  const WorkerOptions options_;
  ThreadPool pool_;
  std::unique_ptr<Engine> engine_;
  std::optional<KlMeter> kl_;
  std::optional<int64_t> prepared_cell_;
  InjectedExperts prepared_;
};

}  // namespace ebb
