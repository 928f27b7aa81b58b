#include "codec/slot_table.h"

#include <gtest/gtest.h>

#include <numeric>
#include <random>

namespace ebb {
namespace {

using Counts = std::array<uint64_t, 64>;

int Sum(const SlotCounts& table) {
  return std::accumulate(table.slots.begin(), table.slots.end(), 0);
}

TEST(SlotTable, SharesAllSlotsForAnyCounts) {
  std::mt19937_64 random(3);
  for (int trial = 0; trial < 2000; ++trial) {
    Counts counts{};
    const size_t used = 1 + random() % 64;
    for (size_t i = 0; i < used; ++i) {
      counts[random() % 64] = random() >> (random() % 64);
    }
    if (std::accumulate(counts.begin(), counts.end(), uint64_t{0}) == 0) continue;
    const SlotCounts table = NormaliseCounts(counts);
    ASSERT_EQ(Sum(table), kSlots);
    ASSERT_LE(table.first, table.last);
    // Every token that occurs can be coded.
    const bool has_escape = table.slots[TokenIndex(kEscapeToken)] != 0;
    for (size_t i = 0; i < 64; ++i) {
      if (counts[i] != 0) {
        ASSERT_TRUE(table.slots[i] != 0 || has_escape);
      }
    }
    ASSERT_GE(CodedBits(counts, table), 0);
  }
}

TEST(SlotTable, OneTokenTakesAllSlots) {
  Counts counts{};
  counts[TokenIndex(-5)] = 10;
  const SlotCounts counts_table = NormaliseCounts(counts);
  EXPECT_EQ(counts_table.slots[TokenIndex(-5)], kSlots);
  EXPECT_EQ(CodedBits(counts, counts_table), 0);
  const SlotTable table = BuildSlotTable(counts_table);
  EXPECT_TRUE(table.single);
  EXPECT_FALSE(table.has_escape);
  EXPECT_EQ(table.token[17], -5);
}

TEST(SlotTable, OnlyEscapesStillMakeATable) {
  Counts counts{};
  counts[TokenIndex(kEscapeToken)] = 10;
  const SlotCounts table = NormaliseCounts(counts);
  EXPECT_EQ(Sum(table), kSlots);
  EXPECT_GT(table.slots[TokenIndex(kEscapeToken)], 250);
}

TEST(SlotTable, RanksCountEachTokensSlotsInOrder) {
  Counts counts{};
  counts[TokenIndex(0)] = 50;
  counts[TokenIndex(-1)] = 30;
  counts[TokenIndex(7)] = 20;
  const SlotTable table = BuildSlotTable(NormaliseCounts(counts));
  std::array<int, 64> seen{};
  for (size_t slot = 0; slot < kSlots; ++slot) {
    EXPECT_EQ(table.rank[slot], seen[static_cast<size_t>(TokenIndex(table.token[slot]))]++);
  }
  for (size_t i = 0; i < 64; ++i) EXPECT_EQ(seen[i], table.slots[i]);
}

TEST(SlotTable, RareTokensEscapeWhenThatIsCheaper) {
  Counts counts{};
  counts[TokenIndex(0)] = 1000000;
  counts[TokenIndex(9)] = 1;
  const SlotCounts table = NormaliseCounts(counts);
  EXPECT_EQ(table.slots[TokenIndex(9)], 0);
  EXPECT_EQ(table.slots[TokenIndex(kEscapeToken)], 1);
}

}  // namespace
}  // namespace ebb
