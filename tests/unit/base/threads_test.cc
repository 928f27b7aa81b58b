#include "base/threads.h"

#include <gtest/gtest.h>

#include <atomic>
#include <vector>

namespace ebb {
namespace {

TEST(ThreadPool, CoversEveryIndexOnce) {
  for (const int threads : {1, 2, 7}) {
    const ThreadPool pool(threads);
    std::vector<std::atomic<int>> seen(1000);
    pool.ParallelFor(seen.size(), 3, [&](size_t begin, size_t end) {
      for (size_t i = begin; i < end; ++i) ++seen[i];
    });
    for (const auto& count : seen) EXPECT_EQ(count, 1);
  }
}

TEST(ThreadPool, NestsAndTakesEmptyRanges) {
  const ThreadPool pool(2);
  std::atomic<int> sum = 0;
  pool.ParallelFor(0, 1, [&](size_t, size_t) { ++sum; });
  EXPECT_EQ(sum, 0);
  pool.ParallelFor(4, 1, [&](size_t begin, size_t end) {
    for (size_t i = begin; i < end; ++i) {
      pool.ParallelFor(5, 1, [&](size_t b, size_t e) { sum += static_cast<int>(e - b); });
    }
  });
  EXPECT_EQ(sum, 20);
}

TEST(ThreadPool, PipelineFinishesInOrderWithinItsLimit) {
  for (const int threads : {1, 3}) {
    const ThreadPool pool(threads);
    std::atomic<int> in_flight = 0;
    std::atomic<int> most = 0;
    std::vector<size_t> finished;
    pool.RunInOrder(
        200, 4,
        [&](size_t) {
          const int now = ++in_flight;
          for (int seen = most; now > seen && !most.compare_exchange_weak(seen, now);) {
          }
        },
        [&](size_t item) {
          finished.push_back(item);
          --in_flight;
          return item < 150;
        });
    EXPECT_LE(most, 4);
    ASSERT_EQ(finished.size(), 151u);
    for (size_t i = 0; i < finished.size(); ++i) EXPECT_EQ(finished[i], i);
  }
}

TEST(ThreadPool, ZeroMeansAllProcessors) { EXPECT_GE(ThreadPool(0).threads(), 1); }

}  // namespace
}  // namespace ebb
