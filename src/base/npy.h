// NumPy's .npy files: float32 arrays, or bf16 carried as uint16.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/file.h"

namespace ebb {

struct NpyArray {
  std::vector<uint64_t> shape;  // 1 or 2 dimensions
  std::vector<float> values;    // row-major
  bool was_bf16 = false;        // stored as uint16, widened
};

// Reads '<f4' or '<u2' (bf16) in C order with 1 or 2 dimensions; anything else is kUnsupported by
// name, a malformed file kCorrupt.
[[nodiscard]] Result<NpyArray> ReadNpy(const std::string& path);

// Writes a float32 array in C order piece by piece; it appears whole or not at all. Not
// thread-safe.
class NpyWriter {
 public:
  [[nodiscard]] static Result<NpyWriter> Create(const std::string& path,
                                                std::span<const uint64_t> shape);
  [[nodiscard]] Status Append(std::span<const float> values);
  // Puts the file in place. All values of the shape must have been appended.
  [[nodiscard]] Status Finish();

 private:
  NpyWriter(AtomicFile file, uint64_t missing) : file_(std::move(file)), missing_(missing) {}

  AtomicFile file_;
  uint64_t missing_;  // values
};

// The same in one call.
[[nodiscard]] Status WriteNpy(const std::string& path, std::span<const uint64_t> shape,
                              std::span<const float> values);

}  // namespace ebb
