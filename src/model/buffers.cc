#include "model/buffers.h"

#include <algorithm>

#include "model/kv_cache.h"

namespace ebb {
namespace {

// Pieces start at 64-byte boundaries.
constexpr int64_t kAlignFloats = 16;

// A group of experts works on this many rows at most, unless one expert alone has more: so all
// experts of a small batch run together, and a large batch needs no more room than its rows.
constexpr int64_t kGroupRows = 64;

void CarveMla(const ModelConfig& config, int64_t rows, Carver& carver, MlaBuffers& buffers) {
  const MlaConfig& mla = *config.mla;
  const int64_t heads = config.num_heads;
  const int64_t key_dim = mla.kv_lora_rank + mla.qk_rope_head_dim;
  buffers.query_a = carver.Take(rows, mla.q_lora_rank);
  buffers.query = carver.Take(rows, heads * mla.qk_head_dim());
  buffers.latent = carver.Take(rows, key_dim);
  buffers.latent_query = carver.Take(rows, heads * key_dim);
  buffers.latent_output = carver.Take(rows, heads * mla.kv_lora_rank);
  buffers.values = carver.Take(rows, heads * mla.v_head_dim);
}

void CarveGqa(const ModelConfig& config, int64_t rows, Carver& carver, GqaBuffers& buffers) {
  const int64_t dim = config.gqa->head_dim;
  buffers.query = carver.Take(rows, config.num_heads * dim);
  buffers.key = carver.Take(rows, config.gqa->num_kv_heads * dim);
  buffers.value = carver.Take(rows, config.gqa->num_kv_heads * dim);
  buffers.output = carver.Take(rows, config.num_heads * dim);
}

void CarveMoe(const ModelConfig& config, int64_t rows, Carver& carver, MoeBuffers& buffers) {
  const MoeConfig& moe = config.moe;
  const int64_t pairs = rows * moe.experts_per_token;
  const int64_t group = std::max(rows, std::min(pairs, kGroupRows));
  buffers.scores = carver.Take(rows, moe.num_experts);
  buffers.gathered = carver.Take(group, config.hidden_size);
  buffers.gate = carver.Take(group, moe.intermediate_size);
  buffers.up = carver.Take(group, moe.intermediate_size);
  buffers.expert_output = carver.Take(pairs, config.hidden_size);
  buffers.shared_output =
      carver.Take(moe.shared_intermediate_size > 0 ? rows : 0, config.hidden_size);
}

// The scratch that attention wants for a batch of such rows.
int64_t AttentionFloats(const ModelConfig& config, const BatchLimits& limits,
                        const Backend& backend) {
  int64_t positions = limits.max_positions;
  if (config.gqa && config.gqa->sliding_window > 0) {
    positions = std::min(positions, config.gqa->sliding_window);
  }
  return backend.AttentionScratchFloats(KvLayout(config).ShapeOf(LayerId{0}), positions);
}

}  // namespace

Rows Carver::Take(int64_t rows, int64_t cols) {
  return {TakeFloats(rows * cols).data(), rows, cols};
}

std::span<float> Carver::TakeFloats(int64_t count) {
  float* data = base_ == nullptr ? nullptr : base_ + used_;
  used_ += (count + kAlignFloats - 1) / kAlignFloats * kAlignFloats;
  most_used_ = std::max(most_used_, used_);
  return {data, data == nullptr ? 0 : static_cast<size_t>(count)};
}

Buffers::Buffers(const ModelConfig& config, const BatchLimits& limits, const Backend& backend,
                 float* base) {
  Carver carver(base);
  const int64_t rows = limits.max_rows;
  const int64_t hidden_size = config.hidden_size;
  residual = carver.Take(rows, hidden_size);
  normed = carver.Take(rows, hidden_size);
  output = carver.Take(rows, hidden_size);
  cos = carver.TakeFloats(rows * config.RotaryDim() / 2);
  sin = carver.TakeFloats(rows * config.RotaryDim() / 2);

  const int64_t shared = carver.used();
  attention_scratch = carver.TakeFloats(AttentionFloats(config, limits, backend));
  if (config.mla) {
    CarveMla(config, rows, carver, mla);
  } else {
    CarveGqa(config, rows, carver, gqa);
  }

  carver.RewindTo(shared);
  const int64_t intermediate =
      std::max(config.dense_intermediate_size, config.moe.shared_intermediate_size);
  mlp_gate = carver.Take(rows, intermediate);
  mlp_up = carver.Take(rows, intermediate);
  CarveMoe(config, rows, carver, moe);

  carver.RewindTo(shared);
  hidden = carver.Take(limits.max_output_rows, hidden_size);
  logits = carver.Take(limits.max_output_rows, config.vocab_size);
  floats = carver.most_used();
}

}  // namespace ebb
