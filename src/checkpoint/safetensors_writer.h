// Writes the weights of a Hugging Face checkpoint: model.safetensors, or shards with their index.
//
//     EBB_TRY_ASSIGN(auto writer, SafetensorsWriter::Create(folder, tensors));
//     for (const TensorToWrite& tensor : writer.tensors()) EBB_TRY(writer.Append(bytes of tensor));
//     EBB_TRY(writer.Finish());
//
// All sizes are known beforehand, so headers come first and elements stream by: nothing is held but
// the list. Files appear under their names in Finish(), all of them and the index last, or not at
// all. Not thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "arch/dtype.h"
#include "base/error.h"
#include "base/file.h"

namespace ebb {

struct TensorToWrite {
  std::string name;
  DType dtype = DType::kF32;
  std::vector<uint64_t> shape;
};

class SafetensorsWriter {
 public:
  // Hugging Face's own habit.
  static constexpr uint64_t kDefaultShardBytes = 5'000'000'000;

  // A shard takes tensors in their order until the next would exceed `max_shard_bytes` of elements
  // (one that is larger by itself gets a shard of its own); one shard is model.safetensors. A name
  // that occurs twice, or a size beyond 2^63 bytes, is kInvalidArgument.
  [[nodiscard]] static Result<SafetensorsWriter> Create(
      const std::string& folder, std::vector<TensorToWrite> tensors,
      uint64_t max_shard_bytes = kDefaultShardBytes);

  // The tensors in the order in which their bytes are wanted: as given, but within a shard float32
  // comes first, so that every element is aligned to its size, which torch needs.
  const std::vector<TensorToWrite>& tensors() const { return tensors_; }

  // The next bytes of the tensors' elements, row-major, little-endian, in pieces of any size.
  [[nodiscard]] Status Append(std::span<const std::byte> bytes);

  // Puts all files in place. It is a mistake to call it before every byte was appended.
  [[nodiscard]] Status Finish();

 private:
  struct Shard {
    std::string name;
    size_t first_tensor = 0;
    size_t end_tensor = 0;
    uint64_t bytes = 0;  // of elements
  };

  SafetensorsWriter(std::string folder, std::vector<TensorToWrite> tensors)
      : folder_(std::move(folder)), tensors_(std::move(tensors)) {}

  Status PlanShards(uint64_t max_shard_bytes);
  Status OpenNextShard();
  Status WriteIndex() const;
  // Takes the first `committed` shards away again, and gives `why`.
  Status Abandon(size_t committed, Status why) const;
  std::string Header(const Shard& shard) const;
  std::string Index() const;

  std::string folder_;
  std::vector<TensorToWrite> tensors_;
  std::vector<Shard> shards_;
  std::vector<AtomicFile> files_;     // of the shards begun so far
  uint64_t left_in_shard_bytes_ = 0;  // that the last of files_ still wants
};

}  // namespace ebb
