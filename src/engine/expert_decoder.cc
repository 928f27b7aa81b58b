#include "engine/expert_decoder.h"

#include <algorithm>
#include <array>
#include <bit>

#include "codec/weights_codec.h"
#include "packed/chunk_values.h"

namespace ebb {
namespace {

// Bytes a weight decodes to; one for the whole group, so that its matrices lie one after the other.
uint64_t WeightBytesOf(const PackedSource& packed, const TensorGroup& group) {
  uint64_t bytes = 1;
  for (size_t t = 0; t < group.tensors; ++t) {
    bytes = std::max<uint64_t>(bytes, packed.Record(group.first_tensor + t).code_bytes);
  }
  return bytes;
}

uint64_t ElementsOf(const PackedSource& packed, const TensorGroup& group) {
  uint64_t elements = 0;
  for (size_t t = 0; t < group.tensors; ++t) {
    elements += packed.tensors()[group.first_tensor + t].elements();
  }
  return elements;
}

WeightFormat FormatOfBytes(uint64_t bytes) {
  return bytes == 1   ? WeightFormat::kCodes8
         : bytes == 2 ? WeightFormat::kCodes16
                      : WeightFormat::kF32;
}

}  // namespace

uint64_t ExpertSlot::BytesFor(const PackedSource& packed, size_t group) {
  const TensorGroup& tensors = packed.groups()[group];
  return ElementsOf(packed, tensors) * WeightBytesOf(packed, tensors);
}

void ExpertDecoder::Decode(std::span<ExpertDecodeJob> jobs) {
  tasks_.clear();
  const ContainerIndex& index = packed_.container().index();
  for (ExpertDecodeJob& job : jobs) {
    EBB_CHECK(job.slot->memory_.size() >= ExpertSlot::BytesFor(packed_, job.group));
    for (const ChunkRecord& record : index.ChunksOf(index.groups[job.group])) {
      tasks_.push_back({&job, &record, {}, 0, {}});
    }
  }
  pool_.ParallelFor(tasks_.size(), 1, [&](size_t begin, size_t end) {
    for (size_t i = begin; i < end; ++i) DecodeChunk(&tasks_[i]);
  });
  size_t first = 0;
  for (ExpertDecodeJob& job : jobs) {
    const size_t count = index.groups[job.group].chunks;
    job.status = Assemble(&job, std::span(tasks_).subspan(first, count));
    first += count;
  }
}

void ExpertDecoder::DecodeChunk(ChunkTask* task) const {
  const TensorGroup& group = packed_.groups()[task->job->group];
  const GroupRecord& record = packed_.container().index().groups[task->job->group];
  const uint64_t weight_bytes = WeightBytesOf(packed_, group);
  const std::span<const std::byte> bytes =
      task->job->bytes.subspan(task->record->offset - record.offset, task->record->bytes);
  std::byte* const out =
      task->job->slot->memory_.data() + task->record->first_element * weight_bytes;
  if (weight_bytes == 4) {
    task->status = DecodeChunkToF32(packed_.CodecOf(group.first_tensor),
                                    static_cast<DType>(packed_.Record(group.first_tensor).dtype),
                                    bytes, task->record->elements, reinterpret_cast<float*>(out));
    return;
  }
  task->status = [&]() -> Status {
    EBB_TRY_ASSIGN(const ChunkView chunk, ParseChunk(bytes));
    if (chunk.header.elements != task->record->elements || chunk.steps != nullptr ||
        chunk.header.map != ValueMap::kCodes || chunk.header.code_bytes > weight_bytes) {
      return MakeError(ErrorCode::kCorrupt, "chunk", "is not what its index record says");
    }
    task->step = chunk.step();
    for (uint32_t i = 0; i < chunk.header.exceptions; ++i) {
      const ChunkView::Exception exception = chunk.ExceptionAt(i);
      task->exceptions.push_back(
          {static_cast<uint32_t>(task->record->first_element) + exception.element, 0,
           std::bit_cast<float>(exception.bits)});
    }
    if (weight_bytes == 1) return DecodeCodes(chunk, reinterpret_cast<int8_t*>(out));
    return DecodeCodes(chunk, reinterpret_cast<int16_t*>(out));
  }();
}

// Puts the matrices of a decoded group together from what its chunks gave.
Status ExpertDecoder::Assemble(ExpertDecodeJob* job, std::span<const ChunkTask> tasks) const {
  const TensorGroup& group = packed_.groups()[job->group];
  ExpertSlot& slot = *job->slot;
  slot.exceptions_.clear();
  for (const ChunkTask& task : tasks) {
    if (!task.status) {
      return tl::unexpected(
          Error(task.status.error()).In(packed_.container().Describe(*task.record)));
    }
    slot.exceptions_.insert(slot.exceptions_.end(), task.exceptions.begin(), task.exceptions.end());
  }
  const uint64_t weight_bytes = WeightBytesOf(packed_, group);
  std::array<WeightMatrix*, 3> matrices = {&slot.matrices_.gate, &slot.matrices_.up,
                                           &slot.matrices_.down};
  uint64_t first = 0;
  size_t exception = 0;
  for (size_t t = 0; t < group.tensors; ++t) {
    const TensorSpec& tensor = packed_.tensors()[group.first_tensor + t];
    WeightMatrix& matrix = *matrices[t];
    matrix = {};
    matrix.format = FormatOfBytes(weight_bytes);
    matrix.rows = static_cast<int64_t>(tensor.rows());
    matrix.cols = static_cast<int64_t>(tensor.cols());
    matrix.data = slot.memory_.data() + first * weight_bytes;
    const uint64_t end = first + tensor.elements();
    if (weight_bytes != 4) {
      const auto holds = [&](const ChunkTask& task) {
        return task.record->first_element < end &&
               task.record->first_element + task.record->elements > first;
      };
      const auto chunk = std::find_if(tasks.begin(), tasks.end(), holds);
      matrix.step = chunk->step;
      for (const ChunkTask& task : tasks) {
        if (holds(task) && task.step != matrix.step) {
          return MakeError(ErrorCode::kCorrupt, tensor.name, "its chunks have different steps");
        }
      }
    }
    const size_t first_exception = exception;
    for (; exception < slot.exceptions_.size() && slot.exceptions_[exception].row < end;
         ++exception) {
      WeightException& e = slot.exceptions_[exception];
      const uint64_t element = e.row - first;
      e.row = static_cast<uint32_t>(element / tensor.cols());
      e.col = static_cast<uint32_t>(element % tensor.cols());
    }
    matrix.exceptions =
        std::span(slot.exceptions_).subspan(first_exception, exception - first_exception);
    first = end;
  }
  return {};
}

}  // namespace ebb
