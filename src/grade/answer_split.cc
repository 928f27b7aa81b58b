#include "grade/answer_split.h"

#include <algorithm>
#include <functional>

#include "grade/math_text.h"
#include "grade/number_scan.h"
#include "grade/units.h"

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
    "\\gcd",      "\\max",      "\\min",   "\\det",   "\\lcm",    "\\text",  "\\angle",
    "\\overline", "\\triangle", "\\frac",  "\\sin",   "\\cos",    "\\tan",   "\\log",
    "\\ln",       "\\vec",      "\\hat",   "\\bar",   "\\mathbf", "\\alpha", "\\beta",
    "\\gamma",    "\\delta",    "\\theta", "\\phi",   "\\lambda", "\\mu",    "\\sigma",
    "\\omega",    "\\ell",      "\\Delta", "\\Omega", "\\rho"};

constexpr std::string_view kGreekNames[] = {"\\alpha", "\\beta",   "\\gamma", "\\delta", "\\theta",
                                            "\\phi",   "\\lambda", "\\mu",    "\\sigma", "\\omega",
                                            "\\ell",   "\\Delta",  "\\Omega", "\\rho"};

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

namespace {

// One letter, perhaps of Greek, with its index and primes: its bytes, or 0.
size_t IndexedLetterSize(std::string_view text, size_t at) {
  if (at >= text.size()) return 0;
  const size_t token = TokenSize(text, at);
  const bool greek = text[at] == '\\' && AllowedInName(text.substr(at, token)) &&
                     std::find(std::begin(kGreekNames), std::end(kGreekNames),
                               text.substr(at, token)) != std::end(kGreekNames);
  if (!IsLetter(text[at]) && !greek) return 0;
  size_t end = at + token;
  if (end < text.size() && text[end] == '_' && end + 1 < text.size()) {
    const auto index = ItemSize(text, end + 1);
    if (!index) return 0;
    end += 1 + *index;
  }
  while (end < text.size() && text[end] == '\'') ++end;
  return end - at;
}

// (x, y): letters in the order in which everybody names coordinates, so that (y, x) is none.
bool IsTupleOfLetters(std::string_view side) {
  if (!side.starts_with('(') || BracketEnd(side, 0) != side.size()) return false;
  const std::string inside = TightText(side.substr(1, side.size() - 2));
  if (inside == "r,\\theta" || inside == "r,\\theta,z" || inside == "\\rho,\\theta,\\phi") {
    return true;
  }
  const Parts parts = SplitCommas(inside, CommaRule::kSeparates);
  if (!parts || parts->size() < 2) return false;
  for (size_t i = 0; i < parts->size(); ++i) {
    const std::string_view part = (*parts)[i];
    if (part.empty() || !IsLetter(part[0]) || IndexedLetterSize(part, 0) != part.size()) {
      return false;
    }
    if (i > 0 && !((*parts)[i - 1] < part)) return false;
  }
  return true;
}

// Whether a bracket behind `name` holds its arguments: f(3), P(A), \gcd(12, 18), not x(x + 1).
bool TakesArguments(std::string_view name) {
  name = TrimSpace(name);
  if (name.ends_with("^{-1}")) name.remove_suffix(5);
  if (name.empty()) return false;
  if (name == "gcd" || name == "lcm" || name == "max" || name == "min" || name == "det" ||
      name == "\\gcd" || name == "\\max" || name == "\\min" || name == "\\det" || name == "\\lcm") {
    return true;
  }
  if (name.starts_with("\\text{") && BracketEnd(name, 5) == name.size()) return true;
  if (name.size() > 3 && std::all_of(name.begin(), name.end(), IsLetter)) return true;
  if (IndexedLetterSize(name, 0) != name.size()) return false;
  const bool capital = name[0] >= 'A' && name[0] <= 'Z';
  return capital || name[0] == '\\' ||
         std::string_view("fghpq").find(name[0]) != std::string_view::npos;
}

// [ABC], the area of a triangle
bool IsAreaName(std::string_view side) {
  return side.size() > 4 && side.front() == '[' && side.back() == ']' &&
         std::all_of(side.begin() + 1, side.end() - 1, [](char c) { return c >= 'A' && c <= 'Z'; });
}

}  // namespace

bool IsName(std::string_view side) {
  side = TrimSpace(side);
  if (side.empty() || side.size() > 64 || !FewWords(side)) return false;
  if (IsTupleOfLetters(side) || IsAreaName(side)) return true;
  bool letter = false;
  size_t start = 0;  // of the factor that a bracket may belong to
  for (size_t at = 0; at < side.size();) {
    const auto item = ItemSize(side, at);
    if (!item) return false;
    if (side.substr(at).starts_with("^{-1}") && at + 5 < side.size() && side[at + 5] == '(') {
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
      // \frac{1}{2} is no name, nor are the braces of a number.
      if (side[at] == '{' && !IsName(inside.substr(1, inside.size() - 2))) return false;
      if (side[at] != '{' && !TakesArguments(side.substr(start, at - start))) return false;
      if (inside.find_first_of("^=<>") != std::string_view::npos) return false;
      letter = letter || std::any_of(inside.begin(), inside.end(), IsLetter);
      at += *item;
      if (side[at - 1] != '}') start = side.size();  // no bracket behind a bracket
      continue;
    }
    const std::string_view token = side.substr(at, *item);
    if (!AllowedInName(token)) return false;
    // -x is no name, x - y may be one.
    const std::string_view before = TrimSpace(side.substr(0, at));
    const bool operand = !before.empty() &&
                         (IsLetter(before.back()) || IsDigit(before.back()) ||
                          std::string_view(")]}'|").find(before.back()) != std::string_view::npos);
    if (token == "-" && !operand) return false;
    const bool greek = side[at] == '\\' && !OpensGroup(side, at + *item);
    letter = letter || greek || IsLetter(side[at]);
    at += *item;
    if (token.size() == 1 && !IsLetter(token[0]) && token != "'") start = at;
  }
  return letter;
}

bool IsSimpleName(std::string_view side) {
  side = TrimSpace(side);
  if (!IsName(side)) return false;
  if (IsTupleOfLetters(side) || IsAreaName(side)) return true;
  if (const size_t size = IndexedLetterSize(side, 0); size > 0) {
    if (size == side.size()) return true;
  }
  // f(x), f^{-1}(3), \text{Area}(ABC)
  const size_t open = side.find_first_of("([");
  if (open != std::string_view::npos && BracketEnd(side, open) == side.size()) {
    return TakesArguments(side.substr(0, open));
  }
  bool words = false;
  for (size_t at = 0; at < side.size();) {
    const size_t size = ItemSize(side, at).value_or(1);
    const std::string_view token = side.substr(at, TokenSize(side, at));
    if (token == "\\text" || token == "\\overline" || token == "\\vec" || token == "\\hat" ||
        token == "\\bar" || token == "\\mathbf") {
      at += token.size();
      const size_t group = at < side.size() ? ItemSize(side, at).value_or(1) : 0;
      at += group;
      words = true;
      continue;
    }
    if (token == "\\angle" || token == "\\triangle" || IsSpace(side[at]) || side[at] == '\'') {
      at += size;
      continue;
    }
    // \cos\theta, \sin A: an angle's. With a small letter it is an equation for that letter.
    const bool trigonometric = token == "\\sin" || token == "\\cos" || token == "\\tan";
    if (trigonometric && at == 0) {
      const std::string_view angle = TrimSpace(side.substr(token.size()));
      const bool named = !angle.empty() && !(angle[0] >= 'a' && angle[0] <= 'z') &&
                         angle.find_first_of("(+-*/") == std::string_view::npos;
      return named && (IndexedLetterSize(angle, 0) == angle.size() || angle.starts_with("\\angle"));
    }
    if (!IsLetter(side[at])) return false;
    size_t end = at;
    while (end < side.size() && IsLetter(side[end])) ++end;
    const std::string_view word = side.substr(at, end - at);
    const bool capitals =
        std::all_of(word.begin(), word.end(), [](char c) { return c >= 'A' && c <= 'Z'; });
    const bool measure = word == "m" && side.find("\\angle") != std::string_view::npos;
    const bool prose = word.size() > 3 || IsProseWord(word);
    if (!capitals && !measure && !prose) return false;
    words = true;
    at = end;
  }
  return words;
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
