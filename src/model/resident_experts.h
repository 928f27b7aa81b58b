// All routed experts of a model in memory, as their source stores them.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "arch/weight_source.h"
#include "base/progress.h"
#include "model/expert_provider.h"
#include "model/owned_matrix.h"

namespace ebb {

class ResidentExperts final : public ExpertProvider {
 public:
  // Reads with the threads of `pool`, or with one when it is null.
  [[nodiscard]] static Result<ResidentExperts> Load(const WeightSource& source,
                                                    const ThreadPool* pool,
                                                    const ProgressSink& progress = {});

  // What Load will hold in memory.
  [[nodiscard]] static Result<uint64_t> ResidentBytes(const WeightSource& source);

  // The matrices of one expert, for as long as this lives.
  [[nodiscard]] ExpertMatrices Matrices(ExpertKey key) const;

  void Begin(LayerId layer, std::span<const ExpertDemand> demands) override;
  [[nodiscard]] std::span<const ExpertGrant> Next() override { return grants_; }
  void Release(ExpertId) override {}

 private:
  struct Expert {
    OwnedMatrix gate;
    OwnedMatrix up;
    OwnedMatrix down;
  };

  std::map<ExpertKey, Expert> experts_;
  std::vector<ExpertGrant> grants_;
};

}  // namespace ebb
