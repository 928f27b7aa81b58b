// The safetensors files of a checkpoint folder, taken together: a name finds its tensor in
// whichever file holds it. Internal to checkpoint/.
//
// Immutable once opened; reads may run at once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "checkpoint/safetensors.h"
#include "checkpoint/shard_index.h"

namespace ebb {

class Shards {
 public:
  // Opens model.safetensors, or else every shard that model.safetensors.index.json names; what the
  // index says must be what the shards hold.
  [[nodiscard]] static Result<Shards> Open(const std::string& folder);

  // The names of the files that Open reads, the index among them if it does.
  [[nodiscard]] static Result<std::vector<std::string>> FileNames(const std::string& folder);

  const std::string& folder() const { return folder_; }

  // The tensor of that name, or null. Pointers live as long as this.
  const StoredTensor* Find(const std::string& name) const;

  // The file that holds `tensor` (one of ours).
  const std::string& PathOf(const StoredTensor& tensor) const;

  // Every tensor, in no particular order.
  std::vector<const StoredTensor*> All() const;

  // Fills `to` from `offset` of the file that holds `tensor` (one of ours).
  [[nodiscard]] Status Read(const StoredTensor& tensor, uint64_t offset,
                            std::span<std::byte> to) const;

 private:
  struct Entry {
    StoredTensor tensor;
    size_t file = 0;
  };

  explicit Shards(std::string folder) : folder_(std::move(folder)) {}

  Status AddFile(const std::string& name);
  Status CheckAgainst(const ShardMap& index, const std::string& where) const;

  std::string folder_;
  std::vector<File> files_;
  std::unordered_map<std::string, Entry> tensors_;
};

}  // namespace ebb
