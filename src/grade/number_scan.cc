#include "grade/number_scan.h"

#include <algorithm>
#include <string>

#include "grade/math_text.h"

namespace ebb {
namespace {

size_t DigitsEnd(std::string_view text, size_t at) {
  while (at < text.size() && IsDigit(text[at])) ++at;
  return at;
}

// e+3, E-12 behind a number; the exponent's size in bytes, or 0.
size_t ScanExponent(std::string_view text, size_t at, int* exponent) {
  if (at >= text.size() || (text[at] != 'e' && text[at] != 'E')) return 0;
  size_t i = at + 1;
  const bool negative = i < text.size() && text[i] == '-';
  if (i < text.size() && (text[i] == '-' || text[i] == '+')) ++i;
  const size_t end = DigitsEnd(text, i);
  if (end == i || end - i > 4) return 0;
  *exponent = std::stoi(std::string(text.substr(i, end - i))) * (negative ? -1 : 1);
  return end - at;
}

// \overline{6} behind a decimal point's digits: the digits that repeat.
std::string_view ScanRepeating(std::string_view text, size_t at, size_t* size) {
  constexpr std::string_view kOverline = "\\overline{";
  *size = 0;
  if (!text.substr(at).starts_with(kOverline)) return {};
  const size_t start = at + kOverline.size();
  const size_t end = DigitsEnd(text, start);
  if (end == start || end >= text.size() || text[end] != '}') return {};
  *size = end + 1 - at;
  return text.substr(start, end - start);
}

}  // namespace

size_t GroupedDigitsEnd(std::string_view text, size_t at) {
  const size_t first = DigitsEnd(text, at);
  size_t end = first;
  bool groups = first - at <= 3 && first > at;
  // Bounded, so that a text of commas and digits is not read again from each of them.
  while (groups && end + 1 < text.size() && text[end] == ',' && IsDigit(text[end + 1])) {
    const size_t next = DigitsEnd(text, end + 1);
    groups = next - end == 4 && next - at <= 2 * kMaxNumberDigits;
    end = next;
  }
  return groups ? end : first;
}

std::optional<ScannedNumber> ScanNumber(std::string_view text, size_t at) {
  const size_t whole_end = GroupedDigitsEnd(text, at);
  std::string whole(text.substr(at, whole_end - at));
  const bool grouped = whole.find(',') != std::string::npos;
  std::erase(whole, ',');
  size_t end = whole_end;
  std::string_view fraction;
  std::string_view repeating;
  bool point = false;
  if (end < text.size() && text[end] == '.') {
    const size_t fraction_end = DigitsEnd(text, end + 1);
    size_t repeating_size = 0;
    const std::string_view period = ScanRepeating(text, fraction_end, &repeating_size);
    if (fraction_end > end + 1 || repeating_size > 0) {
      point = true;
      fraction = text.substr(end + 1, fraction_end - end - 1);
      repeating = period;
      end = fraction_end + repeating_size;
    }
  }
  if (whole.empty() && !point) return std::nullopt;
  int exponent = 0;
  const size_t exponent_size = repeating.empty() ? ScanExponent(text, end, &exponent) : 0;
  const auto value = DecimalValue(whole, fraction, repeating, exponent);
  if (!value) return std::nullopt;
  return ScannedNumber{*value, end + exponent_size - at, !grouped && !point && exponent_size == 0};
}

}  // namespace ebb
