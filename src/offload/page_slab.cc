#include "offload/page_slab.h"

#include <algorithm>

#include "base/checked.h"

namespace ebb {

std::optional<uint64_t> Holes::Take(uint64_t bytes) {
  for (auto hole = size_at_.begin(); hole != size_at_.end(); ++hole) {
    const auto [offset, size] = *hole;
    if (size < bytes) continue;
    size_at_.erase(hole);
    if (size > bytes) size_at_[offset + bytes] = size - bytes;
    return offset;
  }
  return std::nullopt;
}

void Holes::Add(uint64_t offset, uint64_t bytes) {
  if (bytes == 0) return;
  auto after = size_at_.lower_bound(offset);
  if (after != size_at_.begin()) {
    const auto before = std::prev(after);
    EBB_CHECK(before->first + before->second <= offset);
    if (before->first + before->second == offset) {
      offset = before->first;
      bytes += before->second;
      size_at_.erase(before);
    }
  }
  if (after != size_at_.end() && after->first == offset + bytes) {
    bytes += after->second;
    size_at_.erase(after);
  }
  size_at_[offset] = bytes;
}

bool Holes::Has(uint64_t bytes) const {
  return std::ranges::any_of(size_at_, [&](const auto& hole) { return hole.second >= bytes; });
}

Result<PageSlab> PageSlab::Allocate(uint64_t bytes) {
  EBB_TRY_ASSIGN(PageBuffer memory, PageBuffer::Allocate(bytes / kPageBytes * kPageBytes));
  return PageSlab(std::move(memory));
}

PageSlab::PageSlab(PageBuffer memory) : memory_(std::move(memory)), holes_(memory_.size()) {
  if (memory_.size() < kAheadBytes / 4) return;
  toucher_ = std::make_unique<PageToucher>(memory_.span());
  toucher_->Want(kAheadBytes);
}

std::optional<std::span<std::byte>> PageSlab::Take(uint64_t bytes) {
  EBB_CHECK(bytes % kPageBytes == 0);
  const auto offset = holes_.Take(bytes);
  if (!offset) return std::nullopt;
  if (toucher_ != nullptr) toucher_->Want(*offset + bytes + kAheadBytes);
  return memory_.span().subspan(*offset, bytes);
}

void PageSlab::GiveBack(std::span<std::byte> buffer) {
  holes_.Add(OffsetOf(buffer), buffer.size());
}

}  // namespace ebb
