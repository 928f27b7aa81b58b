// The engine on the golden models: the same bits from every tier, cap, thread count and batch.
#include "engine/engine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <fstream>

#include "checkpoint/checkpoint.h"
#include "engine/generator.h"
#include "pack/compress.h"
#include "pack/decompress.h"
#include "testing/byte_tokenizer.h"
#include "testing/temp_dir.h"

namespace ebb {
namespace {

using ::testing::HasSubstr;

using Logits = std::vector<std::vector<float>>;  // by position

std::string Golden(const std::string& name) {
  return std::string(EBB_SOURCE_DIR) + "/tests/golden/models/" + name;
}

std::vector<int32_t> Tokens(const Engine& engine, size_t count, int32_t seed = 3) {
  std::vector<int32_t> tokens;
  for (size_t i = 0; i < count; ++i) {
    tokens.push_back(
        static_cast<int32_t>((static_cast<int64_t>(i) * 29 + seed) % engine.config().vocab_size));
  }
  return tokens;
}

Logits LogitsOf(Engine& engine, const std::vector<int32_t>& tokens) {
  const auto sequence = engine.NewSequence();
  const StepInput input = {sequence.get(), tokens, WantedLogits::kAll};
  Logits logits;
  const auto results = engine.Step({&input, 1}, [&](size_t, size_t, std::span<const float> row) {
    logits.emplace_back(row.begin(), row.end());
  });
  EXPECT_TRUE(results.has_value() && results->at(0).has_value());
  return logits;
}

double RelativeDifference(const Logits& a, const Logits& b) {
  double difference = 0;
  double norm = 0;
  for (size_t t = 0; t < a.size(); ++t) {
    for (size_t i = 0; i < a[t].size(); ++i) {
      difference += std::pow(double{a[t][i]} - double{b[t][i]}, 2);
      norm += std::pow(double{b[t][i]}, 2);
    }
  }
  return std::sqrt(difference / norm);
}

class EngineTest : public ::testing::TestWithParam<const char*> {
 protected:
  std::string Pack(const std::string& bound, BoundScope scope = BoundScope::kExpert,
                   const std::string& dense_bound = "lossless") {
    const auto source = OpenCheckpoint(Golden(GetParam())).value();
    CompressOptions options;
    options.plan.default_bound = ParseErrorBound(bound).value();
    options.plan.dense_bound = ParseErrorBound(dense_bound).value();
    options.scope = scope;
    const std::string path = dir_.Path(fmt::format("{}.ebb", ++packed_));
    EXPECT_TRUE(Compress(*source, path, options, ThreadPool(2)).has_value());
    return path;
  }

  static EngineOptions Options(int threads = 2, std::optional<uint64_t> cap = std::nullopt) {
    EngineOptions options;
    options.threads = threads;
    options.memory_cap_bytes = cap;
    options.needs_tokenizer = false;
    options.limits.max_positions = 24;
    options.limits.max_sequences = 4;
    options.limits.max_output_rows = 8;
    return options;
  }

  std::unique_ptr<Engine> Open(const std::string& path, const EngineOptions& options) {
    auto engine = Engine::Open(path, options);
    EXPECT_TRUE(engine.has_value()) << engine.error().ToString();
    return engine ? *std::move(engine) : nullptr;
  }

  TempDir dir_;
  int packed_ = 0;
};

TEST_P(EngineTest, LosslessFileGivesTheCheckpointsBits) {
  const auto checkpoint = Open(Golden(GetParam()), Options());
  const auto packed = Open(Pack("lossless"), Options());
  const auto tokens = Tokens(*checkpoint, 20);
  EXPECT_EQ(LogitsOf(*packed, tokens), LogitsOf(*checkpoint, tokens));
}

TEST_P(EngineTest, BoundedFileAgreesWithItsDecompressedCheckpoint) {
  for (const BoundScope scope : {BoundScope::kExpert, BoundScope::kRow}) {
    for (const char* bound :
         {"rel:0.2", "rel:0.005", "rel:0.00001"}) {  // codes of 8, 16 and 32 bits
      const std::string path = Pack(bound, scope);
      const std::string folder = dir_.Path(fmt::format("dec{}", packed_));
      ASSERT_TRUE(Decompress(*PackedSource::Open(path).value(), folder, {}));
      const auto packed = Open(path, Options());
      const auto decompressed = Open(folder, Options());
      const auto tokens = Tokens(*packed, 20);
      EXPECT_LT(RelativeDifference(LogitsOf(*packed, tokens), LogitsOf(*decompressed, tokens)),
                1e-5);
    }
  }
}

TEST_P(EngineTest, BoundedDenseMatricesAreMultipliedAsCodes) {
  const uint64_t lossless = Open(Pack("rel:0.2"), Options())->memory_plan().weights_bytes;
  for (const char* bound : {"rel:0.1", "rel:0.005", "rel:0.00001"}) {
    const std::string path = Pack("rel:0.2", BoundScope::kExpert, bound);
    const std::string folder = dir_.Path(fmt::format("dec{}", packed_));
    ASSERT_TRUE(Decompress(*PackedSource::Open(path).value(), folder, {}));
    const auto packed = Open(path, Options());
    const auto decompressed = Open(folder, Options());
    const auto tokens = Tokens(*packed, 20);
    EXPECT_LT(RelativeDifference(LogitsOf(*packed, tokens), LogitsOf(*decompressed, tokens)), 1e-5);
    if (bound == std::string("rel:0.1")) {
      EXPECT_LT(packed->memory_plan().weights_bytes, lossless * 3 / 4);
    }
  }
}

TEST_P(EngineTest, HotExpertsGiveTheSameBits) {
  const std::string path = Pack("rel:0.2", BoundScope::kExpert, "rel:0.1");
  const auto warm = Open(path, Options());
  const auto tokens = Tokens(*warm, 24);
  const Logits want = LogitsOf(*warm, tokens);
  EXPECT_EQ(warm->expert_counts().hot_hits, 0u);
  const uint64_t weights = warm->memory_plan().weights_bytes;
  // Room for none, some and all of them beside a small cache, and a cap that leaves room by itself.
  for (const uint64_t hot : {uint64_t{0}, 3 * weights / 2, uint64_t{64} << 20}) {
    for (const bool is_capped : {false, true}) {
      EngineOptions options = Options(2);
      options.hot_bytes = hot;
      if (is_capped) options.memory_cap_bytes = (uint64_t{2} << 20) + hot;
      const auto engine = Open(path, options);
      for (int pass = 0; pass < 3; ++pass) EXPECT_EQ(LogitsOf(*engine, tokens), want);
      EXPECT_LE(engine->memory_plan().hot_bytes, hot);
      const ExpertCounts counts = engine->expert_counts();
      EXPECT_LE(counts.hot_hits, counts.hits);
      EXPECT_EQ(counts.hits + counts.misses, counts.requests);
      if (hot >= uint64_t{64} << 20) {
        EXPECT_GE(2 * counts.hot_hits, counts.requests);
      }
    }
  }
  const auto roomy = Open(path, Options(2, uint64_t{1} << 30));
  EXPECT_EQ(roomy->memory_plan().matrix_form, MatrixForm::kCodes);
  EXPECT_GT(roomy->memory_plan().hot_experts, 0u);
  EXPECT_EQ(LogitsOf(*roomy, tokens), want);
}

TEST_P(EngineTest, HotMemoryBeyondTheCapIsRefused) {
  EngineOptions options = Options(2, uint64_t{1} << 20);
  options.hot_bytes = uint64_t{2} << 20;
  const auto engine = Engine::Open(Pack("rel:0.2"), options);
  ASSERT_FALSE(engine.has_value());
  EXPECT_THAT(engine.error().ToString(), HasSubstr("--hot"));
}

TEST_P(EngineTest, EveryCapAndThreadCountGivesTheSameBits) {
  const std::string path = Pack("rel:0.2", BoundScope::kExpert, "rel:0.1");
  const auto free_engine = Open(path, Options());
  const auto tokens = Tokens(*free_engine, 24);
  const Logits want = LogitsOf(*free_engine, tokens);
  EXPECT_EQ(free_engine->expert_counts().hits + free_engine->expert_counts().misses,
            free_engine->expert_counts().requests);
  // From far too little, upwards until everything fits.
  bool refused = false;
  bool thrashed = false;
  for (uint64_t cap = 16 << 10; cap < (1 << 20); cap = cap * 33 / 32) {
    for (const int threads : {1, 3}) {
      const auto engine = Engine::Open(path, Options(threads, cap));
      if (!engine) {
        EXPECT_EQ(engine.error().code, ErrorCode::kOutOfMemory);
        refused = true;
        continue;
      }
      EXPECT_LE((*engine)->memory_plan().total_bytes(), cap);
      EXPECT_EQ(LogitsOf(**engine, tokens), want) << cap;
      LogitsOf(**engine, tokens);
      thrashed |= (*engine)->expert_counts().misses > free_engine->expert_counts().misses;
    }
  }
  EXPECT_TRUE(refused);
  EXPECT_TRUE(thrashed);
}

TEST_P(EngineTest, TheLeastCapThatAnErrorNamesWorks) {
  const std::string path = Pack("rel:0.2");
  const auto refused = Engine::Open(path, Options(1, 1000));
  ASSERT_FALSE(refused.has_value());
  const std::string message = refused.error().ToString();
  EXPECT_THAT(message, HasSubstr("--memory: 1000 B is too little: this needs at least "));
  double amount = 0;
  ASSERT_EQ(std::sscanf(message.c_str() + message.find("at least ") + 9, "%lf KiB", &amount), 1);
  EXPECT_TRUE(Engine::Open(path, Options(1, static_cast<uint64_t>(amount * 1024))).has_value());
}

TEST_P(EngineTest, SequencesDoNotDisturbEachOther) {
  const auto engine = Open(Pack("rel:0.2"), Options());
  const auto first = Tokens(*engine, 20, 1);
  const auto second = Tokens(*engine, 13, 7);
  const Logits want_first = LogitsOf(*engine, first);
  const Logits want_second = LogitsOf(*engine, second);
  const auto a = engine->NewSequence();
  const auto b = engine->NewSequence();
  Logits got_first;
  Logits got_second;
  // In steps of different lengths, together.
  for (size_t at = 0; at < first.size(); at += 5) {
    std::vector<StepInput> inputs = {
        {a.get(), std::span(first).subspan(at, 5), WantedLogits::kAll}};
    if (at < 13) {
      inputs.push_back({b.get(), std::span(second).subspan(at, std::min<size_t>(5, 13 - at)),
                        WantedLogits::kAll});
    }
    ASSERT_TRUE(engine->Step(inputs, [&](size_t input, size_t, std::span<const float> row) {
      (input == 0 ? got_first : got_second).emplace_back(row.begin(), row.end());
    }));
  }
  EXPECT_EQ(got_first, want_first);
  EXPECT_EQ(got_second, want_second);
}

TEST_P(EngineTest, ReplacedExpertsCountAndCanBeRestored) {
  const auto engine = Open(Pack("rel:0.2"), Options());
  const auto tokens = Tokens(*engine, 20);
  SelectionCounter counter(engine->config());
  engine->set_observer(&counter);
  const Logits before = LogitsOf(*engine, tokens);
  engine->set_observer(nullptr);
  const LayerId layer{static_cast<int32_t>(engine->config().moe.first_dense_layers)};
  ExpertKey busiest{layer, ExpertId{0}};
  uint64_t selections = 0;
  for (int32_t e = 0; e < engine->config().moe.num_experts; ++e) {
    const ExpertKey key{layer, ExpertId{e}};
    selections += counter.count(key);
    if (counter.count(key) > counter.count(busiest)) busiest = key;
  }
  EXPECT_EQ(selections,
            tokens.size() * static_cast<size_t>(engine->config().moe.experts_per_token));

  auto weights = std::make_shared<ExpertWeights>(engine->ReadExpert(busiest).value());
  engine->ReplaceExpert(busiest, weights);
  EXPECT_LT(RelativeDifference(LogitsOf(*engine, tokens), before), 1e-5);  // float32 for codes
  auto zeros = std::make_shared<ExpertWeights>(*weights);
  std::fill(zeros->down.begin(), zeros->down.end(), 0.0f);
  engine->ReplaceExpert(busiest, zeros);
  EXPECT_GT(RelativeDifference(LogitsOf(*engine, tokens), before), 1e-4);
  engine->RestoreExperts();
  EXPECT_EQ(LogitsOf(*engine, tokens), before);
  EXPECT_FALSE(engine->ReadExpert({layer, ExpertId{999}}).has_value());
}

TEST_P(EngineTest, MistakenStepsAreErrors) {
  const auto engine = Open(Golden(GetParam()), Options());
  const auto sequence = engine->NewSequence();
  const auto step = [&](std::vector<int32_t> tokens) {
    const StepInput input = {sequence.get(), tokens, WantedLogits::kLast};
    return engine->Step({&input, 1}, [](size_t, size_t, std::span<const float>) {});
  };
  EXPECT_FALSE(step({}).has_value());
  EXPECT_THAT(step({-1}).error().ToString(), HasSubstr("not in the vocabulary"));
  EXPECT_THAT(step({1 << 30}).error().ToString(), HasSubstr("not in the vocabulary"));
  EXPECT_THAT(step(std::vector<int32_t>(25, 1)).error().ToString(),
              HasSubstr("there is room for 24"));
  EXPECT_TRUE(step({1, 2, 3}).has_value());
  EXPECT_EQ(sequence->length(), 3);
}

TEST_P(EngineTest, DamagedExpertEndsOnlyTheSequencesThatNeedIt) {
  const std::string path = Pack("rel:0.2");
  size_t failed = 0;
  size_t lived = 0;
  const auto intact = Open(path, Options());
  const auto groups = PackedSource::Open(path).value()->groups();
  for (size_t g = 0; g < groups.size(); ++g) {
    if (!groups[g].routed_expert) continue;
    const uint64_t offset = PackedSource::Open(path).value()->container().index().groups[g].offset;
    const auto flip = [&] {
      std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
      char byte = 0;
      file.seekg(static_cast<std::streamoff>(offset + 40)).get(byte);
      file.seekp(static_cast<std::streamoff>(offset + 40)).put(static_cast<char>(byte ^ 1));
    };
    flip();
    const auto engine = Open(path, Options());
    std::vector<std::unique_ptr<Sequence>> sequences;
    std::vector<std::vector<int32_t>> tokens;
    std::vector<StepInput> inputs;
    for (int32_t s = 0; s < 4; ++s) {
      sequences.push_back(engine->NewSequence());
      tokens.push_back(Tokens(*engine, 1, 11 * s));
    }
    for (size_t s = 0; s < 4; ++s)
      inputs.push_back({sequences[s].get(), tokens[s], WantedLogits::kLast});
    Logits logits(4);
    const auto results =
        engine->Step(inputs, [&](size_t input, size_t, std::span<const float> row) {
          logits[input].assign(row.begin(), row.end());
        });
    ASSERT_TRUE(results.has_value());
    for (size_t s = 0; s < 4; ++s) {
      if (results->at(s)) {
        ++lived;
        EXPECT_EQ(logits[s], LogitsOf(*intact, tokens[s])[0]);
      } else {
        ++failed;
        EXPECT_THAT(results->at(s).error().ToString(),
                    HasSubstr(fmt::format("expert {}", groups[g].expert.value)));
        EXPECT_THAT(results->at(s).error().ToString(), HasSubstr(fmt::format("offset {}", offset)));
      }
    }
    flip();
  }
  EXPECT_GT(failed, 0u);
  EXPECT_GT(lived, 0u);
}

INSTANTIATE_TEST_SUITE_P(GoldenModels, EngineTest,
                         ::testing::Values("deepseek_moonlight", "deepseek_fused_groups",
                                           "mixtral_extras", "mixtral_window"),
                         [](const auto& info) { return std::string(info.param); });

class GeneratorTest : public ::testing::Test {
 protected:
  void SetUp() override {
    EngineOptions options;
    options.threads = 2;
    options.limits.max_positions = 24;
    options.limits.max_sequences = 3;
    options.limits.max_output_rows = 3;
    ModelFiles files = OpenModelFiles(Golden("mixtral_plain")).value();
    auto tokenizer =
        std::make_unique<ByteTokenizer>(static_cast<int32_t>(files.source->config().vocab_size));
    tokenizer_ = tokenizer.get();
    engine_ = Engine::Create(std::move(files), std::move(tokenizer), options).value();
  }

  static void RunAll(Generator& generator) {
    while (generator.RunStep().value()) {
    }
  }
  Generation Generate(GenerationRequest request) {
    Generator generator(*engine_, 1);
    const size_t id = generator.Submit(std::move(request)).value();
    RunAll(generator);
    return generator.result(id);
  }

  ByteTokenizer* tokenizer_ = nullptr;
  std::unique_ptr<Engine> engine_;
};

TEST_F(GeneratorTest, ManyRequestsAtOnceGiveWhatEachGivesAlone) {
  Generator together(*engine_, 3);
  std::vector<GenerationRequest> requests;
  for (int32_t i = 0; i < 7; ++i) {  // more than there are sequences
    GenerationRequest request;
    request.prompt = Tokens(*engine_, static_cast<size_t>(1 + i), i);
    request.max_new_tokens = 3 + i;
    request.sampling.temperature = i % 2 == 0 ? 0 : 0.8;
    request.sampling.seed = static_cast<uint64_t>(i);
    requests.push_back(request);
    ASSERT_EQ(together.Submit(request).value(), static_cast<size_t>(i));
  }
  RunAll(together);
  for (size_t i = 0; i < requests.size(); ++i) {
    EXPECT_EQ(together.result(i).token_ids, Generate(requests[i]).token_ids);
    EXPECT_EQ(together.result(i).finish_reason, FinishReason::kLength);
  }
}

TEST_F(GeneratorTest, EndsAtLimitsAndEndTokens) {
  GenerationRequest request;
  request.prompt = Tokens(*engine_, 5);
  request.max_new_tokens = 4;
  const Generation four = Generate(request);
  EXPECT_EQ(four.token_ids.size(), 4u);
  EXPECT_EQ(four.finish_reason, FinishReason::kLength);
  request.max_new_tokens = 1000;  // the context has 24 positions: the last token needs none
  EXPECT_EQ(Generate(request).token_ids.size(), 20u);
  tokenizer_->set_eos(four.token_ids[2]);
  const Generation ended = Generate(request);
  EXPECT_EQ(ended.finish_reason, FinishReason::kStop);
  EXPECT_EQ(ended.token_ids.size(), 3u);
  request.prompt = {};
  Generator generator(*engine_, 1);
  EXPECT_THAT(generator.Submit(request).error().ToString(), HasSubstr("it is empty"));
  request.prompt = Tokens(*engine_, 25);
  EXPECT_THAT(generator.Submit(request).error().ToString(),
              HasSubstr("the context has room for 24"));
}

TEST_F(GeneratorTest, StopTextsEndTheTextBeforeThemAndNeverLeakOut) {
  GenerationRequest request;
  request.prompt = Tokens(*engine_, 5);
  request.max_new_tokens = 12;
  const std::string whole = Generate(request).text;
  ASSERT_EQ(whole.size(), 12u);  // a byte a token
  for (size_t at = 1; at + 3 <= whole.size(); ++at) {
    const std::string stop = whole.substr(at, 3);
    std::string streamed;
    request.stops = {stop, "never in there"};
    request.on_text = [&](std::string_view text) { streamed += text; };
    const Generation generation = Generate(request);
    EXPECT_EQ(generation.text, whole.substr(0, whole.find(stop)));
    EXPECT_EQ(streamed, generation.text);
    EXPECT_EQ(generation.finish_reason, FinishReason::kStop);
  }
  // What only looks like the start of a stop text comes out in the end.
  request.stops = {whole.substr(10, 2) + "!"};
  EXPECT_EQ(Generate(request).text, whole);
}

TEST_F(GeneratorTest, CancelledRequestsKeepTheirTextAndOthersGoOn) {
  Generator generator(*engine_, 2);
  GenerationRequest request;
  request.prompt = Tokens(*engine_, 4);
  request.max_new_tokens = 9;
  const size_t first = generator.Submit(request).value();
  const size_t second = generator.Submit(request).value();
  const size_t waiting = generator.Submit(request).value();
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(generator.RunStep().value());
  generator.Cancel(first);
  generator.Cancel(waiting);
  RunAll(generator);
  EXPECT_EQ(generator.result(first).finish_reason, FinishReason::kCancelled);
  EXPECT_EQ(generator.result(first).token_ids.size(), 3u);
  EXPECT_EQ(generator.result(first).text.size(), 3u);
  EXPECT_EQ(generator.result(waiting).finish_reason, FinishReason::kCancelled);
  EXPECT_EQ(generator.result(second).token_ids.size(), 9u);
}

TEST(SamplerTest, GreedyTakesTheFirstOfEqualsAndSkipsNan) {
  Sampler sampler({});
  EXPECT_EQ(sampler.Sample(std::vector<float>{1, 3, 3, 2}), 1);
  EXPECT_EQ(sampler.Sample(std::vector<float>{NAN, -5, NAN}), 1);
  EXPECT_EQ(sampler.Sample(std::vector<float>{NAN, NAN}), 0);
}

TEST(SamplerTest, DrawsInProportionAndRespectsTopKAndTopP) {
  const std::vector<float> logits = {std::log(0.5f), std::log(0.3f), std::log(0.15f),
                                     std::log(0.05f)};
  const auto counts = [&](const SamplingOptions& options) {
    Sampler sampler(options);
    std::array<int, 4> seen{};
    for (int i = 0; i < 20000; ++i) ++seen[static_cast<size_t>(sampler.Sample(logits))];
    return seen;
  };
  const auto all = counts({1.0, 0, 1.0, 7});
  EXPECT_NEAR(all[0], 10000, 300);
  EXPECT_NEAR(all[3], 1000, 150);
  const auto top_2 = counts({1.0, 2, 1.0, 7});
  EXPECT_EQ(top_2[2] + top_2[3], 0);
  EXPECT_NEAR(top_2[0], 12500, 300);
  const auto top_p = counts({1.0, 0, 0.7, 7});
  EXPECT_EQ(top_p[2] + top_p[3], 0);
  EXPECT_GT(top_p[1], 0);
  const auto cold = counts({0.05, 0, 1.0, 7});
  EXPECT_GT(cold[0], 19990);
  EXPECT_EQ(counts({1.0, 0, 1.0, 7}), all);  // the seed decides
}

}  // namespace
}  // namespace ebb
