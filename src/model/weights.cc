#include "model/weights.h"

#include <fmt/format.h>

#include <new>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/checked.h"

namespace ebb {
namespace {

// Whether a tensor is held by ModelWeights.
bool IsResident(const TensorSpec& tensor, const ModelConfig& config, const WeightOptions& options) {
  if (IsRoutedExpert(tensor.role)) return false;
  if (tensor.role != TensorRole::kEmbedding) return true;
  return options.resident_embedding || config.tied_embeddings;
}

class ResidentEmbedding final : public EmbeddingTable {
 public:
  explicit ResidentEmbedding(std::shared_ptr<const OwnedMatrix> matrix, DType dtype)
      : matrix_(std::move(matrix)), dtype_(dtype) {}

  Status ReadRow(int64_t token, std::span<float> to) const override {
    const WeightMatrix row = matrix_->view().RowRange(token, 1);
    WidenToF32(dtype_, row.data, to.size(), to.data());
    return {};
  }

 private:
  std::shared_ptr<const OwnedMatrix> matrix_;
  DType dtype_;
};

class SourceEmbedding final : public EmbeddingTable {
 public:
  SourceEmbedding(const WeightSource& source, const TensorSpec& tensor, DType dtype)
      : source_(source), tensor_(tensor), dtype_(dtype) {}

  Status ReadRow(int64_t token, std::span<float> to) const override {
    std::vector<std::byte> stored(to.size() * DTypeBytes(dtype_));
    EBB_TRY(source_.ReadRows(tensor_, static_cast<uint64_t>(token), 1, stored));
    WidenToF32(dtype_, stored.data(), to.size(), to.data());
    return {};
  }

 private:
  const WeightSource& source_;
  const TensorSpec tensor_;
  const DType dtype_;
};

// Transposes `rows` x `cols` elements of `bytes` bytes each.
void Transpose(const std::byte* from, int64_t rows, int64_t cols, size_t bytes, std::byte* to) {
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t c = 0; c < cols; ++c) {
      std::memcpy(to + (c * rows + r) * bytes, from + (r * cols + c) * bytes, bytes);
    }
  }
}

}  // namespace

// Loads the tensors of one source by their names.
class WeightLoader {
 public:
  WeightLoader(const WeightSource& source, const WeightOptions& options)
      : source_(source), options_(options), config_(source.config()) {
    for (const TensorSpec& tensor : source.tensors()) {
      if (IsRoutedExpert(tensor.role)) continue;
      tensors_.emplace(tensor.name, &tensor);
      if (tensor.role == TensorRole::kRouter) routers_.emplace(tensor.layer, &tensor);
    }
  }

  Result<ModelWeights> Load() {
    EBB_TRY_ASSIGN(progress_.total, ModelWeights::ResidentBytes(source_, options_));
    ModelWeights weights;
    weights.config_ = config_;
    EBB_TRY(LoadEmbedding(weights));
    for (LayerId layer{0}; layer.value < config_.num_layers; ++layer.value) {
      EBB_TRY_ASSIGN(LayerWeights loaded, LoadLayer(layer));
      weights.layers_.push_back(std::move(loaded));
    }
    EBB_TRY_ASSIGN(weights.final_norm_, Vector("model.norm.weight"));
    if (!config_.tied_embeddings) {
      EBB_TRY_ASSIGN(weights.output_head_, Matrix("lm_head.weight"));
    }
    return weights;
  }

 private:
  Status LoadEmbedding(ModelWeights& weights) {
    EBB_TRY_ASSIGN(const TensorSpec* tensor, Find("model.embed_tokens.weight"));
    EBB_TRY_ASSIGN(const DType dtype, source_.DTypeOf(*tensor));
    if (!IsResident(*tensor, config_, options_)) {
      weights.embedding_ = std::make_unique<SourceEmbedding>(source_, *tensor, dtype);
      return {};
    }
    EBB_TRY_ASSIGN(OwnedMatrix matrix, Matrix(tensor->name));
    weights.embedding_matrix_ = std::make_shared<const OwnedMatrix>(std::move(matrix));
    weights.embedding_ = std::make_unique<ResidentEmbedding>(weights.embedding_matrix_, dtype);
    return {};
  }

  Result<LayerWeights> LoadLayer(LayerId layer) {
    const std::string prefix = fmt::format("model.layers.{}.", layer.value);
    LayerWeights weights;
    EBB_TRY_ASSIGN(weights.attention_norm, Vector(prefix + "input_layernorm.weight"));
    if (config_.mla) {
      EBB_TRY_ASSIGN(weights.mla, LoadMla(prefix + "self_attn."));
    } else {
      EBB_TRY_ASSIGN(weights.gqa, LoadGqa(prefix + "self_attn."));
    }
    EBB_TRY_ASSIGN(weights.mlp_norm, Vector(prefix + "post_attention_layernorm.weight"));
    if (!config_.IsMoeLayer(layer)) {
      EBB_TRY_ASSIGN(weights.dense, LoadMlp(prefix + "mlp."));
      return weights;
    }
    const auto router = routers_.find(layer);
    if (router == routers_.end()) return Missing(prefix + "mlp.gate.weight");
    EBB_TRY_ASSIGN(weights.router, Matrix(router->second->name));
    if (config_.moe.scoring == RouterScoring::kSigmoidNoAuxTc) {
      EBB_TRY_ASSIGN(weights.router_bias, Vector(prefix + "mlp.gate.e_score_correction_bias"));
    }
    if (config_.moe.shared_intermediate_size > 0) {
      EBB_TRY_ASSIGN(weights.shared, LoadMlp(prefix + "mlp.shared_experts."));
    }
    return weights;
  }

  Result<MlaWeights> LoadMla(const std::string& prefix) {
    MlaWeights weights;
    if (config_.mla->q_lora_rank == 0) {
      EBB_TRY_ASSIGN(weights.query, Matrix(prefix + "q_proj.weight"));
    } else {
      EBB_TRY_ASSIGN(weights.query_a, Matrix(prefix + "q_a_proj.weight"));
      EBB_TRY_ASSIGN(weights.query_a_norm, Vector(prefix + "q_a_layernorm.weight"));
      EBB_TRY_ASSIGN(weights.query_b, Matrix(prefix + "q_b_proj.weight"));
    }
    EBB_TRY_ASSIGN(weights.latent, Matrix(prefix + "kv_a_proj_with_mqa.weight"));
    EBB_TRY_ASSIGN(weights.latent_norm, Vector(prefix + "kv_a_layernorm.weight"));
    EBB_TRY(SplitLatentProjection(prefix + "kv_b_proj.weight", weights));
    EBB_TRY_ASSIGN(weights.output, Matrix(prefix + "o_proj.weight"));
    return weights;
  }

  // Reads kv_b_proj head by head: the first rows of each are W_uk, which is transposed, the others
  // W_uv.
  Status SplitLatentProjection(const std::string& name, MlaWeights& weights) {
    EBB_TRY_ASSIGN(const TensorSpec* tensor, Find(name));
    EBB_TRY_ASSIGN(const DType dtype, source_.DTypeOf(*tensor));
    const MlaConfig& mla = *config_.mla;
    const int64_t heads = config_.num_heads;
    const int64_t rank = mla.kv_lora_rank;
    const auto row_bytes = static_cast<size_t>(rank) * DTypeBytes(dtype);
    const size_t nope_bytes = static_cast<size_t>(mla.qk_nope_head_dim) * row_bytes;
    const size_t value_bytes = static_cast<size_t>(mla.v_head_dim) * row_bytes;
    weights.query_to_latent = OwnedMatrix(FormatOf(dtype), heads * rank, mla.qk_nope_head_dim);
    weights.latent_to_value = OwnedMatrix(FormatOf(dtype), heads * mla.v_head_dim, rank);
    std::vector<std::byte> nope(nope_bytes);
    const int64_t head_rows = mla.qk_nope_head_dim + mla.v_head_dim;
    for (int64_t head = 0; head < heads; ++head) {
      const auto first = static_cast<uint64_t>(head * head_rows);
      const auto nope_rows = static_cast<uint64_t>(mla.qk_nope_head_dim);
      const auto value_rows = static_cast<uint64_t>(mla.v_head_dim);
      EBB_TRY(source_.ReadRows(*tensor, first, nope_rows, nope));
      Transpose(nope.data(), mla.qk_nope_head_dim, rank, DTypeBytes(dtype),
                weights.query_to_latent.bytes().data() + static_cast<size_t>(head) * nope_bytes);
      EBB_TRY(source_.ReadRows(*tensor, first + nope_rows, value_rows,
                               weights.latent_to_value.bytes().subspan(
                                   static_cast<size_t>(head) * value_bytes, value_bytes)));
    }
    Report(*tensor, DTypeBytes(dtype));
    return {};
  }

  Result<GqaWeights> LoadGqa(const std::string& prefix) {
    GqaWeights weights;
    EBB_TRY_ASSIGN(weights.query, Matrix(prefix + "q_proj.weight"));
    EBB_TRY_ASSIGN(weights.key, Matrix(prefix + "k_proj.weight"));
    EBB_TRY_ASSIGN(weights.value, Matrix(prefix + "v_proj.weight"));
    EBB_TRY_ASSIGN(weights.output, Matrix(prefix + "o_proj.weight"));
    return weights;
  }

  Result<MlpWeights> LoadMlp(const std::string& prefix) {
    MlpWeights weights;
    EBB_TRY_ASSIGN(weights.gate, Matrix(prefix + "gate_proj.weight"));
    EBB_TRY_ASSIGN(weights.up, Matrix(prefix + "up_proj.weight"));
    EBB_TRY_ASSIGN(weights.down, Matrix(prefix + "down_proj.weight"));
    return weights;
  }

  Result<OwnedMatrix> Matrix(const std::string& name) {
    EBB_TRY_ASSIGN(const TensorSpec* tensor, Find(name));
    EBB_TRY_ASSIGN(OwnedMatrix matrix, ReadMatrix(source_, *tensor, options_.pool));
    Report(*tensor, matrix.size_bytes() / tensor->elements());
    return matrix;
  }

  Result<std::vector<float>> Vector(const std::string& name) {
    EBB_TRY_ASSIGN(const TensorSpec* tensor, Find(name));
    Report(*tensor, sizeof(float));
    return ReadVector(source_, *tensor);
  }

  Result<const TensorSpec*> Find(const std::string& name) const {
    const auto found = tensors_.find(name);
    if (found == tensors_.end()) return Missing(name);
    return found->second;
  }

  static tl::unexpected<Error> Missing(const std::string& name) {
    return MakeError(ErrorCode::kNotFound, name, "the model has no such tensor");
  }

  void Report(const TensorSpec& tensor, uint64_t element_bytes) {
    progress_.done += tensor.elements() * element_bytes;
    if (options_.progress) options_.progress(progress_);
  }

  const WeightSource& source_;
  const WeightOptions& options_;
  const ModelConfig& config_;
  std::unordered_map<std::string_view, const TensorSpec*> tensors_;
  std::map<LayerId, const TensorSpec*> routers_;
  Progress progress_;
};

Result<ModelWeights> ModelWeights::Load(const WeightSource& source, const WeightOptions& options) {
  try {
    return WeightLoader(source, options).Load();
  } catch (const std::bad_alloc&) {
    return MakeError(ErrorCode::kOutOfMemory, "weights",
                     "the system has no memory left for the weights that every token uses");
  }
}

Result<uint64_t> ModelWeights::ResidentBytes(const WeightSource& source,
                                             const WeightOptions& options) {
  uint64_t bytes = 0;
  for (const TensorSpec& tensor : source.tensors()) {
    if (!IsResident(tensor, source.config(), options)) continue;
    EBB_TRY_ASSIGN(const DType dtype, source.DTypeOf(tensor));
    bytes += tensor.elements() * (tensor.shape.size() == 1 ? sizeof(float) : DTypeBytes(dtype));
  }
  return bytes;
}

WeightMatrix ModelWeights::output_head() const {
  return config_.tied_embeddings ? embedding_matrix_->view() : output_head_.view();
}

}  // namespace ebb
