#include "engine/packed_experts.h"

#include <algorithm>
#include <cmath>

#include "base/stopwatch.h"
#include "engine/encoded_rows.h"

namespace ebb {
namespace {

template <typename Visit>
void VisitExpertGroups(const PackedSource& packed, Visit visit) {
  for (size_t g = 0; g < packed.groups().size(); ++g) {
    if (packed.groups()[g].routed_expert) visit(g);
  }
}

}  // namespace

namespace {

// Calls visit with each member.
template <typename Visit>
void VisitMembers(Visit visit) {
  visit(&ExpertCounts::requests);
  visit(&ExpertCounts::hits);
  visit(&ExpertCounts::hot_hits);
  visit(&ExpertCounts::misses);
  visit(&ExpertCounts::bytes_read);
  visit(&ExpertCounts::read_seconds);
  visit(&ExpertCounts::decode_seconds);
  visit(&ExpertCounts::compute_seconds);
  visit(&ExpertCounts::stall_seconds);
}

}  // namespace

ExpertCounts& ExpertCounts::operator+=(const ExpertCounts& other) {
  VisitMembers([&](auto member) { this->*member += other.*member; });
  return *this;
}

ExpertCounts ExpertCounts::operator-(const ExpertCounts& before) const {
  ExpertCounts difference = *this;
  VisitMembers([&](auto member) { difference.*member -= before.*member; });
  return difference;
}

PackedExperts::PackedExperts(const PackedSource& packed, const ThreadPool& pool, int slots,
                             uint64_t hot)
    : packed_(packed),
      decoder_(packed, pool),
      hot_(SlotBytes(packed), hot),
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
                                                           uint64_t cache_bytes, int slots,
                                                           uint64_t hot) {
  std::unique_ptr<PackedExperts> experts(new PackedExperts(packed, pool, slots, hot));
  EBB_TRY_ASSIGN(experts->cache_, ExpertCache::Open(packed.container(), cache_bytes));
  experts->has_room_for_all_ = cache_bytes >= MostCacheBytes(packed);
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
    const bool is_hot = hot_.Find(group) != nullptr;
    wanted_.push_back({demand, group, is_hot ? Stage::kHot : Stage::kWaitsForRoom, {}});
    if (!is_hot) continue;
    ++hot_hits_;
    cache_->CountUseElsewhere(group);
  }
  // Those that are in the cache first: the room for the others might be theirs.
  for (Wanted& wanted : wanted_) {
    if (wanted.stage == Stage::kWaitsForRoom && cache_->Contains(wanted.group)) Pin(wanted);
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
    return wanted.stage == Stage::kThere || wanted.stage == Stage::kHot ||
           wanted.stage == Stage::kFailed;
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

ExpertSlot* PackedExperts::ClaimHot(uint32_t group) {
  const LayerId layer = packed_.groups()[group].layer;
  return hot_.Claim(group, [&](uint32_t g) {
    // What this layer has in use stays.
    if (g != group && packed_.groups()[g].layer == layer) return HUGE_VAL;
    return cache_->ScoreOf(g);
  });
}

bool PackedExperts::GrantOrDecode(const Wanted& wanted) {
  const ExpertId expert = wanted.demand.expert;
  if (wanted.stage == Stage::kHot) {
    grants_.push_back({expert, *hot_.Find(wanted.group)});
    return true;
  }
  if (wanted.stage == Stage::kFailed) {
    grants_.push_back({expert, tl::unexpected(wanted.status.error())});
    return true;
  }
  ExpertSlot* slot = ClaimHot(wanted.group);
  const bool is_hot = slot != nullptr;
  if (!is_hot) {
    const Result<bool> is_granted = GrantEncoded(wanted);
    if (!is_granted) {
      cache_->Unpin(wanted.group);
      grants_.push_back({expert, tl::unexpected(is_granted.error())});
      return true;
    }
    if (*is_granted) {
      granted_.push_back(wanted.group);
      return true;
    }
    if (slots_used_ == slots_.size()) return false;
    slot = &slots_[slots_used_++];
  }
  jobs_.push_back({wanted.group, cache_->BytesOf(wanted.group), slot, {}});
  decoding_.push_back({expert, is_hot});
  return true;
}

void PackedExperts::DecodeJobs() {
  if (jobs_.empty()) return;
  const TraceSpan span(trace_, "decode", [&] { return fmt::format("{} experts", jobs_.size()); });
  const Stopwatch watch;
  decoder_.Decode(jobs_);
  decode_seconds_ += watch.seconds();
  for (size_t i = 0; i < jobs_.size(); ++i) {
    const ExpertDecodeJob& job = jobs_[i];
    const auto group = static_cast<uint32_t>(job.group);
    cache_->Unpin(group);
    if (job.status) {
      grants_.push_back({decoding_[i].expert, job.slot->matrices()});
      // One copy is enough, unless there is room for all.
      if (decoding_[i].is_hot && !has_room_for_all_) cache_->Evict(group);
    } else {
      grants_.push_back({decoding_[i].expert, tl::unexpected(job.status.error())});
      if (decoding_[i].is_hot) hot_.Drop(group);
    }
  }
}

void PackedExperts::WaitUntilSomeAreReady() {
  while (!AnyReady()) {
    const auto arrival = cache_->Wait();
    if (!arrival) {  // nothing is on its way: one expert alone is too large for the cache
      for (Wanted& wanted : wanted_) {
        wanted.stage = Stage::kFailed;
        wanted.status = MakeError(ErrorCode::kOutOfMemory, "expert cache",
                                  "an expert does not fit into {} bytes", cache_->capacity_bytes());
      }
      return;
    }
    TakeArrival(*arrival);
  }
}

std::span<const ExpertGrant> PackedExperts::Next() {
  EBB_CHECK(unreleased_ == 0);
  while (const auto arrival = cache_->Poll()) TakeArrival(*arrival);
  PinWaiting();
  WaitUntilSomeAreReady();
  // All that is there; what must be decoded first, as far as there are slots.
  grants_.clear();
  jobs_.clear();
  decoding_.clear();
  slots_used_ = 0;
  std::erase_if(wanted_, [&](const Wanted& wanted) {
    const bool is_ready = wanted.stage == Stage::kThere || wanted.stage == Stage::kHot ||
                          wanted.stage == Stage::kFailed;
    return is_ready && GrantOrDecode(wanted);
  });
  DecodeJobs();
  unreleased_ = grants_.size();
  granted_ago_ = Stopwatch();
  return grants_;
}

void PackedExperts::Release(ExpertId) {
  EBB_CHECK(unreleased_ > 0);
  if (--unreleased_ > 0) return;
  compute_seconds_ += granted_ago_.seconds();
  for (const uint32_t group : granted_) cache_->Unpin(group);
  granted_.clear();
}

ExpertCounts PackedExperts::counts() const {
  const ExpertCacheCounts& cache = cache_->counts();
  ExpertCounts counts;
  counts.requests = cache.requests;
  counts.hits = cache.hits;
  counts.hot_hits = hot_hits_;
  counts.misses = cache.misses;
  counts.bytes_read = cache.bytes_read;
  counts.read_seconds = cache.read_seconds;
  counts.decode_seconds = decode_seconds_;
  counts.compute_seconds = compute_seconds_;
  counts.stall_seconds = cache.stall_seconds;
  return counts;
}

}  // namespace ebb
