// The statistics against scipy and statsmodels (tools/goldens/make_stats_goldens.py), and the
// properties that a table of values does not show.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "base/json.h"
#include "stats/bootstrap.h"
#include "stats/crossed.h"
#include "stats/multiple.h"
#include "stats/permutation.h"
#include "stats/proportions.h"
#include "stats/router.h"
#include "stats/special.h"

namespace ebb {
namespace {

const Json& Goldens(const char* part) {
  static const Json goldens =
      *ReadJsonFile(std::string(EBB_SOURCE_DIR) + "/tests/golden/stats/goldens.json", 1 << 20);
  return goldens.at(part);
}

void ExpectClose(double value, double expected, double relative = 1e-10) {
  EXPECT_NEAR(value, expected, relative * std::max(std::abs(expected), 1e-12));
}

PairedCounts CountsOf(const Json& row) {
  return {row.value("both", 0), row["only_before"], row["only_after"], row.value("neither", 0)};
}

TEST(StatsTest, NormalQuantilesAreScipys) {
  for (const Json& row : Goldens("quantiles"))
    EXPECT_NEAR(NormalQuantile(row["p"]), row["z"], 1e-12);
  EXPECT_EQ(NormalQuantile(0), -std::numeric_limits<double>::infinity());
  EXPECT_EQ(NormalQuantile(1), std::numeric_limits<double>::infinity());
  EXPECT_TRUE(std::isnan(NormalQuantile(1.5)));
}

TEST(StatsTest, BinomialTailsAreScipys) {
  for (const Json& row : Goldens("binomials")) {
    ExpectClose(BinomialHalfCdf(row["k"], row["n"]), row["cdf"], 1e-8);
  }
  EXPECT_EQ(BinomialHalfCdf(-1, 5), 0);
  EXPECT_EQ(BinomialHalfCdf(5, 5), 1);
}

TEST(StatsTest, WilsonIntervalsAreStatsmodels) {
  for (const Json& row : Goldens("wilson")) {
    const auto estimate = WilsonInterval(row["hits"], row["items"], row["confidence"]);
    ASSERT_TRUE(estimate.has_value());
    EXPECT_NEAR(estimate->interval.low, row["low"], 1e-12);
    EXPECT_NEAR(estimate->interval.high, row["high"], 1e-12);
  }
  EXPECT_EQ(WilsonInterval(0, 10)->interval.low, 0);
  EXPECT_EQ(WilsonInterval(10, 10)->interval.high, 1);
  for (const auto& [hits, items] : {std::pair(1, 0), std::pair(-1, 5), std::pair(6, 5)}) {
    EXPECT_EQ(WilsonInterval(hits, items).error().code, ErrorCode::kInvalidArgument);
  }
  EXPECT_FALSE(WilsonInterval(1, 2, 1.0).has_value());
}

TEST(StatsTest, McNemarIsStatsmodels) {
  for (const Json& row : Goldens("mcnemar"))
    ExpectClose(*McNemarExact(CountsOf(row)), row["p"], 1e-9);
  EXPECT_FALSE(McNemarExact({1, -1, 0, 0}).has_value());
}

TEST(StatsTest, PairedDifferencesAreNewcombes) {
  for (const Json& row : Goldens("paired_difference")) {
    const auto estimate = PairedDifference(CountsOf(row));
    ASSERT_TRUE(estimate.has_value());
    EXPECT_NEAR(estimate->value, row["value"], 1e-12);
    EXPECT_NEAR(estimate->interval.low, row["low"], 1e-12) << row.dump();
    EXPECT_NEAR(estimate->interval.high, row["high"], 1e-12) << row.dump();
  }
  EXPECT_FALSE(PairedDifference({}).has_value());
}

TEST(StatsTest, SwappingBeforeAndAfterMirrorsTheDifference) {
  const auto there = PairedDifference({400, 30, 12, 58});
  const auto back = PairedDifference({400, 12, 30, 58});
  EXPECT_DOUBLE_EQ(there->value, -back->value);
  EXPECT_NEAR(there->interval.low, -back->interval.high, 1e-15);
  EXPECT_EQ(*McNemarExact({400, 30, 12, 58}), *McNemarExact({400, 12, 30, 58}));
}

TEST(StatsTest, PairsAreCountedByItem) {
  const std::vector<uint8_t> before = {1, 1, 0, 0, 1};
  const std::vector<uint8_t> after = {1, 0, 1, 0, 1};
  const auto counts = CountPairs(before, after);
  ASSERT_TRUE(counts.has_value());
  EXPECT_EQ(counts->both, 2);
  EXPECT_EQ(counts->only_before, 1);
  EXPECT_EQ(counts->only_after, 1);
  EXPECT_EQ(counts->neither, 1);
  EXPECT_FALSE(CountPairs(before, std::vector<uint8_t>{1}).has_value());
}

TEST(StatsTest, SmallestDropsSolveTheirEquation) {
  for (const Json& row : Goldens("smallest_drop")) {
    const auto drop =
        SmallestDetectableDrop(row["items"], row["discordant"], row["alpha"], row["power"]);
    ASSERT_TRUE(drop.has_value());
    EXPECT_NEAR(*drop, row["drop"], 1e-9) << row.dump();
  }
  EXPECT_LT(*SmallestDetectableDrop(1000, 0.1), *SmallestDetectableDrop(100, 0.1));
  EXPECT_FALSE(SmallestDetectableDrop(0, 0.1).has_value());
  EXPECT_FALSE(SmallestDetectableDrop(10, 1.1).has_value());
}

TEST(StatsTest, AdjustedValuesAreStatsmodels) {
  for (const Json& row : Goldens("adjusted")) {
    const std::vector<double> p = row["p"];
    const std::vector<double> holm = row["holm"];
    const std::vector<double> bh = row["bh"];
    const auto our_holm = HolmAdjusted(p);
    const auto our_bh = BenjaminiHochbergAdjusted(p);
    ASSERT_TRUE(our_holm.has_value() && our_bh.has_value());
    for (size_t i = 0; i < p.size(); ++i) {
      EXPECT_NEAR((*our_holm)[i], holm[i], 1e-14);
      EXPECT_NEAR((*our_bh)[i], bh[i], 1e-14);
      EXPECT_GE((*our_bh)[i], p[i]);
      EXPECT_GE((*our_holm)[i], (*our_bh)[i]);
    }
  }
  EXPECT_TRUE(HolmAdjusted({})->empty());
  for (const double bad : {-0.1, 1.1, std::nan("")}) {
    const std::vector<double> p = {0.5, bad};
    EXPECT_FALSE(HolmAdjusted(p).has_value());
    EXPECT_FALSE(BenjaminiHochbergAdjusted(p).has_value());
  }
}

TEST(StatsTest, BootstrapOfOneSeedIsScipysWithinItsNoise) {
  for (const Json& row : Goldens("bootstrap")) {
    const std::vector<double> values = row["values"];
    const auto estimate = BootstrapMean(values, static_cast<int64_t>(values.size()), 1);
    ASSERT_TRUE(estimate.has_value());
    EXPECT_NEAR(estimate->value, row["mean"], 1e-12);
    // A tail quantile of 10,000 draws has a deviation of about 0.027 of theirs; means of n verdicts
    // come in steps of 1/n.
    const double noise =
        0.15 * row["deviation"].get<double>() + 1 / static_cast<double>(values.size());
    EXPECT_NEAR(estimate->interval.low, row["low"], noise);
    EXPECT_NEAR(estimate->interval.high, row["high"], noise);
  }
}

TEST(StatsTest, BootstrapIsTheSameForTheSameSeed) {
  std::vector<double> values;
  for (int i = 0; i < 60; ++i) values.push_back(i % 7 < 4 ? 1 : 0);
  const auto a = BootstrapMean(values, 20, 3, {1000, 0.95, 7});
  const auto b = BootstrapMean(values, 20, 3, {1000, 0.95, 7});
  const auto c = BootstrapMean(values, 20, 3, {1000, 0.95, 8});
  EXPECT_EQ(a->interval.low, b->interval.low);
  EXPECT_EQ(a->interval.high, b->interval.high);
  EXPECT_TRUE(a->interval.low != c->interval.low || a->interval.high != c->interval.high);
}

TEST(StatsTest, BootstrapSeesTheSpreadOfSeeds) {
  // All items agree within a seed: resampling items alone would see no spread at all.
  std::vector<double> values;
  for (int seed = 0; seed < 5; ++seed) values.insert(values.end(), 40, seed * 0.1);
  const auto estimate = BootstrapMean(values, 40, 5);
  ASSERT_TRUE(estimate.has_value());
  EXPECT_NEAR(estimate->value, 0.2, 1e-12);
  EXPECT_LT(estimate->interval.low, 0.12);
  EXPECT_GT(estimate->interval.high, 0.28);
}

TEST(StatsTest, BootstrapOfAConstantIsItself) {
  const auto estimate = BootstrapMean(std::vector<double>(30, 0.25), 10, 3);
  EXPECT_EQ(estimate->interval.low, 0.25);
  EXPECT_EQ(estimate->interval.high, 0.25);
}

// All resamples of one item are the same, which is no reason to be sure of its mean.
TEST(StatsTest, BootstrapOfOneItemHasNoInterval) {
  const auto unknown = [](const Estimate& estimate) {
    return std::isnan(estimate.interval.low) && std::isnan(estimate.interval.high);
  };
  const auto mean = BootstrapMean(std::vector<double>{0.25, 0.75}, 1, 2);
  ASSERT_TRUE(mean.has_value());
  EXPECT_DOUBLE_EQ(mean->value, 0.5);
  EXPECT_TRUE(unknown(*mean));
  const auto ratio = BootstrapRatio(std::vector<double>{3, 0}, std::vector<double>{6, 0});
  ASSERT_TRUE(ratio.has_value());
  EXPECT_DOUBLE_EQ(ratio->value, 0.5);
  EXPECT_TRUE(unknown(*ratio));
  const std::vector<std::vector<float>> items = {{}, {1, 2, 3}};
  const auto quantiles = BootstrapQuantiles(items, std::vector<double>{0.5});
  ASSERT_TRUE(quantiles.has_value());
  EXPECT_DOUBLE_EQ((*quantiles)[0].value, 2);
  EXPECT_TRUE(unknown((*quantiles)[0]));
  const auto two = BootstrapMean(std::vector<double>{0, 1}, 2, 1);
  ASSERT_TRUE(two.has_value());
  EXPECT_FALSE(unknown(*two));
}

TEST(StatsTest, BootstrapOfARatioWeighsItemsByTheirDenominators) {
  // Sums over tokens of items with different numbers of them: 6 / 12, not the mean of the ratios.
  const std::vector<double> sums = {1, 4, 1};
  const std::vector<double> tokens = {1, 8, 3};
  const auto estimate = BootstrapRatio(sums, tokens);
  ASSERT_TRUE(estimate.has_value());
  EXPECT_DOUBLE_EQ(estimate->value, 0.5);
  // A resample's ratio lies between the smallest and the largest of an item: 1/3 and 1.
  EXPECT_GE(estimate->interval.low, 1.0 / 3);
  EXPECT_LE(estimate->interval.high, 1);
  EXPECT_LT(estimate->interval.low, 0.5);
  EXPECT_GT(estimate->interval.high, 0.5);
}

TEST(StatsTest, OneItemUnderSeveralSeedsSaysNothingOfOtherItems) {
  const auto estimate =
      BootstrapRatio(std::vector<double>{1, 0, 2, 0}, std::vector<double>{4, 0, 4, 0}, 2, 2);
  ASSERT_TRUE(estimate.has_value());
  EXPECT_EQ(estimate->value, 3.0 / 8);
  EXPECT_TRUE(std::isnan(estimate->interval.low));
}

TEST(StatsTest, BootstrapOfARatioIsThatOfTheMeanWhereDenominatorsAreOne) {
  std::vector<double> values;
  for (int i = 0; i < 200; ++i) values.push_back((i * 37 % 101) / 101.0);
  const auto ratio = BootstrapRatio(values, std::vector<double>(values.size(), 1));
  const auto mean = BootstrapMean(values, static_cast<int64_t>(values.size()), 1);
  ASSERT_TRUE(ratio.has_value() && mean.has_value());
  EXPECT_NEAR(ratio->value, mean->value, 1e-12);
  // Other draws of the same law: within a tenth of the interval's width.
  const double tenth = (mean->interval.high - mean->interval.low) / 10;
  EXPECT_NEAR(ratio->interval.low, mean->interval.low, tenth);
  EXPECT_NEAR(ratio->interval.high, mean->interval.high, tenth);
}

TEST(StatsTest, BootstrapOfARatioDrawsAgainWhereAllDenominatorsAreZero) {
  // Two items of twenty have tokens: an eighth of the resamples have none.
  std::vector<double> sums(20, 0), tokens(20, 0);
  sums[3] = 6;
  tokens[3] = 4;
  sums[12] = 3;
  tokens[12] = 2;
  const auto estimate = BootstrapRatio(sums, tokens);
  ASSERT_TRUE(estimate.has_value());
  EXPECT_EQ(estimate->value, 1.5);
  EXPECT_EQ(estimate->interval.low, 1.5);
  EXPECT_EQ(estimate->interval.high, 1.5);
}

TEST(StatsTest, BootstrapOfARatioRefusesWrongTables) {
  const std::vector<double> two = {1, 2};
  EXPECT_FALSE(BootstrapRatio(two, std::vector<double>{1, 2, 3}).has_value());
  EXPECT_FALSE(BootstrapRatio(two, std::vector<double>{1, -1}).has_value());
  EXPECT_FALSE(BootstrapRatio(two, std::vector<double>{0, 0}).has_value());
  EXPECT_FALSE(BootstrapRatio(std::vector<double>{}, std::vector<double>{}).has_value());
  EXPECT_FALSE(BootstrapRatio(two, std::vector<double>{1, INFINITY}).has_value());
}

TEST(StatsTest, BootstrapQuantilesAreThoseOfTheDrawnItems) {
  const std::vector<std::vector<float>> items = {{3, 1}, {}, {2, 5, 4}};
  const std::vector<double> qs = {0.75, 0.5, 0.0, 1.0};
  const auto quantiles = BootstrapQuantiles(items, qs).value();
  EXPECT_EQ(quantiles[0].value, 4);
  EXPECT_EQ(quantiles[1].value, 3);
  EXPECT_EQ(quantiles[2].value, 1);
  EXPECT_EQ(quantiles[3].value, 5);
  // Drawn items may be the first alone, or the last alone: medians 2 and 4, likely enough to show.
  EXPECT_EQ(quantiles[1].interval.low, 2);
  EXPECT_EQ(quantiles[1].interval.high, 4);
  // The same by sorting each resample would give the same quantiles, interpolated.
  EXPECT_EQ(BootstrapQuantiles(std::vector<std::vector<float>>{{1, 2}}, qs).value()[1].value, 1.5);
  EXPECT_FALSE(BootstrapQuantiles(std::vector<std::vector<float>>{{}, {}}, qs).has_value());
  EXPECT_FALSE(BootstrapQuantiles(std::vector<std::vector<float>>{{NAN}}, qs).has_value());
}

TEST(StatsTest, BootstrapQuantilesCoverTheMedian) {
  // Clusters of normal values: the interval of the median should hold 0 about 95 times of 100.
  std::mt19937 random(11);
  std::normal_distribution<float> draw;
  int covered = 0;
  for (int trial = 0; trial < 200; ++trial) {
    std::vector<std::vector<float>> items(60);
    for (auto& item : items) {
      const float shared = draw(random);
      for (int i = 0; i < 5; ++i) item.push_back(shared + draw(random));
    }
    BootstrapOptions options;
    options.resamples = 200;
    const Interval interval =
        BootstrapQuantiles(items, std::vector<double>{0.5}, options).value()[0].interval;
    covered += interval.low <= 0 && interval.high >= 0 ? 1 : 0;
  }
  EXPECT_GE(covered, 178);
  EXPECT_LE(covered, 198);
}

TEST(StatsTest, BootstrapRefusesWrongTables) {
  const std::vector<double> six(6, 1);
  EXPECT_FALSE(BootstrapMean(six, 4, 2).has_value());
  EXPECT_FALSE(BootstrapMean(six, 0, 0).has_value());
  EXPECT_FALSE(BootstrapMean(six, 3, 2, {10, 0.95, 1}).has_value());
  EXPECT_FALSE(BootstrapMean(six, 3, 2, {1000, 0, 1}).has_value());
  EXPECT_FALSE(BootstrapMean(std::vector<double>{1, std::nan("")}, 2, 1).has_value());
}

TEST(StatsTest, ARatioOverSeedsStaysAShare) {
  // Long items agree wholly, short ones half: resampling numerators alone would pass 1.
  std::vector<double> agreed;
  std::vector<double> tokens;
  for (int seed = 0; seed < 3; ++seed) {
    for (int i = 0; i < 10; ++i) {
      tokens.push_back(i < 5 ? 100 : 2);
      agreed.push_back(i < 5 ? 100 : 1);
    }
  }
  const auto share = BootstrapRatio(agreed, tokens, 10, 3);
  ASSERT_TRUE(share.has_value());
  EXPECT_DOUBLE_EQ(share->value, 505.0 / 510);
  EXPECT_LE(share->interval.high, 1);
  EXPECT_LT(share->interval.low, share->value);
  EXPECT_FALSE(BootstrapRatio(agreed, tokens, 10, 2).has_value());
  // Seeds count: where they differ and items do not, the interval is that of seeds.
  for (size_t i = 0; i < agreed.size(); ++i) {
    tokens[i] = 10;
    agreed[i] = static_cast<double>(5 + 2 * (i / 10));
  }
  const auto seeds = BootstrapRatio(agreed, tokens, 10, 3);
  EXPECT_DOUBLE_EQ(seeds->value, 0.7);
  EXPECT_DOUBLE_EQ(seeds->interval.low, 0.5);
  EXPECT_DOUBLE_EQ(seeds->interval.high, 0.9);
}

TEST(StatsTest, StudentsTIsScipys) {
  for (const Json& row : Goldens("student")) {
    ExpectClose(StudentTTwoSided(row["t"], row["freedom"]), row["p"], 1e-9);
  }
  for (const Json& row : Goldens("student_quantiles")) {
    EXPECT_NEAR(StudentTQuantile(row["p"], row["freedom"]), row["t"],
                1e-9 * std::max(1.0, std::abs(row["t"].get<double>())));
  }
  EXPECT_EQ(StudentTTwoSided(std::numeric_limits<double>::infinity(), 3), 0);
  EXPECT_TRUE(std::isnan(StudentTTwoSided(1, 0)));
  EXPECT_TRUE(std::isnan(StudentTQuantile(1, 5)));
}

TEST(StatsTest, CrossedComparisonsAreTheirMeanSquares) {
  for (const Json& row : Goldens("crossed")) {
    const DrawValues first = row["first"];
    const DrawValues second = row["second"];
    const auto found = CompareCrossed({first}, {second, row["fixed"]});
    ASSERT_TRUE(found.has_value()) << found.error().ToString();
    EXPECT_NEAR(found->difference, row["difference"], 1e-12);
    EXPECT_NEAR(found->standard_error, row["error"], 1e-12);
    ExpectClose(found->freedom, row["freedom"], 1e-9);
    ExpectClose(found->p_value, row["p"], 1e-8);
    EXPECT_NEAR(found->interval.low, row["low"], 1e-9);
    EXPECT_NEAR(found->interval.high, row["high"], 1e-9);
    // The other way round it is the same with the other sign.
    const auto turned = CompareCrossed({second, row["fixed"]}, {first});
    EXPECT_NEAR(turned->difference, -found->difference, 1e-12);
    EXPECT_NEAR(turned->p_value, found->p_value, 1e-12);
  }
}

TEST(StatsTest, CrossedComparisonsRefuseWhatTheyCannotTell) {
  const DrawValues two = {{1, 2, 3}, {1, 2, 4}};
  const DrawValues one = {{1, 2, 3}};
  const DrawValues single = {{1}, {2}};
  const DrawValues not_finite = {{1, 2, NAN}, {1, 2, 3}};
  const DrawValues shorter = {{1, 2}};
  const DrawValues none;
  EXPECT_FALSE(CompareCrossed({one}, {one}).has_value()) << "one draw each";
  EXPECT_FALSE(CompareCrossed({two, true}, {two, true}).has_value());
  EXPECT_FALSE(CompareCrossed({two}, {shorter}).has_value());
  EXPECT_FALSE(CompareCrossed({single}, {single}).has_value()) << "one item";
  EXPECT_FALSE(CompareCrossed({none}, {two}).has_value());
  EXPECT_FALSE(CompareCrossed({not_finite}, {two}).has_value());
  EXPECT_FALSE(CompareCrossed({two}, {two}, 1).has_value());
  const DrawValues twice = {{1, 0}, {1, 0}};
  const DrawValues once = {{1, 0}};
  const auto same = CompareCrossed({twice}, {once, true});
  EXPECT_EQ(same->p_value, 1);
  EXPECT_EQ(same->standard_error, 0);
  EXPECT_EQ(same->interval.low, 0);
  EXPECT_EQ(same->interval.high, 0);
}

// How often the test calls a difference that is none, at 0.05. `draw(arm, items)` gives an arm.
template <typename Draw>
double FalseAlarms(int first_draws, int second_draws, bool fixed, int items, const Draw& draw) {
  constexpr int kTrials = 2000;
  int alarms = 0;
  for (int trial = 0; trial < kTrials; ++trial) {
    const auto [first, second] = draw(first_draws, second_draws, fixed, items);
    alarms += CompareCrossed({first}, {second, fixed})->p_value < 0.05 ? 1 : 0;
  }
  return static_cast<double>(alarms) / kTrials;
}

struct Design {
  int first;
  int second;
  bool fixed;
};
constexpr Design kDesigns[] = {{5, 5, false}, {1, 5, false}, {5, 1, true}};

TEST(StatsTest, CrossedTestsKeepTheirLevelOnGaussianCells) {
  std::mt19937_64 random(21);
  std::normal_distribution<double> normal;
  for (const Design& design : kDesigns) {
    for (const double draw_spread : {0.1, 0.3}) {  // of means; that of the rest is 0.05 of them
      const auto draw = [&](int first_draws, int second_draws, bool fixed, int items) {
        const auto n = static_cast<size_t>(items);
        std::vector<double> shared(n);
        for (double& of : shared) of = normal(random);
        const auto arm = [&](int draws, bool still) {
          DrawValues values;
          std::vector<double> own(n);
          for (double& of : own) of = still ? 0 : 0.2 * normal(random);
          for (int s = 0; s < draws; ++s) {
            const double luck = still ? 0 : draw_spread * normal(random);
            values.emplace_back(n);
            for (size_t i = 0; i < n; ++i) {
              values.back()[i] = shared[i] + own[i] + luck + (still ? 0 : 0.5 * normal(random));
            }
          }
          return values;
        };
        DrawValues first = arm(first_draws, false);
        return std::pair(std::move(first), arm(second_draws, fixed));
      };
      const double alarms = FalseAlarms(design.first, design.second, design.fixed, 100, draw);
      SCOPED_TRACE(fmt::format("{} against {}, spread {}: {}", design.first, design.second,
                               draw_spread, alarms));
      EXPECT_GE(alarms, 0.02);
      EXPECT_LE(alarms, 0.07);
    }
  }
}

TEST(StatsTest, CrossedTestsKeepTheirLevelOnFragileAnswers) {
  // A few items hang in the balance and a draw tips several of them at once; all others are safe.
  std::mt19937_64 random(22);
  std::normal_distribution<double> normal;
  std::uniform_real_distribution<double> uniform;
  const auto chance = [](double logit) { return 1 / (1 + std::exp(-logit)); };
  for (const Design& design : kDesigns) {
    for (const int items : {40, 500}) {
      for (const double luck_spread : {0.0, 1.0}) {
        const auto draw = [&](int first_draws, int second_draws, bool fixed, int count) {
          std::vector<double> logits(static_cast<size_t>(count), 8.0);
          for (double& logit : logits) {
            if (uniform(random) < 0.1) logit = normal(random);
          }
          const auto arm = [&](int draws, bool still) {
            DrawValues values;
            for (int s = 0; s < draws; ++s) {
              const double luck = still ? 0 : luck_spread * normal(random);
              values.emplace_back();
              for (const double logit : logits) {
                values.back().push_back(uniform(random) < chance(logit + luck) ? 1 : 0);
              }
            }
            return values;
          };
          DrawValues first = arm(first_draws, false);
          return std::pair(std::move(first), arm(second_draws, fixed));
        };
        const double alarms = FalseAlarms(design.first, design.second, design.fixed, items, draw);
        EXPECT_LE(alarms, 0.08) << design.first << " against " << design.second << ", " << items
                                << " items, luck " << luck_spread;
      }
    }
  }
}

TEST(StatsTest, CrossedTestsSeeAnEffect) {
  // A test that never alarms would keep its level too.
  std::mt19937_64 random(23);
  std::normal_distribution<double> normal;
  const auto draw = [&](int first_draws, int second_draws, bool, int items) {
    const auto arm = [&](int draws, double mean) {
      DrawValues values(static_cast<size_t>(draws));
      for (auto& row : values) {
        const double luck = 0.1 * normal(random);
        for (int i = 0; i < items; ++i) row.push_back(mean + luck + normal(random));
      }
      return values;
    };
    return std::pair(arm(first_draws, 0.5), arm(second_draws, 0));
  };
  EXPECT_GT(FalseAlarms(5, 5, false, 100, draw), 0.95);
}

TEST(StatsTest, ARatioAsAMeanHasItsVariance) {
  // Two draws of three items; r = 12 / 24.
  const DrawValues above = {{1, 2, 3}, {1, 2, 3}};
  const DrawValues below = {{2, 4, 6}, {2, 4, 6}};
  const auto linear = LineariseRatio(above, below);
  ASSERT_TRUE(linear.has_value());
  for (const auto& row : *linear) {
    for (const double value : row) EXPECT_DOUBLE_EQ(value, 0.5);  // every item has the ratio
  }
  const auto uneven = LineariseRatio({{4, 0}}, {{1, 3}});
  EXPECT_DOUBLE_EQ((*uneven)[0][0], 1 + (4 - 1) / 2.0);
  EXPECT_DOUBLE_EQ((*uneven)[0][1], 1 + (0 - 3) / 2.0);
  EXPECT_FALSE(LineariseRatio({{1, 2}}, {{0, 0}}).has_value());
  EXPECT_FALSE(LineariseRatio({{1, 2}}, {{1}}).has_value());
  EXPECT_FALSE(LineariseRatio({{1, 2}}, {{-1, 5}}).has_value());
  EXPECT_FALSE(LineariseRatio({}, {}).has_value());
}

TEST(StatsTest, SignFlipsAreTheWholeEnumeration) {
  for (const Json& row : Goldens("sign_flips")) {
    const std::vector<double> differences = row["differences"];
    const double expected = row["p"];
    const double p = SignFlipTest(differences, 200000).value();
    EXPECT_NEAR(p, expected, 5 * std::sqrt(expected * (1 - expected) / 200000) + 1e-5);
  }
  EXPECT_EQ(SignFlipTest(std::vector<double>(40, 1.0)).value(), 1.0 / 10001);
  EXPECT_EQ(SignFlipTest(std::vector<double>(5, 0.0)).value(), 1);
  EXPECT_EQ(SignFlipTest(std::vector<double>{0.3}).value(), 1);
  EXPECT_EQ(SignFlipTest(std::vector<double>{1, -2, 3.5}).value(),
            SignFlipTest(std::vector<double>{1, -2, 3.5}).value());
  EXPECT_FALSE(SignFlipTest({}).has_value());
  EXPECT_FALSE(SignFlipTest(std::vector<double>{NAN}).has_value());
  EXPECT_FALSE(SignFlipTest(std::vector<double>{1}, 0).has_value());
}

TEST(StatsTest, RouterStatisticsAreTheirFormulas) {
  for (const Json& row : Goldens("router")) {
    const std::vector<int64_t> counts = row["counts"];
    const auto statistics = DescribeSelections(counts);
    ASSERT_TRUE(statistics.has_value());
    EXPECT_NEAR(statistics->imbalance, row["imbalance"], 1e-12);
    EXPECT_NEAR(statistics->utilisation, row["utilisation"], 1e-12);
    EXPECT_NEAR(statistics->normalised_entropy, row["entropy"], 1e-12);
    EXPECT_NEAR(statistics->gini, row["gini"], 1e-12);
  }
  EXPECT_FALSE(DescribeSelections({}).has_value());
  EXPECT_FALSE(DescribeSelections(std::vector<int64_t>{0, 0}).has_value());
  EXPECT_FALSE(DescribeSelections(std::vector<int64_t>{3, -1}).has_value());
  EXPECT_FALSE(DescribeSelections(std::vector<int64_t>(2, INT64_MAX)).has_value());
}

}  // namespace
}  // namespace ebb
