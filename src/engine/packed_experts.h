// The routed experts of an .ebb file, on demand, from three tiers: decoded and kept so (hot),
// encoded in a cache (warm), in the file (cold). Encoded ones are multiplied as they are by few
// rows, or decoded first for many.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "base/stopwatch.h"
#include "engine/encoded_expert.h"
#include "engine/expert_decoder.h"
#include "engine/hot_experts.h"
#include "model/expert_provider.h"
#include "offload/expert_cache.h"
#include "packed/packed_source.h"

namespace ebb {

// What serving experts took, in sums since the provider was made.
struct ExpertCounts {
  uint64_t requests = 0;
  uint64_t hits = 0;      // of all in memory
  uint64_t hot_hits = 0;  // of those, decoded
  uint64_t misses = 0;
  uint64_t bytes_read = 0;
  double read_seconds = 0;
  double decode_seconds = 0;
  double compute_seconds = 0;  // between an expert's grant and its release
  double stall_seconds = 0;    // of the forward pass, waiting for reads

  ExpertCounts& operator+=(const ExpertCounts& other);
  ExpertCounts operator-(const ExpertCounts& before) const;
};

class PackedExperts final : public ExpertProvider {
 public:
  // `slots` experts are decoded at a time for one use, each in memory of its own; `hot` are kept
  // decoded.
  [[nodiscard]] static Result<std::unique_ptr<PackedExperts>> Open(const PackedSource& packed,
                                                                   const ThreadPool& pool,
                                                                   uint64_t cache_bytes, int slots,
                                                                   uint64_t hot);

  // The memory that one slot takes: that of the largest decoded expert.
  [[nodiscard]] static uint64_t SlotBytes(const PackedSource& packed);
  // The least cache that works: room for the largest encoded expert.
  [[nodiscard]] static uint64_t LeastCacheBytes(const PackedSource& packed);
  // What the experts that one token uses take in the cache, on average over all choices.
  [[nodiscard]] static uint64_t TokenCacheBytes(const PackedSource& packed);
  // A cache of this size never evicts.
  [[nodiscard]] static uint64_t MostCacheBytes(const PackedSource& packed);

  void Begin(LayerId layer, std::span<const ExpertDemand> demands) override;
  [[nodiscard]] std::span<const ExpertGrant> Next() override;
  void Release(ExpertId expert) override;

  [[nodiscard]] ExpertCounts counts() const;
  void set_trace(Trace* trace) {
    trace_ = trace;
    cache_->set_trace(trace);
  }
  const ExpertCache& cache() const { return *cache_; }

 private:
  // An expert of the layer in progress that has not been granted yet.
  enum class Stage : uint8_t { kWaitsForRoom, kReading, kThere, kHot, kFailed };
  struct Wanted {
    ExpertDemand demand;
    uint32_t group;
    Stage stage;
    Status status;
  };

  // An expert that is decoded before it is granted.
  struct Decoding {
    ExpertId expert;
    bool is_hot;  // into a slot of hot_
  };

  PackedExperts(const PackedSource& packed, const ThreadPool& pool, int slots, uint64_t hot);

  void Pin(Wanted& wanted);
  void PinWaiting();
  void TakeArrival(const ExpertCache::Arrival& arrival);
  [[nodiscard]] bool AnyReady() const;
  void WaitUntilSomeAreReady();
  // Grants an expert, or makes a job of decoding it. False if there is no slot for that now.
  [[nodiscard]] bool GrantOrDecode(const Wanted& wanted);
  // Grants an expert as it is, if that is possible and worth it.
  [[nodiscard]] Result<bool> GrantEncoded(const Wanted& wanted);
  [[nodiscard]] ExpertSlot* ClaimHot(uint32_t group);
  void DecodeJobs();

  const PackedSource& packed_;
  std::unique_ptr<ExpertCache> cache_;
  ExpertDecoder decoder_;
  std::vector<ExpertSlot> slots_;
  HotExperts hot_;
  uint64_t hot_hits_ = 0;
  bool has_room_for_all_ = false;
  std::deque<EncodedExpert> encoded_;  // as many as were ever granted at once
  int32_t experts_per_layer_;
  std::vector<uint32_t> group_of_;  // by layer x experts_per_layer + expert

  int32_t last_layer_ = -1;
  // Of the layer in progress.
  std::vector<Wanted> wanted_;
  std::vector<ExpertDecodeJob> jobs_;
  std::vector<Decoding> decoding_;  // the jobs'
  size_t slots_used_ = 0;
  std::vector<uint32_t> granted_;  // groups that are pinned until their grants are released
  std::vector<ExpertGrant> grants_;
  size_t unreleased_ = 0;
  Stopwatch granted_ago_;

  Trace* trace_ = nullptr;
  double decode_seconds_ = 0;
  double compute_seconds_ = 0;
};

}  // namespace ebb
