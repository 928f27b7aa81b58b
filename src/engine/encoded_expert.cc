#include "engine/encoded_expert.h"

#include <algorithm>
#include <bit>

#include "codec/chunk_decoder.h"

namespace ebb {

bool EncodedExpert::IsPossible() { return BestChunkDecoder().units_to_int8 != nullptr; }

Result<bool> EncodedExpert::Take(const PackedSource& packed, size_t group,
                                 std::span<const std::byte> bytes) {
  const TensorGroup& tensors = packed.groups()[group];
  const ContainerIndex& index = packed.container().index();
  const GroupRecord& record = index.groups[group];
  const std::array<WeightMatrix*, 3> matrices = {&matrices_.gate, &matrices_.up, &matrices_.down};
  const auto chunks = index.ChunksOf(record);
  max_tokens_ = MaxEncodedTokens(0);
  size_t c = 0;
  uint64_t begin = 0;  // of the tensor, in the group
  for (size_t t = 0; t < tensors.tensors; ++t) {
    const TensorSpec& tensor = packed.tensors()[tensors.first_tensor + t];
    const uint64_t cols = tensor.cols();
    const uint64_t end = begin + tensor.elements();
    if (cols > static_cast<uint64_t>(kMaxEncodedCols) ||
        packed.Record(tensors.first_tensor + t).code_bytes != 1) {
      return false;
    }
    EncodedMatrix& encoded = encoded_[t];
    encoded.chunks.clear();
    encoded.is_corrupt = false;
    exceptions_[t].clear();
    float step = 0;
    for (; c < chunks.size() && chunks[c].first_element < end; ++c) {
      const ChunkRecord& chunk = chunks[c];
      const std::span<const std::byte> chunk_bytes =
          bytes.subspan(chunk.offset - record.offset, chunk.bytes);
      const auto view = ParseChunk(chunk_bytes);
      if (!view) return tl::unexpected(Error(view.error()).In(packed.container().Describe(chunk)));
      const bool is_rows = !view->is_small() && chunk.first_element + chunk.elements <= end &&
                           view->header.elements == chunk.elements && view->header.unit == cols &&
                           view->partial_elements() == 0 && view->header.code_bytes == 1 &&
                           view->header.map == ValueMap::kCodes && view->steps == nullptr;
      if (!is_rows) return false;
      if (encoded.chunks.empty()) step = view->step();
      if (view->step() != step) {
        return MakeError(ErrorCode::kCorrupt, tensor.name, "its chunks have different steps");
      }
      const auto first_row = static_cast<int64_t>((chunk.first_element - begin) / cols);
      encoded.chunks.push_back(
          {chunk_bytes, first_row, static_cast<int64_t>(chunk.elements / cols)});
      for (uint32_t i = 0; i < view->header.exceptions; ++i) {
        const ChunkView::Exception exception = view->ExceptionAt(i);
        exceptions_[t].push_back(
            {static_cast<uint32_t>(first_row) + static_cast<uint32_t>(exception.element / cols),
             static_cast<uint32_t>(exception.element % cols),
             std::bit_cast<float>(exception.bits)});
      }
    }
    *matrices[t] = {WeightFormat::kEncoded8,
                    static_cast<int64_t>(tensor.rows()),
                    static_cast<int64_t>(cols),
                    &encoded,
                    step,
                    exceptions_[t]};
    max_tokens_ = std::min(max_tokens_, MaxEncodedTokens(static_cast<int64_t>(cols)));
    begin = end;
  }
  return true;
}

}  // namespace ebb
