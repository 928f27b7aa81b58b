// The recursive-descent parser behind ParseExpressionPrefix; grade/expression.h has the grammar.
//
// One function a rule. Each takes what it is named after at the current place and moves behind it,
// or returns nothing if none stands there; where it then stands does not matter, callers go back.
// Its definitions lie in expression_parser.cc (sums to brackets), expression_numbers.cc (numbers
// and mixed numbers) and expression_names.cc (letters, words and commands).
//
// Not thread-safe; one parser for each text, which must outlive it. Depth, nodes and steps are
// limited: beyond them everything fails.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "grade/expression.h"
#include "grade/math_text.h"

namespace ebb {

class ExpressionParser {
 public:
  ExpressionParser(std::string_view text, size_t at) : text_(text), at_(at) {}

  size_t at() const { return at_; }

  [[nodiscard]] std::optional<MathExpr> Sum();

 private:
  static constexpr int kMaxDepth = 60;
  static constexpr int kMaxNodes = 1000;
  static constexpr int kMaxSteps = 20000;

  std::nullopt_t Fail() {
    failed_ = true;
    return std::nullopt;
  }

  MathExpr Make(MathOp op, std::vector<MathExpr> args, std::string name = {});

  char Peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  void SkipSpace() {
    while (at_ < text_.size() && IsSpace(text_[at_])) ++at_;
  }
  bool Take(std::string_view command) {
    if (!CommandAt(text_, at_, command)) return false;
    at_ += command.size();
    return true;
  }
  static std::vector<MathExpr> Pair(MathExpr a, MathExpr b);

  // expression_parser.cc
  std::optional<MathExpr> Product();
  MathExpr Times(MathExpr left, MathExpr right);
  std::optional<MathExpr> Signed();
  std::optional<MathExpr> Power();
  std::optional<MathExpr> WithExponent(MathExpr base);
  // What stands behind "^": a group, a signed number (plain 2^10 and 2^-1 are meant whole), or one
  // power, so that 2^3^2 is 2^(3^2).
  std::optional<MathExpr> Exponent();
  // The argument of a command, as TeX takes it: a group, or one digit, letter or command.
  std::optional<MathExpr> Argument();
  // A sum between the bracket of `open_size` bytes at at_ and `close`.
  std::optional<MathExpr> Enclosed(size_t open_size, std::string_view close);
  std::optional<MathExpr> Postfix();
  std::optional<MathExpr> Primary();
  std::optional<MathExpr> Bars();

  // expression_numbers.cc
  using Fraction = std::pair<Rational, Rational>;  // of whole numbers; the second is not 0
  std::optional<MathExpr> Number();
  // The bytes of a number at at_ that may mean two things: 0x1F, 0.1(6), 2e-1 (2e less 1?); 0 for
  // others. A computer writes 1e-05.
  size_t UnclearNumberSize(std::string_view digits, bool plain) const;
  // A whole number with a fraction behind it is a mixed number: 3\frac{1}{2}, 3 1/2. With an
  // improper fraction it is neither that nor surely a product.
  std::optional<MathExpr> WithFraction(MathExpr whole);
  std::optional<Fraction> LatexFraction();
  // {digits} or one digit.
  std::optional<Rational> WholeNumberArgument();
  std::optional<Fraction> PlainFraction();

  // expression_names.cc
  // Letters without a backslash: a function's name, or up to three variables side by side. A longer
  // word is not mathematics.
  std::optional<MathExpr> Word();
  // A letter with its subscript and primes.
  std::optional<MathExpr> Letter(std::string_view name);
  std::optional<MathExpr> Named(std::string name);
  // The bytes of the bracket at at_ if it holds what the letter `name` is applied to: f(x), and
  // P(0), I(-1), which as products would be zero and -I. What it yields is as good as a letter.
  size_t ApplicationSize(std::string_view name) const;
  std::optional<MathExpr> Command();
  std::optional<MathExpr> CommandValue();
  std::optional<MathExpr> Wrap(MathOp op, std::optional<MathExpr> inside);
  std::optional<MathExpr> Accented(std::string_view accent);
  // \text{sin} x and \text{e} are mathematics; any other words are not.
  std::optional<MathExpr> TextFunction();
  std::optional<MathExpr> Root();
  // sin x, sin^2 x, sin^{-1} x, log_2 x; the argument is a bracket, or the powers that follow up to
  // the next function.
  std::optional<MathExpr> Function(std::string name);
  std::optional<MathExpr> FunctionArgument();
  bool StartsFunction() const;

  std::string_view text_;
  size_t at_;
  int depth_ = 0;
  int bars_ = 0;
  int nodes_ = 0;
  int chain_ = 0;
  int steps_ = 0;
  bool failed_ = false;
};

}  // namespace ebb
