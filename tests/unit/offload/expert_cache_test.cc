#include "offload/expert_cache.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <list>
#include <random>
#include <set>

#include "container/writer.h"
#include "testing/temp_dir.h"

namespace ebb {
namespace {

using ::testing::HasSubstr;

// A file of groups whose every byte is the group's number; sizes as given.
class ExpertCacheTest : public ::testing::Test {
 protected:
  void Make(const std::vector<size_t>& sizes) {
    const auto writer = ContainerWriter::Open(path_, 1).value();
    for (size_t g = 0; g < sizes.size(); ++g) {
      ASSERT_TRUE(writer->BeginGroup(false));
      const std::vector<std::byte> bytes(sizes[g], static_cast<std::byte>(g));
      ASSERT_TRUE(writer->AppendChunk(bytes, static_cast<uint32_t>(sizes[g])));
      TensorRecord tensor;
      tensor.name = fmt::format("t{}", g);
      tensor.shape = {sizes[g]};
      ASSERT_TRUE(writer->EndGroup({tensor}));
    }
    ASSERT_TRUE(writer->Finish("{}", {"raw"}));
    reader_ = ContainerReader::Open(path_).value();
  }

  TempDir dir_;
  std::string path_ = dir_.Path("m.ebb");
  std::unique_ptr<ContainerReader> reader_;
};

TEST_F(ExpertCacheTest, EvictsTheLeastRecentlyUsed) {
  Make(std::vector<size_t>(4, 1000));
  ExpertCache cache(*reader_, 2 * ExpertCache::EntryBytes(1000));
  const auto use = [&](uint32_t group) {
    ASSERT_TRUE(cache.Pin(group).has_value());
    cache.Unpin(group);
  };
  use(0);
  use(1);
  use(0);
  use(2);  // 1 goes
  EXPECT_TRUE(cache.Contains(0));
  EXPECT_FALSE(cache.Contains(1));
  EXPECT_TRUE(cache.Contains(2));
  EXPECT_EQ(cache.counts().requests, 4u);
  EXPECT_EQ(cache.counts().hits, 1u);
  EXPECT_EQ(cache.counts().misses, 3u);
  EXPECT_EQ(cache.counts().bytes_read, 3000u);
}

TEST_F(ExpertCacheTest, PinnedEntriesStayAndTooLittleRoomIsAnError) {
  Make(std::vector<size_t>(3, 1000));
  ExpertCache cache(*reader_, 2 * ExpertCache::EntryBytes(1000));
  const auto first = cache.Pin(0).value();
  ASSERT_TRUE(cache.Pin(1));
  const auto third = cache.Pin(2);
  ASSERT_FALSE(third.has_value());
  EXPECT_EQ(third.error().code, ErrorCode::kOutOfMemory);
  EXPECT_EQ(first[999], std::byte{0});
  cache.Unpin(1);
  EXPECT_TRUE(cache.Pin(2));
  EXPECT_EQ(first[0], std::byte{0});
}

TEST_F(ExpertCacheTest, DamagedGroupsLeaveNothingBehind) {
  Make(std::vector<size_t>(2, 1000));
  const uint64_t offset = reader_->index().groups[1].offset;
  std::fstream(path_, std::ios::in | std::ios::out | std::ios::binary)
      .seekp(static_cast<std::streamoff>(offset + 500))
      .put('\x77');
  ExpertCache cache(*reader_, 10000);
  const auto pinned = cache.Pin(1);
  ASSERT_FALSE(pinned.has_value());
  EXPECT_THAT(pinned.error().ToString(), HasSubstr("chunk of t1"));
  EXPECT_FALSE(cache.Contains(1));
  EXPECT_EQ(cache.used_bytes(), 0u);
  EXPECT_TRUE(cache.Pin(0));
}

// The cache against the obvious: a list of groups in order of use.
TEST_F(ExpertCacheTest, AgreesWithASimpleModelOnRandomTraces) {
  std::mt19937_64 random(17);
  std::vector<size_t> sizes;
  for (int g = 0; g < 40; ++g) sizes.push_back(100 + random() % 5000);
  Make(sizes);
  for (const uint64_t capacity : {6000, 20000, 60000, 1000000}) {
    ExpertCache cache(*reader_, capacity);
    std::list<uint32_t> order;  // the least recently used first
    std::set<uint32_t> pinned;
    uint64_t used = 0;
    uint64_t hits = 0;
    for (int step = 0; step < 3000; ++step) {
      if (!pinned.empty() && random() % 2 == 0) {
        const auto victim =
            std::next(pinned.begin(), static_cast<ptrdiff_t>(random() % pinned.size()));
        cache.Unpin(*victim);
        order.push_back(*victim);
        pinned.erase(victim);
        continue;
      }
      const auto group = static_cast<uint32_t>(std::min(random() % 40, random() % 40));
      if (pinned.contains(group)) continue;
      const auto got = cache.Pin(group);
      const uint64_t bytes = ExpertCache::EntryBytes(sizes[group]);
      const auto known = std::find(order.begin(), order.end(), group);
      bool fits = true;
      if (known != order.end()) {
        ++hits;
        order.erase(known);
      } else {
        while (used + bytes > capacity && !order.empty()) {
          used -= ExpertCache::EntryBytes(sizes[order.front()]);
          order.pop_front();
        }
        fits = used + bytes <= capacity;
        if (fits) used += bytes;
      }
      ASSERT_EQ(got.has_value(), fits);
      if (fits) {
        pinned.insert(group);
        ASSERT_EQ(got->size(), sizes[group]);
        ASSERT_EQ((*got)[sizes[group] - 1], static_cast<std::byte>(group));
      }
      ASSERT_EQ(cache.used_bytes(), used);
      ASSERT_EQ(cache.counts().hits, hits);
      ASSERT_LE(cache.used_bytes(), capacity);
    }
  }
}

TEST(ExpertCacheSizes, RoundingIsModest) {
  for (uint64_t bytes = 1; bytes < 20000000; bytes = bytes * 5 / 4 + 1) {
    const uint64_t entry = ExpertCache::EntryBytes(bytes);
    EXPECT_GE(entry, bytes + kReadSlackBytes);
    EXPECT_LE(entry, (bytes + kReadSlackBytes) * 17 / 16 + 64);
  }
}

}  // namespace
}  // namespace ebb
