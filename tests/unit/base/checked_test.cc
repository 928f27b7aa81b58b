#include "base/checked.h"

#include <gtest/gtest.h>

#include <array>

namespace ebb {
namespace {

TEST(Checked, OverflowIsAValue) {
  EXPECT_EQ(CheckedAdd(UINT64_MAX, 0), UINT64_MAX);
  EXPECT_EQ(CheckedAdd(UINT64_MAX, 1), std::nullopt);
  EXPECT_EQ(CheckedMul(1ull << 32, 1ull << 31), 1ull << 63);
  EXPECT_EQ(CheckedMul(1ull << 32, 1ull << 32), std::nullopt);
  EXPECT_EQ(CheckedProduct(std::array<uint64_t, 3>{1ull << 40, 1ull << 40, 0}), std::nullopt);
  EXPECT_EQ(CheckedProduct({}), 1u);
}

TEST(Checked, RangeFitsNeverWraps) {
  EXPECT_TRUE(RangeFits(0, 10, 10));
  EXPECT_TRUE(RangeFits(10, 0, 10));
  EXPECT_FALSE(RangeFits(11, 0, 10));
  EXPECT_FALSE(RangeFits(5, 6, 10));
  EXPECT_FALSE(RangeFits(UINT64_MAX, 2, 10));
  EXPECT_FALSE(RangeFits(2, UINT64_MAX, 10));
}

TEST(Checked, AlignUpAndDivide) {
  EXPECT_EQ(AlignUp(0, 4096), 0u);
  EXPECT_EQ(AlignUp(1, 4096), 4096u);
  EXPECT_EQ(AlignUp(4096, 4096), 4096u);
  EXPECT_EQ(DivideRoundingUp(0, 3), 0u);
  EXPECT_EQ(DivideRoundingUp(7, 3), 3u);
}

}  // namespace
}  // namespace ebb
