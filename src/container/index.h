// What an .ebb file contains: the records of its index and their bytes (docs/format.md, 1.1
// and 1.3).
//
// Parsing checks everything that the page says must hold, so that a ContainerIndex that exists is
// consistent: ranges lie in the file and do not overlap, chunks add up to groups, names are unique.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"

namespace ebb {

inline constexpr uint32_t kFormatVersion = 1;
inline constexpr uint64_t kFileHeaderBytes = 128;
inline constexpr uint64_t kDataStart = 4096;
inline constexpr uint32_t kMaxChunkElements = uint32_t{1} << 26;
inline constexpr uint64_t kLargeGroupBytes = uint64_t{1} << 20;
inline constexpr uint64_t kLargeGroupAlignment = 4096;
inline constexpr uint64_t kSmallGroupAlignment = 16;

struct SideFileRecord {
  std::string name;
  uint64_t offset = 0;
  uint64_t bytes = 0;
  uint64_t checksum = 0;
};

struct TensorRecord {
  std::string name;
  uint8_t dtype = 0;  // of the source; arch/dtype.h
  std::vector<uint64_t> shape;
  uint8_t codec = 0;       // into ContainerIndex::codecs
  uint8_t bound_kind = 0;  // codec/bound.h
  double bound_value = 0;
  float bound_abs = 0;
  uint8_t code_bytes = 4;  // 1 or 2: codes of that size and one step; 4: float32

  uint64_t elements() const;  // the index holds none that overflows
};

struct ChunkRecord {
  uint32_t bytes = 0;
  uint32_t elements = 0;
  uint64_t checksum = 0;
  uint64_t offset = 0;         // in the file; derived
  uint64_t first_element = 0;  // in the group; derived
};

struct GroupRecord {
  uint64_t offset = 0;
  uint64_t bytes = 0;
  uint32_t tensors = 0;
  uint32_t chunks = 0;
  uint32_t first_tensor = 0;  // derived
  uint32_t first_chunk = 0;   // derived
};

struct ContainerIndex {
  std::string attributes = "{}";  // a JSON object
  std::vector<SideFileRecord> side_files;
  std::vector<std::string> codecs;
  std::vector<TensorRecord> tensors;
  std::vector<GroupRecord> groups;
  std::vector<ChunkRecord> chunks;

  std::span<const TensorRecord> TensorsOf(const GroupRecord& group) const {
    return std::span(tensors).subspan(group.first_tensor, group.tensors);
  }
  std::span<const ChunkRecord> ChunksOf(const GroupRecord& group) const {
    return std::span(chunks).subspan(group.first_chunk, group.chunks);
  }
};

struct FileHeader {
  uint64_t file_bytes = 0;
  uint64_t index_offset = 0;
  uint64_t index_bytes = 0;
  uint64_t index_checksum = 0;
};

[[nodiscard]] std::vector<std::byte> SerializeHeader(const FileHeader& header);
// `where` names the file in errors. An unknown version is kUnsupported, all else kCorrupt.
[[nodiscard]] Result<FileHeader> ParseHeader(std::span<const std::byte> bytes,
                                             const std::string& where);

[[nodiscard]] std::vector<std::byte> SerializeIndex(const ContainerIndex& index);
[[nodiscard]] Result<ContainerIndex> ParseIndex(std::span<const std::byte> bytes,
                                                uint64_t index_offset, const std::string& where);

// One group with its tensors and chunks, and one side file, as the writer's journal stores them.
// The note is the caller's own (statistics of the group) and does not enter the index.
struct GroupEntry {
  GroupRecord group;
  std::vector<TensorRecord> tensors;
  std::vector<ChunkRecord> chunks;
  std::vector<std::byte> note;
};
void SerializeGroupEntry(const GroupEntry& entry, std::vector<std::byte>* out);
[[nodiscard]] Result<GroupEntry> ParseGroupEntry(std::span<const std::byte> bytes);
void SerializeSideFile(const SideFileRecord& record, std::vector<std::byte>* out);
[[nodiscard]] Result<SideFileRecord> ParseSideFile(std::span<const std::byte> bytes);

}  // namespace ebb
