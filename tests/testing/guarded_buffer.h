// A copy of bytes that ends at an unmapped page: reading one byte too far crashes the test.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstring>
#include <span>

#include "base/checked.h"

namespace ebb {

class GuardedBuffer {
 public:
  // `slack` readable bytes follow the copy, then nothing.
  GuardedBuffer(std::span<const std::byte> bytes, size_t slack) {
    const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
    const size_t readable = AlignUp(bytes.size() + slack + 1, page);
    mapped_ = readable + page;
    base_ = static_cast<std::byte*>(
        mmap(nullptr, mapped_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    mprotect(base_ + readable, page, PROT_NONE);
    std::byte* const copy = base_ + readable - slack - bytes.size();
    if (!bytes.empty()) std::memcpy(copy, bytes.data(), bytes.size());
    bytes_ = {copy, bytes.size()};
  }
  ~GuardedBuffer() { munmap(base_, mapped_); }
  GuardedBuffer(const GuardedBuffer&) = delete;
  GuardedBuffer& operator=(const GuardedBuffer&) = delete;

  std::span<std::byte> bytes() const { return bytes_; }

 private:
  std::byte* base_;
  size_t mapped_;
  std::span<std::byte> bytes_;
};

}  // namespace ebb
