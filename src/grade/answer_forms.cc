#include "grade/answer_forms.h"

#include <fmt/format.h>

#include <algorithm>

#include "grade/answer.h"
#include "grade/answer_value.h"
#include "grade/expression.h"
#include "grade/math_text.h"

namespace ebb {
namespace {

// Removes `open` and `close` around all of the text, unless one of them is in it as well.
bool StripPair(std::string_view open, std::string_view close, std::string_view* text) {
  if (text->size() < open.size() + close.size() || !text->starts_with(open) ||
      !text->ends_with(close)) {
    return false;
  }
  const std::string_view inside =
      text->substr(open.size(), text->size() - open.size() - close.size());
  if (inside.find(close) != std::string_view::npos || inside.find(open) != std::string_view::npos) {
    return false;
  }
  *text = inside;
  return true;
}

}  // namespace

bool EndsAnswer(char c) { return c == '.' || c == ',' || c == ';' || c == ':'; }

bool SignsAreFree(std::string_view text) {
  size_t plus = 0;
  size_t minus = 0;
  bool comma = false;
  for (size_t at = 0; at < text.size(); at += TokenSize(text, at)) {
    plus += CommandAt(text, at, "\\pm") ? 1 : 0;
    minus += CommandAt(text, at, "\\mp") ? 1 : 0;
    comma = comma || text[at] == ',' || text[at] == ';' || text[at] == '&';
  }
  return plus + minus > 1 && (comma || minus == 0);
}

std::string WithSigns(std::string_view text, char plus, char minus) {
  std::string out;
  for (size_t at = 0; at < text.size();) {
    const size_t size = TokenSize(text, at);
    const std::string_view token = text.substr(at, size);
    if (token == "\\pm") {
      out += plus;
    } else if (token == "\\mp") {
      out += minus;
    } else {
      out += token;
    }
    at += size;
  }
  return out;
}

std::string IntervalOf(Chain chain) {
  const bool falls = chain.operators[0][0] == '>' || chain.operators[0] == "\\ge";
  if (falls) {
    std::reverse(chain.sides.begin(), chain.sides.end());
    std::reverse(chain.operators.begin(), chain.operators.end());
  }
  const std::string_view strict = falls ? ">" : "<";
  const std::string_view weak = falls ? "\\ge" : "\\le";
  for (const std::string& op : chain.operators) {
    if (op != strict && op != weak) return {};
  }
  const auto letter = [](std::string_view side) { return side.size() == 1 && IsLetter(side[0]); };
  const bool open_low = chain.operators[0] == strict;
  const bool open_high = chain.operators.back() == strict;
  const auto written = [](bool open_at_low, std::string_view low, std::string_view high,
                          bool open_at_high) {
    return fmt::format("{}{}, {}{}", open_at_low ? "(" : "[", low, high, open_at_high ? ")" : "]");
  };
  const auto& sides = chain.sides;
  if (sides.size() == 3 && letter(sides[1])) {
    return written(open_low, sides[0], sides[2], open_high);
  }
  if (sides.size() != 2 || letter(sides[0]) == letter(sides[1])) return {};
  if (letter(sides[0])) return written(true, "-\\infty", sides[1], open_high);
  return written(open_low, sides[0], "\\infty", true);
}

bool AreAlternatives(std::string_view text, const Answer& list) {
  for (const std::string_view other : {"and", ",", ";"}) {
    if (text.find(other) != std::string_view::npos) return false;
  }
  return std::all_of(list.parts.begin(), list.parts.end(), [&](const Answer& part) {
    return part.kind == AnswerKind::kRelation && !part.parts.empty() &&
           part.name == list.parts[0].name;
  });
}

bool HoldsTwoEquations(std::string_view middle) {
  if (middle.size() < 3 || !IsLetter(middle.back())) return false;
  const std::string_view before = middle.substr(0, middle.size() - 1);
  const std::string_view value = TrimSpace(before);
  return value.size() < before.size() && (IsDigit(value.back()) || value.back() == '}');
}

bool IsAmount(std::string_view side) {
  std::string plain(side);
  std::erase_if(plain, [](char c) { return c == '$' || c == '%'; });
  const auto sum = ParseExpression(plain);
  if (sum) return VariablesOf(*sum).empty();
  const Answer value = ParseValue(side);
  return value.kind == AnswerKind::kValue && VariablesOf(value.value).empty();
}

std::string_view StripWrapping(std::string_view text) {
  constexpr std::pair<std::string_view, std::string_view> kPairs[] = {
      {"$$", "$$"}, {"$", "$"},     {"\\(", "\\)"}, {"\\[", "\\]"}, {"**", "**"},
      {"__", "__"}, {"```", "```"}, {"`", "`"},     {"\"", "\""}};
  for (int round = 0; round < 16; ++round) {
    const std::string_view before = text;
    text = TrimSpace(text);
    while (!text.empty() && EndsAnswer(text.back()) && !text.ends_with("\\,")) {
      text = TrimSpace(text.substr(0, text.size() - 1));
    }
    for (const auto& [open, close] : kPairs) {
      if (StripPair(open, close, &text)) break;
    }
    for (const std::string_view box : {"\\boxed", "\\fbox"}) {
      if (!CommandAt(text, 0, box)) continue;
      if (const auto inside = WholeGroup(text, box.size())) text = *inside;
    }
    if (text == before) break;
  }
  return text;
}

}  // namespace ebb
