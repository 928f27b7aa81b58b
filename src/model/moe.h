// The mixture-of-experts block of one layer: router, routed experts, shared experts.
//
// Rows are grouped by expert: each expert that any row needs is fetched once and multiplied with
// all rows that want it. Every expert's output is kept until all are there, and then summed for
// each row in rising expert number, so that the order in which experts arrive does not show.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/trace.h"
#include "model/batch.h"
#include "model/buffers.h"
#include "model/expert_provider.h"
#include "model/observer.h"
#include "model/router.h"
#include "model/weights.h"

namespace ebb {

// Not thread-safe (it keeps lists that it fills for every layer).
class MoeBlock {
 public:
  // `config` and `buffers` must outlive it.
  MoeBlock(const ModelConfig& config, const Backend& backend, const Buffers& buffers);

  void set_trace(Trace* trace) { trace_ = trace; }

  // What it holds beside the buffers.
  [[nodiscard]] static uint64_t ListBytes(const ModelConfig& config, int64_t max_rows);

  // y = moe(x) for the rows of `step`. A sequence that needs an expert which cannot be had fails;
  // rows of failed sequences get no experts. `observer` may be null.
  void Run(LayerId layer, const LayerWeights& weights, Step& step, ConstRows x, Rows y,
           ExpertProvider& experts, ForwardObserver* observer);

 private:
  // Which of the sorted (row, choice) pairs an expert has.
  struct PairRange {
    int64_t first = 0;
    int64_t count = 0;
  };

  void Choose(const LayerWeights& weights, const Step& step, ConstRows x);
  void SortPairsByExpert();
  void RunExperts(LayerId layer, ConstRows x, Step& step, ExpertProvider& experts);
  void RunGroup(LayerId layer, std::span<const ExpertGrant> group, ConstRows x, Step& step);
  void AddGateAndUp(const ExpertGrant& grant, ConstRows x, int64_t at);
  void FailExpert(LayerId layer, ExpertId expert, const Error& cause, Step& step);

  int64_t PairCount(const ExpertGrant& grant) const;

  const ModelConfig& config_;
  const MoeConfig& moe_;
  const Backend& backend_;
  const Buffers& buffers_;
  Router router_;
  Trace* trace_ = nullptr;

  // Of the pairs in the order of the rows: pair t k + j is choice j of row t.
  std::vector<int32_t> chosen_;  // its expert, -1: none
  std::vector<float> weights_;
  std::vector<int32_t>
      sorted_at_;      // where it stands in the sorted order, -1: its output is missing
  int64_t pairs_ = 0;  // of this step

  // Of the pairs sorted by expert, then row.
  std::vector<int32_t> pair_rows_;
  std::vector<int32_t> pair_numbers_;

  std::vector<PairRange> ranges_;  // of each expert
  std::vector<ExpertDemand> demands_;
  std::vector<MatProduct> products_;
};

}  // namespace ebb
