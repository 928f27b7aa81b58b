#include "text/jinja_lexer.h"

#include <array>
#include <limits>
#include <utility>

#include "text/unicode.h"
#include "text/utf8.h"

namespace ebb {
namespace {

constexpr std::array<std::string_view, 26> kOperators = {
    "**", "//", "==", "!=", "<=", ">=", "+", "-", "*", "/", "%", "~", "<",
    ">",  "=",  ".",  ":",  ",",  "|",  "(", ")", "[", "]", "{", "}", ";"};

bool IsNameStart(char c) { return ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || c == '_'; }
bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// Python's str.rstrip.
std::string_view WithoutTrailingSpace(std::string_view text) {
  while (!text.empty()) {
    const Utf8Unit unit = ReadValidUtf8Before(text, text.size());
    if (!IsPythonSpace(unit.code_point)) break;
    text.remove_suffix(unit.size_bytes);
  }
  return text;
}

class Lexer {
 public:
  Lexer(std::string_view source, const std::string& where) : source_(source), where_(where) {}

  Result<std::vector<JinjaToken>> Run() {
    while (at_ < source_.size()) EBB_TRY(TextAndTag());
    Add(JinjaToken::Kind::kEnd, "");
    return std::move(tokens_);
  }

 private:
  using Kind = JinjaToken::Kind;

  void Add(Kind kind, std::string_view text) {
    JinjaToken token;
    token.kind = kind;
    token.text = text;
    token.line = line_;
    tokens_.push_back(std::move(token));
  }
  tl::unexpected<Error> Fail(ErrorCode code, std::string_view problem) const {
    return MakeError(code, where_, "chat template, line {}: {}", line_, problem);
  }
  bool Sees(std::string_view text) const { return source_.substr(at_).starts_with(text); }
  void Advance(size_t bytes) {
    for (const char c : source_.substr(at_, bytes)) line_ += c == '\n';
    at_ += bytes;
  }

  // The text up to the next tag, and the tag.
  Status TextAndTag() {
    size_t tag = at_;
    while (true) {
      tag = source_.find('{', tag);
      if (tag == std::string_view::npos || tag + 1 >= source_.size()) {
        AddText(source_.substr(at_));
        at_ = source_.size();
        return {};
      }
      const char second = source_[tag + 1];
      if (second == '%' || second == '{' || second == '#') break;
      ++tag;
    }
    const char kind = source_[tag + 1];
    const char sign = tag + 2 < source_.size() ? source_[tag + 2] : '\0';
    std::string_view text = source_.substr(at_, tag - at_);
    if (sign == '-') {
      text = WithoutTrailingSpace(text);
    } else if (sign != '+' && kind != '{') {
      text = WithoutIndent(text);
    }
    AddText(text);
    Advance(tag - at_ + 2);
    if (sign == '-' || sign == '+') Advance(1);
    if (kind == '#') return Comment();
    Add(kind == '%' ? Kind::kBlockBegin : Kind::kPrintBegin, "");
    return Inside(kind == '%');
  }

  void AddText(std::string_view text) {
    if (!text.empty()) Add(Kind::kText, text);
  }

  // lstrip_blocks: nothing but space between a line's start and the tag.
  std::string_view WithoutIndent(std::string_view text) const {
    const size_t newline = text.rfind('\n');
    const size_t line_start = newline == std::string_view::npos ? 0 : newline + 1;
    if (line_start == 0 && !at_line_start_) return text;
    const bool only_space = WithoutTrailingSpace(text).size() <= line_start;
    return only_space ? text.substr(0, line_start) : text;
  }

  Status Comment() {
    const size_t end = source_.find("#}", at_);
    if (end == std::string_view::npos)
      return Fail(ErrorCode::kCorrupt, "a comment without its end");
    const char sign = end > at_ ? source_[end - 1] : '\0';
    Advance(end - at_ + 2);
    EndTag(sign, /*is_block=*/true);
    return {};
  }

  // What the end of a tag does to the text after it.
  void EndTag(char sign, bool is_block) {
    const size_t begin = at_;
    if (sign == '-') {
      while (at_ < source_.size() && IsPythonSpace(ReadValidUtf8(source_, at_).code_point)) {
        Advance(ReadValidUtf8(source_, at_).size_bytes);
      }
    } else if (sign != '+' && is_block && Sees("\n")) {
      Advance(1);
    }
    at_line_start_ = at_ > begin && source_[at_ - 1] == '\n';
  }

  // The tokens of a tag, and its end.
  Status Inside(bool is_block) {
    const std::string_view end = is_block ? "%}" : "}}";
    int open_brackets = 0;
    while (true) {
      while (at_ < source_.size() && IsPythonSpace(ReadValidUtf8(source_, at_).code_point)) {
        Advance(ReadValidUtf8(source_, at_).size_bytes);
      }
      if (at_ >= source_.size()) return Fail(ErrorCode::kCorrupt, "a tag without its end");
      const char c = source_[at_];
      const bool has_sign =
          (c == '-' || (c == '+' && is_block)) && source_.substr(at_ + 1).starts_with(end);
      if (open_brackets == 0 && (has_sign || Sees(end))) {
        Advance(end.size() + (has_sign ? 1 : 0));
        Add(is_block ? Kind::kBlockEnd : Kind::kPrintEnd, "");
        EndTag(has_sign ? c : '\0', is_block);
        return {};
      }
      if (c == '(' || c == '[' || c == '{') ++open_brackets;
      if ((c == ')' || c == ']' || c == '}') && --open_brackets < 0) {
        return Fail(ErrorCode::kCorrupt, "a closing bracket without its opening one");
      }
      EBB_TRY(Token());
    }
  }

  Status Token() {
    const char c = source_[at_];
    if (IsNameStart(c)) {
      size_t end = at_;
      while (end < source_.size() && (IsNameStart(source_[end]) || IsDigit(source_[end]))) ++end;
      Add(Kind::kName, source_.substr(at_, end - at_));
      at_ = end;
      return {};
    }
    if (IsDigit(c)) return Integer();
    if (c == '\'' || c == '"') return String(c);
    for (const std::string_view op : kOperators) {
      if (!Sees(op)) continue;
      Add(Kind::kOperator, op);
      at_ += op.size();
      return {};
    }
    return Fail(ErrorCode::kCorrupt, "an unexpected character in a tag");
  }

  Status Integer() {
    int64_t value = 0;
    while (at_ < source_.size() && (IsDigit(source_[at_]) || source_[at_] == '_')) {
      if (value > std::numeric_limits<int32_t>::max()) {
        return Fail(ErrorCode::kUnsupported, "so large a number");
      }
      if (source_[at_] != '_') value = value * 10 + (source_[at_] - '0');
      ++at_;
    }
    const bool is_float =
        at_ + 1 < source_.size() && source_[at_] == '.' && IsDigit(source_[at_ + 1]);
    if (is_float) return Fail(ErrorCode::kUnsupported, "a floating-point number");
    Add(Kind::kInteger, "");
    tokens_.back().number = value;
    return {};
  }

  Status String(char quote) {
    std::string value;
    const size_t line = line_;
    Advance(1);
    while (true) {
      if (at_ >= source_.size()) return Fail(ErrorCode::kCorrupt, "a string without its end");
      const char c = source_[at_];
      Advance(1);
      if (c == quote) break;
      if (c != '\\') {
        value.push_back(c);
        continue;
      }
      EBB_TRY(StringEscape(&value));
    }
    Add(Kind::kString, value);
    tokens_.back().line = line;
    return {};
  }

  // After a backslash: Python's escapes. What is none stays as it is, with its backslash.
  Status StringEscape(std::string* value) {
    if (at_ >= source_.size()) return Fail(ErrorCode::kCorrupt, "a string without its end");
    const char c = source_[at_];
    Advance(1);
    static constexpr std::string_view kFrom = "\\'\"nrtabfv";
    static constexpr std::string_view kTo = "\\'\"\n\r\t\a\b\f\v";
    const size_t simple = kFrom.find(c);
    if (simple != std::string_view::npos) {
      value->push_back(kTo[simple]);
      return {};
    }
    if (c == '\n') return {};  // a backslash at the end of a line joins the lines
    if (c == 'x' || c == 'u' || c == 'U' || c == 'N' || IsDigit(c)) {
      return Fail(ErrorCode::kUnsupported, fmt::format("the escape \\{} in a string", c));
    }
    value->push_back('\\');
    value->push_back(c);
    return {};
  }

  std::string_view source_;
  const std::string& where_;
  size_t at_ = 0;
  size_t line_ = 1;
  bool at_line_start_ = true;
  std::vector<JinjaToken> tokens_;
};

}  // namespace

Result<std::vector<JinjaToken>> LexJinja(std::string_view source, const std::string& where) {
  std::string lines;  // every kind of line end as \n
  for (size_t at = 0; at < source.size(); ++at) {
    if (source[at] == '\r' && source.substr(at + 1).starts_with('\n')) continue;
    lines.push_back(source[at] == '\r' ? '\n' : source[at]);
  }
  if (lines.ends_with('\n')) lines.pop_back();
  return Lexer(lines, where).Run();
}

}  // namespace ebb
