// How a memory cap is shared out: what must be held, and what is left for the cache of experts.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "engine/model_files.h"
#include "kernels/backend.h"
#include "model/buffers.h"
#include "model/matrix_forms.h"

namespace ebb {

// What the engine will be asked to do at most.
struct EngineLimits {
  int64_t max_positions = 0;    // of one sequence
  int64_t max_sequences = 1;    // at once
  int64_t max_output_rows = 1;  // rows of one step that want logits
  int64_t max_rows = 256;       // rows of one step, if memory allows
};

struct MemoryPlan {
  uint64_t weights_bytes = 0;                      // all but routed experts
  MatrixForm matrix_form = MatrixForm::kSmallest;  // of those
  uint64_t files_bytes = 0;                        // index, side files, tokenizer
  uint64_t decoder_bytes = 0;                      // scratch of the forward pass
  uint64_t kv_bytes = 0;                           // of max_sequences sequences of max_positions
  uint64_t slots_bytes = 0;                        // decoded experts, those in use only
  uint64_t cache_bytes =
      0;  // encoded experts; all of them for a checkpoint, which cannot do with fewer
  uint64_t hot_bytes = 0;  // experts that are kept decoded
  uint64_t hot_experts = 0;
  uint64_t token_experts_bytes = 0;  // what the experts of one token take in the cache
  BatchLimits batch;
  int slots = 0;
  bool resident_embedding = true;

  uint64_t total_bytes() const {
    return weights_bytes + files_bytes + decoder_bytes + kv_bytes + slots_bytes + cache_bytes +
           hot_bytes;
  }
  // "weights 1.2 GiB, KV cache 64 MiB, ...".
  std::string ToString() const;
};

// What the user wants.
struct MemoryWish {
  std::optional<uint64_t> cap_bytes;
  // For compute-ready forms: dense matrices and experts as codes. Not given: what a cap leaves when
  // everything has its place in memory encoded, and nothing without a cap.
  std::optional<uint64_t> hot_bytes;
};

// Without a cap everything is kept in memory. With one, kOutOfMemory says the least cap that would
// do.
//
// An encoded byte in memory saves its read, a third of a nanosecond on a fast disk; a byte more to
// have codes in their places saves decoding, a tenth of that. So the hot tier comes last.
[[nodiscard]] Result<MemoryPlan> PlanMemory(const ModelFiles& files, uint64_t tokenizer_bytes,
                                            const Backend& backend, const EngineLimits& limits,
                                            const MemoryWish& wish);

}  // namespace ebb
