// The scratch memory of a forward pass: one block, sized once for the largest batch, whose parts
// are carved out here. Attention and the layers' MLPs never run at once and share their part.
#pragma once

#include <cstdint>
#include <span>

#include "arch/model_config.h"
#include "kernels/backend.h"

namespace ebb {

// The largest batch that a decoder must be able to run.
struct BatchLimits {
  int64_t max_rows = 0;
  int64_t max_output_rows = 0;  // rows that want logits or hidden states
  int64_t max_positions = 0;    // of one sequence; at most the model's own limit
};

// Cuts consecutive pieces from a block, or, with a null base, only adds up what they take.
class Carver {
 public:
  explicit Carver(float* base) : base_(base) {}

  Rows Take(int64_t rows, int64_t cols);
  std::span<float> TakeFloats(int64_t count);

  int64_t used() const { return used_; }
  int64_t most_used() const { return most_used_; }
  // Gives back everything after `used`, for pieces that are never needed at the same time.
  void RewindTo(int64_t used) { used_ = used; }

 private:
  float* base_;
  int64_t used_ = 0;
  int64_t most_used_ = 0;
};

struct MlaBuffers {
  Rows query_a;        // [rows, q_lora_rank]
  Rows query;          // [rows, heads x (nope + rope)]
  Rows latent;         // [rows, kv_lora_rank + rope]
  Rows latent_query;   // [rows, heads x (kv_lora_rank + rope)]
  Rows latent_output;  // [rows, heads x kv_lora_rank]
  Rows values;         // [rows, heads x v_head_dim]
};

struct GqaBuffers {
  Rows query;   // [rows, heads x head_dim]
  Rows key;     // [rows, kv_heads x head_dim]
  Rows value;   // [rows, kv_heads x head_dim]
  Rows output;  // [rows, heads x head_dim]
};

struct MoeBuffers {
  Rows scores;         // [rows, experts]
  Rows gathered;       // [group rows, hidden]: the inputs of a group of experts
  Rows gate;           // [group rows, intermediate]
  Rows up;             // [group rows, intermediate]
  Rows expert_output;  // [rows x experts_per_token, hidden]
  Rows shared_output;  // [rows, hidden]
};

struct Buffers {
  // Carves from `base`; a null base only computes floats().
  Buffers(const ModelConfig& config, const BatchLimits& limits, const Backend& backend,
          float* base);

  int64_t floats = 0;

  Rows residual;  // [rows, hidden]
  Rows normed;    // [rows, hidden]
  Rows output;    // [rows, hidden]: of attention or MLP
  std::span<float> cos;
  std::span<float> sin;
  std::span<float> attention_scratch;
  MlaBuffers mla;
  GqaBuffers gqa;
  Rows mlp_gate;  // [rows, intermediate of the dense MLP or of the shared experts]
  Rows mlp_up;
  MoeBuffers moe;
  Rows hidden;  // [output rows, hidden]
  Rows logits;  // [output rows, vocab]
};

// The first `count` rows.
[[nodiscard]] inline Rows First(Rows rows, int64_t count) {
  return {rows.data, count, rows.stride};
}

}  // namespace ebb
