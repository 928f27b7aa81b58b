#include "engine/encoded_expert.h"

#include <algorithm>

#include "engine/encoded_rows.h"

namespace ebb {

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
    const uint64_t end = begin + tensor.elements();
    // Float32 where codes cannot say it; and only codes of ours are in chunks that ParseChunk
    // knows.
    if (packed.Record(tensors.first_tensor + t).code_bytes != 1) return false;
    EncodedRowsBuilder rows{&encoded_[t], &exceptions_[t]};
    rows.Start();
    for (; c < chunks.size() && chunks[c].first_element < end; ++c) {
      const ChunkRecord& chunk = chunks[c];
      if (chunk.first_element + chunk.elements > end) return false;  // it spans matrices
      const auto view = ParseChunk(bytes.subspan(chunk.offset - record.offset, chunk.bytes));
      if (!view) return tl::unexpected(Error(view.error()).In(packed.container().Describe(chunk)));
      if (view->header.elements != chunk.elements || !IsEncodedRows(view->header, tensor.cols())) {
        return false;
      }
      if (!rows.Append(*view)) {
        return MakeError(ErrorCode::kCorrupt, tensor.name, "its chunks have different steps");
      }
    }
    const auto cols = static_cast<int64_t>(tensor.cols());
    *matrices[t] = {
        WeightFormat::kEncoded8, static_cast<int64_t>(tensor.rows()), cols, &encoded_[t], rows.step,
        exceptions_[t]};
    max_tokens_ = std::min(max_tokens_, MaxEncodedTokens(cols));
    begin = end;
  }
  return true;
}

}  // namespace ebb
