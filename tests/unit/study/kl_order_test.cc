// Divergence under a budget for the unperturbed model's logits: who measures what in which order,
// that the budget is kept, and that nothing of it shows in the figures.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "study/kl_meter.h"
#include "study/scheduler.h"
#include "study/small_study.h"

namespace ebb {
namespace {

constexpr char kThreeCells[] = R"toml(
[[experiment]]
name = "three"
data = "arith"
measure = ["kl"]
codecs = ["rtn4", "rtn3", "rtn2"]
layers = ["1"]
experts = ["0"]
)toml";

class KlOrderTest : public ::testing::Test {
 protected:
  KlOrderTest() : inputs_(LoadStudy(dir_.Write("study.toml", SmallStudyText(kThreeCells)))) {
    // Of one size, so that as many fit as a test says.
    for (ScoredText& text : inputs_.data[0].texts) {
      text.tokens.resize(std::min(text.tokens.size(), text.first_scored + 6));
      EXPECT_EQ(text.scored(), 6u);
    }
  }

  uint64_t RoomFor(uint64_t items) const {
    return items * KlMeter::ReferenceBytes(inputs_.data[0].texts[0], inputs_.config);
  }

  TempDir dir_;
  StudyInputs inputs_;
};

class SchedulerTest : public KlOrderTest {
 protected:
  void SetUp() override {
    auto store = StudyStore::Open(inputs_);
    ASSERT_TRUE(store.has_value()) << store.error().ToString();
    store_ = std::move(*store);
    ASSERT_TRUE(store_
                    ->Add({{ResultTable::kRouter,
                            {int64_t{0}, int64_t{0}, int64_t{1}, int64_t{0}, int64_t{1}}}})
                    .has_value());
    scheduler_.emplace(inputs_, *store_);
    ASSERT_TRUE(scheduler_->Start().has_value());
  }
  Unit Next(int64_t worker) {
    auto unit = scheduler_->Next({0, worker});
    EXPECT_TRUE(unit.has_value() && unit->has_value());
    return **unit;
  }
  std::unique_ptr<StudyStore> store_;
  std::optional<Scheduler> scheduler_;
};

TEST_F(SchedulerTest, AWorkerStaysWithTheItemsThatItHolds) {
  scheduler_->FitReferences(RoomFor(2));
  // Items 0 and 1, 2 and 3, 4: four cells (with the baseline) on each.
  std::vector<std::vector<int64_t>> items;
  std::vector<std::set<int64_t>> cells(3);
  for (int u = 0; u < 12; ++u) {
    const Unit unit = Next(0);
    if (items.empty() || items.back() != unit.items) items.push_back(unit.items);
    cells[items.size() - 1].insert(unit.cell);
    EXPECT_EQ(unit.specs.size(), unit.cell == 0 ? 0u : 1u);
    EXPECT_EQ(unit.experts.size(), unit.specs.size());
    EXPECT_TRUE(scheduler_->Finished(unit.id).has_value());
  }
  EXPECT_THAT(items, ::testing::ElementsAre(std::vector<int64_t>{0, 1}, std::vector<int64_t>{2, 3},
                                            std::vector<int64_t>{4}));
  for (const std::set<int64_t>& of_group : cells) EXPECT_EQ(of_group.size(), 4u);
  EXPECT_TRUE(scheduler_->done());
}

TEST_F(SchedulerTest, WorkersTakeItemsOfTheirOwn) {
  scheduler_->FitReferences(RoomFor(2));
  EXPECT_THAT(Next(0).items, ::testing::ElementsAre(0, 1));
  EXPECT_THAT(Next(1).items, ::testing::ElementsAre(2, 3));
  EXPECT_THAT(Next(0).items, ::testing::ElementsAre(0, 1));
  EXPECT_THAT(Next(2).items, ::testing::ElementsAre(4));
  EXPECT_THAT(Next(1).items, ::testing::ElementsAre(2, 3));
  EXPECT_THAT(Next(3).items, ::testing::ElementsAre(0, 1)) << "all have an owner";
}

TEST_F(SchedulerTest, WhereAllFitsCellsStayWhole) {
  scheduler_->FitReferences(KlMeter::ReferenceBytes(inputs_, 0));
  for (int64_t cell = 0; cell < 4; ++cell) {
    const Unit unit = Next(0);
    EXPECT_EQ(unit.cell, cell);
    EXPECT_EQ(unit.items.size(), 5u);
  }
}

TEST_F(SchedulerTest, ItemsThatDoNotFitAtAllAreNotTornApart) {
  scheduler_->FitReferences(1);
  EXPECT_EQ(Next(0).items.size(), 5u);
}

TEST_F(SchedulerTest, LostWorkComesBackWhole) {
  scheduler_->FitReferences(RoomFor(2));
  const Unit lost = *scheduler_->Next({1, 0}).value();
  scheduler_->Lost(1);
  const Unit again = Next(0);
  EXPECT_EQ(again.cell, lost.cell);
  EXPECT_EQ(again.items, lost.items);
  EXPECT_EQ(again.specs, lost.specs);
}

class KlBudgetTest : public KlOrderTest {
 protected:
  void SetUp() override {
    EngineOptions options;
    options.threads = 1;
    options.limits = inputs_.limits;
    auto engine = Engine::Open(inputs_.file.model, options);
    ASSERT_TRUE(engine.has_value()) << engine.error().ToString();
    engine_ = std::move(*engine);
    cell_ = MakeInjection(*engine_, inputs_.cells.cells[3].specs, nullptr, pool_).value();
  }
  // The divergence of all items, twice, by a meter with this budget.
  std::vector<ItemDivergence> Measure(uint64_t budget, uint64_t* runs) {
    KlMeter meter(*engine_, inputs_, budget);
    const std::vector<int64_t> items = {0, 1, 2, 3, 4};
    std::vector<ItemDivergence> found;
    for (int round = 0; round < 2; ++round) {
      EXPECT_TRUE(meter
                      .Run(0, items, cell_, false,
                           [&](std::vector<ItemDivergence> group) -> Status {
                             EXPECT_LE(meter.held_bytes(), budget);
                             std::move(group.begin(), group.end(), std::back_inserter(found));
                             return {};
                           })
                      .has_value());
    }
    *runs = meter.reference_runs();
    return found;
  }

  const ThreadPool pool_{1};
  std::unique_ptr<Engine> engine_;
  InjectedExperts cell_;
};

TEST_F(KlBudgetTest, ABudgetIsKeptAndDoesNotShow) {
  uint64_t runs = 0;
  const uint64_t all = KlMeter::ReferenceBytes(inputs_, 0);
  const auto whole = Measure(all, &runs);
  EXPECT_EQ(runs, 5u) << "once for each item";
  ASSERT_EQ(whole.size(), 10u);
  EXPECT_GT(whole[0].sum_kl, 0);
  for (const uint64_t budget : {all - 1, RoomFor(2), RoomFor(1), uint64_t{0}}) {
    SCOPED_TRACE(budget);
    const auto cut = Measure(budget, &runs);
    EXPECT_GT(runs, 5u);
    ASSERT_EQ(cut.size(), whole.size());
    for (size_t i = 0; i < cut.size(); ++i) {
      EXPECT_EQ(cut[i].item, whole[i].item);
      EXPECT_EQ(cut[i].sum_kl, whole[i].sum_kl);
      EXPECT_EQ(cut[i].token_kl, whole[i].token_kl);
    }
  }
}

// A maximum that is no number says that there was one token whose divergence is none.
TEST(ItemDivergenceTest, TheMaximumKeepsItsNaN) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const std::vector<float> p = {0, 1};
  const std::vector<float> q = {1, 0};
  const std::vector<float> broken = {nan, 0};
  ItemDivergence item;
  item.Add(ScoreToken(p, q, 0));
  EXPECT_GT(item.max_kl, 0);
  const double before = item.max_kl;
  item.Add(ScoreToken(p, p, 0));
  EXPECT_EQ(item.max_kl, before);
  item.Add(ScoreToken(p, broken, 0));
  EXPECT_TRUE(std::isnan(item.max_kl));
  item.Add(ScoreToken(p, q, 0));
  EXPECT_TRUE(std::isnan(item.max_kl)) << "a later token took it away";
  EXPECT_TRUE(std::isnan(item.sum_kl));
  EXPECT_EQ(item.tokens, 4);
}

}  // namespace
}  // namespace ebb
