// The weights that every token uses: all but the routed experts.
//
// They are kept as the source stores them (bf16 stays bf16, codes stay codes, encoded where kernels
// can multiply that), norms and router biases as float32. Loading reads each tensor straight to its
// place; only kv_b_proj, which is cut, is held twice meanwhile, one layer at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "arch/model_config.h"
#include "arch/weight_source.h"
#include "base/error.h"
#include "base/progress.h"
#include "base/threads.h"
#include "model/matrix_forms.h"
#include "model/owned_matrix.h"

namespace ebb {

// gate, up: [intermediate, hidden]; down: [hidden, intermediate].
struct MlpWeights {
  OwnedMatrix gate;
  OwnedMatrix up;
  OwnedMatrix down;
};

struct MlaWeights {
  OwnedMatrix query;    // [heads x (nope + rope), hidden], when q_lora_rank is 0; otherwise
  OwnedMatrix query_a;  // [q_lora_rank, hidden]
  std::vector<float> query_a_norm;
  OwnedMatrix query_b;             // [heads x (nope + rope), q_lora_rank]
  OwnedMatrix latent;              // [kv_lora_rank + rope, hidden]: kv_a_proj_with_mqa
  std::vector<float> latent_norm;  // [kv_lora_rank]
  // kv_b_proj in its two halves, one matrix a head: W_uk transposed, so that it carries a query
  // into the compressed space, and W_uv.
  std::vector<OwnedMatrix> query_to_latent;  // [kv_lora_rank, nope]
  std::vector<OwnedMatrix> latent_to_value;  // [v_head_dim, kv_lora_rank]
  OwnedMatrix output;                        // [hidden, heads x v_head_dim]
};

struct GqaWeights {
  OwnedMatrix query;   // [heads x head_dim, hidden]
  OwnedMatrix key;     // [kv_heads x head_dim, hidden]
  OwnedMatrix value;   // [kv_heads x head_dim, hidden]
  OwnedMatrix output;  // [hidden, heads x head_dim]
};

struct LayerWeights {
  std::vector<float> attention_norm;
  std::vector<float> mlp_norm;
  std::optional<MlaWeights> mla;  // one of mla and gqa
  std::optional<GqaWeights> gqa;
  std::optional<MlpWeights> dense;   // of a layer without experts; otherwise
  OwnedMatrix router;                // [experts, hidden]
  std::vector<float> router_bias;    // [experts]; empty: none
  std::optional<MlpWeights> shared;  // when there are shared experts
};

// Gives rows of the embedding table as float32. Thread-safe.
class EmbeddingTable {
 public:
  virtual ~EmbeddingTable() = default;

  // `token` is within the vocabulary, `to` is one row long.
  [[nodiscard]] virtual Status ReadRow(int64_t token, std::span<float> to) const = 0;
};

struct WeightOptions {
  // False: embedding rows are read from the source when a token needs one, and the source must
  // outlive the weights. So it is in any case with a table that `forms` has. Tied embeddings are
  // the output head as well and always stay in memory.
  bool resident_embedding = true;
  const MatrixForms* forms = nullptr;  // null: all matrices as rows of elements
  MatrixForm form = MatrixForm::kSmallest;
  const ThreadPool* pool = nullptr;  // to read with; null: one thread
  ProgressSink progress;             // bytes
};

// Immutable, so safe to share between threads and engines.
class ModelWeights {
 public:
  [[nodiscard]] static Result<ModelWeights> Load(const WeightSource& source,
                                                 const WeightOptions& options);

  // What Load will hold in memory.
  [[nodiscard]] static Result<uint64_t> ResidentBytes(const WeightSource& source,
                                                      const WeightOptions& options);

  const ModelConfig& config() const { return config_; }
  const EmbeddingTable& embedding() const { return *embedding_; }
  const LayerWeights& layer(LayerId id) const { return layers_[static_cast<size_t>(id.value)]; }
  std::span<const float> final_norm() const { return final_norm_; }
  WeightMatrix output_head() const;  // [vocab, hidden]

 private:
  friend class WeightLoader;
  ModelWeights() = default;

  ModelConfig config_;
  std::shared_ptr<const OwnedMatrix> embedding_matrix_;  // null: not resident
  std::unique_ptr<EmbeddingTable> embedding_;
  std::vector<LayerWeights> layers_;
  std::vector<float> final_norm_;
  OwnedMatrix output_head_;  // empty: tied
};

}  // namespace ebb
