// Divergence against a computation with 100 digits, and what the evaluation makes of it.
#include "eval/likelihood.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/multiprecision/cpp_dec_float.hpp>
#include <cmath>
#include <limits>
#include <random>

namespace ebb {
namespace {

using Precise = boost::multiprecision::cpp_dec_float_100;

double PreciseKl(std::span<const float> p_logits, std::span<const float> q_logits) {
  Precise p_sum = 0;
  Precise q_sum = 0;
  for (const float logit : p_logits) p_sum += exp(Precise(logit));
  for (const float logit : q_logits) q_sum += exp(Precise(logit));
  Precise divergence = 0;
  for (size_t i = 0; i < p_logits.size(); ++i) {
    const Precise ln_ratio =
        (Precise(p_logits[i]) - log(p_sum)) - (Precise(q_logits[i]) - log(q_sum));
    divergence += exp(Precise(p_logits[i])) / p_sum * ln_ratio;
  }
  return divergence.convert_to<double>();
}

std::vector<float> Normal(size_t size, float scale, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> draw(0, scale);
  std::vector<float> values(size);
  for (float& value : values) value = draw(random);
  return values;
}

TEST(KlDivergenceTest, AgreesWithHighPrecision) {
  for (const float scale : {0.1f, 3.0f, 20.0f}) {
    for (const float change : {1e-6f, 1e-4f, 1e-2f, 1.0f, 30.0f}) {
      const std::vector<float> p = Normal(64, scale, 1);
      std::vector<float> q = Normal(64, change, 2);
      for (size_t i = 0; i < p.size(); ++i) q[i] += p[i];
      const double precise = PreciseKl(p, q);
      EXPECT_NEAR(KlDivergence(p, q), precise, 1e-9 * precise + 1e-16) << scale << " " << change;
    }
  }
}

TEST(KlDivergenceTest, EqualAndShiftedLogits) {
  const std::vector<float> p = Normal(1000, 5, 3);
  EXPECT_EQ(KlDivergence(p, p), 0);
  std::vector<float> shifted = p;
  for (float& logit : shifted) logit = static_cast<float>(std::round(logit * 64) / 64);
  std::vector<float> base = shifted;
  for (float& logit : shifted) logit += 1024;
  EXPECT_LT(KlDivergence(base, shifted), 1e-12);
}

TEST(KlDivergenceTest, ExtremeLogits) {
  const float infinity = std::numeric_limits<float>::infinity();
  EXPECT_NEAR(LogSumExp(std::vector<float>{1e30f, 1e30f}), 1e30, 1e23);
  EXPECT_NEAR(LogSumExp(std::vector<float>{-1e4f, -1e4f}), -1e4 + std::log(2.0), 1e-9);
  EXPECT_NEAR(KlDivergence(std::vector<float>{0, -2000}, std::vector<float>{-2000, 0}), 2000, 1e-9);
  EXPECT_NEAR(KlDivergence(std::vector<float>{0, -infinity}, std::vector<float>{0, 0}),
              std::log(2.0), 1e-15);
  EXPECT_EQ(KlDivergence(std::vector<float>{0, 0}, std::vector<float>{0, -infinity}), infinity);
  EXPECT_TRUE(
      std::isnan(KlDivergence(std::vector<float>{0, std::nanf("")}, std::vector<float>{0, 0})));
}

TEST(ScoredTextTest, ScoresTheSolutionOrAll) {
  ItemTokens tokens;
  tokens.prompt_ids = {1, 2, 3};
  tokens.solution_ids = {4, 5};
  EXPECT_EQ(MakeScoredText("a", tokens, false, 100).scored(), 2u);
  EXPECT_EQ(MakeScoredText("a", tokens, true, 100).scored(), 4u);
  EXPECT_EQ(MakeScoredText("a", tokens, false, 4).scored(), 1u);
  EXPECT_EQ(MakeScoredText("a", tokens, false, 2).scored(), 0u);
  tokens.prompt_ids.clear();
  EXPECT_EQ(MakeScoredText("a", tokens, false, 100).scored(), 1u);
}

class LikelihoodTest : public ::testing::Test {
 protected:
  LikelihoodTest() {
    for (int t = 0; t < 7; ++t) {
      ScoredText text;
      text.id = fmt::format("text {}", t);
      for (int i = 0; i < 4 + 3 * t; ++i) text.tokens.push_back((i * 29 + t * 7) % 50);
      text.first_scored = static_cast<size_t>(1 + t);
      texts_.push_back(text);
    }
  }

  std::unique_ptr<Engine> Open(int64_t batch) {
    EngineOptions options;
    options.threads = 2;
    options.needs_tokenizer = false;
    const std::string path = std::string(EBB_SOURCE_DIR) + "/tests/golden/models/mixtral_plain";
    options.limits = LikelihoodLimits(OpenModelFiles(path)->source->config(), texts_, batch);
    options.limits.max_sequences *= 2;
    return Engine::Open(path, options).value();
  }

  KlResult Kl(const std::string& injection, int64_t batch = 3) {
    const auto engine = Open(batch);
    const std::vector<InjectionSpec> specs = {ParseInjection(injection).value()};
    const InjectedExperts injected = MakeInjection(*engine, specs, nullptr, pool_).value();
    auto result = EvaluateKl({engine.get(), &injected, engine.get()}, texts_, batch, pool_);
    EXPECT_TRUE(result.has_value()) << result.error().ToString();
    return std::move(*result);
  }

  std::vector<ScoredText> texts_;
  const ThreadPool pool_{2};
};

TEST_F(LikelihoodTest, NoErrorIsNoDivergence) {
  const KlResult result = Kl("noise:normal,rel:0");
  EXPECT_EQ(result.mean_kl.value, 0);
  EXPECT_EQ(result.max_kl, 0);
  EXPECT_EQ(result.top1_agreement.value, 1);
  int64_t scored = 0;
  for (const ScoredText& text : texts_) scored += static_cast<int64_t>(text.scored());
  EXPECT_EQ(result.tokens, scored);
}

TEST_F(LikelihoodTest, MoreErrorIsMoreDivergenceWhateverTheBatch) {
  const KlResult little = Kl("noise:normal,rel:0.1");
  const KlResult much = Kl("noise:normal,rel:0.8");
  EXPECT_GT(little.mean_kl.value, 0);
  EXPECT_GT(much.mean_kl.value, 4 * little.mean_kl.value);
  EXPECT_LE(little.mean_kl.interval.low, little.mean_kl.value);
  EXPECT_GE(little.mean_kl.interval.high, little.mean_kl.value);
  EXPECT_LE(little.median_kl.value, little.p99_kl.value);
  EXPECT_LE(little.p99_kl.value, little.max_kl);
  for (const Estimate& quantile : {little.median_kl, little.p99_kl}) {
    EXPECT_LE(quantile.interval.low, quantile.value);
    EXPECT_GE(quantile.interval.high, quantile.value);
    EXPECT_LT(quantile.interval.low, quantile.interval.high);
  }
  const KlResult alone = Kl("noise:normal,rel:0.1", 1);
  EXPECT_EQ(alone.mean_kl.value, little.mean_kl.value);
  EXPECT_EQ(alone.p99_kl.value, little.p99_kl.value);
  EXPECT_EQ(alone.p99_kl.interval.low, little.p99_kl.interval.low);
}

TEST_F(LikelihoodTest, PerplexityIsThatOfTheLogits) {
  const auto engine = Open(2);
  const PerplexityResult result = EvaluatePerplexity(*engine, texts_, 2, pool_).value();
  double sum = 0;
  for (const ScoredText& text : texts_) {
    const auto sequence = engine->NewSequence();
    const StepInput input = {sequence.get(), text.tokens, WantedLogits::kAll};
    const auto step =
        engine->Step({&input, 1}, [&](size_t, size_t token, std::span<const float> logits) {
          if (token + 1 < text.first_scored || token + 1 >= text.tokens.size()) return;
          double total = 0;
          for (const float logit : logits) total += std::exp(double{logit});
          sum -= std::log(std::exp(double{logits[static_cast<size_t>(text.tokens[token + 1])]}) /
                          total);
        });
    ASSERT_TRUE(step.has_value());
  }
  EXPECT_NEAR(result.perplexity.value, std::exp(sum / static_cast<double>(result.tokens)), 1e-6);
}

TEST_F(LikelihoodTest, CountsEverySelection) {
  const auto engine = Open(3);
  SelectionCounter counter(engine->config());
  ASSERT_TRUE(CountSelections(*engine, texts_, 3, &counter).has_value());
  size_t tokens = 0;
  for (const ScoredText& text : texts_) tokens += text.tokens.size();
  uint64_t selections = 0;
  for (int32_t e = 0; e < engine->config().moe.num_experts; ++e) {
    selections += counter.count({{1}, {e}});
  }
  EXPECT_EQ(selections, tokens * static_cast<size_t>(engine->config().moe.experts_per_token));
}

}  // namespace
}  // namespace ebb
