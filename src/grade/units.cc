#include "grade/units.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "grade/math_text.h"

namespace ebb {
namespace {

using Spelling = std::pair<std::string_view, std::string_view>;

// Lower-case spellings; a plural s is removed before looking.
constexpr Spelling kUnits[] = {
    {"$", "dollar"},      {"dollar", "dollar"}, {"usd", "dollar"},    {"buck", "dollar"},
    {"cent", "cent"},     {"euro", "euro"},     {"%", "percent"},     {"percent", "percent"},
    {"pct", "percent"},   {"mm", "mm"},         {"millimeter", "mm"}, {"millimetre", "mm"},
    {"cm", "cm"},         {"centimeter", "cm"}, {"centimetre", "cm"}, {"m", "m"},
    {"meter", "m"},       {"metre", "m"},       {"km", "km"},         {"kilometer", "km"},
    {"kilometre", "km"},  {"in", "inch"},       {"inch", "inch"},     {"inche", "inch"},
    {"ft", "foot"},       {"foot", "foot"},     {"feet", "foot"},     {"yd", "yard"},
    {"yard", "yard"},     {"mi", "mile"},       {"mile", "mile"},     {"mg", "mg"},
    {"g", "g"},           {"gram", "g"},        {"kg", "kg"},         {"kilogram", "kg"},
    {"kilo", "kg"},       {"lb", "pound"},      {"pound", "pound"},   {"oz", "ounce"},
    {"ounce", "ounce"},   {"ton", "ton"},       {"ml", "ml"},         {"milliliter", "ml"},
    {"millilitre", "ml"}, {"l", "liter"},       {"liter", "liter"},   {"litre", "liter"},
    {"gal", "gallon"},    {"gallon", "gallon"}, {"s", "second"},      {"sec", "second"},
    {"second", "second"}, {"min", "minute"},    {"minute", "minute"}, {"h", "hour"},
    {"hr", "hour"},       {"hour", "hour"},     {"day", "day"},       {"week", "week"},
    {"month", "month"},   {"year", "year"},     {"yr", "year"},       {"mph", "mph"},
    {"kph", "kph"},       {"deg", "degree"},    {"degree", "degree"}, {"rad", "radian"},
    {"radian", "radian"}, {"am", "am"},         {"a.m", "am"},        {"pm", "pm"},
    {"p.m", "pm"}};

constexpr std::pair<std::string_view, int64_t> kScales[] = {
    {"dozen", 12},        {"hundred", 100},        {"thousand", 1000},
    {"million", 1000000}, {"billion", 1000000000}, {"trillion", 1000000000000}};

constexpr std::string_view kFunctionWords[] = {"of", "is", "or", "to", "per", "at",  "on",
                                               "by", "as", "so", "no", "the", "and", "an"};

// Without a plural s.
constexpr std::string_view kChanging[] = {
    "squared", "cubed",   "half",   "halve", "third", "fourth",    "quarter",    "fifth",
    "sixth",   "seventh", "eighth", "ninth", "tenth", "hundredth", "thousandth", "factorial"};

constexpr std::string_view kSmallNumbers[] = {
    "zero",     "one",     "two",     "three",     "four",     "five",     "six",
    "seven",    "eight",   "nine",    "ten",       "eleven",   "twelve",   "thirteen",
    "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen", "twenty"};
constexpr std::string_view kTens[] = {"thirty",  "forty",  "fifty", "sixty",
                                      "seventy", "eighty", "ninety"};

std::string_view UnitNamed(std::string_view word) {
  const auto look = [](std::string_view name) -> std::string_view {
    for (const auto& [spelling, unit] : kUnits) {
      if (spelling == name) return unit;
    }
    return {};
  };
  const std::string_view exact = look(word);
  if (!exact.empty() || !word.ends_with('s') || word.size() < 3) return exact;
  return look(word.substr(0, word.size() - 1));
}

}  // namespace

std::string CanonicalUnit(std::string_view words) {
  std::string lower = LowerAscii(TrimSpace(words));
  while (!lower.empty() && (lower.back() == '.' || lower.back() == ',')) lower.pop_back();
  std::string power;
  for (const auto& [prefix, meaning] :
       {Spelling("square ", "^2"), Spelling("sq ", "^2"), Spelling("sq. ", "^2"),
        Spelling("cubic ", "^3"), Spelling("cu ", "^3")}) {
    if (!lower.starts_with(prefix)) continue;
    power = meaning;
    lower.erase(0, prefix.size());
    break;
  }
  const size_t caret = lower.find('^');
  if (caret != std::string::npos) {
    std::string exponent = lower.substr(caret + 1);
    std::erase_if(exponent, [](char c) { return c == '{' || c == '}' || c == ' '; });
    lower.resize(caret);
    power += "^" + exponent;
  }
  const std::string_view name = UnitNamed(TrimSpace(lower));
  if (!name.empty()) return std::string(name) + power;
  // "square units", "units^3": how many dimensions there are is worth knowing even so.
  if (!power.empty()) return power;
  // "miles per hour", "dollars per week": words of which the first is a unit.
  const size_t space = lower.find(' ');
  if (space == std::string::npos) return {};
  const std::string_view first = UnitNamed(std::string_view(lower).substr(0, space));
  return std::string(first);
}

bool IsProseWord(std::string_view letters) {
  const std::string lower = LowerAscii(letters);
  if (lower.size() >= 2 && (!UnitNamed(lower).empty() || ScaleWord(lower) != 1)) return true;
  if (std::find(std::begin(kFunctionWords), std::end(kFunctionWords), lower) !=
      std::end(kFunctionWords)) {
    return true;
  }
  if (lower.size() < 3) return false;
  const bool vowel = lower.find_first_of("aeiou") != std::string::npos;
  const bool ordered =
      std::adjacent_find(lower.begin(), lower.end(), std::greater_equal<>()) == lower.end();
  return vowel && !ordered;
}

int64_t ScaleWord(std::string_view word) {
  const std::string lower = LowerAscii(word);
  for (const auto& [name, scale] : kScales) {
    if (lower == name) return scale;
  }
  return 1;
}

bool ChangesNumber(std::string_view word) {
  std::string lower = LowerAscii(word);
  if (lower.ends_with('s')) lower.pop_back();
  return std::find(std::begin(kChanging), std::end(kChanging), lower) != std::end(kChanging);
}

int NumberWord(std::string_view word) {
  const std::string lower = LowerAscii(word);
  for (size_t i = 0; i < std::size(kSmallNumbers); ++i) {
    if (lower == kSmallNumbers[i]) return static_cast<int>(i);
  }
  const size_t dash = std::min(lower.find('-'), lower.size());
  const auto tens = [&]() -> int {
    const std::string_view first = std::string_view(lower).substr(0, dash);
    if (first == "twenty") return 20;
    for (size_t i = 0; i < std::size(kTens); ++i) {
      if (first == kTens[i]) return static_cast<int>(30 + 10 * i);
    }
    return -1;
  }();
  if (tens < 0 || dash == lower.size()) return tens;
  for (size_t i = 1; i < 10; ++i) {
    if (std::string_view(lower).substr(dash + 1) == kSmallNumbers[i])
      return tens + static_cast<int>(i);
  }
  return -1;
}

}  // namespace ebb
