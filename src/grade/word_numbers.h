// Numbers written in English words: twelve, forty-two, one hundred and twenty, two thirds.
//
// Pure functions, safe from any thread; any bytes may come in.
#pragma once

#include <optional>
#include <string_view>

#include "grade/rational.h"

namespace ebb {

struct WordNumber {
  size_t size = 0;                // bytes of all number words; 0: there are none
  std::optional<Rational> value;  // nothing for words in an order that makes no number
};

// The longest run of number words at the start of `text`, whole: "twenty five" is 25 and never 20,
// "two three" is nothing.
[[nodiscard]] WordNumber ScanWordNumber(std::string_view text);

// Whether a word says how many or how much: five, tens, hundreds.
[[nodiscard]] bool IsNumberWord(std::string_view word);

// n for the word of the n-th part: half, thirds, sixteenth; 0 for other words, seconds among them.
[[nodiscard]] int64_t OrdinalValue(std::string_view word);

}  // namespace ebb
