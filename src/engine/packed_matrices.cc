#include "engine/packed_matrices.h"

#include <array>
#include <bit>
#include <cstring>

#include "codec/chunk_decoder.h"
#include "codec/weights_codec.h"
#include "engine/encoded_rows.h"

namespace ebb {
namespace {

// Takes all rows and forgets them: decoding is the check.
class Discard final : public UnitVisitor {
 public:
  void Visit(std::span<const uint32_t>, const int8_t*) override {}
};

}  // namespace

Result<std::unique_ptr<PackedMatrices>> PackedMatrices::Open(const PackedSource& packed) {
  std::unique_ptr<PackedMatrices> matrices(new PackedMatrices(packed));
  for (size_t g = 0; g < packed.groups().size(); ++g) {
    const TensorGroup& group = packed.groups()[g];
    if (group.routed_expert || packed.Record(group.first_tensor).code_bytes > 2) continue;
    EBB_TRY_ASSIGN(const std::optional<Stored> stored, matrices->StoredOf(g));
    if (stored) matrices->stored_.emplace(packed.tensors()[group.first_tensor].name, *stored);
  }
  return matrices;
}

Result<std::optional<PackedMatrices::Stored>> PackedMatrices::StoredOf(size_t group) const {
  const ContainerIndex& index = packed_.container().index();
  const TensorSpec& tensor = packed_.tensors()[packed_.groups()[group].first_tensor];
  Stored stored{group, CanMultiplyEncoded(), 0};
  for (const ChunkRecord& chunk : index.ChunksOf(index.groups[group])) {
    std::array<std::byte, sizeof(ChunkHeader)> bytes;
    if (chunk.bytes < bytes.size()) return std::nullopt;
    EBB_TRY(packed_.container().file().ReadAt(chunk.offset, bytes));
    const auto header = LoadLe<ChunkHeader>(bytes.data());
    stored.is_encoded = stored.is_encoded && header.elements == chunk.elements &&
                        IsEncodedRows(header, tensor.cols());
    stored.exceptions += header.exceptions;
  }
  // Not checked by a checksum yet: what cannot be true would spoil the memory plan.
  if (stored.exceptions > tensor.elements()) return std::nullopt;
  return stored;
}

std::optional<uint64_t> PackedMatrices::BytesOf(const TensorSpec& tensor, MatrixForm form) const {
  const auto found = stored_.find(tensor.name);
  if (found == stored_.end()) return std::nullopt;
  const Stored& stored = found->second;
  const GroupRecord& group = packed_.container().index().groups[stored.group];
  const uint64_t codes = tensor.elements() * packed_.Record(group.first_tensor).code_bytes;
  return (stored.is_encoded && form == MatrixForm::kSmallest ? group.bytes + kReadSlackBytes
                                                             : codes) +
         stored.exceptions * sizeof(WeightException);
}

Result<OwnedMatrix> PackedMatrices::Read(const TensorSpec& tensor, MatrixForm form) const {
  const Stored& stored = stored_.at(tensor.name);
  return stored.is_encoded && form == MatrixForm::kSmallest ? ReadEncoded(tensor, stored)
                                                            : ReadCodes(tensor, stored);
}

Result<OwnedMatrix> PackedMatrices::ReadEncoded(const TensorSpec& tensor,
                                                const Stored& stored) const {
  const ContainerIndex& index = packed_.container().index();
  const GroupRecord& group = index.groups[stored.group];
  AlignedArray<std::byte> bytes = AllocateWeights(group.bytes + kReadSlackBytes);
  const std::span<std::byte> chunks = bytes.span().first(group.bytes);
  EBB_TRY(packed_.container().ReadGroupInto(group, chunks));
  std::memset(bytes.data() + group.bytes, 0, kReadSlackBytes);

  auto matrix = std::make_unique<EncodedMatrix>();
  std::vector<WeightException> exceptions;
  EncodedRowsBuilder rows{matrix.get(), &exceptions};
  AlignedArray<int8_t> tile(kMaxUnitsAtOnce * tensor.cols());
  for (const ChunkRecord& record : index.ChunksOf(group)) {
    const auto chunk = ParseChunk(chunks.subspan(record.offset - group.offset, record.bytes));
    if (!chunk)
      return tl::unexpected(Error(chunk.error()).In(packed_.container().Describe(record)));
    Discard discard;
    if (chunk->header.elements != record.elements || !IsEncodedRows(chunk->header, tensor.cols()) ||
        !rows.Append(*chunk) || !BestChunkDecoder().units_to_int8(*chunk, tile.data(), discard)) {
      return MakeError(ErrorCode::kCorrupt, packed_.container().Describe(record),
                       "its streams are damaged: compress again");
    }
  }
  return OwnedMatrix(std::move(matrix), std::move(bytes), static_cast<int64_t>(tensor.rows()),
                     static_cast<int64_t>(tensor.cols()), rows.step, std::move(exceptions));
}

Result<OwnedMatrix> PackedMatrices::ReadCodes(const TensorSpec& tensor,
                                              const Stored& stored) const {
  const ContainerIndex& index = packed_.container().index();
  const GroupRecord& group = index.groups[stored.group];
  const uint8_t code_bytes = packed_.Record(group.first_tensor).code_bytes;
  AlignedArray<std::byte> codes = AllocateWeights(tensor.elements() * code_bytes);
  std::vector<WeightException> exceptions;
  std::optional<float> step;
  ReadBuffer buffer;
  for (const ChunkRecord& record : index.ChunksOf(group)) {
    EBB_TRY_ASSIGN(const auto bytes, packed_.container().ReadChunk(record, &buffer));
    const Status status = [&]() -> Status {
      EBB_TRY_ASSIGN(const ChunkView chunk, ParseChunk(bytes));
      const ChunkHeader& header = chunk.header;
      if (header.elements != record.elements || header.map != ValueMap::kCodes ||
          chunk.steps != nullptr || header.code_bytes > code_bytes ||
          chunk.step() != step.value_or(chunk.step())) {
        return MakeError(ErrorCode::kCorrupt, "chunk", "is not what its index record says");
      }
      step = chunk.step();
      for (uint32_t i = 0; i < header.exceptions; ++i) {
        const ChunkView::Exception e = chunk.ExceptionAt(i);
        const uint64_t element = record.first_element + e.element;
        exceptions.push_back({static_cast<uint32_t>(element / tensor.cols()),
                              static_cast<uint32_t>(element % tensor.cols()),
                              std::bit_cast<float>(e.bits)});
      }
      std::byte* const to = codes.data() + record.first_element * code_bytes;
      return code_bytes == 1 ? DecodeCodes(chunk, reinterpret_cast<int8_t*>(to))
                             : DecodeCodes(chunk, reinterpret_cast<int16_t*>(to));
    }();
    if (!status)
      return tl::unexpected(Error(status.error()).In(packed_.container().Describe(record)));
  }
  OwnedMatrix matrix(code_bytes == 1 ? WeightFormat::kCodes8 : WeightFormat::kCodes16,
                     static_cast<int64_t>(tensor.rows()), static_cast<int64_t>(tensor.cols()),
                     std::move(codes), step.value_or(1), std::move(exceptions));
  return matrix;
}

}  // namespace ebb
