// Properties of characters and normal forms, as Hugging Face `tokenizers` 0.23 computes them.
//
// Its parts carry Unicode data of different ages; unicode_tables.h holds the differences from our
// libraries, so that token ids are equal for every code point and not only for the common ones.
// All functions are pure and thread-safe; texts are valid UTF-8.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"

namespace ebb {

[[nodiscard]] bool IsWhitespace(char32_t c);   // White_Space; also what \s means in patterns
[[nodiscard]] bool IsPythonSpace(char32_t c);  // str.isspace: White_Space and U+001C to U+001F
[[nodiscard]] bool IsNumeric(char32_t c);      // general categories Nd, Nl, No
[[nodiscard]] bool IsPunctuation(char32_t c);  // categories P*, and all ASCII punctuation
[[nodiscard]] bool IsMark(char32_t c);         // categories M*
[[nodiscard]] bool IsWord(char32_t c);         // what \w means in Rust's regex crate

enum class NormalForm { kNfc, kNfd, kNfkc, kNfkd };
[[nodiscard]] Result<std::string> Normalize(std::string_view text, NormalForm form);

// Character by character, without context: a final capital sigma becomes the ordinary small one.
[[nodiscard]] std::string Lowercase(std::string_view text);

}  // namespace ebb
