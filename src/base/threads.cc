#include "base/threads.h"

#include <tbb/blocked_range.h>
#include <tbb/global_control.h>
#include <tbb/info.h>
#include <tbb/parallel_for.h>
#include <tbb/parallel_pipeline.h>
#include <tbb/task_arena.h>

#include <atomic>

namespace ebb {

struct ThreadPool::Arena {
  explicit Arena(int threads) : arena(threads) {}
  tbb::task_arena arena;
};

namespace {

// Lets arenas have more threads than the machine has processors, when they are asked to.
void AllowManyThreads() {
  static const tbb::global_control kControl(tbb::global_control::max_allowed_parallelism, 4096);
}

}  // namespace

ThreadPool::ThreadPool(int threads)
    : arena_(nullptr), threads_(threads > 0 ? threads : tbb::info::default_concurrency()) {
  if (threads_ > tbb::info::default_concurrency()) AllowManyThreads();
  arena_ = std::make_unique<Arena>(threads_);
}

ThreadPool::~ThreadPool() = default;

void ThreadPool::ParallelFor(size_t count, size_t grain,
                             const std::function<void(size_t, size_t)>& body) const {
  if (count == 0) return;
  if (threads_ == 1 || count <= grain) {
    body(0, count);
    return;
  }
  arena_->arena.execute([&] {
    tbb::parallel_for(
        tbb::blocked_range<size_t>(0, count, grain),
        [&](const tbb::blocked_range<size_t>& range) { body(range.begin(), range.end()); });
  });
}

void ThreadPool::RunInOrder(size_t count, size_t in_flight, const std::function<void(size_t)>& work,
                            const std::function<bool(size_t)>& finish) const {
  size_t next = 0;
  std::atomic<bool> stopped = false;
  const auto produce = [&](tbb::flow_control& control) -> size_t {
    if (next == count || stopped) control.stop();
    return next++;
  };
  const auto consume = [&](size_t item) {
    if (!stopped && !finish(item)) stopped = true;
  };
  arena_->arena.execute([&] {
    tbb::parallel_pipeline(
        in_flight, tbb::make_filter<void, size_t>(tbb::filter_mode::serial_in_order, produce) &
                       tbb::make_filter<size_t, size_t>(tbb::filter_mode::parallel,
                                                        [&](size_t item) {
                                                          work(item);
                                                          return item;
                                                        }) &
                       tbb::make_filter<size_t, void>(tbb::filter_mode::serial_in_order, consume));
  });
}

}  // namespace ebb
