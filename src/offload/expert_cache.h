// Encoded experts in memory, in front of the file: a cache with a hard cap.
//
// An entry is the bytes of one group of the file, as they are there. What always holds:
//   - the buffers of all entries together have at most capacity_bytes;
//   - an entry is there only if all its chunks passed their checksums;
//   - a pinned entry is not evicted; the least recently used of the others goes first;
//   - a failed read leaves the cache as it was, but for what had to be evicted for its room.
// It never decodes. Not thread-safe: one engine uses it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <span>
#include <vector>

#include "base/bytes.h"
#include "container/reader.h"

namespace ebb {

// Sums since the cache was made.
struct ExpertCacheCounts {
  uint64_t requests = 0;
  uint64_t hits = 0;
  uint64_t misses = 0;
  uint64_t bytes_read = 0;
  double read_seconds = 0;
};

class ExpertCache {
 public:
  // The reader must outlive the cache.
  ExpertCache(const ContainerReader& reader, uint64_t capacity_bytes);

  // What an entry of `group_bytes` takes from the capacity: sizes are rounded up so that buffers of
  // about the same size can take each other's place.
  [[nodiscard]] static uint64_t EntryBytes(uint64_t group_bytes);

  // The bytes of a group, followed by kReadSlackBytes readable bytes; read if they are not there.
  // They stay where they are until Unpin. A group may be pinned once at a time. Errors: a read or a
  // checksum failed; kOutOfMemory if there is no room beside what is pinned.
  [[nodiscard]] Result<std::span<const std::byte>> Pin(uint32_t group);
  void Unpin(uint32_t group);

  uint64_t capacity_bytes() const { return capacity_bytes_; }
  uint64_t used_bytes() const { return used_bytes_; }
  bool Contains(uint32_t group) const { return entries_[group].in_use; }
  const ExpertCacheCounts& counts() const { return counts_; }

 private:
  struct Entry {
    AlignedArray<std::byte> buffer;
    bool in_use = false;
    bool pinned = false;
    std::list<uint32_t>::iterator recency;  // when in use and not pinned
  };

  [[nodiscard]] Status MakeRoom(uint64_t bytes, AlignedArray<std::byte>* buffer);

  const ContainerReader& reader_;
  uint64_t capacity_bytes_;
  uint64_t used_bytes_ = 0;
  std::vector<Entry> entries_;   // by group
  std::list<uint32_t> recency_;  // unpinned groups, the least recently used first
  ExpertCacheCounts counts_;
};

}  // namespace ebb
