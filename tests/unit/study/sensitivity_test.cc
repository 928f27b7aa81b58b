// The law of divergence against bound: found again in data made by it, and not fooled by noise.
#include "study/sensitivity.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <random>

namespace ebb {
namespace {

using ::testing::HasSubstr;

ModelConfig Config(int64_t layers = 3, int64_t experts = 4) {
  ModelConfig config;
  config.num_layers = layers;
  config.moe.first_dense_layers = 1;
  config.moe.num_experts = experts;
  return config;
}

DivergencePoint Point(int32_t layer, double rate, double kl) {
  return {{LayerId{layer}, std::nullopt}, rate, kl, 0};
}
DivergencePoint ExpertPoint(int32_t layer, int32_t expert, double rate, double kl,
                            double variance = 0) {
  return {{LayerId{layer}, ExpertId{expert}}, rate, kl, variance};
}

TEST(SensitivityTest, FindsAnExactLawAgain) {
  std::vector<DivergencePoint> points;
  for (const double rate : {0.1, 0.4, 1.2}) {
    points.push_back(Point(1, rate, 5 * std::pow(rate, 1.7)));
    points.push_back(Point(2, rate, 0.2 * std::pow(rate, 1.7)));
  }
  const DivergenceFit fit = FitDivergence(points, Config()).value();
  EXPECT_NEAR(fit.exponent, 1.7, 1e-12);
  EXPECT_NEAR(fit.residual, 0, 1e-12);
  EXPECT_NEAR(fit.least_rate, 0.1, 1e-12);
  EXPECT_NEAR(fit.greatest_rate, 1.2, 1e-12);
  ASSERT_EQ(fit.targets.size(), 2u);
  EXPECT_NEAR(fit.targets[0].coefficient, 5, 1e-9);
  EXPECT_NEAR(fit.targets[1].coefficient, 0.2, 1e-9);
  EXPECT_EQ(fit.targets[1].bounds, 3);
  EXPECT_NEAR(fit.Predict(fit.targets[1], 0.4), 0.2 * std::pow(0.4, 1.7), 1e-12);
}

TEST(SensitivityTest, OneBoundMeansTheSquareAndUnknownNoise) {
  const DivergenceFit fit =
      FitDivergence(std::vector{Point(1, 0.5, 1.0), Point(2, 0.5, 1e-4)}, Config()).value();
  EXPECT_EQ(fit.exponent, 2);
  EXPECT_NEAR(fit.residual, std::log(2.0), 1e-12);
  EXPECT_LT(fit.targets[0].coefficient, fit.targets[0].raw);
  EXPECT_GT(fit.targets[1].coefficient, fit.targets[1].raw);
}

// The exponent goes through both points of the one group that has two: that says nothing of noise.
TEST(SensitivityTest, TheFittedExponentTakesADegreeOfFreedom) {
  const auto fit = [](double exponent, double noise) {
    std::vector<DivergencePoint> points;
    for (int32_t e = 0; e < 4; ++e) points.push_back(ExpertPoint(1, e, 1, std::exp(e)));
    points.push_back(ExpertPoint(1, 0, 0.5, std::pow(0.5, exponent)));
    if (noise != 0) points.push_back(ExpertPoint(1, 1, 0.5, std::exp(1 + noise) * 0.25));
    return FitDivergence(points, Config(2, 4)).value();
  };
  const DivergenceFit one = fit(1.7, 0);
  EXPECT_NEAR(one.exponent, 1.7, 1e-12);
  EXPECT_NEAR(one.residual, std::log(2.0), 1e-12) << "unknown, not none";
  EXPECT_LT(one.targets[3].coefficient, one.targets[3].raw);
  // A limit decides: what is left is noise, with one degree of freedom.
  const DivergenceFit clamped = fit(6, 0);
  EXPECT_EQ(clamped.exponent, 4);
  EXPECT_NEAR(clamped.residual, 2 * std::log(2.0) / std::sqrt(2.0), 1e-12);
  // Two slopes, 2 and 2 - d, and their mean: half of d ln 2 at both ends of both.
  const double noise = 0.3;
  const DivergenceFit two = fit(2, noise);
  EXPECT_NEAR(two.exponent, 2 - noise / std::log(2.0) / 2, 1e-12);
  EXPECT_NEAR(two.residual, noise / 2, 1e-12) << "four points, two means, one exponent";
}

TEST(SensitivityTest, ExpertsGoBeforeTheirLayerAndFillItUp) {
  const std::vector<DivergencePoint> points = {Point(1, 1, 0.3),
                                               Point(2, 1, 0.7),
                                               ExpertPoint(2, 0, 1, 0.1),
                                               ExpertPoint(2, 3, 1, 0.4),
                                               ExpertPoint(2, 0, 0.5, 0.025),
                                               ExpertPoint(2, 3, 0.5, 0.1)};
  const DivergenceFit fit = FitDivergence(points, Config()).value();
  ASSERT_EQ(fit.targets.size(), 5u);
  EXPECT_FALSE(fit.targets[0].target.expert.has_value());
  for (int32_t e = 0; e < 4; ++e) {
    EXPECT_EQ(fit.targets[static_cast<size_t>(e) + 1].target.expert->value, e);
  }
  EXPECT_NEAR(fit.targets[1].coefficient, 0.1, 1e-9);
  EXPECT_EQ(fit.targets[2].bounds, 0);
  EXPECT_NEAR(fit.targets[2].coefficient, 0.2, 1e-9) << "the geometric mean of those measured";
  EXPECT_NEAR(fit.targets[4].coefficient, 0.4, 1e-9);
}

TEST(SensitivityTest, PureNoiseIsShrunkAwayAndRealSpreadIsKept) {
  // 2 bounds of 64 experts: ln KL = ln c + noise of deviation 1.
  const auto measure = [](double spread) {
    std::mt19937 random(3);
    std::normal_distribution<double> normal;
    std::vector<DivergencePoint> points;
    for (int32_t e = 0; e < 64; ++e) {
      const double c = spread * normal(random);
      for (const double rate : {0.5, 1.0}) {
        points.push_back(ExpertPoint(1, e, rate, rate * rate * std::exp(c + normal(random))));
      }
    }
    return FitDivergence(points, Config(2, 64)).value();
  };
  const auto deviation = [](const DivergenceFit& fit) {
    double squares = 0;
    for (const FittedTarget& target : fit.targets) {
      squares += std::pow(std::log(target.coefficient), 2);
    }
    return std::sqrt(squares / static_cast<double>(fit.targets.size()));
  };
  EXPECT_LT(measure(0).spread, 0.5);
  EXPECT_LT(deviation(measure(0)), 0.35);
  EXPECT_NEAR(measure(3).spread, 3, 0.6);
  EXPECT_GT(deviation(measure(3)), 2.2);
  EXPECT_NEAR(measure(3).residual, 1, 0.25);
}

TEST(SensitivityTest, UncertainItemsShrinkToo) {
  const auto kept = [](double variance) {
    std::vector<DivergencePoint> points;
    for (int32_t e = 0; e < 4; ++e) {
      for (const double rate : {0.5, 1.0}) {
        points.push_back(ExpertPoint(1, e, rate, rate * rate * std::exp(e), variance));
      }
    }
    const DivergenceFit fit = FitDivergence(points, Config(2, 4)).value();
    return std::log(fit.targets[3].coefficient / fit.targets[0].coefficient);
  };
  EXPECT_NEAR(kept(0), 3, 1e-9);
  EXPECT_LT(kept(1.0), 1.5);
  EXPECT_GT(kept(1.0), 0.3);
}

TEST(SensitivityTest, NoDivergenceIsLittleDivergence) {
  const std::vector<DivergencePoint> points = {ExpertPoint(1, 0, 1, 1e-5), ExpertPoint(1, 1, 1, 0),
                                               ExpertPoint(1, 0, 0.5, 2.5e-6),
                                               ExpertPoint(1, 1, 0.5, 0)};
  const DivergenceFit fit = FitDivergence(points, Config(2, 2)).value();
  EXPECT_GT(fit.targets[1].coefficient, 0);
  EXPECT_LT(fit.targets[1].coefficient, 1e-6);
  const DivergenceFit nothing =
      FitDivergence(std::vector{Point(1, 1, 0), Point(2, 1, 0)}, Config()).value();
  EXPECT_EQ(nothing.targets[0].coefficient, nothing.targets[1].coefficient);
}

TEST(SensitivityTest, MistakesAreNamed) {
  const auto missing = FitDivergence(std::vector{Point(1, 1, 0.1)}, Config());
  ASSERT_FALSE(missing.has_value());
  EXPECT_THAT(missing.error().ToString(), HasSubstr("layer 2"));
  EXPECT_FALSE(FitDivergence(std::vector{Point(1, 0, 0.1), Point(2, 1, 1)}, Config()).has_value());
  EXPECT_FALSE(FitDivergence(std::vector{Point(1, 1, NAN), Point(2, 1, 1)}, Config()).has_value());
}

}  // namespace
}  // namespace ebb
