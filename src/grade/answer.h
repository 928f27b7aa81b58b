// An answer as a structure: a number, an interval, a list of equations. What it parses to is the
// same for gold and predicted answers; grade/compare.h says when two are equal.
//
// Thread-safety: pure functions. Any text parses: what is not understood is kText, which equals
// only the same text. Depth and size are limited; text beyond kMaxAnswerBytes stays text.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "grade/expression.h"

namespace ebb {

enum class AnswerKind {
  kEmpty,         // nothing but space and punctuation: equals nothing, not even itself
  kText,          // words, or mathematics that is not understood
  kValue,         // an expression, perhaps with a unit
  kTuple,         // ordered parts in brackets: (1, 2), [0, 1), <1, 2>
  kList,          // unordered parts, bare or in braces: 1, 2 and 3; {1, 2}
  kUnion,         // unordered parts
  kIntersection,  // unordered parts
  kDifference,    // ordered parts: A \setminus B
  kMatrix,        // parts row by row, `columns` of them in a row
  kAssignment,    // `name` = parts[0]
  kRelation,      // equations and inequalities: 2x + y = 3; 1 < x <= 2, with parts[0] = (1, 2]
  kBase,          // digits with their base, as text
  kRatio,         // ordered parts: 3 : 4
};

// difference `op` 0, where > and >= have been turned around.
struct Relation {
  enum class Op { kEqual, kNotEqual, kLess, kLessEqual };
  Op op = Op::kEqual;
  MathExpr difference;
};

struct Answer {
  AnswerKind kind = AnswerKind::kEmpty;
  std::string literal;  // the cleaned text, without spaces that say nothing
  MathExpr value;       // kValue
  std::string unit;     // kValue: a known unit (grade/units.h), or empty
  // kValue: the decimal number behind a "≈", which is a rounding of `value`, as text.
  std::string rounded;
  std::vector<Answer> parts;
  std::string brackets;  // "[)" of a tuple, "{}" of a set, "()" or "[]" or "||" of a matrix
  size_t columns = 0;
  // kAssignment; kRelation: the letter that lies in parts[0]
  std::string name;
  bool simple_name = false;         // kAssignment: x, f(x), (x, y); not x + y
  bool definition = false;          // kAssignment: a function of a letter, f(x) = ..
  std::vector<Relation> relations;  // kRelation; kAssignment whose sides are expressions
};

[[nodiscard]] Answer ParseAnswer(std::string_view text);

// Without what only wraps it: spaces, dollars and brackets of mathematics, \boxed{..}, bold and
// code marks, quotes, and the full stop of a sentence.
[[nodiscard]] std::string_view StripWrapping(std::string_view text);

}  // namespace ebb
