#include "model/kv_cache.h"

#include <gtest/gtest.h>

#include <set>

#include "unit/model/model_testing.h"

namespace ebb {
namespace {

class KvCacheTest : public testing::TestWithParam<ModelConfig> {
 protected:
  const KvLayout layout_{GetParam()};
};

TEST_P(KvCacheTest, EveryElementHasItsOwnPlaceInThePage) {
  KvPool pool(layout_);
  KvCache cache(pool);
  const int64_t positions = kPagePositions + 3;
  for (int64_t p = 0; p < positions; ++p) ASSERT_TRUE(cache.Extend());
  std::set<const float*> places;
  size_t written = 0;
  for (LayerId layer{0}; layer.value < GetParam().num_layers; ++layer.value) {
    const AttentionShape shape = layout_.ShapeOf(layer);
    for (int64_t p = 0; p < positions; ++p) {
      for (int64_t h = 0; h < shape.kv_heads; ++h) {
        for (int64_t d = 0; d < shape.key_dim; ++d) {
          places.insert(cache.KeyAt(shape, p, h) + d);
          ++written;
        }
        if (GetParam().mla) {  // the value is a part of the key
          EXPECT_EQ(cache.ValueAt(shape, p, h), cache.KeyAt(shape, p, h));
          continue;
        }
        for (int64_t d = 0; d < shape.value_dim; ++d) {
          places.insert(cache.ValueAt(shape, p, h) + d);
          ++written;
        }
      }
    }
  }
  EXPECT_EQ(places.size(), written);
  for (const float* place : places) {
    const bool inside = std::ranges::any_of(std::vector{0, 1}, [&](int page) {
      return place >= cache.pages()[page] && place < cache.pages()[page] + layout_.page_floats();
    });
    ASSERT_TRUE(inside);
  }
}

TEST_P(KvCacheTest, GrowsByPagesAndCounts) {
  KvPool pool(layout_);
  EXPECT_EQ(layout_.BytesFor(0), 0u);
  EXPECT_EQ(layout_.BytesFor(1), layout_.page_bytes());
  EXPECT_EQ(layout_.BytesFor(kPagePositions), layout_.page_bytes());
  EXPECT_EQ(layout_.BytesFor(kPagePositions + 1), 2 * layout_.page_bytes());
  KvCache cache(pool);
  for (int64_t length = 1; length <= 3 * kPagePositions; ++length) {
    ASSERT_TRUE(cache.Extend());
    EXPECT_EQ(cache.length(), length);
    EXPECT_EQ(cache.bytes(), layout_.BytesFor(length));
    EXPECT_EQ(pool.bytes(), cache.bytes());
  }
  cache.Truncate(kPagePositions + 1);
  EXPECT_EQ(cache.length(), kPagePositions + 1);
  EXPECT_EQ(cache.bytes(), 2 * layout_.page_bytes());
  EXPECT_EQ(pool.bytes(), 3 * layout_.page_bytes());  // kept for the next
  pool.Trim();
  EXPECT_EQ(pool.bytes(), 2 * layout_.page_bytes());
  cache.Truncate(1000);
  EXPECT_EQ(cache.length(), kPagePositions + 1);
}

TEST_P(KvCacheTest, FreedPagesServeTheNextSequence) {
  KvPool pool(layout_, layout_.BytesFor(2 * kPagePositions));
  for (int round = 0; round < 3; ++round) {
    KvCache a(pool);
    KvCache b(pool);
    ASSERT_TRUE(a.Extend());
    ASSERT_TRUE(b.Extend());
    const uint64_t before = pool.bytes();
    KvCache c(pool);
    const Status status = c.Extend();
    ASSERT_FALSE(status);
    EXPECT_EQ(status.error().code, ErrorCode::kOutOfMemory);
    EXPECT_EQ(c.length(), 0);
    EXPECT_EQ(pool.bytes(), before);
    b.Truncate(0);
    EXPECT_TRUE(c.Extend());
  }
}

TEST_P(KvCacheTest, Moves) {
  KvPool pool(layout_);
  KvCache a(pool);
  ASSERT_TRUE(a.Extend());
  const float* page = a.pages()[0];
  KvCache b(std::move(a));
  EXPECT_EQ(b.length(), 1);
  EXPECT_EQ(b.pages()[0], page);
  KvCache c(pool);
  ASSERT_TRUE(c.Extend());
  c = std::move(b);
  EXPECT_EQ(c.pages()[0], page);
  EXPECT_EQ(c.length(), 1);
  pool.Trim();
  EXPECT_EQ(pool.bytes(), layout_.page_bytes());
}

INSTANTIATE_TEST_SUITE_P(Layouts, KvCacheTest, testing::Values(SmallDeepseek(), SmallMixtral()),
                         [](const auto& info) {
                           return std::string(info.param.mla ? "latent" : "grouped");
                         });

}  // namespace
}  // namespace ebb
