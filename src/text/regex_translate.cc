#include "text/regex_translate.h"

#include <algorithm>
#include <cctype>
#include <utility>

#include "text/regex_translator.h"

namespace ebb {
namespace {

std::string EscapedLiteral(char32_t c) {
  std::string literal;
  if (c < 0x80 && !IsAsciiLetter(c) && !IsAsciiDigit(c)) {
    return fmt::format("\\x{{{:X}}}", static_cast<uint32_t>(c));
  }
  AppendUtf8(c, &literal);
  return literal;
}

}  // namespace

Status RegexTranslator::Alternatives(int depth, bool ignore_case, std::string* out) {
  if (depth > kMaxDepth) return Unsupported("groups nested this deep");
  while (!AtEnd() && Peek() != ')') {
    if (Skip("|")) {
      out->push_back('|');
      previous_literal_ = 0;
      continue;
    }
    EBB_TRY(Term(depth, ignore_case, out));
  }
  return {};
}

// One atom with its quantifiers, an anchor, or a group.
Status RegexTranslator::Term(int depth, bool ignore_case, std::string* out) {
  const char32_t before = std::exchange(previous_literal_, 0);
  if (Sees("(")) return Group(depth, ignore_case, out);
  const char32_t c = Peek();
  if (c == '*' || c == '+' || c == '?') return Malformed("a quantifier with nothing to repeat");
  if (c == '^' || c == '$') {
    out->push_back(static_cast<char>(Next()));
    return {};
  }
  for (const std::string_view anchor : {"\\A", "\\z", "\\Z", "\\b", "\\B"}) {
    if (!Skip(anchor)) continue;
    *out += Anchor(anchor);
    return {};
  }
  std::string atom;
  std::optional<char32_t> literal;
  if (Skip(".")) {
    atom = ".";
  } else if (Skip("[")) {
    EBB_TRY_ASSIGN(const CharSet set, Class(depth + 1, ignore_case));
    atom = set.ToPattern();
  } else if (Skip("\\")) {
    EBB_TRY_ASSIGN(const Unit unit, Escape(false, ignore_case));
    literal = unit.character;
    if (!literal) atom = unit.set.ToPattern();
  } else {
    literal = Next();
  }
  if (literal) {
    EBB_TRY(CheckCase(*literal, ignore_case));
    atom = EscapedLiteral(*literal);
  }
  const size_t atom_size = atom.size();
  EBB_TRY_ASSIGN(const std::string quantified, Quantified(std::move(atom)));
  const bool alone = quantified.size() == atom_size;
  if (ignore_case && literal && alone) EBB_TRY(CheckLigature(before, *literal));
  *out += quantified;
  return {};
}

// Under (?i) Oniguruma also folds several characters to one ("ss" matches a sharp s), and PCRE2
// does not. Where the two could differ, the pattern is refused.
Status RegexTranslator::CheckLigature(char32_t before, char32_t c) {
  const char32_t lower = IsAsciiLetter(c) ? (c | 0x20) : c;
  const bool is_ligature = (before == 's' && (lower == 's' || lower == 't')) ||
                           (before == 'f' && (lower == 'f' || lower == 'i' || lower == 'l'));
  if (is_ligature) return Unsupported("a ligature's letters (ss, st, ff, fi, fl) under (?i)");
  previous_literal_ = lower;
  return {};
}

Status RegexTranslator::CheckCase(char32_t c, bool ignore_case) const {
  if (!ignore_case || c < 0x80) return {};
  return Unsupported("a character outside ASCII under (?i)");
}

Status RegexTranslator::GroupBody(std::string_view opening, int depth, bool ignore_case,
                                  std::string* out) {
  *out += opening;
  previous_literal_ = 0;
  EBB_TRY(Alternatives(depth + 1, ignore_case, out));
  previous_literal_ = 0;
  if (!Skip(")")) return Malformed("a group without its closing parenthesis");
  out->push_back(')');
  return {};
}

Status RegexTranslator::Group(int depth, bool ignore_case, std::string* out) {
  for (const std::string_view look : {"(?=", "(?!", "(?<=", "(?<!"}) {
    if (!Skip(look)) continue;
    EBB_TRY(GroupBody(look, depth, ignore_case, out));
    const char32_t c = Peek();
    if (c == '*' || c == '+' || c == '?' || c == '{') return Unsupported("a repeated lookaround");
    return {};
  }
  if (Skip("(?#")) {
    const size_t end = pattern_.find(')', at_);
    if (end == std::string_view::npos) return Malformed("a comment without its end");
    at_ = end + 1;
    return {};
  }
  std::string_view opening = "(?:";
  if (Skip("(?>")) {
    opening = "(?>";
  } else if (!Skip("(?:")) {
    if (Skip("(?")) return OptionGroup(depth, ignore_case, out);
    Skip("(");  // nothing refers to a group by number, so none captures
  }
  std::string group;
  EBB_TRY(GroupBody(opening, depth, ignore_case, &group));
  EBB_TRY_ASSIGN(const std::string quantified, Quantified(std::move(group)));
  *out += quantified;
  return {};
}

// (?i:...) and (?i). The latter holds to the end of its group, over | too: a(?i)b|c is a(?i:b|c).
Status RegexTranslator::OptionGroup(int depth, bool ignore_case, std::string* out) {
  std::string options;
  bool on = true;
  while (!AtEnd() && Peek() != ')' && Peek() != ':') {
    const char32_t c = Next();
    if (c == '-') {
      on = false;
      options.push_back('-');
    } else if (c == 'i') {
      ignore_case = on;
      options.push_back('i');
    } else if (c == 'm') {
      options.push_back('s');  // Ruby's m is what others call s: a dot matches a newline too
    } else {
      return Unsupported("this kind of group");
    }
  }
  const std::string opening = fmt::format("(?{}:", options);
  if (Skip(":")) {
    std::string group;
    EBB_TRY(GroupBody(opening, depth, ignore_case, &group));
    EBB_TRY_ASSIGN(const std::string quantified, Quantified(std::move(group)));
    *out += quantified;
    return {};
  }
  if (!Skip(")")) return Malformed("a group without its closing parenthesis");
  *out += opening;
  EBB_TRY(Alternatives(depth + 1, ignore_case, out));
  out->push_back(')');
  return {};
}

// Appends all quantifiers that follow. A second one repeats what the first one repeats.
Result<std::string> RegexTranslator::Quantified(std::string atom) {
  for (int count = 0;; ++count) {
    EBB_TRY_ASSIGN(const std::string repeat, Repeat());
    if (repeat.empty()) return atom;
    if (count > 8) return Unsupported("so many quantifiers on one another");
    atom = count == 0 ? atom + repeat : fmt::format("(?:{}){}", atom, repeat);
  }
}

// The quantifier here, in PCRE2's form, or nothing.
Result<std::string> RegexTranslator::Repeat() {
  std::string repeat;
  if (Sees("*") || Sees("+") || Sees("?")) {
    repeat.push_back(static_cast<char>(Next()));
    if (Sees("?") || Sees("+")) repeat.push_back(static_cast<char>(Next()));
    return repeat;
  }
  if (!Sees("{")) return repeat;
  // {n} {n,} {n,m} {,m}; any other brace is an ordinary character.
  size_t at = at_ + 1;
  const auto number = [&]() -> std::optional<uint32_t> {
    std::optional<uint32_t> value;
    for (; at < pattern_.size() && IsAsciiDigit(static_cast<uint8_t>(pattern_[at])); ++at) {
      value = std::min(value.value_or(0) * 10 + static_cast<uint32_t>(pattern_[at] - '0'),
                       kMaxRepeat + 1);
    }
    return value;
  };
  const std::optional<uint32_t> low = number();
  const bool has_comma = at < pattern_.size() && pattern_[at] == ',';
  if (has_comma) ++at;
  const std::optional<uint32_t> high = has_comma ? number() : low;
  if (at >= pattern_.size() || pattern_[at] != '}' || (!low && !high)) return repeat;
  at_ = at + 1;
  if (low.value_or(0) > kMaxRepeat || high.value_or(0) > kMaxRepeat) {
    return Unsupported("so large a repeat count");
  }
  if (low && high && *low > *high) return Unsupported("a repeat count from more to fewer");
  if (!has_comma) return fmt::format("{{{}}}", *low);  // {n}? is not lazy but a further ?
  repeat = high ? fmt::format("{{{},{}}}", low.value_or(0), *high) : fmt::format("{{{},}}", *low);
  if (Skip("?")) repeat.push_back('?');
  return repeat;
}

std::string RegexTranslator::Anchor(std::string_view anchor) {
  const bool is_boundary = anchor == "\\b";
  if (!is_boundary && anchor != "\\B") return std::string(anchor);
  const std::string word = CharSet::Word(/*in_class=*/false).ToPattern();
  return fmt::format("(?:(?<={0})(?{1}{0})|(?<!{0})(?{2}{0}))", word, is_boundary ? '!' : '=',
                     is_boundary ? '=' : '!');
}

Result<std::string> TranslateRegex(std::string_view pattern, const std::string& where) {
  if (!IsValidUtf8(pattern)) {
    return MakeError(ErrorCode::kCorrupt, where, "pattern: not valid UTF-8");
  }
  return RegexTranslator(pattern, where).Run();
}

std::string EscapeRegex(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    const uint8_t byte = static_cast<uint8_t>(c);
    if (byte < 0x80 && std::isalnum(byte) == 0) {
      escaped += fmt::format("\\x{{{:X}}}", byte);
    } else {
      escaped.push_back(c);
    }
  }
  return escaped;
}

}  // namespace ebb
