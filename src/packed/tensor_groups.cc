#include "packed/tensor_groups.h"

namespace ebb {

std::vector<TensorGroup> GroupTensors(std::span<const TensorSpec> tensors) {
  std::vector<TensorGroup> groups;
  for (size_t i = 0; i < tensors.size(); ++i) {
    const TensorSpec& tensor = tensors[i];
    const bool routed = IsRoutedExpert(tensor.role);
    if (routed && !groups.empty() && groups.back().routed_expert &&
        groups.back().layer == tensor.layer && groups.back().expert == tensor.expert) {
      ++groups.back().tensors;
      continue;
    }
    groups.push_back({i, 1, routed, tensor.layer, tensor.expert});
  }
  return groups;
}

}  // namespace ebb
