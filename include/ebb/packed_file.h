// Reads .ebb files: what they hold, and their weights.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "ebb/error.h"

namespace ebb {

struct PackedTensor {
  std::string name;             // as in the Hugging Face checkpoint
  std::vector<uint64_t> shape;  // [rows, cols] or [cols]
  std::string dtype;            // of the checkpoint: "BF16", "F16", "F32"
  bool lossless = true;
  float bound = 0;  // absolute, the largest of its scopes
};

// Thread-safe; holds the file open and its index in memory, no weights.
class PackedFile {
 public:
  // A file that is no .ebb, damaged, of an unknown version or model is an error that says so.
  [[nodiscard]] static Result<PackedFile> Open(const std::string& path);
  PackedFile(PackedFile&&) noexcept;
  PackedFile& operator=(PackedFile&&) noexcept;
  ~PackedFile();

  // All tensors, in the order in which a token meets them.
  const std::vector<PackedTensor>& tensors() const;

  // config.json, tokenizer.json, ...: name -> content.
  const std::map<std::string, std::string>& side_files() const;

  // The weights of a tensor as float32, row-major. kNotFound for an unknown name, kCorrupt for
  // damaged bytes.
  [[nodiscard]] Result<std::vector<float>> ReadTensor(std::string_view name) const;

  // Rows [first, first + count) of a tensor; an embedding row costs one small read.
  [[nodiscard]] Result<std::vector<float>> ReadRows(std::string_view name, uint64_t first,
                                                    uint64_t count) const;

 private:
  struct Impl;
  explicit PackedFile(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace ebb
