#include "synthetic/gaussian.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <hwy/targets.h>
#include <cmath>
#include <vector>

#include "base/float16.h"

namespace ebb {
namespace {

using ::testing::ElementsAre;

// The known answers that Philox's authors publish with it.
TEST(Philox, GivesThePublishedWords) {
  EXPECT_THAT(Philox({0, 0}, {0, 0, 0, 0}),
              ElementsAre(0x6627e8d5u, 0xe169c58du, 0xbc57ac4cu, 0x9b00dbd8u));
  constexpr uint32_t kAll = 0xffffffffu;
  EXPECT_THAT(Philox({kAll, kAll}, {kAll, kAll, kAll, kAll}),
              ElementsAre(0x408f276du, 0x41c83b0eu, 0xa20bc7c6u, 0x6d5451fdu));
  EXPECT_THAT(
      Philox({0xa4093822u, 0x299f31d0u}, {0x243f6a88u, 0x85a308d3u, 0x13198a2eu, 0x03707344u}),
      ElementsAre(0xd16cfe09u, 0x94fdccebu, 0x5001e420u, 0x24126ea1u));
}

TEST(Normal, QuantilesAreThoseOfTheLaw) {
  EXPECT_EQ(NormalUpperQuantile(0.5), 0);
  EXPECT_NEAR(NormalUpperQuantile(0.15865525393145707), 1, 1e-12);
  EXPECT_NEAR(NormalUpperQuantile(2.866515718791939e-07), 5, 1e-9);
}

// Every instruction set of this machine gives the bits of the scalar formula, wherever a run
// begins.
TEST(Normal, VectorsAgreeWithScalarsToTheBit) {
  constexpr float kScale = 0.0237f;
  for (int64_t targets = hwy::SupportedTargets(); targets != 0; targets &= targets - 1) {
    hwy::SetSupportedTargetsForTest(targets & -targets);
    for (const uint64_t first :
         {uint64_t{0}, uint64_t{1}, uint64_t{4094}, (uint64_t{1} << 34) - 7}) {
      std::vector<uint16_t> made(2500);
      FillNormalBf16(0x123456789abcdefu, first, kScale, made);
      for (size_t i = 0; i < made.size(); ++i) {
        ASSERT_EQ(made[i], F32ToBf16(NormalAt(0x123456789abcdefu, first + i) * kScale))
            << hwy::TargetName(targets & -targets) << " " << first << " + " << i;
      }
    }
  }
  hwy::SetSupportedTargetsForTest(0);
}

// Moments and tails against the law, within five standard deviations of what so many draws scatter.
TEST(Normal, MomentsAndTailsAreThoseOfTheLaw) {
  constexpr size_t kDraws = size_t{1} << 24;
  std::vector<uint16_t> draws(kDraws);
  FillNormalBf16(99, 0, 1, draws);
  double sums[5] = {};
  constexpr double kLimits[] = {0.5, 1, 2, 3, 4, 5};
  size_t beyond[2][6] = {};
  for (const uint16_t bits : draws) {
    const double z = Bf16ToF32(bits);
    double power = 1;
    for (double& sum : sums) {
      sum += power;
      power *= z;
    }
    for (size_t i = 0; i < 6; ++i) beyond[z < 0][i] += std::abs(z) > kLimits[i];
  }
  const double scatter = 1 / std::sqrt(double{kDraws});
  EXPECT_NEAR(sums[1] / kDraws, 0, 5 * scatter);
  EXPECT_NEAR(sums[2] / kDraws, 1, 5 * std::sqrt(2) * scatter + 1e-4);  // bf16 itself
  EXPECT_NEAR(sums[3] / kDraws, 0, 5 * std::sqrt(15) * scatter);
  EXPECT_NEAR(sums[4] / kDraws, 3, 5 * std::sqrt(96) * scatter + 1e-3);
  for (size_t i = 0; i < 6; ++i) {
    // bf16 rounds what is above a limit by less than half its unit there down to the limit.
    const double limit = kLimits[i] + std::ldexp(1.0, std::ilogb(kLimits[i]) - 8);
    const double expected = std::erfc(limit * M_SQRT1_2) / 2 * kDraws;
    for (const auto& side : beyond) {
      EXPECT_NEAR(static_cast<double>(side[i]), expected, 5 * std::sqrt(expected) + 1)
          << kLimits[i];
    }
  }
}

// Neighbours, rows a power of two apart, and other keys have nothing to do with each other.
TEST(Normal, PlacesAndKeysAreIndependent) {
  constexpr size_t kDraws = 1 << 20;
  std::vector<uint16_t> a(kDraws + 4096);
  std::vector<uint16_t> b(kDraws);
  FillNormalBf16(5, 0, 1, a);
  FillNormalBf16(6, 0, 1, b);
  const auto correlation = [&](const uint16_t* other) {
    double sum = 0;
    for (size_t i = 0; i < kDraws; ++i) sum += double{Bf16ToF32(a[i])} * Bf16ToF32(other[i]);
    return sum / kDraws;
  };
  const double scatter = 5 / std::sqrt(double{kDraws});
  for (const size_t distance : {1u, 2u, 4u, 64u, 1024u, 2048u, 4096u}) {
    EXPECT_NEAR(correlation(a.data() + distance), 0, scatter) << distance;
  }
  EXPECT_NEAR(correlation(b.data()), 0, scatter);
}

}  // namespace
}  // namespace ebb
