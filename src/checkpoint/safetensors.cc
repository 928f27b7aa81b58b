#include "checkpoint/safetensors.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <optional>

#include "base/bytes.h"
#include "base/checked.h"
#include "checkpoint/safetensors_json.h"

namespace ebb {
namespace {

// The bytes of a tensor of this shape and element width; nothing when they overflow or are not
// whole.
std::optional<uint64_t> BytesOf(std::span<const uint64_t> shape, uint64_t element_bits) {
  const std::optional<uint64_t> elements = CheckedProduct(shape);
  if (!elements) return std::nullopt;
  const std::optional<uint64_t> bits = CheckedMul(*elements, element_bits);
  if (!bits || *bits % 8 != 0) return std::nullopt;
  return *bits / 8;
}

// Checks one entry by itself: its range lies in the data and fits its shape.
Status CheckEntry(const SafetensorsEntry& entry, uint64_t data_bytes, const std::string& where) {
  if (entry.begin > entry.end) {
    return MakeError(ErrorCode::kCorrupt, where,
                     "the tensor {} ends at {}, before it begins, at {}", QuotedName(entry.name),
                     entry.end, entry.begin);
  }
  if (entry.end > data_bytes) {
    return MakeError(ErrorCode::kCorrupt, where,
                     "truncated: the tensor {} ends at byte {} of the data, which has {}",
                     QuotedName(entry.name), entry.end, data_bytes);
  }
  const std::optional<uint64_t> bytes = BytesOf(entry.shape, entry.dtype_bits);
  if (!bytes) {
    return MakeError(ErrorCode::kCorrupt, where,
                     "the tensor {} has the shape {} of {}, which is no number of bytes",
                     QuotedName(entry.name), ShapeText(entry.shape), entry.dtype);
  }
  if (*bytes != entry.end - entry.begin) {
    return MakeError(ErrorCode::kCorrupt, where,
                     "the tensor {} has the shape {} of {}, which is {} bytes, not {}",
                     QuotedName(entry.name), ShapeText(entry.shape), entry.dtype, *bytes,
                     entry.end - entry.begin);
  }
  return {};
}

Status CheckNamesAreUnique(std::vector<SafetensorsEntry>& entries, const std::string& where) {
  std::ranges::sort(entries, {}, &SafetensorsEntry::name);
  const auto twice = std::ranges::adjacent_find(entries, {}, &SafetensorsEntry::name);
  if (twice == entries.end()) return {};
  return MakeError(ErrorCode::kCorrupt, where, "the tensor {} occurs twice",
                   QuotedName(twice->name));
}

// Leaves the entries in the order of their offsets.
Status CheckDataIsCovered(std::vector<SafetensorsEntry>& entries, uint64_t data_bytes,
                          const std::string& where) {
  std::ranges::sort(entries, [](const SafetensorsEntry& a, const SafetensorsEntry& b) {
    return std::tie(a.begin, a.end) < std::tie(b.begin, b.end);
  });
  uint64_t covered = 0;
  const SafetensorsEntry* previous = nullptr;
  for (const SafetensorsEntry& entry : entries) {
    if (entry.begin < covered) {
      return MakeError(ErrorCode::kCorrupt, where, "the tensors {} and {} overlap",
                       QuotedName(previous->name), QuotedName(entry.name));
    }
    if (entry.begin > covered) {
      return MakeError(ErrorCode::kCorrupt, where,
                       "the {} bytes before the tensor {} belong to no tensor",
                       entry.begin - covered, QuotedName(entry.name));
    }
    covered = entry.end;
    previous = &entry;
  }
  if (covered != data_bytes) {
    return MakeError(ErrorCode::kCorrupt, where, "the last {} bytes belong to no tensor",
                     data_bytes - covered);
  }
  return {};
}

}  // namespace

Result<uint64_t> ParseSafetensorsStart(std::span<const std::byte, kSafetensorsStartBytes> start,
                                       uint64_t file_bytes, const std::string& where) {
  constexpr std::string_view kLfsStart = "version ";  // of "version https://git-lfs..."
  if (std::equal(start.begin(), start.end(), std::as_bytes(std::span(kLfsStart)).begin())) {
    return MakeError(ErrorCode::kCorrupt, where,
                     "not a safetensors file but the Git LFS pointer to one; fetch it with `git "
                     "lfs pull`");
  }
  const auto header_bytes = LoadLe<uint64_t>(start.data());
  if (header_bytes > kMaxSafetensorsHeaderBytes) {
    return MakeError(ErrorCode::kCorrupt, where,
                     "not a safetensors file: the header is said to have {} bytes; at most {} are "
                     "allowed",
                     header_bytes, kMaxSafetensorsHeaderBytes);
  }
  if (!RangeFits(kSafetensorsStartBytes, header_bytes, file_bytes)) {
    return MakeError(ErrorCode::kCorrupt, where,
                     "truncated: the header is said to have {} bytes, the file has {}",
                     header_bytes, file_bytes);
  }
  return header_bytes;
}

Result<std::vector<StoredTensor>> ParseSafetensorsHeader(std::string_view header,
                                                         uint64_t file_bytes,
                                                         const std::string& where) {
  const uint64_t data_offset = kSafetensorsStartBytes + header.size();
  EBB_CHECK(data_offset <= file_bytes);
  const uint64_t data_bytes = file_bytes - data_offset;
  EBB_TRY_ASSIGN(std::vector<SafetensorsEntry> entries, ParseSafetensorsJson(header, where));
  for (const SafetensorsEntry& entry : entries) EBB_TRY(CheckEntry(entry, data_bytes, where));
  EBB_TRY(CheckNamesAreUnique(entries, where));
  EBB_TRY(CheckDataIsCovered(entries, data_bytes, where));

  std::vector<StoredTensor> tensors;
  tensors.reserve(entries.size());
  for (SafetensorsEntry& entry : entries) {
    tensors.push_back({std::move(entry.name), entry.dtype, std::move(entry.shape),
                       data_offset + entry.begin, entry.end - entry.begin});
  }
  return tensors;
}

Result<std::vector<StoredTensor>> ReadSafetensorsHeader(const File& file) {
  if (file.size_bytes() < kSafetensorsStartBytes) {
    return MakeError(ErrorCode::kCorrupt, file.path(),
                     "truncated: a safetensors file has at least {} bytes, this one {}",
                     kSafetensorsStartBytes, file.size_bytes());
  }
  std::array<std::byte, kSafetensorsStartBytes> start;
  EBB_TRY(file.ReadAt(0, start));
  EBB_TRY_ASSIGN(const uint64_t header_bytes,
                 ParseSafetensorsStart(start, file.size_bytes(), file.path()));
  std::string header(header_bytes, '\0');
  EBB_TRY(file.ReadAt(kSafetensorsStartBytes,
                      std::as_writable_bytes(std::span(header.data(), header.size()))));
  return ParseSafetensorsHeader(header, file.size_bytes(), file.path());
}

std::string ShapeText(std::span<const uint64_t> shape) {
  return fmt::format("[{}]", fmt::join(shape, ", "));
}

std::string QuotedName(std::string_view name) {
  constexpr size_t kMaxShown = 200;
  const bool shortened = name.size() > kMaxShown;
  std::string quoted = "\"";
  for (const char c : name.substr(0, kMaxShown)) {
    const auto code = static_cast<unsigned char>(c);
    if (code < 0x20 || code == 0x7f) {
      quoted += fmt::format("\\x{:02x}", code);
    } else {
      quoted += c;
    }
  }
  return quoted + (shortened ? "...\"" : "\"");
}

}  // namespace ebb
