#include "ebb/packed_file.h"

#include <algorithm>

#include "packed/packed_source.h"

namespace ebb {

struct PackedFile::Impl {
  std::unique_ptr<PackedSource> source;
  std::vector<PackedTensor> tensors;
};

PackedFile::PackedFile(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
PackedFile::PackedFile(PackedFile&&) noexcept = default;
PackedFile& PackedFile::operator=(PackedFile&&) noexcept = default;
PackedFile::~PackedFile() = default;

Result<PackedFile> PackedFile::Open(const std::string& path) {
  auto impl = std::make_unique<Impl>();
  EBB_TRY_ASSIGN(impl->source, PackedSource::Open(path));
  for (size_t i = 0; i < impl->source->tensors().size(); ++i) {
    const TensorRecord& record = impl->source->Record(i);
    impl->tensors.push_back({record.name, record.shape,
                             std::string(DTypeName(static_cast<DType>(record.dtype))),
                             record.bound_kind == 0, record.bound_abs});
  }
  return PackedFile(std::move(impl));
}

const std::vector<PackedTensor>& PackedFile::tensors() const { return impl_->tensors; }

const std::map<std::string, std::string>& PackedFile::side_files() const {
  return impl_->source->side_files();
}

Result<std::vector<float>> PackedFile::ReadTensor(std::string_view name) const {
  return ReadRows(name, 0, UINT64_MAX);
}

Result<std::vector<float>> PackedFile::ReadRows(std::string_view name, uint64_t first,
                                                uint64_t count) const {
  const auto& specs = impl_->source->tensors();
  const auto found =
      std::find_if(specs.begin(), specs.end(), [&](const TensorSpec& t) { return t.name == name; });
  if (found == specs.end())
    return MakeError(ErrorCode::kNotFound, std::string(name), "no such tensor");
  if (count == UINT64_MAX) count = found->rows() - std::min(first, found->rows());
  if (first > found->rows() || count > found->rows() - first) {
    return MakeError(ErrorCode::kInvalidArgument, std::string(name), "it has {} rows",
                     found->rows());
  }
  EBB_TRY_ASSIGN(const DType dtype, impl_->source->DTypeOf(*found));
  const uint64_t elements = count * found->cols();
  std::vector<std::byte> stored(elements * DTypeBytes(dtype));
  EBB_TRY(impl_->source->ReadRows(*found, first, count, stored));
  std::vector<float> values(elements);
  WidenToF32(dtype, stored.data(), elements, values.data());
  return values;
}

}  // namespace ebb
