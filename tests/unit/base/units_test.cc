#include "base/units.h"

#include <gtest/gtest.h>

namespace ebb {
namespace {

TEST(Units, ParsesBinaryAndDecimalSizes) {
  EXPECT_EQ(ParseSize("4096").value(), 4096u);
  EXPECT_EQ(ParseSize("4GiB").value(), 4ull << 30);
  EXPECT_EQ(ParseSize("4 gib").value(), 4ull << 30);
  EXPECT_EQ(ParseSize("1.5MB").value(), 1500000u);
  EXPECT_EQ(ParseSize("64K").value(), 65536u);
  EXPECT_EQ(ParseSize("0").value(), 0u);
}

TEST(Units, RefusesWhatIsNoSize) {
  for (const char* text : {"", "GiB", "-1", "4XiB", "nan", "inf", "1e30", "4GiBx", "9EiB"}) {
    EXPECT_FALSE(ParseSize(text).has_value()) << text;
  }
}

TEST(Units, Formats) {
  EXPECT_EQ(FormatSize(640), "640 B");
  EXPECT_EQ(FormatSize(1536), "1.50 KiB");
  EXPECT_EQ(FormatSize(17ull << 30), "17.0 GiB");
  EXPECT_EQ(FormatSeconds(0.85), "850 ms");
  EXPECT_EQ(FormatSeconds(245), "4 min 05 s");
  EXPECT_EQ(FormatCount(1408), "1,408");
  EXPECT_EQ(FormatCount(999), "999");
  EXPECT_EQ(FormatCount(1000000), "1,000,000");
}

}  // namespace
}  // namespace ebb
