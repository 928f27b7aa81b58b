#include "checkpoint/checkpoint.h"

#include <algorithm>
#include <array>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/checked.h"
#include "base/file.h"
#include "base/json.h"
#include "checkpoint/shards.h"
#include "checkpoint/tensor_layout.h"

namespace ebb {
namespace {

struct SideFile {
  const char* name;
  uint64_t max_bytes;
};

constexpr uint64_t kMiB = uint64_t{1} << 20;
constexpr std::array<SideFile, 7> kSideFiles = {{{"config.json", 16 * kMiB},
                                                 {"generation_config.json", 16 * kMiB},
                                                 {"tokenizer.json", 64 * kMiB},
                                                 {"tokenizer_config.json", 16 * kMiB},
                                                 {"tiktoken.model", 64 * kMiB},
                                                 {"special_tokens_map.json", 16 * kMiB},
                                                 {"chat_template.jinja", 16 * kMiB}}};

Result<SideFiles> ReadSideFiles(const std::string& folder) {
  SideFiles files;
  for (const auto& [name, max_bytes] : kSideFiles) {
    const std::string path = folder + "/" + name;
    if (!FileExists(path)) continue;
    EBB_TRY_ASSIGN(files[name], ReadTextFile(path, max_bytes));
  }
  return files;
}

class Checkpoint : public WeightSource {
 public:
  Checkpoint(ModelConfig config, SideFiles side_files, Shards shards)
      : config_(std::move(config)),
        side_files_(std::move(side_files)),
        tensors_(ListTensors(config_)),
        shards_(std::move(shards)) {}

  // Finds every tensor of the model in the shards; to be called once, before anything else.
  Status Resolve();

  const ModelConfig& config() const override { return config_; }
  const SideFiles& side_files() const override { return side_files_; }
  const std::vector<TensorSpec>& tensors() const override { return tensors_; }
  Result<DType> DTypeOf(const TensorSpec& tensor) const override;
  Status ReadRows(const TensorSpec& tensor, uint64_t first_row, uint64_t row_count,
                  std::span<std::byte> to) const override;

 private:
  Result<TensorSlice> SliceOf(const TensorSpec& tensor) const;
  Status CheckUnused(const std::vector<const StoredTensor*>& used) const;
  Status CheckTiedHead(const StoredTensor& head) const;

  ModelConfig config_;
  SideFiles side_files_;
  std::vector<TensorSpec> tensors_;
  Shards shards_;
  std::unordered_map<std::string_view, TensorSlice> slices_;  // by the names in tensors_
};

Status Checkpoint::Resolve() {
  std::vector<const StoredTensor*> used;
  slices_.reserve(tensors_.size());
  for (const TensorSpec& tensor : tensors_) {
    EBB_TRY_ASSIGN(const TensorSlice slice, FindTensor(tensor, config_.moe, shards_));
    slices_.emplace(tensor.name, slice);
    used.push_back(slice.stored);
  }
  return CheckUnused(used);
}

Status Checkpoint::CheckUnused(const std::vector<const StoredTensor*>& used) const {
  std::vector<const StoredTensor*> sorted = used;
  std::ranges::sort(sorted);
  std::vector<const StoredTensor*> unknown;
  for (const StoredTensor* stored : shards_.All()) {
    if (std::ranges::binary_search(sorted, stored)) continue;
    if (!ReasonToIgnore(*stored, config_)) {
      unknown.push_back(stored);
    } else if (stored->name == "lm_head.weight") {
      EBB_TRY(CheckTiedHead(*stored));
    }
  }
  if (unknown.empty()) return {};
  const auto first = std::ranges::min_element(unknown, {}, &StoredTensor::name);
  return MakeError(ErrorCode::kUnsupported, shards_.PathOf(**first),
                   "the tensor {} does not belong to a {} with this config.json{}",
                   QuotedName((*first)->name), ArchitectureName(config_.architecture),
                   unknown.size() == 1 ? "" : fmt::format(", nor do {} more", unknown.size() - 1));
}

// A file that says "tied" but holds another head is another model (transformers does not tie it).
Status Checkpoint::CheckTiedHead(const StoredTensor& head) const {
  const StoredTensor& embedding = *slices_.at("model.embed_tokens.weight").stored;
  const auto differs = [&] {
    return MakeError(ErrorCode::kCorrupt, shards_.folder(),
                     "lm_head.weight differs from the embedding, but \"tie_word_embeddings\" is "
                     "true; set it to false in config.json");
  };
  if (head.dtype != embedding.dtype || head.shape != embedding.shape) return differs();
  constexpr uint64_t kStepBytes = uint64_t{1} << 20;
  std::vector<std::byte> a, b;
  for (uint64_t done = 0; done < head.bytes; done += a.size()) {
    a.resize(std::min(kStepBytes, head.bytes - done));
    b.resize(a.size());
    EBB_TRY(shards_.Read(head, head.offset + done, a));
    EBB_TRY(shards_.Read(embedding, embedding.offset + done, b));
    if (a != b) return differs();
  }
  return {};
}

Result<TensorSlice> Checkpoint::SliceOf(const TensorSpec& tensor) const {
  const auto found = slices_.find(tensor.name);
  if (found == slices_.end()) {
    return MakeError(ErrorCode::kNotFound, shards_.folder(), "no tensor {}",
                     QuotedName(tensor.name));
  }
  return found->second;
}

Result<DType> Checkpoint::DTypeOf(const TensorSpec& tensor) const {
  EBB_TRY_ASSIGN(const TensorSlice slice, SliceOf(tensor));
  return slice.dtype;
}

Status Checkpoint::ReadRows(const TensorSpec& tensor, uint64_t first_row, uint64_t row_count,
                            std::span<std::byte> to) const {
  EBB_TRY_ASSIGN(const TensorSlice slice, SliceOf(tensor));
  const uint64_t row_bytes = tensor.cols() * DTypeBytes(slice.dtype);
  if (!RangeFits(first_row, row_count, tensor.rows()) || to.size() != row_count * row_bytes) {
    return MakeError(ErrorCode::kInvalidArgument, QuotedName(tensor.name),
                     "rows {} to {} of {} do not fit {} bytes", first_row, first_row + row_count,
                     tensor.rows(), to.size());
  }
  return shards_.Read(*slice.stored, slice.offset + first_row * row_bytes, to);
}

}  // namespace

Result<std::unique_ptr<WeightSource>> OpenCheckpoint(const std::string& folder) {
  if (!IsDirectory(folder)) {
    return MakeError(ErrorCode::kNotFound, folder, "not a checkpoint folder");
  }
  EBB_TRY_ASSIGN(SideFiles side_files, ReadSideFiles(folder));
  const std::string config_path = folder + "/config.json";
  const auto config_text = side_files.find("config.json");
  if (config_text == side_files.end()) {
    return MakeError(ErrorCode::kNotFound, config_path, "the file is missing");
  }
  EBB_TRY_ASSIGN(const Json config_json, ParseJson(config_text->second, config_path));
  EBB_TRY_ASSIGN(ModelConfig config, ParseModelConfig(config_json, config_path));
  EBB_TRY_ASSIGN(Shards shards, Shards::Open(folder));
  auto checkpoint =
      std::make_unique<Checkpoint>(std::move(config), std::move(side_files), std::move(shards));
  EBB_TRY(checkpoint->Resolve());
  return checkpoint;
}

Result<std::vector<std::string>> CheckpointFileNames(const std::string& folder) {
  EBB_TRY_ASSIGN(std::vector<std::string> names, Shards::FileNames(folder));
  for (const SideFile& file : kSideFiles) {
    if (FileExists(folder + "/" + file.name)) names.emplace_back(file.name);
  }
  std::ranges::sort(names);
  return names;
}

}  // namespace ebb
