// The safetensors format: which tensors a file holds and where.
//
//     8 bytes   N, the length of the header, little-endian
//     N bytes   {"NAME": {"dtype": "BF16", "shape": [2, 3], "data_offsets": [BEGIN, END]}, ...,
//                "__metadata__": {...}}, padded with spaces
//     the rest  the tensors' elements, row-major, little-endian; offsets count from here
//
// As the format demands, names are unique and the tensors cover the data without overlaps and
// holes; a file that breaks a rule is kCorrupt, and the error names the rule and the tensor. Input
// may be hostile: nothing is allocated before its size was checked, and only the header is ever
// read here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/file.h"

namespace ebb {

// One tensor of a file, of any element type that the format knows.
struct StoredTensor {
  std::string name;
  std::string_view dtype;  // as the format spells it ("F32", "BF16", "I64", ...); never freed
  std::vector<uint64_t> shape;
  uint64_t offset = 0;  // from the start of the file
  uint64_t bytes = 0;
};

inline constexpr uint64_t kSafetensorsStartBytes = 8;
inline constexpr uint64_t kMaxSafetensorsHeaderBytes = 100'000'000;  // upstream's own limit

// The length of the header, from the first 8 bytes of a file of `file_bytes`.
[[nodiscard]] Result<uint64_t> ParseSafetensorsStart(
    std::span<const std::byte, kSafetensorsStartBytes> start, uint64_t file_bytes,
    const std::string& where);

// The tensors of a file of `file_bytes` with this header, in the order of their offsets.
[[nodiscard]] Result<std::vector<StoredTensor>> ParseSafetensorsHeader(std::string_view header,
                                                                       uint64_t file_bytes,
                                                                       const std::string& where);

// Reads the header of an open file.
[[nodiscard]] Result<std::vector<StoredTensor>> ReadSafetensorsHeader(const File& file);

// "[2, 3]".
[[nodiscard]] std::string ShapeText(std::span<const uint64_t> shape);

// A name from a file, fit for an error message: quoted, on one line, shortened.
[[nodiscard]] std::string QuotedName(std::string_view name);

}  // namespace ebb
