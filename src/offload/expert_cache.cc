#include "offload/expert_cache.h"

#include <algorithm>
#include <bit>
#include <chrono>

#include "base/checked.h"
#include "base/hash.h"

namespace ebb {

ExpertCache::ExpertCache(const ContainerReader& reader, uint64_t capacity_bytes)
    : reader_(reader), capacity_bytes_(capacity_bytes), entries_(reader.index().groups.size()) {}

uint64_t ExpertCache::EntryBytes(uint64_t group_bytes) {
  const uint64_t bytes = group_bytes + kReadSlackBytes;
  // Steps of a sixteenth to an eighth of the size, whole cache lines at least.
  const uint64_t step = std::max<uint64_t>(64, std::bit_floor(bytes) / 16);
  return AlignUp(bytes, step);
}

Result<std::span<const std::byte>> ExpertCache::Pin(uint32_t group) {
  Entry& entry = entries_[group];
  const GroupRecord& record = reader_.index().groups[group];
  EBB_CHECK(!entry.pinned);
  if (entry.in_use) {
    ++counts_.requests;
    ++counts_.hits;
    recency_.erase(entry.recency);
    entry.pinned = true;
    return std::span<const std::byte>(entry.buffer.span().first(record.bytes));
  }
  AlignedArray<std::byte> buffer;
  EBB_TRY(MakeRoom(EntryBytes(record.bytes), &buffer));
  ++counts_.requests;
  ++counts_.misses;
  const auto start = std::chrono::steady_clock::now();
  const auto to = buffer.span().first(record.bytes);
  const Status read = reader_.ReadGroupInto(record, to);
  counts_.read_seconds +=
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  if (!read) return tl::unexpected(read.error());
  counts_.bytes_read += record.bytes;
  used_bytes_ += buffer.size();
  entry.buffer = std::move(buffer);
  entry.in_use = true;
  entry.pinned = true;
  return std::span<const std::byte>(entry.buffer.span().first(record.bytes));
}

void ExpertCache::Unpin(uint32_t group) {
  Entry& entry = entries_[group];
  EBB_CHECK(entry.pinned);
  entry.pinned = false;
  entry.recency = recency_.insert(recency_.end(), group);
}

// Evicts until `bytes` fit, and gives a buffer of that size: the last evicted one if it has it.
Status ExpertCache::MakeRoom(uint64_t bytes, AlignedArray<std::byte>* buffer) {
  while (used_bytes_ + bytes > capacity_bytes_) {
    if (recency_.empty()) {
      return MakeError(ErrorCode::kOutOfMemory, "expert cache",
                       "an expert of {} bytes does not fit beside what is in use in {} bytes",
                       bytes, capacity_bytes_);
    }
    Entry& oldest = entries_[recency_.front()];
    recency_.pop_front();
    used_bytes_ -= oldest.buffer.size();
    oldest.in_use = false;
    *buffer = std::move(oldest.buffer);
    oldest.buffer = {};
  }
  if (buffer->size() != bytes) {
    *buffer = {};  // before the new one is there: never both
    *buffer = AlignedArray<std::byte>(bytes);
  }
  return {};
}

}  // namespace ebb
