// The statistics of a study against cases worked out by hand.
#include "study/analysis.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "study/tables.h"

namespace ebb {
namespace {

using ::testing::HasSubstr;

TEST(ContrastTest, OneSeedIsMcNemar) {
  // 20 items: 6 fell, 1 rose. Two-sided exact: 2 (C(7,0) + C(7,1)) / 2^7 = 16 / 128.
  SeedValues before(1, std::vector<double>(20, 1));
  SeedValues after = before;
  for (int i = 0; i < 6; ++i) after[0][static_cast<size_t>(i)] = 0;
  before[0][7] = 0;
  const auto contrast = ContrastPairs(after, before);
  ASSERT_TRUE(contrast.has_value());
  EXPECT_EQ(contrast->items, 20);
  EXPECT_EQ(contrast->fell, 6);
  EXPECT_EQ(contrast->rose, 1);
  EXPECT_NEAR(contrast->p_value, 0.125, 1e-12);
  EXPECT_DOUBLE_EQ(contrast->difference.value, -0.25);
  EXPECT_LT(contrast->difference.interval.low, -0.25);
  EXPECT_GT(contrast->difference.interval.high, -0.25);
  EXPECT_DOUBLE_EQ(contrast->detectable, SmallestDetectableDrop(20, 7.0 / 20).value());
}

TEST(ContrastTest, SeveralSeedsCountItemsNotAnswers) {
  // Two seeds that agree about every item are no more evidence than one: 3 items fell, p = 2 / 8.
  const std::vector<double> baseline(10, 1);
  std::vector<double> worse = baseline;
  worse[0] = worse[1] = worse[2] = 0;
  const auto contrast = ContrastPairs({worse, worse}, {baseline});
  ASSERT_TRUE(contrast.has_value());
  EXPECT_NEAR(contrast->p_value, 0.25, 1e-12);
  EXPECT_DOUBLE_EQ(contrast->difference.value, -0.3);
  // An item that one seed gains and another loses has not changed.
  std::vector<double> low = baseline;
  std::vector<double> high = baseline;
  low[4] = 0;
  high[4] = 2;
  const auto even = ContrastPairs({low, high}, {baseline});
  ASSERT_TRUE(even.has_value());
  EXPECT_EQ(even->rose + even->fell, 0);
  EXPECT_DOUBLE_EQ(even->p_value, 1);
  EXPECT_DOUBLE_EQ(even->difference.value, 0);
}

TEST(ContrastTest, NoChangeStillSaysWhatCouldHaveBeenSeen) {
  const SeedValues same(3, std::vector<double>(500, 1));
  const auto contrast = ContrastPairs(same, {same[0]});
  ASSERT_TRUE(contrast.has_value());
  EXPECT_NEAR(contrast->p_value, 1, 1e-12);
  EXPECT_GT(contrast->detectable, 0);
  EXPECT_LT(contrast->detectable, 0.05);
}

TEST(ContrastTest, OtherItemsAreRefused) {
  EXPECT_FALSE(ContrastPairs({{1, 0}}, {{1}}).has_value());
  EXPECT_FALSE(ContrastPairs({}, {{1}}).has_value());
  EXPECT_FALSE(ContrastPairs({{}}, {{}}).has_value());
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

  // ICA: layer 1 against the baseline and against layer 2 both fell on 10 items: p = 2 / 2^10;
  // layer 2 against the baseline: 1. Holm over the three: 3 p, 2 p -> not below the first, 1.
  const double p = 2.0 / 1024;
  int seen = 0;
  for (const ContrastRow& row : analysis->contrasts) {
    if (row.measure != Measure::kIca) continue;
    EXPECT_EQ(row.method, "holm");
    if (row.kind == "baseline" && row.first == "noise, layer 1") {
      EXPECT_NEAR(row.contrast.p_value, p, 1e-12);
      EXPECT_NEAR(row.p_adjusted, 3 * p, 1e-12);
      EXPECT_DOUBLE_EQ(row.contrast.difference.value, -0.25);
    } else if (row.kind == "baseline") {
      EXPECT_NEAR(row.p_adjusted, 1, 1e-12);
    } else {
      EXPECT_EQ(row.kind, "layers");
      EXPECT_EQ(row.second, "noise, layer 2");
      EXPECT_NEAR(row.p_adjusted, 3 * p, 1e-12);
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
      EXPECT_NEAR(row.p_adjusted, 2 * 2.0 / 1024, 1e-12);  // the smaller of two
    }
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
  for (const ContrastRow& row : analysis->contrasts) EXPECT_EQ(row.first, "noise, layer 2");
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
}

TEST_F(AnalysisTest, SeedsAgainstSeeds) {
  results_.experiments[0].compare = Contrast::kSeeds;
  for (int i = 20; i < 28; ++i) results_.cells[2].ica[static_cast<size_t>(i)] = 0;
  const auto analysis = AnalyseStudy(results_);
  ASSERT_TRUE(analysis.has_value());
  const auto row = std::find_if(
      analysis->contrasts.begin(), analysis->contrasts.end(), [](const ContrastRow& r) {
        return r.kind == "seeds" && r.measure == Measure::kIca && r.first == "noise, layer 1";
      });
  ASSERT_NE(row, analysis->contrasts.end());
  EXPECT_EQ(row->contrast.rose, 8);  // the first seed has more right than the second
  EXPECT_NEAR(row->contrast.p_value, 2.0 / 256, 1e-12);
  EXPECT_NEAR(row->p_adjusted, 4.0 / 256, 1e-12);  // of two arms
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
