// The statistics of a study against cases worked out by hand.
#include "study/analysis.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <random>

#include "stats/special.h"
#include "study/tables.h"

namespace ebb {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr bool kFixed = true;

TEST(ContrastTest, OneDrawAgainstTheBaselineIsMcNemarAndNewcombe) {
  // 20 items: 6 fell, 1 rose. Two-sided exact: 2 (C(7,0) + C(7,1)) / 2^7 = 16 / 128.
  SeedValues before(1, std::vector<double>(20, 1));
  SeedValues after = before;
  for (int i = 0; i < 6; ++i) after[0][static_cast<size_t>(i)] = 0;
  before[0][7] = 0;
  const auto contrast = ContrastArms({after, {}}, {before, {}, kFixed});
  ASSERT_TRUE(contrast.has_value());
  EXPECT_EQ(contrast->test, ContrastTest::kMcNemar);
  EXPECT_EQ(contrast->items, 20);
  EXPECT_EQ(contrast->fell, 6);
  EXPECT_EQ(contrast->rose, 1);
  EXPECT_NEAR(contrast->p_value, 0.125, 1e-12);
  const Estimate newcombe = PairedDifference({13, 6, 1, 0}).value();
  EXPECT_DOUBLE_EQ(contrast->difference.value, -0.25);
  EXPECT_DOUBLE_EQ(contrast->difference.interval.low, newcombe.interval.low);
  EXPECT_DOUBLE_EQ(contrast->difference.interval.high, newcombe.interval.high);
  EXPECT_DOUBLE_EQ(DetectableDifference(*contrast).value(),
                   SmallestDetectableDrop(20, 7.0 / 20).value());
  EXPECT_DOUBLE_EQ(DetectableDifference(*contrast, 0.01).value(),
                   SmallestDetectableDrop(20, 7.0 / 20, 0.01).value());
}

TEST(ContrastTest, SeveralSeedsCountItemsAndDraws) {
  // Two seeds that agree about every item: no variance of draws, so that V = var(d) / n with
  // d = -1 of 3 of 10 items: 0.21 * 10 / 9 / 10, and Satterthwaite's freedom is that of items.
  const std::vector<double> baseline(10, 1);
  std::vector<double> worse = baseline;
  worse[0] = worse[1] = worse[2] = 0;
  const auto contrast = ContrastArms({{worse, worse}, {}}, {{baseline}, {}, kFixed});
  ASSERT_TRUE(contrast.has_value());
  EXPECT_EQ(contrast->test, ContrastTest::kCrossed);
  EXPECT_DOUBLE_EQ(contrast->difference.value, -0.3);
  EXPECT_NEAR(contrast->standard_error, std::sqrt(0.21 / 9), 1e-12);
  EXPECT_NEAR(contrast->freedom, 9, 1e-9);
  EXPECT_NEAR(contrast->p_value, 0.081126, 1e-5);  // t = 1.963961 with 9 degrees of freedom
  // Seeds that differ widen it: the luck of a draw is no effect.
  std::vector<double> better = baseline;
  for (size_t i = 0; i < 6; ++i) worse[i] = 0;
  const auto uneven = ContrastArms({{worse, better}, {}}, {{baseline}, {}, kFixed});
  EXPECT_DOUBLE_EQ(uneven->difference.value, -0.3);
  EXPECT_GT(uneven->standard_error, 0.29);
  EXPECT_LT(uneven->freedom, 2);
  EXPECT_GT(uneven->p_value, 0.4);
}

TEST(ContrastTest, ACodecIsOneDrawOfMany) {
  // Noise of five seeds loses 1 to 9 of 100 items, a codec 9: not more than another seed would.
  SeedValues noise(5, std::vector<double>(100, 1));
  for (size_t s = 0; s < 5; ++s) {
    for (size_t i = 0; i < 1 + 2 * s; ++i) noise[s][i * 7 + s] = 0;
  }
  SeedValues codec(1, std::vector<double>(100, 1));
  for (size_t i = 0; i < 9; ++i) codec[0][i * 7 + 50 % 7] = 0;
  const auto contrast = ContrastArms({codec, {}}, {noise, {}});
  ASSERT_TRUE(contrast.has_value());
  EXPECT_EQ(contrast->test, ContrastTest::kCrossed);
  EXPECT_NEAR(contrast->difference.value, -0.04, 1e-12);
  // sd of the draws' means 0.0316, of one against five of them x sqrt(1 + 1/5).
  EXPECT_GT(contrast->standard_error, 0.0316 * std::sqrt(1.2) - 1e-4);
  EXPECT_GT(contrast->p_value, 0.2);
}

TEST(ContrastTest, NoChangeStillSaysWhatCouldHaveBeenSeen) {
  const SeedValues same(3, std::vector<double>(500, 1));
  for (const SeedValues& draws : {same, SeedValues{same[0]}}) {
    const auto contrast = ContrastArms({draws, {}}, {{same[0]}, {}, kFixed});
    ASSERT_TRUE(contrast.has_value());
    EXPECT_EQ(contrast->p_value, 1);
    // 500 of 500 twice: 3.84 / (500 + 3.84) either way, as Newcombe has it.
    EXPECT_EQ(contrast->difference.value, 0);
    EXPECT_NEAR(contrast->difference.interval.low, -0.00762, 1e-5);
    EXPECT_NEAR(contrast->difference.interval.high, 0.00762, 1e-5);
    const double detectable = DetectableDifference(*contrast).value();
    EXPECT_GT(detectable, 0);
    EXPECT_LT(detectable, 0.05);
    EXPECT_GT(DetectableDifference(*contrast, 0.001).value(), detectable);
  }
}

// How often a drop is found, at 0.05, that takes each item with some probability and under every
// draw, beside noise that flips answers draw by draw.
double Power(double drop, double noise, size_t items, std::mt19937_64* random) {
  constexpr int kTrials = 400;
  std::uniform_real_distribution<double> uniform;
  const SeedValues baseline(1, std::vector<double>(items, 1));
  int found = 0;
  for (int trial = 0; trial < kTrials; ++trial) {
    std::vector<double> fallen(items);
    for (double& item : fallen) item = uniform(*random) < drop ? 0 : 1;
    SeedValues draws(5, fallen);
    for (std::vector<double>& draw : draws) {
      for (double& item : draw) item *= uniform(*random) < noise ? 0 : 1;
    }
    found += ContrastArms({draws, {}}, {baseline, {}, kFixed})->p_value < 0.05 ? 1 : 0;
  }
  return static_cast<double>(found) / kTrials;
}

TEST(ContrastTest, WhatIsCalledDetectableIsFound) {
  std::mt19937_64 random(24);
  for (const size_t items : {size_t{100}, size_t{500}}) {
    const std::vector<double> right(items, 1);
    // Nothing changed, one or three items that fell under every draw, or one under each.
    for (const size_t fallen : {0, 1, 3}) {
      SeedValues seen(5, right);
      for (SeedValues::value_type& draw : seen) std::fill_n(draw.begin(), fallen, 0);
      const double drop =
          DetectableDifference(*ContrastArms({seen, {}}, {{right}, {}, kFixed})).value();
      EXPECT_LT(drop, 12.0 / static_cast<double>(items));
      EXPECT_GT(Power(drop, 0, items, &random), 0.75) << items << " items, " << fallen << " fell";
    }
    SeedValues noisy(5, right);
    for (size_t s = 0; s < 5; ++s) noisy[s][7 * s] = 0;
    const double drop =
        DetectableDifference(*ContrastArms({noisy, {}}, {{right}, {}, kFixed})).value();
    EXPECT_GT(Power(drop, 1 / static_cast<double>(items), items, &random), 0.75) << items;
  }
}

TEST(ContrastTest, WhereEverythingFellAlikeItemsAreTheEvidence) {
  // No variance at all, and yet no certainty: 8 of 8 items fell, p = 2 / 2^8.
  const SeedValues all(2, std::vector<double>(8, 0));
  const auto contrast = ContrastArms({all, {}}, {{std::vector<double>(8, 1)}, {}, kFixed});
  ASSERT_TRUE(contrast.has_value());
  EXPECT_NEAR(contrast->p_value, 2.0 / 256, 1e-12);
  EXPECT_DOUBLE_EQ(contrast->difference.value, -1);
  EXPECT_LT(contrast->difference.interval.low, contrast->difference.interval.high);
  // One item says nothing of other items.
  const auto one = ContrastArms({{{0}, {0}}, {}}, {{{1}}, {}, kFixed});
  ASSERT_TRUE(one.has_value());
  EXPECT_EQ(one->p_value, 1);
  EXPECT_FALSE(std::isfinite(one->difference.interval.low));
  EXPECT_EQ(DetectableDifference(*one).value(), 1);
}

TEST(ContrastTest, DivergenceIsARatioInNats) {
  // Long items diverge more: 0.3 a token of 100 tokens and 0.1 of 10, against a tenth of that.
  SeedValues sums;
  SeedValues less;
  SeedValues tokens;
  for (int s = 0; s < 4; ++s) {
    sums.emplace_back();
    less.emplace_back();
    tokens.emplace_back();
    for (int i = 0; i < 20; ++i) {
      const bool is_long = i % 2 == 0;
      const double of = is_long ? 100 : 10;
      tokens.back().push_back(of);
      sums.back().push_back(of * (is_long ? 0.3 : 0.1) * (1 + 0.01 * s));
      less.back().push_back(sums.back().back() / 10);
    }
  }
  const auto contrast = ContrastArms({sums, tokens}, {less, tokens});
  ASSERT_TRUE(contrast.has_value());
  const double mean = (30.0 + 1) / 110 * 1.015;
  EXPECT_NEAR(contrast->difference.value, 0.9 * mean, 1e-12);
  EXPECT_LT(contrast->p_value, 1e-6);
  // What could be seen is in the same unit: a few standard errors, not a share of items.
  const double detectable = DetectableDifference(*contrast).value();
  EXPECT_GT(detectable, 2.8 * contrast->standard_error);
  EXPECT_LT(detectable, 4 * contrast->standard_error);

  // One draw each: signs are flipped, and the unit stays.
  const auto single = ContrastArms({{sums[0]}, {tokens[0]}}, {{less[0]}, {tokens[0]}});
  ASSERT_TRUE(single.has_value());
  EXPECT_EQ(single->test, ContrastTest::kSignFlip);
  EXPECT_NEAR(single->difference.value, 0.9 * 31 / 110, 1e-12);
  EXPECT_LT(single->difference.interval.low, single->difference.value);
  EXPECT_LT(single->p_value, 0.001);
  EXPECT_NEAR(DetectableDifference(*single).value(),
              (1.959963985 + 0.841621234) * single->standard_error, 1e-6);
  EXPECT_FALSE(std::isfinite(DetectableDifference(*single, 1e-6).value())) << "of 10,000 flips";
  const auto nothing = ContrastArms({{sums[0]}, {tokens[0]}}, {{sums[0]}, {tokens[0]}});
  EXPECT_EQ(nothing->p_value, 1);
  EXPECT_EQ(nothing->difference.interval.high, 0);
}

TEST(ContrastTest, OtherItemsAreRefused) {
  EXPECT_FALSE(ContrastArms({{{1, 0}}, {}}, {{{1}}, {}}).has_value());
  EXPECT_FALSE(ContrastArms({{}, {}}, {{{1}}, {}}).has_value());
  EXPECT_FALSE(ContrastArms({{{}}, {}}, {{{}}, {}}).has_value());
  EXPECT_FALSE(ContrastArms({{{1, 0}}, {{1, 1}}}, {{{1, 0}}, {}}).has_value());
  EXPECT_FALSE(ContrastArms({{{1, 0}}, {{1}}}, {{{1, 0}}, {{1, 1}}}).has_value());
}

// Two layers by two seeds, 40 items, of which the first 30 are measured for divergence.
class AnalysisTest : public ::testing::Test {
 protected:
  AnalysisTest() {
    results_.data.push_back({"arith", "arith", kItems, 30, {}});
    for (int i = 0; i < kItems; ++i) results_.data[0].ids.push_back(fmt::format("item {}", i));
    AddCell("baseline", "", 0, 0);
    results_.cells[0].baseline = true;
    results_.baselines = {0};
    ExperimentResults experiment;
    experiment.name = "T4";
    experiment.compare = Contrast::kLayers;
    for (int i = 0; i < kItems; ++i) experiment.items.push_back(i);
    for (int layer = 1; layer <= 2; ++layer) {
      for (int seed = 1; seed <= 2; ++seed) {
        // Layer 1 loses the first 10 items under both seeds, layer 2 none.
        AddCell("1", fmt::format("{}", layer), seed, layer == 1 ? 10 : 0);
        experiment.members.push_back({results_.cells.size() - 1, layer - 1, std::nullopt});
      }
    }
    results_.experiments.push_back(experiment);
  }

  void AddCell(const std::string& label, const std::string& layers, int seed, int lost) {
    CellResults cell;
    cell.cell_id = static_cast<int64_t>(results_.cells.size());
    cell.label = label == "baseline" ? label : "noise, layer " + layers;
    cell.codec = "noise:normal";
    cell.bound = "rel:0.8";
    cell.layers = layers;
    cell.experts = "all";
    cell.seed = seed;
    cell.measures_accuracy = true;
    cell.measures_kl = true;
    for (int i = 0; i < kItems; ++i) {
      const bool right = i >= lost;
      cell.has_answer.push_back(1);
      cell.ica.push_back(right);
      cell.pia.push_back(right || i < 4);  // of the lost, four are right in another format
      cell.in_format.push_back(i >= 4 || right);
      cell.failure.push_back(ClassifyFailure(cell.pia.back() != 0, right, false, false, false));
      cell.answer_hash.push_back(right ? 1 : 2);
      cell.has_kl.push_back(i < 30);
      cell.tokens.push_back(i < 30 ? 10 : 0);
      cell.sum_kl.push_back(i < 30 ? 0.01 * lost : 0);
      cell.agreements.push_back(i < 30 ? 9 : 0);
      cell.sum_nll.push_back(1);
      cell.token_kl.emplace_back(i < 30 ? 10 : 0, 0.001f * static_cast<float>(lost));
    }
    results_.cells.push_back(std::move(cell));
  }

  static constexpr int kItems = 40;
  StudyResults results_;
};

TEST_F(AnalysisTest, ArmsContrastsAndTheirCorrection) {
  const auto analysis = AnalyseStudy(results_);
  ASSERT_TRUE(analysis.has_value()) << analysis.error().ToString();
  ASSERT_EQ(analysis->arms.size(), 2u);
  const Arm& first = analysis->arms[0];
  EXPECT_DOUBLE_EQ(first.ica->value, 0.75);
  EXPECT_DOUBLE_EQ(first.pia->value, 0.85);
  EXPECT_NEAR(first.mean_kl->value, 0.01, 1e-12);
  EXPECT_NEAR(first.median_kl, 0.01, 1e-8);
  EXPECT_NEAR(first.top1_agreement->value, 0.9, 1e-12);
  EXPECT_NEAR(first.failures[static_cast<size_t>(Failure::kNone)], 0.75, 1e-12);
  EXPECT_NEAR(first.failures[static_cast<size_t>(Failure::kFormatViolation)], 0.1, 1e-12);
  EXPECT_NEAR(first.failures[static_cast<size_t>(Failure::kReasoningCollapse)], 0.15, 1e-12);

  // ICA: layer 1 against the baseline and against layer 2: both seeds lose the same 10 of 40 items,
  // so that t = 0.25 / sqrt(0.1875 / 39) with 39 degrees of freedom; layer 2 against the baseline:
  // nothing. Holm over the three: 3 p, 2 p -> not below the first, 1.
  const double p = StudentTTwoSided(0.25 / std::sqrt(0.1875 / 39), 39);
  int seen = 0;
  for (const ContrastRow& row : analysis->contrasts) {
    if (row.measure != Measure::kIca) continue;
    EXPECT_EQ(row.method, "holm");
    EXPECT_EQ(row.family, 3);
    EXPECT_GT(row.detectable_adjusted, row.detectable);
    EXPECT_DOUBLE_EQ(row.detectable_adjusted, DetectableDifference(row.contrast, 0.05 / 3).value());
    if (row.kind == "baseline" && row.first == "noise, layer 1") {
      EXPECT_NEAR(row.contrast.p_value, p, 1e-9);
      EXPECT_NEAR(row.p_adjusted, 3 * p, 1e-9);
      EXPECT_DOUBLE_EQ(row.contrast.difference.value, -0.25);
      EXPECT_EQ(row.second, "baseline");
      EXPECT_FALSE(row.second_arm.has_value());
    } else if (row.kind == "baseline") {
      EXPECT_NEAR(row.p_adjusted, 1, 1e-12);
    } else {
      EXPECT_EQ(row.kind, "layers");
      EXPECT_EQ(row.second, "noise, layer 2");
      EXPECT_EQ(row.first_arm, 0u);
      EXPECT_EQ(row.second_arm, 1u);
      EXPECT_NEAR(row.p_adjusted, 3 * p, 1e-9);
    }
    ++seen;
  }
  EXPECT_EQ(seen, 3);
}

TEST_F(AnalysisTest, TheMapIsScreenedByFalseDiscoveryRate) {
  results_.experiments[0].compare = Contrast::kBaseline;
  const auto analysis = AnalyseStudy(results_);
  ASSERT_TRUE(analysis.has_value());
  for (const ContrastRow& row : analysis->contrasts) {
    EXPECT_EQ(row.kind, "baseline");
    EXPECT_EQ(row.method, "bh");
    if (row.measure == Measure::kIca && row.first == "noise, layer 1") {
      EXPECT_NEAR(row.p_adjusted, 2 * row.contrast.p_value, 1e-12);  // the smaller of two
    }
  }
}

TEST_F(AnalysisTest, SharesOverTokensStayShares) {
  // Long items agree on all tokens, short ones on few: weighted by the mean length they would
  // agree on more than all.
  for (size_t c = 1; c < 3; ++c) {
    CellResults& cell = results_.cells[c];
    for (size_t i = 0; i < 30; ++i) {
      cell.tokens[i] = i % 3 == 0 ? 90 : 3;
      cell.agreements[i] = i % 3 == 0 ? 90 : 1;
      cell.token_kl[i].assign(static_cast<size_t>(cell.tokens[i]), 0.5f);
      cell.sum_kl[i] = 0.5 * cell.tokens[i];
    }
  }
  const auto analysis = AnalyseStudy(results_);
  ASSERT_TRUE(analysis.has_value()) << analysis.error().ToString();
  const Arm& arm = analysis->arms[0];
  EXPECT_DOUBLE_EQ(arm.top1_agreement->value, 920.0 / 960);
  EXPECT_LE(arm.top1_agreement->interval.high, 1);
  EXPECT_LT(arm.top1_agreement->interval.low, 920.0 / 960);
  // 0.5 nats a token of every item: whichever are drawn, the ratio is that.
  EXPECT_NEAR(arm.mean_kl->interval.low, 0.5, 1e-12);
  EXPECT_NEAR(arm.mean_kl->interval.high, 0.5, 1e-12);
}

TEST_F(AnalysisTest, CellsOfSeveralSpecificationsAreNoLayersContrast) {
  for (size_t c = 1; c < 3; ++c) results_.cells[c].label += " | rtn4";
  const auto analysis = AnalyseStudy(results_);
  ASSERT_TRUE(analysis.has_value());
  for (const ContrastRow& row : analysis->contrasts) EXPECT_EQ(row.kind, "baseline");
  const auto tables = MakeStudyTables(results_, *analysis).value();
  for (const StudyTable& table : tables) {
    if (table.name != "sensitivity.csv") continue;
    EXPECT_THAT(table.csv, HasSubstr("T4,noise:normal,2"));
    EXPECT_THAT(table.csv, Not(HasSubstr("T4,noise:normal,1")));
  }
}

TEST_F(AnalysisTest, AFilterNarrowsTheItems) {
  results_.experiments[0].items = {0, 1, 38, 39};
  const auto analysis = AnalyseStudy(results_);
  ASSERT_TRUE(analysis.has_value());
  EXPECT_DOUBLE_EQ(analysis->arms[0].ica->value, 0.5);
  EXPECT_EQ(analysis->contrasts[0].contrast.items, 4);
}

TEST_F(AnalysisTest, AnArmThatIsNotDoneHasNoFigures) {
  results_.cells[1].has_answer[39] = 0;
  results_.cells[1].has_kl[29] = 0;
  const auto analysis = AnalyseStudy(results_);
  ASSERT_TRUE(analysis.has_value());
  EXPECT_FALSE(analysis->arms[0].ica.has_value());
  EXPECT_FALSE(analysis->arms[0].mean_kl.has_value());
  EXPECT_TRUE(analysis->arms[1].ica.has_value());
  EXPECT_TRUE(analysis->arms[0].lacks_answers);
  EXPECT_TRUE(analysis->arms[0].lacks_kl);
  EXPECT_FALSE(analysis->arms[1].lacks_answers);
  for (const ContrastRow& row : analysis->contrasts) EXPECT_EQ(row.first, "noise, layer 2");
}

TEST_F(AnalysisTest, ADivergenceThatIsNotFiniteIsNotAMissingOne) {
  results_.cells[1].sum_kl[7] = std::nan("");
  results_.cells[1].token_kl[7].assign(10, std::nanf(""));
  const auto analysis = AnalyseStudy(results_);
  ASSERT_TRUE(analysis.has_value()) << analysis.error().ToString();
  EXPECT_FALSE(analysis->arms[0].mean_kl.has_value());
  EXPECT_TRUE(analysis->arms[0].kl_not_finite);
  EXPECT_FALSE(analysis->arms[0].lacks_kl);
  const auto tables = MakeStudyTables(results_, *analysis).value();
  EXPECT_THAT(tables[1].csv, HasSubstr("measured,not finite\n"));
}

TEST_F(AnalysisTest, ANullCheckFindsOneChangedItem) {
  results_.experiments[0].compare = Contrast::kNull;
  results_.experiments[0].members = {{3, 0, std::nullopt}, {4, 1, std::nullopt}};
  results_.cells[4].answer_hash[17] = 99;
  results_.cells[4].sum_kl[3] = std::nan("");
  const auto analysis = AnalyseStudy(results_);
  ASSERT_TRUE(analysis.has_value());
  ASSERT_EQ(analysis->checks.size(), 2u);
  EXPECT_TRUE(analysis->checks[0].ok());
  EXPECT_EQ(analysis->checks[0].items, kItems);
  EXPECT_FALSE(analysis->checks[1].ok());
  EXPECT_EQ(analysis->checks[1].changed_answers, 1);
  EXPECT_EQ(analysis->checks[1].changed_kl, 1);
  EXPECT_EQ(analysis->CountChecks().failed(), 1);
}

TEST_F(AnalysisTest, ANullCheckThatIsNotMeasuredHasNotComeOutNull) {
  results_.experiments[0].compare = Contrast::kNull;
  results_.experiments[0].members = {{3, 0, std::nullopt}, {4, 1, std::nullopt}};
  results_.cells[3].has_answer[5] = 0;
  results_.cells[4].has_kl.assign(kItems, 0);
  auto analysis = AnalyseStudy(results_);
  ASSERT_TRUE(analysis.has_value());
  for (const NullCheck& check : analysis->checks) {
    EXPECT_FALSE(check.ok());
    EXPECT_EQ(check.Outcome(), "not measured yet");
  }
  EXPECT_EQ(analysis->CountChecks().unfinished(), 2);
  EXPECT_EQ(analysis->CountChecks().failed(), 0);
  // A change is known before all is measured.
  results_.cells[3].answer_hash[17] = 99;
  analysis = AnalyseStudy(results_);
  EXPECT_EQ(analysis->checks[0].Outcome(), "changed");
  EXPECT_EQ(analysis->CountChecks().failed(), 1);
  // What a cell is not asked for is not missing; without the baseline's answers nothing is checked.
  results_.cells[4].measures_kl = false;
  EXPECT_EQ(AnalyseStudy(results_)->checks[1].Outcome(), "null");
  results_.cells[0].has_answer[1] = 0;
  EXPECT_EQ(AnalyseStudy(results_)->checks[1].Outcome(), "not measured yet");
}

TEST_F(AnalysisTest, SeedsAgainstSeeds) {
  results_.experiments[0].compare = Contrast::kSeeds;
  // Seed 2 is worse, and stands first in the database.
  for (int i = 20; i < 28; ++i) results_.cells[1].ica[static_cast<size_t>(i)] = 0;
  std::swap(results_.cells[1].seed, results_.cells[2].seed);
  const auto analysis = AnalyseStudy(results_);
  ASSERT_TRUE(analysis.has_value());
  const auto row = std::find_if(
      analysis->contrasts.begin(), analysis->contrasts.end(), [](const ContrastRow& r) {
        return r.kind == "seeds" && r.measure == Measure::kIca && r.first == "noise, layer 1";
      });
  ASSERT_NE(row, analysis->contrasts.end());
  EXPECT_EQ(row->contrast.rose, 8);  // the first seed has more right than the second
  EXPECT_EQ(row->contrast.test, ContrastTest::kMcNemar);
  EXPECT_NEAR(row->contrast.p_value, 2.0 / 256, 1e-12);
  EXPECT_NEAR(row->p_adjusted, 4.0 / 256, 1e-12);  // of two arms
  // Noise that differs from itself is a failed check.
  EXPECT_EQ(analysis->CountChecks().seed_contrasts, 6);
  EXPECT_EQ(analysis->CountChecks().seeds_differ, 1);
  EXPECT_EQ(analysis->CountChecks().failed(), 1);
  EXPECT_EQ(analysis->CountChecks().unfinished(), 0);
}

TEST_F(AnalysisTest, SeedsThatAreNotMeasuredHaveNotAgreed) {
  results_.experiments[0].compare = Contrast::kSeeds;
  results_.cells[1].has_answer[5] = 0;
  results_.cells[2].sum_kl[3] = std::nan("");
  const CheckCounts counts = AnalyseStudy(results_)->CountChecks();
  EXPECT_EQ(counts.all(), 6) << "ICA, PIA and KL of two arms";
  EXPECT_EQ(counts.unfinished(), 2);
  EXPECT_EQ(counts.failed(), 1);
}

TEST_F(AnalysisTest, ARateWithoutVarianceIsNotCertain) {
  for (size_t c = 1; c < 3; ++c) results_.cells[c].ica.assign(kItems, 0);
  const auto analysis = AnalyseStudy(results_);
  ASSERT_TRUE(analysis.has_value());
  const Interval expected = WilsonInterval(0, kItems)->interval;
  EXPECT_EQ(analysis->arms[0].ica->interval.low, expected.low);
  EXPECT_EQ(analysis->arms[0].ica->interval.high, expected.high);
}

TEST_F(AnalysisTest, ItemsWithoutScoredTokensAreNoNullCheck) {
  results_.experiments[0].compare = Contrast::kNull;
  results_.experiments[0].members = {{3, 0, std::nullopt}};
  results_.cells[3].measures_accuracy = false;
  results_.cells[3].has_answer.assign(kItems, 0);
  results_.cells[3].tokens.assign(kItems, 0);
  EXPECT_EQ(AnalyseStudy(results_)->checks[0].Outcome(), "not measured yet");
}

TEST_F(AnalysisTest, CodecsAreComparedWithTheirReference) {
  results_.experiments[0].compare = Contrast::kCodecs;
  for (size_t m = 2; m < 4; ++m) results_.experiments[0].members[m].against = 0;
  const auto analysis = AnalyseStudy(results_);
  ASSERT_TRUE(analysis.has_value());
  int seen = 0;
  for (const ContrastRow& row : analysis->contrasts) {
    if (row.kind != "codecs") continue;
    EXPECT_EQ(row.first, "noise, layer 2");
    EXPECT_EQ(row.second, "noise, layer 1");
    if (row.measure == Measure::kKl) {
      EXPECT_NEAR(row.contrast.difference.value, -0.01, 1e-12);
      EXPECT_EQ(row.contrast.fell, 30);
    }
    ++seen;
  }
  EXPECT_EQ(seen, 3);
}

TEST_F(AnalysisTest, TablesHaveALineARowAndQuoteCommas) {
  const auto analysis = AnalyseStudy(results_);
  ASSERT_TRUE(analysis.has_value());
  const auto tables = MakeStudyTables(results_, *analysis);
  ASSERT_TRUE(tables.has_value()) << tables.error().ToString();
  std::map<std::string, std::string> by_name;
  for (const StudyTable& table : *tables) by_name[table.name] = table.csv;
  EXPECT_EQ(by_name.size(), 9u);
  const auto lines = [&](const char* name) {
    return std::count(by_name[name].begin(), by_name[name].end(), '\n');
  };
  EXPECT_EQ(lines("cells.csv"), 6);
  EXPECT_EQ(lines("arms.csv"), 3);
  EXPECT_EQ(lines("items.csv"), 1 + 5 * kItems);
  EXPECT_EQ(lines("sensitivity.csv"), 3);
  EXPECT_THAT(by_name["arms.csv"], HasSubstr("\"noise, layer 1\""));
  EXPECT_EQ(by_name["arms.csv"].find("nan"), std::string::npos);
}

}  // namespace
}  // namespace ebb
