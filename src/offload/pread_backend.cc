// Reads by threads that call pread: what works everywhere.
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include "offload/read_backend.h"

namespace ebb {
namespace {

// More do not make a disk faster, and each has a stack.
constexpr uint32_t kMaxThreads = 16;

class PreadBackend final : public ReadBackend {
 public:
  PreadBackend(const ReadDescriptors& descriptors, uint32_t in_flight) : descriptors_(descriptors) {
    const uint32_t threads = std::min(in_flight, kMaxThreads);
    for (uint32_t i = 0; i < threads; ++i) threads_.emplace_back([this] { Work(); });
  }

  ~PreadBackend() override {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    wanted_.notify_all();
    for (std::thread& thread : threads_) thread.join();
  }

  void Start(const ReadStep& step) override {
    {
      const std::lock_guard lock(mutex_);
      steps_.push_back(step);
    }
    wanted_.notify_one();
  }

  void Reap(bool wait, std::vector<ReadAnswer>* answers) override {
    std::unique_lock lock(mutex_);
    if (wait) answered_.wait(lock, [&] { return !answers_.empty(); });
    answers->insert(answers->end(), answers_.begin(), answers_.end());
    answers_.clear();
  }

  std::string Name() const override { return fmt::format("{} pread threads", threads_.size()); }

 private:
  void Work() {
    std::unique_lock lock(mutex_);
    for (;;) {
      wanted_.wait(lock, [&] { return stopping_ || !steps_.empty(); });
      if (stopping_) return;
      const ReadStep step = steps_.front();
      steps_.pop_front();
      lock.unlock();
      const ssize_t got = pread(step.direct ? descriptors_.direct : descriptors_.buffered,
                                step.to.data(), step.to.size(), static_cast<off_t>(step.offset));
      const int64_t result = got < 0 ? -errno : got;
      lock.lock();
      answers_.push_back({step.slot, result, std::chrono::steady_clock::now()});
      answered_.notify_one();
    }
  }

  const ReadDescriptors descriptors_;
  std::mutex mutex_;
  std::condition_variable wanted_;    // steps_ or stopping_ changed
  std::condition_variable answered_;  // answers_ changed
  std::deque<ReadStep> steps_;
  std::vector<ReadAnswer> answers_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace

std::unique_ptr<ReadBackend> MakePreadBackend(const ReadDescriptors& descriptors,
                                              uint32_t in_flight) {
  return std::make_unique<PreadBackend>(descriptors, in_flight);
}

}  // namespace ebb
