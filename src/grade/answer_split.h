// Taking an answer apart at its top level, outside all brackets.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ebb {

enum class CommaRule {
  kThousands,  // 1,234 is one number
  kSeparates,  // every comma separates, as in (1,234)
};

// The parts between separators; one part if there is no separator; nothing if brackets do not
// match. Parts are trimmed and may be empty.
using Parts = std::optional<std::vector<std::string_view>>;
[[nodiscard]] Parts SplitCommas(std::string_view text, CommaRule rule);
// At ";" and at the words "and" and "or", bare or in \text.
[[nodiscard]] Parts SplitConjunctions(std::string_view text);
// At a command (with its backslash) or a character.
[[nodiscard]] Parts SplitToken(std::string_view text, std::string_view token);

// The sides of a chain of relations and the operators between them: "=", "<", ">", "\le", "\ge",
// "\ne", "\approx", "\in".
struct Chain {
  std::vector<std::string_view> sides;
  std::vector<std::string> operators;
};
[[nodiscard]] std::optional<Chain> SplitRelations(std::string_view text);

// Whether a side of an equation only names what the other side is: x, f(2), AB, \angle A,
// \text{area}, x + y. It has no number outside brackets and indices, does not begin with a minus,
// and has no bracket but of arguments (f(..), not x(..)), unless it is a tuple of letters as a
// whole, in the usual order.
[[nodiscard]] bool IsName(std::string_view side);
// Of the names, those that a gold answer may lose: one letter, words, a segment or angle in
// capitals, a function of something, a tuple of letters, \cos\theta. No product (xy = 6) and no
// equation for a letter (\sin x = 1).
[[nodiscard]] bool IsSimpleName(std::string_view side);
// Of the names: a function of letters, f(x).
[[nodiscard]] bool IsFunctionOfLetters(std::string_view side);

}  // namespace ebb
