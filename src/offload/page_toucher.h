// Makes memory resident ahead of its use, on a thread of its own.
//
// Fresh pages are cleared by the kernel when they are first touched, and on a virtual machine the
// host may have to find them first (measured: a second and more for a GB). A read into them would
// stop the thread that asks for it meanwhile.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <span>
#include <thread>

namespace ebb {

class PageToucher {
 public:
  // `memory` must outlive it.
  explicit PageToucher(std::span<std::byte> memory);
  ~PageToucher();
  PageToucher(const PageToucher&) = delete;
  PageToucher& operator=(const PageToucher&) = delete;

  // The first `bytes` bytes will be used soon. Thread-safe.
  void Want(uint64_t bytes);

 private:
  void Run();

  const std::span<std::byte> memory_;
  std::mutex mutex_;
  std::condition_variable changed_;
  uint64_t wanted_ = 0;
  bool ends_ = false;
  std::thread thread_;  // goes first
};

}  // namespace ebb
