// Routers that choose experts as evenly, or as unevenly, as wanted.
//
// A random router chooses all experts about equally often: the worst case for a cache. Trained ones
// prefer some. With Zipf's law of exponent S the i-th most popular expert of a layer is chosen with
// a frequency in proportion to i^-S; no expert can be chosen more than once a token, so popular
// ones are cut off at `most`. Which experts are popular differs from layer to layer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace ebb {

// How often each of `experts` is chosen by a token that chooses `chosen` of them, the most popular
// first. They add up to `chosen`.
[[nodiscard]] std::vector<double> ZipfFrequencies(size_t experts, size_t chosen, double exponent,
                                                  double most);

// Which rank each expert has, from 0: a permutation that follows from the key.
[[nodiscard]] std::vector<size_t> PopularityRanks(uint64_t key, size_t experts);

// e_score_correction_bias that makes experts with scores sigmoid(N(0, logit_deviation)) be chosen
// with about these frequencies (each below 1): the score of each exceeds one common threshold as
// often as wanted.
[[nodiscard]] std::vector<float> BiasesFor(const std::vector<double>& frequencies,
                                           double logit_deviation);

// Factors for router rows, of mean 1, for routers without a bias: a logit with the larger deviation
// is more often above a threshold. It can be so half of the time at most: frequencies must be below
// 1/2.
[[nodiscard]] std::vector<float> RowFactorsFor(const std::vector<double>& frequencies);

}  // namespace ebb
