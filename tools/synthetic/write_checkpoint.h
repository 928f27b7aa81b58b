// A checkpoint with a given config and random weights, written shard by shard: for measuring what
// depends on shapes and not on what a model says.
//
// Weights are bf16: N(0, initializer_range), each row times its own lognormal(0, 0.2) factor, as
// the rows of trained matrices differ in scale. Norms are 1. Routers are random without row
// factors, so that all experts are chosen about equally often, or follow Zipf's law (router.h);
// e_score_correction_bias is float32. Each tensor follows from the seed and its name alone. Memory
// is bounded by some megabytes a thread.
#pragma once

#include <cstdint>
#include <string>

#include "base/error.h"
#include "base/json.h"
#include "base/progress.h"
#include "base/threads.h"

namespace ebb {

struct SyntheticOptions {
  uint64_t seed = 1;
  double zipf_exponent = 0;  // 0: all experts are alike
  ProgressSink progress{};   // in weights
};

struct SyntheticReport {
  uint64_t weights = 0;
  double seconds = 0;
};

// Writes config.json, tokenizer.json and the weights into `folder`, which is made if it is not
// there. The config must be one that Ebb runs.
[[nodiscard]] Result<SyntheticReport> WriteSyntheticCheckpoint(const OrderedJson& config,
                                                               const std::string& folder,
                                                               const SyntheticOptions& options,
                                                               const ThreadPool& threads);

}  // namespace ebb
