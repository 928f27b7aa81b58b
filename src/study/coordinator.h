// Runs a study: rank 0 hands units out to its own workers and to those of other ranks, and writes
// what comes back.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/progress.h"
#include "study/inputs.h"
#include "study/transport.h"
#include "study/worker_pool.h"

namespace ebb {

struct StudyRunOptions {
  int threads = 0;  // of this rank; 0: all processors
  std::optional<uint64_t> memory_cap_bytes;
  ProgressSink progress;                           // in items
  std::function<void(const std::string&)> notice;  // a line for the user, as of a lost rank
  double silence_seconds = 60;                     // after which a rank counts as dead
};

struct StudyRunSummary {
  uint64_t items_total = 0;
  uint64_t items_measured = 0;  // by this run
  int ranks = 1;
  int workers = 0;
  std::vector<int> lost_ranks;
  double seconds = 0;
};

// Rank 0. `transport` is null for a single process. Returns when all cells are done; a lost rank's
// work is done by the others. What fails on a rank fails the run, but not what has been written.
[[nodiscard]] Result<StudyRunSummary> RunStudy(const StudyInputs& inputs, Transport* transport,
                                               const StudyRunOptions& options);

// The other ranks: works for rank 0 until it says that all is done, or is gone. True if ranks have
// been lost on the way: then the transport must be closed without waiting for anyone, as after an
// error. What fails here is reported to rank 0 first.
[[nodiscard]] Result<bool> ServeStudy(const StudyInputs& inputs, Transport& transport,
                                      const StudyRunOptions& options);

// What stands between the ranks before there are inputs: tells rank 0 that this rank cannot work,
// and waits until rank 0 has heard it, is gone, or `silence_seconds` thirty times over have passed.
void ReportUselessRank(Transport& transport, const Error& error, double silence_seconds);

// Of rank 0 where it has no inputs: tells the others to stop.
void DismissRanks(Transport& transport);

}  // namespace ebb
