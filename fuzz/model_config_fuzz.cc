// Any bytes as config.json: refused with an error, or a model whose sizes cannot overflow.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "arch/model_config.h"
#include "arch/tensor_spec.h"
#include "base/checked.h"
#include "base/json.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace ebb;
  const auto json = ParseJson({reinterpret_cast<const char*>(data), size}, "fuzz");
  if (!json) return 0;
  const auto config = ParseModelConfig(*json, "fuzz");
  if (!config) {
    EBB_CHECK(config.error().message.find('\n') == std::string::npos);
    return 0;
  }
  EBB_CHECK(config->mla.has_value() != config->gqa.has_value());
  EBB_CHECK(config->RotaryDim() % 2 == 0);
  EBB_CHECK(config->moe.experts_per_token <= config->moe.num_experts);
  if (config->num_layers * config->moe.num_experts > 4096) return 0;  // slow, and no different
  uint64_t total = 0;
  for (const TensorSpec& tensor : ListTensors(*config)) {
    EBB_CHECK(!tensor.name.empty() && tensor.elements() > 0);
    const auto elements = CheckedProduct(tensor.shape);
    EBB_CHECK(elements && *elements == tensor.elements());
    const auto sum = CheckedAdd(total, *elements * sizeof(double));
    EBB_CHECK(sum.has_value());
    total = *sum;
  }
  return 0;
}
