#include "grade/answer_split.h"

#include <algorithm>
#include <functional>

#include "grade/math_text.h"
#include "grade/number_scan.h"

namespace ebb {
namespace {

// The bytes of the separator at `at`, 0 if none is there.
using Separator = std::function<size_t(std::string_view text, size_t at)>;

Parts Split(std::string_view text, const Separator& separator, bool grouped) {
  std::vector<std::string_view> parts;
  size_t start = 0;
  size_t at = 0;
  while (at < text.size()) {
    if (const size_t size = separator(text, at); size > 0) {
      parts.push_back(TrimSpace(text.substr(start, at - start)));
      at += size;
      start = at;
      continue;
    }
    if (grouped && IsDigit(text[at])) {
      at = GroupedDigitsEnd(text, at);
      continue;
    }
    const auto size = ItemSize(text, at);
    if (!size) return std::nullopt;
    at += *size;
  }
  parts.push_back(TrimSpace(text.substr(start)));
  return parts;
}

// "and" or "or" as a word of its own.
size_t Conjunction(std::string_view text, size_t at) {
  if (text[at] == ';') return 1;
  for (const std::string_view word : {"and", "or"}) {
    const bool starts = at == 0 || !(IsLetter(text[at - 1]) || text[at - 1] == '\\');
    if (starts && text.substr(at).starts_with(word) &&
        (at + word.size() == text.size() || !IsLetter(text[at + word.size()]))) {
      return word.size();
    }
  }
  if (!CommandAt(text, at, "\\text")) return 0;
  const size_t open = at + std::string_view("\\text").size();
  const size_t end = open < text.size() ? BracketEnd(text, open) : std::string_view::npos;
  if (end == std::string_view::npos) return 0;
  std::string_view word = TrimSpace(text.substr(open + 1, end - open - 2));
  while (!word.empty() && word.front() == ',') word = TrimSpace(word.substr(1));
  return word == "and" || word == "or" ? end - at : 0;
}

constexpr std::string_view kRelations[] = {"=",    "<",    ">",        "\\le",
                                           "\\ge", "\\ne", "\\approx", "\\in"};

// Commands that may stand in a name.
constexpr std::string_view kNameCommands[] = {
    "\\text",  "\\angle", "\\overline", "\\triangle", "\\frac",  "\\sin",   "\\cos",
    "\\tan",   "\\log",   "\\ln",       "\\vec",      "\\hat",   "\\bar",   "\\mathbf",
    "\\alpha", "\\beta",  "\\gamma",    "\\delta",    "\\theta", "\\phi",   "\\lambda",
    "\\mu",    "\\sigma", "\\omega",    "\\ell",      "\\Delta", "\\Omega", "\\rho"};

bool OpensGroup(std::string_view text, size_t at) { return at < text.size() && text[at] == '{'; }

bool AllowedInName(std::string_view token) {
  if (token.size() == 1) {
    return IsLetter(token[0]) || IsSpace(token[0]) ||
           std::string_view("+-*/'|,:#").find(token[0]) != std::string_view::npos;
  }
  return std::find(std::begin(kNameCommands), std::end(kNameCommands), token) !=
         std::end(kNameCommands);
}

}  // namespace

Parts SplitCommas(std::string_view text, CommaRule rule) {
  return Split(
      text, [](std::string_view t, size_t at) { return size_t{t[at] == ','}; },
      rule == CommaRule::kThousands);
}

Parts SplitConjunctions(std::string_view text) { return Split(text, Conjunction, false); }

Parts SplitToken(std::string_view text, std::string_view token) {
  return Split(
      text,
      [token](std::string_view t, size_t at) {
        return CommandAt(t, at, token) ? token.size() : size_t{0};
      },
      false);
}

std::optional<Chain> SplitRelations(std::string_view text) {
  Chain chain;
  const auto parts = Split(
      text,
      [&chain](std::string_view t, size_t at) {
        for (const std::string_view relation : kRelations) {
          if (!CommandAt(t, at, relation)) continue;
          chain.operators.emplace_back(relation);
          return relation.size();
        }
        return size_t{0};
      },
      false);
  if (!parts) return std::nullopt;
  chain.sides = *parts;
  return chain;
}

namespace {

// "total cost" may be a name; "so we get x" is not.
bool FewWords(std::string_view side) {
  constexpr std::string_view kSentence[] = {
      "is",   "are",   "gives", "so", "thus",      "we",    "then",    "get", "hence", "have",
      "find", "since", "when",  "if", "therefore", "where", "because", "let", "with"};
  int words = 0;
  for (size_t at = 0; at < side.size();) {
    size_t end = at;
    while (end < side.size() && IsLetter(side[end])) ++end;
    const std::string word = LowerAscii(side.substr(at, end - at));
    if (std::find(std::begin(kSentence), std::end(kSentence), word) != std::end(kSentence)) {
      return false;
    }
    if (word.size() > 1 && (at == 0 || side[at - 1] != '\\')) ++words;
    at = std::max(end, at + 1);
  }
  return words <= 5;
}

}  // namespace

bool IsName(std::string_view side) {
  side = TrimSpace(side);
  if (side.empty() || side.size() > 64 || !FewWords(side)) return false;
  bool letter = false;
  for (size_t at = 0; at < side.size();) {
    const auto item = ItemSize(side, at);
    if (!item) return false;
    if (side.substr(at).starts_with("^{-1}")) {
      at += 5;
      continue;
    }
    if (side[at] == '_' && at + 1 < side.size()) {
      const auto index = ItemSize(side, at + 1);
      if (!index) return false;
      at += 1 + *index;
      continue;
    }
    if (*item > TokenSize(side, at)) {  // a bracket: letters and numbers may be in it
      const std::string_view inside = side.substr(at, *item);
      // f(3) is a name; \frac{1}{2} is not, nor are the braces of a number.
      if (side[at] == '{' && !IsName(inside.substr(1, inside.size() - 2))) return false;
      if (inside.find_first_of("^=<>") != std::string_view::npos) return false;
      letter = letter || std::any_of(inside.begin(), inside.end(), IsLetter);
    } else if (AllowedInName(side.substr(at, *item))) {
      const bool greek = side[at] == '\\' && !OpensGroup(side, at + *item);
      letter = letter || greek || IsLetter(side[at]);
    } else {
      return false;
    }
    at += *item;
  }
  return letter;
}

bool IsSimpleName(std::string_view side) {
  side = TrimSpace(side);
  if (!IsName(side)) return false;
  for (size_t at = 0; at < side.size();) {
    const size_t size = ItemSize(side, at).value_or(1);
    if (size == 1 && std::string_view("+-*/|:").find(side[at]) != std::string_view::npos) {
      return false;
    }
    if (CommandAt(side, at, "\\frac")) return false;
    at += size;
  }
  return true;
}

bool IsFunctionOfLetters(std::string_view side) {
  side = TrimSpace(side);
  const size_t open = side.find('(');
  if (open == std::string_view::npos || open == 0 || open > 12 || side.back() != ')') return false;
  if (BracketEnd(side, open) != side.size()) return false;
  const std::string_view inside = side.substr(open + 1, side.size() - open - 2);
  return IsSimpleName(side) && std::none_of(inside.begin(), inside.end(), IsDigit);
}

}  // namespace ebb
