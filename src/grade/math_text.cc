#include "grade/math_text.h"

#include <algorithm>
#include <array>
#include <span>
#include <utility>

#include "grade/math_spellings.h"
#include "grade/number_scan.h"

namespace ebb {
namespace {

using namespace math_spellings;

std::string_view LettersAt(std::string_view text, size_t at) {
  size_t end = at;
  while (end < text.size() && IsLetter(text[end])) ++end;
  return text.substr(at, end - at);
}

bool EndsInCommand(std::string_view text) {
  size_t i = text.size();
  while (i > 0 && IsLetter(text[i - 1])) --i;
  return i < text.size() && i > 0 && text[i - 1] == '\\';
}

// Exactly three digits at `at`.
bool GroupOfThree(std::string_view text, size_t at) {
  if (at + 3 > text.size()) return false;
  for (size_t i = at; i < at + 3; ++i) {
    if (!IsDigit(text[i])) return false;
  }
  return at + 3 == text.size() || !IsDigit(text[at + 3]);
}

// Marks the dollars that open and close mathematics, as opposed to amounts of money: an opening
// one touches what follows; a closing one touches what precedes and no digit follows it.
std::vector<bool> MathDollars(std::string_view text) {
  std::vector<bool> marked(text.size(), false);
  size_t open = std::string_view::npos;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\') {
      ++i;
      continue;
    }
    if (text[i] != '$') continue;
    const size_t width = i + 1 < text.size() && text[i + 1] == '$' ? 2 : 1;
    const bool after_space = i == 0 || IsSpace(text[i - 1]);
    const bool before_space = i + width >= text.size() || IsSpace(text[i + width]);
    const bool before_digit = i + width < text.size() && IsDigit(text[i + width]);
    const bool closes = open != std::string_view::npos && (width == 2 || !after_space) &&
                        (width == 2 || !before_digit);
    if (closes) {
      for (size_t k = 0; k < width; ++k) marked[i + k] = marked[open + k] = true;
      open = std::string_view::npos;
    } else if (!before_space || width == 2) {
      open = i;
    }
    i += width - 1;
  }
  return marked;
}

// Answers that were escaped twice ("\\frac") get their single backslashes back; in an environment
// "\\" ends a row, unless \begin itself is written so.
std::string SingleBackslashes(std::string_view text) {
  const bool escaped = text.find("\\\\begin") != std::string_view::npos;
  const bool rows = !escaped && text.find("\\begin") != std::string_view::npos;
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    out.push_back(text[i]);
    if (text[i] == '\\' && i + 1 < text.size() && text[i + 1] == '\\') {
      const bool command = i + 2 < text.size() && IsLetter(text[i + 2]);
      if (rows || !(escaped || command)) out.push_back('\\');
      ++i;
    }
  }
  return out;
}

// One pass over the text, appending to out_.
class Cleaner {
 public:
  explicit Cleaner(std::string_view text) : text_(text), dollars_(MathDollars(text)) {}

  std::string Run() {
    while (at_ < text_.size()) {
      if (dollars_[at_]) {
        // $x = 2$ $y = 3$
        const std::string_view before = text_.substr(0, at_);
        if (TrimSpace(before).size() < at_ && at_ > 1 && dollars_[TrimSpace(before).size() - 1]) {
          out_ += kWideSpace;
        }
        ++at_;
      } else if (ThinSpace()) {
      } else if (text_[at_] == '\\') {
        Command();
      } else if (static_cast<unsigned char>(text_[at_]) >= 0x80) {
        Foreign();
      } else {
        Plain();
      }
    }
    return std::move(out_);
  }

 private:
  bool After(std::string_view what) const { return text_.substr(at_).starts_with(what); }

  bool ThinSpace() {
    for (const std::string_view space : kThinSpaces) {
      if (!After(space)) continue;
      at_ += space.size();
      const bool joins = !out_.empty() && IsDigit(out_.back()) && GroupOfThree(text_, at_);
      if (!joins) out_.push_back(' ');
      return true;
    }
    return false;
  }

  void Put(std::string_view text) {
    // A command must not grow by letters that came to stand behind it.
    if (!text.empty() && IsLetter(text[0]) && EndsInCommand(out_)) out_.push_back(' ');
    out_ += text;
  }

  void Command() {
    const std::string_view name = LettersAt(text_, at_ + 1);
    if (name.empty()) {
      Symbol();
      return;
    }
    at_ += 1 + name.size();
    if (std::find(std::begin(kDropped), std::end(kDropped), name) != std::end(kDropped)) {
      // "\left." stands for no bracket at all.
      if ((name == "left" || name == "right") && After(".")) ++at_;
      if (EndsInCommand(out_)) out_.push_back(' ');
      return;
    }
    if (name == "hspace" || name == "phantom" || name == "label" || name == "tag") {
      if (At(at_) == '*') ++at_;
      const size_t end = At(at_) == '{' ? BracketEnd(text_, at_) : std::string_view::npos;
      if (end != std::string_view::npos) at_ = end;
      out_.push_back(' ');
      return;
    }
    for (const auto& [from, to] : kCommands) {
      if (name != from) continue;
      Put(to);
      return;
    }
    out_ += '\\';
    out_ += name;
  }

  char At(size_t i) const { return i < text_.size() ? text_[i] : '\0'; }

  void Symbol() {
    const char c = At(at_ + 1);
    at_ += at_ + 1 < text_.size() ? 2 : 1;
    switch (c) {
      case '!':
        // 1,\!000 is one number, in brackets too; so is 1,\! 000.
        if (!out_.empty() && out_.back() == ',') {
          const size_t next = std::min(text_.find_first_not_of(' ', at_), text_.size());
          if (GroupOfThree(text_, next)) {
            out_.pop_back();
            at_ = next;
          }
        }
        return;
      case ';':
      case ':':
      case '>':
      case ' ':
        out_.push_back(' ');
        return;
      case '$':
      case '%':
      case '#':
      case '&':
        if (c == '&') out_.push_back('\\');
        out_.push_back(c);
        return;
      case '_':
        out_ += "\\_";
        return;
      case '(':
      case ')':
      case '[':
      case ']':
        return;  // delimiters of mathematics
      case '|':
        out_ += "\\|";
        return;
      default:
        out_.push_back('\\');
        if (c != '\0') out_.push_back(c);
    }
  }

  void Foreign() {
    if (After("√")) {
      at_ += std::string_view("√").size();
      const auto number = ScanNumber(text_, at_);
      const size_t size = number ? number->size : 0;
      out_ += "\\sqrt";
      out_.push_back(size > 0 ? '{' : ' ');
      out_ += text_.substr(at_, size);
      if (size > 0) out_.push_back('}');
      at_ += size;
      return;
    }
    if (Shifted(kRaised, "^") || Shifted(kLowered, "_")) return;
    for (const auto& [from, to] : kUnicode) {
      if (!After(from)) continue;
      while (from == "°" && !out_.empty() && out_.back() == ' ') out_.pop_back();
      Put(to);
      at_ += from.size();
      return;
    }
    out_.push_back(text_[at_++]);
  }

  // A run of raised or lowered characters.
  bool Shifted(std::span<const Spelling> characters, std::string_view mark) {
    std::string inside;
    while (true) {
      const auto found =
          std::find_if(characters.begin(), characters.end(),
                       [&](const Spelling& spelling) { return After(spelling.first); });
      if (found == characters.end()) break;
      inside += found->second;
      at_ += found->first.size();
    }
    if (inside.empty()) return false;
    out_ += mark;
    out_.push_back('{');
    out_ += inside;
    out_.push_back('}');
    return true;
  }

  void Plain() {
    constexpr Spelling kAscii[] = {{"<=", "\\le "},    {">=", "\\ge "}, {"!=", "\\ne "},
                                   {"==", "="},        {"**", "^"},     {"{,}", ","},
                                   {"+/-", "\\pm "},   {"~", " "},      {"\t", " "},
                                   {"\n", kWideSpace}, {"\r", " "}};
    for (const auto& [from, to] : kAscii) {
      if (!After(from)) continue;
      at_ += from.size();
      const bool joins =
          from == "{,}" && !out_.empty() && IsDigit(out_.back()) && GroupOfThree(text_, at_);
      if (!joins) Put(to);
      return;
    }
    Put(text_.substr(at_++, 1));
  }

  std::string_view text_;
  std::vector<bool> dollars_;
  size_t at_ = 0;
  std::string out_;
};

// Whether a comma is left out between two texts: "x = 2" and "y = 3", but not "x = 1 + 1" and
// "= 2", which is one chain, or what a word joins.
bool AreTwoEquations(std::string_view left, std::string_view right) {
  left = TrimSpace(left);
  right = TrimSpace(right);
  constexpr std::string_view kOperators = "=+-*/<>,;:&";
  const auto is_equation = [](std::string_view side) {
    return side.find('=') != std::string_view::npos;
  };
  return is_equation(left) && is_equation(right) &&
         kOperators.find(left.back()) == std::string_view::npos &&
         kOperators.find(right.front()) == std::string_view::npos && right.front() != '\\';
}

// Wide spaces outside brackets become the commas that they stand for, all others plain spaces.
std::string WithoutWideSpaces(std::string text) {
  const char wide = kWideSpace[0];
  int depth = 0;
  size_t start = 0;
  for (size_t at = 0; at < text.size(); ++at) {
    if (std::string_view("([{").find(text[at]) != std::string_view::npos) ++depth;
    if (std::string_view(")]}").find(text[at]) != std::string_view::npos) --depth;
    if (CommandAt(text, at, "\\begin")) ++depth;
    if (CommandAt(text, at, "\\end")) --depth;
    if (text[at] != wide) continue;
    const size_t next = text.find_first_not_of(' ', at + 1);
    if (next < text.size() && text[next] == wide) {  // several are one
      text[at] = ' ';
      continue;
    }
    const size_t end = std::min(text.find(wide, at + 1), text.size());
    const std::string_view all = text;
    const bool comma = depth == 0 && AreTwoEquations(all.substr(start, at - start),
                                                     all.substr(at + 1, end - at - 1));
    text[at] = comma ? ',' : ' ';
    start = at + 1;
  }
  return text;
}

}  // namespace

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool IsSpace(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

std::string_view TrimSpace(std::string_view text) {
  while (!text.empty() && IsSpace(text.front())) text.remove_prefix(1);
  while (!text.empty() && IsSpace(text.back())) text.remove_suffix(1);
  return text;
}

std::string LowerAscii(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

std::string CleanMath(std::string_view text) {
  const std::string single = SingleBackslashes(text);
  return WithoutWideSpaces(Cleaner(single).Run());
}

std::string TightText(std::string_view cleaned) {
  const auto joins = [](char c) { return IsDigit(c) || IsLetter(c); };
  std::string out;
  for (size_t i = 0; i < cleaned.size(); ++i) {
    if (!IsSpace(cleaned[i])) {
      out.push_back(cleaned[i]);
      continue;
    }
    size_t next = i;
    while (next < cleaned.size() && IsSpace(cleaned[next])) ++next;
    // A space between two words or numbers separates them; any other says nothing.
    const bool separates = !out.empty() && next < cleaned.size() && joins(out.back()) &&
                           joins(cleaned[next]) &&
                           !(IsDigit(cleaned[next]) && EndsInCommand(out));  // \le 0
    // Nor does "1, 234" become 1,234 or "12. 5" 12.5.
    const auto at = [&](size_t k) { return k < cleaned.size() ? cleaned[k] : '\0'; };
    const char last = out.empty() ? '\0' : out.back();
    const bool comma = out.size() > 1 && last == ',' && IsDigit(out[out.size() - 2]) &&
                       GroupOfThree(cleaned, next);
    const bool groups = IsDigit(last) && at(next) == ',' && GroupOfThree(cleaned, next + 1);
    const bool point = (last == '.' && IsDigit(at(next))) ||
                       (IsDigit(last) && at(next) == '.' && IsDigit(at(next + 1)));
    if (separates || comma || groups || point) out.push_back(' ');
    i = next - 1;
  }
  return out;
}

}  // namespace ebb
