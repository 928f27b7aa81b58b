// Multi-head latent attention in its compressed form (DeepSeek-V2, arXiv 2405.04434, section 2.1).
//
// A position is cached as one row [c_kv | k_rope]. The keys and values of head h would be W_uk c_kv
// and W_uv c_kv; instead of expanding every cached position, the query is carried into the
// compressed space once: q . (W_uk c) = (q W_uk) . c. The weighted sum of the c_kv then goes
// through W_uv once.
#include "model/attention.h"

namespace ebb {
namespace {

class MlaAttention final : public Attention {
 public:
  MlaAttention(const ModelConfig& config, const Backend& backend, const Buffers& buffers)
      : config_(config),
        mla_(*config.mla),
        heads_(config.num_heads),
        key_dim_(mla_.kv_lora_rank + mla_.qk_rope_head_dim),
        backend_(backend),
        buffers_(buffers),
        layout_(config) {
    const auto rows = static_cast<size_t>(buffers.residual.count);
    cache_rows_.reserve(rows);
    attention_rows_.reserve(rows);
    products_.reserve(static_cast<size_t>(heads_));
  }

  void Run(LayerId layer, const LayerWeights& weights, const Step& step, ConstRows x,
           Rows y) override {
    const MlaWeights& mla = *weights.mla;
    const int64_t count = x.count;
    const AttentionShape shape = layout_.ShapeOf(layer);
    const Rows query = First(buffers_.mla.query, count);
    const Rows latent = First(buffers_.mla.latent, count);
    Project(mla, x, query, latent);
    CacheLatent(mla, shape, step, latent);
    const Rows latent_query = First(buffers_.mla.latent_query, count);
    CompressQuery(mla, query, latent_query);
    const Rows latent_output = First(buffers_.mla.latent_output, count);
    Attend(shape, step, latent_query, latent_output);
    const Rows values = First(buffers_.mla.values, count);
    ExpandValues(mla, latent_output, values);
    backend_.MatMul(mla.output.view(), values, y);
  }

 private:
  void Project(const MlaWeights& mla, ConstRows x, Rows query, Rows latent) const {
    if (mla_.q_lora_rank == 0) {
      const MatProduct products[] = {{mla.query.view(), x, query}, {mla.latent.view(), x, latent}};
      backend_.MatMul(products);
      return;
    }
    const Rows query_a = First(buffers_.mla.query_a, x.count);
    const MatProduct products[] = {{mla.query_a.view(), x, query_a},
                                   {mla.latent.view(), x, latent}};
    backend_.MatMul(products);
    backend_.RmsNorm(mla.query_a_norm, LatentEps(), query_a, query_a);
    backend_.MatMul(mla.query_b.view(), query_a, query);
  }

  // Norms c_kv, rotates k_rope, and puts both into the caches.
  void CacheLatent(const MlaWeights& mla, const AttentionShape& shape, const Step& step,
                   Rows latent) {
    backend_.RmsNorm(mla.latent_norm, LatentEps(), latent, latent);
    const Rows k_rope{latent.data + mla_.kv_lora_rank, latent.count, latent.stride};
    backend_.Rope(k_rope, 0, k_rope, 0, 1, mla_.qk_rope_head_dim, config_.rope.interleaved,
                  buffers_.cos.data(), buffers_.sin.data());
    cache_rows_.clear();
    for (const BatchRow& row : step.rows()) {
      cache_rows_.push_back(row.cache->KeyAt(shape, row.position, 0));
    }
    backend_.CopyRows(latent, cache_rows_, key_dim_);
  }

  // [q_nope W_uk | rotated q_rope] for every head.
  void CompressQuery(const MlaWeights& mla, Rows query, Rows latent_query) {
    const int64_t rank = mla_.kv_lora_rank;
    products_.clear();
    for (int64_t head = 0; head < heads_; ++head) {
      products_.push_back(
          {mla.query_to_latent[static_cast<size_t>(head)].view(),
           {query.data + head * mla_.qk_head_dim(), query.count, query.stride},
           {latent_query.data + head * key_dim_, query.count, latent_query.stride}});
    }
    backend_.MatMul(products_);
    const Rows q_rope{query.data + mla_.qk_nope_head_dim, query.count, query.stride};
    const Rows to{latent_query.data + rank, query.count, latent_query.stride};
    backend_.Rope(q_rope, mla_.qk_head_dim(), to, key_dim_, heads_, mla_.qk_rope_head_dim,
                  config_.rope.interleaved, buffers_.cos.data(), buffers_.sin.data());
  }

  void Attend(const AttentionShape& shape, const Step& step, Rows query, Rows output) {
    attention_rows_.clear();
    int64_t t = 0;
    for (const BatchRow& row : step.rows()) {
      attention_rows_.push_back(
          {query.row(t), output.row(t), row.cache->pages(), 0, row.position + 1});
      ++t;
    }
    backend_.Attention(shape, attention_rows_, buffers_.attention_scratch);
  }

  // W_uv of every head.
  void ExpandValues(const MlaWeights& mla, Rows latent_output, Rows values) {
    const int64_t rank = mla_.kv_lora_rank;
    const int64_t dim = mla_.v_head_dim;
    products_.clear();
    for (int64_t head = 0; head < heads_; ++head) {
      products_.push_back(
          {mla.latent_to_value[static_cast<size_t>(head)].view(),
           {latent_output.data + head * rank, latent_output.count, latent_output.stride},
           {values.data + head * dim, values.count, values.stride}});
    }
    backend_.MatMul(products_);
  }

  float LatentEps() const { return static_cast<float>(mla_.latent_norm_eps); }

  const ModelConfig& config_;
  const MlaConfig& mla_;
  const int64_t heads_;
  const int64_t key_dim_;
  const Backend& backend_;
  const Buffers& buffers_;
  const KvLayout layout_;
  std::vector<float*> cache_rows_;
  std::vector<AttentionRow> attention_rows_;
  std::vector<MatProduct> products_;
};

}  // namespace

std::unique_ptr<Attention> MakeMlaAttention(const ModelConfig& config, const Backend& backend,
                                            const Buffers& buffers) {
  return std::make_unique<MlaAttention>(config, backend, buffers);
}

}  // namespace ebb
