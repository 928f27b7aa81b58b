#include "grade/compare.h"

#include <algorithm>
#include <array>

#include "grade/math_text.h"
#include "grade/number_scan.h"
#include "grade/units.h"

namespace ebb {
namespace {

constexpr std::string_view kNames[] = {"none",   "mismatch", "literal",    "number", "expression",
                                       "tuple",  "interval", "set",        "list",   "union",
                                       "matrix", "equation", "inequality", "base",   "ratio",
                                       "text",   "choice"};

Comparison Verdict(bool equal, CompareRule rule) { return {equal, rule}; }

// Monday is monday and YES is yes, but AB is not ab: letters side by side may be names.
bool CaseSaysNothing(std::string_view word) {
  if (word.size() < 2) return false;
  const std::string_view rest = word.substr(1);
  const bool small = std::none_of(rest.begin(), rest.end(), [](char c) { return c < 'a'; });
  return (small && word.size() > 2) || IsProseWord(word);
}

// Words without their commands, marks and cases. Text with mathematics in it keeps all of them, and
// a single letter its case.
std::string NormalText(std::string_view literal) {
  std::string words;
  for (size_t at = 0; at < literal.size();) {
    if (CommandAt(literal, at, "\\text")) {
      at += std::string_view("\\text").size();
      continue;
    }
    const char c = literal[at++];
    if (c == '\\' || c == '^' || c == '_' || c == '=' || c == '<' || c == '>') {
      return std::string(literal);
    }
    if (c != '{' && c != '}' && c != '"') words += c;
  }
  words = std::string(TrimSpace(words));
  while (!words.empty() && (words.back() == '.' || words.back() == '!' || words.back() == '?')) {
    words.pop_back();
  }
  words = TightText(words);
  std::string out;
  for (size_t at = 0; at < words.size();) {
    size_t end = at;
    while (end < words.size() && IsLetter(words[end])) ++end;
    const std::string_view word = std::string_view(words).substr(at, std::max<size_t>(end - at, 1));
    out += CaseSaysNothing(word) ? LowerAscii(word) : std::string(word);
    at += word.size();
  }
  return out;
}

bool IsNumber(const MathExpr& expr) { return VariablesOf(expr).empty(); }

class Comparer {
 public:
  Comparison Compare(const Answer& gold, const Answer& predicted) {
    if (gold.kind == AnswerKind::kEmpty || predicted.kind == AnswerKind::kEmpty) return {};
    if (gold.literal == predicted.literal) return Verdict(true, CompareRule::kLiteral);
    if (gold.kind == AnswerKind::kList && SamePoint(gold, predicted)) {
      return Verdict(true, CompareRule::kTuple);
    }
    if (predicted.kind == AnswerKind::kList && SamePoint(predicted, gold)) {
      return Verdict(true, CompareRule::kTuple);
    }
    if (gold.kind == AnswerKind::kAssignment || predicted.kind == AnswerKind::kAssignment) {
      return Assignments(gold, predicted);
    }
    // 0 <= x < 1 is the interval [0, 1).
    if (gold.kind == AnswerKind::kTuple && predicted.kind == AnswerKind::kRelation &&
        !predicted.parts.empty()) {
      return Compare(gold, predicted.parts[0]);
    }
    if (gold.kind == AnswerKind::kRelation && predicted.kind == AnswerKind::kTuple &&
        !gold.parts.empty()) {
      return Compare(gold.parts[0], predicted);
    }
    if (TwoForms(predicted)) {
      const Comparison first = Compare(gold, predicted.parts[0]);
      const Comparison second = Compare(gold, predicted.parts[1]);
      if (first.equal && second.equal) return first;
    }
    if (gold.kind != predicted.kind) return Verdict(false, CompareRule::kMismatch);
    switch (gold.kind) {
      case AnswerKind::kEmpty:
      case AnswerKind::kAssignment:
        return {};
      case AnswerKind::kText:
        return Verdict(NormalText(gold.literal) == NormalText(predicted.literal),
                       CompareRule::kText);
      case AnswerKind::kValue:
        return Values(gold, predicted);
      case AnswerKind::kTuple:
        return Verdict(gold.brackets == predicted.brackets && SameInOrder(gold, predicted),
                       TupleRule(gold));
      case AnswerKind::kList:
        return Lists(gold, predicted);
      case AnswerKind::kUnion:
      case AnswerKind::kIntersection:
        return Verdict(SameUnordered(gold, predicted), CompareRule::kUnion);
      case AnswerKind::kDifference:
        return Verdict(SameInOrder(gold, predicted), CompareRule::kUnion);
      case AnswerKind::kMatrix:
        return Verdict(SameMatrixBrackets(gold.brackets, predicted.brackets) &&
                           gold.columns == predicted.columns && SameInOrder(gold, predicted),
                       CompareRule::kMatrix);
      case AnswerKind::kRelation:
        return Relations(gold, predicted);
      case AnswerKind::kBase:
        return Verdict(false, CompareRule::kBase);  // the literals differ
      case AnswerKind::kRatio:
        return Verdict(SameInOrder(gold, predicted), CompareRule::kRatio);
    }
    return {};
  }

 private:
  static CompareRule TupleRule(const Answer& gold) {
    const bool two = gold.parts.size() == 2;
    const bool interval = two && gold.brackets != "()" && gold.brackets != "<>";
    return interval ? CompareRule::kInterval : CompareRule::kTuple;
  }

  // "1/4 or 0.25": one number, if both are it. "5 or 5" repeats an element.
  static bool TwoForms(const Answer& answer) {
    return answer.kind == AnswerKind::kList && answer.brackets.empty() &&
           answer.parts.size() == 2 && answer.parts[0].kind == AnswerKind::kValue &&
           answer.parts[1].kind == AnswerKind::kValue &&
           answer.parts[0].literal != answer.parts[1].literal;
  }

  static bool SameMatrixBrackets(const std::string& a, const std::string& b) {
    const auto round = [](const std::string& s) { return s == "()" || s == "[]"; };
    return a == b || (round(a) && round(b));
  }

  Comparison Values(const Answer& gold, const Answer& predicted) {
    const bool numbers = IsNumber(gold.value) && IsNumber(predicted.value);
    const CompareRule rule = numbers ? CompareRule::kNumber : CompareRule::kExpression;
    if (!UnitsAgree(gold.unit, predicted.unit)) return Verdict(false, rule);
    if (SameValue(gold.value, predicted.value, &budget_)) return Verdict(true, rule);
    return Verdict(RoundingMatches(gold, predicted) || RoundingMatches(predicted, gold), rule);
  }

  // The decimal behind a's "≈", if it is a true rounding of a, against b.
  bool RoundingMatches(const Answer& a, const Answer& b) {
    if (a.rounded.empty()) return false;
    const std::string_view text = TrimSpace(a.rounded);
    const size_t sign = text.starts_with('-') ? 1 : 0;
    const auto number = ScanNumber(text, sign);
    if (!number || sign + number->size != text.size()) return false;
    if (text.find_first_of("eE\\") != std::string_view::npos) return false;
    const size_t point = text.find('.');
    const size_t decimals = point == std::string_view::npos ? 0 : text.size() - point - 1;
    const Rational value = sign == 1 ? Rational(-number->value) : number->value;
    return IsRounded(a.value, value, static_cast<int>(decimals), &budget_) &&
           SameValue(NumberExpr(value), b.value, &budget_);
  }

  bool SameInOrder(const Answer& gold, const Answer& predicted) {
    if (gold.parts.size() != predicted.parts.size()) return false;
    for (size_t i = 0; i < gold.parts.size(); ++i) {
      if (!Compare(gold.parts[i], predicted.parts[i]).equal) return false;
    }
    return true;
  }

  // As multisets: no part may be left out, added or repeated.
  bool SameUnordered(const Answer& gold, const Answer& predicted) {
    if (gold.parts.size() != predicted.parts.size()) return false;
    std::vector<bool> used(predicted.parts.size(), false);
    for (const Answer& part : gold.parts) {
      bool found = false;
      for (size_t i = 0; i < predicted.parts.size() && !found; ++i) {
        if (used[i] || !Compare(part, predicted.parts[i]).equal) continue;
        used[i] = found = true;
      }
      if (!found) return false;
    }
    return true;
  }

  // x = 1, y = 2 names what is what, so it is not the list 2, 1; x = 1, x = 2 is 1, 2, and so is
  // x_1 = 1, x_2 = 2: roots are numbered in any order, unlike the terms of a sequence.
  static bool NamesDiffer(const Answer& list) {
    std::optional<std::string_view> first;
    for (const Answer& part : list.parts) {
      if (part.kind != AnswerKind::kAssignment) continue;
      std::string_view name = part.name;
      if (name.starts_with("x_") || name.starts_with("z_")) name = name.substr(0, 1);
      if (first && *first != name) return true;
      first = name;
    }
    return false;
  }

  // The assignments of x = 3, y = -2 by the order of their letters; empty for other lists.
  static std::vector<const Answer*> Coordinates(const Answer& list) {
    std::vector<const Answer*> parts;
    for (const Answer& part : list.parts) {
      if (part.kind != AnswerKind::kAssignment || part.name.size() != 1) return {};
      parts.push_back(&part);
    }
    const auto by_name = [](const Answer* a, const Answer* b) { return a->name < b->name; };
    std::sort(parts.begin(), parts.end(), by_name);
    const auto same = [](const Answer* a, const Answer* b) { return a->name == b->name; };
    const bool repeated = std::adjacent_find(parts.begin(), parts.end(), same) != parts.end();
    return repeated || parts.size() < 2 ? std::vector<const Answer*>() : parts;
  }

  // x = 3, y = -2 is the point (3, -2), and (x, y) = (3, -2).
  bool SamePoint(const Answer& list, const Answer& other) {
    const std::vector<const Answer*> coordinates = Coordinates(list);
    const bool named = other.kind == AnswerKind::kAssignment;
    const Answer& tuple = named ? other.parts[0] : other;
    if (coordinates.empty() || tuple.kind != AnswerKind::kTuple || tuple.brackets != "()" ||
        tuple.parts.size() != coordinates.size()) {
      return false;
    }
    std::string names;
    for (size_t i = 0; i < coordinates.size(); ++i) {
      names += (i == 0 ? "(" : ",") + coordinates[i]->name;
      if (!Compare(coordinates[i]->parts[0], tuple.parts[i]).equal) return false;
    }
    return !named || names + ")" == other.name;
  }

  Comparison Lists(const Answer& gold, const Answer& predicted) {
    const bool braces = gold.brackets == "{}" || predicted.brackets == "{}";
    const CompareRule rule = braces ? CompareRule::kSet : CompareRule::kList;
    // A set of one is not its element, and a bare list has more than one.
    const bool named = NamesDiffer(gold) || NamesDiffer(predicted);
    const auto all_named = [](const Answer& list) {
      return std::all_of(list.parts.begin(), list.parts.end(), [](const Answer& part) {
        return part.kind == AnswerKind::kAssignment || part.kind == AnswerKind::kList;
      });
    };
    if (named && !(all_named(gold) && all_named(predicted))) return Verdict(false, rule);
    return Verdict(SameUnordered(gold, predicted), rule);
  }

  Comparison Assignments(const Answer& gold, const Answer& predicted) {
    const bool both = gold.kind == predicted.kind;
    if (both) {
      if (gold.name == predicted.name) return Compare(gold.parts[0], predicted.parts[0]);
      return Relations(gold, predicted);
    }
    const bool gold_named = gold.kind == AnswerKind::kAssignment;
    const Answer& assignment = gold_named ? gold : predicted;
    const Answer& other = gold_named ? predicted : gold;
    // -2 <= x <= 7 is x \in [-2, 7].
    if (other.kind == AnswerKind::kRelation && !other.parts.empty() &&
        assignment.relations.empty() && other.name == assignment.name) {
      return Compare(assignment.parts[0], other.parts[0]);
    }
    if (other.kind == AnswerKind::kRelation) return Relations(gold, predicted);
    const Answer& value = assignment.parts[0];
    if (gold_named) {
      const bool number = value.kind != AnswerKind::kValue || IsNumber(value.value);
      const bool droppable = assignment.definition || (assignment.simple_name && number);
      if (!droppable) return Verdict(false, CompareRule::kMismatch);
      return Compare(value, predicted);
    }
    // Other names than those of x = 1, y = 2 would be lost.
    if (gold.kind == AnswerKind::kList && value.kind == AnswerKind::kTuple) {
      return Verdict(false, CompareRule::kMismatch);
    }
    return Compare(gold, value);
  }

  Comparison Relations(const Answer& gold, const Answer& predicted) {
    const auto& a = gold.relations;
    const auto& b = predicted.relations;
    const bool equation = a.size() == 1 && a[0].op == Relation::Op::kEqual;
    const CompareRule rule = equation ? CompareRule::kEquation : CompareRule::kInequality;
    if (a.empty() || a.size() != b.size()) return Verdict(false, rule);
    std::vector<bool> used(b.size(), false);
    for (const Relation& relation : a) {
      bool found = false;
      for (size_t i = 0; i < b.size() && !found; ++i) {
        if (used[i] || !SameRelation(relation, b[i])) continue;
        used[i] = found = true;
      }
      if (!found) return Verdict(false, rule);
    }
    return Verdict(true, rule);
  }

  bool SameRelation(const Relation& a, const Relation& b) {
    if (a.op != b.op) return false;
    const bool directed = a.op == Relation::Op::kLess || a.op == Relation::Op::kLessEqual;
    return SameUpToFactor(a.difference, b.difference, directed, &budget_);
  }

  WorkBudget budget_;
};

}  // namespace

std::string_view CompareRuleName(CompareRule rule) { return kNames[static_cast<size_t>(rule)]; }

Comparison CompareAnswers(const Answer& gold, const Answer& predicted) {
  return Comparer().Compare(gold, predicted);
}

}  // namespace ebb
