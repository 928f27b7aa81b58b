#include "grade/units.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "grade/math_text.h"
#include "grade/word_numbers.h"

namespace ebb {
namespace {

using Spelling = std::pair<std::string_view, std::string_view>;

// Lower-case spellings; a plural s is removed before looking.
constexpr Spelling kUnits[] = {{"$", "dollar"},      {"dollar", "dollar"},   {"usd", "dollar"},
                               {"buck", "dollar"},   {"cent", "cent"},       {"euro", "euro"},
                               {"eur", "euro"},      {"gbp", "pound"},       {"yen", "yen"},
                               {"%", "percent"},     {"percent", "percent"}, {"pct", "percent"},
                               {"mm", "mm"},         {"millimeter", "mm"},   {"millimetre", "mm"},
                               {"cm", "cm"},         {"centimeter", "cm"},   {"centimetre", "cm"},
                               {"m", "m"},           {"meter", "m"},         {"metre", "m"},
                               {"km", "km"},         {"kilometer", "km"},    {"kilometre", "km"},
                               {"in", "inch"},       {"inch", "inch"},       {"inche", "inch"},
                               {"ft", "foot"},       {"foot", "foot"},       {"feet", "foot"},
                               {"yd", "yard"},       {"yard", "yard"},       {"mi", "mile"},
                               {"mile", "mile"},     {"mg", "mg"},           {"g", "g"},
                               {"gram", "g"},        {"kg", "kg"},           {"kilogram", "kg"},
                               {"kilo", "kg"},       {"lb", "pound"},        {"pound", "pound"},
                               {"oz", "ounce"},      {"ounce", "ounce"},     {"ton", "ton"},
                               {"ml", "ml"},         {"milliliter", "ml"},   {"millilitre", "ml"},
                               {"l", "liter"},       {"liter", "liter"},     {"litre", "liter"},
                               {"gal", "gallon"},    {"gallon", "gallon"},   {"s", "second"},
                               {"sec", "second"},    {"second", "second"},   {"min", "minute"},
                               {"minute", "minute"}, {"h", "hour"},          {"hr", "hour"},
                               {"hour", "hour"},     {"day", "day"},         {"week", "week"},
                               {"month", "month"},   {"year", "year"},       {"yr", "year"},
                               {"n", "newton"},      {"newton", "newton"},   {"j", "joule"},
                               {"joule", "joule"},   {"w", "watt"},          {"watt", "watt"},
                               {"v", "volt"},        {"volt", "volt"},       {"mph", "mile/hour"},
                               {"kph", "km/hour"},   {"kmh", "km/hour"},     {"mpg", "mile/gallon"},
                               {"deg", "degree"},    {"degree", "degree"},   {"rad", "radian"},
                               {"radian", "radian"}, {"am", "am"},           {"a.m", "am"},
                               {"pm", "pm"},         {"p.m", "pm"}};

constexpr std::pair<std::string_view, int64_t> kScales[] = {
    {"dozen", 12},        {"hundred", 100},        {"thousand", 1000},
    {"million", 1000000}, {"billion", 1000000000}, {"trillion", 1000000000000}};

constexpr std::string_view kFunctionWords[] = {"of", "is", "or", "to", "per", "at",  "on",
                                               "by", "as", "so", "no", "the", "and", "an"};

constexpr std::string_view kChanging[] = {"squared",   "cubed",       "factorial", "doubled",
                                          "tripled",   "halved",      "pi",        "repeating",
                                          "recurring", "hundredfold", "tenfold"};

// What counts things or is a unit in Chinese; signs that would change the number (wan, bai, ban)
// are not among them.
constexpr std::string_view kCounters =
    "个個只隻页頁颗顆件元块塊人名位本张張条條辆輛次瓶杯箱袋盒套座朵棵粒支枝把岁歲年月日天周"
    "小时時秒米厘公里斤克吨升美欧度";

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

// A unit without "per": its name and its power.
std::string SimpleUnit(std::string lower) {
  lower = std::string(TrimSpace(lower));
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
  // "cm long", "dollars each": words of which the first is a unit.
  const size_t space = lower.find(' ');
  if (space == std::string::npos) return {};
  return std::string(UnitNamed(std::string_view(lower).substr(0, space)));
}

}  // namespace

std::string CanonicalUnit(std::string_view words) {
  std::string lower = LowerAscii(TrimSpace(words));
  while (!lower.empty() && (lower.back() == '.' || lower.back() == ',')) lower.pop_back();
  // "km/h", "miles per hour": both count if both are known, else the first ("dollars per ticket").
  size_t bar = lower.find('/');
  size_t bar_size = 1;
  if (bar == std::string::npos) {
    bar = lower.find(" per ");
    bar_size = 5;
  }
  if (bar == std::string::npos) return SimpleUnit(lower);
  const std::string above = SimpleUnit(lower.substr(0, bar));
  const std::string below = SimpleUnit(lower.substr(bar + bar_size));
  return above.empty() || below.empty() ? above : above + "/" + below;
}

bool UnitsAgree(std::string_view a, std::string_view b) {
  if (a.empty() || b.empty() || a == b) return true;
  const size_t bar_a = a.find('/');
  const size_t bar_b = b.find('/');
  if (bar_a != std::string_view::npos && bar_b != std::string_view::npos) return false;
  return a.substr(0, bar_a) == b.substr(0, bar_b);
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
  std::string lower = LowerAscii(word);
  if (lower.ends_with('s')) lower.pop_back();
  for (const auto& [name, scale] : kScales) {
    if (lower == name) return scale;
  }
  return 1;
}

bool ChangesNumber(std::string_view word) {
  const std::string lower = LowerAscii(word);
  return std::find(std::begin(kChanging), std::end(kChanging), lower) != std::end(kChanging) ||
         OrdinalValue(lower) > 0;
}

size_t ForeignUnitSize(std::string_view text, size_t at) {
  const auto byte = [&](size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0;
  };
  const unsigned char lead = byte(at);
  // U+00C0 .. U+024F: letters with accents, but for the signs of multiplication and division.
  const bool latin = lead >= 0xC3 && lead <= 0xC9 && byte(at + 1) >= 0x80 &&
                     !(lead == 0xC3 && (byte(at + 1) == 0x97 || byte(at + 1) == 0xB7));
  if (latin) return 2;
  for (const std::string_view unit : {"千克", "千米", "分钟", "分鐘", "平方米"}) {
    if (text.substr(at).starts_with(unit)) return unit.size();
  }
  if (lead < 0xE0 || lead > 0xEF || at + 3 > text.size()) return 0;
  const size_t found = kCounters.find(text.substr(at, 3));
  return found != std::string_view::npos && found % 3 == 0 ? 3 : 0;
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
