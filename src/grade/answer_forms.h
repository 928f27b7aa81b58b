// Forms of answers that are rewritten before they are parsed.
#pragma once

#include <string>
#include <string_view>

#include "grade/answer.h"
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

// Whether the parts that "or" separates are intervals of one letter, a union: x < -2 or x > 3.
[[nodiscard]] bool AreAlternatives(std::string_view text, const Answer& list);

// Whether the middle of a chain is that of a = 2 b = 3, which is hardly 2b.
[[nodiscard]] bool HoldsTwoEquations(std::string_view middle);

// $18, 60 cm, $24 + $40, 20% * 40%: no letters in it.
[[nodiscard]] bool IsAmount(std::string_view side);

}  // namespace ebb
