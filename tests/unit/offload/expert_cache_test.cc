#include "offload/expert_cache.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <map>
#include <random>
#include <set>

#include "container/writer.h"
#include "testing/temp_dir.h"

namespace ebb {
namespace {

using ::testing::HasSubstr;

// A file of groups whose every byte is the group's number; sizes as given.
class ExpertCacheTest : public ::testing::TestWithParam<ReadMethod> {
 protected:
  void SetUp() override {
    Make({100});
    const auto cache = ExpertCache::Open(*reader_, 100000, GetParam());
    if (!cache && cache.error().code == ErrorCode::kUnsupported) {
      GTEST_SKIP() << cache.error().ToString();
    }
  }

  void Make(const std::vector<size_t>& sizes) {
    std::filesystem::remove(path_);
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

  std::unique_ptr<ExpertCache> OpenCache(uint64_t capacity_bytes) {
    return ExpertCache::Open(*reader_, capacity_bytes, GetParam()).value();
  }
  uint64_t EntryBytes(uint32_t group) const {
    return ExpertCache::EntryBytes(reader_->index().groups[group]);
  }

  TempDir dir_;
  std::string path_ = dir_.Path("m.ebb");
  std::unique_ptr<ContainerReader> reader_;
};

// Pins, waits for the read if there is one, and says whether the group is there.
Status PinNow(ExpertCache& cache, uint32_t group) {
  EBB_TRY_ASSIGN(const bool is_there, cache.Pin(group));
  if (is_there) return {};
  const auto arrival = cache.Wait();
  EXPECT_TRUE(arrival.has_value());
  EXPECT_EQ(arrival->group, group);
  return arrival->status;
}

TEST_P(ExpertCacheTest, EvictsWhatIsUsedLeast) {
  Make(std::vector<size_t>(4, 1000));
  const auto cache = OpenCache(2 * EntryBytes(0));
  const auto use = [&](uint32_t group) {
    ASSERT_TRUE(PinNow(*cache, group));
    cache->Unpin(group);
    cache->BeginRound();
  };
  use(0);
  use(0);
  use(1);
  use(2);  // 1 goes, which was used once
  EXPECT_TRUE(cache->Contains(0));
  EXPECT_FALSE(cache->Contains(1));
  EXPECT_TRUE(cache->Contains(2));
  EXPECT_EQ(cache->counts().requests, 4u);
  EXPECT_EQ(cache->counts().hits, 1u);
  EXPECT_EQ(cache->counts().misses, 3u);
  EXPECT_EQ(cache->counts().bytes_read, 3000u);
}

TEST_P(ExpertCacheTest, KeepsMostOfACircleThatDoesNotFit) {
  Make(std::vector<size_t>(10, 4096));
  const auto cache = OpenCache(8 * EntryBytes(0));
  for (int round = 0; round < 50; ++round) {
    cache->BeginRound();
    for (uint32_t group = 0; group < 10; ++group) {
      ASSERT_TRUE(PinNow(*cache, group));
      cache->Unpin(group);
    }
  }
  EXPECT_GE(cache->counts().hits, 300u);  // of 490; the least recently used gives none
}

TEST_P(ExpertCacheTest, WhatWasWantedLongAgoGoesInTheEnd) {
  Make(std::vector<size_t>(4, 1000));
  const auto cache = OpenCache(2 * EntryBytes(0));
  const auto use = [&](uint32_t group) {
    cache->BeginRound();
    ASSERT_TRUE(PinNow(*cache, group));
    cache->Unpin(group);
  };
  for (int i = 0; i < 50; ++i) use(0);
  for (int i = 0; i < 500; ++i) use(1 + static_cast<uint32_t>(i % 2));
  EXPECT_FALSE(cache->Contains(0));
}

TEST_P(ExpertCacheTest, SeveralReadsAreOnTheirWayAtOnce) {
  Make(std::vector<size_t>(6, 5000));
  const auto cache = OpenCache(10 * EntryBytes(0));
  for (uint32_t group = 0; group < 6; ++group) EXPECT_FALSE(cache->Pin(group).value());
  std::set<uint32_t> arrived;
  while (const auto arrival = cache->Wait()) {
    ASSERT_TRUE(arrival->status);
    arrived.insert(arrival->group);
    EXPECT_EQ(cache->BytesOf(arrival->group)[4999], static_cast<std::byte>(arrival->group));
  }
  EXPECT_EQ(arrived.size(), 6u);
}

TEST_P(ExpertCacheTest, MayBeDestroyedWithReadsOnTheirWay) {
  Make(std::vector<size_t>(20, 50000));
  const auto cache = OpenCache(100 * EntryBytes(0));
  for (uint32_t group = 0; group < 20; ++group) EXPECT_FALSE(cache->Pin(group).value());
}

TEST_P(ExpertCacheTest, PinnedEntriesStayAndTooLittleRoomIsAnError) {
  Make(std::vector<size_t>(3, 1000));
  const auto cache = OpenCache(2 * EntryBytes(0));
  ASSERT_TRUE(PinNow(*cache, 0));
  ASSERT_TRUE(PinNow(*cache, 1));
  const auto third = cache->Pin(2);
  ASSERT_FALSE(third.has_value());
  EXPECT_EQ(third.error().code, ErrorCode::kOutOfMemory);
  EXPECT_EQ(cache->BytesOf(0)[999], std::byte{0});
  cache->Unpin(1);
  EXPECT_TRUE(PinNow(*cache, 2));
  EXPECT_EQ(cache->BytesOf(0)[0], std::byte{0});
}

TEST_P(ExpertCacheTest, DamagedGroupsLeaveNothingBehind) {
  Make(std::vector<size_t>(2, 1000));
  const uint64_t offset = reader_->index().groups[1].offset;
  std::fstream(path_, std::ios::in | std::ios::out | std::ios::binary)
      .seekp(static_cast<std::streamoff>(offset + 500))
      .put('\x77');
  const auto cache = OpenCache(100000);
  const Status pinned = PinNow(*cache, 1);
  ASSERT_FALSE(pinned.has_value());
  EXPECT_THAT(pinned.error().ToString(), HasSubstr("chunk of t1"));
  EXPECT_FALSE(cache->Contains(1));
  EXPECT_EQ(cache->used_bytes(), 0u);
  EXPECT_TRUE(PinNow(*cache, 0));
}

// The cache as obvious as can be: who has each page, and a search for the next to go.
class SimpleCache {
 public:
  SimpleCache(uint64_t capacity, std::vector<uint64_t> bytes)
      : bytes_(std::move(bytes)),
        owner_(capacity / kPageBytes, kNobody),
        score_(bytes_.size()),
        last_use_(bytes_.size()),
        pinned_(bytes_.size()) {}

  void BeginRound() {
    for (const uint32_t group : used_now_) score_[group] += std::exp2(rounds_ / 64.0L);
    used_now_.clear();
    ++rounds_;
  }

  bool Contains(uint32_t group) const {
    return std::find(owner_.begin(), owner_.end(), group) != owner_.end();
  }
  bool IsPinned(uint32_t group) const { return pinned_[group]; }
  void Unpin(uint32_t group) { pinned_[group] = false; }
  uint64_t used_bytes() const {
    return kPageBytes *
           static_cast<uint64_t>(owner_.size() - std::count(owner_.begin(), owner_.end(), kNobody));
  }

  // False, and nothing happens, if it does not fit.
  bool Pin(uint32_t group) {
    if (!Contains(group)) {
      const std::vector<uint32_t> before = owner_;
      while (!Place(group)) {
        if (EvictOne()) continue;
        owner_ = before;
        return false;
      }
    }
    pinned_[group] = true;
    used_now_.insert(group);
    last_use_[group] = ++uses_;
    return true;
  }

 private:
  static constexpr uint32_t kNobody = UINT32_MAX;

  bool Place(uint32_t group) {
    const auto pages = static_cast<int>(bytes_[group] / kPageBytes);
    const auto hole = std::search_n(owner_.begin(), owner_.end(), pages, kNobody);
    if (hole == owner_.end()) return false;
    std::fill_n(hole, pages, group);
    return true;
  }

  bool EvictOne() {
    uint32_t least = kNobody;
    for (const uint32_t g : owner_) {
      if (g == kNobody || pinned_[g] || g == least) continue;
      if (least == kNobody || GoesBefore(g, least)) least = g;
    }
    std::replace(owner_.begin(), owner_.end(), least, kNobody);
    return least != kNobody;
  }

  bool GoesBefore(uint32_t a, uint32_t b) const {
    if (std::abs(score_[a] - score_[b]) > 1e-9 * score_[a]) return score_[a] < score_[b];
    return last_use_[a] > last_use_[b];
  }

  std::vector<uint64_t> bytes_;
  std::vector<uint32_t> owner_;  // of each page
  std::vector<long double> score_;
  std::vector<uint64_t> last_use_;
  std::vector<bool> pinned_;
  std::set<uint32_t> used_now_;
  int rounds_ = 0;
  uint64_t uses_ = 0;
};

TEST_P(ExpertCacheTest, AgreesWithASimpleModelOnRandomTraces) {
  std::mt19937_64 random(17);
  std::vector<size_t> sizes;
  for (int g = 0; g < 40; ++g) sizes.push_back(100 + random() % 20000);
  Make(sizes);
  std::vector<uint64_t> entry_bytes;
  for (uint32_t g = 0; g < 40; ++g) entry_bytes.push_back(EntryBytes(g));
  for (const uint64_t capacity : {30000, 80000, 200000, 2000000}) {
    const auto cache = OpenCache(capacity);
    SimpleCache model(capacity, entry_bytes);
    uint64_t hits = 0;
    for (int step = 0; step < 2000; ++step) {
      if (random() % 8 == 0) {
        model.BeginRound();
        cache->BeginRound();
      }
      const auto group = static_cast<uint32_t>(std::min(random() % 40, random() % 40));
      if (model.IsPinned(group)) {
        model.Unpin(group);
        cache->Unpin(group);
        continue;
      }
      hits += model.Contains(group);
      const bool fits = model.Pin(group);
      ASSERT_EQ(PinNow(*cache, group).has_value(), fits);
      if (fits) {
        ASSERT_EQ(cache->BytesOf(group)[sizes[group] - 1], static_cast<std::byte>(group));
      }
      ASSERT_EQ(cache->used_bytes(), model.used_bytes());
      ASSERT_EQ(cache->counts().hits, hits);
      ASSERT_LE(cache->used_bytes(), capacity);
      for (uint32_t g = 0; g < 40; ++g) ASSERT_EQ(cache->Contains(g), model.Contains(g));
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Reads, ExpertCacheTest,
                         ::testing::Values(ReadMethod::kIoUring, ReadMethod::kPread),
                         [](const auto& info) {
                           return std::string(info.param == ReadMethod::kPread ? "pread"
                                                                               : "io_uring");
                         });

TEST(ExpertCacheSizes, RoundingIsModest) {
  for (uint64_t bytes = 1; bytes < 20000000; bytes = bytes * 5 / 4 + 1) {
    GroupRecord group{};
    group.offset = 4096 + 16 * (bytes % 256);
    group.bytes = bytes;
    const uint64_t entry = ExpertCache::EntryBytes(group);
    EXPECT_GE(entry, bytes + kReadSlackBytes);
    EXPECT_LE(entry, (bytes + kReadSlackBytes) * 17 / 16 + 3 * 4096);
  }
}

}  // namespace
}  // namespace ebb
