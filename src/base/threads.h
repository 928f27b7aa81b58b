// Parallel loops on a bounded number of threads.
//
// A ThreadPool is an isolated oneTBB arena: several of them (several engines) live in one process
// without sharing their limits. Work is divided by index only, and nothing in Ebb sums across
// indices, so results never depend on the number of threads.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>

namespace ebb {

class ThreadPool {
 public:
  // 0 threads: as many as the machine lets this process use (its affinity mask).
  explicit ThreadPool(int threads = 0);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int threads() const { return threads_; }

  // Calls body(begin, end) on disjoint ranges that cover [0, count), each at least `grain` long but
  // for the last, from several threads at once; returns when all are done. Runs inline when one
  // range is all there is. May be called from within a body. `body` must not throw.
  void ParallelFor(size_t count, size_t grain,
                   const std::function<void(size_t begin, size_t end)>& body) const;

  // A pipeline over items 0..count-1: work(item) runs on several threads at once, finish(item)
  // after it, one at a time and in order. At most `in_flight` items are between the start of their
  // work and the end of their finish, which bounds what they may hold. Neither may throw. `finish`
  // returns false to stop early: items in flight are still worked on, no further one is finished.
  void RunInOrder(size_t count, size_t in_flight, const std::function<void(size_t item)>& work,
                  const std::function<bool(size_t item)>& finish) const;

 private:
  struct Arena;
  std::unique_ptr<Arena> arena_;
  int threads_;
};

}  // namespace ebb
