// The text of an answer, made uniform before it is parsed: LaTeX, Unicode and plain ASCII ways of
// writing the same thing become one. Pure functions; any bytes may come in.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ebb {

// Longer answers are compared as plain text only.
inline constexpr size_t kMaxAnswerBytes = 4096;

[[nodiscard]] std::string_view TrimSpace(std::string_view text);
[[nodiscard]] bool IsDigit(char c);
[[nodiscard]] bool IsLetter(char c);  // ASCII
[[nodiscard]] bool IsSpace(char c);
[[nodiscard]] std::string LowerAscii(std::string_view text);

// Removes what only sets type (\left, \displaystyle, spacing, math dollars), and writes commands
// that mean the same in one way: \dfrac as \frac, \leq and <= as \le, \times as *, a minus sign of
// Unicode as -, the commands that set words as \text. A currency sign stays as "$".
[[nodiscard]] std::string CleanMath(std::string_view text);

// The text without spaces that separate nothing, for comparison to the letter.
[[nodiscard]] std::string TightText(std::string_view cleaned);

// Where a bracket, or an environment \begin..\end, that opens at `at` ends: the index just behind
// it. npos if it never does. Round and square brackets may be mixed, as in [0, 1); the braces of
// groups {..} and of sets \{..\} only close their like.
[[nodiscard]] size_t BracketEnd(std::string_view text, size_t at);

// Whether a bracket of any kind opens at `at`.
[[nodiscard]] bool OpensBracket(std::string_view text, size_t at);

// The bytes of the token at `at`: a \command, or one character.
[[nodiscard]] size_t TokenSize(std::string_view text, size_t at);

// The bytes that the token at `at` takes together with the whole bracket that it may open; nothing
// for a bracket that is never closed, or closed without being open.
[[nodiscard]] std::optional<size_t> ItemSize(std::string_view text, size_t at);

// Whether the command `name` (with its backslash) stands at `at`.
[[nodiscard]] bool CommandAt(std::string_view text, size_t at, std::string_view name);

// The inside of a `{..}` group that is all of `text` from `at` on; nothing otherwise.
[[nodiscard]] std::optional<std::string_view> WholeGroup(std::string_view text, size_t at);

}  // namespace ebb
