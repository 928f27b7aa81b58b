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

// Whether numbers in two units may be compared: one unit is unknown, or they are the same; "miles"
// may stand for "miles per hour".
[[nodiscard]] bool UnitsAgree(std::string_view a, std::string_view b);

// The bytes of the character at `at` if it is not ASCII and may stand in a unit or the name of a
// thing: Latin letters with accents, counters of Chinese. 0 for all others, which may well change a
// number: 5\u2030, 5\u4e07.
[[nodiscard]] size_t ForeignUnitSize(std::string_view text, size_t at);

// Whether letters behind a number are a word rather than a product of variables: a unit of two or
// more letters, a short function word, or three letters and more with a vowel that are not in the
// alphabet's order, in which products are written.
[[nodiscard]] bool IsProseWord(std::string_view letters);

// What a word behind a number multiplies it by: dozen, hundred, thousand .. trillion, also in
// the plural; 1 for others.
[[nodiscard]] int64_t ScaleWord(std::string_view word);

// Whether a word behind a number makes another number of it: squared, thirds, twelfths.
[[nodiscard]] bool ChangesNumber(std::string_view word);

// The value of zero .. ninety, forty-two among them; -1 for other words.
[[nodiscard]] int NumberWord(std::string_view word);

}  // namespace ebb
