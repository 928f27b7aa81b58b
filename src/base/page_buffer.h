// Memory for large reads: whole pages, huge ones where the kernel has them.
//
// A disk reads into a few large pages faster than into many small ones (a request has a bounded
// number of segments), and decoders miss fewer translations. Huge pages are given whole: a buffer
// counts towards the resident memory in steps of up to 2 MiB, so make one large buffer and cut it
// up, not many small ones.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

#include "base/error.h"

namespace ebb {

inline constexpr uint64_t kPageBytes = 4096;

// Owned, zeroed, aligned to kPageBytes, and to 2 MiB if it is that large. Pages become resident
// when they are first touched. Movable; moving leaves the source empty.
class PageBuffer {
 public:
  PageBuffer() = default;
  // kOutOfMemory if the kernel refuses.
  [[nodiscard]] static Result<PageBuffer> Allocate(uint64_t bytes);

  PageBuffer(PageBuffer&& other) noexcept
      : mapping_(std::exchange(other.mapping_, {})), bytes_(std::exchange(other.bytes_, {})) {}
  PageBuffer& operator=(PageBuffer&& other) noexcept {
    std::swap(mapping_, other.mapping_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  PageBuffer(const PageBuffer&) = delete;
  PageBuffer& operator=(const PageBuffer&) = delete;
  ~PageBuffer();

  std::byte* data() const { return bytes_.data(); }
  uint64_t size() const { return bytes_.size(); }
  std::span<std::byte> span() const { return bytes_; }

 private:
  std::span<std::byte> mapping_;  // what the kernel gave
  std::span<std::byte> bytes_;    // the aligned part of it
};

}  // namespace ebb
