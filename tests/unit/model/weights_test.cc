#include "model/weights.h"

#include <gtest/gtest.h>

#include "unit/model/model_testing.h"

namespace ebb {
namespace {

TEST(ModelWeights, SplitsTheLatentProjection) {
  RandomSource source(SmallDeepseek());
  const auto weights = ModelWeights::Load(source, {});
  ASSERT_TRUE(weights);
  const MlaConfig& mla = *source.config().mla;
  const MlaWeights& layer = *weights->layer(LayerId{1}).mla;
  const auto& stored = source.data("model.layers.1.self_attn.kv_b_proj.weight");
  for (int64_t h = 0; h < source.config().num_heads; ++h) {
    const int64_t head_row = h * (mla.qk_nope_head_dim + mla.v_head_dim);
    const auto* transposed = static_cast<const uint16_t*>(layer.query_to_latent[h].view().data);
    const auto* values = static_cast<const uint16_t*>(layer.latent_to_value[h].view().data);
    for (int64_t c = 0; c < mla.kv_lora_rank; ++c) {
      for (int64_t d = 0; d < mla.qk_nope_head_dim; ++d) {
        ASSERT_EQ(transposed[c * mla.qk_nope_head_dim + d],
                  stored[(head_row + d) * mla.kv_lora_rank + c]);
      }
      for (int64_t d = 0; d < mla.v_head_dim; ++d) {
        ASSERT_EQ(values[d * mla.kv_lora_rank + c],
                  stored[(head_row + mla.qk_nope_head_dim + d) * mla.kv_lora_rank + c]);
      }
    }
  }
}

TEST(ModelWeights, EmbeddingRowsMayStayOutside) {
  ModelConfig config = SmallDeepseek();
  const RandomSource source(config);
  const WeightOptions inside{};
  WeightOptions outside;
  outside.resident_embedding = false;
  const uint64_t table = static_cast<uint64_t>(config.vocab_size * config.hidden_size) * 2;
  EXPECT_EQ(*ModelWeights::ResidentBytes(source, inside),
            *ModelWeights::ResidentBytes(source, outside) + table);
  const auto a = ModelWeights::Load(source, inside);
  const auto b = ModelWeights::Load(source, outside);
  ASSERT_TRUE(a);
  ASSERT_TRUE(b);
  std::vector<float> row_a(config.hidden_size);
  std::vector<float> row_b(config.hidden_size);
  for (int64_t token = 0; token < config.vocab_size; ++token) {
    ASSERT_TRUE(a->embedding().ReadRow(token, row_a));
    ASSERT_TRUE(b->embedding().ReadRow(token, row_b));
    EXPECT_EQ(row_a, row_b);
  }
}

TEST(ModelWeights, TiedEmbeddingsAlwaysStay) {
  const RandomSource source(SmallMixtral());
  WeightOptions outside;
  outside.resident_embedding = false;
  EXPECT_EQ(*ModelWeights::ResidentBytes(source, outside),
            *ModelWeights::ResidentBytes(source, {}));
  const auto weights = ModelWeights::Load(source, outside);
  ASSERT_TRUE(weights);
  EXPECT_EQ(weights->output_head().rows, source.config().vocab_size);
}

TEST(ModelWeights, ThreadsAndProgress) {
  const RandomSource source(WideDeepseek());
  const ThreadPool pool(3);
  Progress last;
  WeightOptions options;
  options.pool = &pool;
  options.progress = [&](const Progress& p) {
    EXPECT_GE(p.done, last.done);
    last = p;
  };
  const auto weights = ModelWeights::Load(source, options);
  ASSERT_TRUE(weights);
  EXPECT_EQ(last.done, last.total);
  EXPECT_EQ(last.total, *ModelWeights::ResidentBytes(source, options));
  const auto alone = ModelWeights::Load(source, {});
  const OwnedMatrix& a = weights->layer(LayerId{0}).dense->up;
  const OwnedMatrix& b = alone->layer(LayerId{0}).dense->up;
  EXPECT_EQ(std::memcmp(a.view().data, b.view().data, a.size_bytes()), 0);
}

TEST(ModelWeights, NamesATensorThatCannotBeRead) {
  for (const char* name : {"model.embed_tokens.weight", "model.layers.1.self_attn.kv_b_proj.weight",
                           "model.layers.2.mlp.gate.e_score_correction_bias",
                           "model.layers.1.mlp.gate.weight", "lm_head.weight"}) {
    RandomSource source(SmallDeepseek());
    source.broken.insert(name);
    const ThreadPool pool(2);
    for (const ThreadPool* threads : {static_cast<const ThreadPool*>(nullptr), &pool}) {
      const auto weights =
          ModelWeights::Load(source, {.resident_embedding = true, .pool = threads, .progress = {}});
      ASSERT_FALSE(weights);
      EXPECT_EQ(weights.error().code, ErrorCode::kIo);
      EXPECT_EQ(weights.error().where, name);
    }
  }
}

TEST(ResidentExperts, NamesATensorThatCannotBeRead) {
  RandomSource source(SmallMixtral());
  source.broken.insert("model.layers.1.block_sparse_moe.experts.5.w2.weight");
  const auto experts = ResidentExperts::Load(source, nullptr);
  ASSERT_FALSE(experts);
  EXPECT_EQ(experts.error().where, "model.layers.1.block_sparse_moe.experts.5.w2.weight");
}

}  // namespace
}  // namespace ebb
