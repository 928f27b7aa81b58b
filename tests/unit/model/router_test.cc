#include "model/router.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <set>

namespace ebb {
namespace {

using testing::ElementsAre;

MoeConfig Softmax(int64_t experts, int64_t k) {
  MoeConfig moe;
  moe.num_experts = experts;
  moe.experts_per_token = k;
  return moe;
}

MoeConfig Sigmoid(int64_t experts, int64_t k, int64_t groups, int64_t groups_per_token) {
  MoeConfig moe = Softmax(experts, k);
  moe.scoring = RouterScoring::kSigmoidNoAuxTc;
  moe.num_groups = groups;
  moe.groups_per_token = groups_per_token;
  return moe;
}

struct Choice {
  std::vector<int32_t> experts;
  std::vector<float> weights;
};

Choice Choose(const MoeConfig& moe, const std::vector<float>& scores,
              const std::vector<float>& bias = {}) {
  Router router(moe);
  Choice choice{std::vector<int32_t>(moe.experts_per_token),
                std::vector<float>(moe.experts_per_token)};
  router.Choose(scores, bias, choice.experts, choice.weights);
  return choice;
}

TEST(Router, TakesTheHighestInRisingOrderAndNormalises) {
  const Choice choice = Choose(Softmax(5, 2), {0.1f, 0.3f, 0.05f, 0.35f, 0.2f});
  EXPECT_THAT(choice.experts, ElementsAre(1, 3));
  const float sum = 0.3f + 0.35f;
  EXPECT_THAT(choice.weights, ElementsAre(0.3f / sum, 0.35f / sum));
}

TEST(Router, EqualScoresGoToTheLowerExpert) {
  EXPECT_THAT(Choose(Softmax(5, 2), {0.2f, 0.2f, 0.2f, 0.2f, 0.2f}).experts, ElementsAre(0, 1));
  EXPECT_THAT(Choose(Softmax(5, 3), {0.1f, 0.2f, 0.5f, 0.2f, 0.2f}).experts, ElementsAre(1, 2, 3));
}

TEST(Router, BiasDecidesButDoesNotWeigh) {
  MoeConfig moe = Sigmoid(4, 2, 1, 1);
  moe.routed_scaling_factor = 2;
  const Choice choice = Choose(moe, {0.9f, 0.5f, 0.4f, 0.1f}, {-1.0f, 0.0f, 0.0f, 1.0f});
  EXPECT_THAT(choice.experts, ElementsAre(1, 3));
  const float sum = (0.5f + 0.1f) + 1e-20f;
  EXPECT_THAT(choice.weights, ElementsAre(0.5f / sum * 2, 0.1f / sum * 2));
}

TEST(Router, WithoutNormalisationTheScoresAreScaled) {
  MoeConfig moe = Sigmoid(3, 2, 1, 1);
  moe.normalise_top_k = false;
  moe.routed_scaling_factor = 0.5;
  EXPECT_THAT(Choose(moe, {0.25f, 0.5f, 0.125f}).weights, ElementsAre(0.125f, 0.25f));
}

TEST(Router, AGroupCountsByItsTwoBest) {
  // Groups {0, 1, 2} and {3, 4, 5}: the best expert is in the first, the better pair in the second.
  const Choice choice = Choose(Sigmoid(6, 2, 2, 1), {0.9f, 0.1f, 0.1f, 0.6f, 0.5f, 0.2f});
  EXPECT_THAT(choice.experts, ElementsAre(3, 4));
}

TEST(Router, EqualGroupsGoToTheLower) {
  EXPECT_THAT(Choose(Sigmoid(6, 2, 3, 1), {0.5f, 0.5f, 0.5f, 0.5f, 0.5f, 0.5f}).experts,
              ElementsAre(0, 1));
}

TEST(Router, ScoresOfZeroDivideByTheGuard) {
  const Choice choice = Choose(Sigmoid(3, 1, 1, 1), {0.0f, 0.0f, 0.0f});
  EXPECT_THAT(choice.weights, ElementsAre(0.0f));
}

TEST(Router, AnyScoresGiveValidDistinctExperts) {
  constexpr float kOdd[] = {NAN, INFINITY, -INFINITY, 0.0f, -0.0f, 3e38f, 1e-40f, 0.5f};
  std::mt19937 random(1);
  for (int i = 0; i < 2000; ++i) {
    const MoeConfig moe = i % 2 == 0 ? Sigmoid(12, 4, 4, 2) : Softmax(12, 4);
    std::vector<float> scores(12);
    std::vector<float> bias(12);
    for (float& score : scores) score = kOdd[random() % std::size(kOdd)];
    for (float& value : bias) value = kOdd[random() % std::size(kOdd)];
    if (i < 4) std::ranges::fill(scores, NAN);
    const Choice choice = Choose(moe, scores, bias);
    EXPECT_TRUE(std::ranges::is_sorted(choice.experts));
    EXPECT_EQ(std::set<int32_t>(choice.experts.begin(), choice.experts.end()).size(), 4u);
    EXPECT_GE(choice.experts.front(), 0);
    EXPECT_LT(choice.experts.back(), 12);
    EXPECT_EQ(Choose(moe, scores, bias).experts, choice.experts);
  }
}

}  // namespace
}  // namespace ebb
