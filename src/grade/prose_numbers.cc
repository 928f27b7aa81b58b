// Numbers and runs of mathematics in prose.
#include <algorithm>
#include <utility>
#include <vector>

#include "grade/answer_split.h"
#include "grade/math_text.h"
#include "grade/number_scan.h"
#include "grade/prose.h"
#include "grade/prose_parts.h"
#include "grade/units.h"
#include "grade/word_numbers.h"

namespace ebb {
namespace {

using namespace prose_parts;

constexpr size_t kMaxRunBytes = 400;

// \frac{digits}{digits} at `at`: its bytes, or 0.
size_t FractionSize(std::string_view text, size_t at) {
  for (const std::string_view name : {"\\frac", "\\dfrac", "\\tfrac"}) {
    if (!CommandAt(text, at, name)) continue;
    size_t end = at + name.size();
    for (int i = 0; i < 2; ++i) {
      if (end >= text.size()) return 0;
      const bool group = text[end] == '{';
      size_t digits = end + (group ? 1 : 0);
      const size_t start = digits;
      while (digits < text.size() && IsDigit(text[digits]) && (group || digits == start)) ++digits;
      if (digits == start || (group && (digits >= text.size() || text[digits] != '}'))) return 0;
      end = digits + (group ? 1 : 0);
    }
    return end - at;
  }
  return 0;
}

// "3. Then ..": the number of an item, at the start of a line.
bool ItemNumber(std::string_view text, size_t start, size_t end) {
  size_t line = start;
  while (line > 0 && (text[line - 1] == ' ' || text[line - 1] == '*' || text[line - 1] == '#'))
    --line;
  if (line > 0 && text[line - 1] != '\n') return false;
  if (end + 1 >= text.size() || (text[end] != '.' && text[end] != ')')) return false;
  if (text[end + 1] != ' ') return false;
  const size_t next = SkipSpaces(text, end + 1);
  return next < text.size() && text[next] != '\n';
}

// The currency sign that ends just before `at`: its bytes.
size_t CurrencyBefore(std::string_view text, size_t at) {
  for (const std::string_view sign : {"\\$", "$", "€", "£", "¥"}) {
    if (text.substr(0, at).ends_with(sign)) return sign.size();
  }
  return 0;
}

// Whether a minus that ends before `minus` and stands apart ("x = - 5") is a sign: where nothing
// stands that could be subtracted from.
bool SignApart(std::string_view text, size_t minus) {
  size_t before = minus;
  while (before > 0 && text[before - 1] == ' ') --before;
  if (before == 0 || before == minus) return false;  // a list's dash; "x- 5"
  if (std::string_view("=(:,[<>$").find(text[before - 1]) != std::string_view::npos) return true;
  size_t start = before;
  while (start > 0 && IsLetter(text[start - 1])) --start;
  const std::string word = LowerAscii(text.substr(start, before - start));
  return word == "is" || word == "are" || word == "be" || word == "equals" || word == "was";
}

// The sign before a number: the index where it starts. A minus behind a number, a letter or a
// bracket subtracts instead.
size_t SignStart(std::string_view text, size_t at) {
  const size_t start = at - CurrencyBefore(text, at);
  size_t minus = start;
  while (minus > 0 && text[minus - 1] == ' ') --minus;
  if (minus == 0 || text[minus - 1] != '-') return start;
  --minus;
  if (minus + 1 < start) return SignApart(text, minus) ? minus : start;
  size_t before = minus;
  while (before > 0 && text[before - 1] == ' ') --before;
  if (before == 0) return minus;
  const char c = text[before - 1];
  // "left - 5" and "is -5": the space behind the sign tells; it touches the number here.
  if (IsDigit(c) || c == ')' || c == '}' || c == '%') return start;
  return IsLetter(c) && before == minus ? start : minus;
}

bool Denies(std::string_view word) {
  const std::string lower = LowerAscii(word);
  for (const std::string_view denial : {"not", "cannot", "never", "than", "least", "most", "twice",
                                        "double", "triple", "times", "plus", "without"}) {
    if (lower == denial) return true;
  }
  return lower.ends_with("n't");
}

// "negative 5", and "minus 5" where there is nothing to subtract from.
bool NegativeWord(std::string_view text, size_t at) {
  const std::string_view word = WordBefore(text, at);
  const std::string lower = LowerAscii(word);
  if (lower == "negative") return true;
  if (lower != "minus") return false;
  const size_t start = static_cast<size_t>(word.data() - text.data());
  const std::string_view before = TrimSpace(text.substr(0, start));
  return before.empty() || !IsDigit(before.back());
}

// What a number that starts at a place in a text is.
enum class Mention {
  kNone,     // not a number at all, but of a word, a list, a date
  kUnclear,  // a part of mathematics that is not understood
  kNumber,
};

// By what stands directly before it.
Mention MentionAt(std::string_view text, size_t at) {
  const char before = at > 0 ? text[at - 1] : ' ';
  const char second = at > 1 ? text[at - 2] : ' ';
  if (WordByte(before) && before != '_') return Mention::kNone;
  if (before == '.' && IsDigit(second)) return Mention::kNone;
  if (before == '_' || (before == '{' && second == '_')) return Mention::kNone;
  if (before == '^' || (before == '{' && second == '^')) return Mention::kUnclear;
  if (before == '(' && IsLetter(second)) return Mention::kUnclear;  // f(5)
  std::string_view word = WordBefore(text, at);
  if (word == "of") word = WordBefore(text, static_cast<size_t>(word.data() - text.data()));
  for (const std::string_view function :
       {"log", "ln", "lg", "sin", "cos", "tan", "exp", "sqrt", "choose", "root"}) {
    if (word == function) return Mention::kUnclear;  // sqrt 2, the square root of 2
  }
  if (before == '{') {
    size_t name = at - 1;
    while (name > 0 && IsLetter(text[name - 1])) --name;
    const std::string_view command = text.substr(name, at - 1 - name);
    const bool words = command.starts_with("text") || command == "boxed" || command == "mathbf";
    if (name > 0 && text[name - 1] == '\\' && !words) return Mention::kUnclear;
    if (second == '}' || second == ']') return Mention::kUnclear;  // \frac{a}{5}
  }
  return Mention::kNumber;
}

// Whether a number that starts at `start` is what something else is added to, multiplied with or
// compared with.
bool IsOperand(std::string_view text, size_t start) {
  size_t before = start;
  while (before > 0 && text[before - 1] == ' ') --before;
  const std::string_view left = text.substr(0, before);
  for (const std::string_view sign : {"≤", "≥", "×", "·", "÷", "√", "≠", "∛", "±"}) {
    if (left.ends_with(sign)) return true;
  }
  if (left.empty()) return false;
  const char op = left.back();
  if (op == '/' || op == '^' || op == '+') return true;
  if (left.ends_with("!=")) return true;
  if (left.ends_with("->") || left.ends_with("=>")) return false;
  const std::string_view more = TrimSpace(left.substr(0, left.size() - 1));
  const bool behind = !more.empty() && (WordByte(more.back()) || more.back() == ')' ||
                                        more.back() == '}' || more.back() == '$');
  if (op == '<' || op == '>') return behind;
  if (op == '*') return behind;
  if (op != '-' || !behind) return false;
  // "n - 5", but not "total - 5"
  const bool letter = IsLetter(more.back());
  return !letter || ((more.size() < 2 || !WordByte(more[more.size() - 2])) && more.back() != 'a');
}

// The first "!" that ends a sentence and is no factorial: before a capital letter or at a line's
// end.
size_t Exclamation(std::string_view text) {
  for (size_t at = text.find('!'); at < text.size(); at = text.find('!', at + 1)) {
    const size_t next = SkipSpaces(text, at + 1);
    const bool capital =
        next > at + 1 && next < text.size() && text[next] >= 'A' && text[next] <= 'Z';
    if (capital || next >= text.size() || text[next] == '\n') return at;
  }
  return text.size();
}

// The bytes of the number, or of the start of mathematics without digits (a root, pi), at `at`.
size_t NumberStartSize(std::string_view text, size_t at) {
  if (IsDigit(text[at]) || (text[at] == '.' && at + 1 < text.size() && IsDigit(text[at + 1]))) {
    const auto number = ScanNumber(text, at);
    if (number) return number->size;
    size_t end = at;  // longer than any number may be
    while (end < text.size() && (IsDigit(text[end]) || text[end] == '.' || text[end] == ',')) ++end;
    return end - at;
  }
  for (const std::string_view sign : {"√", "π"}) {
    if (text.substr(at).starts_with(sign)) return sign.size();
  }
  for (const std::string_view command : {"\\sqrt", "\\pi"}) {
    if (CommandAt(text, at, command)) return command.size();
  }
  return FractionSize(text, at);
}

// 12/03/2020, 10:45:30: the end of it, or `end` for other numbers.
size_t DateEnd(std::string_view text, size_t at, size_t end) {
  const auto digits = [&](size_t i) { return i < text.size() && IsDigit(text[i]); };
  const auto mark = [&](size_t i) { return i < text.size() ? text[i] : '\0'; };
  size_t last = end;
  int parts = 1;
  while ((mark(last) == '/' || mark(last) == ':') && digits(last + 1) && IsDigit(text[at])) {
    ++last;
    while (digits(last)) ++last;
    ++parts;
  }
  return parts > 2 ? last : end;
}

// Whether the left side of the equals sign at `equals` is an equation's: it has letters, but is no
// name of what the other side is ((x - 3) = 10, unlike AB = 10 and 2 * 5 = 10). The power of a
// letter counts as its name.
bool LeftOfEquation(std::string_view text, size_t equals) {
  size_t start = equals;
  while (start > 0 && equals - start < 80) {
    size_t word = start;
    while (word > 0 && IsLetter(text[word - 1])) --word;
    const std::string_view letters = text.substr(word, start - word);
    const bool command = word > 0 && text[word - 1] == '\\';
    if (!command && (letters.size() > 3 || (letters.size() > 1 && IsProseWord(letters)))) break;
    if (word < start) {
      start = word;
      continue;
    }
    const char c = text[start - 1];
    const bool mark = std::string_view(" +-*/^(){}[]_\\'").find(c) != std::string_view::npos;
    if (!mark && !IsDigit(c)) break;
    --start;
  }
  const std::string_view left = TrimSpace(text.substr(start, equals - start));
  if (std::none_of(left.begin(), left.end(), IsLetter)) return false;
  const size_t power = left.find('^');
  if (power == 1 && left.size() == 3 && IsLetter(left[0]) && IsDigit(left[2])) return false;
  return !IsName(CleanMath(left));
}

// Where the equals sign stands directly before `at`, if one does.
std::optional<size_t> EqualsBefore(std::string_view text, size_t at) {
  while (at > 0 && (text[at - 1] == ' ' || text[at - 1] == '$')) --at;
  if (at < 2 || text[at - 1] != '=') return std::nullopt;
  const bool other = std::string_view("<>!=").find(text[at - 2]) != std::string_view::npos;
  return other ? std::nullopt : std::optional<size_t>(at - 1);
}

// Numbers from `start` to `end` with the bracket that holds all of them, a point: (2, 1). One that
// is negated, or what a tuple of letters in some order equals, is not closed, and so no answer.
std::optional<std::string> AsTuple(std::string_view text, size_t start, size_t end) {
  if (start == 0 || end >= text.size()) return std::nullopt;
  if (text[start - 1] != '(' && text[start - 1] != '[') return std::nullopt;
  if (text[end] != ')' && text[end] != ']') return std::nullopt;
  const std::string_view inside = text.substr(start, end - start);
  const Parts parts = SplitCommas(inside, CommaRule::kThousands);
  const bool several = (parts && parts->size() > 1) || inside.find(';') != std::string_view::npos;
  if (!several) return std::nullopt;
  const size_t near = start - std::min<size_t>(start, 16);
  std::string_view left = TrimSpace(text.substr(near, start - 1 - near));
  if (left.ends_with("$")) left = TrimSpace(left.substr(0, left.size() - 1));
  const bool changed =
      !left.empty() && std::string_view("=+-*/^").find(left.back()) != std::string_view::npos;
  const bool attached = start > 1 && WordByte(text[start - 2]);  // f(2, 1)
  const size_t close = changed || attached ? end : end + 1;
  return std::string(text.substr(start - 1, close + 1 - start));
}

struct Candidate {
  std::string text;
  bool money = false;
};

// All numbers that a text states, in order. Mathematics that is not understood forgets those before
// it: what it says replaces them.
std::vector<Candidate> Candidates(std::string_view text) {
  std::vector<Candidate> found;
  for (size_t at = 0; at < text.size();) {
    const size_t digits = NumberStartSize(text, at);
    if (digits == 0) {
      ++at;
      continue;
    }
    size_t end = at + digits;
    const Mention mention = MentionAt(text, at);
    const size_t date = DateEnd(text, at, end);
    if (mention == Mention::kNone || ItemNumber(text, at, end) || date > end ||
        Ordinal(LettersAt(text, end)) || LettersAt(text, end) == "D") {
      at = date;
      continue;
    }
    std::string_view near = text.substr(at, kMaxRunBytes);
    near = near.substr(0, std::min(Exclamation(near), near.find_first_of("|[]&")));
    const size_t colon = near.find(": ");
    if (colon != 0 && colon < near.size() && near[colon - 1] != ' ') near = near.substr(0, colon);
    end = at + std::max(digits, MathRunSize(near, true));
    const std::string_view run = text.substr(at, end - at);
    const size_t start = SignStart(text, at);
    const size_t equals = EqualsBefore(text, start).value_or(at + run.find('='));
    const bool result = run.find('=') != std::string_view::npos;
    const bool operand = IsOperand(text, start);
    const bool equation = (operand || equals < at) && equals < end && LeftOfEquation(text, equals);
    if (mention == Mention::kUnclear || (operand && !result) || equation) {
      found.clear();
      at += digits;
      continue;
    }
    const std::string_view rest = text.substr(end, SentenceEnd(text, end) - end);
    std::string number = NegativeWord(text, start) ? "-" : "";
    number += text.substr(start, end - start);
    Continued continued = WithContinuation(std::move(number), rest);
    if (auto tuple = AsTuple(text, start, end + continued.size)) continued.text = std::move(*tuple);
    if (!DeniedBefore(text, start) && !TakenBack(rest.substr(continued.size))) {
      const bool money = CurrencyBefore(text, at) > 0 || run.find('$') != std::string_view::npos ||
                         rest.starts_with("$");
      found.push_back({std::move(continued.text), money});
    }
    at = end + continued.size;
  }
  return found;
}

}  // namespace

std::optional<std::string> LastNumber(std::string_view text) {
  std::vector<Candidate> found = Candidates(PlainProse(text));
  if (found.empty()) return std::nullopt;
  return std::move(found.back().text);
}

std::optional<std::string> NumberOf(std::string_view clause) {
  std::vector<Candidate> found = Candidates(PlainProse(clause));
  if (found.empty()) return std::nullopt;
  const auto money = [](const Candidate& candidate) { return candidate.money; };
  if (std::count_if(found.begin(), found.end(), money) == 1) {
    return std::find_if(found.begin(), found.end(), money)->text;
  }
  return std::move(found.back().text);
}

namespace prose_parts {

bool NegatedBefore(std::string_view text, size_t at) {
  return SignStart(text, at) < at - CurrencyBefore(text, at) || NegativeWord(text, at);
}

bool DeniedBefore(std::string_view text, size_t at) {
  for (int words = 0; words < 4; ++words) {
    const std::string_view word = WordBefore(text, at);
    if (Denies(word)) return true;
    const std::string lower = LowerAscii(word);
    if (lower != "equal" && lower != "to" && lower != "be" && lower != "exactly") return false;
    at = static_cast<size_t>(word.data() - text.data());
  }
  return false;
}

}  // namespace prose_parts

}  // namespace ebb
