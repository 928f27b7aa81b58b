// Injection: what a specification means, and that only what it means is changed.
#include "eval/injection.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <set>

namespace ebb {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string Golden(const std::string& name) {
  return std::string(EBB_SOURCE_DIR) + "/tests/golden/models/" + name;
}

std::unique_ptr<Engine> OpenGolden() {
  EngineOptions options;
  options.threads = 2;
  options.needs_tokenizer = false;
  options.limits.max_positions = 24;
  options.limits.max_sequences = 4;
  return Engine::Open(Golden("mixtral_plain"), options).value();
}

InjectionSpec Spec(const std::string& text) {
  auto spec = ParseInjection(text);
  EXPECT_TRUE(spec.has_value()) << text << ": " << spec.error().ToString();
  return spec.value_or(InjectionSpec{});
}

void ExpectMistake(const std::string& text, const std::string& part) {
  const auto spec = ParseInjection(text);
  ASSERT_FALSE(spec.has_value()) << text;
  EXPECT_EQ(spec.error().code, ErrorCode::kInvalidArgument) << text;
  EXPECT_THAT(spec.error().message, HasSubstr(part)) << text;
  EXPECT_EQ(spec.error().message.find('\n'), std::string::npos);
}

TEST(InjectionSpecTest, ReadsEveryPart) {
  const InjectionSpec spec = Spec("noise:normal,rel:0.5,layers=9-18,experts=top1,seed=3");
  EXPECT_EQ(spec.codec->info().name, "noise:normal");
  EXPECT_EQ(spec.bound, ErrorBound::Relative(0.5));
  ASSERT_EQ(spec.layers.size(), 10u);
  EXPECT_EQ(spec.layers.front(), 9);
  EXPECT_EQ(spec.layers.back(), 18);
  EXPECT_EQ(spec.experts.kind, ExpertSelection::Kind::kTop);
  EXPECT_EQ(spec.experts.count, 1);
  EXPECT_EQ(spec.seed, 3u);
}

TEST(InjectionSpecTest, ReadsListsAndDefaults) {
  const InjectionSpec lists = Spec("randomise,experts=5,0,2-3,3,layers=4,1");
  EXPECT_EQ(lists.codec, nullptr);
  EXPECT_THAT(lists.layers, ElementsAre(1, 4));
  EXPECT_THAT(lists.experts.ids, ElementsAre(0, 2, 3, 5));
  const InjectionSpec plain = Spec("ebb,abs:1e-3");
  EXPECT_EQ(plain.codec->info().name, "ebb:fast");
  EXPECT_TRUE(plain.layers.empty());
  EXPECT_EQ(plain.experts.kind, ExpertSelection::Kind::kAll);
  EXPECT_EQ(plain.seed, 0u);
  EXPECT_EQ(Spec("rtn4").bound, ErrorBound::Lossless()) << "it spends 4 bits whatever the bound is";
  EXPECT_EQ(Spec("ebb,rel:0.1,experts=random3").experts.kind, ExpertSelection::Kind::kRandom);
}

TEST(InjectionSpecTest, SaysWhatIsWrong) {
  ExpectMistake("", "is no codec");
  ExpectMistake("noise:cubic,rel:0.1", "noise:normal");
  ExpectMistake("noise:normal", "needs a bound");
  ExpectMistake("noise:normal,layers=1", "needs a bound");
  ExpectMistake("noise:normal,0.5", "not an error bound");
  ExpectMistake("noise:normal,rel:-1", "not an error bound");
  ExpectMistake("noise:normal,rel:nan", "not an error bound");
  ExpectMistake("noise:normal,rel:0.5,rel:0.6", "no key=value");
  ExpectMistake("randomise,rel:0.5", "takes no bound");
  ExpectMistake("ebb,rel:0.5,layer=1", "layers, experts, seed");
  ExpectMistake("ebb,rel:0.5,layers=", "layers=nothing");
  ExpectMistake("ebb,rel:0.5,layers=5-3", "layers=5-3");
  ExpectMistake("ebb,rel:0.5,layers=1,x", "layers=x");
  ExpectMistake("ebb,rel:0.5,layers=1,", "layers=nothing");
  ExpectMistake("ebb,rel:0.5,layers=-1", "layers=-1");
  ExpectMistake("ebb,rel:0.5,layers=0-2000000000", "layers=");
  ExpectMistake("ebb,rel:0.5,experts=top", "experts=top");
  ExpectMistake("ebb,rel:0.5,experts=top0", "experts=top0");
  ExpectMistake("ebb,rel:0.5,experts=random-1", "experts=random-1");
  ExpectMistake("ebb,rel:0.5,experts=most", "experts=most");
  ExpectMistake("ebb,rel:0.5,seed=x", "seed=x");
  ExpectMistake("noise:normal+dither,rel:0.5", "has no bound");
  ExpectMistake("rtn4+dither", "has no bound");
  ExpectMistake("+dither,rel:0.5", "codec");
  ExpectMistake("ebb,rel:0.5,seed=1,seed=2", "twice");
}

// Every range may be as long as there are ids; ten thousand of them asked for 40 GB.
TEST(InjectionSpecTest, AListOfIdsIsLimitedAsAWhole) {
  EXPECT_EQ(Spec("ebb,rel:0.5,experts=0-1048575").experts.ids.size(), 1u << 20);
  EXPECT_EQ(Spec("ebb,rel:0.5,layers=0-9,0-9,3").layers.size(), 10u);
  ExpectMistake("ebb,rel:0.5,experts=0-1048575,0", "experts= lists more than 1048576 ids");
  ExpectMistake("ebb,rel:0.5,layers=0-1048576", "layers= lists more than 1048576 ids");
  std::string many = "ebb,rel:0.5,experts=0-1048575";
  for (int i = 0; i < 10000; ++i) many += ",0-1048575";
  const auto spec = ParseInjection(many);
  ASSERT_FALSE(spec.has_value());
  EXPECT_LT(spec.error().ToString().size(), 400u) << "the error repeats all of it";
}

class InjectionTest : public ::testing::Test {
 protected:
  const std::unique_ptr<Engine> engine_ = OpenGolden();
  const ModelConfig& config_ = engine_->config();
  const ThreadPool pool_{2};

  InjectedExperts Make(const std::vector<std::string>& texts,
                       const SelectionCounter* counter = nullptr) {
    std::vector<InjectionSpec> specs;
    for (const std::string& text : texts) {
      specs.push_back(Spec(text));
      EXPECT_TRUE(CheckInjection(specs.back(), config_).has_value());
    }
    auto injected = MakeInjection(*engine_, specs, counter, pool_);
    EXPECT_TRUE(injected.has_value()) << injected.error().ToString();
    return std::move(*injected);
  }

  std::vector<float> Logits() {
    const auto sequence = engine_->NewSequence();
    const std::vector<int32_t> tokens = {1, 7, 3, 9, 4, 4, 2};
    const StepInput input = {sequence.get(), tokens, WantedLogits::kAll};
    std::vector<float> all;
    EXPECT_TRUE(engine_
                    ->Step({&input, 1},
                           [&](size_t, size_t, std::span<const float> row) {
                             all.insert(all.end(), row.begin(), row.end());
                           })
                    .has_value());
    return all;
  }
};

TEST_F(InjectionTest, RefusesWhatTheModelDoesNotHave) {
  const auto check = [&](const std::string& text) {
    const Status status = CheckInjection(Spec(text), config_);
    EXPECT_FALSE(status.has_value()) << text;
    return status ? "" : status.error().message;
  };
  EXPECT_THAT(check("ebb,rel:0.1,layers=99"), HasSubstr("layer 99"));
  EXPECT_THAT(check("ebb,rel:0.1,experts=99"), HasSubstr("expert 99"));
  EXPECT_THAT(check("ebb,rel:0.1,experts=top99"), HasSubstr("99 experts"));
}

TEST_F(InjectionTest, ChangesTheChosenExpertsOnlyAndKeepsTheBound) {
  const InjectedExperts injected = Make({"ebb,rel:0.2,layers=1,experts=0,2"});
  ASSERT_EQ(injected.weights.size(), 2u);
  for (const auto& entry : injected.weights) {
    EXPECT_EQ(entry.first.layer.value, 1);
    EXPECT_TRUE(entry.first.expert.value == 0 || entry.first.expert.value == 2);
    const ExpertWeights before = engine_->ReadExpert(entry.first).value();
    MagnitudeSum magnitude;
    for (const auto* matrix : {&before.gate, &before.up, &before.down}) magnitude.Add(*matrix);
    const float bound = AbsoluteBound(ErrorBound::Relative(0.2), magnitude.Mean());
    double worst = 0;
    const auto compare = [&](const std::vector<float>& a, const std::vector<float>& b) {
      ASSERT_EQ(a.size(), b.size());
      for (size_t i = 0; i < a.size(); ++i) {
        worst = std::max(worst, std::abs(double{a[i]} - double{b[i]}));
      }
    };
    compare(before.gate, entry.second->gate);
    compare(before.up, entry.second->up);
    compare(before.down, entry.second->down);
    EXPECT_LE(worst, double{bound});
    EXPECT_GT(worst, 0.5 * double{bound});
  }
  const InjectionSummary& summary = injected.summaries.at(0);
  EXPECT_EQ(summary.experts.size(), 2u);
  EXPECT_LE(*summary.max_error_over_bound, 1);
  EXPECT_GT(*summary.bits_per_weight, 1);

  const std::vector<float> own = Logits();
  injected.Install(*engine_);
  EXPECT_NE(Logits(), own);
  engine_->RestoreExperts();
  EXPECT_EQ(Logits(), own);
}

TEST_F(InjectionTest, ZeroNoiseChangesNoBit) {
  const std::vector<float> own = Logits();
  Make({"noise:normal,rel:0"}).Install(*engine_);
  EXPECT_EQ(Logits(), own);
  Make({"ebb,lossless"}).Install(*engine_);
  EXPECT_EQ(Logits(), own);
}

TEST_F(InjectionTest, TheSeedDecidesAndNothingElse) {
  const std::string spec = "noise:normal,rel:0.5,seed=";
  const auto same = [](const InjectedExperts& a, const InjectedExperts& b) {
    for (const auto& entry : a.weights) {
      if (entry.second->gate != b.weights.at(entry.first)->gate) return false;
    }
    return true;
  };
  const InjectedExperts first = Make({spec + "1"});
  EXPECT_TRUE(same(first, Make({spec + "1"})));
  EXPECT_FALSE(same(first, Make({spec + "2"})));
  EXPECT_NEAR(first.summaries[0].rmse_over_mean_abs, 0.5, 0.02);
  EXPECT_FALSE(first.summaries[0].bits_per_weight.has_value());
  // Every matrix has its own draws.
  const ExpertWeights before = engine_->ReadExpert({{0}, {0}}).value();
  const ExpertWeights& after = *first.weights.at({{0}, {0}});
  size_t equal = 0;
  for (size_t i = 0; i < before.gate.size(); ++i) {
    equal += std::abs((after.gate[i] - before.gate[i]) - (after.up[i] - before.up[i])) < 1e-7;
  }
  EXPECT_LT(equal, before.gate.size() / 10);
}

TEST_F(InjectionTest, DitherRoundsOtherwiseForEachSeedUnderTheSameBound) {
  const InjectedExperts plain = Make({"ebb:fast,rel:0.3"});
  const InjectedExperts first = Make({"ebb:fast+dither,rel:0.3,seed=1"});
  const InjectedExperts again = Make({"ebb:fast+dither,rel:0.3,seed=1"});
  const InjectedExperts second = Make({"ebb:fast+dither,rel:0.3,seed=2"});
  for (const InjectedExperts* injected : {&first, &second}) {
    const InjectionSummary& summary = injected->summaries.front();
    EXPECT_GT(*summary.max_error_over_bound, 0.9);
    EXPECT_LE(*summary.max_error_over_bound, 1);
    EXPECT_NEAR(summary.rmse_over_mean_abs, 0.3 / std::sqrt(3), 0.01);
  }
  for (const auto& [key, weights] : first.weights) {
    EXPECT_EQ(weights->gate, again.weights.at(key)->gate);
    EXPECT_NE(weights->gate, second.weights.at(key)->gate);
    EXPECT_NE(weights->gate, plain.weights.at(key)->gate);
  }
}

TEST_F(InjectionTest, RandomisedWeightsKeepTheirSizeOnly) {
  const InjectedExperts injected = Make({"randomise,layers=0,experts=1"});
  const ExpertWeights before = engine_->ReadExpert({{0}, {1}}).value();
  const ExpertWeights& after = *injected.weights.at({{0}, {1}});
  double squares_before = 0;
  double squares_after = 0;
  double product = 0;
  for (size_t i = 0; i < before.up.size(); ++i) {
    squares_before += std::pow(double{before.up[i]}, 2);
    squares_after += std::pow(double{after.up[i]}, 2);
    product += double{before.up[i]} * double{after.up[i]};
  }
  EXPECT_NEAR(squares_after / squares_before, 1, 0.2);
  EXPECT_LT(std::abs(product) / squares_before, 0.2);
}

TEST_F(InjectionTest, LaterInjectionsActOnWhatIsThere) {
  const InjectedExperts randomised = Make({"randomise,layers=0,experts=0"});
  const InjectedExperts both = Make({"randomise,layers=0,experts=0", "ebb,lossless,experts=0"});
  EXPECT_EQ(both.weights.at({{0}, {0}})->down, randomised.weights.at({{0}, {0}})->down);
}

TEST_F(InjectionTest, ChoosesByCountAndAtRandom) {
  SelectionCounter counter(config_);
  const auto k = static_cast<size_t>(config_.moe.experts_per_token);
  std::vector<int32_t> experts(k);
  for (size_t i = 0; i < k; ++i) experts[i] = static_cast<int32_t>(i) + 1;
  Routing routing;
  routing.experts_per_token = config_.moe.experts_per_token;
  routing.experts = experts;
  counter.OnRouting({1}, {}, routing);
  const auto top = ChooseExperts(Spec("ebb,rel:0.1,experts=top1"), config_, &counter);
  ASSERT_EQ(top.size(), static_cast<size_t>(config_.num_layers));
  EXPECT_EQ(top[0], (ExpertKey{{0}, {0}})) << "equal counts go to the lower id";
  EXPECT_EQ(top[1], (ExpertKey{{1}, {1}}));

  std::set<std::vector<ExpertKey>> draws;
  for (int seed = 0; seed < 20; ++seed) {
    const InjectionSpec spec =
        Spec(fmt::format("ebb,rel:0.1,layers=0,experts=random2,seed={}", seed));
    const auto drawn = ChooseExperts(spec, config_, nullptr);
    ASSERT_EQ(drawn.size(), 2u);
    EXPECT_LT(drawn[0], drawn[1]);
    EXPECT_EQ(drawn, ChooseExperts(spec, config_, nullptr));
    draws.insert(drawn);
  }
  EXPECT_GT(draws.size(), 2u);
}

TEST(InjectedBytesTest, IsAtLeastWhatIsHeld) {
  const auto engine = OpenGolden();
  const ModelConfig& config = engine->config();
  const auto expert_bytes =
      static_cast<uint64_t>(config.hidden_size * config.moe.intermediate_size) * 3 * sizeof(float);
  const auto experts_of = [&](const std::vector<std::string>& texts) {
    std::vector<InjectionSpec> specs;
    for (const std::string& text : texts) specs.push_back(Spec(text));
    const uint64_t bytes = InjectedBytes(specs, config, 1);
    EXPECT_EQ(bytes % expert_bytes, 0u);
    return bytes / expert_bytes;
  };
  constexpr uint64_t kScratch = 2;  // of one thread
  EXPECT_EQ(experts_of({}), 0u);
  EXPECT_EQ(experts_of({"rtn4,layers=0,experts=1,3"}), 2 + kScratch);
  EXPECT_EQ(experts_of({"rtn4"}), 16 + kScratch);
  EXPECT_EQ(experts_of({"rtn4,experts=top3"}), 6 + kScratch);
  EXPECT_EQ(experts_of({"rtn4,experts=random3,layers=1"}), 3 + kScratch);
  // The second may choose others than the first, and holds both while it replaces them.
  EXPECT_EQ(experts_of({"rtn4,experts=1", "rtn4,experts=top2"}), 2 + 4 + 4 + kScratch);
  EXPECT_EQ(experts_of({"rtn4", "rtn3,experts=top2"}), 16 + 16 + kScratch);
}

}  // namespace
}  // namespace ebb
