#include "synthetic/write_checkpoint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "base/file.h"
#include "base/float16.h"
#include "checkpoint/checkpoint.h"
#include "synthetic/presets.h"
#include "testing/temp_dir.h"

namespace ebb {
namespace {

using ::testing::Each;
using ::testing::HasSubstr;

// Moonlight in small: every kind of tensor, few of each.
OrderedJson SmallMoonlight() {
  OrderedJson config = PresetConfig("moonlight-16b-a3b", 3).value();
  config["vocab_size"] = 300;
  config["bos_token_id"] = 260;
  config["eos_token_id"] = 261;
  config["hidden_size"] = 128;
  config["num_attention_heads"] = config["num_key_value_heads"] = 2;
  config["kv_lora_rank"] = 32;
  config["qk_nope_head_dim"] = config["v_head_dim"] = 32;
  config["qk_rope_head_dim"] = 16;
  config["intermediate_size"] = 192;
  config["moe_intermediate_size"] = 64;
  config["n_routed_experts"] = 8;
  config["num_experts_per_tok"] = 2;
  return config;
}

std::string FileText(const std::string& path) { return ReadTextFile(path, 1 << 28).value(); }

class SyntheticTest : public ::testing::Test {
 protected:
  std::unique_ptr<WeightSource> Write(const OrderedJson& config, const std::string& name,
                                      const SyntheticOptions& options = {}, int threads = 2) {
    const auto report =
        WriteSyntheticCheckpoint(config, dir_.Path(name), options, ThreadPool(threads));
    EXPECT_TRUE(report.has_value()) << report.error().ToString();
    return OpenCheckpoint(dir_.Path(name)).value();
  }

  static std::vector<float> Values(const WeightSource& source, const std::string& name) {
    for (const TensorSpec& tensor : source.tensors()) {
      if (tensor.name != name) continue;
      const DType dtype = source.DTypeOf(tensor).value();
      std::vector<std::byte> words(tensor.elements() * DTypeBytes(dtype));
      EXPECT_TRUE(source.ReadRows(tensor, 0, tensor.rows(), words));
      std::vector<float> values(tensor.elements());
      WidenToF32(dtype, words.data(), values.size(), values.data());
      return values;
    }
    ADD_FAILURE() << name;
    return {};
  }

  TempDir dir_;
};

TEST_F(SyntheticTest, HasTheLawsThatAreAskedFor) {
  const auto source = Write(SmallMoonlight(), "m");
  EXPECT_THAT(Values(*source, "model.norm.weight"), Each(1.0f));
  const std::string bias = "model.layers.1.mlp.gate.e_score_correction_bias";
  EXPECT_THAT(Values(*source, bias), Each(0.0f));
  for (const TensorSpec& tensor : source->tensors()) {
    EXPECT_EQ(source->DTypeOf(tensor).value(),
              tensor.role == TensorRole::kRouterBias ? DType::kF32 : DType::kBf16);
  }
  // The scale of each row, and over the rows the spread of its logarithm.
  const std::vector<float> up = Values(*source, "model.layers.2.mlp.experts.7.down_proj.weight");
  double sum = 0;
  double squares = 0;
  for (size_t row = 0; row < 128; ++row) {
    double power = 0;
    for (size_t col = 0; col < 64; ++col) power += std::pow(up[row * 64 + col], 2);
    const double log_scale = std::log(std::sqrt(power / 64) / 0.02);
    sum += log_scale;
    squares += log_scale * log_scale;
  }
  const double mean = sum / 128;
  EXPECT_NEAR(mean, 0, 0.08);
  // The rows' own deviation, and that of 64 draws' root mean square, 1 / sqrt(2 x 64).
  EXPECT_NEAR(std::sqrt(squares / 128 - mean * mean), std::hypot(0.2, 0.088), 0.04);
}

TEST_F(SyntheticTest, BytesFollowFromTheSeedAlone) {
  Write(SmallMoonlight(), "a", {.seed = 3}, 1);
  Write(SmallMoonlight(), "b", {.seed = 3}, 4);
  Write(SmallMoonlight(), "c", {.seed = 4}, 4);
  const std::string a = FileText(dir_.Path("a/model.safetensors"));
  EXPECT_TRUE(a == FileText(dir_.Path("b/model.safetensors")));
  EXPECT_FALSE(a == FileText(dir_.Path("c/model.safetensors")));
}

// The first layers of a model are the same whatever comes after them.
TEST_F(SyntheticTest, ATensorDoesNotDependOnTheOthers) {
  OrderedJson fewer = SmallMoonlight();
  fewer["num_hidden_layers"] = 2;
  const auto a = Write(SmallMoonlight(), "a");
  const auto b = Write(fewer, "b");
  for (const TensorSpec& tensor : b->tensors()) {
    EXPECT_EQ(Values(*a, tensor.name), Values(*b, tensor.name)) << tensor.name;
  }
}

TEST_F(SyntheticTest, ZipfRoutersHaveBiasesOrRowFactors) {
  const auto moonlight = Write(SmallMoonlight(), "m", {.zipf_exponent = 1});
  const std::vector<float> first =
      Values(*moonlight, "model.layers.1.mlp.gate.e_score_correction_bias");
  const std::vector<float> second =
      Values(*moonlight, "model.layers.2.mlp.gate.e_score_correction_bias");
  EXPECT_NE(first, second);
  EXPECT_GT(*std::max_element(first.begin(), first.end()), 0.01f);
  OrderedJson mixtral = PresetConfig("mixtral-8x7b", 1).value();
  mixtral["vocab_size"] = 300;
  mixtral["hidden_size"] = 128;
  mixtral["num_attention_heads"] = mixtral["num_key_value_heads"] = 2;
  mixtral["intermediate_size"] = 64;
  const std::string router = "model.layers.0.block_sparse_moe.gate.weight";
  const auto even = Write(mixtral, "even");
  const auto skewed = Write(mixtral, "skewed", {.zipf_exponent = 1});
  EXPECT_NE(Values(*even, router), Values(*skewed, router));
}

TEST_F(SyntheticTest, ImpossibleRequestsAreErrors) {
  EXPECT_EQ(PresetConfig("moonlight-16b-a3b", 28).error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(PresetConfig("gpt-5").error().code, ErrorCode::kInvalidArgument);
  OrderedJson config = SmallMoonlight();
  config["vocab_size"] = 262;
  const auto small = WriteSyntheticCheckpoint(config, dir_.Path("x"), {}, ThreadPool(1));
  ASSERT_TRUE(small.has_value());
  config["vocab_size"] = 257;
  config["bos_token_id"] = 0;
  config["eos_token_id"] = 1;
  const auto smaller = WriteSyntheticCheckpoint(config, dir_.Path("y"), {}, ThreadPool(1));
  ASSERT_FALSE(smaller.has_value());
  EXPECT_THAT(smaller.error().ToString(), HasSubstr("vocab_size"));
  EXPECT_FALSE(FileExists(dir_.Path("y/config.json")));
}

TEST_F(SyntheticTest, PresetsAreModelsThatEbbRuns) {
  const std::pair<const char*, uint64_t> expected[] = {{"moonlight-16b-a3b", 15'960'110'208},
                                                       {"mixtral-8x7b", 46'702'792'704}};
  for (const auto& [name, weights] : expected) {
    const Json json = Json::parse(PresetConfig(name).value().dump());
    uint64_t sum = 0;
    for (const TensorSpec& tensor : ListTensors(ParseModelConfig(json, name).value())) {
      sum += tensor.elements();
    }
    EXPECT_EQ(sum, weights) << name;
  }
}

}  // namespace
}  // namespace ebb
