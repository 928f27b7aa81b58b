// Mathematical expressions as trees, and the parser that makes them from cleaned text
// (grade/math_text.h). LaTeX and plain ASCII are read by one grammar:
//
//   sum      = product { ("+" | "-") product }
//   product  = signed { ("*" | "/") signed | power }          a power next to a power multiplies
//   signed   = ("+" | "-") signed | power
//   power    = postfix [ "^" argument ]
//   postfix  = primary { "!" | "^\circ" | "'" }
//   primary  = number | mixed number | letter | function | \frac | \sqrt | \binom | |x| | brackets
//
// What could be read in two ways is not read at all: 3\frac{5}{2} (a sum or a product?) and 1/2x
// (over 2 or over 2x?) become a kOpaque node, which equals only itself.
//
// Thread-safety: pure functions. Depth and size of a tree are limited, so hostile text cannot
// exhaust the stack.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "grade/rational.h"

namespace ebb {

enum class MathOp {
  kNumber,
  kVariable,  // name
  kPi,
  kEuler,
  kImaginary,
  kInfinity,
  kSum,
  kProduct,
  kNegate,
  kDivide,
  kPower,  // base, exponent
  kRoot,   // index, radicand
  kAbs,
  kFloor,
  kCeiling,
  kFactorial,
  kBinomial,
  kFunction,  // name, argument
  kLog,       // base, argument
  kDegree,
  kOpaque,  // has no value; equal only to the same tree
};

struct MathExpr {
  MathOp op = MathOp::kNumber;
  Rational number = 0;  // kNumber
  std::string name;     // kVariable, kFunction, kOpaque
  std::vector<MathExpr> args;

  bool operator==(const MathExpr& other) const;
};

// Parses as much of `text` from *at on as is an expression and moves *at behind it; nothing, and
// *at anywhere, if none starts there. It stops before words and \text, which may be units.
[[nodiscard]] std::optional<MathExpr> ParseExpressionPrefix(std::string_view text, size_t* at);

// An expression that is all of `text`.
[[nodiscard]] std::optional<MathExpr> ParseExpression(std::string_view text);

[[nodiscard]] MathExpr NumberExpr(Rational value);
// left - right
[[nodiscard]] MathExpr Difference(MathExpr left, MathExpr right);

// The names of the variables, sorted, each once.
[[nodiscard]] std::vector<std::string> VariablesOf(const MathExpr& expr);

}  // namespace ebb
