// Plans: what cells say, sizes that are those of the file, and what is written for compress.
#include "study/plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>

#include "checkpoint/checkpoint.h"
#include "pack/compress.h"
#include "testing/forwarding_source.h"
#include "testing/temp_dir.h"

namespace ebb {
namespace {

using ::testing::HasSubstr;

std::unique_ptr<WeightSource> Source() {
  return OpenCheckpoint(std::string(EBB_SOURCE_DIR) + "/tests/golden/models/mixtral_plain").value();
}

// A fit with a measured coefficient for each expert of the golden model.
DivergenceFit Fit(const ModelConfig& config) {
  std::vector<DivergencePoint> points;
  for (int32_t layer = 0; layer < 2; ++layer) {
    for (int32_t e = 0; e < config.moe.num_experts; ++e) {
      for (const double rate : {0.5, 1.0}) {
        points.push_back({{LayerId{layer}, ExpertId{e}}, rate, std::exp2(e) * rate * rate, 0});
      }
    }
  }
  return FitDivergence(points, config).value();
}

class PlanTest : public ::testing::Test {
 protected:
  const std::unique_ptr<WeightSource> source_ = Source();
  const ThreadPool pool_{2};
};

TEST_F(PlanTest, TakesTheBytesThatItSays) {
  const DivergenceFit fit = Fit(source_->config());
  const auto sizes = ExpertSizes::Create(*source_, CodecSetting::kFast).value();
  const uint64_t weights = sizes.experts().size() * sizes.weights_of_expert();
  const uint64_t budget = weights * 4 / 8;
  const MadePlan plan = MakePlan(fit, sizes, budget, pool_).value();
  EXPECT_TRUE(plan.size_is_exact);
  EXPECT_LE(plan.size_bytes, budget);
  EXPECT_GT(plan.size_bytes, budget * 97 / 100);
  EXPECT_LT(plan.predicted_kl, plan.uniform_predicted_kl);

  TempDir dir;
  CompressOptions options;
  EXPECT_TRUE(ReadBoundPlan(Json::parse(PlanToJson(plan.bounds).dump()), source_->config(), "plan",
                            &options.plan)
                  .has_value());
  EXPECT_EQ(options.plan.Fingerprint(), plan.bounds.Fingerprint());
  const CompressReport report = Compress(*source_, dir.Path("m.ebb"), options, pool_).value();
  EXPECT_LE(report.expert_bytes, budget);
  EXPECT_NEAR(static_cast<double>(report.expert_bytes), static_cast<double>(plan.size_bytes),
              static_cast<double>(sizes.slack_bytes()));
}

TEST_F(PlanTest, GivesSensitiveExpertsFinerBounds) {
  const auto sizes = ExpertSizes::Create(*source_, CodecSetting::kFast).value();
  const uint64_t weights = sizes.experts().size() * sizes.weights_of_expert();
  const MadePlan plan = MakePlan(Fit(source_->config()), sizes, weights * 5 / 8, pool_).value();
  for (size_t t = 0; t + 1 < plan.targets.size(); ++t) {
    if (plan.targets[t].fit.target.layer != plan.targets[t + 1].fit.target.layer) continue;
    EXPECT_GE(plan.targets[t].rate, plan.targets[t + 1].rate);
    EXPECT_LE(plan.targets[t].rate, 1.0) << "beyond what was measured";
  }
  EXPECT_GT(plan.targets[0].rate, 2 * plan.targets[7].rate);
}

TEST_F(PlanTest, SaysTheLeastThatCanBeHad) {
  const auto sizes = ExpertSizes::Create(*source_, CodecSetting::kFast).value();
  const auto plan = MakePlan(Fit(source_->config()), sizes, 100, pool_);
  ASSERT_FALSE(plan.has_value());
  EXPECT_THAT(plan.error().ToString(), HasSubstr("--size"));
  EXPECT_THAT(plan.error().ToString(), HasSubstr("rel:1"));
}

CellResults Cell(const std::string& label, std::vector<double> kls, size_t items = 3) {
  CellResults cell;
  cell.label = label;
  cell.measures_kl = true;
  cell.has_kl.resize(items);
  cell.tokens.resize(items);
  cell.sum_kl.resize(items);
  for (size_t i = 0; i < kls.size(); ++i) {
    cell.has_kl[i] = 1;
    cell.tokens[i] = 10;
    cell.sum_kl[i] = kls[i];
  }
  return cell;
}

// From the least size that works on, every size works: a step of the correction that finds nothing
// takes nothing away.
TEST_F(PlanTest, EverySizeAboveTheLeastWorks) {
  const auto sizes = ExpertSizes::Create(*source_, CodecSetting::kFast).value();
  const DivergenceFit fit = Fit(source_->config());
  const uint64_t weights = sizes.experts().size() * sizes.weights_of_expert();
  bool works = false;
  int refused = 0;
  for (uint64_t per_mille = 1500; per_mille < 3500; per_mille += 40) {
    const uint64_t budget = weights * per_mille / 8000;
    const auto plan = MakePlan(fit, sizes, budget, pool_);
    if (!plan) {
      EXPECT_FALSE(works) << budget << ": " << plan.error().ToString();
      ++refused;
      continue;
    }
    works = true;
    EXPECT_LE(plan->size_bytes, budget);
  }
  EXPECT_TRUE(works);
  EXPECT_GT(refused, 0);
}

// Counts how often weights are read, which they are for every encoding.
class CountingSource : public ForwardingSource {
 public:
  using ForwardingSource::ForwardingSource;
  Status ReadRows(const TensorSpec& tensor, uint64_t first, uint64_t count,
                  std::span<std::byte> to) const override {
    ++reads_;
    return ForwardingSource::ReadRows(tensor, first, count, to);
  }
  uint64_t TakeReads() const { return reads_.exchange(0); }

 private:
  mutable std::atomic<uint64_t> reads_ = 0;
};

TEST_F(PlanTest, WhatIsChosenAgainIsNotEncodedAgain) {
  const CountingSource source(*source_);
  const auto sizes = ExpertSizes::Create(source, CodecSetting::kFast).value();
  for (const ExpertKey& key : sizes.experts()) {
    ASSERT_TRUE(sizes.Bytes(key, ErrorBound::Relative(0.5)).has_value());
  }
  const uint64_t once = source.TakeReads();
  const uint64_t weights = sizes.experts().size() * sizes.weights_of_expert();
  const auto plan = MakePlan(Fit(source_->config()), sizes, 4 * weights, pool_);
  ASSERT_TRUE(plan.has_value()) << plan.error().ToString();
  EXPECT_LT(plan->size_bytes, 4 * weights * 9 / 10) << "the finest grid takes as much";
  // Thirteen bounds of the size curve, and what was chosen.
  EXPECT_EQ(source.TakeReads(), 14 * once);
}

TEST_F(PlanTest, FindsTheCellsThatSayHowSensitiveALayerIs) {
  StudyResults study;
  DataResults data;
  data.name = "arith";
  data.items = 3;
  data.kl_items = 2;
  study.data = {data, data};
  study.data[1].name = "math";
  study.cells = {Cell("ebb:fast,rel:0.5,layers=1", {1, 3}),
                 Cell("ebb:fast,rel:0.25,layers=0,experts=7", {2, 2}),
                 Cell("ebb:small,rel:0.5,layers=0,experts=0-7", {2, 6}),
                 Cell("ebb:fast,rel:0.5,layers=0", {1}),  // one of two items
                 Cell("ebb:fast,rel:0.5,layers=0", {1, NAN}),
                 Cell("ebb:fast,rel:0.5", {1, 1}),
                 Cell("ebb:fast,rel:0.5,layers=0,experts=top1", {1, 1}),
                 Cell("ebb:fast,rel:0.5,layers=0,experts=1,2", {1, 1}),
                 Cell("ebb:fast,abs:0.5,layers=0", {1, 1}),
                 Cell("ebb:fast,rel:0.5,layers=5", {1, 1}),
                 Cell("noise:normal,rel:0.5,layers=0", {1, 1}),
                 Cell("rtn4,layers=0", {1, 1}),
                 Cell("ebb:fast,rel:0.5,layers=0 | rtn4", {1, 1})};
  const auto found = FindSensitivityCells(study, source_->config(), "").value();
  EXPECT_EQ(found.data, "arith");
  EXPECT_EQ(found.unfinished, 2);
  ASSERT_EQ(found.points.size(), 3u);
  EXPECT_EQ(PlanTargetName(found.points[0].target), "1");
  EXPECT_EQ(found.points[0].mean_kl, 0.2);
  EXPECT_NEAR(found.points[0].log_variance, 2 * 0.25 * 0.25, 1e-12);
  EXPECT_EQ(PlanTargetName(found.points[1].target), "0/7");
  EXPECT_EQ(found.points[1].log_variance, 0);
  EXPECT_EQ(found.points[2].rate, 0.5);
  EXPECT_FALSE(found.points[2].target.expert.has_value());

  study.cells.push_back(study.cells[0]);
  study.cells.back().data = 1;
  const auto both = FindSensitivityCells(study, source_->config(), "");
  ASSERT_FALSE(both.has_value());
  EXPECT_THAT(both.error().ToString(), HasSubstr("arith, math"));
  EXPECT_EQ(FindSensitivityCells(study, source_->config(), "math")->points.size(), 1u);
  // A cell whose divergence nobody wants is neither unfinished nor a data set to choose.
  study.cells.back().measures_kl = false;
  study.cells[3].measures_kl = false;
  const auto asked = FindSensitivityCells(study, source_->config(), "");
  ASSERT_TRUE(asked.has_value()) << asked.error().ToString();
  EXPECT_EQ(asked->unfinished, 1);
  const auto none = FindSensitivityCells(study, source_->config(), "gsm8k");
  ASSERT_FALSE(none.has_value());
  EXPECT_THAT(none.error().ToString(), HasSubstr("single layers or experts"));
}

}  // namespace
}  // namespace ebb
