// The JSON of a safetensors header, parsed as it streams by: no document is built, so that a header
// of the largest size costs no more than the entries that it names. Internal to checkpoint/.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace ebb {

// One tensor as the header has it. Only its form was checked.
struct SafetensorsEntry {
  std::string name;
  std::string_view dtype;   // one that the format knows; static
  uint64_t dtype_bits = 0;  // of an element
  std::vector<uint64_t> shape;
  uint64_t begin = 0;  // data_offsets
  uint64_t end = 0;
};

// All entries, in the order of the text; __metadata__ is checked for its form and left out.
[[nodiscard]] Result<std::vector<SafetensorsEntry>> ParseSafetensorsJson(std::string_view header,
                                                                         const std::string& where);

}  // namespace ebb
