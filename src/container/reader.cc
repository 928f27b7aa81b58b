#include "container/reader.h"

#include <algorithm>
#include <array>

#include "base/hash.h"

namespace ebb {
namespace {

constexpr uint64_t kMaxSideFileBytes = uint64_t{256} << 20;

}  // namespace

Result<std::unique_ptr<ContainerReader>> ContainerReader::Open(const std::string& path) {
  EBB_TRY_ASSIGN(File file, File::OpenForReading(path));
  std::array<std::byte, kFileHeaderBytes> header_bytes;
  if (file.size_bytes() < header_bytes.size()) {
    return MakeError(ErrorCode::kCorrupt, path, "not an .ebb file");
  }
  EBB_TRY(file.ReadAt(0, header_bytes));
  EBB_TRY_ASSIGN(const FileHeader header, ParseHeader(header_bytes, path));
  if (header.file_bytes != file.size_bytes()) {
    return MakeError(ErrorCode::kCorrupt, path, "it has {} bytes, its header says {}: {}",
                     file.size_bytes(), header.file_bytes,
                     file.size_bytes() < header.file_bytes ? "it is truncated, copy it again"
                                                           : "something was added to it");
  }
  std::vector<std::byte> index_bytes(header.index_bytes);  // at most the file's own size
  EBB_TRY(file.ReadAt(header.index_offset, index_bytes));
  if (Xxh3(index_bytes) != header.index_checksum) {
    return MakeError(ErrorCode::kCorrupt, path, "its index is damaged (checksum)");
  }
  EBB_TRY_ASSIGN(ContainerIndex index, ParseIndex(index_bytes, header.index_offset, path));
  return std::unique_ptr<ContainerReader>(new ContainerReader(std::move(file), std::move(index)));
}

Result<std::span<const std::byte>> ContainerReader::ReadChunk(const ChunkRecord& chunk,
                                                              ReadBuffer* buffer) const {
  const std::span<std::byte> bytes = buffer->Reserve(chunk.bytes);
  EBB_TRY(file_.ReadAt(chunk.offset, bytes));
  EBB_TRY(CheckChunk(chunk, bytes));
  return bytes;
}

Result<std::span<const std::byte>> ContainerReader::ReadGroup(const GroupRecord& group,
                                                              ReadBuffer* buffer) const {
  const std::span<std::byte> bytes = buffer->Reserve(group.bytes);
  EBB_TRY(ReadGroupInto(group, bytes));
  return bytes;
}

Status ContainerReader::ReadGroupInto(const GroupRecord& group, std::span<std::byte> to) const {
  EBB_TRY(file_.ReadAt(group.offset, to));
  return CheckGroup(group, to);
}

Status ContainerReader::CheckGroup(const GroupRecord& group,
                                   std::span<const std::byte> bytes) const {
  for (const ChunkRecord& chunk : index_.ChunksOf(group)) {
    EBB_TRY(CheckChunk(chunk, bytes.subspan(chunk.offset - group.offset, chunk.bytes)));
  }
  return {};
}

Result<std::string> ContainerReader::ReadSideFile(const SideFileRecord& file) const {
  if (file.bytes > kMaxSideFileBytes) {
    return MakeError(ErrorCode::kCorrupt, file_.path(), "its side file {} has {} bytes", file.name,
                     file.bytes);
  }
  std::string text(file.bytes, '\0');
  const auto bytes = std::as_writable_bytes(std::span(text.data(), text.size()));
  EBB_TRY(file_.ReadAt(file.offset, bytes));
  if (Xxh3(bytes) != file.checksum) {
    return MakeError(ErrorCode::kCorrupt, file_.path(), "its side file {} is damaged (checksum)",
                     file.name);
  }
  return text;
}

std::string ContainerReader::Describe(const ChunkRecord& chunk) const {
  for (const GroupRecord& group : index_.groups) {
    if (chunk.offset < group.offset || chunk.offset >= group.offset + group.bytes) continue;
    const auto tensors = index_.TensorsOf(group);
    const std::string name = tensors.size() == 1
                                 ? tensors[0].name
                                 : fmt::format("{} to {}", tensors[0].name, tensors.back().name);
    return fmt::format("chunk of {} at offset {}", name, chunk.offset);
  }
  return fmt::format("chunk at offset {}", chunk.offset);
}

Status ContainerReader::CheckChunk(const ChunkRecord& chunk,
                                   std::span<const std::byte> bytes) const {
  if (Xxh3(bytes) == chunk.checksum) return {};
  return MakeError(ErrorCode::kCorrupt, file_.path(), "{} is damaged (checksum)", Describe(chunk));
}

}  // namespace ebb
