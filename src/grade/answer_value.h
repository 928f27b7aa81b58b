// Answers that are one value: an expression, perhaps with a currency before or a unit behind it.
#pragma once

#include <string>
#include <string_view>

#include "grade/answer.h"

namespace ebb {

// A kValue, or kEmpty if `text` (cleaned) is not one.
[[nodiscard]] Answer ParseValue(std::string_view text);

// The words of a text, inside \text groups and outside of them, in order.
[[nodiscard]] std::string PlainWords(std::string_view text);

}  // namespace ebb
