// The workers of one process, each with a thread and an engine of its own. They take messages with
// work and leave messages with results.
//
// Give and Take may be called from one thread at a time, which need not be always the same.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/error.h"
#include "study/inputs.h"
#include "study/worker.h"

namespace ebb {

struct WorkerPoolOptions {
  int threads = 0;                           // of all workers; 0: all processors
  std::optional<uint64_t> memory_cap_bytes;  // of all workers, perturbed experts and all
};

class WorkerPool {
 public:
  // Opens one worker a thread for a small model, one for all threads otherwise: many small engines
  // waste less than many threads in small matrices. `inputs` must outlive it.
  [[nodiscard]] static Result<std::unique_ptr<WorkerPool>> Open(const StudyInputs& inputs,
                                                                const WorkerPoolOptions& options);
  // Ends units that are being worked on at their next finished item.
  ~WorkerPool();

  int size() const;

  // What each worker keeps of the unperturbed model's logits.
  uint64_t reference_bytes() const;

  // Queues a unit for a worker. A worker that there is not is kCorrupt.
  [[nodiscard]] Status Give(int64_t worker, Unit unit);
  // A message from a worker, its number filled in: kRows, kDone or kFailed.
  [[nodiscard]] std::optional<Message> Take();
  // Sleeps until a message is there, at most `milliseconds`.
  void Wait(int milliseconds);

 private:
  struct State;
  explicit WorkerPool(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace ebb
