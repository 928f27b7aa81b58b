// The divergence of cells from the unperturbed model, item by item. What the unperturbed model says
// is computed once for an item and kept while memory lasts, however many cells are compared with
// it.
//
// An item's figures depend on the cell and the item alone. Not thread-safe.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <utility>
#include <vector>

#include "base/error.h"
#include "engine/engine.h"
#include "eval/injection.h"
#include "study/inputs.h"

namespace ebb {

// One item's share.
struct ItemDivergence {
  int64_t item = 0;
  int64_t tokens = 0;
  double sum_kl = 0;
  double max_kl = 0;
  int64_t agreements = 0;
  double sum_nll = 0;
  std::vector<float> token_kl;
};

class KlMeter {
 public:
  // `engine` and `inputs` must outlive it; at most `reference_bytes` of logits are kept.
  KlMeter(Engine& engine, const StudyInputs& inputs, uint64_t reference_bytes)
      : engine_(engine), inputs_(inputs), budget_bytes_(reference_bytes) {}

  // What the reference's logits of all items of a data set would take.
  [[nodiscard]] static uint64_t ReferenceBytes(const StudyInputs& inputs, size_t data);

  // Gives each group of items to `sink` as it is finished; an error of it ends the measurement.
  // Leaves the engine with its own weights.
  [[nodiscard]] Status Run(size_t data, std::span<const int64_t> items,
                           const InjectedExperts& cell,
                           const std::function<Status(std::vector<ItemDivergence>)>& sink);

 private:
  using LogitsOfItem = std::vector<float>;  // [scored tokens, vocab]

  Status ReadReference(const StudyData& data, size_t data_index, std::span<const int64_t> items);
  void MakeRoom(uint64_t bytes);
  // Runs the items' texts through the engine as it is; `sink` gets the logits after each token
  // that predicts a scored one.
  Status Read(const StudyData& data, std::span<const int64_t> items,
              const std::function<void(size_t which, size_t scored, std::span<const float>)>& sink);

  Engine& engine_;
  const StudyInputs& inputs_;
  const uint64_t budget_bytes_;
  std::map<std::pair<size_t, int64_t>, LogitsOfItem> references_;  // by data set and item
  uint64_t held_bytes_ = 0;
};

}  // namespace ebb
