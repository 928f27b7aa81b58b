// The parser behind TranslateRegex: groups and quantifiers are in regex_translate.cc, escapes and
// classes in regex_characters.cc.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "text/regex_class.h"
#include "text/utf8.h"

namespace ebb {

inline bool IsAsciiLetter(char32_t c) { return (c | 0x20) >= 'a' && (c | 0x20) <= 'z'; }
inline bool IsAsciiDigit(char32_t c) { return c >= '0' && c <= '9'; }

class RegexTranslator {
 public:
  RegexTranslator(std::string_view pattern, const std::string& where)
      : pattern_(pattern), where_(where) {}

  Result<std::string> Run() {
    std::string out;
    EBB_TRY(Alternatives(0, false, &out));
    if (!AtEnd()) return Malformed("a closing parenthesis without its opening one");
    return out;
  }

 private:
  static constexpr int kMaxDepth = 100;
  static constexpr uint32_t kMaxRepeat = 65535;  // PCRE2's own limit

  // A parsed unit: one character, or a set of them.
  struct Unit {
    std::optional<char32_t> character;
    CharSet set;
  };

  // --- reading ---
  bool AtEnd() const { return at_ >= pattern_.size(); }
  char32_t Peek() const { return AtEnd() ? 0 : ReadValidUtf8(pattern_, at_).code_point; }
  bool Sees(std::string_view text) const { return pattern_.substr(at_).starts_with(text); }
  bool Skip(std::string_view text) {
    if (!Sees(text)) return false;
    at_ += text.size();
    return true;
  }
  char32_t Next() {
    const Utf8Unit unit = ReadValidUtf8(pattern_, at_);
    at_ += unit.size_bytes;
    return unit.code_point;
  }

  tl::unexpected<Error> Malformed(std::string_view problem) const {
    return MakeError(ErrorCode::kCorrupt, where_, "pattern: {} at byte {}", problem, at_);
  }
  tl::unexpected<Error> Unsupported(std::string_view what) const {
    return MakeError(ErrorCode::kUnsupported, where_, "{} in a pattern, at byte {}", what, at_);
  }

  // --- the grammar; the functions append to `out` ---
  Status Alternatives(int depth, bool ignore_case, std::string* out);
  Status Term(int depth, bool ignore_case, std::string* out);
  Status Group(int depth, bool ignore_case, std::string* out);
  Status OptionGroup(int depth, bool ignore_case, std::string* out);
  Status GroupBody(std::string_view opening, int depth, bool ignore_case, std::string* out);
  Result<std::string> Quantified(std::string atom);
  Result<std::string> Repeat();
  Result<Unit> Escape(bool in_class, bool ignore_case);
  Result<char32_t> HexEscape(bool is_u, size_t digits);
  Result<CharSet> PropertyEscape(bool negated, bool ignore_case);
  Result<CharSet> Class(int depth, bool ignore_case);
  Status ClassItem(int depth, bool ignore_case, CharSet* set);
  Status CheckCase(char32_t c, bool ignore_case) const;
  Status CheckLigature(char32_t before, char32_t c);
  static std::string Anchor(std::string_view anchor);

  std::string_view pattern_;
  const std::string& where_;
  size_t at_ = 0;
  char32_t previous_literal_ = 0;  // the unquantified literal just before, under (?i)
};

}  // namespace ebb
