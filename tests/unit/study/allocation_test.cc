// Sharing bytes out: against all possibilities of small cases.
#include "study/allocation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

namespace ebb {
namespace {

using Groups = std::vector<std::vector<AllocationChoice>>;

// The least cost of any choice within the budget; infinite if there is none.
double BestCost(const Groups& groups, double budget, size_t group = 0) {
  if (budget < 0) return std::numeric_limits<double>::infinity();
  if (group == groups.size()) return 0;
  double best = std::numeric_limits<double>::infinity();
  for (const AllocationChoice& choice : groups[group]) {
    best = std::min(best, choice.cost + BestCost(groups, budget - choice.bytes, group + 1));
  }
  return best;
}

// c r^2 at bytes that fall with log2 r, as of codecs.
Groups RateLike(const std::vector<double>& coefficients, int steps) {
  Groups groups;
  for (const double c : coefficients) {
    groups.emplace_back();
    for (int i = 0; i < steps; ++i) groups.back().push_back({10.0 + i, c * std::exp2(-2.0 * i)});
  }
  return groups;
}

TEST(AllocationTest, IsOptimalWhereTheBudgetEndsAStep) {
  const Groups groups = RateLike({1, 4, 64, 0.25}, 8);
  for (double budget = 40; budget <= 68; ++budget) {
    const Allocation allocation = Allocate(groups, budget).value();
    EXPECT_LE(allocation.bytes, budget);
    EXPECT_NEAR(allocation.cost, BestCost(groups, budget), 1e-12) << budget;
  }
}

TEST(AllocationTest, EqualisesWhatEachGroupContributes) {
  // The optimum of c r^2 under one total of log2 r has equal c r^2.
  const Groups groups = RateLike({1, 4, 64, 0.25}, 20);
  const Allocation allocation = Allocate(groups, 40 + 40).value();
  for (size_t g = 0; g < groups.size(); ++g) {
    EXPECT_NEAR(std::log2(groups[g][allocation.chosen[g]].cost),
                std::log2(groups[0][allocation.chosen[0]].cost), 2.0);
  }
}

TEST(AllocationTest, IsWithinAStepOfTheBestOnAnyChoices) {
  std::mt19937 random(5);
  std::uniform_real_distribution<double> draw(0, 1);
  for (int trial = 0; trial < 200; ++trial) {
    Groups groups(4);
    double largest_step = 0;
    for (auto& choices : groups) {
      for (int i = 0; i < 5; ++i) choices.push_back({draw(random) * 10, draw(random)});
      for (const AllocationChoice& choice : choices) {
        largest_step = std::max(largest_step, choice.cost);
      }
    }
    const double budget = draw(random) * 40;
    const auto allocation = Allocate(groups, budget);
    const double best = BestCost(groups, budget);
    ASSERT_EQ(allocation.has_value(), std::isfinite(best));
    if (!allocation) continue;
    double bytes = 0;
    double cost = 0;
    for (size_t g = 0; g < groups.size(); ++g) {
      bytes += groups[g][allocation->chosen[g]].bytes;
      cost += groups[g][allocation->chosen[g]].cost;
    }
    EXPECT_NEAR(bytes, allocation->bytes, 1e-9);
    EXPECT_NEAR(cost, allocation->cost, 1e-9);
    EXPECT_LE(bytes, budget + 1e-9);
    EXPECT_LE(cost, best + largest_step);
  }
}

TEST(AllocationTest, NeverTakesAChoiceThatIsWorseInBoth) {
  const Groups groups = {{{5, 1}, {6, 2}, {7, 0.5}, {7, 3}}};
  EXPECT_EQ(Allocate(groups, 6.5)->chosen[0], 0u);
  EXPECT_EQ(Allocate(groups, 7)->chosen[0], 2u);
  const auto none = Allocate(groups, 4.9);
  ASSERT_FALSE(none.has_value());
  EXPECT_EQ(none.error().code, ErrorCode::kOutOfMemory);
}

}  // namespace
}  // namespace ebb
