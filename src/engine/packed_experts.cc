#include "engine/packed_experts.h"

#include <algorithm>
#include <chrono>

namespace ebb {
namespace {

double Now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

template <typename Visit>
void VisitExpertGroups(const PackedSource& packed, Visit visit) {
  for (size_t g = 0; g < packed.groups().size(); ++g) {
    if (packed.groups()[g].routed_expert) visit(g);
  }
}

}  // namespace

PackedExperts::PackedExperts(const PackedSource& packed, const ThreadPool& pool,
                             uint64_t cache_bytes, int slots)
    : packed_(packed),
      cache_(packed.container(), cache_bytes),
      decoder_(packed, pool),
      experts_per_layer_(static_cast<int32_t>(packed.config().moe.num_experts)) {
  const uint64_t slot_bytes = SlotBytes(packed);
  for (int i = 0; i < slots; ++i) slots_.emplace_back(slot_bytes);
  group_of_.resize(static_cast<size_t>(packed.config().num_layers * experts_per_layer_));
  VisitExpertGroups(packed, [&](size_t g) {
    const TensorGroup& group = packed.groups()[g];
    group_of_[static_cast<size_t>(group.layer.value * experts_per_layer_ + group.expert.value)] =
        static_cast<uint32_t>(g);
  });
}

uint64_t PackedExperts::SlotBytes(const PackedSource& packed) {
  uint64_t largest = 0;
  VisitExpertGroups(
      packed, [&](size_t g) { largest = std::max(largest, ExpertSlot::BytesFor(packed, g)); });
  return largest;
}

uint64_t PackedExperts::LeastCacheBytes(const PackedSource& packed) {
  uint64_t largest = 0;
  VisitExpertGroups(packed, [&](size_t g) {
    const uint64_t bytes = packed.container().index().groups[g].bytes;
    largest = std::max(largest, ExpertCache::EntryBytes(bytes));
  });
  return largest;
}

uint64_t PackedExperts::MostCacheBytes(const PackedSource& packed) {
  uint64_t sum = 0;
  VisitExpertGroups(packed, [&](size_t g) {
    sum += ExpertCache::EntryBytes(packed.container().index().groups[g].bytes);
  });
  return sum;
}

void PackedExperts::Begin(LayerId layer, std::span<const ExpertDemand> demands) {
  EBB_CHECK(unreleased_ == 0);
  layer_ = layer;
  waiting_.assign(demands.begin(), demands.end());
  // Those that are in the cache are served first: reading the others might evict them.
  std::stable_partition(waiting_.begin(), waiting_.end(), [&](const ExpertDemand& demand) {
    return !cache_.Contains(GroupOf(demand.expert));
  });
}

Result<bool> PackedExperts::GrantEncoded(const ExpertDemand& demand, size_t number,
                                         std::span<const std::byte> bytes) {
  if (!EncodedExpert::IsPossible() || demand.rows > MaxEncodedTokens(0)) return false;
  while (encoded_.size() <= number) encoded_.emplace_back();
  EncodedExpert& expert = encoded_[number];
  EBB_TRY_ASSIGN(const bool is_taken, expert.Take(packed_, GroupOf(demand.expert), bytes));
  if (!is_taken || demand.rows > expert.max_tokens()) return false;
  grants_.push_back({demand.expert, expert.matrices()});
  return true;
}

std::span<const ExpertGrant> PackedExperts::Next() {
  EBB_CHECK(unreleased_ == 0);
  grants_.clear();
  jobs_.clear();
  std::vector<ExpertId> decoding;
  while (!waiting_.empty() && decoding.size() < slots_.size()) {
    const ExpertDemand demand = waiting_.back();
    const uint32_t group = GroupOf(demand.expert);
    const auto bytes = cache_.Pin(group);
    if (!bytes) {
      // No room beside those that are pinned now: it gets its turn when they are done.
      const bool is_waiting = !decoding.empty() || !pinned_.empty();
      if (bytes.error().code == ErrorCode::kOutOfMemory && is_waiting) break;
      grants_.push_back({demand.expert, tl::unexpected(bytes.error())});
      waiting_.pop_back();
      continue;
    }
    waiting_.pop_back();
    const Result<bool> is_granted = GrantEncoded(demand, pinned_.size(), *bytes);
    if (!is_granted) {
      cache_.Unpin(group);
      grants_.push_back({demand.expert, tl::unexpected(is_granted.error())});
    } else if (*is_granted) {
      pinned_.push_back(group);
    } else {
      jobs_.push_back({group, *bytes, &slots_[decoding.size()], {}});
      decoding.push_back(demand.expert);
    }
  }
  const double start = Now();
  decoder_.Decode(jobs_);
  decode_seconds_ += Now() - start;
  for (size_t i = 0; i < jobs_.size(); ++i) {
    cache_.Unpin(static_cast<uint32_t>(jobs_[i].group));
    if (jobs_[i].status) {
      grants_.push_back({decoding[i], jobs_[i].slot->matrices()});
    } else {
      grants_.push_back({decoding[i], tl::unexpected(jobs_[i].status.error())});
    }
  }
  unreleased_ = grants_.size();
  granted_at_ = Now();
  return grants_;
}

void PackedExperts::Release(ExpertId) {
  EBB_CHECK(unreleased_ > 0);
  if (--unreleased_ > 0) return;
  compute_seconds_ += Now() - granted_at_;
  for (const uint32_t group : pinned_) cache_.Unpin(group);
  pinned_.clear();
}

ExpertCounts PackedExperts::counts() const {
  const ExpertCacheCounts& cache = cache_.counts();
  ExpertCounts counts;
  counts.requests = cache.requests;
  counts.hits = cache.hits;
  counts.misses = cache.misses;
  counts.bytes_read = cache.bytes_read;
  counts.read_seconds = cache.read_seconds;
  counts.decode_seconds = decode_seconds_;
  counts.compute_seconds = compute_seconds_;
  counts.stall_seconds = cache.read_seconds;  // reads are not overlapped with anything yet
  return counts;
}

}  // namespace ebb
