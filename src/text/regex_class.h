// Sets of characters for translated patterns: what stands between [ and ], \p{...}, \w and the
// like.
//
// PCRE2 10.42 has no nested or intersected classes, and its Unicode data is older than Oniguruma's.
// A CharSet therefore keeps one PCRE2 class body plus, where needed, further one-character
// matchers, and writes itself as a pattern that consumes exactly one character.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace ebb {

class CharSet {
 public:
  void AddRange(char32_t first, char32_t last);
  void AddSet(const CharSet& other);

  [[nodiscard]] CharSet Negated() const;
  [[nodiscard]] static CharSet Intersection(const CharSet& a, const CharSet& b);

  // A PCRE2 pattern for one character of the set. It is an atom: a quantifier may follow it.
  [[nodiscard]] std::string ToPattern() const;

  [[nodiscard]] static CharSet Whitespace();  // \s
  [[nodiscard]] static CharSet Digits();      // \d
  // \w. By itself (and in \b) Oniguruma's takes the fractions and superscripts of Latin-1 for word
  // characters, within [...] it does not.
  [[nodiscard]] static CharSet Word(bool in_class);
  [[nodiscard]] static CharSet HexDigits();  // \h
  // \p{name}: a general category by its short or long name, or one of the scripts of
  // unicode_tables.h. `name` may start with ^. Anything else is kUnsupported.
  [[nodiscard]] static Result<CharSet> Property(std::string_view name, const std::string& where);

 private:
  void AddProperty(std::string_view property);

  std::string body_;                   // the inside of a PCRE2 class, without brackets
  std::vector<std::string> matchers_;  // patterns for further characters of the set
  bool negated_ = false;
};

}  // namespace ebb
