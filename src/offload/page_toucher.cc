#include "offload/page_toucher.h"

#include <sys/mman.h>

#include <algorithm>

namespace ebb {
namespace {

// Linux 5.14; older headers lack the name. An older kernel refuses it: then pages come when they
// are used, as always.
constexpr int kPopulateWrite = 23;
constexpr uint64_t kStepBytes = uint64_t{8} << 20;

}  // namespace

PageToucher::PageToucher(std::span<std::byte> memory)
    : memory_(memory), thread_([this] { Run(); }) {}

PageToucher::~PageToucher() {
  {
    const std::lock_guard lock(mutex_);
    ends_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

void PageToucher::Want(uint64_t bytes) {
  {
    const std::lock_guard lock(mutex_);
    if (bytes <= wanted_) return;
    wanted_ = std::min<uint64_t>(bytes, memory_.size());
  }
  changed_.notify_one();
}

void PageToucher::Run() {
  uint64_t done = 0;
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [&] { return ends_ || done < wanted_; });
    if (ends_) return;
    lock.unlock();
    const uint64_t step = std::min<uint64_t>(kStepBytes, memory_.size() - done);
    if (madvise(memory_.data() + done, step, kPopulateWrite) != 0) return;
    done += step;
    lock.lock();
  }
}

}  // namespace ebb
