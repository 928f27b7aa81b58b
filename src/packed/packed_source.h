// An .ebb file as a source of weights: container and codec behind the WeightSource interface, and
// the place of every expert for those who read encoded bytes themselves.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "arch/weight_source.h"
#include "container/reader.h"
#include "packed/tensor_groups.h"

namespace ebb {

// Thread-safe. Holds the index and the side files in memory, no weights.
class PackedSource final : public WeightSource {
 public:
  // Opens and checks the file: its config is one that Ebb runs, and its tensors are exactly those
  // of that config, in their order, grouped as docs/format.md says.
  [[nodiscard]] static Result<std::unique_ptr<PackedSource>> Open(const std::string& path);

  const ModelConfig& config() const override { return config_; }
  const SideFiles& side_files() const override { return side_files_; }
  const std::vector<TensorSpec>& tensors() const override { return tensors_; }
  // Lossless tensors have their source's dtype, bounded ones are float32.
  [[nodiscard]] Result<DType> DTypeOf(const TensorSpec& tensor) const override;
  [[nodiscard]] Status ReadRows(const TensorSpec& tensor, uint64_t first_row, uint64_t row_count,
                                std::span<std::byte> to) const override;

  const ContainerReader& container() const { return *container_; }
  const std::vector<TensorGroup>& groups() const { return groups_; }  // one a container group

  // The record of tensor `i` of tensors(), and the codec that its chunks use.
  const TensorRecord& Record(size_t i) const { return container_->index().tensors[i]; }
  std::string_view CodecOf(size_t i) const { return container_->index().codecs[Record(i).codec]; }

 private:
  PackedSource() = default;

  // Calls visit(chunk, first, count) for each chunk that holds some of elements [begin, end) of a
  // group, with the overlap as elements of the chunk.
  template <typename Visit>
  [[nodiscard]] Status VisitChunks(const GroupRecord& group, uint64_t begin, uint64_t end,
                                   Visit visit) const;

  std::unique_ptr<ContainerReader> container_;
  ModelConfig config_;
  SideFiles side_files_;
  std::vector<TensorSpec> tensors_;
  std::vector<TensorGroup> groups_;
  struct Place {
    size_t tensor;
    size_t group;
    uint64_t first_element;  // in the group
  };
  std::unordered_map<std::string, Place> places_;
};

}  // namespace ebb
