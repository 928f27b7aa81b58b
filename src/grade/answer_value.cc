#include "grade/answer_value.h"

#include <algorithm>
#include <tuple>
#include <utility>
#include <vector>

#include "grade/evaluate.h"
#include "grade/math_text.h"
#include "grade/units.h"
#include "grade/word_numbers.h"

namespace ebb {
namespace {

// Words behind a number that make another number of it, or a statement about it.
constexpr std::string_view kNotUnits[] = {
    "or", "and", "not", "to", "more", "less", "than", "least", "most", "over", "under", "minus",
    "plus", "times", "by", "negative", "from", "until", "if", "when", "unless", "except", "but",
    "remainder", "mod", "modulo", "base", "r", "is", "are", "equals", "divided", "between",
    "choose", "root", "power", "point", "below", "above", "fewer", "out", "binary", "hex",
    "hexadecimal", "octal", "double", "triple", "twice", "multiplied", "sqrt", "infinity",
    "repeated", "wrong", "incorrect", "exponent",
    // Powers of ten that ScaleWord does not know.
    "lakh", "crore", "grand", "gross", "score", "bn", "mn", "tn", "mio", "mil", "mille", "tausend",
    "milliard", "milliards", "milliarden", "millones", "millionen", "googol", "myriad", "lakhs",
    "crores", "dozend", "dutzend"};

bool ChangesValue(const std::string& word) {
  return ChangesNumber(word) || IsNumberWord(word) || word.ends_with("illion") ||
         word.ends_with("illions") ||
         std::find(std::begin(kNotUnits), std::end(kNotUnits), word) != std::end(kNotUnits);
}

// One letter may be a variable or a power of ten (5 x, $5 M), unless it is a unit.
bool LetterIsUnit(char letter, bool degrees) {
  if (degrees && (letter == 'C' || letter == 'F')) return true;
  return std::string_view("mgshlLNJWV").find(letter) != std::string_view::npos;
}

// The words of what stands behind a number, with their cases; nothing if there is more than words.
std::optional<std::vector<std::string>> UnitWords(std::string_view words) {
  if (words.size() > 60 || std::count(words.begin(), words.end(), ' ') > 5) return std::nullopt;
  std::vector<std::string> list;
  std::string word;
  for (size_t i = 0; i < words.size(); ++i) {
    const char c = words[i];
    if (IsLetter(c)) {
      word += c;
      continue;
    }
    if (static_cast<unsigned char>(c) >= 0x80) {
      const size_t size = ForeignUnitSize(words, i);
      if (size == 0) return std::nullopt;
      word += words.substr(i, size);
      i += size - 1;
      continue;
    }
    if (!IsSpace(c) && std::string_view("/.-^23'").find(c) == std::string_view::npos) {
      return std::nullopt;
    }
    if (IsDigit(c) && (i == 0 || words[i - 1] != '^')) return std::nullopt;
    if (!word.empty()) list.push_back(std::move(word));
    word.clear();
  }
  if (!word.empty()) list.push_back(std::move(word));
  return list;
}

constexpr std::pair<std::string_view, std::string_view> kCurrencies[] = {
    {"$", "dollar"}, {"\\euro", "euro"}, {"\\pounds", "pound"}, {"\\yen", "yen"}};

// The currency sign at `at`: its bytes and its unit.
std::pair<size_t, std::string> CurrencyAt(std::string_view text, size_t at) {
  for (const auto& [sign, unit] : kCurrencies) {
    if (CommandAt(text, at, sign)) return {sign.size(), std::string(unit)};
  }
  return {};
}

bool HasDegrees(const MathExpr& value) {
  const MathExpr* at = &value;
  while (at->op == MathOp::kNegate) at = &at->args[0];
  return at->op == MathOp::kDegree;
}

bool UnitOfWords(std::string words, bool in_text, Answer* answer, std::string* unit);

// What stands behind a number: a percent sign, a currency, or words. False: it is more than that.
bool Unit(std::string_view rest, Answer* answer, std::string* unit) {
  if (rest.empty()) return true;
  auto [sign_size, sign] = CurrencyAt(rest, 0);
  if (rest[0] == '%') std::tie(sign_size, sign) = std::pair(size_t{1}, std::string("percent"));
  if (sign_size > 0) {
    if (!unit->empty() || !VariablesOf(answer->value).empty()) return false;
    *unit = sign;
    rest = TrimSpace(rest.substr(sign_size));
    if (rest.empty()) return true;
    if (rest[0] == '%' || CurrencyAt(rest, 0).first > 0) return false;
    return Unit(rest, answer, unit);
  }
  return UnitOfWords(PlainWords(rest), CommandAt(rest, 0, "\\text"), answer, unit);
}

bool UnitOfWords(std::string words, bool in_text, Answer* answer, std::string* unit) {
  const bool variables = !VariablesOf(answer->value).empty();
  if (words.empty()) return in_text && !variables;
  const auto list = UnitWords(words);
  if (!list || list->empty()) return false;
  if (!in_text && (*list)[0].size() < 2) return false;  // 5 x
  const bool degrees = HasDegrees(answer->value);
  for (size_t i = 0; i < list->size(); ++i) {
    const std::string& word = (*list)[i];
    const std::string lower = LowerAscii(word);
    const bool scale = i == 0 && ScaleWord(lower) != 1;
    if (!scale && ChangesValue(lower)) return false;
    const bool article = word == "a" && i + 1 < list->size();
    const bool per = unit->empty() || i > 0;  // "$5 m" is five millions
    if (word.size() == 1 && !article && !(per && LetterIsUnit(word[0], degrees))) return false;
  }
  if (const int64_t scale = ScaleWord((*list)[0]); scale != 1) {
    if (variables) return false;
    const auto value = ExactValue(answer->value);
    if (!value) return false;
    answer->value = NumberExpr(Rational(*value * scale));
    const size_t used = words.find(' ');
    if (used == std::string::npos) return true;
    words = std::string(TrimSpace(std::string_view(words).substr(used)));
  }
  const std::string known = CanonicalUnit(words);
  if (variables && known.empty()) return false;
  if (unit->empty()) {
    *unit = known;
    return true;
  }
  // "$5 per hour" keeps its currency; "$5 cents" is nothing.
  const bool money = known == "euro" || known == "yen" || known == "dollar" || known == "cent";
  return known.empty() || known == *unit || !(money || known == "percent");
}

// "twelve", "five apples", "two thirds", "one hundred and twenty"
Answer Counted(std::string_view text) {
  const std::string words = PlainWords(text);
  const WordNumber number = ScanWordNumber(words);
  Answer answer;
  if (!number.value) return answer;
  answer.value = NumberExpr(*number.value);
  std::string unit;
  if (!Unit(TrimSpace(std::string_view(words).substr(number.size)), &answer, &unit)) return {};
  answer.unit = std::move(unit);
  answer.kind = AnswerKind::kValue;
  return answer;
}

// -90^\circ: the sign of degrees goes, as a unit.
bool TakeDegrees(MathExpr* value) {
  MathExpr* at = value;
  while (at->op == MathOp::kNegate) at = &at->args[0];
  if (at->op != MathOp::kDegree) return false;
  MathExpr inner = std::move(at->args[0]);
  *at = std::move(inner);
  return true;
}

}  // namespace

std::string PlainWords(std::string_view text) {
  std::string words;
  for (size_t at = 0; at < text.size();) {
    if (CommandAt(text, at, "\\text")) {
      at += std::string_view("\\text").size();
      words += ' ';
      continue;
    }
    const char c = text[at++];
    if (c != '{' && c != '}') words += c;
  }
  return std::string(TrimSpace(words));
}

Answer ParseValue(std::string_view text) {
  // Letters alone are a word, not a product: "no" is not "on".
  const bool word = text.size() > 1 && std::all_of(text.begin(), text.end(), IsLetter);
  if (word && text != "pi" && text != "infinity") return Counted(text);
  std::string unit;
  std::string without_currency(text);
  for (const size_t at : {size_t{0}, size_t{1}}) {  // $5, -$5
    if (at == 1 && !text.starts_with('-')) break;
    auto [size, currency] = CurrencyAt(text, at);
    if (size == 0) continue;
    unit = std::move(currency);
    without_currency.erase(at, size);
    break;
  }
  // 20^\circ C, a temperature
  for (const std::string_view scale : {"^\\circ C", "^\\circ F", "^{\\circ}C", "^{\\circ}F"}) {
    if (without_currency.ends_with(scale)) without_currency.pop_back();
  }
  const std::string_view rest_of = without_currency;
  size_t at = 0;
  auto expr = ParseExpressionPrefix(rest_of, &at);
  if (!expr) return Counted(text);
  Answer answer;
  answer.value = std::move(*expr);
  if (!Unit(TrimSpace(rest_of.substr(at)), &answer, &unit)) return {};
  if (unit.empty() && TakeDegrees(&answer.value)) unit = "degree";
  answer.unit = std::move(unit);
  answer.kind = AnswerKind::kValue;
  return answer;
}

}  // namespace ebb
