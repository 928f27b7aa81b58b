// One large piece of memory, cut into buffers of whole pages: the memory of a cache.
//
// One piece, because huge pages are given whole, and because memory that goes from one buffer to
// the next is not given back to the kernel and cleared again. A buffer is the first hole that is
// large enough; neighbouring holes become one.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>

#include "base/page_buffer.h"
#include "offload/page_toucher.h"

namespace ebb {

// The free ranges of some memory, by rising offset.
class Holes {
 public:
  explicit Holes(uint64_t bytes) { Add(0, bytes); }

  // The first range of that size; it is no hole any more.
  [[nodiscard]] std::optional<uint64_t> Take(uint64_t bytes);
  void Add(uint64_t offset, uint64_t bytes);
  [[nodiscard]] bool Has(uint64_t bytes) const;

 private:
  std::map<uint64_t, uint64_t> size_at_;
};

// Not thread-safe. Becomes resident a little ahead of its use.
class PageSlab {
 public:
  // Of whole pages: `bytes` rounded down.
  [[nodiscard]] static Result<PageSlab> Allocate(uint64_t bytes);

  // A buffer of whole pages, or nothing if there is no hole for it.
  [[nodiscard]] std::optional<std::span<std::byte>> Take(uint64_t bytes);
  void GiveBack(std::span<std::byte> buffer);

  // For trying what giving back would bring.
  Holes holes() const { return holes_; }
  uint64_t OffsetOf(std::span<std::byte> buffer) const {
    return static_cast<uint64_t>(buffer.data() - memory_.data());
  }

 private:
  static constexpr uint64_t kAheadBytes = uint64_t{256} << 20;

  explicit PageSlab(PageBuffer memory);

  PageBuffer memory_;
  Holes holes_;
  std::unique_ptr<PageToucher> toucher_;  // null: a small one. Goes first
};

}  // namespace ebb
