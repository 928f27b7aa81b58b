#include "model/resident_experts.h"

#include <new>

namespace ebb {

Result<ResidentExperts> ResidentExperts::Load(const WeightSource& source, const ThreadPool* pool,
                                              const ProgressSink& progress) {
  ResidentExperts loaded;
  Progress state;
  EBB_TRY_ASSIGN(state.total, ResidentBytes(source));
  try {
    for (const TensorSpec& tensor : source.tensors()) {
      if (!IsRoutedExpert(tensor.role)) continue;
      EBB_TRY_ASSIGN(OwnedMatrix matrix, ReadMatrix(source, tensor, pool));
      state.done += matrix.size_bytes();
      Expert& expert = loaded.experts_[{tensor.layer, tensor.expert}];
      OwnedMatrix& to = tensor.role == TensorRole::kRoutedExpertGate ? expert.gate
                        : tensor.role == TensorRole::kRoutedExpertUp ? expert.up
                                                                     : expert.down;
      to = std::move(matrix);
      if (progress) progress(state);
    }
  } catch (const std::bad_alloc&) {
    return MakeError(ErrorCode::kOutOfMemory, "experts",
                     "the system has no memory left for all experts; --memory caps what they take");
  }
  return loaded;
}

Result<uint64_t> ResidentExperts::ResidentBytes(const WeightSource& source) {
  uint64_t bytes = 0;
  for (const TensorSpec& tensor : source.tensors()) {
    if (!IsRoutedExpert(tensor.role)) continue;
    EBB_TRY_ASSIGN(const DType dtype, source.DTypeOf(tensor));
    bytes += tensor.elements() * DTypeBytes(dtype);
  }
  return bytes;
}

ExpertMatrices ResidentExperts::Matrices(ExpertKey key) const {
  const Expert& expert = experts_.at(key);
  return {expert.gate.view(), expert.up.view(), expert.down.view()};
}

void ResidentExperts::Begin(LayerId layer, std::span<const ExpertDemand> demands) {
  grants_.clear();
  for (const ExpertDemand& demand : demands) {
    grants_.push_back({demand.expert, Matrices({layer, demand.expert})});
  }
}

}  // namespace ebb
