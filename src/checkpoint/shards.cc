#include "checkpoint/shards.h"

#include <filesystem>
#include <optional>
#include <set>

#include "base/json.h"

namespace ebb {
namespace {

constexpr const char* kSingleFile = "model.safetensors";
constexpr const char* kIndexFile = "model.safetensors.index.json";
constexpr uint64_t kMaxIndexBytes = uint64_t{64} << 20;

// What to say of a folder that has neither of the two files.
Error NoWeights(const std::string& folder) {
  std::string found;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(folder, ignored)) {
    const std::string name = entry.path().filename().string();
    if (!name.ends_with(".safetensors") && !name.ends_with(".bin") && !name.ends_with(".gguf")) {
      continue;
    }
    if (found.empty() || name < found) found = name;
  }
  std::string hint = found.empty() ? "" : fmt::format(" (there is {})", QuotedName(found));
  return Error{
      ErrorCode::kNotFound,
      fmt::format("no weights: neither {} nor {} is there{}", kSingleFile, kIndexFile, hint),
      folder};
}

// Nothing where the weights are one file.
Result<std::optional<ShardMap>> ReadIndex(const std::string& folder) {
  if (FileExists(folder + "/" + kSingleFile)) return std::optional<ShardMap>();
  const std::string path = folder + "/" + kIndexFile;
  if (!FileExists(path)) return tl::unexpected(NoWeights(folder));
  EBB_TRY_ASSIGN(const Json json, ReadJsonFile(path, kMaxIndexBytes));
  EBB_TRY_ASSIGN(ShardMap index, ParseShardIndex(json, path));
  return std::optional<ShardMap>(std::move(index));
}

std::set<std::string> NamesOf(const ShardMap& index) {
  std::set<std::string> names;
  for (const auto& [tensor, file] : index) names.insert(file);
  return names;
}

}  // namespace

Result<std::vector<std::string>> Shards::FileNames(const std::string& folder) {
  EBB_TRY_ASSIGN(const auto index, ReadIndex(folder));
  if (!index) return std::vector<std::string>{kSingleFile};
  std::vector<std::string> names = {kIndexFile};
  for (const std::string& name : NamesOf(*index)) names.push_back(name);
  return names;
}

Result<Shards> Shards::Open(const std::string& folder) {
  Shards shards(folder);
  EBB_TRY_ASSIGN(const auto index, ReadIndex(folder));
  if (!index) {
    EBB_TRY(shards.AddFile(kSingleFile));
    return shards;
  }
  const std::set<std::string> names = NamesOf(*index);
  for (const std::string& name : names) {
    if (!FileExists(folder + "/" + name)) {
      return MakeError(ErrorCode::kNotFound, folder + "/" + name,
                       "the shard is missing; {} names {} shards", kIndexFile, names.size());
    }
    EBB_TRY(shards.AddFile(name));
  }
  EBB_TRY(shards.CheckAgainst(*index, folder + "/" + kIndexFile));
  return shards;
}

Status Shards::AddFile(const std::string& name) {
  EBB_TRY_ASSIGN(File file, File::OpenForReading(folder_ + "/" + name));
  EBB_TRY_ASSIGN(std::vector<StoredTensor> tensors, ReadSafetensorsHeader(file));
  const size_t number = files_.size();
  for (StoredTensor& tensor : tensors) {
    std::string key = tensor.name;
    const auto [at, inserted] =
        tensors_.try_emplace(std::move(key), Entry{std::move(tensor), number});
    if (!inserted) {
      return MakeError(ErrorCode::kCorrupt, file.path(), "the tensor {} is in {} already",
                       QuotedName(at->first), files_[at->second.file].path());
    }
  }
  files_.push_back(std::move(file));
  return {};
}

Status Shards::CheckAgainst(const ShardMap& index, const std::string& where) const {
  for (const auto& [name, file] : index) {
    const auto found = tensors_.find(name);
    if (found == tensors_.end() || files_[found->second.file].path() != folder_ + "/" + file) {
      return MakeError(ErrorCode::kCorrupt, where,
                       "the tensor {} is said to lie in {}, which does not have it",
                       QuotedName(name), QuotedName(file));
    }
  }
  return {};
}

const StoredTensor* Shards::Find(const std::string& name) const {
  const auto found = tensors_.find(name);
  return found == tensors_.end() ? nullptr : &found->second.tensor;
}

const std::string& Shards::PathOf(const StoredTensor& tensor) const {
  return files_[tensors_.at(tensor.name).file].path();
}

std::vector<const StoredTensor*> Shards::All() const {
  std::vector<const StoredTensor*> all;
  all.reserve(tensors_.size());
  for (const auto& [name, entry] : tensors_) all.push_back(&entry.tensor);
  return all;
}

Status Shards::Read(const StoredTensor& tensor, uint64_t offset, std::span<std::byte> to) const {
  const Entry& entry = tensors_.at(tensor.name);
  Status read = files_[entry.file].ReadAt(offset, to);
  if (!read) read.error().message += fmt::format(" (tensor {})", QuotedName(tensor.name));
  return read;
}

}  // namespace ebb
