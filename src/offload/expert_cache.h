// Encoded experts in memory, in front of the file: a cache with a hard cap, whose reads go on while
// the caller computes.
//
// An entry is the bytes of one group of the file, as they are there. What always holds:
//   - all entries, those being read included, lie in one piece of memory of capacity_bytes;
//   - BytesOf gives only what passed all its checksums;
//   - a pinned entry is not evicted; of the others the one with the lowest score goes first, and of
//     equal ones the one that was used last, until there is a hole that is large enough. (Entries
//     of one size need no more than one to go.)
//   - a failed read leaves the cache as it was, but for what had to be evicted for its room.
//
// The score of a group, there or not, counts the rounds in which it was used, with weights that
// halve every kHalfLife rounds; the round in progress does not count yet. A round is one pass
// through the layers. So of a circle that does not fit most stays: what was used just now is what
// is wanted again last. (The least recently used would be the next to be wanted, always.)
//
// It never decodes. Not thread-safe: one engine uses it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <vector>

#include "base/trace.h"
#include "container/reader.h"
#include "offload/async_reader.h"
#include "offload/page_slab.h"

namespace ebb {

// Sums since the cache was made.
struct ExpertCacheCounts {
  uint64_t requests = 0;
  uint64_t hits = 0;
  uint64_t misses = 0;
  uint64_t bytes_read = 0;
  double read_seconds = 0;   // during which at least one read was on its way
  double stall_seconds = 0;  // of Wait
};

class ExpertCache {
 public:
  // The reader must outlive the cache.
  [[nodiscard]] static Result<std::unique_ptr<ExpertCache>> Open(
      const ContainerReader& reader, uint64_t capacity_bytes,
      ReadMethod method = ReadMethod::kAuto);

  // What an entry of a group takes from the capacity: room for whole pages around it, rounded up so
  // that buffers of about the same size can take each other's place.
  [[nodiscard]] static uint64_t EntryBytes(const GroupRecord& group);

  // A pass through the layers begins.
  void BeginRound();

  // Keeps a group in memory until Unpin: true if it is there, false if it is being read from now on
  // and Poll or Wait will tell. A group may be pinned once at a time. kOutOfMemory if there is no
  // room beside what is pinned; nothing happened then.
  [[nodiscard]] Result<bool> Pin(uint32_t group);
  void Unpin(uint32_t group);

  // Counts a use of a group of which the caller has a copy of its own.
  void CountUseElsewhere(uint32_t group) { CountUse(group, true); }
  // Gives up a group that is there and not pinned.
  void Evict(uint32_t group);
  // How much a group was used, in recent rounds above all; only ratios mean something.
  double ScoreOf(uint32_t group) const { return entries_[group].score; }

  // A group whose read has ended. If that failed, the group is neither there nor pinned any more.
  struct Arrival {
    uint32_t group;
    Status status;
  };
  // Poll gives what has ended, Wait also waits; nothing if no read is going on.
  [[nodiscard]] std::optional<Arrival> Poll();
  [[nodiscard]] std::optional<Arrival> Wait();

  // The bytes of a pinned group that is there, with kReadSlackBytes readable bytes behind them.
  std::span<const std::byte> BytesOf(uint32_t group) const;

  uint64_t capacity_bytes() const { return capacity_bytes_; }
  uint64_t used_bytes() const { return used_bytes_; }
  bool Contains(uint32_t group) const { return entries_[group].state == State::kThere; }
  const ExpertCacheCounts& counts() const { return counts_; }
  const AsyncReader& reads() const { return *reads_; }
  // Where reads and waiting for them are noted; null for nowhere. It must outlive the cache.
  void set_trace(Trace* trace) { trace_ = trace; }

 private:
  static constexpr double kHalfLife = 64;

  enum class State : uint8_t { kAbsent, kReading, kThere };
  struct Entry {
    std::span<std::byte> buffer;  // empty when absent
    State state = State::kAbsent;
    bool pinned = false;
    bool used = false;  // in this round
    double score = 0;
    uint64_t last_use = 0;
  };
  // What is evicted first comes first.
  struct EvictionOrder {
    double score;
    uint64_t last_use;
    uint32_t group;
    bool operator<(const EvictionOrder& other) const {
      if (score != other.score) return score < other.score;
      return last_use > other.last_use;
    }
  };

  ExpertCache(const ContainerReader& reader, PageSlab slab, uint64_t capacity_bytes);

  EvictionOrder OrderOf(uint32_t group) const {
    return {entries_[group].score, entries_[group].last_use, group};
  }
  void CountUse(uint32_t group, bool is_hit);
  [[nodiscard]] Result<std::span<std::byte>> MakeRoom(uint64_t bytes);
  void Empty(Entry& entry);
  [[nodiscard]] Arrival Accept(const ReadCompletion& completion);

  const ContainerReader& reader_;
  PageSlab slab_;
  uint64_t capacity_bytes_;
  uint64_t used_bytes_ = 0;
  std::vector<Entry> entries_;         // by group
  std::set<EvictionOrder> evictable_;  // all that is there and not pinned
  std::vector<uint32_t> used_;         // in this round
  double weight_ = 1;                  // of a use in this round
  uint64_t uses_ = 0;
  std::chrono::steady_clock::time_point busy_since_;
  ExpertCacheCounts counts_;
  Trace* trace_ = nullptr;
  std::unique_ptr<AsyncReader> reads_;  // goes first: it waits for the reads into the buffers
};

}  // namespace ebb
