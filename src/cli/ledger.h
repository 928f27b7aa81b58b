// What each step of a generation cost.
#pragma once

#include "base/json.h"
#include "base/stopwatch.h"
#include "engine/engine.h"

namespace ebb {

[[nodiscard]] OrderedJson ToJson(const ExpertCounts& counts);

class Ledger {
 public:
  // Counts from now on. The engine must outlive it.
  explicit Ledger(const Engine& engine);

  // A step has ended: a row for it, unless it did nothing.
  void EndStep();

  // An array: seconds, the counts of ToJson, and the bytes that the experts asked for have in bf16.
  const OrderedJson& steps() const { return steps_; }

 private:
  const Engine& engine_;
  ExpertCounts before_;
  Stopwatch watch_;
  OrderedJson steps_ = OrderedJson::array();
};

}  // namespace ebb
