#include "engine/expert_overrides.h"

namespace ebb {

void ExpertOverrides::Begin(LayerId layer, std::span<const ExpertDemand> demands) {
  layer_ = layer;
  own_.clear();
  rest_.clear();
  for (const ExpertDemand& demand : demands) {
    const auto found = weights_.find({layer, demand.expert});
    if (found == weights_.end()) {
      rest_.push_back(demand);
      continue;
    }
    const auto matrix = [](const std::vector<float>& weights, int64_t rows, int64_t cols) {
      WeightMatrix view;
      view.rows = rows;
      view.cols = cols;
      view.data = weights.data();
      return view;
    };
    const int64_t hidden = config_.hidden_size;
    const int64_t intermediate = config_.moe.intermediate_size;
    const ExpertWeights& w = *found->second;
    own_.push_back({demand.expert, ExpertMatrices{matrix(w.gate, intermediate, hidden),
                                                  matrix(w.up, intermediate, hidden),
                                                  matrix(w.down, hidden, intermediate)}});
  }
  own_given_ = own_.empty();
  next_.Begin(layer, rest_);
}

std::span<const ExpertGrant> ExpertOverrides::Next() {
  if (own_given_) return next_.Next();
  own_given_ = true;
  return own_;
}

void ExpertOverrides::Release(ExpertId expert) {
  if (!weights_.contains({layer_, expert})) next_.Release(expert);
}

}  // namespace ebb
