// Tokens and brackets of cleaned text (grade/math_text.h).
#include <algorithm>
#include <vector>

#include "grade/math_text.h"

namespace ebb {
namespace {

std::string_view LettersAt(std::string_view text, size_t at) {
  size_t end = at;
  while (end < text.size() && IsLetter(text[end])) ++end;
  return text.substr(at, end - at);
}

}  // namespace

bool CommandAt(std::string_view text, size_t at, std::string_view name) {
  if (!text.substr(std::min(at, text.size())).starts_with(name)) return false;
  const size_t end = at + name.size();
  return end >= text.size() || !IsLetter(text[end]) || !IsLetter(name.back());
}

size_t TokenSize(std::string_view text, size_t at) {
  if (text[at] != '\\' || at + 1 >= text.size()) return 1;
  return 1 + std::max<size_t>(1, LettersAt(text, at + 1).size());
}

namespace {

// -1: closes; 0: neither; else opens. The kinds: 1 round or square, 2 group, 3 set, 4 environment,
// 5 angle, 6 floor and ceiling.
struct Bracket {
  int kind = 0;
  bool opens = false;
};

Bracket BracketOf(std::string_view token) {
  if (token == "(" || token == "[") return {1, true};
  if (token == ")" || token == "]") return {1, false};
  if (token == "{") return {2, true};
  if (token == "}") return {2, false};
  if (token == "\\{") return {3, true};
  if (token == "\\}") return {3, false};
  if (token == "\\begin") return {4, true};
  if (token == "\\end") return {4, false};
  if (token == "\\langle") return {5, true};
  if (token == "\\rangle") return {5, false};
  if (token == "\\lfloor" || token == "\\lceil") return {6, true};
  if (token == "\\rfloor" || token == "\\rceil") return {6, false};
  return {};
}

}  // namespace

bool OpensBracket(std::string_view text, size_t at) {
  return BracketOf(text.substr(at, TokenSize(text, at))).opens;
}

size_t BracketEnd(std::string_view text, size_t at) {
  std::vector<int> open;
  while (at < text.size()) {
    const size_t size = TokenSize(text, at);
    const Bracket bracket = BracketOf(text.substr(at, size));
    at += size;
    if (bracket.kind == 0) continue;
    if (bracket.opens) {
      open.push_back(bracket.kind);
      continue;
    }
    if (open.empty() || open.back() != bracket.kind) return std::string_view::npos;
    open.pop_back();
    if (!open.empty()) continue;
    if (bracket.kind != 4) return at;
    // \end{name}
    if (at >= text.size() || text[at] != '{') return std::string_view::npos;
    const size_t close = text.find('}', at);
    return close == std::string_view::npos ? close : close + 1;
  }
  return std::string_view::npos;
}

std::optional<size_t> ItemSize(std::string_view text, size_t at) {
  const size_t size = TokenSize(text, at);
  const Bracket bracket = BracketOf(text.substr(at, size));
  if (bracket.kind == 0) return size;
  if (!bracket.opens) return std::nullopt;
  const size_t end = BracketEnd(text, at);
  if (end == std::string_view::npos) return std::nullopt;
  return end - at;
}

std::optional<std::string_view> WholeGroup(std::string_view text, size_t at) {
  while (at < text.size() && IsSpace(text[at])) ++at;
  if (at >= text.size() || text[at] != '{') return std::nullopt;
  if (BracketEnd(text, at) != text.size()) return std::nullopt;
  return text.substr(at + 1, text.size() - at - 2);
}

}  // namespace ebb
