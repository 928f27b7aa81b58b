#include "model/observer.h"

namespace ebb {

SelectionCounter::SelectionCounter(const ModelConfig& config)
    : experts_(config.moe.num_experts),
      counts_(static_cast<size_t>(config.num_layers * config.moe.num_experts)) {}

void SelectionCounter::OnRouting(LayerId layer, std::span<const BatchRow>, const Routing& routing) {
  for (const int32_t expert : routing.experts) {
    if (expert >= 0) ++counts_[Index({layer, ExpertId{expert}})];
  }
}

}  // namespace ebb
