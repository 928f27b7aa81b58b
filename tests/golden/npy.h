// Reads the float32 arrays of the goldens: little-endian, C order.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/file.h"

namespace ebb {

struct NpyArray {
  std::vector<int64_t> shape;
  std::vector<float> values;

  // The innermost rows: element [i, j, ...] of all but the last dimension.
  const float* row(int64_t index) const { return values.data() + index * shape.back(); }
};

inline Result<NpyArray> ReadNpy(const std::string& path) {
  EBB_TRY_ASSIGN(const File file, File::OpenForReading(path));
  std::vector<std::byte> bytes(file.size_bytes());
  EBB_TRY(file.ReadAt(0, bytes));
  if (bytes.size() < 10) return MakeError(ErrorCode::kCorrupt, path, "too short");
  const size_t start = 10 + LoadLe<uint16_t>(bytes.data() + 8);
  if (bytes.size() < start) return MakeError(ErrorCode::kCorrupt, path, "too short");
  const std::string header(reinterpret_cast<const char*>(bytes.data()) + 10, start - 10);
  if (header.find("'<f4'") == std::string::npos || header.find("False") == std::string::npos) {
    return MakeError(ErrorCode::kUnsupported, path, "not float32 in C order");
  }
  NpyArray array;
  size_t at = header.find('(');
  size_t elements = 1;
  while (at != std::string::npos && header[at] != ')') {
    ++at;
    char* end = nullptr;
    const int64_t size = std::strtoll(header.c_str() + at, &end, 10);
    if (end == header.c_str() + at) break;
    array.shape.push_back(size);
    elements *= static_cast<size_t>(size);
    at = header.find_first_of(",)", at);
  }
  if (bytes.size() - start != elements * sizeof(float)) {
    return MakeError(ErrorCode::kCorrupt, path, "its size does not fit its shape");
  }
  array.values.resize(elements);
  std::memcpy(array.values.data(), bytes.data() + start, bytes.size() - start);
  return array;
}

}  // namespace ebb
