// Finds the bound at which an error-bounded codec takes as many bytes as a quantizer.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "arch/weight_source.h"
#include "base/error.h"
#include "engine/expert_overrides.h"

namespace ebb {

struct SampledExpert {
  ExpertKey key;
  ExpertWeights weights;
};

// Experts spread evenly over the model's layers: all of them up to `max_weights` weights in all,
// at least one.
[[nodiscard]] Result<std::vector<SampledExpert>> SampleExperts(const WeightSource& source,
                                                               uint64_t max_weights);

// Bits a weight of `spec` (CODEC,BOUND as in an injection) over the experts, all bytes counted.
[[nodiscard]] Result<double> BitsPerWeight(const std::string& spec,
                                           std::span<const SampledExpert> experts,
                                           int64_t hidden_size);

// The least rate (relative bound, four digits) at which `codec` takes at most `bits` a weight.
// kInvalidArgument if even a rate of 4 takes more.
[[nodiscard]] Result<double> RateForBits(const std::string& codec, double bits,
                                         std::span<const SampledExpert> experts,
                                         int64_t hidden_size);

}  // namespace ebb
