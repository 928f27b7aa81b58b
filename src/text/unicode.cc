#include "text/unicode.h"

#include <utf8proc.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <span>
#include <vector>

#include "text/unicode_tables.h"
#include "text/utf8.h"

namespace ebb {
namespace {

bool Contains(std::span<const CodePointRange> ranges, char32_t c) {
  const auto after = std::upper_bound(
      ranges.begin(), ranges.end(), c,
      [](char32_t value, const CodePointRange& range) { return value < range.first; });
  return after != ranges.begin() && c <= std::prev(after)->last;
}

// Letters, marks and decimal digits that are newer than utf8proc.
bool IsNewWord(char32_t c) {
  if (c < 0x800) return false;
  for (const PropertyRange& range : PropertyAdditions()) {
    const std::string_view name = range.property;
    const bool is_word = name.size() == 2 && (name[0] == 'L' || name[0] == 'M' || name == "Nd");
    if (is_word && c >= range.first && c <= range.last) return true;
  }
  return false;
}

utf8proc_option_t OptionsOf(NormalForm form) {
  int options = UTF8PROC_STABLE;
  const bool compose = form == NormalForm::kNfc || form == NormalForm::kNfkc;
  options |= compose ? UTF8PROC_COMPOSE : UTF8PROC_DECOMPOSE;
  if (form == NormalForm::kNfkc || form == NormalForm::kNfkd) options |= UTF8PROC_COMPAT;
  return static_cast<utf8proc_option_t>(options);
}

uint32_t CombiningClass(char32_t c) {
  return static_cast<uint32_t>(
      utf8proc_get_property(static_cast<utf8proc_int32_t>(c))->combining_class);
}

// utf8proc sorts neighbouring marks by insertion, in quadratic time. A longer run than this is
// sorted here first, so that a hostile text costs n log n.
constexpr size_t kMaxUnsortedMarks = 64;

bool HasLongRunOfMarks(std::string_view text) {
  size_t run = 0;
  for (size_t at = 0; at < text.size();) {
    const Utf8Unit unit = ReadValidUtf8(text, at);
    at += unit.size_bytes;
    run = unit.code_point >= 0x300 && CombiningClass(unit.code_point) != 0 ? run + 1 : 0;
    if (run > kMaxUnsortedMarks) return true;
  }
  return false;
}

// The text decomposed, with its marks in canonical order.
std::string DecomposedAndSorted(std::string_view text, utf8proc_option_t options) {
  const int decompose = (options & ~UTF8PROC_COMPOSE) | UTF8PROC_DECOMPOSE;
  std::vector<char32_t> code_points;
  std::vector<utf8proc_int32_t> parts(32);
  for (size_t at = 0; at < text.size();) {
    const Utf8Unit unit = ReadValidUtf8(text, at);
    at += unit.size_bytes;
    const utf8proc_ssize_t count =
        utf8proc_decompose_char(static_cast<utf8proc_int32_t>(unit.code_point), parts.data(),
                                static_cast<utf8proc_ssize_t>(parts.size()),
                                static_cast<utf8proc_option_t>(decompose), nullptr);
    EBB_CHECK(count >= 0 && static_cast<size_t>(count) <= parts.size());  // at most 18
    code_points.insert(code_points.end(), parts.begin(), parts.begin() + count);
  }
  const auto is_mark = [](char32_t c) { return CombiningClass(c) != 0; };
  for (auto begin = code_points.begin(); begin != code_points.end();) {
    begin = std::find_if(begin, code_points.end(), is_mark);
    const auto end = std::find_if_not(begin, code_points.end(), is_mark);
    std::stable_sort(begin, end,
                     [](char32_t a, char32_t b) { return CombiningClass(a) < CombiningClass(b); });
    begin = end;
  }
  std::string sorted;
  for (const char32_t c : code_points) AppendUtf8(c, &sorted);
  return sorted;
}

struct Free {
  void operator()(utf8proc_uint8_t* data) const { std::free(data); }
};

Status AppendNormalized(std::string_view text, utf8proc_option_t options, std::string* to) {
  std::string sorted;
  if (HasLongRunOfMarks(text)) {
    sorted = DecomposedAndSorted(text, options);
    text = sorted;
  }
  utf8proc_uint8_t* raw = nullptr;
  const utf8proc_ssize_t size =
      utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                   static_cast<utf8proc_ssize_t>(text.size()), &raw, options);
  const std::unique_ptr<utf8proc_uint8_t, Free> data(raw);
  if (size < 0) {
    return MakeError(ErrorCode::kInvalidArgument, "", "the text cannot be normalised: {}",
                     utf8proc_errmsg(size));
  }
  to->append(reinterpret_cast<const char*>(data.get()), static_cast<size_t>(size));
  return {};
}

}  // namespace

bool IsWhitespace(char32_t c) {
  if (c < 0x80) return c == ' ' || (c >= '\t' && c <= '\r');
  return c == 0x85 || c == 0xA0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 ||
         c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

bool IsPythonSpace(char32_t c) { return IsWhitespace(c) || (c >= 0x1C && c <= 0x1F); }

bool IsNumeric(char32_t c) {
  if (c < 0x80) return c >= '0' && c <= '9';
  return Contains(NumericRanges(), c);
}

bool IsPunctuation(char32_t c) { return Contains(PunctuationRanges(), c); }

bool IsMark(char32_t c) { return c >= 0x300 && Contains(MarkRanges(), c); }

bool IsWord(char32_t c) {
  if (c < 0x80) {
    return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || c == '_';
  }
  // Join_Control, and the circled and squared letters, which are symbols but Alphabetic.
  if (c == 0x200C || c == 0x200D || (c >= 0x24B6 && c <= 0x24E9) ||
      (c >= 0x1F130 && c <= 0x1F149) || (c >= 0x1F150 && c <= 0x1F169) ||
      (c >= 0x1F170 && c <= 0x1F189)) {
    return true;
  }
  switch (utf8proc_category(static_cast<utf8proc_int32_t>(c))) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ME:
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_PC:
      return true;
    default:
      return IsNewWord(c);
  }
}

Result<std::string> Normalize(std::string_view text, NormalForm form) {
  const bool is_ascii =
      std::all_of(text.begin(), text.end(), [](char c) { return static_cast<uint8_t>(c) < 0x80; });
  if (is_ascii) return std::string(text);
  const utf8proc_option_t options = OptionsOf(form);
  std::string normalized;
  normalized.reserve(text.size() + text.size() / 8);
  // Inert characters neither decompose nor compose nor change places, so each one is copied and
  // ends a stretch that utf8proc normalises by itself.
  size_t begin = 0;
  for (size_t at = 0; at < text.size();) {
    const Utf8Unit unit = ReadValidUtf8(text, at);
    if (unit.code_point >= 0x700 && Contains(NormalizationInertRanges(), unit.code_point)) {
      EBB_TRY(AppendNormalized(text.substr(begin, at - begin), options, &normalized));
      normalized += text.substr(at, unit.size_bytes);
      begin = at + unit.size_bytes;
    }
    at += unit.size_bytes;
  }
  EBB_TRY(AppendNormalized(text.substr(begin), options, &normalized));
  return normalized;
}

std::string Lowercase(std::string_view text) {
  std::string lower;
  lower.reserve(text.size());
  for (size_t at = 0; at < text.size();) {
    const Utf8Unit unit = ReadValidUtf8(text, at);
    at += unit.size_bytes;
    const char32_t c = unit.code_point;
    if (c < 0x80) {
      lower.push_back(static_cast<char>(c >= 'A' && c <= 'Z' ? c + 0x20 : c));
      continue;
    }
    if (c == 0x130) {  // the one character whose lower case is two: i and a dot above
      lower += "i\xCC\x87";
      continue;
    }
    char32_t mapped = static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(c)));
    for (const LowercaseRange& range : LowercaseDifferences()) {
      if (c >= range.first && c <= range.last) {
        mapped = static_cast<char32_t>(static_cast<int64_t>(c) + range.delta);
      }
    }
    AppendUtf8(mapped, &lower);
  }
  return lower;
}

}  // namespace ebb
