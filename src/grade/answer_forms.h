// Forms of answers that are rewritten before they are parsed.
#pragma once

#include <string>
#include <string_view>

#include "grade/answer_split.h"

namespace ebb {

// Punctuation that may end an answer and is no part of it.
[[nodiscard]] bool EndsAnswer(char c);

// Whether several \pm could take their signs one by one: in the parts of a tuple, or without a
// \mp that says that they go together.
[[nodiscard]] bool SignsAreFree(std::string_view text);

// With `plus` for \pm and `minus` for \mp.
[[nodiscard]] std::string WithSigns(std::string_view text, char plus, char minus);

// The interval that an inequality says a letter lies in: [0, 1) for 0 <= x < 1. Empty for others.
[[nodiscard]] std::string IntervalOf(Chain chain);

}  // namespace ebb
