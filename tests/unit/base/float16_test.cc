#include "base/float16.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace ebb {
namespace {

TEST(Bf16, EveryPatternSurvivesWideningAndNarrowing) {
  for (uint32_t bits = 0; bits < 65536; ++bits) {
    const float wide = Bf16ToF32(static_cast<uint16_t>(bits));
    const uint16_t back = F32ToBf16(wide);
    if (std::isnan(wide)) {
      EXPECT_TRUE(std::isnan(Bf16ToF32(back))) << bits;
    } else {
      EXPECT_EQ(back, bits);
    }
  }
}

TEST(Bf16, RoundsToNearestEven) {
  EXPECT_EQ(F32ToBf16(1.0f + 0x1p-8f), F32ToBf16(1.0f));            // tie, down to even
  EXPECT_EQ(F32ToBf16(1.0f + 0x3p-8f), F32ToBf16(1.0f + 0x4p-8f));  // tie, up to even
  EXPECT_EQ(Bf16ToF32(F32ToBf16(std::numeric_limits<float>::max())),
            std::numeric_limits<float>::infinity());
}

TEST(F16, EveryPatternSurvivesWideningAndNarrowing) {
  for (uint32_t bits = 0; bits < 65536; ++bits) {
    const float wide = F16ToF32(static_cast<uint16_t>(bits));
    const uint16_t back = F32ToF16(wide);
    if (std::isnan(wide)) {
      EXPECT_TRUE(std::isnan(F16ToF32(back))) << bits;
    } else {
      EXPECT_EQ(back, bits);
    }
  }
}

TEST(F16, KnownValuesAndRounding) {
  EXPECT_EQ(F16ToF32(0x3c00), 1.0f);
  EXPECT_EQ(F16ToF32(0x0001), 0x1p-24f);
  EXPECT_EQ(F16ToF32(0x7bff), 65504.0f);
  EXPECT_EQ(F32ToF16(65519.0f), 0x7bff);
  EXPECT_EQ(F32ToF16(65520.0f), 0x7c00);
  EXPECT_EQ(F32ToF16(0x1p-25f), 0x0000);  // tie, to even
  EXPECT_EQ(F32ToF16(0x1.8p-25f), 0x0001);
  EXPECT_EQ(F32ToF16(-1.0f - 0x1p-11f), 0xbc00);  // tie, to even
}

}  // namespace
}  // namespace ebb
