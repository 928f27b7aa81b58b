#include "arch/tensor_spec.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "unit/arch/configs.h"

namespace ebb {
namespace {

std::vector<TensorSpec> List(std::string_view text, std::string_view changes = "{}") {
  return ListTensors(ParseModelConfig(Changed(text, changes), "c").value());
}

std::map<std::string, std::vector<uint64_t>> Shapes(const std::vector<TensorSpec>& tensors) {
  std::map<std::string, std::vector<uint64_t>> shapes;
  for (const TensorSpec& tensor : tensors) shapes[tensor.name] = tensor.shape;
  EXPECT_EQ(shapes.size(), tensors.size()) << "a name occurs twice";
  return shapes;
}

using Shape = std::vector<uint64_t>;

TEST(ListTensors, Moonlight) {
  const std::vector<TensorSpec> tensors = List(kMoonlightConfig);
  auto shapes = Shapes(tensors);
  // 7 tensors of attention and norms a layer, the dense MLP, or router, bias, experts and shared.
  EXPECT_EQ(tensors.size(), 3u + 27 * 7 + 3 + 26 * (2 + 3 * 64 + 3));
  EXPECT_EQ(shapes["model.embed_tokens.weight"], (Shape{163840, 2048}));
  EXPECT_EQ(shapes["model.layers.0.self_attn.q_proj.weight"], (Shape{3072, 2048}));
  EXPECT_EQ(shapes["model.layers.0.self_attn.kv_a_proj_with_mqa.weight"], (Shape{576, 2048}));
  EXPECT_EQ(shapes["model.layers.0.self_attn.kv_a_layernorm.weight"], (Shape{512}));
  EXPECT_EQ(shapes["model.layers.0.self_attn.kv_b_proj.weight"], (Shape{4096, 512}));
  EXPECT_EQ(shapes["model.layers.0.self_attn.o_proj.weight"], (Shape{2048, 2048}));
  EXPECT_EQ(shapes["model.layers.0.mlp.down_proj.weight"], (Shape{2048, 11264}));
  EXPECT_EQ(shapes["model.layers.26.mlp.gate.weight"], (Shape{64, 2048}));
  EXPECT_EQ(shapes["model.layers.26.mlp.gate.e_score_correction_bias"], (Shape{64}));
  EXPECT_EQ(shapes["model.layers.26.mlp.experts.63.down_proj.weight"], (Shape{2048, 1408}));
  EXPECT_EQ(shapes["model.layers.26.mlp.shared_experts.up_proj.weight"], (Shape{2816, 2048}));
  EXPECT_EQ(shapes["lm_head.weight"], (Shape{163840, 2048}));

  uint64_t weights = 0, routed = 0;
  for (const TensorSpec& tensor : tensors) {
    weights += tensor.elements();
    if (IsRoutedExpert(tensor.role)) routed += tensor.elements();
  }
  EXPECT_EQ(routed, 26ull * 64 * 8650752);
  EXPECT_EQ(weights,
            15960108544ull + 26 * 64);  // transformers' count of parameters, and the biases
}

TEST(ListTensors, CompressedQueriesNoSharedExpertsTied) {
  auto shapes = Shapes(List(kMoonlightConfig, R"({"q_lora_rank": 96, "n_shared_experts": 0,
                                                  "tie_word_embeddings": true})"));
  EXPECT_EQ(shapes["model.layers.3.self_attn.q_a_proj.weight"], (Shape{96, 2048}));
  EXPECT_EQ(shapes["model.layers.3.self_attn.q_a_layernorm.weight"], (Shape{96}));
  EXPECT_EQ(shapes["model.layers.3.self_attn.q_b_proj.weight"], (Shape{3072, 96}));
  EXPECT_FALSE(shapes.contains("model.layers.3.self_attn.q_proj.weight"));
  EXPECT_FALSE(shapes.contains("model.layers.3.mlp.shared_experts.up_proj.weight"));
  EXPECT_FALSE(shapes.contains("lm_head.weight"));
}

TEST(ListTensors, Mixtral) {
  const std::vector<TensorSpec> tensors = List(kMixtralConfig);
  auto shapes = Shapes(tensors);
  EXPECT_EQ(shapes["model.layers.31.self_attn.k_proj.weight"], (Shape{1024, 4096}));
  EXPECT_EQ(shapes["model.layers.31.block_sparse_moe.gate.weight"], (Shape{8, 4096}));
  EXPECT_EQ(shapes["model.layers.31.block_sparse_moe.experts.7.w1.weight"], (Shape{14336, 4096}));
  EXPECT_EQ(shapes["model.layers.31.block_sparse_moe.experts.7.w2.weight"], (Shape{4096, 14336}));
  uint64_t weights = 0;
  for (const TensorSpec& tensor : tensors) weights += tensor.elements();
  EXPECT_EQ(weights, 46702792704ull);  // transformers' count
}

TEST(ListTensors, ExpertsStandTogetherInTheOrderOfTheirIds) {
  for (const std::string_view text : {kMoonlightConfig, kMixtralConfig}) {
    const std::vector<TensorSpec> tensors = List(text);
    int32_t previous = -1;
    for (size_t i = 0; i < tensors.size(); ++i) {
      EXPECT_EQ(IsRoutedExpert(tensors[i].role), tensors[i].expert.value >= 0);
      if (tensors[i].role != TensorRole::kRoutedExpertGate) continue;
      ASSERT_LT(i + 2, tensors.size());
      EXPECT_EQ(tensors[i + 1].role, TensorRole::kRoutedExpertUp);
      EXPECT_EQ(tensors[i + 2].role, TensorRole::kRoutedExpertDown);
      EXPECT_EQ(tensors[i + 2].expert, tensors[i].expert);
      EXPECT_EQ(tensors[i + 2].layer, tensors[i].layer);
      EXPECT_EQ(tensors[i].expert.value, tensors[i].expert.value == 0 ? 0 : previous + 1);
      previous = tensors[i].expert.value;
    }
  }
}

}  // namespace
}  // namespace ebb
