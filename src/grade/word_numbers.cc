#include "grade/word_numbers.h"

#include <string>

#include "grade/math_text.h"
#include "grade/units.h"

namespace ebb {
namespace {

std::string_view LettersAt(std::string_view text, size_t at) {
  size_t end = std::min(at, text.size());
  const size_t start = end;
  while (end < text.size() && IsLetter(text[end])) ++end;
  return text.substr(start, end - start);
}

// Builds a number word by word, as English orders them.
class WordSum {
 public:
  // False: no number goes on so.
  bool Add(int64_t small, int64_t scale) {
    if (small >= 0) return AddSmall(small);
    if (group_ < 0) return false;
    if (scale == 100) {
      if (group_ == 0 || group_ > 99) return false;
      group_ *= 100;
    } else if (scale == 12) {
      if (total_ != 0 || last_scale_ != 0) return false;
      total_ = group_ * 12;
      last_scale_ = 1;
      group_ = -1;
    } else {
      if (last_scale_ != 0 && scale >= last_scale_) return false;
      total_ += group_ * scale;
      last_scale_ = scale;
      group_ = -1;
    }
    may_join_ = scale != 12;
    return true;
  }

  int64_t value() const { return total_ + std::max<int64_t>(group_, 0); }
  // Whether "and" may follow, as in one hundred and twenty.
  bool may_join() const { return may_join_; }
  // Whether it is one of zero .. nineteen.
  bool small() const { return total_ == 0 && group_ >= 0 && group_ < 20; }

 private:
  bool AddSmall(int64_t small) {
    may_join_ = false;
    if (last_scale_ == 1) return false;  // behind dozen
    if (group_ < 0) {
      group_ = small;
      return small != 0 || last_scale_ == 0;
    }
    const bool after_hundred = group_ >= 100 && group_ % 100 == 0;
    const bool after_tens = group_ % 10 == 0 && group_ % 100 >= 20 && small < 10;
    if (small == 0 || !(after_hundred || after_tens)) return false;
    group_ += small;
    return true;
  }

  int64_t total_ = 0;
  int64_t group_ = -1;      // below the next scale; -1: nothing
  int64_t last_scale_ = 0;  // 0: none yet
  bool may_join_ = false;
};

// ".. point five two": the digits behind `at`, which stands behind "point".
std::string PointDigits(std::string_view text, size_t* at) {
  std::string digits;
  while (true) {
    size_t next = *at;
    while (next < text.size() && text[next] == ' ') ++next;
    const std::string_view word = LettersAt(text, next);
    const int digit = NumberWord(word);
    if (word.empty() || digit < 0 || digit > 9) return digits;
    digits += static_cast<char>('0' + digit);
    *at = next + word.size();
  }
}

}  // namespace

bool IsNumberWord(std::string_view word) {
  if (NumberWord(word) >= 0 || ScaleWord(word) != 1) return true;
  std::string lower = LowerAscii(word);
  if (!lower.ends_with('s')) return false;
  lower.pop_back();
  if (NumberWord(lower) >= 0) return true;  // ones, tens
  if (!lower.ends_with('e')) return false;
  lower.pop_back();
  if (NumberWord(lower) >= 0) return true;  // sixes
  if (!lower.ends_with('i')) return false;
  lower.back() = 'y';
  return NumberWord(lower) >= 0;  // twenties
}

int64_t OrdinalValue(std::string_view word) {
  std::string lower = LowerAscii(word);
  if (lower.ends_with('s')) lower.pop_back();
  if (lower == "half" || lower == "halve") return 2;
  if (lower == "third") return 3;
  if (lower == "quarter") return 4;
  if (!lower.ends_with("th")) return 0;
  lower.resize(lower.size() - 2);
  for (const auto& [stem, value] :
       {std::pair("fif", 5), std::pair("eigh", 8), std::pair("nin", 9), std::pair("twelf", 12)}) {
    if (lower == stem) return value;
  }
  if (lower.ends_with("ie")) lower.replace(lower.size() - 2, 2, "y");
  if (const int value = NumberWord(lower); value > 0) return value;
  const int64_t scale = ScaleWord(lower);
  return scale == 1 ? 0 : scale;
}

WordNumber ScanWordNumber(std::string_view text) {
  WordNumber number;
  WordSum sum;
  bool good = true;
  size_t at = 0;
  for (int count = 0; count < 40; ++count) {
    size_t next = at;
    if (count > 0) {
      while (next < text.size() && (text[next] == ' ' || text[next] == '-')) ++next;
      if (next == at) break;
    }
    std::string_view word = LettersAt(text, next);
    if (word == "and" && sum.may_join()) {
      size_t after = next + word.size();
      while (after < text.size() && text[after] == ' ') ++after;
      if (NumberWord(LettersAt(text, after)) < 0) break;
      next = after;
      word = LettersAt(text, next);
    }
    const bool known = NumberWord(word) >= 0 || (count > 0 && ScaleWord(word) != 1);
    if (word.empty() || !known) break;
    good = good && sum.Add(NumberWord(word), ScaleWord(word));
    at = next + word.size();
  }
  if (at == 0) return number;
  number.size = at;
  if (good) number.value = Rational(sum.value());
  size_t next = at;
  while (next < text.size() && (text[next] == ' ' || text[next] == '-')) ++next;
  const std::string_view word = LettersAt(text, next);
  if (word == "point" && next > at) {
    size_t end = next + word.size();
    const std::string digits = PointDigits(text, &end);
    if (digits.empty()) return number;
    number.size = end;
    const auto decimal = DecimalValue(std::to_string(sum.value()), digits);
    number.value = good && sum.value() < 1000 ? decimal : std::nullopt;
  } else if (const int64_t part = OrdinalValue(word); part > 0 && next > at) {
    // "two thirds"; "twenty fifths" could be 20/5, "one hundred thousandths" anything.
    number.size = next + word.size();
    number.value.reset();
    const bool once = part <= 20 || part == 100 || part == 1000;
    if (good && sum.small() && once) number.value = Rational(sum.value(), part);
  }
  return number;
}

}  // namespace ebb
