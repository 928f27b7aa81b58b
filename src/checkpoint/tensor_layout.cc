#include "checkpoint/tensor_layout.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <vector>

#include "base/checked.h"

namespace ebb {
namespace {

using Shape = std::vector<uint64_t>;

// One name under which a tensor may be stored, and what it must look like there.
struct Candidate {
  std::string name;
  Shape shape;
  uint64_t first_element = 0;  // of the wanted tensor within the stored one
};

struct ExpertPart {
  std::string_view name;     // as most architectures call it
  std::string_view mixtral;  // as Mixtral does
};

ExpertPart PartOf(TensorRole role) {
  if (role == TensorRole::kRoutedExpertGate) return {"gate_proj", "w1"};
  if (role == TensorRole::kRoutedExpertUp) return {"up_proj", "w3"};
  return {"down_proj", "w2"};
}

std::string Replaced(const std::string& text, std::string_view from, std::string_view to) {
  const size_t at = text.find(from);
  if (at == std::string::npos) return text;
  return text.substr(0, at) + std::string(to) + text.substr(at + from.size());
}

// The 3-D tensors that may hold `spec`, whose experts' prefix is e.g. "model.layers.1.mlp.experts."
void AddFused(const TensorSpec& spec, const MoeConfig& moe, const std::string& prefix,
              std::vector<Candidate>& to) {
  const auto experts = static_cast<uint64_t>(moe.num_experts);
  const auto expert = static_cast<uint64_t>(spec.expert.value);
  const ExpertPart part = PartOf(spec.role);
  for (const std::string_view end : {"", ".weight"}) {
    if (spec.role != TensorRole::kRoutedExpertDown) {
      const uint64_t rows_before =
          expert * 2 * spec.rows() + (spec.role == TensorRole::kRoutedExpertUp ? spec.rows() : 0);
      to.push_back({fmt::format("{}gate_up_proj{}", prefix, end),
                    {experts, 2 * spec.rows(), spec.cols()},
                    rows_before * spec.cols()});
    }
    for (const std::string_view name : {part.name, part.mixtral}) {
      to.push_back({fmt::format("{}{}{}", prefix, name, end),
                    {experts, spec.rows(), spec.cols()},
                    expert * spec.elements()});
    }
  }
}

// All names under which `spec` may be stored, the most usual first.
std::vector<Candidate> CandidatesFor(const TensorSpec& spec, const MoeConfig& moe) {
  const std::string renamed = Replaced(spec.name, ".block_sparse_moe.", ".mlp.");
  std::vector<Candidate> candidates = {{spec.name, spec.shape}};
  if (renamed != spec.name) candidates.push_back({renamed, spec.shape});
  if (!IsRoutedExpert(spec.role)) return candidates;
  for (const std::string& name : {renamed, spec.name}) {
    constexpr std::string_view kExperts = ".experts.";
    AddFused(spec, moe, name.substr(0, name.find(kExperts) + kExperts.size()), candidates);
    if (renamed == spec.name) break;
  }
  return candidates;
}

Status CheckShape(const StoredTensor& stored, const Shape& expected, const std::string& path) {
  if (stored.shape == expected) return {};
  Shape transposed = expected;
  if (transposed.size() > 1) std::swap(transposed.back(), transposed[transposed.size() - 2]);
  return MakeError(ErrorCode::kCorrupt, path,
                   "the tensor {} has the shape {}; config.json implies {}{}",
                   QuotedName(stored.name), ShapeText(stored.shape), ShapeText(expected),
                   stored.shape == transposed ? " (matrices are stored [out, in])" : "");
}

// The N of "model.layers.N.", or nothing.
std::optional<int64_t> LayerOf(std::string_view name) {
  constexpr std::string_view kPrefix = "model.layers.";
  if (!name.starts_with(kPrefix)) return std::nullopt;
  name.remove_prefix(kPrefix.size());
  int64_t layer = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), layer);
  if (error != std::errc() || end == name.data() + name.size() || *end != '.') return std::nullopt;
  return layer;
}

}  // namespace

Result<TensorSlice> FindTensor(const TensorSpec& spec, const MoeConfig& moe, const Shards& shards) {
  for (const Candidate& candidate : CandidatesFor(spec, moe)) {
    const StoredTensor* stored = shards.Find(candidate.name);
    if (stored == nullptr) continue;
    const std::string& path = shards.PathOf(*stored);
    const std::optional<DType> dtype = DTypeFromName(stored->dtype);
    if (!dtype) {
      return MakeError(ErrorCode::kUnsupported, path,
                       "the tensor {} has elements of {}; only F32, F16 and BF16 are supported",
                       QuotedName(stored->name), stored->dtype);
    }
    EBB_TRY(CheckShape(*stored, candidate.shape, path));
    return TensorSlice{stored, *dtype,
                       stored->offset + candidate.first_element * DTypeBytes(*dtype)};
  }
  return MakeError(ErrorCode::kNotFound, shards.folder(), "the tensor {} is missing",
                   QuotedName(spec.name));
}

std::optional<std::string_view> ReasonToIgnore(const StoredTensor& stored,
                                               const ModelConfig& config) {
  // config.json says the same, in rope_theta.
  if (stored.name.ends_with(".rotary_emb.inv_freq")) return "rotary frequencies";
  // transformers writes n_shared_experts = 0 as matrices without rows.
  if (stored.bytes == 0) return "no elements";
  const std::optional<int64_t> layer = LayerOf(stored.name);
  if (layer && *layer >= config.num_layers && *layer - config.num_layers < config.num_mtp_layers) {
    return "multi-token prediction";
  }
  if (config.tied_embeddings && stored.name == "lm_head.weight") return "tied to the embedding";
  return std::nullopt;
}

}  // namespace ebb
