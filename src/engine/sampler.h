// The next token from logits.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace ebb {

struct SamplingOptions {
  double temperature = 0;  // 0: the most likely token, always
  int64_t top_k = 0;       // of the k most likely tokens only; 0: all
  double top_p = 1;        // of the fewest tokens that together have this probability
  uint64_t seed = 0;
};

// Draws with a generator of its own (SplitMix64), so that the same seed and logits give the same
// tokens on every machine with the same logits. Not thread-safe.
class Sampler {
 public:
  explicit Sampler(const SamplingOptions& options) : options_(options), state_(options.seed) {}

  // NaN logits count as minus infinity; equal logits go to the lower id.
  [[nodiscard]] int32_t Sample(std::span<const float> logits);

 private:
  [[nodiscard]] double NextUniform();  // in [0, 1)

  SamplingOptions options_;
  uint64_t state_;
  struct Candidate {
    float logit;
    int32_t id;
  };
  std::vector<Candidate> candidates_;
};

}  // namespace ebb
