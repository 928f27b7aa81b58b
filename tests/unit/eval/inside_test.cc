// What happens inside a model under error, against a computation that keeps everything.
#include "eval/inside.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "eval/likelihood.h"

namespace ebb {
namespace {

// Keeps all that an observer sees, row by row.
class Keeper final : public ForwardObserver {
 public:
  explicit Keeper(int64_t hidden) : hidden_(static_cast<size_t>(hidden)) {}

  using Row = std::vector<float>;
  std::map<int32_t, std::vector<Row>> residual;  // of a layer, by position
  std::map<int32_t, std::vector<Row>> added;     // by routed and shared experts together
  std::map<int32_t, std::vector<std::vector<int32_t>>> chosen;

  void OnResidual(LayerId layer, std::span<const BatchRow>, ConstRows rows) override {
    for (int64_t t = 0; t < rows.count; ++t) {
      residual[layer.value].emplace_back(rows.row(t), rows.row(t) + hidden_);
    }
  }
  void OnRouting(LayerId layer, std::span<const BatchRow> rows, const Routing& routing) override {
    const auto k = static_cast<size_t>(routing.experts_per_token);
    for (size_t t = 0; t < rows.size(); ++t) {
      const auto first = routing.experts.begin() + static_cast<std::ptrdiff_t>(t * k);
      chosen[layer.value].emplace_back(first, first + static_cast<std::ptrdiff_t>(k));
    }
  }
  void OnExperts(LayerId layer, std::span<const BatchRow>, ConstRows routed,
                 ConstRows shared) override {
    for (int64_t t = 0; t < routed.count; ++t) {
      Row row(routed.row(t), routed.row(t) + hidden_);
      for (size_t i = 0; shared.data != nullptr && i < hidden_; ++i) row[i] += shared.row(t)[i];
      added[layer.value].push_back(row);
    }
  }

 private:
  size_t hidden_;
};

double Norm(const Keeper::Row& x) {
  double squares = 0;
  for (const float value : x) squares += double{value} * double{value};
  return std::sqrt(squares);
}

Keeper::Row Minus(const Keeper::Row& a, const Keeper::Row& b) {
  Keeper::Row difference(a.size());
  for (size_t i = 0; i < a.size(); ++i) difference[i] = a[i] - b[i];
  return difference;
}

// Over models without and with shared experts and a dense layer.
class InsideTest : public ::testing::TestWithParam<const char*> {
 protected:
  InsideTest() {
    for (int t = 0; t < 5; ++t) {
      ScoredText text;
      text.id = fmt::format("text {}", t);
      for (int i = 0; i < 6 + 3 * t; ++i) text.tokens.push_back((i * 23 + t * 11) % 50);
      text.first_scored = static_cast<size_t>(1 + t);
      texts_.push_back(text);
    }
    EngineOptions options;
    options.threads = 2;
    options.needs_tokenizer = false;
    const std::string path = std::string(EBB_SOURCE_DIR) + "/tests/golden/models/" + GetParam();
    options.limits = LikelihoodLimits(OpenModelFiles(path)->source->config(), texts_, 3);
    options.limits.max_sequences *= 2;
    engine_ = Engine::Open(path, options).value();
  }

  const ModelConfig& config() const { return engine_->config(); }

  InjectedExperts Inject(const std::string& text) {
    const std::vector<InjectionSpec> specs = {ParseInjection(text).value()};
    return MakeInjection(*engine_, specs, nullptr, pool_).value();
  }

  std::vector<InsideItem> Measure(const InjectedExperts& injected, int64_t batch = 3) {
    auto result = EvaluateKl({engine_.get(), &injected, engine_.get(), true}, texts_, batch, pool_);
    EXPECT_TRUE(result.has_value()) << result.error().ToString();
    return std::move(result->inside);
  }

  // The whole text in one sequence, with the experts that the engine has now.
  Keeper Keep(const ScoredText& text) {
    Keeper keeper(config().hidden_size);
    engine_->set_observer(&keeper);
    const auto sequence = engine_->NewSequence();
    const StepInput input = {sequence.get(), text.tokens, WantedLogits::kNone};
    EXPECT_TRUE(engine_->Step({&input, 1}, [](size_t, size_t, std::span<const float>) {}));
    engine_->set_observer(nullptr);
    return keeper;
  }

  std::vector<ScoredText> texts_;
  std::unique_ptr<Engine> engine_;
  const ThreadPool pool_{2};
};

TEST_P(InsideTest, NoErrorChangesNothing) {
  for (const InsideItem& item : Measure(Inject("noise:normal,rel:0"))) {
    for (const InsideSums& sums : item.layers) {
      EXPECT_EQ(sums.drift, 0);
      EXPECT_EQ(sums.flips, 0);
    }
  }
}

TEST_P(InsideTest, DriftAndFlipsAreThoseOfTheWholeRun) {
  const InjectedExperts injected = Inject("noise:normal,rel:0.8,seed=5");
  const std::vector<InsideItem> items = Measure(injected);
  int64_t flips = 0;
  for (size_t t = 0; t < texts_.size(); ++t) {
    const Keeper before = Keep(texts_[t]);
    injected.Install(*engine_);
    const Keeper after = Keep(texts_[t]);
    engine_->RestoreExperts();
    EXPECT_EQ(items[t].tokens, static_cast<int64_t>(texts_[t].scored()));
    for (int32_t l = 0; l < config().num_layers; ++l) {
      double drift = 0;
      int64_t flipped = 0;
      for (size_t p = texts_[t].first_scored - 1; p + 1 < texts_[t].tokens.size(); ++p) {
        const Keeper::Row& h = before.residual.at(l)[p];
        drift += Norm(Minus(after.residual.at(l)[p], h)) / Norm(h);
        if (!config().IsMoeLayer({l})) continue;
        flipped += before.chosen.at(l)[p] == after.chosen.at(l)[p] ? 0 : 1;
      }
      const InsideSums& sums = items[t].layers[static_cast<size_t>(l)];
      EXPECT_NEAR(sums.drift, drift, 1e-5 * drift + 1e-12) << "layer " << l;
      EXPECT_EQ(sums.flips, flipped) << "layer " << l;
      flips += flipped;
    }
  }
  EXPECT_GT(flips, 0) << "else the test says nothing about flips";
}

TEST_P(InsideTest, CarriedIsWhatGoesMissingWithoutTheExperts) {
  const int32_t layer = config().moe.first_dense_layers;
  InjectedExperts injected =
      Inject(fmt::format("noise:uniform,rel:0.1,layers={},experts=0-2", layer));
  const std::vector<InsideItem> items = Measure(injected);
  for (auto& [key, weights] : injected.weights) {
    ExpertWeights zero = engine_->ReadExpert(key).value();
    std::fill(zero.down.begin(), zero.down.end(), 0.0f);
    weights = std::make_shared<ExpertWeights>(std::move(zero));
  }
  double all = 0;
  for (size_t t = 0; t < texts_.size(); ++t) {
    const Keeper with = Keep(texts_[t]);
    injected.Install(*engine_);
    const Keeper without = Keep(texts_[t]);
    engine_->RestoreExperts();
    double carried = 0;
    for (size_t p = texts_[t].first_scored - 1; p + 1 < texts_[t].tokens.size(); ++p) {
      const Keeper::Row& rest = without.added.at(layer)[p];
      const double part = Norm(Minus(with.added.at(layer)[p], rest));
      if (part > 0) carried += part / (part + Norm(rest));
    }
    EXPECT_NEAR(items[t].layers[static_cast<size_t>(layer)].carried, carried, 1e-4);
    all += carried;
  }
  EXPECT_GT(all, 0);
  EXPECT_EQ(items[0].layers.back().carried, 0) << "no expert of the last layer was changed";
}

TEST_P(InsideTest, DoesNotDependOnTheBatchAndSumsUp) {
  const InjectedExperts injected = Inject("noise:normal,rel:0.4,experts=1");
  const std::vector<InsideItem> items = Measure(injected);
  const std::vector<InsideItem> alone = Measure(injected, 1);
  for (size_t t = 0; t < items.size(); ++t) {
    for (size_t l = 0; l < items[t].layers.size(); ++l) {
      EXPECT_EQ(items[t].layers[l].drift, alone[t].layers[l].drift);
      EXPECT_EQ(items[t].layers[l].flips, alone[t].layers[l].flips);
      EXPECT_EQ(items[t].layers[l].carried, alone[t].layers[l].carried);
    }
  }
  const auto layers = SummariseInside(items, config()).value();
  ASSERT_EQ(static_cast<int64_t>(layers.size()), config().num_layers);
  double drift = 0;
  int64_t tokens = 0;
  for (const InsideItem& item : items) {
    drift += item.layers.back().drift;
    tokens += item.tokens;
  }
  EXPECT_NEAR(layers.back().drift.value, drift / static_cast<double>(tokens), 1e-12);
  EXPECT_LE(layers.back().drift.interval.low, layers.back().drift.value);
  EXPECT_GE(layers.back().drift.interval.high, layers.back().drift.value);
  EXPECT_EQ(layers[0].has_experts, config().moe.first_dense_layers == 0);
  EXPECT_FALSE(SummariseInside({}, config()).has_value());
}

INSTANTIATE_TEST_SUITE_P(Models, InsideTest,
                         ::testing::Values("mixtral_plain", "deepseek_moonlight"));

}  // namespace
}  // namespace ebb
