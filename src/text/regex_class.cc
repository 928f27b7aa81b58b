#include "text/regex_class.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstring>
#include <utility>

#include "text/unicode_tables.h"

namespace ebb {
namespace {

// Any character at all, also a newline.
constexpr std::string_view kAny = "(?s:.)";

constexpr std::array<std::string_view, 29> kCategories = {
    "Lu", "Ll", "Lt", "Lm", "Lo", "Mn", "Mc", "Me", "Nd", "Nl", "No", "Pc", "Pd", "Ps", "Pe",
    "Pi", "Pf", "Po", "Sm", "Sc", "Sk", "So", "Zs", "Zl", "Zp", "Cc", "Cf", "Co", "Cs"};

constexpr std::array<std::pair<std::string_view, std::string_view>, 7> kLongNames = {
    {{"letter", "L"},
     {"mark", "M"},
     {"number", "N"},
     {"punctuation", "P"},
     {"symbol", "S"},
     {"separator", "Z"},
     {"other", "C"}}};

constexpr std::array<std::string_view, 22> kScripts = {
    "Arabic",    "Armenian", "Bengali", "Cyrillic", "Devanagari", "Ethiopic", "Georgian", "Greek",
    "Han",       "Hangul",   "Hebrew",  "Hiragana", "Katakana",   "Khmer",    "Lao",      "Latin",
    "Mongolian", "Myanmar",  "Tamil",   "Telugu",   "Thai",       "Tibetan"};

// Names are compared as Oniguruma does: without case, spaces, hyphens and underscores.
std::string Simplified(std::string_view name) {
  std::string simple;
  for (const char c : name) {
    if (c == ' ' || c == '-' || c == '_') continue;
    simple.push_back(static_cast<char>(std::tolower(static_cast<unsigned char>(c))));
  }
  return simple;
}

template <typename Names>
std::string_view FindName(const Names& names, const std::string& simple) {
  for (const std::string_view name : names) {
    if (Simplified(name) == simple) return name;
  }
  return {};
}

std::string Escaped(char32_t c) { return fmt::format("\\x{{{:X}}}", static_cast<uint32_t>(c)); }

}  // namespace

void CharSet::AddRange(char32_t first, char32_t last) {
  body_ += Escaped(first);
  if (last != first) body_.append("-").append(Escaped(last));
}

void CharSet::AddProperty(std::string_view property) {
  const bool is_script = property.size() > 2;
  body_ += fmt::format("\\p{{{}{}}}", is_script ? "sc:" : "", property);
  for (const PropertyRange& range : PropertyAdditions()) {
    const std::string_view name = range.property;
    const bool belongs =
        name == property || (property.size() == 1 && name.size() == 2 && name[0] == property[0]);
    if (belongs) AddRange(range.first, range.last);
  }
}

void CharSet::AddSet(const CharSet& other) {
  if (other.negated_) {
    matchers_.push_back(other.ToPattern());
    return;
  }
  body_ += other.body_;
  matchers_.insert(matchers_.end(), other.matchers_.begin(), other.matchers_.end());
}

CharSet CharSet::Negated() const {
  CharSet negated = *this;
  negated.negated_ = !negated_;
  return negated;
}

CharSet CharSet::Intersection(const CharSet& a, const CharSet& b) {
  CharSet both;
  both.matchers_.push_back(fmt::format("(?:(?={}){})", b.ToPattern(), a.ToPattern()));
  return both;
}

std::string CharSet::ToPattern() const {
  if (matchers_.empty()) {
    if (body_.empty()) return negated_ ? std::string(kAny) : "(?:(?!))";
    return fmt::format("[{}{}]", negated_ ? "^" : "", body_);
  }
  std::string any_of = body_.empty() ? "" : fmt::format("[{}]", body_);
  for (const std::string& matcher : matchers_) {
    if (!any_of.empty()) any_of += "|";
    any_of += matcher;
  }
  return negated_ ? fmt::format("(?:(?!{}){})", any_of, kAny) : fmt::format("(?:{})", any_of);
}

// \s is spelled out because PCRE2's own includes U+180E, which is no longer a space.
CharSet CharSet::Whitespace() {
  CharSet set;
  for (const auto& [first, last] : {std::pair<char32_t, char32_t>{'\t', '\r'},
                                    {0x20, 0x20},
                                    {0x85, 0x85},
                                    {0xA0, 0xA0},
                                    {0x1680, 0x1680},
                                    {0x2000, 0x200A},
                                    {0x2028, 0x2029},
                                    {0x202F, 0x202F},
                                    {0x205F, 0x205F},
                                    {0x3000, 0x3000}}) {
    set.AddRange(first, last);
  }
  return set;
}

CharSet CharSet::Digits() {
  CharSet set;
  set.AddProperty("Nd");
  return set;
}

// Letters, marks, digits, letter numbers, connectors, and the circled and squared letters, which
// are symbols.
CharSet CharSet::Word(bool in_class) {
  CharSet set;
  for (const std::string_view property : {"L", "M", "Nd", "Nl", "Pc"}) set.AddProperty(property);
  for (const auto& [first, last] : {std::pair<char32_t, char32_t>{0x24B6, 0x24E9},
                                    {0x1F130, 0x1F149},
                                    {0x1F150, 0x1F169},
                                    {0x1F170, 0x1F189}}) {
    set.AddRange(first, last);
  }
  if (!in_class) {
    set.AddRange(0xB2, 0xB3);
    set.AddRange(0xB9, 0xB9);
    set.AddRange(0xBC, 0xBE);
  }
  return set;
}

CharSet CharSet::HexDigits() {
  CharSet set;
  set.AddRange('0', '9');
  set.AddRange('A', 'F');
  set.AddRange('a', 'f');
  return set;
}

Result<CharSet> CharSet::Property(std::string_view name, const std::string& where) {
  const bool negated = !name.empty() && name[0] == '^';
  std::string simple = Simplified(negated ? name.substr(1) : name);
  for (const auto& [long_name, short_name] : kLongNames) {
    if (simple == long_name) simple = Simplified(short_name);
  }
  CharSet set;
  if (simple == "c" || simple == "cn") {
    // New characters have left these two, so they are written as what the others do not hold.
    for (const std::string_view major : {"L", "M", "N", "P", "S", "Z"}) set.AddProperty(major);
    if (simple == "cn") {
      for (const std::string_view other : {"Cc", "Cf", "Co", "Cs"}) set.AddProperty(other);
    }
    return negated ? set : set.Negated();
  }
  if (simple.size() == 1 && std::strchr("lmnpsz", simple[0]) != nullptr) {
    const char upper = static_cast<char>(std::toupper(static_cast<unsigned char>(simple[0])));
    set.AddProperty(std::string_view(&upper, 1));
  } else if (const std::string_view category = FindName(kCategories, simple); !category.empty()) {
    set.AddProperty(category);
  } else if (const std::string_view script = FindName(kScripts, simple); !script.empty()) {
    set.AddProperty(script);
  } else {
    return MakeError(ErrorCode::kUnsupported, where, "character property \"{}\" in a pattern",
                     name);
  }
  return negated ? set.Negated() : set;
}

}  // namespace ebb
