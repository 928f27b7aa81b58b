#include "model/decoder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "unit/model/model_testing.h"

namespace ebb {
namespace {

using testing::HasSubstr;

std::vector<float> Part(const std::vector<float>& all, size_t first, size_t count) {
  return {all.begin() + first, all.begin() + first + count};
}

class DecoderTest : public testing::TestWithParam<ModelConfig> {};

TEST_P(DecoderTest, ARowsResultDoesNotDependOnItsBatch) {
  TestModel model(GetParam());
  const std::vector<int32_t> a = model.Tokens(50, 1);
  const std::vector<int32_t> b = model.Tokens(9, 2);
  const std::vector<float> alone_a = model.LogitsOf(a);
  const std::vector<float> alone_b = model.LogitsOf(b);
  EXPECT_EQ(model.LogitsOf(a, 1), alone_a);
  EXPECT_EQ(model.LogitsOf(a, 7), alone_a);

  // Both in one batch, their rows interleaved.
  KvCache cache_a(*model.pages);
  KvCache cache_b(*model.pages);
  std::vector<BatchRow> rows;
  for (size_t i = 0; i < a.size(); ++i) {
    rows.push_back({a[i], static_cast<int64_t>(i), &cache_a, true});
    if (i < b.size()) rows.push_back({b[i], static_cast<int64_t>(i), &cache_b, true});
  }
  const std::vector<float> mixed = model.Logits(rows);
  const auto vocab = static_cast<size_t>(model.config().vocab_size);
  for (size_t i = 0; i < rows.size(); ++i) {
    const auto& alone = rows[i].cache == &cache_a ? alone_a : alone_b;
    EXPECT_EQ(Part(mixed, i * vocab, vocab),
              Part(alone, static_cast<size_t>(rows[i].position) * vocab, vocab));
  }
}

TEST_P(DecoderTest, TheOrderOfTheExpertsDoesNotMatter) {
  TestModel model(GetParam());
  const std::vector<int32_t> tokens = model.Tokens(40, 1);
  const std::vector<float> expected = model.LogitsOf(tokens);
  for (uint32_t seed = 0; seed < 20; ++seed) {
    UnrulyExperts experts(*model.experts, seed);
    experts.most_at_once = 1 + seed % 8;
    KvCache cache(*model.pages);
    EXPECT_EQ(model.Logits(model.RowsOf(tokens, cache), experts), expected);
  }
}

TEST_P(DecoderTest, EachExpertIsAskedForOnceAStep) {
  TestModel model(GetParam());
  UnrulyExperts experts(*model.experts, 1);
  KvCache cache(*model.pages);
  model.Logits(model.RowsOf(model.Tokens(60, 1), cache), experts);
  const std::set<ExpertKey> distinct(experts.asked.begin(), experts.asked.end());
  EXPECT_EQ(distinct.size(), experts.asked.size());
  EXPECT_TRUE(std::ranges::is_sorted(experts.asked));
}

TEST_P(DecoderTest, AFailedExpertEndsOnlyTheSequencesThatNeedIt) {
  TestModel model(GetParam());
  // Sequences of one token: which experts each needs depends on it.
  const std::vector<int32_t> tokens = model.Tokens(40, 3);
  const auto vocab = static_cast<size_t>(model.config().vocab_size);
  class Needs final : public ForwardObserver {
   public:
    void OnRouting(LayerId layer, std::span<const BatchRow>, const Routing& routing) override {
      for (size_t i = 0; i < routing.experts.size(); ++i) {
        const auto row = static_cast<int64_t>(i) / routing.experts_per_token;
        needed.insert({row, {layer, ExpertId{routing.experts[i]}}});
      }
    }
    std::set<std::pair<int64_t, ExpertKey>> needed;
  } needs;
  std::vector<KvCache> caches;
  for (size_t i = 0; i < tokens.size(); ++i) caches.emplace_back(*model.pages);
  std::vector<BatchRow> rows;
  for (size_t i = 0; i < tokens.size(); ++i) rows.push_back({tokens[i], 0, &caches[i], true});
  const std::vector<float> expected = model.Logits(rows, *model.experts, &needs);
  for (KvCache& cache : caches) cache.Truncate(0);

  UnrulyExperts experts(*model.experts, 5);
  experts.broken = {{LayerId{1}, ExpertId{3}}, {LayerId{2}, ExpertId{6}}};
  const auto result = model.decoder->Forward(rows, experts);
  ASSERT_TRUE(result) << result.error().ToString();
  size_t failed = 0;
  for (size_t i = 0; i < rows.size(); ++i) {
    const bool fails = std::ranges::any_of(experts.broken, [&](const ExpertKey& key) {
      return needs.needed.contains({static_cast<int64_t>(i), key});
    });
    failed += fails;
    EXPECT_EQ(result->rows[i].logits == nullptr, fails) << i;
    EXPECT_EQ(caches[i].length(), fails ? 0 : 1);
    if (fails) continue;
    EXPECT_EQ(std::vector<float>(result->rows[i].logits, result->rows[i].logits + vocab),
              Part(expected, i * vocab, vocab));
  }
  EXPECT_GT(failed, 0u);
  EXPECT_LT(failed, rows.size());
  EXPECT_EQ(result->failures.size(), failed);
  for (const SequenceFailure& failure : result->failures) {
    EXPECT_EQ(failure.error.code, ErrorCode::kCorrupt);
    EXPECT_THAT(failure.error.ToString(), HasSubstr("expert"));
    EXPECT_THAT(failure.error.ToString(), HasSubstr("bad checksum"));
  }
}

TEST_P(DecoderTest, AFailedStepCanBeTriedAgain) {
  TestModel model(GetParam());
  const std::vector<int32_t> tokens = model.Tokens(40, 4);
  const std::vector<float> expected = model.LogitsOf(tokens);
  const auto vocab = static_cast<size_t>(model.config().vocab_size);
  KvCache cache(*model.pages);
  KvCache other(*model.pages);
  model.Logits(model.RowsOf({tokens.begin(), tokens.begin() + 10}, cache));
  // The sequence's next 30 tokens, and another sequence that does not survive either.
  std::vector<BatchRow> rows = model.RowsOf({tokens.begin() + 10, tokens.end()}, cache);
  rows.push_back({1, 0, &other});
  UnrulyExperts experts(*model.experts, 5);
  for (int32_t e = 0; e < model.config().moe.num_experts; ++e) {
    experts.broken.insert({LayerId{2}, ExpertId{e}});
  }
  const auto result = model.decoder->Forward(rows, experts);
  ASSERT_TRUE(result);
  EXPECT_EQ(result->failures.size(), 2u);  // one for each sequence, not for each row
  EXPECT_EQ(cache.length(), 10);
  EXPECT_EQ(other.length(), 0);
  rows.pop_back();
  EXPECT_EQ(model.Logits(rows), Part(expected, 10 * vocab, 30 * vocab));
}

TEST_P(DecoderTest, RefusesWhatIsOutsideOfItsLimits) {
  TestModel model(GetParam(), 1, {8, 2, 20});
  KvCache cache(*model.pages);
  KvCache untouched(*model.pages);
  const auto expect_refused = [&](const std::vector<BatchRow>& rows, const char* why) {
    const auto result = model.decoder->Forward(rows, *model.experts);
    ASSERT_FALSE(result) << why;
    EXPECT_EQ(result.error().code, ErrorCode::kInvalidArgument) << why;
    EXPECT_THAT(result.error().ToString(), HasSubstr(why));
    EXPECT_EQ(untouched.length(), 0) << "nothing may have changed";
  };
  const BatchRow fine{1, 0, &untouched};
  expect_refused({}, "rows");
  expect_refused(std::vector<BatchRow>(9, fine), "rows");
  expect_refused({fine, {1, 0, nullptr}}, "KV cache");
  expect_refused({fine, {-1, 0, &cache}}, "token -1");
  expect_refused({fine, {61, 0, &cache}}, "token 61");
  expect_refused({fine, {1, 20, &cache}}, "position 20");
  expect_refused({fine, {1, 1, &cache}}, "position 1");
  expect_refused({fine, {1, -1, &cache}}, "position -1");
  expect_refused({fine, {1, 0, &cache}, {1, 0, &cache}}, "position 0");
  expect_refused({fine, {1, 0, &cache}, {1, 2, &cache}}, "position 2");
  EXPECT_EQ(cache.length(), 0);
  expect_refused({{1, 0, &cache, true}, {1, 1, &cache, true}, {1, 2, &cache, false, true}},
                 "logits or hidden");
  // The last position that fits, and the first that does not.
  for (int64_t p = 0; p < 20; ++p) {
    ASSERT_TRUE(model.decoder->Forward(std::vector<BatchRow>{{1, p, &cache}}, *model.experts));
  }
  expect_refused({fine, {1, 20, &cache}}, "position 20");
  EXPECT_FALSE(Decoder::Create(*model.weights, *model.backend, {0, 1, 1}));
  EXPECT_FALSE(
      Decoder::Create(*model.weights, *model.backend, {1, 1, model.config().max_positions + 1}));
}

TEST_P(DecoderTest, AFullKvCacheChangesNothing) {
  TestModel model(GetParam());
  KvPool one_page(model.decoder->kv_layout(), model.decoder->kv_layout().page_bytes());
  KvCache cache(one_page);
  const std::vector<int32_t> tokens = model.Tokens(kPagePositions + 1, 1);
  const auto result = model.decoder->Forward(model.RowsOf(tokens, cache), *model.experts);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::kOutOfMemory);
  EXPECT_EQ(cache.length(), 0);
  EXPECT_EQ(model.Logits(model.RowsOf({tokens.begin(), tokens.end() - 1}, cache)).size(),
            static_cast<size_t>(kPagePositions * model.config().vocab_size));
}

TEST_P(DecoderTest, HiddenStatesAreWhatTheOutputHeadReads) {
  TestModel model(GetParam());
  KvCache cache(*model.pages);
  std::vector<BatchRow> rows = model.RowsOf(model.Tokens(6, 1), cache);
  for (size_t i = 0; i < rows.size(); ++i) {
    rows[i].wants_logits = i % 3 != 0;
    rows[i].wants_hidden = i % 2 == 0;
  }
  const auto result = model.decoder->Forward(rows, *model.experts);
  ASSERT_TRUE(result);
  std::vector<float> logits(model.config().vocab_size);
  for (size_t i = 0; i < rows.size(); ++i) {
    EXPECT_EQ(result->rows[i].logits != nullptr, rows[i].wants_logits);
    EXPECT_EQ(result->rows[i].hidden != nullptr, rows[i].wants_hidden);
    if (!rows[i].wants_logits || !rows[i].wants_hidden) continue;
    model.backend->MatMul(model.weights->output_head(),
                          {result->rows[i].hidden, 1, model.config().hidden_size},
                          {logits.data(), 1, model.config().vocab_size});
    EXPECT_EQ(logits,
              std::vector<float>(result->rows[i].logits, result->rows[i].logits + logits.size()));
  }
}

TEST_P(DecoderTest, AnEmbeddingRowThatCannotBeReadEndsItsSequence) {
  TestModel model(GetParam());
  if (model.config().tied_embeddings) GTEST_SKIP() << "tied embeddings stay in memory";
  const WeightOptions outside{.resident_embedding = false, .pool = nullptr, .progress = {}};
  const auto weights = ModelWeights::Load(*model.source, outside);
  const auto decoder = Decoder::Create(*weights, *model.backend, {8, 8, 100});
  KvCache cache(*model.pages);
  model.source->broken.insert("model.embed_tokens.weight");
  const auto result =
      (*decoder)->Forward(std::vector<BatchRow>{{1, 0, &cache, true}}, *model.experts);
  ASSERT_TRUE(result);
  ASSERT_EQ(result->failures.size(), 1u);
  EXPECT_EQ(result->failures[0].error.code, ErrorCode::kIo);
  EXPECT_EQ(result->rows[0].logits, nullptr);
  EXPECT_EQ(cache.length(), 0);
}

TEST_P(DecoderTest, ObserversSeeRoutingExpertsAndResiduals) {
  TestModel model(GetParam());
  const ModelConfig& config = model.config();
  SelectionCounter counter(config);
  KvCache cache(*model.pages);
  model.Logits(model.RowsOf(model.Tokens(30, 1), cache), *model.experts, &counter);
  for (LayerId layer{0}; layer.value < config.num_layers; ++layer.value) {
    uint64_t sum = 0;
    for (int32_t e = 0; e < config.moe.num_experts; ++e) sum += counter.count({layer, {e}});
    EXPECT_EQ(sum, config.IsMoeLayer(layer) ? 30 * config.moe.experts_per_token : 0);
  }

  // residual after the layer = residual before + attention + routed + shared: take a model whose
  // attention adds nothing.
  auto source = std::make_unique<RandomSource>(config);
  std::ranges::fill(source->data("model.layers.2.self_attn.o_proj.weight"), uint16_t{0});
  TestModel silent(std::move(source));
  class Sums final : public ForwardObserver {
   public:
    void OnResidual(LayerId layer, std::span<const BatchRow> rows, ConstRows x) override {
      EXPECT_EQ(static_cast<int64_t>(rows.size()), x.count);
      before = after;
      after.assign(x.data, x.data + x.count * x.stride);
      if (layer.value == 2) {
        for (size_t i = 0; i < after.size(); ++i) {
          const float added = shared.empty() ? routed[i] : routed[i] + shared[i];
          EXPECT_EQ(after[i], before[i] + added);
        }
      }
    }
    void OnExperts(LayerId, std::span<const BatchRow>, ConstRows from_routed,
                   ConstRows from_shared) override {
      routed.assign(from_routed.data, from_routed.data + from_routed.count * from_routed.stride);
      shared.assign(from_shared.data, from_shared.data + from_shared.count * from_shared.stride);
    }
    std::vector<float> before, after, routed, shared;
  } sums;
  KvCache silent_cache(*silent.pages);
  silent.Logits(silent.RowsOf(silent.Tokens(10, 1), silent_cache), *silent.experts, &sums);
  EXPECT_EQ(sums.routed.size(), static_cast<size_t>(10 * config.hidden_size));
}

TEST_P(DecoderTest, NanAndHugeWeightsDoNoHarm) {
  for (const uint16_t bits : {uint16_t{0x7fc0}, uint16_t{0x7f80}, uint16_t{0x7f7f}}) {
    for (const char* part : {"self_attn.o_proj", "gate.weight", "embed_tokens", "norm"}) {
      auto source = std::make_unique<RandomSource>(GetParam());
      for (const TensorSpec& tensor : source->tensors()) {
        if (tensor.name.find(part) == std::string::npos || tensor.layer.value == 2) continue;
        std::vector<uint16_t>& data = source->data(tensor.name);
        for (size_t i = 0; i < data.size(); i += 7) data[i] = bits;
      }
      TestModel model(std::move(source));
      SelectionCounter counter(model.config());
      KvCache cache(*model.pages);
      const std::vector<int32_t> tokens = model.Tokens(20, 1);
      const auto result =
          model.decoder->Forward(model.RowsOf(tokens, cache), *model.experts, &counter);
      ASSERT_TRUE(result);
      EXPECT_TRUE(result->failures.empty());
      uint64_t sum = 0;
      for (int32_t e = 0; e < model.config().moe.num_experts; ++e) {
        sum += counter.count({LayerId{2}, {e}});
      }
      EXPECT_EQ(sum, 20u * static_cast<uint64_t>(model.config().moe.experts_per_token));
    }
  }
}

TEST_P(DecoderTest, TellsItsMemoryBeforehand) {
  const ThreadPool pool(2);
  const auto backend = MakeCpuBackend(pool);
  uint64_t last = 0;
  for (const int64_t rows : {1, 2, 16, 64, 512}) {
    const uint64_t bytes = Decoder::Bytes(GetParam(), *backend, {rows, 1, 100});
    EXPECT_GT(bytes, last);
    last = bytes;
  }
  // A row more costs its share of every buffer, and little else.
  const uint64_t per_row = (Decoder::Bytes(GetParam(), *backend, {1000, 1, 100}) -
                            Decoder::Bytes(GetParam(), *backend, {500, 1, 100})) /
                           500;
  EXPECT_LT(per_row, 32u * 1024);
}

INSTANTIATE_TEST_SUITE_P(Models, DecoderTest, testing::Values(SmallDeepseek(), SmallMixtral()),
                         [](const auto& info) {
                           return std::string(ArchitectureName(info.param.architecture));
                         });

TEST(WideDecoder, ThreadsChunksAndMixturesAreTheSameBits) {
  TestModel one(WideDeepseek(), 1);
  const std::vector<int32_t> tokens = one.Tokens(150, 1);
  const std::vector<float> expected = one.LogitsOf(tokens);
  for (const int threads : {2, 5}) {
    TestModel model(WideDeepseek(), threads);
    EXPECT_EQ(model.LogitsOf(tokens), expected);
    EXPECT_EQ(model.LogitsOf(tokens, 1), expected);
    EXPECT_EQ(model.LogitsOf(tokens, 23), expected);
    // Sixteen sequences that decode together.
    const auto vocab = static_cast<size_t>(model.config().vocab_size);
    std::vector<KvCache> caches;
    for (int i = 0; i < 16; ++i) caches.emplace_back(*model.pages);
    for (size_t t = 0; t < 20; ++t) {
      std::vector<BatchRow> rows;
      for (KvCache& cache : caches) {
        rows.push_back({tokens[t], static_cast<int64_t>(t), &cache, true});
      }
      const std::vector<float> logits = model.Logits(rows);
      for (size_t i = 0; i < caches.size(); ++i) {
        ASSERT_EQ(Part(logits, i * vocab, vocab), Part(expected, t * vocab, vocab));
      }
    }
  }
}

}  // namespace
}  // namespace ebb
