#include "grade/answer.h"

#include <algorithm>

#include "grade/answer_forms.h"
#include "grade/answer_split.h"
#include "grade/answer_value.h"
#include "grade/evaluate.h"
#include "grade/math_text.h"
#include "grade/number_scan.h"
#include "grade/units.h"
#include "grade/word_numbers.h"

namespace ebb {
namespace {

constexpr int kMaxDepth = 12;
constexpr size_t kMaxParts = 200;

class Parser {
 public:
  Answer Parse(std::string_view text) {
    text = TrimSpace(text);
    while (!text.empty() && EndsAnswer(text.back()) && !text.ends_with("\\,")) {
      text = TrimSpace(text.substr(0, text.size() - 1));
    }
    Answer answer;
    if (text.empty()) return answer;
    if (++depth_ <= kMaxDepth && ++answers_ <= kMaxParts) {
      answer = Structure(text);
    }
    --depth_;
    if (answer.kind == AnswerKind::kEmpty) answer.kind = AnswerKind::kText;
    if (answer.literal.empty()) answer.literal = TightText(text);
    return answer;
  }

 private:
  // kEmpty: it is none of the structures.
  Answer Structure(std::string_view text) {
    if (const auto inside = WholeText(text)) return Parse(*inside);
    if (text == "\\mathbb{R}") return Parse("(-\\infty, \\infty)");
    if (const auto inside = WholeGroup(text, 0)) return Braces(*inside, text);
    for (const auto& [token, kind] :
         {std::pair("\\cup", AnswerKind::kUnion), std::pair("\\cap", AnswerKind::kIntersection),
          std::pair("\\setminus", AnswerKind::kDifference)}) {
      const Parts parts = SplitToken(text, token);
      if (!parts) return {};  // brackets that do not match
      if (parts->size() > 1) return Several(kind, *parts);
    }
    // 2x = 10 \Rightarrow x = 5
    const Parts steps = SplitToken(text, "\\Rightarrow");
    if (steps && steps->size() > 1) {
      Answer last = Parse(steps->back());
      return last.kind == AnswerKind::kAssignment ? last : Answer();
    }
    for (const auto split :
         {&Parser::Conjunctions, &Parser::Commas, &Parser::PlusMinus, &Parser::Relations,
          &Parser::Bracketed, &Parser::Matrix, &Parser::Based, &Parser::Ratio}) {
      Answer answer = (this->*split)(text);
      if (answer.kind != AnswerKind::kEmpty) return answer;
    }
    return ParseValue(text);
  }

  static std::optional<std::string_view> WholeText(std::string_view text) {
    if (!CommandAt(text, 0, "\\text")) return std::nullopt;
    return WholeGroup(text, std::string_view("\\text").size());
  }

  // Parts that must all be something, or it is not such a structure.
  Answer Several(AnswerKind kind, const std::vector<std::string_view>& texts) {
    Answer answer;
    if (texts.size() > kMaxParts) return answer;
    for (const std::string_view text : texts) {
      Answer part = Parse(text);
      if (part.kind == AnswerKind::kEmpty) return {};
      // Bare lists in lists are one list: 1, 2 and 3; x = +-1, 2.
      const bool bare = part.kind == AnswerKind::kList && part.brackets.empty();
      if (kind == AnswerKind::kList && bare) {
        for (Answer& inner : part.parts) answer.parts.push_back(std::move(inner));
      } else {
        answer.parts.push_back(std::move(part));
      }
    }
    answer.kind = kind;
    return answer;
  }

  Answer Braces(std::string_view inside, std::string_view whole) {
    const Parts parts = SplitCommas(inside, CommaRule::kSeparates);
    if (!parts) return {};
    if (parts->size() == 1) return Parse(inside);
    return Set(inside, whole);
  }

  // p = 5, q = 2 or p = 7, q = 2: alternatives of the same length, each of them equations, stay
  // together; other "and"s and "or"s only separate.
  Answer Conjunctions(std::string_view text) {
    const Parts found = SplitConjunctions(text);
    if (!found || found->size() < 2) return {};
    // one hundred and twenty
    const WordNumber number = ScanWordNumber(text);
    const Parts rest = SplitConjunctions(text.substr(number.size));
    if (number.value && rest && rest->size() == 1) return {};
    std::vector<std::string_view> parts;
    for (std::string_view part : *found) {
      while (!part.empty() && part.back() == ',') part = TrimSpace(part.substr(0, part.size() - 1));
      if (!part.empty()) parts.push_back(part);
    }
    if (parts.size() < 2) return {};
    size_t width = 0;
    bool systems = true;
    for (const std::string_view part : parts) {
      const Parts inner = SplitCommas(part, CommaRule::kThousands);
      if (!inner) return {};
      if (width == 0) width = inner->size();
      systems = systems && inner->size() == width && width > 1;
      for (const std::string_view item : *inner) {
        systems = systems && item.find('=') != std::string_view::npos;
      }
    }
    if (!systems) {
      Answer list = Several(AnswerKind::kList, parts);
      if (AreAlternatives(text, list)) list.kind = AnswerKind::kUnion;
      return list;
    }
    Answer answer;
    for (const std::string_view part : parts) answer.parts.push_back(Parse(part));
    answer.kind = AnswerKind::kList;
    return answer;
  }

  Answer Commas(std::string_view text) {
    const Parts parts = SplitCommas(text, CommaRule::kThousands);
    if (!parts || parts->size() < 2) return {};
    return Several(AnswerKind::kList, *parts);
  }

  // a \pm b is both of a + b and a - b; \mp has the other sign.
  Answer PlusMinus(std::string_view text) {
    const std::string upper = WithSigns(text, '+', '-');
    if (upper == text || SignsAreFree(text)) return {};
    Answer answer;
    answer.kind = AnswerKind::kList;
    answer.parts.push_back(Parse(upper));
    answer.parts.push_back(Parse(WithSigns(text, '-', '+')));
    for (const Answer& part : answer.parts) {
      if (part.kind == AnswerKind::kText) return {};
    }
    return answer;
  }

  Answer Relations(std::string_view text) {
    auto chain = SplitRelations(text);
    if (!chain || chain->operators.empty()) return {};
    if (chain->operators.size() == 1 && chain->operators[0] == "\\approx" &&
        chain->sides[0].empty()) {
      return Parse(chain->sides[1]);  // "≈ 3.14"
    }
    for (const std::string_view side : chain->sides) {
      if (side.empty()) return {};
    }
    const auto& operators = chain->operators;
    const auto all = [&](std::string_view a, std::string_view b) {
      return std::all_of(operators.begin(), operators.end(),
                         [&](const std::string& op) { return op == a || op == b; });
    };
    if (operators.back() == "\\approx") return Approximate(text, *chain);
    if (operators.size() == 1 && operators[0] == "\\in") {
      return Assigned(chain->sides[0], chain->sides[1]);
    }
    if (all("=", "=")) return Equation(*chain);
    return Inequality(*chain);
  }

  // exact ≈ decimal: the exact side counts, and the decimal if it is its rounding.
  Answer Approximate(std::string_view text, const Chain& chain) {
    const std::string_view last = chain.sides.back();
    const size_t before = chain.sides[chain.sides.size() - 2].data() +
                          chain.sides[chain.sides.size() - 2].size() - text.data();
    const std::string_view exact_text = text.substr(0, before);
    if (chain.sides.size() == 2 && IsName(exact_text)) return Assigned(exact_text, last);
    Answer exact = Parse(exact_text);
    Answer* value = exact.kind == AnswerKind::kAssignment ? &exact.parts[0] : &exact;
    if (value->kind == AnswerKind::kValue) value->rounded = std::string(last);
    return exact;
  }

  Answer Assigned(std::string_view name, std::string_view value) {
    if (!IsName(name)) return {};
    Answer answer;
    answer.parts.push_back(Parse(value));
    const AnswerKind kind = answer.parts[0].kind;
    if (kind == AnswerKind::kEmpty || kind == AnswerKind::kRelation) return {};
    answer.kind = AnswerKind::kAssignment;
    answer.name = TightText(PlainWords(name));
    answer.simple_name = IsSimpleName(name);
    answer.definition = IsFunctionOfLetters(name);
    return answer;
  }

  Answer Equation(const Chain& chain) {
    const auto& sides = chain.sides;
    std::vector<std::optional<MathExpr>> exprs;
    bool variables = false;
    for (const std::string_view side : sides) {
      exprs.push_back(ParseExpression(side));
      const bool amount = !exprs.back() && IsAmount(side);
      variables = variables || (!amount && (!exprs.back() || !VariablesOf(*exprs.back()).empty()));
    }
    Answer answer;
    if (sides.size() == 2 && exprs[0] && exprs[1]) {
      answer.relations.push_back({Relation::Op::kEqual, Difference(*exprs[0], *exprs[1])});
    }
    bool middle = true;  // what stands between the name and its value means something
    for (size_t i = 1; i + 1 < sides.size(); ++i) {
      if (HoldsTwoEquations(sides[i])) return {};
      middle = middle && exprs[i];
    }
    if (IsName(sides[0]) && middle) {
      Answer assigned = Assigned(sides[0], sides.back());
      assigned.relations = std::move(answer.relations);
      return assigned;
    }
    // 3 + 4 = 7, and rewriting: the last side is the answer.
    bool same = true;
    for (size_t i = 0; i + 1 < sides.size() && variables; ++i) {
      same = same && exprs[i] && exprs[i + 1] && SameValue(*exprs[i], *exprs[i + 1], &budget_);
    }
    if (!variables || same) return Parse(sides.back());
    if (!answer.relations.empty()) answer.kind = AnswerKind::kRelation;
    return answer;
  }

  Answer Inequality(const Chain& chain) {
    Answer answer;
    for (size_t i = 0; i + 1 < chain.sides.size(); ++i) {
      auto left = ParseExpression(chain.sides[i]);
      auto right = ParseExpression(chain.sides[i + 1]);
      if (!left || !right) return {};
      const std::string& op = chain.operators[i];
      if (op == ">" || op == "\\ge") std::swap(left, right);
      Relation relation;
      if (op == "=") {
        relation.op = Relation::Op::kEqual;
      } else if (op == "\\ne") {
        relation.op = Relation::Op::kNotEqual;
      } else if (op == "<" || op == ">") {
        relation.op = Relation::Op::kLess;
      } else if (op == "\\le" || op == "\\ge") {
        relation.op = Relation::Op::kLessEqual;
      } else {
        return {};
      }
      relation.difference = Difference(std::move(*left), std::move(*right));
      answer.relations.push_back(std::move(relation));
    }
    answer.kind = AnswerKind::kRelation;
    const std::string interval = IntervalOf(chain);
    if (interval.empty()) return answer;
    answer.parts.push_back(Parse(interval));
    for (const std::string_view side : chain.sides) {
      if (side.size() == 1 && IsLetter(side[0])) answer.name = side;
    }
    return answer;
  }

  Answer Set(std::string_view inside, std::string_view whole) {
    const Parts parts = SplitCommas(inside, CommaRule::kSeparates);
    if (!parts || inside.find('|') != std::string_view::npos) return {};
    Answer answer = Several(AnswerKind::kList, *parts);
    answer.brackets = "{}";
    answer.literal = TightText(whole);
    return answer;
  }

  Answer Bracketed(std::string_view text) {
    if (!OpensBracket(text, 0) || BracketEnd(text, 0) != text.size()) return {};
    const size_t open_size = TokenSize(text, 0);
    const std::string_view open = text.substr(0, open_size);
    if (open == "\\begin" || open == "\\lfloor" || open == "\\lceil") return {};
    const size_t close_size = open == "\\{" ? 2 : open == "\\langle" ? 7 : 1;
    const std::string_view inside =
        TrimSpace(text.substr(open_size, text.size() - open_size - close_size));
    if (open == "\\{" && inside.empty()) return Parse("\\emptyset");
    if (open == "\\{") return Set(inside, text);
    std::string brackets = open == "\\langle" ? "<>" : std::string(open) + text.back();
    if (CommandAt(inside, 0, "\\begin") && BracketEnd(inside, 0) == inside.size()) {
      Answer matrix = Matrix(inside);
      if (matrix.kind == AnswerKind::kMatrix) matrix.brackets = brackets;
      return matrix;
    }
    // (1; 2) has its parts in order, too.
    Parts parts = SplitToken(inside, ";");
    if (parts && parts->size() == 1) parts = SplitCommas(inside, CommaRule::kSeparates);
    if (!parts) return {};
    if (parts->size() == 1 && brackets == "()") {
      Answer answer = Parse(inside);
      return answer.kind == AnswerKind::kText ? Answer() : answer;
    }
    Answer answer = Several(AnswerKind::kTuple, *parts);
    answer.brackets = std::move(brackets);
    return answer;
  }

  Answer Matrix(std::string_view text) {
    constexpr std::string_view kBegin = "\\begin{";
    if (!text.starts_with(kBegin) || BracketEnd(text, 0) != text.size()) return {};
    const size_t name_end = text.find('}');
    if (name_end == std::string_view::npos) return {};
    const std::string_view name = text.substr(kBegin.size(), name_end - kBegin.size());
    Answer answer;
    if (name == "pmatrix" || name == "bmatrix" || name == "matrix" || name == "smallmatrix") {
      answer.brackets = "[]";
    } else if (name == "vmatrix" || name == "Vmatrix" || name == "Bmatrix") {
      answer.brackets = std::string(name);
    } else if (name != "array") {
      return {};
    }
    const size_t end = text.rfind("\\end");
    std::string_view body = TrimSpace(text.substr(name_end + 1, end - name_end - 1));
    if (name == "array" && body.starts_with('{')) {
      body.remove_prefix(std::min(body.size(), body.find('}') + 1));
    }
    const Parts rows = SplitToken(body, "\\\\");
    if (!rows) return {};
    size_t count = rows->size();
    if (count > 1 && rows->back().empty()) --count;
    for (size_t row = 0; row < count; ++row) {
      const Parts cells = SplitToken((*rows)[row], "&");
      if (!cells || (row > 0 && cells->size() != answer.columns)) return {};
      answer.columns = cells->size();
      for (const std::string_view cell : *cells) {
        answer.parts.push_back(Parse(cell));
        if (answer.parts.back().kind == AnswerKind::kEmpty) return {};
      }
    }
    answer.kind = AnswerKind::kMatrix;
    return answer;
  }

  // 1011_2, 2A_{16}, 21_{three}
  Answer Based(std::string_view text) {
    std::string tight = TightText(PlainWords(text));
    const size_t bar = tight.find('_');
    if (bar == std::string::npos || bar + 1 == tight.size()) return {};
    std::string digits = tight.substr(0, bar);
    if (digits.starts_with('(') && digits.ends_with(')')) {
      digits = digits.substr(1, digits.size() - 2);
    }
    std::string base(TrimSpace(tight.substr(bar + 1)));
    if (const int word = NumberWord(base); word > 1) base = std::to_string(word);
    const auto all_of = [](std::string_view s, auto test) {
      return !s.empty() && std::all_of(s.begin(), s.end(), test);
    };
    const bool decimal_base = all_of(base, IsDigit) && base.size() <= 2;
    const size_t sign = digits.starts_with('-') ? 1 : 0;
    const bool number = digits.size() > sign && all_of(digits.substr(sign), [](char c) {
                          return IsDigit(c) || c == '.' || (c >= 'A' && c <= 'Z');
                        });
    if (!decimal_base || !number) return {};
    if (!IsDigit(digits[sign]) && (base.size() < 2 || digits.size() < sign + 2)) return {};
    Answer answer;
    answer.kind = AnswerKind::kBase;
    answer.literal = digits + "_" + base;
    return answer;
  }

  Answer Ratio(std::string_view text) {
    const Parts parts = SplitToken(text, ":");
    if (!parts || parts->size() < 2) return {};
    Answer answer = Several(AnswerKind::kRatio, *parts);
    for (const Answer& part : answer.parts) {
      if (part.kind != AnswerKind::kValue || !VariablesOf(part.value).empty()) return {};
    }
    return answer;
  }

  int depth_ = 0;
  size_t answers_ = 0;
  WorkBudget budget_{50000};
};

}  // namespace

Answer ParseAnswer(std::string_view text) {
  text = StripWrapping(text);
  if (text.size() > kMaxAnswerBytes) {
    Answer answer;
    answer.kind = AnswerKind::kText;
    answer.literal = std::string(text);
    return answer;
  }
  const std::string cleaned = CleanMath(text);
  return Parser().Parse(cleaned);
}

}  // namespace ebb
