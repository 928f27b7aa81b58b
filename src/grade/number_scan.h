// Numbers as people and models write them: 1,234.5, .5, 1.5e3, 0.1\overline{6}.
#pragma once

#include <optional>
#include <string_view>

#include "grade/rational.h"

namespace ebb {

struct ScannedNumber {
  Rational value;
  size_t size = 0;     // bytes of text that it took
  bool plain = false;  // digits alone: what \frac may follow to make a mixed number
};

// The number without sign that starts at text[at], as long as it goes. Commas count only as
// thousands separators: one to three digits, then groups of exactly three. A dot at the end belongs
// to the sentence. Nothing if no digit is there or the number is beyond kMaxNumberDigits.
[[nodiscard]] std::optional<ScannedNumber> ScanNumber(std::string_view text, size_t at);

// The end of the longest run of digits and of commas between digits at `at`, if as a whole it is a
// number with thousands separators, of moderate length; else the end of its first digits.
[[nodiscard]] size_t GroupedDigitsEnd(std::string_view text, size_t at);

}  // namespace ebb
