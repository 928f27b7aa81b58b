// Which experts a token goes to.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "arch/model_config.h"

namespace ebb {

// The choice for a batch: of row t the entries [t k, (t + 1) k) with k = experts_per_token, experts
// in rising order. A row that takes no part has experts of -1.
struct Routing {
  int64_t experts_per_token = 0;
  std::span<int32_t> experts;
  std::span<float> weights;
};

// Chooses by scores. Not thread-safe (it keeps its scratch memory).
class Router {
 public:
  explicit Router(const MoeConfig& moe);

  // Chooses for one token, as docs/numbers.md says: `scores` are the softmax or sigmoid values of
  // all experts, `bias` is empty or added for the choice only; `experts` and `weights` have room
  // for experts_per_token. Any scores are allowed: NaN counts as the lowest, so that the experts
  // are always valid, distinct and in rising order.
  void Choose(std::span<const float> scores, std::span<const float> bias,
              std::span<int32_t> experts, std::span<float> weights);

 private:
  void RankExperts(std::span<const float> scores, std::span<const float> bias);
  void LeaveOutGroups();
  float GroupScore(int64_t group) const;
  void Weigh(std::span<const float> scores, std::span<const int32_t> experts,
             std::span<float> weights) const;

  const MoeConfig moe_;
  std::vector<float> ranks_;         // of the experts; never NaN
  std::vector<int32_t> order_;       // of the experts
  std::vector<float> group_scores_;  // never NaN
  std::vector<int32_t> group_order_;
};

}  // namespace ebb
