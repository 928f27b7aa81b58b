// Grouped-query attention, with an optional sliding window.
#include <algorithm>

#include "model/attention.h"

namespace ebb {
namespace {

class GqaAttention final : public Attention {
 public:
  GqaAttention(const ModelConfig& config, const Backend& backend, const Buffers& buffers)
      : config_(config), gqa_(*config.gqa), backend_(backend), buffers_(buffers), layout_(config) {
    const auto rows = static_cast<size_t>(buffers.residual.count);
    cache_rows_.reserve(rows * static_cast<size_t>(gqa_.num_kv_heads));
    attention_rows_.reserve(rows);
  }

  void Run(LayerId layer, const LayerWeights& weights, const Step& step, ConstRows x,
           Rows y) override {
    const GqaWeights& gqa = *weights.gqa;
    const AttentionShape shape = layout_.ShapeOf(layer);
    const Rows query = First(buffers_.gqa.query, x.count);
    const Rows key = First(buffers_.gqa.key, x.count);
    const Rows value = First(buffers_.gqa.value, x.count);
    const MatProduct products[] = {
        {gqa.query.view(), x, query}, {gqa.key.view(), x, key}, {gqa.value.view(), x, value}};
    backend_.MatMul(products);
    Rotate(query, config_.num_heads);
    Rotate(key, gqa_.num_kv_heads);
    Cache(shape, step, key, value);
    const Rows output = First(buffers_.gqa.output, x.count);
    Attend(shape, step, query, output);
    backend_.MatMul(gqa.output.view(), output, y);
  }

 private:
  void Rotate(Rows x, int64_t heads) const {
    backend_.Rope(x, gqa_.head_dim, x, gqa_.head_dim, heads, gqa_.head_dim,
                  config_.rope.interleaved, buffers_.cos.data(), buffers_.sin.data());
  }

  // A row of [kv_heads, head_dim] is kv_heads rows for the caches, which keep each head apart.
  void Cache(const AttentionShape& shape, const Step& step, Rows key, Rows value) {
    const int64_t heads = gqa_.num_kv_heads;
    const int64_t dim = gqa_.head_dim;
    cache_rows_.clear();
    for (const BatchRow& row : step.rows()) {
      for (int64_t h = 0; h < heads; ++h) {
        cache_rows_.push_back(row.cache->KeyAt(shape, row.position, h));
      }
    }
    backend_.CopyRows({key.data, key.count * heads, dim}, cache_rows_, dim);
    cache_rows_.clear();
    for (const BatchRow& row : step.rows()) {
      for (int64_t h = 0; h < heads; ++h) {
        cache_rows_.push_back(row.cache->ValueAt(shape, row.position, h));
      }
    }
    backend_.CopyRows({value.data, value.count * heads, dim}, cache_rows_, dim);
  }

  // With a window of w, position p sees p - w + 1 to p.
  void Attend(const AttentionShape& shape, const Step& step, Rows query, Rows output) {
    attention_rows_.clear();
    int64_t t = 0;
    for (const BatchRow& row : step.rows()) {
      const int64_t end = row.position + 1;
      const int64_t window = gqa_.sliding_window > 0 ? gqa_.sliding_window : end;
      attention_rows_.push_back({query.row(t), output.row(t), row.cache->pages(),
                                 std::max<int64_t>(0, end - window), end});
      ++t;
    }
    backend_.Attention(shape, attention_rows_, buffers_.attention_scratch);
  }

  const ModelConfig& config_;
  const GqaConfig& gqa_;
  const Backend& backend_;
  const Buffers& buffers_;
  const KvLayout layout_;
  std::vector<float*> cache_rows_;
  std::vector<AttentionRow> attention_rows_;
};

}  // namespace

std::unique_ptr<Attention> MakeGqaAttention(const ModelConfig& config, const Backend& backend,
                                            const Buffers& buffers) {
  return std::make_unique<GqaAttention>(config, backend, buffers);
}

}  // namespace ebb
