#include "packed/packed_source.h"

#include <algorithm>
#include <cstring>

#include "codec/bound.h"
#include "packed/chunk_values.h"

namespace ebb {
namespace {

constexpr char kConfigName[] = "config.json";

Result<SideFiles> ReadSideFiles(const ContainerReader& container) {
  SideFiles files;
  for (const SideFileRecord& file : container.index().side_files) {
    EBB_TRY_ASSIGN(files[file.name], container.ReadSideFile(file));
  }
  return files;
}

// The container holds exactly `tensors`, in `groups`.
Status CheckContents(const ContainerIndex& index, const std::vector<TensorSpec>& tensors,
                     const std::vector<TensorGroup>& groups, const std::string& path) {
  for (size_t i = 0; i < std::max(index.tensors.size(), tensors.size()); ++i) {
    if (i >= index.tensors.size()) {
      return MakeError(ErrorCode::kCorrupt, path, "the tensor {} of its config.json is missing",
                       tensors[i].name);
    }
    const TensorRecord& record = index.tensors[i];
    if (i >= tensors.size() || record.name != tensors[i].name || record.shape != tensors[i].shape) {
      return MakeError(ErrorCode::kCorrupt, path,
                       "its tensor {} is not the one that its config.json wants there",
                       record.name);
    }
    if (const Status known = CheckCodec(index.codecs[record.codec]); !known) {
      return MakeError(ErrorCode::kUnsupported, path, "its tensor {} cannot be decoded: {}",
                       record.name, known.error().ToString());
    }
  }
  const bool grouped =
      std::equal(index.groups.begin(), index.groups.end(), groups.begin(), groups.end(),
                 [](const GroupRecord& a, const TensorGroup& b) {
                   return a.tensors == b.tensors && a.first_tensor == b.first_tensor;
                 });
  if (!grouped)
    return MakeError(ErrorCode::kCorrupt, path, "its groups are not one an expert or tensor");
  return {};
}

}  // namespace

Result<std::unique_ptr<PackedSource>> PackedSource::Open(const std::string& path) {
  std::unique_ptr<PackedSource> source(new PackedSource);
  EBB_TRY_ASSIGN(source->container_, ContainerReader::Open(path));
  EBB_TRY_ASSIGN(source->side_files_, ReadSideFiles(*source->container_));
  const auto config = source->side_files_.find(kConfigName);
  if (config == source->side_files_.end()) {
    return MakeError(ErrorCode::kCorrupt, path, "it has no {}", kConfigName);
  }
  const std::string where = path + ": " + kConfigName;
  EBB_TRY_ASSIGN(const Json json, ParseJson(config->second, where));
  EBB_TRY_ASSIGN(source->config_, ParseModelConfig(json, where));
  source->tensors_ = ListTensors(source->config_);
  source->groups_ = GroupTensors(source->tensors_);
  EBB_TRY(CheckContents(source->container_->index(), source->tensors_, source->groups_, path));
  for (size_t g = 0; g < source->groups_.size(); ++g) {
    uint64_t element = 0;
    for (size_t i = 0; i < source->groups_[g].tensors; ++i) {
      const size_t tensor = source->groups_[g].first_tensor + i;
      source->places_[source->tensors_[tensor].name] = {tensor, g, element};
      element += source->tensors_[tensor].elements();
    }
  }
  return source;
}

Result<DType> PackedSource::DTypeOf(const TensorSpec& tensor) const {
  const auto found = places_.find(tensor.name);
  if (found == places_.end()) return MakeError(ErrorCode::kNotFound, tensor.name, "no such tensor");
  const TensorRecord& record = Record(found->second.tensor);
  const bool lossless = static_cast<BoundKind>(record.bound_kind) == BoundKind::kLossless;
  return lossless ? static_cast<DType>(record.dtype) : DType::kF32;
}

template <typename Visit>
Status PackedSource::VisitChunks(const GroupRecord& group, uint64_t begin, uint64_t end,
                                 Visit visit) const {
  const auto chunks = container_->index().ChunksOf(group);
  auto chunk = std::upper_bound(chunks.begin(), chunks.end(), begin,
                                [](uint64_t element, const ChunkRecord& c) {
                                  return element < c.first_element + c.elements;
                                });
  for (; chunk != chunks.end() && chunk->first_element < end; ++chunk) {
    const uint64_t from = std::max(begin, chunk->first_element);
    const uint64_t to = std::min(end, chunk->first_element + chunk->elements);
    if (Status visited = visit(*chunk, from - chunk->first_element, to - from); !visited) {
      return tl::unexpected(std::move(visited).error().In(container_->file().path() + ": " +
                                                          container_->Describe(*chunk)));
    }
  }
  return {};
}

Status PackedSource::ReadRows(const TensorSpec& tensor, uint64_t first_row, uint64_t row_count,
                              std::span<std::byte> to) const {
  const auto found = places_.find(tensor.name);
  if (found == places_.end()) return MakeError(ErrorCode::kNotFound, tensor.name, "no such tensor");
  const Place& place = found->second;
  const TensorRecord& record = Record(place.tensor);
  const auto dtype = static_cast<DType>(record.dtype);
  EBB_TRY_ASSIGN(const DType out_dtype, DTypeOf(tensor));
  const uint64_t element_bytes = DTypeBytes(out_dtype);
  const bool lossless = static_cast<BoundKind>(record.bound_kind) == BoundKind::kLossless;
  const uint64_t begin = place.first_element + first_row * tensor.cols();
  EBB_CHECK(first_row + row_count <= tensor.rows());
  EBB_CHECK(to.size() == row_count * tensor.cols() * element_bytes);

  ReadBuffer buffer;
  AlignedArray<std::byte> values;
  std::byte* out = to.data();
  return VisitChunks(
      container_->index().groups[place.group], begin, begin + row_count * tensor.cols(),
      [&](const ChunkRecord& chunk, uint64_t first, uint64_t count) -> Status {
        EBB_TRY_ASSIGN(const auto bytes, container_->ReadChunk(chunk, &buffer));
        if (values.size() < chunk.elements * element_bytes) {
          values = AlignedArray<std::byte>(chunk.elements * element_bytes);
        }
        if (lossless) {
          EBB_TRY(DecodeChunkToWords(CodecOf(place.tensor), dtype, bytes, chunk.elements,
                                     values.data()));
        } else {
          EBB_TRY(DecodeChunkToF32(CodecOf(place.tensor), dtype, bytes, chunk.elements,
                                   reinterpret_cast<float*>(values.data())));
        }
        std::memcpy(out, values.data() + first * element_bytes, count * element_bytes);
        out += count * element_bytes;
        return {};
      });
}

}  // namespace ebb
