// The divergence of cells from the unperturbed model, item by item, and what happens inside. What
// the unperturbed model says is computed once for an item and kept while memory lasts, however many
// cells are compared with it; an item that does not fit is computed again for every cell. Residual
// streams are not kept, so that looking inside takes a second run of it.
//
// An item's figures depend on the cell and the item alone. Not thread-safe.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "base/error.h"
#include "engine/engine.h"
#include "eval/injection.h"
#include "eval/inside.h"
#include "eval/likelihood.h"
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
  std::optional<InsideItem> inside;

  void Add(const TokenScore& score);
};

class KlMeter {
 public:
  using Sink = std::function<Status(std::vector<ItemDivergence>)>;

  // `engine` and `inputs` must outlive it; at most `reference_bytes` of logits are kept. The engine
  // must have room for two batches.
  KlMeter(Engine& engine, const StudyInputs& inputs, uint64_t reference_bytes);

  // What the reference's logits of an item, and of all items of a data set, would take.
  [[nodiscard]] static uint64_t ReferenceBytes(const ScoredText& text, const ModelConfig& config);
  [[nodiscard]] static uint64_t ReferenceBytes(const StudyInputs& inputs, size_t data);

  // What it holds besides, at most: logits of a pass of both models, and if a cell looks inside the
  // residual streams of a pass.
  [[nodiscard]] static uint64_t PassBytes(const StudyInputs& inputs);

  uint64_t held_bytes() const { return held_bytes_; }          // of the reference's logits
  uint64_t reference_runs() const { return reference_runs_; }  // items that went through it

  // Gives each group of items to `sink` as it is finished; an error of it ends the measurement.
  // Leaves the engine with its own weights.
  [[nodiscard]] Status Run(size_t data, std::span<const int64_t> items, const InjectedExperts& cell,
                           bool inside, const Sink& sink);

 private:
  struct Group;
  using LogitsOfItem = std::vector<float>;  // [scored tokens, vocab]

  Status RunGroup(Group* group, bool reads_reference, const InjectedExperts& cell, bool inside);
  // Makes place for the logits of a group's items, at the cost of items that are not `in_use`; true
  // if some of them are not there yet. Those that find no place are not kept.
  bool Reserve(const Group& group, std::span<const int64_t> in_use);
  void Forget(size_t data, std::span<const int64_t> except);
  // Null if it has no place.
  float* ReferenceRow(const Group& group, size_t text, size_t token);

  Engine& engine_;
  const StudyInputs& inputs_;
  const uint64_t budget_bytes_;
  std::map<std::pair<size_t, int64_t>, LogitsOfItem> references_;  // by data set and item
  uint64_t held_bytes_ = 0;
  uint64_t reference_runs_ = 0;
  std::vector<float> p_;
  std::vector<float> q_;
};

}  // namespace ebb
