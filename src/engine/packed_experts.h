// The routed experts of an .ebb file, on demand: read through a cache, and multiplied as they are
// by few rows, or decoded first for many.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "engine/encoded_expert.h"
#include "engine/expert_decoder.h"
#include "model/expert_provider.h"
#include "offload/expert_cache.h"
#include "packed/packed_source.h"

namespace ebb {

// What serving experts took, in sums since the provider was made.
struct ExpertCounts {
  uint64_t requests = 0;
  uint64_t hits = 0;
  uint64_t misses = 0;
  uint64_t bytes_read = 0;
  double read_seconds = 0;
  double decode_seconds = 0;
  double compute_seconds = 0;  // between an expert's grant and its release
  double stall_seconds = 0;    // of the forward pass, waiting for reads
};

class PackedExperts final : public ExpertProvider {
 public:
  // `slots` experts are decoded at a time, each in memory of its own.
  [[nodiscard]] static Result<std::unique_ptr<PackedExperts>> Open(const PackedSource& packed,
                                                                   const ThreadPool& pool,
                                                                   uint64_t cache_bytes, int slots);

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
  const ExpertCache& cache() const { return *cache_; }

 private:
  // An expert of the layer in progress that has not been granted yet.
  enum class Stage : uint8_t { kWaitsForRoom, kReading, kThere, kFailed };
  struct Wanted {
    ExpertDemand demand;
    uint32_t group;
    Stage stage;
    Status status;
  };

  PackedExperts(const PackedSource& packed, const ThreadPool& pool, int slots);

  void Pin(Wanted& wanted);
  void PinWaiting();
  void TakeArrival(const ExpertCache::Arrival& arrival);
  [[nodiscard]] bool AnyReady() const;
  // Grants an expert as it is, if that is possible and worth it.
  [[nodiscard]] Result<bool> GrantEncoded(const Wanted& wanted);

  const PackedSource& packed_;
  std::unique_ptr<ExpertCache> cache_;
  ExpertDecoder decoder_;
  std::vector<ExpertSlot> slots_;
  std::deque<EncodedExpert> encoded_;  // as many as were ever granted at once
  int32_t experts_per_layer_;
  std::vector<uint32_t> group_of_;  // by layer x experts_per_layer + expert

  int32_t last_layer_ = -1;
  // Of the layer in progress.
  std::vector<Wanted> wanted_;
  std::vector<ExpertDecodeJob> jobs_;
  std::vector<ExpertId> decoding_;  // the jobs' experts
  std::vector<uint32_t> granted_;   // groups that are pinned until their grants are released
  std::vector<ExpertGrant> grants_;
  size_t unreleased_ = 0;
  double granted_at_ = 0;

  double decode_seconds_ = 0;
  double compute_seconds_ = 0;
};

}  // namespace ebb
