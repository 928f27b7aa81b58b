// The places of the three answer formats, and what has to be cut from an output before it is read.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "grade/extract.h"

namespace ebb {

// The content of the last \boxed{..} that balances and is not empty, of at most kMaxAnswerBytes.
// Boxes that only "and", "or" or a comma joins are one list: \boxed{2} and \boxed{3} is "2, 3".
[[nodiscard]] std::optional<std::string> LastBoxed(std::string_view text);

// As LastBoxed, with what is written against the box and changes it: -\boxed{5} is -(5), and
// \boxed{5} million is five millions.
[[nodiscard]] std::optional<std::string> LastBoxedInText(std::string_view text);

// As LastBoxed, for a reference solution: \fbox{5} and \boxed 5 count, too.
[[nodiscard]] std::optional<std::string> GoldBox(std::string_view solution);

// The rest of the last line with exactly four "#" behind them that is no heading ("#### Step 3").
[[nodiscard]] std::optional<std::string> LastHash(std::string_view text, ExpectedAnswer expected);

// The raw text of the number at the top-level key `key` of a valid JSON object, with all its
// digits; its exponent is written with E (2E-1), which no letter is mistaken for. Nothing for other
// values.
[[nodiscard]] std::optional<std::string> RawJsonNumber(std::string_view object,
                                                       std::string_view key);

// The value of "answer" of the last JSON object that has one, as it is written.
[[nodiscard]] std::optional<std::string> LastJson(std::string_view text);

// What the model said itself and as its answer: without thoughts (up to </think>), special tokens,
// the calculator's marks of GSM8K (<<1+2=3>>), and the next question with which a base model runs
// on ("\nQ:", "\n## Question 2"). Minus signs of Unicode become "-".
[[nodiscard]] std::string OwnAnswerText(std::string_view output, ExpectedAnswer expected);

}  // namespace ebb
