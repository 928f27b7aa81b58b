// Reads an .ebb file: its index at once, its chunks when asked, each checked against its checksum.
//
// Nothing is mapped: reads are positioned and go into the caller's buffer. The payload of a chunk
// is opaque here. Thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "base/bytes.h"
#include "base/error.h"
#include "base/file.h"
#include "container/index.h"

namespace ebb {

// Readable bytes after the chunks in a ReadBuffer: decoders may look that far past their end.
inline constexpr size_t kReadSlackBytes = 72;

// A reusable buffer for reads of a known largest size.
class ReadBuffer {
 public:
  ReadBuffer() = default;
  explicit ReadBuffer(uint64_t capacity) { Reserve(capacity); }

  // At least `size` bytes and the slack behind them. Contents are lost when it grows.
  std::span<std::byte> Reserve(uint64_t size) {
    if (size + kReadSlackBytes > bytes_.size())
      bytes_ = AlignedArray<std::byte>(size + kReadSlackBytes);
    return bytes_.span().first(size);
  }

 private:
  AlignedArray<std::byte> bytes_;
};

class ContainerReader {
 public:
  // Reads and checks the header and the index. A file that is no .ebb, damaged or of another
  // version is an error that says so.
  [[nodiscard]] static Result<std::unique_ptr<ContainerReader>> Open(const std::string& path);

  const ContainerIndex& index() const { return index_; }
  const File& file() const { return file_; }

  // Reads one chunk; kCorrupt if its bytes are not those that were written.
  [[nodiscard]] Result<std::span<const std::byte>> ReadChunk(const ChunkRecord& chunk,
                                                             ReadBuffer* buffer) const;

  // Reads the chunks of a group in one read, one after the other in the buffer, all checked.
  [[nodiscard]] Result<std::span<const std::byte>> ReadGroup(const GroupRecord& group,
                                                             ReadBuffer* buffer) const;

  // The same into `to`, which has exactly group.bytes bytes.
  [[nodiscard]] Status ReadGroupInto(const GroupRecord& group, std::span<std::byte> to) const;

  // Checks the chunks of a group whose bytes were read by other means; `bytes` are all of them.
  [[nodiscard]] Status CheckGroup(const GroupRecord& group, std::span<const std::byte> bytes) const;

  [[nodiscard]] Result<std::string> ReadSideFile(const SideFileRecord& file) const;

  // What errors about a chunk name: the tensors that it belongs to and its place in the file.
  [[nodiscard]] std::string Describe(const ChunkRecord& chunk) const;

 private:
  ContainerReader(File file, ContainerIndex index)
      : file_(std::move(file)), index_(std::move(index)) {}

  [[nodiscard]] Status CheckChunk(const ChunkRecord& chunk, std::span<const std::byte> bytes) const;

  File file_;
  ContainerIndex index_;
};

}  // namespace ebb
