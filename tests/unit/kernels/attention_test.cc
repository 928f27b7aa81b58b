#include <gtest/gtest.h>

#include <algorithm>

#include "unit/kernels/kernel_testing.h"

namespace ebb {
namespace {

// A paged cache of random keys and values in one of the two layouts, and queries for it.
struct Cache {
  AttentionShape shape;
  std::vector<std::vector<float>> pages;
  std::vector<const float*> pointers;

  Cache(const AttentionShape& layout, int64_t page_floats, int64_t positions, uint32_t seed)
      : shape(layout) {
    for (int64_t p = 0; p < positions; p += shape.page_positions) {
      pages.push_back(RandomFloats(static_cast<size_t>(page_floats), seed + pages.size()));
    }
    for (const auto& page : pages) pointers.push_back(page.data());
  }
};

Cache MakeMla(int64_t heads, int64_t rank, int64_t rope, int64_t positions, uint32_t seed) {
  AttentionShape shape;
  shape.heads = heads;
  shape.kv_heads = 1;
  shape.key_dim = rank + rope;
  shape.value_dim = rank;
  shape.key_stride = shape.value_stride = rank + rope;
  shape.page_positions = 8;
  shape.scale = 0.3f;
  shape.key_offset = shape.value_offset = 5;  // as if another layer stood before it
  return {shape, 5 + 8 * (rank + rope), positions, seed};
}

Cache MakeGqa(int64_t heads, int64_t kv_heads, int64_t dim, int64_t positions, uint32_t seed) {
  AttentionShape shape;
  shape.heads = heads;
  shape.kv_heads = kv_heads;
  shape.key_dim = shape.value_dim = dim;
  shape.key_stride = shape.value_stride = dim;
  shape.page_positions = 8;
  shape.key_head_stride = shape.value_head_stride = 8 * dim;
  shape.value_offset = 8 * kv_heads * dim;
  shape.scale = 0.3f;
  return {shape, 16 * kv_heads * dim, positions, seed};
}

struct Span {
  int64_t first;
  int64_t end;
};

class AttentionTest : public KernelTest {
 protected:
  // The outputs of rows that see the given positions of `caches` (row i of cache i % size).
  static std::vector<float> Attend(const Backend& backend, const std::vector<const Cache*>& caches,
                                   const std::vector<Span>& spans,
                                   const std::vector<float>& queries, size_t scratch_floats = 0) {
    const AttentionShape& shape = caches[0]->shape;
    std::vector<float> output(spans.size() * shape.heads * shape.value_dim, 9.0f);
    std::vector<AttentionRow> rows;
    int64_t longest = 1;
    for (size_t i = 0; i < spans.size(); ++i) {
      rows.push_back({queries.data() + i * shape.heads * shape.key_dim,
                      output.data() + i * shape.heads * shape.value_dim,
                      caches[i % caches.size()]->pointers.data(), spans[i].first, spans[i].end});
      longest = std::max(longest, spans[i].end - spans[i].first);
    }
    if (scratch_floats == 0) {
      scratch_floats = static_cast<size_t>(backend.AttentionScratchFloats(shape, longest));
    }
    std::vector<float> scratch(scratch_floats);
    backend.Attention(shape, rows, scratch);
    return output;
  }

  static std::vector<float> Queries(const Cache& cache, size_t rows) {
    return RandomFloats(rows * cache.shape.heads * cache.shape.key_dim, 77);
  }

  void ExpectLikeReference(const Cache& cache, const std::vector<Span>& spans) {
    const std::vector<float> queries = Queries(cache, spans.size());
    ExpectEqual(*backend_, Attend(*backend_, {&cache}, spans, queries),
                Attend(*reference_, {&cache}, spans, queries), 1e-4f);
  }
};

TEST_P(AttentionTest, LatentAttentionOfOddSizes) {
  for (const int64_t heads : {1, 3, 16, 30}) {
    for (const int64_t rank : {24, 35, 96}) {
      const Cache cache = MakeMla(heads, rank, 6, 40, 1);
      ExpectLikeReference(cache, {{0, 1}, {0, 2}, {0, 8}, {0, 9}, {0, 17}, {0, 40}});
    }
  }
}

TEST_P(AttentionTest, GroupedQueriesAndSlidingWindows) {
  for (const int64_t kv_heads : {1, 2, 4}) {
    for (const int64_t dim : {8, 20, 128}) {
      const Cache cache = MakeGqa(8, kv_heads, dim, 100, 2);
      ExpectLikeReference(cache, {{0, 1}, {0, 2}, {0, 3}, {1, 4}, {2, 5}, {3, 6}, {4, 7}, {5, 8}});
      ExpectLikeReference(cache, {{10, 30}, {0, 100}, {90, 100}, {3, 4}, {50, 51}, {0, 9}});
    }
  }
}

TEST_P(AttentionTest, LongContext) {
  const Cache mla = MakeMla(16, 64, 16, 3000, 3);
  ExpectLikeReference(mla, {{0, 3000}, {0, 2999}});
  const Cache gqa = MakeGqa(8, 2, 32, 3000, 4);
  ExpectLikeReference(gqa, {{0, 2998}, {0, 2999}, {0, 3000}});
}

TEST_P(AttentionTest, ARowDoesNotDependOnItsBatchThreadsOrScratch) {
  const Cache a = MakeMla(16, 40, 8, 64, 5);
  const Cache b = MakeMla(16, 40, 8, 64, 6);
  std::vector<Span> spans;
  for (int64_t end = 20; end <= 60; ++end) spans.push_back({end % 3, end});
  const std::vector<float> queries = Queries(a, spans.size());
  const std::vector<float> all = Attend(*backend_, {&a, &b}, spans, queries);
  EXPECT_EQ(Attend(*backend_, {&a, &b}, spans, queries, 60 + 64), all);  // room for one query
  const ThreadPool one(1);
  EXPECT_EQ(Attend(*MakeCpuBackend(one, GetParam()), {&a, &b}, spans, queries), all);
  const auto row_floats = static_cast<size_t>(16 * 48);
  const size_t output_floats = 16 * 40;
  for (size_t i = 0; i < spans.size(); ++i) {
    const std::vector<float> query(queries.begin() + i * row_floats,
                                   queries.begin() + (i + 1) * row_floats);
    const std::vector<float> alone = Attend(*backend_, {i % 2 == 0 ? &a : &b}, {spans[i]}, query);
    const std::vector<float> together(all.begin() + i * output_floats,
                                      all.begin() + (i + 1) * output_floats);
    ASSERT_EQ(alone, together) << "row " << i;
  }
}

TEST_P(AttentionTest, OnePositionIsItsValue) {
  const Cache cache = MakeGqa(2, 1, 24, 8, 7);
  const std::vector<float> output = Attend(*backend_, {&cache}, {{3, 4}}, Queries(cache, 1));
  for (int64_t d = 0; d < 24; ++d) {
    EXPECT_EQ(output[d], cache.pages[0][cache.shape.value_offset + 3 * 24 + d]);
  }
}

TEST_P(AttentionTest, NanStaysWithTheRowsThatSeeIt) {
  Cache cache = MakeGqa(4, 2, 16, 32, 8);
  // A key of NaN at position 20: rows that end before it must not notice.
  for (int64_t d = 0; d < 16; ++d) {
    cache.pages[2][(20 - 16) * 16 + d] = NAN;
    cache.pages[2][8 * 16 + (20 - 16) * 16 + d] = NAN;
  }
  const std::vector<Span> spans = {{0, 19}, {0, 20}, {0, 21}, {21, 30}, {0, 30}};
  const std::vector<float> queries = Queries(cache, spans.size());
  const std::vector<float> output = Attend(*backend_, {&cache}, spans, queries);
  for (size_t i = 0; i < output.size(); ++i) {
    const Span span = spans[i / 64];
    EXPECT_EQ(std::isnan(output[i]), span.first <= 20 && span.end > 20) << i;
  }
}

EBB_INSTANTIATE_FOR_ALL_BACKENDS(AttentionTest);

}  // namespace
}  // namespace ebb
