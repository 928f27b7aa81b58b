// What stands behind an answer in prose and belongs to it.
#include <algorithm>
#include <utility>

#include "grade/math_text.h"
#include "grade/prose_parts.h"
#include "grade/units.h"
#include "grade/word_numbers.h"

namespace ebb::prose_parts {
namespace {

constexpr size_t kMaxRestBytes = 240;

// Behind these the sentence speaks of something else.
bool EndsNoun(std::string_view word) {
  return OneOf(word, {"since", "because", "as",    "so",    "which", "that",  "is",   "are",
                      "was",   "for",     "in",    "on",    "at",    "of",    "per",  "with",
                      "when",  "where",   "if",    "then",  "total", "but",   "from", "after",
                      "not",   "rather",  "while", "where", "after", "before"});
}

// Punctuation, arrows, check marks and pictures, which say nothing about a number.
bool HarmlessSign(std::string_view text, size_t at) {
  const auto byte = [&](size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u;
  };
  const unsigned lead = byte(at);
  if (lead >= 0xF0) return true;
  if (lead == 0xC2) {
    const unsigned second = byte(at + 1);
    return second == 0xA0 || second == 0xAB || second == 0xBB || second == 0xA9 || second == 0xAE;
  }
  if (lead < 0xE0) return false;
  const unsigned code =
      ((lead & 0x0F) << 12) | ((byte(at + 1) & 0x3F) << 6) | (byte(at + 2) & 0x3F);
  const bool punctuation =
      code >= 0x2000 && code <= 0x206F && !(code >= 0x2030 && code <= 0x2037) && code != 0x2044;
  return punctuation || (code >= 0x2190 && code <= 0x21FF) || (code >= 0x2600 && code <= 0x2757) ||
         (code >= 0x3000 && code <= 0x303F) || (code >= 0xFF00 && code <= 0xFF0F) ||
         code == 0xFF1A || code == 0xFF1B || code == 0xFF1F || code == 0xFE0F;
}

class Continuation {
 public:
  Continuation(std::string answer, std::string_view rest)
      : text_(std::move(answer)), rest_(rest.substr(0, kMaxRestBytes)) {}

  Continued Run() {
    for (int round = 0; round < 24 && Step(); ++round) {
    }
    return {std::move(text_), at_};
  }

 private:
  char At(size_t i) const { return i < rest_.size() ? rest_[i] : '\0'; }

  void Take(size_t end) {
    end = std::min(end, rest_.size());
    text_ += rest_.substr(at_, end - at_);
    at_ = end;
  }

  // All of a word or sign and what is attached to it.
  bool TakeToken(size_t at) {
    while (at < rest_.size() && !IsSpace(rest_[at]) && rest_[at] != ',' && rest_[at] != ';') ++at;
    while (at > at_ + 1 && OneOf(rest_.substr(at - 1, 1), {".", "!", "?", ")"})) --at;
    Take(std::max(at, at_ + 1));
    return true;
  }

  bool TakeRun(size_t at) {
    const size_t size = MathRunSize(rest_.substr(std::min(at, rest_.size())), false);
    if (size == 0) return TakeToken(at);
    Take(at + size);
    return true;
  }

  // Words that make no answer any more, with the number that they lead to.
  bool Spoil(size_t from) {
    size_t end = from;
    while (end < rest_.size() && !IsDigit(rest_[end])) ++end;
    if (end < rest_.size()) end += std::max<size_t>(1, MathRunSize(rest_.substr(end), false));
    const size_t equals = rest_.substr(0, end).rfind('=');
    if (equals != std::string_view::npos && equals > from) {  // 20% of 300 = 60
      text_ = std::string(TrimSpace(rest_.substr(equals + 1, end - equals - 1)));
      at_ = end;
      return true;
    }
    text_ += " (";
    Take(end);
    return false;
  }

  // Closing marks directly behind the answer.
  void DropMarks() {
    while (at_ < rest_.size()) {
      const char next = At(at_ + 1);
      const bool dollar = At(at_) == '$' && !IsDigit(next) && next != '\\';
      if (!dollar && At(at_) != '`' && At(at_) != '"') return;
      ++at_;
    }
  }

  bool TakeNumber(size_t at) {
    if (StartsMath(rest_, at)) return TakeRun(at);
    Take(at + std::max<size_t>(1, ScanWordNumber(rest_.substr(at)).size));
    return true;
  }

  // Whether anything was taken behind which more may follow.
  bool Step() {
    DropMarks();
    const size_t at = SkipSpaces(rest_, at_);
    if (at >= rest_.size()) return false;
    const bool attached = at == at_;
    const char c = rest_[at];
    if (IsLetter(c)) return Word(at, attached);
    if (IsDigit(c)) return TakeRun(at);
    if (c == ',' || c == ';') return Comma(at, c == ';');
    if (c == '%') {
      Take(at + 1);
      return true;
    }
    if (static_cast<unsigned char>(c) >= 0x80) return Foreign(at);
    if (attached && (c == '^' || c == '_')) return TakeRun(at);
    if (attached && c == '\'' && IsLetter(At(at + 1))) return false;
    if (c == '\\' && IsLetter(At(at + 1))) return Command(at);
    if (attached && (c == '(' || c == '[') && StartsMath(rest_, at + 1)) return TakeToken(at);
    if (!attached && c == '(') return Remark(at);
    if (c == ':' && !IsDigit(At(at + 1))) return false;
    if (std::string_view("+-*/=<>:").find(c) == std::string_view::npos) return false;
    size_t next = at + 1;
    while (At(next) == '=' || At(next) == '*') ++next;
    return StartsMath(rest_, SkipSpaces(rest_, next)) ? TakeRun(at) : false;
  }

  // A command behind an answer: a factor or an operator, not \end{align}.
  bool Command(size_t at) {
    if (CommandAt(rest_, at, "\\text")) {
      size_t word = at + 5;
      while (word < rest_.size() && !IsLetter(rest_[word])) ++word;
      const std::string first = LowerAscii(LettersAt(rest_, word));
      const bool changes = ScaleWord(first) != 1 || ChangesNumber(first) || IsNumberWord(first) ||
                           OneOf(first, {"and", "or", "to"});
      return changes ? TakeRun(at) : false;
    }
    const std::string_view name = LettersAt(rest_, at + 1);
    const bool mathematics =
        OneOf(name, {"frac", "dfrac", "tfrac", "sqrt", "pi",    "times", "cdot",
                     "div",  "pm",    "mp",    "cup",  "cap",   "infty", "log",
                     "ln",   "sin",   "cos",   "tan",  "theta", "alpha", "beta"});
    return mathematics ? TakeRun(at) : false;
  }

  bool Foreign(size_t at) {
    // 5\u20137 is a range.
    const bool dash = rest_.substr(at).starts_with("\u2013");
    if (dash && IsDigit(At(SkipSpaces(rest_, at + 3)))) return TakeToken(at);
    if (HarmlessSign(rest_, at)) return false;
    if (ForeignUnitSize(rest_, at) > 0) return false;
    return TakeToken(at);  // it may be a power of ten
  }

  // 5 (n = 2) or 7 (n = 3)
  bool Remark(size_t at) {
    const size_t close = rest_.find(')', at);
    if (close == std::string_view::npos) return false;
    const size_t next = SkipSpaces(rest_, close + 1);
    const std::string_view joiner = LettersAt(rest_, next);
    if (joiner != "or" && joiner != "and") return false;
    return NumberAt(rest_, SkipSpaces(rest_, next + joiner.size())) ? Spoil(next) : false;
  }

  // Behind a semicolon a sentence may follow instead: "5; 2 + 3 = 5", "5; 6 is too many".
  bool SentenceBehind(size_t at) const {
    const size_t size = MathRunSize(rest_.substr(at), false);
    if (rest_.substr(at, size).find('=') != std::string_view::npos) return true;
    const std::string_view word = LettersAt(rest_, SkipSpaces(rest_, at + size));
    return !word.empty() && !OneOf(word, {"and", "or"}) && CanonicalUnit(word).empty();
  }

  bool Comma(size_t at, bool semicolon) {
    size_t next = SkipSpaces(rest_, at + 1);
    const std::string_view word = LettersAt(rest_, next);
    if (HasOtherCase(rest_, at, "")) return Spoil(at);
    if (word == "and" || word == "or") {
      next = SkipSpaces(rest_, next + word.size());
      return NumberAt(rest_, next) ? TakeNumber(next) : false;
    }
    const bool digits =
        std::any_of(rest_.begin() + static_cast<ptrdiff_t>(next), rest_.end(), IsDigit);
    if (OneOf(LowerAscii(word), {"wait", "sorry", "no", "correction", "oops", "actually"})) {
      return digits ? Spoil(next) : false;
    }
    const bool number =
        IsDigit(At(next)) || (std::string_view("$-\\").find(At(next)) != std::string_view::npos &&
                              StartsMath(rest_, next));
    // x = 5; x = 6
    const bool named = semicolon && word.size() == 1 && text_.find('=') != std::string::npos &&
                       At(SkipSpaces(rest_, next + 1)) == '=';
    if (!named && (!number || (semicolon && SentenceBehind(next)))) return false;
    if (semicolon) text_ += ',';  // the same list as with commas
    at_ = semicolon ? at + 1 : at_;
    return TakeRun(next);
  }

  bool Word(size_t at, bool attached) {
    const std::string_view word = LettersAt(rest_, at);
    const std::string lower = LowerAscii(word);
    const size_t next = SkipSpaces(rest_, at + word.size());
    const std::string_view second = LettersAt(rest_, next);
    if (IsCondition(lower) && HasOtherCase(rest_, next, lower)) return Spoil(at);
    if (lower == "and" && HasOtherCase(rest_, at, "")) return Spoil(at);
    for (const std::string_view half :
         {"and a half", "and one half", "and one-half", "and a quarter", "and a third",
          "and three quarters", "and two thirds"}) {
      if (!rest_.substr(at).starts_with(half)) continue;
      Take(at + half.size());
      return false;
    }
    if (OneOf(lower, {"and", "or", "to", "nor", "through", "versus", "vs"})) {
      if (OneOf(second, {"more", "less", "fewer", "greater", "higher", "lower", "so"})) {
        return lower == "or" ? Spoil(at) : false;
      }
      return NumberAt(rest_, next) ? TakeNumber(next) : false;
    }
    if (ScaleWord(word) != 1 || ChangesNumber(word) || IsNumberWord(word)) {
      Take(at + std::max(word.size(), ScanWordNumber(rest_.substr(at)).size));
      return true;
    }
    if (Operator(at, lower, next)) return true;
    if (Spoils(lower, second, next)) return Spoil(at);
    if (word.size() == 1) return Letter(at, attached);
    if (OneOf(word, {"sqrt", "sin", "cos", "tan", "log", "ln"})) return TakeRun(at);
    if (word != "in" && !CanonicalUnit(word).empty()) return WithUnit(at + word.size());
    if (attached) return TakeToken(at);
    return Noun(at);
  }

  // "20 minus 5" is 20 - 5.
  bool Operator(size_t at, std::string_view word, size_t next) {
    const bool by = word == "divided" || word == "multiplied";
    if (by && LettersAt(rest_, next) == "by") next = SkipSpaces(rest_, next + 2);
    if (!NumberAt(rest_, next)) return false;
    const std::string_view sign = word == "plus"                            ? " + "
                                  : word == "minus"                         ? " - "
                                  : word == "times" || word == "multiplied" ? " * "
                                  : word == "divided"                       ? " / "
                                                                            : "";
    if (sign.empty()) return false;
    Take(at);
    text_ += sign;
    at_ = next;
    // Words as numbers stay words, which then are no answer: 5 plus six.
    return TakeNumber(next);
  }

  bool Spoils(std::string_view word, std::string_view second, size_t next) const {
    if (OneOf(word, {"less", "more", "fewer", "greater", "higher", "lower"})) {
      return second == "than" && NumberAt(rest_, SkipSpaces(rest_, next + second.size()));
    }
    if (word == "out") return second == "of";
    if (word == "if") return rest_.find("otherwise") != std::string_view::npos;
    if (OneOf(word, {"remainder", "mod", "modulo", "squared", "choose"})) return true;
    if (word == "with") return rest_.find("remainder") != std::string_view::npos;
    if (word == "in" && OneOf(second, {"base", "binary", "hex", "hexadecimal", "octal"}))
      return true;
    if (word == "to" && second == "the") return rest_.find("power") != std::string_view::npos;
    if (OneOf(word, {"over", "in", "by", "of", "below", "above", "point", "base", "r"})) {
      return NumberAt(rest_, next);
    }
    return false;
  }

  // A letter alone: an article, a unit or a variable.
  bool Letter(size_t at, bool attached) {
    const char letter = rest_[at];
    if (!attached && (letter == 'a' || letter == 'I')) return false;
    const bool ends =
        !IsLetter(At(at + 1)) && !IsDigit(At(at + 1)) &&
        std::string_view("^_+-*/=(").find(At(SkipSpaces(rest_, at + 1))) == std::string_view::npos;
    const bool number = !text_.empty() && IsDigit(text_.back());
    if (ends && number && std::string_view("mgshlL").find(letter) != std::string_view::npos) {
      text_ += std::string("\\text{ ") + letter + "}";
      at_ = at + 1;
      return true;
    }
    return TakeRun(at);
  }

  // 2 hours 30 minutes, 5 feet, 3 inches
  bool WithUnit(size_t end) {
    Take(end);
    size_t next = SkipSpaces(rest_, at_);
    if (At(next) == ',') next = SkipSpaces(rest_, next + 1);
    const std::string_view word = LettersAt(rest_, next);
    const bool joins = word == "and" || word == "or" || word == "to";
    if (joins) next = SkipSpaces(rest_, next + word.size());
    if (!NumberAt(rest_, next)) return false;
    const size_t size = StartsMath(rest_, next) ? MathRunSize(rest_.substr(next), true)
                                                : ScanWordNumber(rest_.substr(next)).size;
    const size_t unit = SkipSpaces(rest_, next + size);
    const std::string_view name = LettersAt(rest_, unit);
    // 5 dollars, 3 of which ..: the second number is none of the answer.
    if (size == 0 || (!joins && (name.size() < 2 || CanonicalUnit(name).empty()))) return false;
    Take(next + size);
    return true;
  }

  // 5 apples and 6 oranges
  bool Noun(size_t at) {
    for (int words = 0; words < 3; ++words) {
      const std::string_view word = LettersAt(rest_, at);
      const size_t next = SkipSpaces(rest_, at + word.size());
      if (IsCondition(word) && HasOtherCase(rest_, next, word)) return Spoil(at);
      if (word.empty() || EndsNoun(word)) return false;
      const std::string_view joiner = LettersAt(rest_, next);
      if (joiner == "and" || joiner == "or") {
        const size_t number = SkipSpaces(rest_, next + joiner.size());
        const bool counted = IsDigit(At(number)) || NumberWord(LettersAt(rest_, number)) >= 0 ||
                             (At(number) == '$' && IsDigit(At(number + 1)));
        return counted ? Spoil(number) : false;
      }
      if (next == at + word.size()) return false;
      at = next;
    }
    return false;
  }

  std::string text_;
  std::string_view rest_;
  size_t at_ = 0;
};

}  // namespace

std::string PlainProse(std::string_view text) {
  std::string out;
  for (size_t at = 0; at < text.size();) {
    const std::string_view two = text.substr(at, 2);
    const bool power = two == "**" && at > 0 && IsDigit(text[at - 1]) && at + 2 < text.size() &&
                       IsDigit(text[at + 2]);
    if ((two == "**" && !power) || two == "\\(" || two == "\\)" || two == "\\[" || two == "\\]") {
      at += 2;
      continue;
    }
    if (power) out += text[at++];
    out += text[at++];
  }
  return out;
}

Continued WithContinuation(std::string answer, std::string_view rest) {
  return Continuation(std::move(answer), rest).Run();
}

}  // namespace ebb::prose_parts
