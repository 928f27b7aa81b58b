#include "synthetic/router.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>

#include "synthetic/gaussian.h"

namespace ebb {
namespace {

// How often each expert is among the `chosen` best of random scores.
template <typename Score>
std::vector<double> Choose(size_t experts, size_t chosen, Score score) {
  constexpr uint64_t kTokens = 20000;
  std::vector<double> frequencies(experts);
  std::vector<std::pair<double, size_t>> scores(experts);
  for (uint64_t token = 0; token < kTokens; ++token) {
    for (size_t e = 0; e < experts; ++e) {
      scores[e] = {-score(e, NormalAt(77, token * experts + e)), e};
    }
    std::partial_sort(scores.begin(), scores.begin() + static_cast<ptrdiff_t>(chosen),
                      scores.end());
    for (size_t i = 0; i < chosen; ++i) frequencies[scores[i].second] += 1.0 / kTokens;
  }
  return frequencies;
}

TEST(Router, ZipfFrequenciesAddUpAndFollowTheLaw) {
  for (const double exponent : {0.5, 1.0, 1.5}) {
    const std::vector<double> f = ZipfFrequencies(64, 6, exponent, 0.95);
    EXPECT_NEAR(std::accumulate(f.begin(), f.end(), 0.0), 6, 1e-9);
    EXPECT_LE(f[0], 0.95);
    EXPECT_NEAR(f[63] / f[31], std::pow(0.5, exponent), 1e-9);
    EXPECT_TRUE(std::is_sorted(f.rbegin(), f.rend()));
  }
}

TEST(Router, RanksAreAPermutationThatFollowsFromTheKey) {
  const std::vector<size_t> ranks = PopularityRanks(1, 64);
  EXPECT_EQ(std::set<size_t>(ranks.begin(), ranks.end()).size(), 64u);
  EXPECT_EQ(ranks, PopularityRanks(1, 64));
  EXPECT_NE(ranks, PopularityRanks(2, 64));
}

TEST(Router, BiasesGiveTheFrequencies) {
  const std::vector<double> wanted = ZipfFrequencies(64, 6, 1, 0.95);
  const std::vector<float> biases = BiasesFor(wanted, 0.9);
  const std::vector<double> got =
      Choose(64, 6, [&](size_t e, double z) { return 1 / (1 + std::exp(-0.9 * z)) + biases[e]; });
  for (size_t e = 0; e < 64; ++e) EXPECT_NEAR(got[e], wanted[e], 0.25 * wanted[e] + 0.01) << e;
}

TEST(Router, RowFactorsGiveAboutTheFrequencies) {
  const std::vector<double> wanted = ZipfFrequencies(8, 2, 1, 0.45);
  const std::vector<float> factors = RowFactorsFor(wanted);
  EXPECT_NEAR(std::accumulate(factors.begin(), factors.end(), 0.0), 8, 1e-5);
  const std::vector<double> got = Choose(8, 2, [&](size_t e, double z) { return factors[e] * z; });
  for (size_t e = 0; e < 8; ++e) EXPECT_NEAR(got[e], wanted[e], 0.3 * wanted[e]) << e;
}

}  // namespace
}  // namespace ebb
