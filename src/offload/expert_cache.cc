#include "offload/expert_cache.h"

#include <algorithm>
#include <bit>
#include <chrono>
#include <cmath>

#include "base/checked.h"

namespace ebb {
namespace {

using Clock = std::chrono::steady_clock;

double Since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

}  // namespace

ExpertCache::ExpertCache(const ContainerReader& reader, PageSlab slab, uint64_t capacity_bytes)
    : reader_(reader),
      slab_(std::move(slab)),
      capacity_bytes_(capacity_bytes),
      entries_(reader.index().groups.size()) {}

Result<std::unique_ptr<ExpertCache>> ExpertCache::Open(const ContainerReader& reader,
                                                       uint64_t capacity_bytes, ReadMethod method) {
  EBB_TRY_ASSIGN(PageSlab slab, PageSlab::Allocate(capacity_bytes));
  std::unique_ptr<ExpertCache> cache(new ExpertCache(reader, std::move(slab), capacity_bytes));
  AsyncReaderOptions options;
  options.method = method;
  options.capacity = 1024;
  EBB_TRY_ASSIGN(cache->reads_, AsyncReader::Open(reader.file(), options));
  return cache;
}

uint64_t ExpertCache::EntryBytes(const GroupRecord& group) {
  const uint64_t bytes = WidenedBytes(group.offset, group.bytes) + kReadSlackBytes;
  // Steps of a sixteenth to an eighth of the size, whole pages at least.
  const uint64_t step = std::max<uint64_t>(kReadAlignment, std::bit_floor(bytes) / 16);
  return AlignUp(bytes, step);
}

void ExpertCache::CountUse(uint32_t group, bool is_hit) {
  Entry& entry = entries_[group];
  ++counts_.requests;
  ++(is_hit ? counts_.hits : counts_.misses);
  const bool is_evictable = evictable_.erase(OrderOf(group)) > 0;
  entry.last_use = ++uses_;
  if (is_evictable) evictable_.insert(OrderOf(group));
  if (!entry.used) used_.push_back(group);
  entry.used = true;
}

void ExpertCache::BeginRound() {
  for (const uint32_t group : used_) {
    Entry& entry = entries_[group];
    const bool is_evictable = evictable_.erase(OrderOf(group)) > 0;
    entry.score += weight_;
    entry.used = false;
    if (is_evictable) evictable_.insert(OrderOf(group));
  }
  used_.clear();
  weight_ *= std::exp2(1 / kHalfLife);
  if (weight_ < 1e200) return;
  // Only ratios count.
  std::set<EvictionOrder> evictable;
  for (Entry& entry : entries_) entry.score /= weight_;
  for (const EvictionOrder& old : evictable_) evictable.insert(OrderOf(old.group));
  evictable_ = std::move(evictable);
  weight_ = 1;
}

Result<bool> ExpertCache::Pin(uint32_t group) {
  Entry& entry = entries_[group];
  const GroupRecord& record = reader_.index().groups[group];
  EBB_CHECK(!entry.pinned && entry.state != State::kReading);
  if (entry.state == State::kThere) {
    evictable_.erase(OrderOf(group));
    entry.pinned = true;
    CountUse(group, true);
    return true;
  }
  EBB_TRY_ASSIGN(const std::span<std::byte> buffer, MakeRoom(EntryBytes(record)));
  if (reads_->outstanding() == 0) busy_since_ = Clock::now();
  if (!reads_->Submit({.tag = group,
                       .offset = record.offset,
                       .bytes = record.bytes,
                       .buffer = buffer,
                       .urgent = false})) {
    slab_.GiveBack(buffer);
    return MakeError(ErrorCode::kOutOfMemory, "expert cache", "too many reads at once");
  }
  used_bytes_ += buffer.size();
  entry.buffer = buffer;
  entry.state = State::kReading;
  entry.pinned = true;
  CountUse(group, false);
  return false;
}

void ExpertCache::Unpin(uint32_t group) {
  Entry& entry = entries_[group];
  EBB_CHECK(entry.pinned && entry.state == State::kThere);
  entry.pinned = false;
  evictable_.insert(OrderOf(group));
}

void ExpertCache::Evict(uint32_t group) {
  EBB_CHECK(evictable_.erase(OrderOf(group)) == 1);
  Empty(entries_[group]);
}

std::optional<ExpertCache::Arrival> ExpertCache::Poll() {
  const auto completion = reads_->Poll();
  if (!completion) return std::nullopt;
  return Accept(*completion);
}

std::optional<ExpertCache::Arrival> ExpertCache::Wait() {
  const TraceSpan span(trace_, "wait for a read");
  const auto start = Clock::now();
  const auto completion = reads_->Wait();
  if (!completion) return std::nullopt;
  counts_.stall_seconds += Since(start);
  return Accept(*completion);
}

ExpertCache::Arrival ExpertCache::Accept(const ReadCompletion& completion) {
  const auto group = static_cast<uint32_t>(completion.tag);
  Entry& entry = entries_[group];
  const GroupRecord& record = reader_.index().groups[group];
  if (reads_->outstanding() == 0) counts_.read_seconds += Since(busy_since_);
  if (trace_ != nullptr) {
    trace_->Overlapping("reads", fmt::format("group {}", group), group, completion.started,
                        completion.finished);
  }
  const TraceSpan span(trace_, "checksum");
  Arrival arrival{group, {}};
  if (completion.bytes) {
    counts_.bytes_read += record.bytes;
    arrival.status = reader_.CheckGroup(record, *completion.bytes);
  } else {
    arrival.status = tl::unexpected(completion.bytes.error());
  }
  if (arrival.status) {
    entry.state = State::kThere;
    return arrival;
  }
  Empty(entry);
  entry.pinned = false;
  return arrival;
}

void ExpertCache::Empty(Entry& entry) {
  slab_.GiveBack(entry.buffer);
  used_bytes_ -= entry.buffer.size();
  entry.buffer = {};
  entry.state = State::kAbsent;
}

std::span<const std::byte> ExpertCache::BytesOf(uint32_t group) const {
  const Entry& entry = entries_[group];
  const GroupRecord& record = reader_.index().groups[group];
  EBB_CHECK(entry.pinned && entry.state == State::kThere);
  return entry.buffer.subspan(record.offset % kReadAlignment, record.bytes);
}

// Evicts until there is a hole of `bytes`; evicts nothing if even all would not do.
Result<std::span<std::byte>> ExpertCache::MakeRoom(uint64_t bytes) {
  if (auto buffer = slab_.Take(bytes)) return *buffer;
  Holes holes = slab_.holes();
  auto end = evictable_.begin();
  while (end != evictable_.end() && !holes.Has(bytes)) {
    const std::span<std::byte> buffer = entries_[end->group].buffer;
    holes.Add(slab_.OffsetOf(buffer), buffer.size());
    ++end;
  }
  if (!holes.Has(bytes)) {
    return MakeError(ErrorCode::kOutOfMemory, "expert cache",
                     "an expert of {} bytes does not fit beside what is in use in {} bytes", bytes,
                     capacity_bytes_);
  }
  for (auto at = evictable_.begin(); at != end; ++at) Empty(entries_[at->group]);
  evictable_.erase(evictable_.begin(), end);
  return *slab_.Take(bytes);
}

}  // namespace ebb
