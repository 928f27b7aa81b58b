#include "arch/model_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "unit/arch/configs.h"

namespace ebb {
namespace {

using ::testing::ElementsAre;

Result<ModelConfig> Parse(std::string_view text, std::string_view changes = "{}") {
  return ParseModelConfig(Changed(text, changes), "c");
}

TEST(ModelConfig, Moonlight) {
  const ModelConfig config = Parse(kMoonlightConfig).value();
  EXPECT_EQ(config.architecture, Architecture::kDeepseekV3);
  EXPECT_EQ(ArchitectureName(config.architecture), "DeepseekV3ForCausalLM");
  EXPECT_EQ(config.vocab_size, 163840);
  EXPECT_EQ(config.hidden_size, 2048);
  EXPECT_EQ(config.num_layers, 27);
  EXPECT_EQ(config.num_mtp_layers, 1);
  EXPECT_EQ(config.num_heads, 16);
  EXPECT_EQ(config.dense_intermediate_size, 11264);
  EXPECT_EQ(config.rms_norm_eps, 1e-5);
  EXPECT_EQ(config.max_positions, 8192);
  EXPECT_FALSE(config.tied_embeddings);
  EXPECT_EQ(config.rope.theta, 50000);
  EXPECT_FALSE(config.rope.yarn.has_value());
  EXPECT_TRUE(config.rope.interleaved);
  ASSERT_TRUE(config.mla.has_value());
  EXPECT_FALSE(config.gqa.has_value());
  EXPECT_EQ(config.mla->q_lora_rank, 0);
  EXPECT_EQ(config.mla->kv_lora_rank, 512);
  EXPECT_EQ(config.mla->qk_head_dim(), 192);
  EXPECT_EQ(config.mla->v_head_dim, 128);
  EXPECT_EQ(config.mla->latent_norm_eps, 1e-6);
  EXPECT_EQ(config.RotaryDim(), 64);
  EXPECT_EQ(config.moe.num_experts, 64);
  EXPECT_EQ(config.moe.experts_per_token, 6);
  EXPECT_EQ(config.moe.intermediate_size, 1408);
  EXPECT_EQ(config.moe.shared_intermediate_size, 2816);
  EXPECT_EQ(config.moe.first_dense_layers, 1);
  EXPECT_EQ(config.moe.scoring, RouterScoring::kSigmoidNoAuxTc);
  EXPECT_TRUE(config.moe.normalise_top_k);
  EXPECT_EQ(config.moe.routed_scaling_factor, 2.446);
  EXPECT_EQ(config.bos_token, 163584);
  EXPECT_THAT(config.eos_tokens, ElementsAre(163586));
  EXPECT_FALSE(config.IsMoeLayer(LayerId{0}));
  EXPECT_TRUE(config.IsMoeLayer(LayerId{1}));
}

TEST(ModelConfig, Mixtral) {
  const ModelConfig config = Parse(kMixtralConfig).value();
  EXPECT_EQ(config.architecture, Architecture::kMixtral);
  ASSERT_TRUE(config.gqa.has_value());
  EXPECT_FALSE(config.mla.has_value());
  EXPECT_EQ(config.gqa->num_kv_heads, 8);
  EXPECT_EQ(config.gqa->head_dim, 128);
  EXPECT_EQ(config.gqa->sliding_window, 0);
  EXPECT_EQ(config.rope.theta, 1e6);
  EXPECT_FALSE(config.rope.interleaved);
  EXPECT_EQ(config.dense_intermediate_size, 0);
  EXPECT_EQ(config.moe.first_dense_layers, 0);
  EXPECT_EQ(config.moe.intermediate_size, 14336);
  EXPECT_EQ(config.moe.shared_intermediate_size, 0);
  EXPECT_EQ(config.moe.scoring, RouterScoring::kSoftmaxThenTopK);
  EXPECT_TRUE(config.IsMoeLayer(LayerId{0}));
}

TEST(ModelConfig, VariantsThatAreHonoured) {
  EXPECT_EQ(Parse(kMoonlightConfig, R"({"q_lora_rank": 1536})")->mla->q_lora_rank, 1536);
  EXPECT_EQ(Parse(kMoonlightConfig, R"({"q_lora_rank": "remove"})")->mla->q_lora_rank, 0);
  for (const char* none : {"0", "null", "\"remove\""}) {
    const std::string changes = fmt::format(R"({{"n_shared_experts": {}}})", none);
    EXPECT_EQ(Parse(kMoonlightConfig, changes)->moe.shared_intermediate_size, 0);
  }
  EXPECT_EQ(Parse(kMoonlightConfig, R"({"first_k_dense_replace": 0})")->dense_intermediate_size, 0);
  EXPECT_FALSE(Parse(kMoonlightConfig, R"({"rope_interleave": false})")->rope.interleaved);
  EXPECT_FALSE(Parse(kMoonlightConfig, R"({"norm_topk_prob": false})")->moe.normalise_top_k);
  EXPECT_TRUE(Parse(kMoonlightConfig, R"({"tie_word_embeddings": true})")->tied_embeddings);
  EXPECT_EQ(Parse(kMoonlightConfig, R"({"n_group": 8, "topk_group": 4})")->moe.groups_per_token, 4);
  EXPECT_EQ(Parse(kMoonlightConfig, R"({"routed_scaling_factor": 1})")->moe.routed_scaling_factor,
            1);
  EXPECT_EQ(Parse(kMixtralConfig, R"({"sliding_window": 4096})")->gqa->sliding_window, 4096);
  EXPECT_EQ(Parse(kMixtralConfig, R"({"head_dim": 96})")->gqa->head_dim, 96);
  EXPECT_EQ(Parse(kMixtralConfig, R"({"head_dim": null})")->gqa->head_dim, 128);
  EXPECT_EQ(Parse(kMixtralConfig, R"({"num_key_value_heads": 1})")->gqa->num_kv_heads, 1);
}

TEST(ModelConfig, TokenIds) {
  EXPECT_THAT(Parse(kMixtralConfig, R"({"eos_token_id": [2, 7]})")->eos_tokens, ElementsAre(2, 7));
  EXPECT_TRUE(Parse(kMixtralConfig, R"({"eos_token_id": null})")->eos_tokens.empty());
  // A small model cut out of a large one keeps ids that it cannot generate.
  EXPECT_TRUE(Parse(kMoonlightConfig, R"({"vocab_size": 100})")->eos_tokens.empty());
  EXPECT_FALSE(Parse(kMoonlightConfig, R"({"bos_token_id": -1})")->bos_token.has_value());
}

TEST(ModelConfig, BothSpellingsOfYarn) {
  const std::string settings =
      R"("factor": 40, "original_max_position_embeddings": 4096, "beta_fast": 16, "beta_slow": 2,
         "mscale": 1.0, "mscale_all_dim": 0.5, "attention_factor": 1.5, "truncate": false)";
  const std::vector<std::string> spellings = {
      R"({"rope_scaling": {"type": "yarn", )" + settings + "}}",
      R"({"rope_scaling": {"rope_type": "yarn", "type": "yarn", )" + settings + "}}",
      R"({"rope_scaling": "remove", "rope_theta": "remove",
          "rope_parameters": {"rope_type": "yarn", "rope_theta": 50000, )" +
          settings + "}}"};
  for (const std::string& spelling : spellings) {
    const ModelConfig config = Parse(kMoonlightConfig, spelling).value();
    EXPECT_EQ(config.rope.theta, 50000);
    ASSERT_TRUE(config.rope.yarn.has_value());
    EXPECT_EQ(config.rope.yarn->factor, 40);
    EXPECT_EQ(config.rope.yarn->original_max_positions, 4096);
    EXPECT_EQ(config.rope.yarn->beta_fast, 16);
    EXPECT_EQ(config.rope.yarn->beta_slow, 2);
    EXPECT_EQ(config.rope.yarn->mscale, 1.0);
    EXPECT_EQ(config.rope.yarn->mscale_all_dim, 0.5);
    EXPECT_EQ(config.rope.yarn->attention_factor, 1.5);
    EXPECT_FALSE(config.rope.yarn->truncate);
  }
}

TEST(ModelConfig, YarnDefaults) {
  const ModelConfig config =
      Parse(kMoonlightConfig,
            R"({"rope_scaling": {"type": "yarn", "factor": 4, "beta_fast": null}})")
          .value();
  ASSERT_TRUE(config.rope.yarn.has_value());
  EXPECT_EQ(config.rope.yarn->beta_fast, 32);
  EXPECT_EQ(config.rope.yarn->beta_slow, 1);
  EXPECT_EQ(config.rope.yarn->mscale, 0);
  EXPECT_EQ(config.rope.yarn->mscale_all_dim, 0);
  EXPECT_FALSE(config.rope.yarn->attention_factor.has_value());
  EXPECT_EQ(config.rope.yarn->original_max_positions, 8192);  // max_position_embeddings
  EXPECT_TRUE(config.rope.yarn->truncate);
}

TEST(ModelConfig, UnscaledRopeInBothSpellings) {
  EXPECT_EQ(Parse(kMixtralConfig, R"({"rope_theta": "remove",
                                      "rope_parameters": {"rope_type": "default",
                                                          "rope_theta": 77.5}})")
                ->rope.theta,
            77.5);
  EXPECT_EQ(Parse(kMixtralConfig, R"({"rope_scaling": {"rope_type": "default"}})")->rope.theta,
            1e6);
}

struct Refusal {
  std::string_view base;
  const char* changes;
  ErrorCode code;
  const char* message;
};

void PrintTo(const Refusal& refusal, std::ostream* out) { *out << refusal.message; }

class ModelConfigRefusal : public ::testing::TestWithParam<Refusal> {};

TEST_P(ModelConfigRefusal, NamesTheReason) {
  const Result<ModelConfig> config = Parse(GetParam().base, GetParam().changes);
  ASSERT_FALSE(config.has_value()) << GetParam().changes;
  EXPECT_EQ(config.error().ToString(), GetParam().message);
  EXPECT_EQ(config.error().code, GetParam().code);
}

constexpr ErrorCode kUnsupported = ErrorCode::kUnsupported;
constexpr ErrorCode kCorrupt = ErrorCode::kCorrupt;

INSTANTIATE_TEST_SUITE_P(
    Unsupported, ModelConfigRefusal,
    ::testing::Values(
        Refusal{kMoonlightConfig, R"({"architectures": ["LlamaForCausalLM"]})", kUnsupported,
                "c: the architecture \"LlamaForCausalLM\" is not supported; known are "
                "DeepseekV3ForCausalLM, MixtralForCausalLM"},
        Refusal{kMoonlightConfig, R"({"quantization_config": {"quant_method": "fp8"}})",
                kUnsupported,
                "c: \"quantization_config\" is not supported: Ebb compresses F32, F16 and BF16 "
                "weights, so take the unquantised checkpoint"},
        Refusal{kMoonlightConfig, R"({"per_layer_config": {"1": {}}})", kUnsupported,
                "c: \"per_layer_config\" is not supported"},
        Refusal{kMoonlightConfig, R"({"hidden_act": "gelu"})", kUnsupported,
                "c: \"hidden_act\" is \"gelu\"; only \"silu\" is supported"},
        Refusal{kMoonlightConfig, R"({"attention_bias": true})", kUnsupported,
                "c: \"attention_bias\" is true; only false is supported"},
        Refusal{kMoonlightConfig, R"({"scoring_func": "softmax"})", kUnsupported,
                "c: \"scoring_func\" is \"softmax\"; only \"sigmoid\" is supported"},
        Refusal{kMoonlightConfig, R"({"topk_method": "greedy"})", kUnsupported,
                "c: \"topk_method\" is \"greedy\"; only \"noaux_tc\" is supported"},
        Refusal{kMoonlightConfig, R"({"moe_layer_freq": 2})", kUnsupported,
                "c: \"moe_layer_freq\" is 2; only 1 is supported"},
        Refusal{kMoonlightConfig, R"({"partial_rotary_factor": 0.5})", kUnsupported,
                "c: \"partial_rotary_factor\" is 0.5; only 1.0 is supported"},
        Refusal{kMoonlightConfig, R"({"rope_scaling": {"type": "linear", "factor": 2}})",
                kUnsupported,
                "c: rope_scaling: the rope type \"linear\" is not supported for this architecture"},
        Refusal{kMixtralConfig, R"({"rope_scaling": {"type": "yarn", "factor": 2}})", kUnsupported,
                "c: rope_scaling: the rope type \"yarn\" is not supported for this architecture"},
        Refusal{kMoonlightConfig, R"({"rope_scaling": {"factor": 2}})", kUnsupported,
                "c: rope_scaling: \"factor\" needs \"rope_type\" to be \"yarn\", not \"default\""},
        Refusal{kMoonlightConfig, R"({"rope_scaling": {"type": "yarn", "factor": 2, "new": 1}})",
                kUnsupported, "c: rope_scaling: \"new\" is not a rope setting that Ebb knows"},
        // What comes out of the file stays on one line.
        Refusal{kMoonlightConfig, R"({"architectures": ["a\nb"]})", kUnsupported,
                "c: the architecture \"a\\nb\" is not supported; known are "
                "DeepseekV3ForCausalLM, MixtralForCausalLM"},
        Refusal{kMoonlightConfig, R"({"rope_scaling": {"a\nb": 1}})", kUnsupported,
                "c: rope_scaling: \"a\\nb\" is not a rope setting that Ebb knows"},
        Refusal{kMoonlightConfig, R"({"rope_scaling": {"type": "a\nb"}})", kUnsupported,
                "c: rope_scaling: the rope type \"a\\nb\" is not supported for this "
                "architecture"}));

INSTANTIATE_TEST_SUITE_P(
    Missing, ModelConfigRefusal,
    ::testing::Values(Refusal{kMoonlightConfig, R"({"architectures": "remove"})", kCorrupt,
                              "c: \"architectures\" is not a list of one name"},
                      Refusal{kMoonlightConfig, R"({"architectures": []})", kCorrupt,
                              "c: \"architectures\" is not a list of one name"},
                      Refusal{kMoonlightConfig, R"({"hidden_size": "remove"})", kCorrupt,
                              "c: \"hidden_size\" is missing"},
                      Refusal{kMoonlightConfig, R"({"n_group": null})", kCorrupt,
                              "c: \"n_group\" is missing"},
                      Refusal{kMoonlightConfig, R"({"norm_topk_prob": "remove"})", kCorrupt,
                              "c: \"norm_topk_prob\" is missing"},
                      Refusal{kMoonlightConfig, R"({"norm_topk_prob": null})", kCorrupt,
                              "c: \"norm_topk_prob\" is not true or false"},
                      Refusal{kMoonlightConfig, R"({"rope_theta": "remove"})", kCorrupt,
                              "c: \"rope_theta\" is missing"},
                      Refusal{kMoonlightConfig, R"({"rope_scaling": {"type": "yarn"}})", kCorrupt,
                              "c: rope_scaling: \"factor\" is missing"},
                      Refusal{kMixtralConfig, R"({"num_key_value_heads": null})", kCorrupt,
                              "c: \"num_key_value_heads\" is missing"}));

INSTANTIATE_TEST_SUITE_P(
    Absurd, ModelConfigRefusal,
    ::testing::Values(
        Refusal{kMoonlightConfig, R"({"hidden_size": 0})", kCorrupt,
                "c: \"hidden_size\" is 0; expected 1 to 1048576"},
        Refusal{kMoonlightConfig, R"({"hidden_size": -2048})", kCorrupt,
                "c: \"hidden_size\" is -2048; expected 1 to 1048576"},
        Refusal{kMoonlightConfig, R"({"vocab_size": 1000000000000000})", kCorrupt,
                "c: \"vocab_size\" is 1000000000000000; expected 1 to 16777216"},
        Refusal{kMoonlightConfig, R"({"vocab_size": 18446744073709551615})", kCorrupt,
                "c: \"vocab_size\" is not an integer"},
        Refusal{kMoonlightConfig, R"({"num_hidden_layers": 27.0})", kCorrupt,
                "c: \"num_hidden_layers\" is not an integer"},
        Refusal{kMoonlightConfig, R"({"num_hidden_layers": 1000000})", kCorrupt,
                "c: \"num_hidden_layers\" is 1000000; expected 1 to 1024"},
        Refusal{kMoonlightConfig, R"({"num_hidden_layers": 1024, "n_routed_experts": 4096})",
                kCorrupt, "c: 1023 layers of 4096 experts are more than 131072"},
        Refusal{kMoonlightConfig, R"({"qk_rope_head_dim": 63})", kCorrupt,
                "c: \"qk_rope_head_dim\" is 63; expected an even size"},
        Refusal{kMoonlightConfig, R"({"q_lora_rank": 0})", kCorrupt,
                "c: \"q_lora_rank\" is 0; expected 1 to 1048576"},
        Refusal{kMoonlightConfig, R"({"n_shared_experts": 1000000})", kCorrupt,
                "c: \"n_shared_experts\" is 1000000; expected 0 to 744"},
        Refusal{kMoonlightConfig, R"({"rope_theta": 0})", kCorrupt,
                "c: \"rope_theta\" is 0; expected 1.001 to 1000000000000"},
        Refusal{kMoonlightConfig, R"({"rope_scaling": {"type": "yarn", "factor": 0.5}})", kCorrupt,
                "c: rope_scaling: \"factor\" is 0.5; expected 1 to 1000000"},
        Refusal{kMoonlightConfig, R"({"eos_token_id": "</s>"})", kCorrupt,
                "c: \"eos_token_id\" is \"</s>\"; expected a token id or a list of them"},
        Refusal{kMixtralConfig, R"({"sliding_window": 0})", kCorrupt,
                "c: \"sliding_window\" is 0; expected 1 to 2147483648"},
        Refusal{kMixtralConfig, R"({"head_dim": 5})", kCorrupt,
                "c: heads of 5 elements; expected an even size"}));

INSTANTIATE_TEST_SUITE_P(
    Contradictory, ModelConfigRefusal,
    ::testing::Values(
        Refusal{kMoonlightConfig, R"({"num_experts_per_tok": 65})", kCorrupt,
                "c: \"num_experts_per_tok\" is 65, but a layer has 64 experts"},
        Refusal{kMoonlightConfig, R"({"n_group": 3})", kCorrupt,
                "c: 64 experts cannot be divided into \"n_group\" = 3 groups of two or more"},
        Refusal{kMoonlightConfig, R"({"n_group": 64, "topk_group": 8})", kCorrupt,
                "c: 64 experts cannot be divided into \"n_group\" = 64 groups of two or more"},
        Refusal{kMoonlightConfig, R"({"n_group": 4, "topk_group": 5})", kCorrupt,
                "c: \"topk_group\" is 5, but there are 4 groups"},
        Refusal{kMoonlightConfig, R"({"n_group": 16, "topk_group": 1})", kCorrupt,
                "c: \"num_experts_per_tok\" is 6, but 1 groups have 4 experts"},
        Refusal{kMoonlightConfig, R"({"first_k_dense_replace": 27})", kCorrupt,
                "c: \"first_k_dense_replace\" is 27, which leaves none of 27 layers with experts"},
        Refusal{kMoonlightConfig, R"({"num_key_value_heads": 4})", kCorrupt,
                "c: \"num_key_value_heads\" is 4; expected 16, as many as "
                "\"num_attention_heads\": latent attention expands every head"},
        Refusal{kMoonlightConfig, R"({"head_dim": 128})", kCorrupt,
                "c: \"head_dim\" is 128; expected 64, the same as \"qk_rope_head_dim\""},
        Refusal{kMoonlightConfig, R"({"qk_head_dim": 128})", kCorrupt,
                "c: \"qk_head_dim\" is 128; expected 192, the sum of \"qk_nope_head_dim\" and "
                "\"qk_rope_head_dim\""},
        Refusal{kMoonlightConfig, R"({"rope_parameters": {"rope_theta": 10000}})", kCorrupt,
                "c: \"rope_theta\" contradicts the one inside of \"rope_parameters\""},
        Refusal{kMoonlightConfig,
                R"({"rope_scaling": {"type": "default"}, "rope_parameters": {"rope_theta": 1e4}})",
                kCorrupt, "c: \"rope_scaling\" and \"rope_parameters\" contradict each other"},
        Refusal{kMoonlightConfig, R"({"rope_scaling": {"type": "yarn", "rope_type": "default"}})",
                kCorrupt, "c: rope_scaling: \"type\" and \"rope_type\" contradict each other"},
        Refusal{kMoonlightConfig,
                R"({"rope_scaling": {"type": "yarn", "factor": 2, "beta_fast": 0.5}})", kCorrupt,
                "c: rope_scaling: \"beta_fast\" is 0.5, below \"beta_slow\", 1"},
        Refusal{kMixtralConfig, R"({"num_key_value_heads": 5})", kCorrupt,
                "c: 32 attention heads cannot share \"num_key_value_heads\" = 5 heads evenly"},
        Refusal{kMixtralConfig, R"({"hidden_size": 4098})", kCorrupt,
                "c: \"hidden_size\" = 4098 cannot be divided among 32 attention heads"},
        Refusal{kMixtralConfig, R"({"num_experts": 9})", kCorrupt,
                "c: \"num_experts\" is 9; expected 8, the same as \"num_local_experts\""}));

TEST(ModelConfig, OnlyObjectsAreConfigs) {
  EXPECT_EQ(ParseModelConfig(Json::array(), "c").error().ToString(), "c: not a JSON object");
}

}  // namespace
}  // namespace ebb
