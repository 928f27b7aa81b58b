// Rotary positions: the angles of docs/numbers.md, computed as Hugging Face transformers does.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "arch/model_config.h"

namespace ebb {

// Immutable, so safe to share between threads.
class Rope {
 public:
  explicit Rope(const ModelConfig& config);

  // One for each rotated pair of elements.
  std::span<const float> inverse_frequencies() const { return inverse_frequencies_; }
  int64_t pairs() const { return static_cast<int64_t>(inverse_frequencies_.size()); }

  // What cosines and sines are multiplied with: 1 without YaRN.
  double cos_sin_scale() const { return cos_sin_scale_; }

  // Writes [positions.size(), pairs()] cosines and sines.
  void Fill(std::span<const int64_t> positions, float* cos, float* sin) const;

 private:
  std::vector<float> inverse_frequencies_;
  double cos_sin_scale_ = 1;
};

// What attention scores are multiplied with: 1 / sqrt(the width of a query), and for latent
// attention with YaRN's mscale_all_dim its square.
[[nodiscard]] double SoftmaxScale(const ModelConfig& config);

}  // namespace ebb
