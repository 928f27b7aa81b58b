// Numbers and runs of mathematics in prose.
#include <algorithm>

#include "grade/math_text.h"
#include "grade/number_scan.h"
#include "grade/prose.h"
#include "grade/units.h"

namespace ebb {
namespace {

bool WordByte(char c) { return IsLetter(c) || IsDigit(c) || c == '_'; }

std::string_view LettersAt(std::string_view text, size_t at) {
  size_t end = at;
  while (end < text.size() && IsLetter(text[end])) ++end;
  return text.substr(std::min(at, text.size()), end - std::min(at, text.size()));
}

size_t SkipSpaces(std::string_view text, size_t at) {
  while (at < text.size() && text[at] == ' ') ++at;
  return at;
}

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

// The sign before a number: the index where it starts. A minus behind a number, a letter or a
// bracket subtracts instead.
size_t SignStart(std::string_view text, size_t at) {
  size_t start = at;
  if (start > 0 && text[start - 1] == '$') --start;
  if (start > 0 && text[start - 1] == '\\') --start;
  if (start == 0 || text[start - 1] != '-') return start;
  size_t before = start - 1;
  while (before > 0 && text[before - 1] == ' ') --before;
  if (before == 0) return start - 1;
  const char c = text[before - 1];
  // "left - 5" and "is -5": the space behind the sign tells; it touches the number here.
  const bool spaced = before < start - 1;
  if (IsDigit(c) || c == ')' || c == '}' || c == '%') return start;
  if (IsLetter(c) && !spaced) return start;
  if (static_cast<unsigned char>(c) >= 0x80 && !spaced) return start - 1;
  return start - 1;
}

// The bytes of the unit at `at`. One letter may be anything, and "in" is mostly a preposition.
size_t UnitSize(std::string_view text, size_t at) {
  const std::string_view word = LettersAt(text, at);
  const bool unit = word.size() > 1 && word != "in" && !CanonicalUnit(word).empty();
  return unit ? word.size() : 0;
}

// The end of the words behind a number that belong to it: a scale, a part of another number ("and a
// half", "thirds"), a unit.
size_t WordTail(std::string_view text, size_t end) {
  const size_t at = SkipSpaces(text, end);
  for (const std::string_view half : {"and a half", "and one half", "and one-half", "and a quarter",
                                      "and a third", "and three quarters", "and two thirds"}) {
    if (text.substr(at).starts_with(half)) return at + half.size();
  }
  const std::string_view word = LettersAt(text, at);
  if (ChangesNumber(word)) return at + word.size();
  if (ScaleWord(word) == 1) {
    const size_t unit = UnitSize(text, at);
    return unit > 0 ? at + unit : end;
  }
  const size_t next = SkipSpaces(text, at + word.size());
  const size_t unit = UnitSize(text, next);
  return unit > 0 ? next + unit : at + word.size();
}

// The end of the number whose digits end at `end`, with what belongs to it: a fraction bar, a
// percent sign, a scale word. 0: it is part of something else.
size_t NumberTail(std::string_view text, size_t end) {
  const auto at = [&](size_t i) { return i < text.size() ? text[i] : '\0'; };
  if ((at(end) == '/' || at(end) == ':') && IsDigit(at(end + 1))) {
    const char mark = at(end);
    const auto next = ScanNumber(text, end + 1);
    if (!next) return 0;
    end += 1 + next->size;
    if (at(end) == mark && IsDigit(at(end + 1))) return 0;  // a date or a time
  } else if (at(end) == ' ' && IsDigit(at(end + 1))) {
    // A mixed number, 3 1/2.
    const auto next = ScanNumber(text, end + 1);
    if (next && next->plain && at(end + 1 + next->size) == '/' &&
        IsDigit(at(end + 2 + next->size))) {
      end += 1 + next->size;
      const auto bottom = ScanNumber(text, end + 1);
      if (!bottom) return 0;
      end += 1 + bottom->size;
    }
  }
  end += FractionSize(text, end);
  if (at(end) == '%') return end + 1;
  if (at(end) == '\\' && at(end + 1) == '%') return end + 2;
  const std::string_view attached = LettersAt(text, end);
  const bool word =
      attached.empty() || !CanonicalUnit(attached).empty() || ScaleWord(attached) != 1;
  if (!word || at(end) == '_' || at(end) == '^') return 0;
  return WordTail(text, end);
}

// The word, with its apostrophes, that ends just before `at`.
std::string_view WordBefore(std::string_view text, size_t at) {
  while (at > 0 && (text[at - 1] == ' ' || text[at - 1] == '$')) --at;
  size_t start = at;
  while (start > 0 && (IsLetter(text[start - 1]) || text[start - 1] == '\'')) --start;
  return text.substr(start, at - start);
}

bool Denies(std::string_view word) {
  const std::string lower = LowerAscii(word);
  return lower == "not" || lower == "cannot" || lower.ends_with("n't");
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

}  // namespace

std::optional<std::string> LastNumber(std::string_view text) {
  std::optional<std::string> last;
  for (size_t at = 0; at < text.size();) {
    size_t digits = 0;
    size_t start = at;
    if (IsDigit(text[at]) || (text[at] == '.' && at + 1 < text.size() && IsDigit(text[at + 1]))) {
      const auto number = ScanNumber(text, at);
      if (!number) {  // longer than any number may be
        while (at < text.size() && (IsDigit(text[at]) || text[at] == '.' || text[at] == ',')) ++at;
        last.reset();
        continue;
      }
      digits = number->size;
    } else {
      digits = FractionSize(text, at);
    }
    if (digits == 0) {
      ++at;
      continue;
    }
    const size_t end = at + digits;
    const char before = start > 0 ? text[start - 1] : ' ';
    const bool index =
        before == '^' || before == '_' ||
        (before == '{' && start > 1 && (text[start - 2] == '^' || text[start - 2] == '_'));
    const bool part_of_word =
        WordByte(before) || (before == '.' && start > 1 && IsDigit(text[start - 2]));
    const size_t tail = NumberTail(text, end);
    if (index || part_of_word || tail == 0 || ItemNumber(text, start, end)) {
      at = end;
      while (tail == 0 && at < text.size() &&
             (IsDigit(text[at]) || text[at] == '/' || text[at] == ':')) {
        ++at;  // all of a date
      }
      continue;
    }
    start = SignStart(text, at);
    if (!Denies(WordBefore(text, start))) {
      last.emplace();
      if (NegativeWord(text, start)) last->push_back('-');
      last->append(text, start, tail - start);
    }
    at = std::max(tail, end);
  }
  return last;
}

namespace {

// The bytes that a run of mathematics takes at `at`; 0 at a word or the end of a sentence.
size_t RunItem(std::string_view text, size_t at, bool numbers_only) {
  const char c = text[at];
  if (IsDigit(c) || (c == '.' && at + 1 < text.size() && IsDigit(text[at + 1]))) {
    const auto number = ScanNumber(text, at);
    if (!number) return 0;
    const std::string_view attached = LettersAt(text, at + number->size);
    const bool ordinal =
        attached == "th" || attached == "st" || attached == "nd" || attached == "rd";
    return ordinal ? 0 : number->size;
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
    for (const std::string_view sign : {"×", "÷", "·", "√", "π", "≤", "≥", "∞", "°", "²",
                                        "³", "€", "£", "½", "¼", "¾", "∪", "∩", "±", "≈"}) {
      if (text.substr(at).starts_with(sign)) return sign.size();
    }
    return 0;
  }
  return std::string_view(" +-*/^=()[]|,%$<>:!_&'").find(c) != std::string_view::npos ? 1 : 0;
}

// 2 hours 30 minutes, 5 and 6, 5 to 6: more than one number is committed to. The end of all of it.
size_t CompoundEnd(std::string_view text, size_t end) {
  end = WordTail(text, end);
  const bool known = end > 0 && IsLetter(text[end - 1]);
  size_t next = SkipSpaces(text, end);
  if (known && next < text.size() && text[next] == ',') next = SkipSpaces(text, next + 1);
  const std::string_view word = LettersAt(text, next);
  const bool joins = word == "and" || word == "or" || word == "to";
  if (joins) next = SkipSpaces(text, next + word.size());
  if (next < text.size() && text[next] == '$') ++next;
  if ((!known && !joins) || next >= text.size() || !IsDigit(text[next])) return end;
  const auto number = ScanNumber(text, next);
  if (!number) return end;
  const size_t second = WordTail(text, next + number->size);
  // 5 dollars, 3 of which ..: the second number is none of the answer.
  const bool unit = IsLetter(text[second - 1]);
  return joins || unit ? second : end;
}

}  // namespace

std::string_view LeadingMath(std::string_view text, ExpectedAnswer expected) {
  const bool numbers_only = expected == ExpectedAnswer::kNumber;
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
  if (end == 0) return {};
  if (numbers_only) end = CompoundEnd(text, end);
  return text.substr(0, end);
}

}  // namespace ebb
