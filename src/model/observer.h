// What a caller may watch while the model runs: for statistics and studies. Nothing is computed or
// copied for an observer that is not there.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "arch/ids.h"
#include "arch/model_config.h"
#include "kernels/matrix.h"
#include "model/batch.h"
#include "model/router.h"

namespace ebb {

// What the chosen experts of a layer give, before their weights: of choice j of row t the row
// at[t k + j] of `outputs`, k = experts_per_token; -1: none.
struct ExpertOutputs {
  ConstRows outputs;  // [.., hidden]
  std::span<const int32_t> at;
};

// Called from the thread that runs Forward. Views are valid during the call; row t of each belongs
// to rows[t]. A row whose sequence has failed in this or an earlier layer goes on with meaningless
// values, and has experts of -1.
class ForwardObserver {
 public:
  virtual ~ForwardObserver() = default;

  // The residual stream, [rows, hidden]: of layer -1 the embeddings, then after each layer.
  virtual void OnResidual(LayerId, std::span<const BatchRow>, ConstRows) {}

  // The experts that the router of a layer has chosen.
  virtual void OnRouting(LayerId, std::span<const BatchRow>, const Routing&) {}

  // The outputs of those experts, one by one.
  virtual void OnExpertOutputs(LayerId, std::span<const BatchRow>, const Routing&,
                               const ExpertOutputs&) {}

  // What the routed experts of a layer add to the residual stream, [rows, hidden], and beside it
  // what the shared experts add (data is null if the model has none).
  virtual void OnExperts(LayerId, std::span<const BatchRow>, ConstRows /*routed*/,
                         ConstRows /*shared*/) {}
};

// Counts how often each expert is chosen.
class SelectionCounter final : public ForwardObserver {
 public:
  explicit SelectionCounter(const ModelConfig& config);

  // Of all rows so far.
  uint64_t count(ExpertKey key) const { return counts_[Index(key)]; }

  void OnRouting(LayerId layer, std::span<const BatchRow> rows, const Routing& routing) override;

  // What another counter has counted.
  void Add(ExpertKey key, uint64_t selections) { counts_[Index(key)] += selections; }

 private:
  size_t Index(ExpertKey key) const {
    return static_cast<size_t>(key.layer.value * experts_ + key.expert.value);
  }

  int64_t experts_;
  std::vector<uint64_t> counts_;
};

}  // namespace ebb
