#include "model/owned_matrix.h"

#include <sys/mman.h>

#include <algorithm>
#include <mutex>
#include <optional>

namespace ebb {
namespace {

constexpr size_t kHugePage = size_t{2} << 20;
constexpr uint64_t kReadBytes = uint64_t{4} << 20;  // of one thread at a time

}  // namespace

// Large matrices are read from end to end for every token: with huge pages the processor does not
// look up an address every 4 KiB (measured: 10 % more bytes a second).
AlignedArray<std::byte> AllocateWeights(size_t bytes) {
  if (bytes < kHugePage) return AlignedArray<std::byte>(bytes);
  AlignedArray<std::byte> data(bytes, kHugePage);
  madvise(data.data(), bytes / kHugePage * kHugePage, MADV_HUGEPAGE);  // only a wish
  return data;
}

WeightFormat FormatOf(DType dtype) {
  switch (dtype) {
    case DType::kF32:
      return WeightFormat::kF32;
    case DType::kF16:
      return WeightFormat::kF16;
    case DType::kBf16:
      return WeightFormat::kBf16;
  }
  return WeightFormat::kF32;
}

OwnedMatrix::OwnedMatrix(WeightFormat format, int64_t rows, int64_t cols, float step,
                         std::vector<WeightException> exceptions)
    : OwnedMatrix(format, rows, cols,
                  AllocateWeights(static_cast<size_t>(rows * cols * WeightBytes(format))), step,
                  std::move(exceptions)) {}

OwnedMatrix::OwnedMatrix(WeightFormat format, int64_t rows, int64_t cols,
                         AlignedArray<std::byte> codes, float step,
                         std::vector<WeightException> exceptions)
    : format_(format),
      rows_(rows),
      cols_(cols),
      step_(step),
      exceptions_(std::move(exceptions)),
      data_(std::move(codes)) {}

OwnedMatrix::OwnedMatrix(std::unique_ptr<const EncodedMatrix> encoded,
                         AlignedArray<std::byte> bytes, int64_t rows, int64_t cols, float step,
                         std::vector<WeightException> exceptions)
    : format_(WeightFormat::kEncoded8),
      rows_(rows),
      cols_(cols),
      step_(step),
      exceptions_(std::move(exceptions)),
      encoded_(std::move(encoded)),
      data_(std::move(bytes)) {}

WeightMatrix OwnedMatrix::view() const {
  const void* const data =
      encoded_ != nullptr ? static_cast<const void*>(encoded_.get()) : data_.data();
  return {format_, rows_, cols_, data, step_, exceptions_};
}

Result<OwnedMatrix> ReadMatrix(const WeightSource& source, const TensorSpec& tensor,
                               const ThreadPool* pool) {
  EBB_TRY_ASSIGN(const DType dtype, source.DTypeOf(tensor));
  OwnedMatrix matrix(FormatOf(dtype), static_cast<int64_t>(tensor.rows()),
                     static_cast<int64_t>(tensor.cols()));
  const uint64_t row_bytes = tensor.cols() * DTypeBytes(dtype);
  const auto read = [&](uint64_t begin, uint64_t end) {
    return source.ReadRows(tensor, begin, end - begin,
                           matrix.bytes().subspan(begin * row_bytes, (end - begin) * row_bytes));
  };
  if (pool == nullptr) {
    EBB_TRY(read(0, tensor.rows()));
    return matrix;
  }
  std::mutex mutex;
  std::optional<Error> error;
  const uint64_t grain = std::max<uint64_t>(1, kReadBytes / std::max<uint64_t>(1, row_bytes));
  pool->ParallelFor(tensor.rows(), grain, [&](size_t begin, size_t end) {
    Status status = read(begin, end);
    if (status) return;
    const std::lock_guard lock(mutex);
    if (!error) error = std::move(status).error();
  });
  if (error) return tl::unexpected(std::move(*error));
  return matrix;
}

Result<std::vector<float>> ReadVector(const WeightSource& source, const TensorSpec& tensor) {
  EBB_TRY_ASSIGN(const DType dtype, source.DTypeOf(tensor));
  std::vector<std::byte> stored(tensor.elements() * DTypeBytes(dtype));
  EBB_TRY(source.ReadRows(tensor, 0, tensor.rows(), stored));
  std::vector<float> values(tensor.elements());
  WidenToF32(dtype, stored.data(), tensor.elements(), values.data());
  return values;
}

}  // namespace ebb
