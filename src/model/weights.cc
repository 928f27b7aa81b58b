#include "model/weights.h"

#include <fmt/format.h>

#include <algorithm>
#include <new>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/checked.h"

namespace ebb {
namespace {

constexpr std::string_view kLatentProjection = "kv_b_proj.weight";

// How a tensor is held in memory.
struct Residence {
  bool is_resident = true;
  std::optional<MatrixForm> form;  // by WeightOptions::forms; nothing: as elements
  uint64_t bytes = 0;
};

Result<Residence> ResidenceOf(const WeightSource& source, const TensorSpec& tensor,
                              const WeightOptions& options) {
  if (IsRoutedExpert(tensor.role)) return Residence{false, {}, 0};
  const MatrixForm form =
      tensor.name.ends_with(kLatentProjection) ? MatrixForm::kCodes : options.form;
  std::optional<uint64_t> bytes;
  if (options.forms != nullptr) bytes = options.forms->BytesOf(tensor, form);
  if (tensor.role == TensorRole::kEmbedding && !source.config().tied_embeddings &&
      (bytes || !options.resident_embedding)) {
    return Residence{false, {}, 0};
  }
  if (bytes) return Residence{true, form, *bytes};
  EBB_TRY_ASSIGN(const DType dtype, source.DTypeOf(tensor));
  const uint64_t element_bytes = tensor.shape.size() == 1 ? sizeof(float) : DTypeBytes(dtype);
  return Residence{true, {}, tensor.elements() * element_bytes};
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

// The exceptions of rows [first, first + count).
std::vector<WeightException> ExceptionsOfRows(std::span<const WeightException> all, int64_t first,
                                              int64_t count) {
  std::vector<WeightException> some;
  for (const WeightException& e : all) {
    const int64_t row = int64_t{e.row} - first;
    if (row >= 0 && row < count) some.push_back({static_cast<uint32_t>(row), e.col, e.value});
  }
  return some;
}

std::vector<WeightException> Transposed(std::vector<WeightException> exceptions) {
  for (WeightException& e : exceptions) std::swap(e.row, e.col);
  std::ranges::sort(exceptions, {},
                    [](const WeightException& e) { return std::pair(e.row, e.col); });
  return exceptions;
}

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
    EBB_TRY_ASSIGN(const Residence residence, ResidenceOf(source_, *tensor, options_));
    if (residence.is_resident) {
      EBB_TRY_ASSIGN(OwnedMatrix matrix, Matrix(tensor->name));
      weights.embedding_matrix_ = std::make_shared<const OwnedMatrix>(std::move(matrix));
    }
    if (residence.is_resident && !residence.form) {
      weights.embedding_ = std::make_unique<ResidentEmbedding>(weights.embedding_matrix_, dtype);
    } else {
      weights.embedding_ = std::make_unique<SourceEmbedding>(source_, *tensor, dtype);
    }
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
    EBB_TRY(SplitLatentProjection(prefix + std::string(kLatentProjection), weights));
    EBB_TRY_ASSIGN(weights.output, Matrix(prefix + "o_proj.weight"));
    return weights;
  }

  // Reads kv_b_proj and cuts it: the first rows of each head are W_uk, which is transposed, the
  // others W_uv.
  Status SplitLatentProjection(const std::string& name, MlaWeights& weights) {
    const MlaConfig& mla = *config_.mla;
    const int64_t rank = mla.kv_lora_rank;
    const int64_t nope = mla.qk_nope_head_dim;
    const int64_t head_rows = nope + mla.v_head_dim;
    EBB_TRY_ASSIGN(const OwnedMatrix matrix, Matrix(name));
    const WeightMatrix whole = matrix.view();
    const auto element = static_cast<size_t>(WeightBytes(whole.format));
    const auto row_bytes = static_cast<size_t>(rank) * element;
    for (int64_t head = 0; head < config_.num_heads; ++head) {
      const int64_t first = head * head_rows;
      const std::byte* const from =
          static_cast<const std::byte*>(whole.data) + static_cast<size_t>(first) * row_bytes;
      OwnedMatrix& down = weights.query_to_latent.emplace_back(
          whole.format, rank, nope, whole.step,
          Transposed(ExceptionsOfRows(whole.exceptions, first, nope)));
      Transpose(from, nope, rank, element, down.bytes().data());
      OwnedMatrix& up = weights.latent_to_value.emplace_back(
          whole.format, mla.v_head_dim, rank, whole.step,
          ExceptionsOfRows(whole.exceptions, first + nope, mla.v_head_dim));
      std::memcpy(up.bytes().data(), from + static_cast<size_t>(nope) * row_bytes,
                  up.bytes().size());
    }
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
    EBB_TRY_ASSIGN(const Residence residence, ResidenceOf(source_, *tensor, options_));
    Report(residence.bytes);
    return residence.form ? options_.forms->Read(*tensor, *residence.form)
                          : ReadMatrix(source_, *tensor, options_.pool);
  }

  Result<std::vector<float>> Vector(const std::string& name) {
    EBB_TRY_ASSIGN(const TensorSpec* tensor, Find(name));
    Report(tensor->elements() * sizeof(float));
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

  void Report(uint64_t bytes) {
    progress_.done += bytes;
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
    EBB_TRY_ASSIGN(const Residence residence, ResidenceOf(source, tensor, options));
    bytes += residence.bytes;
  }
  return bytes;
}

WeightMatrix ModelWeights::output_head() const {
  return config_.tied_embeddings ? embedding_matrix_->view() : output_head_.view();
}

}  // namespace ebb
