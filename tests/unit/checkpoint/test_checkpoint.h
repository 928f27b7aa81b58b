// Small checkpoints for tests, whole or broken in one place.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "arch/tensor_spec.h"
#include "base/json.h"
#include "checkpoint/safetensors_writer.h"
#include "testing/temp_dir.h"

namespace ebb {

inline constexpr std::string_view kSmallDeepseek = R"({
  "architectures": ["DeepseekV3ForCausalLM"], "first_k_dense_replace": 1, "hidden_size": 6,
  "intermediate_size": 5, "kv_lora_rank": 4, "max_position_embeddings": 64,
  "moe_intermediate_size": 3, "n_group": 1, "n_routed_experts": 2, "n_shared_experts": 1,
  "norm_topk_prob": true, "num_attention_heads": 2, "num_experts_per_tok": 1,
  "num_hidden_layers": 2, "qk_nope_head_dim": 3, "qk_rope_head_dim": 2, "rms_norm_eps": 1e-5,
  "rope_theta": 10000, "routed_scaling_factor": 1.0, "topk_group": 1, "v_head_dim": 5,
  "vocab_size": 7})";

inline constexpr std::string_view kSmallMixtral = R"({
  "architectures": ["MixtralForCausalLM"], "hidden_size": 6, "intermediate_size": 4,
  "max_position_embeddings": 64, "num_attention_heads": 3, "num_experts_per_tok": 1,
  "num_hidden_layers": 1, "num_key_value_heads": 1, "num_local_experts": 3, "rms_norm_eps": 1e-5,
  "rope_theta": 10000, "vocab_size": 7})";

// A float32 tensor by its name.
struct TestTensor {
  std::vector<uint64_t> shape;
  std::vector<float> values;
};

class TestCheckpoint {
 public:
  // All tensors of the model, every element with a value of its own.
  explicit TestCheckpoint(std::string_view config) : config_(Json::parse(config)) {
    float next = 1;
    for (const TensorSpec& spec : ListTensors(ParseModelConfig(config_, "test").value())) {
      TestTensor& tensor = tensors[spec.name];
      tensor.shape = spec.shape;
      for (uint64_t i = 0; i < spec.elements(); ++i) tensor.values.push_back(next++);
    }
  }

  std::map<std::string, TestTensor> tensors;

  Json& config() { return config_; }

  void Add(const std::string& name, std::vector<uint64_t> shape) {
    uint64_t elements = 1;
    for (const uint64_t size : shape) elements *= size;
    tensors[name] = {std::move(shape), std::vector<float>(elements, 0.5f)};
  }

  void Rename(const std::string& from, const std::string& to) {
    auto node = tensors.extract(from);
    node.key() = to;
    tensors.insert(std::move(node));
  }

  // Replaces the tensors `names` by one that holds them one after the other.
  void Fuse(const std::vector<std::string>& names, const std::string& to,
            std::vector<uint64_t> shape) {
    TestTensor fused{std::move(shape), {}};
    for (const std::string& name : names) {
      const TestTensor& part = tensors.at(name);
      fused.values.insert(fused.values.end(), part.values.begin(), part.values.end());
      tensors.erase(name);
    }
    tensors[to] = std::move(fused);
  }

  // Writes config.json and the weights, in shards if asked to.
  void Write(const TempDir& dir,
             uint64_t max_shard_bytes = SafetensorsWriter::kDefaultShardBytes) const {
    dir.Write("config.json", config_.dump());
    std::vector<TensorToWrite> list;
    for (const auto& [name, tensor] : tensors) list.push_back({name, DType::kF32, tensor.shape});
    SafetensorsWriter writer = SafetensorsWriter::Create(dir.path(), list, max_shard_bytes).value();
    for (const TensorToWrite& tensor : writer.tensors()) {
      EBB_CHECK(writer.Append(std::as_bytes(std::span(tensors.at(tensor.name).values))));
    }
    EBB_CHECK(writer.Finish());
  }

 private:
  Json config_;
};

}  // namespace ebb
