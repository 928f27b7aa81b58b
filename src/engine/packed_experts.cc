#include "engine/packed_experts.h"

#include <algorithm>
#include <chrono>

#include "engine/encoded_rows.h"

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

PackedExperts::PackedExperts(const PackedSource& packed, const ThreadPool& pool, int slots)
    : packed_(packed),
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

Result<std::unique_ptr<PackedExperts>> PackedExperts::Open(const PackedSource& packed,
                                                           const ThreadPool& pool,
                                                           uint64_t cache_bytes, int slots) {
  std::unique_ptr<PackedExperts> experts(new PackedExperts(packed, pool, slots));
  EBB_TRY_ASSIGN(experts->cache_, ExpertCache::Open(packed.container(), cache_bytes));
  return experts;
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
    largest = std::max(largest, ExpertCache::EntryBytes(packed.container().index().groups[g]));
  });
  return largest;
}

uint64_t PackedExperts::TokenCacheBytes(const PackedSource& packed) {
  const MoeConfig& moe = packed.config().moe;
  if (moe.num_experts == 0) return 0;
  return MostCacheBytes(packed) / static_cast<uint64_t>(moe.num_experts) *
         static_cast<uint64_t>(moe.experts_per_token);
}

uint64_t PackedExperts::MostCacheBytes(const PackedSource& packed) {
  uint64_t sum = 0;
  VisitExpertGroups(packed, [&](size_t g) {
    sum += ExpertCache::EntryBytes(packed.container().index().groups[g]);
  });
  return sum;
}

void PackedExperts::Begin(LayerId layer, std::span<const ExpertDemand> demands) {
  EBB_CHECK(unreleased_ == 0);
  if (layer.value <= last_layer_) cache_->BeginRound();
  last_layer_ = layer.value;
  wanted_.clear();
  for (const ExpertDemand& demand : demands) {
    const uint32_t group =
        group_of_[static_cast<size_t>(layer.value * experts_per_layer_ + demand.expert.value)];
    wanted_.push_back({demand, group, Stage::kWaitsForRoom, {}});
  }
  // Those that are in the cache first: the room for the others might be theirs.
  for (Wanted& wanted : wanted_) {
    if (cache_->Contains(wanted.group)) Pin(wanted);
  }
  PinWaiting();
}

void PackedExperts::Pin(Wanted& wanted) {
  const Result<bool> is_there = cache_->Pin(wanted.group);
  if (is_there) {
    wanted.stage = *is_there ? Stage::kThere : Stage::kReading;
  } else if (is_there.error().code != ErrorCode::kOutOfMemory) {
    wanted.stage = Stage::kFailed;
    wanted.status = tl::unexpected(is_there.error());
  }
}

// Starts the reads for which there is room.
void PackedExperts::PinWaiting() {
  for (Wanted& wanted : wanted_) {
    if (wanted.stage == Stage::kWaitsForRoom) Pin(wanted);
  }
}

void PackedExperts::TakeArrival(const ExpertCache::Arrival& arrival) {
  for (Wanted& wanted : wanted_) {
    if (wanted.group != arrival.group) continue;
    wanted.stage = arrival.status ? Stage::kThere : Stage::kFailed;
    wanted.status = arrival.status;
  }
}

bool PackedExperts::AnyReady() const {
  return std::ranges::any_of(wanted_, [](const Wanted& wanted) {
    return wanted.stage == Stage::kThere || wanted.stage == Stage::kFailed;
  });
}

Result<bool> PackedExperts::GrantEncoded(const Wanted& wanted) {
  if (!CanMultiplyEncoded() || wanted.demand.rows > MaxEncodedTokens(0)) return false;
  const size_t number = granted_.size();
  while (encoded_.size() <= number) encoded_.emplace_back();
  EncodedExpert& expert = encoded_[number];
  EBB_TRY_ASSIGN(const bool is_taken,
                 expert.Take(packed_, wanted.group, cache_->BytesOf(wanted.group)));
  if (!is_taken || wanted.demand.rows > expert.max_tokens()) return false;
  grants_.push_back({wanted.demand.expert, expert.matrices()});
  return true;
}

std::span<const ExpertGrant> PackedExperts::Next() {
  EBB_CHECK(unreleased_ == 0);
  while (const auto arrival = cache_->Poll()) TakeArrival(*arrival);
  PinWaiting();
  while (!AnyReady()) {
    const auto arrival = cache_->Wait();
    if (!arrival) {  // nothing is on its way: one expert alone is too large for the cache
      for (Wanted& wanted : wanted_) {
        wanted.stage = Stage::kFailed;
        wanted.status = MakeError(ErrorCode::kOutOfMemory, "expert cache",
                                  "an expert does not fit into {} bytes", cache_->capacity_bytes());
      }
      break;
    }
    TakeArrival(*arrival);
  }

  // All that is there; what must be decoded first, as far as there are slots.
  grants_.clear();
  jobs_.clear();
  decoding_.clear();
  std::erase_if(wanted_, [&](const Wanted& wanted) {
    if (wanted.stage == Stage::kFailed) {
      grants_.push_back({wanted.demand.expert, tl::unexpected(wanted.status.error())});
      return true;
    }
    if (wanted.stage != Stage::kThere) return false;
    const Result<bool> is_granted = GrantEncoded(wanted);
    if (!is_granted) {
      cache_->Unpin(wanted.group);
      grants_.push_back({wanted.demand.expert, tl::unexpected(is_granted.error())});
      return true;
    }
    if (*is_granted) {
      granted_.push_back(wanted.group);
      return true;
    }
    if (jobs_.size() == slots_.size()) return false;
    jobs_.push_back({wanted.group, cache_->BytesOf(wanted.group), &slots_[jobs_.size()], {}});
    decoding_.push_back(wanted.demand.expert);
    return true;
  });
  const double start = Now();
  decoder_.Decode(jobs_);
  decode_seconds_ += Now() - start;
  for (size_t i = 0; i < jobs_.size(); ++i) {
    cache_->Unpin(static_cast<uint32_t>(jobs_[i].group));
    if (jobs_[i].status) {
      grants_.push_back({decoding_[i], jobs_[i].slot->matrices()});
    } else {
      grants_.push_back({decoding_[i], tl::unexpected(jobs_[i].status.error())});
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
  for (const uint32_t group : granted_) cache_->Unpin(group);
  granted_.clear();
}

ExpertCounts PackedExperts::counts() const {
  const ExpertCacheCounts& cache = cache_->counts();
  ExpertCounts counts;
  counts.requests = cache.requests;
  counts.hits = cache.hits;
  counts.misses = cache.misses;
  counts.bytes_read = cache.bytes_read;
  counts.read_seconds = cache.read_seconds;
  counts.decode_seconds = decode_seconds_;
  counts.compute_seconds = compute_seconds_;
  counts.stall_seconds = cache.stall_seconds;
  return counts;
}

}  // namespace ebb
