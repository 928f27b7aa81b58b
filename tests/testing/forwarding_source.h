// A WeightSource that is another one, for tests to change a little of it.
#pragma once

#include "arch/weight_source.h"

namespace ebb {

// Forwards everything; `source` outlives it.
class ForwardingSource : public WeightSource {
 public:
  explicit ForwardingSource(const WeightSource& source) : source_(source) {}

  const ModelConfig& config() const override { return source_.config(); }
  const SideFiles& side_files() const override { return source_.side_files(); }
  const std::vector<TensorSpec>& tensors() const override { return source_.tensors(); }
  Result<DType> DTypeOf(const TensorSpec& tensor) const override { return source_.DTypeOf(tensor); }
  Status ReadRows(const TensorSpec& tensor, uint64_t first, uint64_t count,
                  std::span<std::byte> to) const override {
    return source_.ReadRows(tensor, first, count, to);
  }

 private:
  const WeightSource& source_;
};

}  // namespace ebb
