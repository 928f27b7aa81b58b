#include "model/router.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace ebb {
namespace {

constexpr float kLowest = -std::numeric_limits<float>::infinity();

float Rank(float score) { return std::isnan(score) ? kLowest : score; }

// Puts the numbers of the `count` highest of `ranks` first in `order`; of equal ones the lower
// number.
void OrderHighest(std::span<const float> ranks, int64_t count, std::vector<int32_t>& order) {
  std::iota(order.begin(), order.end(), 0);
  std::partial_sort(order.begin(), order.begin() + count, order.end(), [&](int32_t a, int32_t b) {
    return ranks[a] > ranks[b] || (ranks[a] == ranks[b] && a < b);
  });
}

}  // namespace

Router::Router(const MoeConfig& moe)
    : moe_(moe),
      ranks_(static_cast<size_t>(moe.num_experts)),
      order_(static_cast<size_t>(moe.num_experts)),
      group_scores_(static_cast<size_t>(moe.num_groups)),
      group_order_(static_cast<size_t>(moe.num_groups)) {}

void Router::Choose(std::span<const float> scores, std::span<const float> bias,
                    std::span<int32_t> experts, std::span<float> weights) {
  RankExperts(scores, bias);
  if (moe_.groups_per_token < moe_.num_groups) LeaveOutGroups();
  OrderHighest(ranks_, moe_.experts_per_token, order_);
  std::copy_n(order_.begin(), moe_.experts_per_token, experts.begin());
  std::sort(experts.begin(), experts.begin() + moe_.experts_per_token);
  Weigh(scores, experts, weights);
}

void Router::RankExperts(std::span<const float> scores, std::span<const float> bias) {
  for (size_t e = 0; e < ranks_.size(); ++e) {
    ranks_[e] = Rank(bias.empty() ? scores[e] : scores[e] + bias[e]);
  }
}

void Router::LeaveOutGroups() {
  const int64_t group_size = moe_.num_experts / moe_.num_groups;
  for (int64_t g = 0; g < moe_.num_groups; ++g) group_scores_[g] = GroupScore(g);
  OrderHighest(group_scores_, moe_.groups_per_token, group_order_);
  for (int64_t i = moe_.groups_per_token; i < moe_.num_groups; ++i) {
    std::fill_n(ranks_.begin() + group_order_[i] * group_size, group_size, kLowest);
  }
}

// The sum of the group's two highest ranks.
float Router::GroupScore(int64_t group) const {
  const int64_t group_size = moe_.num_experts / moe_.num_groups;
  float first = kLowest;
  float second = kLowest;
  for (int64_t e = group * group_size; e < (group + 1) * group_size; ++e) {
    const float rank = ranks_[e];
    second = std::max(second, std::min(first, rank));
    first = std::max(first, rank);
  }
  return Rank(first + second);
}

void Router::Weigh(std::span<const float> scores, std::span<const int32_t> experts,
                   std::span<float> weights) const {
  const auto k = static_cast<size_t>(moe_.experts_per_token);
  float sum = 0;
  for (size_t i = 0; i < k; ++i) {
    weights[i] = scores[experts[i]];
    sum = sum + weights[i];
  }
  // DeepSeek-V3 guards against a sum of 0.
  if (moe_.scoring == RouterScoring::kSigmoidNoAuxTc) sum = sum + 1e-20f;
  const auto scale = static_cast<float>(moe_.routed_scaling_factor);
  for (size_t i = 0; i < k; ++i) {
    if (moe_.normalise_top_k) weights[i] = weights[i] / sum;
    weights[i] = weights[i] * scale;
  }
}

}  // namespace ebb
