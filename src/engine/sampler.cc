#include "engine/sampler.h"

#include <algorithm>
#include <cmath>

namespace ebb {
namespace {

int32_t MostLikely(std::span<const float> logits) {
  int32_t best = 0;
  float best_logit = -INFINITY;
  for (size_t i = 0; i < logits.size(); ++i) {
    if (logits[i] > best_logit) {  // NaN compares false
      best_logit = logits[i];
      best = static_cast<int32_t>(i);
    }
  }
  return best;
}

}  // namespace

double Sampler::NextUniform() {
  state_ += 0x9e3779b97f4a7c15u;
  uint64_t z = state_;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  z ^= z >> 31;
  return static_cast<double>(z >> 11) * 0x1p-53;
}

int32_t Sampler::Sample(std::span<const float> logits) {
  if (options_.temperature <= 0) return MostLikely(logits);
  candidates_.clear();
  for (size_t i = 0; i < logits.size(); ++i) {
    if (logits[i] > -INFINITY) candidates_.push_back({logits[i], static_cast<int32_t>(i)});
  }
  if (candidates_.empty() || candidates_[0].logit == INFINITY) return MostLikely(logits);
  const auto more_likely = [](const Candidate& a, const Candidate& b) {
    return a.logit != b.logit ? a.logit > b.logit : a.id < b.id;
  };
  if (options_.top_k > 0 && static_cast<size_t>(options_.top_k) < candidates_.size()) {
    std::nth_element(candidates_.begin(), candidates_.begin() + options_.top_k, candidates_.end(),
                     more_likely);
    candidates_.resize(static_cast<size_t>(options_.top_k));
  }
  std::sort(candidates_.begin(), candidates_.end(), more_likely);

  // Probabilities as running sums, in float64.
  const double top = candidates_[0].logit;
  std::vector<double> sums;
  sums.reserve(candidates_.size());
  double sum = 0;
  for (const Candidate& candidate : candidates_) {
    sum += std::exp((static_cast<double>(candidate.logit) - top) / options_.temperature);
    sums.push_back(sum);
  }
  size_t kept = candidates_.size();
  if (options_.top_p < 1) {
    const auto enough = std::lower_bound(sums.begin(), sums.end(), options_.top_p * sum);
    kept = std::min(kept, static_cast<size_t>(enough - sums.begin()) + 1);
  }
  const double drawn = NextUniform() * sums[kept - 1];
  const auto chosen =
      std::upper_bound(sums.begin(), sums.begin() + static_cast<ptrdiff_t>(kept), drawn);
  return candidates_[std::min(kept - 1, static_cast<size_t>(chosen - sums.begin()))].id;
}

}  // namespace ebb
