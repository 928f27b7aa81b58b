#include "base/npy.h"

#include <charconv>
#include <cstring>
#include <string_view>

#include "base/bytes.h"
#include "base/checked.h"
#include "base/file.h"
#include "base/float16.h"

namespace ebb {
namespace {

constexpr std::string_view kMagic = "\x93NUMPY";
constexpr size_t kMaxHeaderBytes = 65536;

// The text of a header dictionary between `key`'s colon and the next comma that is not within
// parentheses.
std::string_view ValueOf(std::string_view header, std::string_view key) {
  size_t at = header.find(key);
  if (at == std::string_view::npos) return {};
  at = header.find(':', at);
  if (at == std::string_view::npos) return {};
  std::string_view rest = header.substr(at + 1);
  while (!rest.empty() && rest.front() == ' ') rest.remove_prefix(1);
  const size_t end = rest.starts_with('(') ? rest.find(')') : rest.find_first_of(",}");
  return rest.substr(0, end);
}

Result<std::vector<uint64_t>> ParseShape(std::string_view text, const std::string& path) {
  std::vector<uint64_t> shape;
  if (text.starts_with('(')) text.remove_prefix(1);
  while (!text.empty()) {
    if (text.front() == ' ' || text.front() == ',') {
      text.remove_prefix(1);
      continue;
    }
    uint64_t dimension = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), dimension);
    if (error != std::errc())
      return MakeError(ErrorCode::kCorrupt, path, "bad shape in its header");
    shape.push_back(dimension);
    text.remove_prefix(static_cast<size_t>(end - text.data()));
  }
  if (shape.size() != 1 && shape.size() != 2) {
    return MakeError(ErrorCode::kUnsupported, path, "has {} dimensions; 1 or 2 are expected",
                     shape.size());
  }
  return shape;
}

}  // namespace

Result<NpyArray> ReadNpy(const std::string& path) {
  EBB_TRY_ASSIGN(const File file, File::OpenForReading(path));
  std::byte start[12];
  if (file.size_bytes() < sizeof(start))
    return MakeError(ErrorCode::kCorrupt, path, "not a .npy file");
  EBB_TRY(file.ReadAt(0, start));
  if (std::memcmp(start, kMagic.data(), kMagic.size()) != 0) {
    return MakeError(ErrorCode::kCorrupt, path, "not a .npy file");
  }
  const bool version_1 = start[6] == std::byte{1};
  const size_t header_at = version_1 ? 10 : 12;
  const size_t header_size = version_1 ? LoadLe<uint16_t>(start + 8) : LoadLe<uint32_t>(start + 8);
  if (header_size > kMaxHeaderBytes || !RangeFits(header_at, header_size, file.size_bytes())) {
    return MakeError(ErrorCode::kCorrupt, path, "its header is truncated");
  }
  std::string header(header_size, '\0');
  EBB_TRY(file.ReadAt(header_at, std::as_writable_bytes(std::span(header.data(), header.size()))));
  const std::string_view type = ValueOf(header, "'descr'");
  const bool bf16 = type == "'<u2'";
  if (!bf16 && type != "'<f4'") {
    return MakeError(ErrorCode::kUnsupported, path,
                     "holds {}; '<f4', or '<u2' for bf16, is expected", type);
  }
  if (ValueOf(header, "'fortran_order'") != "False") {
    return MakeError(ErrorCode::kUnsupported, path, "is in Fortran order; C order is expected");
  }
  NpyArray array;
  array.was_bf16 = bf16;
  EBB_TRY_ASSIGN(array.shape, ParseShape(ValueOf(header, "'shape'"), path));
  const std::optional<uint64_t> count = CheckedProduct(array.shape);
  const uint64_t data_at = header_at + header_size;
  const uint64_t data_bytes = file.size_bytes() - data_at;
  if (!count || *count > data_bytes || *count * (bf16 ? 2 : 4) != data_bytes) {
    return MakeError(ErrorCode::kCorrupt, path, "its size does not match its shape");
  }
  array.values.resize(*count);
  if (!bf16) {
    EBB_TRY(file.ReadAt(data_at, std::as_writable_bytes(std::span(array.values))));
    return array;
  }
  std::vector<uint16_t> halves(*count);
  EBB_TRY(file.ReadAt(data_at, std::as_writable_bytes(std::span(halves))));
  for (size_t i = 0; i < halves.size(); ++i) array.values[i] = Bf16ToF32(halves[i]);
  return array;
}

Result<NpyWriter> NpyWriter::Create(const std::string& path, std::span<const uint64_t> shape) {
  const std::optional<uint64_t> count = CheckedProduct(shape);
  if (!count) return MakeError(ErrorCode::kInvalidArgument, path, "a shape too large to write");
  std::string dimensions;
  for (const uint64_t dimension : shape) dimensions += fmt::format("{}, ", dimension);
  if (shape.size() > 1) dimensions.resize(dimensions.size() - 2);  // (2, 3) but (2,)
  std::string header =
      fmt::format("{{'descr': '<f4', 'fortran_order': False, 'shape': ({}), }}", dimensions);
  header.resize(AlignUp(header.size() + 11, 64) - 11, ' ');
  header += '\n';
  EBB_TRY_ASSIGN(AtomicFile file, AtomicFile::Create(path));
  std::vector<std::byte> head;
  for (const char c : kMagic) head.push_back(static_cast<std::byte>(c));
  AppendLe(head, uint8_t{1});
  AppendLe(head, uint8_t{0});
  AppendLe(head, static_cast<uint16_t>(header.size()));
  EBB_TRY(file.Append(head));
  EBB_TRY(file.Append(header));
  return NpyWriter(std::move(file), *count);
}

Status NpyWriter::Append(std::span<const float> values) {
  EBB_CHECK(values.size() <= missing_);
  missing_ -= values.size();
  return file_.Append(std::as_bytes(values));
}

Status NpyWriter::Finish() {
  EBB_CHECK(missing_ == 0);
  return file_.Commit();
}

Status WriteNpy(const std::string& path, std::span<const uint64_t> shape,
                std::span<const float> values) {
  EBB_TRY_ASSIGN(NpyWriter writer, NpyWriter::Create(path, shape));
  EBB_TRY(writer.Append(values));
  return writer.Finish();
}

}  // namespace ebb
