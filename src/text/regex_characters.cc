#include <cctype>

#include "text/regex_translator.h"

namespace ebb {

// What follows a backslash, which has been read.
Result<RegexTranslator::Unit> RegexTranslator::Escape(bool in_class, bool ignore_case) {
  if (AtEnd()) return Malformed("a backslash at the end");
  const char32_t c = Next();
  const auto set = [](const CharSet& members, bool negated) {
    return Unit{std::nullopt, negated ? members.Negated() : members};
  };
  switch (c) {
    case 't':
      return Unit{U'\t', {}};
    case 'n':
      return Unit{U'\n', {}};
    case 'r':
      return Unit{U'\r', {}};
    case 'f':
      return Unit{U'\f', {}};
    case 'v':
      return Unit{U'\v', {}};
    case 'a':
      return Unit{U'\a', {}};
    case 'e':
      return Unit{char32_t{0x1B}, {}};
    case 's':
    case 'S':
      return set(CharSet::Whitespace(), c == 'S');
    case 'd':
    case 'D':
      return set(CharSet::Digits(), c == 'D');
    case 'w':
    case 'W':
      return set(CharSet::Word(in_class), c == 'W');
    case 'h':
    case 'H':
      return set(CharSet::HexDigits(), c == 'H');
    case 'p':
    case 'P': {
      EBB_TRY_ASSIGN(const CharSet members, PropertyEscape(c == 'P', ignore_case));
      return Unit{std::nullopt, members};
    }
    case 'x': {
      EBB_TRY_ASSIGN(const char32_t code_point, HexEscape(false, 2));
      return Unit{code_point, {}};
    }
    case 'u': {
      EBB_TRY_ASSIGN(const char32_t code_point, HexEscape(true, 4));
      return Unit{code_point, {}};
    }
    case 'b':
      if (in_class) return Unit{U'\b', {}};
      break;
    default:
      break;
  }
  if (IsAsciiLetter(c) || IsAsciiDigit(c)) {
    return Unsupported(fmt::format("\\{}", static_cast<char>(c)));
  }
  return Unit{c, {}};
}

// \xHH, \x{H...} or \uHHHH; two digits are one byte, so above 7F they are half a character.
Result<char32_t> RegexTranslator::HexEscape(bool is_u, size_t digits) {
  const bool braces = !is_u && Skip("{");
  const size_t max_digits = braces ? 6 : digits;
  char32_t value = 0;
  size_t count = 0;
  for (; count < max_digits && !AtEnd(); ++count) {
    const char32_t c = Peek();
    if (c >= 0x80 || std::isxdigit(static_cast<int>(c)) == 0) break;
    Next();
    value = value * 16 + (IsAsciiDigit(c) ? c - '0' : (c | 0x20) - 'a' + 10);
  }
  if (count == 0 || (is_u && count != digits) || (braces && !Skip("}"))) {
    return Malformed("a bad hexadecimal escape");
  }
  if (value > 0x10FFFF || (value >= 0xD800 && value < 0xE000)) {
    return Malformed("an escape that is no character");
  }
  if (!is_u && !braces && value > 0x7F) return Unsupported("a byte escape above \\x7F");
  return value;
}

Result<CharSet> RegexTranslator::PropertyEscape(bool negated, bool ignore_case) {
  if (ignore_case) return Unsupported("a character property under (?i)");
  if (!Skip("{")) return Unsupported("\\p without braces");
  const size_t end = pattern_.find('}', at_);
  if (end == std::string_view::npos) return Malformed("\\p{ without its }");
  EBB_TRY_ASSIGN(const CharSet set, CharSet::Property(pattern_.substr(at_, end - at_), where_));
  at_ = end + 1;
  return negated ? set.Negated() : set;
}

// The inside of [...], whose opening bracket has been read. && separates what is intersected.
Result<CharSet> RegexTranslator::Class(int depth, bool ignore_case) {
  if (depth > kMaxDepth) return Unsupported("classes nested this deep");
  const bool negated = Skip("^");
  std::optional<CharSet> intersected;
  CharSet set;
  if (Skip("]")) set.AddRange(']', ']');  // the first ] is an ordinary character
  while (true) {
    if (AtEnd()) return Malformed("a class without its ]");
    if (Skip("]")) break;
    if (Skip("&&")) {
      intersected = intersected ? CharSet::Intersection(*intersected, set) : set;
      set = CharSet();
      continue;
    }
    EBB_TRY(ClassItem(depth, ignore_case, &set));
  }
  if (intersected) set = CharSet::Intersection(*intersected, set);
  return negated ? set.Negated() : set;
}

// A character, a range, an escape or a nested class.
Status RegexTranslator::ClassItem(int depth, bool ignore_case, CharSet* set) {
  if (Sees("[:")) return Unsupported("a POSIX bracket");
  if (Skip("[")) {
    EBB_TRY_ASSIGN(const CharSet nested, Class(depth + 1, ignore_case));
    set->AddSet(nested);
    return {};
  }
  const auto read = [&]() -> Result<Unit> {
    if (Skip("\\")) return Escape(true, ignore_case);
    return Unit{Next(), {}};
  };
  EBB_TRY_ASSIGN(const Unit first, read());
  const bool range_follows = Sees("-") && !Sees("-]");
  if (!first.character) {
    if (range_follows) return Malformed("a range that starts with a set");
    set->AddSet(first.set);
    return {};
  }
  char32_t last = *first.character;
  if (range_follows) {
    Skip("-");
    if (Sees("[") || Sees("&&")) return Unsupported("a range before [ or && in a class");
    if (AtEnd()) return Malformed("a class without its ]");
    EBB_TRY_ASSIGN(const Unit end, read());
    if (!end.character) return Malformed("a range that ends with a set");
    last = *end.character;
    if (last < *first.character) return Malformed("a range from a later to an earlier character");
    if (Sees("--")) return Unsupported("-- after a range in a class");
  }
  EBB_TRY(CheckCase(last, ignore_case));
  set->AddRange(*first.character, last);
  return {};
}

}  // namespace ebb
