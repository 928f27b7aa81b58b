#include "grade/answer_value.h"

#include <algorithm>
#include <vector>

#include "grade/evaluate.h"
#include "grade/math_text.h"
#include "grade/units.h"

namespace ebb {
namespace {

// Words behind a number that make another number of it, or a statement about it.
constexpr std::string_view kNotUnits[] = {
    "or",   "and",   "not",    "to",     "more",    "less",      "than",     "least",  "most",
    "over", "under", "minus",  "plus",   "times",   "by",        "negative", "from",   "until",
    "if",   "when",  "unless", "except", "but",     "remainder", "mod",      "modulo", "base",
    "r",    "is",    "are",    "equals", "divided", "between",   "choose",   "root",   "power"};

// What stands behind a number: a percent sign, a currency, or words. False: it is more than that.
bool Unit(std::string_view rest, Answer* answer, std::string* unit) {
  if (rest.empty()) return true;
  const bool in_text = CommandAt(rest, 0, "\\text");
  const bool variables = !VariablesOf(answer->value).empty();
  if (rest[0] == '%' || rest[0] == '$') {
    if (!unit->empty() || variables) return false;
    *unit = rest[0] == '%' ? "percent" : "dollar";
    rest = TrimSpace(rest.substr(1));
    if (rest.empty()) return true;
    if (rest[0] == '%' || rest[0] == '$') return false;
    std::string ignored;
    return Unit(rest, answer, &ignored);
  }
  std::string words = PlainWords(rest);
  if (words.empty()) return in_text && !variables;
  if (words.size() > 60 || std::count(words.begin(), words.end(), ' ') > 5) return false;
  std::vector<std::string> list;
  std::string word;
  for (size_t i = 0; i <= words.size(); ++i) {
    const char c = i < words.size() ? words[i] : ' ';
    if (IsLetter(c) || static_cast<unsigned char>(c) >= 0x80) {
      word += c;
      continue;
    }
    if (!IsSpace(c) && std::string_view("/.-^23'").find(c) == std::string_view::npos) return false;
    if (IsDigit(c) && (i == 0 || words[i - 1] != '^')) return false;
    if (!word.empty()) list.push_back(LowerAscii(word));
    word.clear();
  }
  for (const std::string& w : list) {
    if (ChangesNumber(w)) return false;
    if (std::find(std::begin(kNotUnits), std::end(kNotUnits), w) != std::end(kNotUnits)) {
      return false;
    }
  }
  if (list.empty()) return false;
  if (!in_text && list[0].size() < 2) return false;  // 5 x
  const int64_t scale = ScaleWord(list[0]);
  if (scale != 1) {
    if (variables) return false;
    const auto value = ExactValue(answer->value);
    if (!value) return false;
    answer->value = NumberExpr(Rational(*value * scale));
    const size_t used = words.find(' ');
    if (used == std::string::npos) return true;
    words = std::string(TrimSpace(std::string_view(words).substr(used)));
    if (ScaleWord(words.substr(0, words.find(' '))) != 1) return false;
  }
  const std::string known = CanonicalUnit(words);
  if (variables && known.empty()) return false;
  if (unit->empty()) {
    *unit = known;
  } else if (!known.empty() && known != *unit) {
    // "$5 per hour" keeps its currency; "$5 cents" is nothing.
    return known == "percent" || known == "cent" ? false : true;
  }
  return true;
}

// "twelve", "five apples"
Answer Counted(std::string_view text) {
  const std::string words = PlainWords(text);
  const size_t space = std::min(words.find(' '), words.size());
  const int number = NumberWord(std::string_view(words).substr(0, space));
  Answer answer;
  if (number < 0) return answer;
  answer.value = NumberExpr(number);
  std::string unit;
  if (!Unit(TrimSpace(std::string_view(words).substr(space)), &answer, &unit)) return {};
  answer.unit = std::move(unit);
  answer.kind = AnswerKind::kValue;
  return answer;
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
  const size_t dollar = text.starts_with('$') ? 0 : text.starts_with("-$") ? 1 : text.size();
  if (dollar < text.size()) {
    unit = "dollar";
    without_currency.erase(dollar, 1);
  }
  const std::string_view rest_of = without_currency;
  size_t at = 0;
  auto expr = ParseExpressionPrefix(rest_of, &at);
  if (!expr) return Counted(text);
  Answer answer;
  answer.value = std::move(*expr);
  if (!Unit(TrimSpace(rest_of.substr(at)), &answer, &unit)) return {};
  if (answer.value.op == MathOp::kDegree && unit.empty()) {
    unit = "degree";
    MathExpr inner = std::move(answer.value.args[0]);
    answer.value = std::move(inner);
  }
  answer.unit = std::move(unit);
  answer.kind = AnswerKind::kValue;
  return answer;
}

}  // namespace ebb
