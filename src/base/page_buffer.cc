#include "base/page_buffer.h"

#include <sys/mman.h>

#include "base/checked.h"
#include "base/units.h"

namespace ebb {
namespace {

constexpr uint64_t kHugePageBytes = uint64_t{2} << 20;

}  // namespace

Result<PageBuffer> PageBuffer::Allocate(uint64_t bytes) {
  PageBuffer buffer;
  if (bytes == 0) return buffer;
  // The kernel aligns to small pages; what is too much for a larger alignment stays untouched.
  const uint64_t alignment = bytes >= kHugePageBytes ? kHugePageBytes : kPageBytes;
  const auto refused = [&] {
    return MakeError(ErrorCode::kOutOfMemory, "memory", "the system has no {} left",
                     FormatSize(bytes));
  };
  if (bytes > UINT64_MAX / 2) return refused();
  const uint64_t mapped = AlignUp(bytes, kPageBytes) + alignment - kPageBytes;
  void* const start =
      mmap(nullptr, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (start == MAP_FAILED) return refused();
  buffer.mapping_ = {static_cast<std::byte*>(start), mapped};
  const auto address = reinterpret_cast<uint64_t>(start);
  buffer.bytes_ = buffer.mapping_.subspan(AlignUp(address, alignment) - address, bytes);
  // Advice only: small pages do as well.
  if (alignment == kHugePageBytes) (void)madvise(buffer.data(), bytes, MADV_HUGEPAGE);
  return buffer;
}

PageBuffer::~PageBuffer() {
  if (!mapping_.empty()) munmap(mapping_.data(), mapping_.size());
}

}  // namespace ebb
