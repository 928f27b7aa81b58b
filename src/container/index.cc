#include "container/index.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <set>

#include "base/bytes.h"
#include "base/checked.h"
#include "base/hash.h"
#include "container/byte_reader.h"

namespace ebb {
namespace {

constexpr std::array<uint8_t, 8> kMagic = {0x89, 'E', 'B', 'B', '\r', '\n', 0x1a, '\n'};
constexpr size_t kHeaderChecksumAt = kFileHeaderBytes - 8;

// The fewest bytes that a record of each kind takes: what bounds a count read from a file.
constexpr uint64_t kMinSideFileBytes = 2 + 24;
constexpr uint64_t kMinCodecBytes = 2;
constexpr uint64_t kMinTensorBytes = 2 + 2 + 8 + 15;
constexpr uint64_t kGroupBytes = 24;
constexpr uint64_t kChunkBytes = 16;

using Bytes = std::vector<std::byte>;

void AppendString(Bytes& out, const std::string& text) {
  AppendLe(out, static_cast<uint16_t>(text.size()));
  const auto bytes = std::as_bytes(std::span(text));
  out.insert(out.end(), bytes.begin(), bytes.end());
}

void AppendTensor(Bytes& out, const TensorRecord& tensor) {
  AppendString(out, tensor.name);
  AppendLe(out, tensor.dtype);
  AppendLe(out, static_cast<uint8_t>(tensor.shape.size()));
  for (const uint64_t dimension : tensor.shape) AppendLe(out, dimension);
  AppendLe(out, tensor.codec);
  AppendLe(out, tensor.bound_kind);
  AppendLe(out, tensor.bound_value);
  AppendLe(out, tensor.bound_abs);
  AppendLe(out, tensor.code_bytes);
}

void AppendGroup(Bytes& out, const GroupRecord& group) {
  AppendLe(out, group.offset);
  AppendLe(out, group.bytes);
  AppendLe(out, group.tensors);
  AppendLe(out, group.chunks);
}

void AppendChunk(Bytes& out, const ChunkRecord& chunk) {
  AppendLe(out, chunk.bytes);
  AppendLe(out, chunk.elements);
  AppendLe(out, chunk.checksum);
}

SideFileRecord TakeSideFile(ByteReader& reader) {
  SideFileRecord record;
  record.name = reader.TakeString();
  record.offset = reader.Take<uint64_t>();
  record.bytes = reader.Take<uint64_t>();
  record.checksum = reader.Take<uint64_t>();
  return record;
}

Result<TensorRecord> TakeTensor(ByteReader& reader) {
  TensorRecord tensor;
  tensor.name = reader.TakeString();
  tensor.dtype = reader.Take<uint8_t>();
  const int rank = reader.Take<uint8_t>();
  const auto refuse = [&](std::string_view why) {
    return MakeError(ErrorCode::kCorrupt, tensor.name, "{}", why);
  };
  if (rank != 1 && rank != 2) return refuse("its index record has a rank other than 1 and 2");
  for (int i = 0; i < rank; ++i) tensor.shape.push_back(reader.Take<uint64_t>());
  tensor.codec = reader.Take<uint8_t>();
  tensor.bound_kind = reader.Take<uint8_t>();
  tensor.bound_value = reader.Take<double>();
  tensor.bound_abs = reader.Take<float>();
  tensor.code_bytes = reader.Take<uint8_t>();
  if (tensor.dtype > 2) return refuse("its index record names an unknown dtype");
  if (tensor.bound_kind > 2) return refuse("its index record names an unknown kind of bound");
  if (!(tensor.bound_value >= 0 && tensor.bound_abs >= 0) || !std::isfinite(tensor.bound_abs)) {
    return refuse("its index record has a bad bound");
  }
  if (tensor.code_bytes != 1 && tensor.code_bytes != 2 && tensor.code_bytes != 4) {
    return refuse("its index record has a bad code size");
  }
  const std::optional<uint64_t> elements = CheckedProduct(tensor.shape);
  if (!elements || *elements == 0 || *elements > uint64_t{1} << 48) {
    return refuse("its index record has an absurd shape");
  }
  return tensor;
}

GroupRecord TakeGroup(ByteReader& reader) {
  GroupRecord group;
  group.offset = reader.Take<uint64_t>();
  group.bytes = reader.Take<uint64_t>();
  group.tensors = reader.Take<uint32_t>();
  group.chunks = reader.Take<uint32_t>();
  return group;
}

ChunkRecord TakeChunk(ByteReader& reader) {
  ChunkRecord chunk;
  chunk.bytes = reader.Take<uint32_t>();
  chunk.elements = reader.Take<uint32_t>();
  chunk.checksum = reader.Take<uint64_t>();
  return chunk;
}

// Derives what records leave out, and checks that groups, tensors and chunks fit together.
Status Connect(ContainerIndex& index, const std::string& where) {
  uint64_t tensor = 0;
  uint64_t chunk = 0;
  for (GroupRecord& group : index.groups) {
    if (!RangeFits(tensor, group.tensors, index.tensors.size()) ||
        !RangeFits(chunk, group.chunks, index.chunks.size()) || group.tensors == 0) {
      return MakeError(ErrorCode::kCorrupt, where,
                       "its index has groups without tensors or chunks");
    }
    group.first_tensor = static_cast<uint32_t>(tensor);
    group.first_chunk = static_cast<uint32_t>(chunk);
    uint64_t elements = 0;  // each term is below 2^48, their number below 2^32
    for (const TensorRecord& t : index.TensorsOf(group)) elements += t.elements();
    uint64_t bytes = 0;
    uint64_t chunk_elements = 0;
    for (uint32_t i = 0; i < group.chunks; ++i) {
      ChunkRecord& record = index.chunks[chunk + i];
      if (record.elements == 0 || record.elements > kMaxChunkElements) {
        return MakeError(ErrorCode::kCorrupt, index.tensors[tensor].name,
                         "a chunk of its group has {} elements", record.elements);
      }
      record.offset = group.offset + bytes;
      record.first_element = chunk_elements;
      bytes += record.bytes;
      chunk_elements += record.elements;
    }
    if (bytes != group.bytes || chunk_elements != elements) {
      return MakeError(ErrorCode::kCorrupt, index.tensors[tensor].name,
                       "the chunks of its group do not add up");
    }
    tensor += group.tensors;
    chunk += group.chunks;
  }
  if (tensor != index.tensors.size() || chunk != index.chunks.size()) {
    return MakeError(ErrorCode::kCorrupt, where, "its index has tensors or chunks without a group");
  }
  return {};
}

Status CheckRanges(const ContainerIndex& index, uint64_t index_offset, const std::string& where) {
  struct Range {
    uint64_t offset;
    uint64_t bytes;
  };
  std::vector<Range> ranges;
  for (const SideFileRecord& file : index.side_files) ranges.push_back({file.offset, file.bytes});
  for (const GroupRecord& group : index.groups) ranges.push_back({group.offset, group.bytes});
  std::sort(ranges.begin(), ranges.end(),
            [](const Range& a, const Range& b) { return a.offset < b.offset; });
  uint64_t end = kDataStart;
  for (const Range& range : ranges) {
    if (range.offset < end || !RangeFits(range.offset, range.bytes, index_offset)) {
      return MakeError(ErrorCode::kCorrupt, where,
                       "its index has a range that overlaps another or leaves the file");
    }
    end = range.offset + range.bytes;
  }
  return {};
}

Status CheckNames(const ContainerIndex& index, const std::string& where) {
  std::set<std::string_view> names;
  for (const TensorRecord& tensor : index.tensors) {
    if (tensor.codec >= index.codecs.size()) {
      return MakeError(ErrorCode::kCorrupt, tensor.name, "its index record names an unknown codec");
    }
    if (!names.insert(tensor.name).second) {
      return MakeError(ErrorCode::kCorrupt, where, "its index has the tensor {} twice",
                       tensor.name);
    }
  }
  names.clear();
  for (const SideFileRecord& file : index.side_files) {
    // A side file's name becomes a file's name when the model is written out again.
    if (file.name.empty() || file.name.find('/') != std::string::npos || file.name[0] == '.' ||
        file.name.find('\0') != std::string::npos || !names.insert(file.name).second) {
      return MakeError(ErrorCode::kCorrupt, where,
                       "its index has a bad or repeated side file name");
    }
  }
  return {};
}

}  // namespace

uint64_t TensorRecord::elements() const {
  uint64_t product = 1;
  for (const uint64_t dimension : shape) product *= dimension;
  return product;
}

std::vector<std::byte> SerializeHeader(const FileHeader& header) {
  Bytes bytes(kFileHeaderBytes);
  std::memcpy(bytes.data(), kMagic.data(), kMagic.size());
  StoreLe(bytes.data() + 8, kFormatVersion);
  StoreLe(bytes.data() + 16, header.file_bytes);
  StoreLe(bytes.data() + 24, header.index_offset);
  StoreLe(bytes.data() + 32, header.index_bytes);
  StoreLe(bytes.data() + 40, header.index_checksum);
  StoreLe(bytes.data() + kHeaderChecksumAt, Xxh3(std::span(bytes).first(kHeaderChecksumAt)));
  return bytes;
}

Result<FileHeader> ParseHeader(std::span<const std::byte> bytes, const std::string& where) {
  if (bytes.size() < kFileHeaderBytes ||
      std::memcmp(bytes.data(), kMagic.data(), kMagic.size()) != 0) {
    return MakeError(ErrorCode::kCorrupt, where, "not an .ebb file");
  }
  const auto version = LoadLe<uint32_t>(bytes.data() + 8);
  if (version != kFormatVersion) {
    return MakeError(ErrorCode::kUnsupported, where,
                     "its format version is {}, this program reads version {}", version,
                     kFormatVersion);
  }
  if (LoadLe<uint64_t>(bytes.data() + kHeaderChecksumAt) != Xxh3(bytes.first(kHeaderChecksumAt))) {
    return MakeError(ErrorCode::kCorrupt, where, "its header is damaged (checksum)");
  }
  const FileHeader header = {
      LoadLe<uint64_t>(bytes.data() + 16), LoadLe<uint64_t>(bytes.data() + 24),
      LoadLe<uint64_t>(bytes.data() + 32), LoadLe<uint64_t>(bytes.data() + 40)};
  if (header.index_offset < kDataStart ||
      !RangeFits(header.index_offset, header.index_bytes, header.file_bytes) ||
      header.index_offset + header.index_bytes != header.file_bytes) {
    return MakeError(ErrorCode::kCorrupt, where, "its header names an impossible index");
  }
  return header;
}

std::vector<std::byte> SerializeIndex(const ContainerIndex& index) {
  Bytes out;
  for (const size_t count : {index.side_files.size(), index.codecs.size(), index.tensors.size(),
                             index.groups.size(), index.chunks.size()}) {
    AppendLe(out, static_cast<uint32_t>(count));
  }
  AppendLe(out, static_cast<uint32_t>(index.attributes.size()));
  const auto attributes = std::as_bytes(std::span(index.attributes));
  out.insert(out.end(), attributes.begin(), attributes.end());
  for (const SideFileRecord& file : index.side_files) SerializeSideFile(file, &out);
  for (const std::string& codec : index.codecs) AppendString(out, codec);
  for (const TensorRecord& tensor : index.tensors) AppendTensor(out, tensor);
  for (const GroupRecord& group : index.groups) AppendGroup(out, group);
  for (const ChunkRecord& chunk : index.chunks) AppendChunk(out, chunk);
  return out;
}

Result<ContainerIndex> ParseIndex(std::span<const std::byte> bytes, uint64_t index_offset,
                                  const std::string& where) {
  const auto truncated = [&] {
    return MakeError(ErrorCode::kCorrupt, where, "its index is truncated");
  };
  ByteReader reader(bytes);
  const uint64_t side_files = reader.Take<uint32_t>();
  const uint64_t codecs = reader.Take<uint32_t>();
  const uint64_t tensors = reader.Take<uint32_t>();
  const uint64_t groups = reader.Take<uint32_t>();
  const uint64_t chunks = reader.Take<uint32_t>();
  ContainerIndex index;
  index.attributes = reader.TakeText(reader.Take<uint32_t>());
  // Below 2^37 in all: no overflow. Nothing is allocated that the bytes left could not hold.
  const uint64_t least = side_files * kMinSideFileBytes + codecs * kMinCodecBytes +
                         tensors * kMinTensorBytes + groups * kGroupBytes + chunks * kChunkBytes;
  if (reader.overrun() || least > reader.left()) return truncated();

  for (uint64_t i = 0; i < side_files; ++i) index.side_files.push_back(TakeSideFile(reader));
  for (uint64_t i = 0; i < codecs; ++i) index.codecs.push_back(reader.TakeString());
  index.tensors.reserve(tensors);
  for (uint64_t i = 0; i < tensors && !reader.overrun(); ++i) {
    auto tensor = TakeTensor(reader);
    if (reader.overrun()) return truncated();
    if (!tensor) return tl::unexpected(std::move(tensor).error().In(where));
    index.tensors.push_back(*std::move(tensor));
  }
  index.groups.reserve(groups);
  for (uint64_t i = 0; i < groups; ++i) index.groups.push_back(TakeGroup(reader));
  index.chunks.reserve(chunks);
  for (uint64_t i = 0; i < chunks; ++i) index.chunks.push_back(TakeChunk(reader));
  if (reader.overrun()) return truncated();
  if (reader.left() != 0) {
    return MakeError(ErrorCode::kCorrupt, where, "its index has bytes left over");
  }
  EBB_TRY(CheckNames(index, where));
  EBB_TRY(Connect(index, where));
  EBB_TRY(CheckRanges(index, index_offset, where));
  return index;
}

void SerializeGroupEntry(const GroupEntry& entry, Bytes* out) {
  AppendGroup(*out, entry.group);
  for (const TensorRecord& tensor : entry.tensors) AppendTensor(*out, tensor);
  for (const ChunkRecord& chunk : entry.chunks) AppendChunk(*out, chunk);
  out->insert(out->end(), entry.note.begin(), entry.note.end());
}

Result<GroupEntry> ParseGroupEntry(std::span<const std::byte> bytes) {
  ByteReader reader(bytes);
  GroupEntry entry;
  entry.group = TakeGroup(reader);
  for (uint32_t i = 0; i < entry.group.tensors && !reader.overrun(); ++i) {
    EBB_TRY_ASSIGN(TensorRecord tensor, TakeTensor(reader));
    entry.tensors.push_back(std::move(tensor));
  }
  for (uint32_t i = 0; i < entry.group.chunks && !reader.overrun(); ++i) {
    entry.chunks.push_back(TakeChunk(reader));
  }
  if (reader.overrun()) {
    return MakeError(ErrorCode::kCorrupt, "journal", "a group record is damaged");
  }
  const auto note = bytes.last(reader.left());
  entry.note.assign(note.begin(), note.end());
  return entry;
}

void SerializeSideFile(const SideFileRecord& record, Bytes* out) {
  AppendString(*out, record.name);
  AppendLe(*out, record.offset);
  AppendLe(*out, record.bytes);
  AppendLe(*out, record.checksum);
}

Result<SideFileRecord> ParseSideFile(std::span<const std::byte> bytes) {
  ByteReader reader(bytes);
  SideFileRecord record = TakeSideFile(reader);
  if (reader.overrun() || reader.left() != 0) {
    return MakeError(ErrorCode::kCorrupt, "journal", "a side file record is damaged");
  }
  return record;
}

}  // namespace ebb
