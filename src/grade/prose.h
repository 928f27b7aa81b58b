// Finding answers in prose.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "grade/extract.h"

namespace ebb {

// What is committed to behind the last "the answer is", "Answer:", "A:" or such. Clauses that hold
// no answer of the expected kind ("the answer is right", "the answer is not 5") are passed over.
// `denied`, if not null, becomes `text` without what clauses say is not the answer.
[[nodiscard]] std::optional<std::string> LastClause(std::string_view text, ExpectedAnswer expected,
                                                    std::string* denied = nullptr);

// The last mathematics ($..$, \(..\), \[..\]) or bold text of the last paragraph that is an answer
// of the expected kind, with all that "and", "or" or a comma joins to it.
[[nodiscard]] std::optional<std::string> FinalMath(std::string_view text, ExpectedAnswer expected);

// The last number, or computation with numbers: with its sign, unit, scale word and what else
// belongs to it; not a part of a word (5th, x2), an index, or the number of a list's item. Nothing
// if mathematics that is not understood stands behind the last number.
[[nodiscard]] std::optional<std::string> LastNumber(std::string_view text);

// The one number of a clause with a currency sign, if there is just one; else the last number.
[[nodiscard]] std::optional<std::string> NumberOf(std::string_view clause);

// The one letter A to J that a text chooses: behind its start ("D. it cannot ..") or the last one
// that is not denied ("not A"); `first`: the first one. Letters that "or" joins come together: no
// one of them is chosen.
[[nodiscard]] std::optional<std::string> ChosenLetter(std::string_view text, bool first);

// The mathematics at the start of a text, up to the first word; empty if it starts with a word.
[[nodiscard]] std::string_view LeadingMath(std::string_view text, ExpectedAnswer expected);

}  // namespace ebb
