// Experts whose weights were replaced in memory: what studies of error change.
#pragma once

#include <map>
#include <memory>
#include <vector>

#include "arch/model_config.h"
#include "model/expert_provider.h"

namespace ebb {

// The weights of one expert as float32. gate, up: [intermediate, hidden]; down: [hidden,
// intermediate].
struct ExpertWeights {
  std::vector<float> gate;
  std::vector<float> up;
  std::vector<float> down;
};

// Stands before another provider and answers for the experts that it holds itself.
class ExpertOverrides final : public ExpertProvider {
 public:
  ExpertOverrides(const ModelConfig& config, ExpertProvider& next) : config_(config), next_(next) {}

  // Between forward passes only. Sizes must fit the model.
  void Set(ExpertKey key, std::shared_ptr<const ExpertWeights> weights) {
    weights_[key] = std::move(weights);
  }
  void Clear(ExpertKey key) { weights_.erase(key); }
  void ClearAll() { weights_.clear(); }
  bool empty() const { return weights_.empty(); }

  void Begin(LayerId layer, std::span<const ExpertDemand> demands) override;
  [[nodiscard]] std::span<const ExpertGrant> Next() override;
  void Release(ExpertId expert) override;

 private:
  const ModelConfig& config_;
  ExpertProvider& next_;
  std::map<ExpertKey, std::shared_ptr<const ExpertWeights>> weights_;
  LayerId layer_;
  std::vector<ExpertGrant> own_;
  std::vector<ExpertDemand> rest_;
  bool own_given_ = false;
};

}  // namespace ebb
