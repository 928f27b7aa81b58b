// Where a model's weights come from: a checkpoint folder or an .ebb file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "arch/dtype.h"
#include "arch/model_config.h"
#include "arch/tensor_spec.h"
#include "base/error.h"

namespace ebb {

// File name -> content, for the small files that travel with a model: config.json,
// generation_config.json, tokenizer.json, tokenizer_config.json, special_tokens_map.json,
// tiktoken.model, chat_template.jinja.
using SideFiles = std::map<std::string, std::string>;

// Reads weights as they are stored, by rows. Thread-safe: reads may run at once.
class WeightSource {
 public:
  virtual ~WeightSource() = default;

  virtual const ModelConfig& config() const = 0;
  virtual const SideFiles& side_files() const = 0;

  // All tensors of the model (ListTensors of its config); the source has checked that each exists
  // with the right shape.
  virtual const std::vector<TensorSpec>& tensors() const = 0;

  // The element type in which ReadRows gives `tensor`.
  [[nodiscard]] virtual Result<DType> DTypeOf(const TensorSpec& tensor) const = 0;

  // Reads rows [first_row, first_row + row_count) of `tensor` into `to`, row-major, without gaps,
  // as DTypeOf(tensor) elements, little-endian. A 1-D tensor is one row. `to` has exactly row_count
  // x cols x DTypeBytes bytes.
  [[nodiscard]] virtual Status ReadRows(const TensorSpec& tensor, uint64_t first_row,
                                        uint64_t row_count, std::span<std::byte> to) const = 0;
};

}  // namespace ebb
