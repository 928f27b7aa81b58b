// Runs of mathematics in prose, and its words.
#include <algorithm>

#include "grade/answer_split.h"
#include "grade/math_text.h"
#include "grade/number_scan.h"
#include "grade/prose.h"
#include "grade/prose_parts.h"

namespace ebb {

using namespace prose_parts;

namespace {

// The bytes that a run of mathematics takes at `at`; 0 at a word or the end of a sentence.
size_t RunItem(std::string_view text, size_t at, bool numbers_only) {
  const char c = text[at];
  if (IsDigit(c) || (c == '.' && at + 1 < text.size() && IsDigit(text[at + 1]))) {
    const auto number = ScanNumber(text, at);
    if (!number) return 0;
    const std::string_view attached = LettersAt(text, at + number->size);
    return Ordinal(attached) ? 0 : number->size;
  }
  if (c == '\\') {
    if (at + 1 < text.size() && (text[at + 1] == ')' || text[at + 1] == ']')) return 0;
    if (OpensBracket(text, at)) {
      const size_t end = BracketEnd(text, at);
      return end == std::string_view::npos ? 0 : end - at;
    }
    return TokenSize(text, at);
  }
  if (c == '{') {
    const size_t end = BracketEnd(text, at);
    return end == std::string_view::npos ? 0 : end - at;
  }
  if (IsLetter(c)) {
    const std::string_view word = LettersAt(text, at);
    const size_t next = SkipSpaces(text, at + word.size());
    const bool names = word.size() == 1 && next < text.size() && text[next] == '=';
    if (names) return 1;
    const bool follows = at > 0 && !IsSpace(text[at - 1]);
    if (numbers_only) return 0;
    if (word == "sqrt" || word == "pi" || word == "sin" || word == "cos" || word == "tan" ||
        word == "log" || word == "ln") {
      return word.size();
    }
    return word.size() == 1 || (follows && word.size() <= 2) ? word.size() : 0;
  }
  if (static_cast<unsigned char>(c) >= 0x80) {
    for (const std::string_view sign :
         {"×", "÷", "·", "√", "π", "≤", "≥", "∞", "°", "²", "³", "€", "£", "½",
          "¼", "¾", "∪", "∩", "±", "≈", "⅛", "⅜", "⅝", "⅞", "⅓", "⅔", "⁻", "¹"}) {
      if (text.substr(at).starts_with(sign)) return sign.size();
    }
    return 0;
  }
  return std::string_view(" +-*/^=()[]|,%$<>:!_&'").find(c) != std::string_view::npos ? 1 : 0;
}

}  // namespace

namespace prose_parts {

bool Ordinal(std::string_view attached) {
  return attached == "th" || attached == "st" || attached == "nd" || attached == "rd";
}

std::string_view WordBefore(std::string_view text, size_t at) {
  while (at > 0 && (text[at - 1] == ' ' || text[at - 1] == '$')) --at;
  size_t start = at;
  while (start > 0 && (IsLetter(text[start - 1]) || text[start - 1] == '\'')) --start;
  return text.substr(start, at - start);
}

bool TakenBack(std::string_view rest) {
  size_t at = rest.find_first_not_of(") .:*$");
  bool verb = false;
  bool denied = false;
  for (int words = 0; words < 5 && at < rest.size(); ++words) {
    size_t end = at;
    while (end < rest.size() && (IsLetter(rest[end]) || rest[end] == '\'')) ++end;
    const std::string_view word = rest.substr(at, end - at);
    if (words == 0) {
      verb = word.starts_with("is") || word.starts_with("was") || word == "are";
      if (!verb) return false;
    }
    denied = denied || word == "not" || word.ends_with("n't");
    if (word == "wrong" || word == "incorrect" || word == "false") return !denied;
    if (word == "answer" || word == "correct" || word == "right") {
      if (denied) return true;
    }
    at = SkipSpaces(rest, end);
    if (at == end) return false;
  }
  return false;
}

std::string_view LettersAt(std::string_view text, size_t at) {
  size_t end = std::min(at, text.size());
  const size_t start = end;
  while (end < text.size() && IsLetter(text[end])) ++end;
  return text.substr(start, end - start);
}

size_t SkipSpaces(std::string_view text, size_t at) {
  while (at < text.size() && text[at] == ' ') ++at;
  return at;
}

size_t SentenceEnd(std::string_view text, size_t at) {
  const size_t limit = std::min(text.size(), at + 2 * kMaxAnswerBytes);
  for (; at < limit; ++at) {
    const char c = text[at];
    if (c == '\n') return at;
    if (text.substr(at).starts_with("。")) return at;
    const bool stop = c == '.' || c == '!' || c == '?';
    // "C. or D", "10 a.m. today": no sentence begins with a small letter.
    const size_t next = SkipSpaces(text, at + 1);
    const bool goes_on = c == '.' && next < text.size() && text[next] >= 'a' && text[next] <= 'z';
    if (stop && !goes_on &&
        (at + 1 == text.size() || IsSpace(text[at + 1]) || text[at + 1] == '"')) {
      return at;
    }
  }
  return limit;
}

size_t MathRunSize(std::string_view text, bool numbers_only) {
  size_t end = 0;
  int open = 0;
  while (end < text.size() && end < kMaxAnswerBytes) {
    const size_t size = RunItem(text, end, numbers_only);
    if (size == 0) break;
    if (size == 1 && (text[end] == '(' || text[end] == '[')) {
      // "18 (9 * 2)": a remark.
      if (numbers_only && end > 1 && text[end - 1] == ' ' && IsDigit(text[end - 2])) break;
      ++open;
    }
    if (size == 1 && (text[end] == ')' || text[end] == ']') && --open < 0) break;
    end += size;
  }
  constexpr std::string_view kDangling = " +-*/^=([|,<>:_&";
  while (end > 0 && kDangling.find(text[end - 1]) != std::string_view::npos) --end;
  return end;
}

bool StartsMath(std::string_view text, size_t at) {
  if (at >= text.size()) return false;
  const char c = text[at];
  const char next = at + 1 < text.size() ? text[at + 1] : ' ';
  if (IsDigit(c) || (c == '.' && IsDigit(next))) return !Ordinal(LettersAt(text, at + 1));
  if (c == '-' || c == '+') return !IsSpace(next) && next != c && StartsMath(text, at + 1);
  if (c == '$') return !IsSpace(next) && next != '.';
  if (c == '\\') return IsLetter(next) || next == '{';
  if (c == '(' || c == '[' || c == '{' || c == '|') {
    const size_t inside = SkipSpaces(text, at + 1);
    const std::string_view letters = LettersAt(text, inside);
    return letters.size() < 2 && StartsMath(text, inside);
  }
  for (const std::string_view sign : {"√", "π", "∞", "½", "¼", "¾"}) {
    if (text.substr(at).starts_with(sign)) return true;
  }
  const std::string_view word = LettersAt(text, at);
  if (word == "sqrt" || word == "pi") return true;
  if (word.size() != 1) return false;
  const char behind = at + 1 < text.size() ? text[at + 1] : '.';
  if (IsSpace(behind)) {
    const size_t op = SkipSpaces(text, at + 1);
    if (op < text.size() && std::string_view("=+*/<>").find(text[op]) != std::string_view::npos) {
      return true;
    }
    return c != 'a' && c != 'I' && c != 'A';
  }
  return std::string_view("=^_+-*/(),.;$").find(behind) != std::string_view::npos ||
         IsDigit(behind);
}

}  // namespace prose_parts

std::string_view LeadingMath(std::string_view text, ExpectedAnswer expected) {
  return text.substr(0, MathRunSize(text, expected == ExpectedAnswer::kNumber));
}

}  // namespace ebb
