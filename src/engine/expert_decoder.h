// Encoded experts become matrices that kernels multiply: 8-bit or 16-bit codes with their step, or
// float32 where codes cannot say it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/bytes.h"
#include "base/threads.h"
#include "model/expert_provider.h"
#include "model/owned_matrix.h"
#include "packed/packed_source.h"

namespace ebb {

// Memory for one decoded expert, reused from one to the next.
class ExpertSlot {
 public:
  explicit ExpertSlot(uint64_t bytes) : memory_(AllocateWeights(bytes)) {}

  // What a slot must have for a group of `packed`.
  [[nodiscard]] static uint64_t BytesFor(const PackedSource& packed, size_t group);

  // Valid until the next decode into this slot.
  const ExpertMatrices& matrices() const { return matrices_; }

 private:
  friend class ExpertDecoder;

  AlignedArray<std::byte> memory_;
  std::vector<WeightException> exceptions_;
  ExpertMatrices matrices_;
};

// An expert to be decoded, and how that went.
struct ExpertDecodeJob {
  size_t group = 0;                  // of the file
  std::span<const std::byte> bytes;  // of the group, kReadSlackBytes readable bytes behind them
  ExpertSlot* slot = nullptr;
  Status status;
};

// Not thread-safe; uses the threads of the pool for the chunks of all jobs.
class ExpertDecoder {
 public:
  ExpertDecoder(const PackedSource& packed, const ThreadPool& pool)
      : packed_(packed), pool_(pool) {}

  // Fills the jobs' slots, or their status with kCorrupt.
  void Decode(std::span<ExpertDecodeJob> jobs);

 private:
  struct ChunkTask {
    ExpertDecodeJob* job;
    const ChunkRecord* record;
    Status status;
    float step;
    std::vector<WeightException> exceptions;  // row: element of the group; col: unused
  };

  void DecodeChunk(ChunkTask* task) const;
  [[nodiscard]] Status Assemble(ExpertDecodeJob* job, std::span<const ChunkTask> tasks) const;

  const PackedSource& packed_;
  const ThreadPool& pool_;
  std::vector<ChunkTask> tasks_;
};

}  // namespace ebb
