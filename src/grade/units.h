// Units and other words behind a number. Numbers are never converted between units; a unit only
// decides whether two numbers may be compared at all: "5 cm" is not "5 m", but it is "5".
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace ebb {

// The one name of a unit that is known ("hrs" -> "hour", "%" -> "percent", "$" -> "dollar"), with
// the power that may follow ("cm^2", "square cm"); empty for words that are not (apples, units).
[[nodiscard]] std::string CanonicalUnit(std::string_view words);

// Whether letters behind a number are a word rather than a product of variables: a unit of two or
// more letters, a short function word, or three letters and more with a vowel that are not in the
// alphabet's order, in which products are written.
[[nodiscard]] bool IsProseWord(std::string_view letters);

// What a word behind a number multiplies it by: dozen, hundred, thousand .. trillion; 1 for others.
[[nodiscard]] int64_t ScaleWord(std::string_view word);

// Whether a word behind a number makes another number of it: squared, thirds, quarters.
[[nodiscard]] bool ChangesNumber(std::string_view word);

// The value of zero .. ninety, forty-two among them; -1 for other words.
[[nodiscard]] int NumberWord(std::string_view word);

}  // namespace ebb
