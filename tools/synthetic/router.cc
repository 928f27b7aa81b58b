#include "synthetic/router.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "synthetic/gaussian.h"

namespace ebb {
namespace {

// P(Z <= result) = p.
double NormalQuantile(double p) {
  return p < 0.5 ? -NormalUpperQuantile(p) : NormalUpperQuantile(1 - p);
}

}  // namespace

std::vector<double> ZipfFrequencies(size_t experts, size_t chosen, double exponent, double most) {
  std::vector<double> frequencies(experts);
  // What is cut off from the first ranks goes to the others, in proportion.
  for (size_t cut = 0; cut <= experts; ++cut) {
    double sum = 0;
    for (size_t i = cut; i < experts; ++i) sum += std::pow(static_cast<double>(i + 1), -exponent);
    const double factor = (static_cast<double>(chosen) - static_cast<double>(cut) * most) / sum;
    for (size_t i = 0; i < experts; ++i) {
      frequencies[i] = i < cut ? most : factor * std::pow(static_cast<double>(i + 1), -exponent);
    }
    if (cut == experts || frequencies[cut] <= most) break;
  }
  return frequencies;
}

std::vector<size_t> PopularityRanks(uint64_t key, size_t experts) {
  std::vector<size_t> by_rank(experts);
  std::iota(by_rank.begin(), by_rank.end(), size_t{0});
  std::sort(by_rank.begin(), by_rank.end(), [&](size_t a, size_t b) {
    const float of_a = NormalAt(key, a);
    const float of_b = NormalAt(key, b);
    return of_a != of_b ? of_a < of_b : a < b;
  });
  std::vector<size_t> ranks(experts);
  for (size_t rank = 0; rank < experts; ++rank) ranks[by_rank[rank]] = rank;
  return ranks;
}

std::vector<float> BiasesFor(const std::vector<double>& frequencies, double logit_deviation) {
  std::vector<float> biases;
  for (const double frequency : frequencies) {
    // The score that is exceeded with this frequency must be moved to the threshold, here 1/2.
    const double logit = logit_deviation * NormalQuantile(1 - frequency);
    biases.push_back(static_cast<float>(0.5 - 1 / (1 + std::exp(-logit))));
  }
  return biases;
}

std::vector<float> RowFactorsFor(const std::vector<double>& frequencies) {
  std::vector<double> factors;
  double sum = 0;
  for (const double frequency : frequencies) {
    factors.push_back(1 / NormalQuantile(1 - frequency));
    sum += factors.back();
  }
  std::vector<float> scaled;
  for (const double factor : factors) {
    scaled.push_back(static_cast<float>(factor * static_cast<double>(factors.size()) / sum));
  }
  return scaled;
}

}  // namespace ebb
