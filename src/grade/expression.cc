#include "grade/expression.h"

#include <algorithm>
#include <utility>

#include "grade/expression_parser.h"
#include "grade/math_text.h"

namespace ebb {
namespace {

MathExpr Node(MathOp op, std::vector<MathExpr> args) {
  MathExpr expr;
  expr.op = op;
  expr.args = std::move(args);
  return expr;
}

void CollectVariables(const MathExpr& expr, std::vector<std::string>* names) {
  if (expr.op == MathOp::kVariable) names->push_back(expr.name);
  for (const MathExpr& arg : expr.args) CollectVariables(arg, names);
}

}  // namespace

bool MathExpr::operator==(const MathExpr& other) const {
  return op == other.op && name == other.name && number == other.number && args == other.args;
}

MathExpr NumberExpr(Rational value) {
  MathExpr expr;
  expr.number = std::move(value);
  return expr;
}

MathExpr Difference(MathExpr left, MathExpr right) {
  std::vector<MathExpr> negated;
  negated.push_back(std::move(right));
  std::vector<MathExpr> terms;
  terms.push_back(std::move(left));
  terms.push_back(Node(MathOp::kNegate, std::move(negated)));
  return Node(MathOp::kSum, std::move(terms));
}

std::optional<MathExpr> ParseExpressionPrefix(std::string_view text, size_t* at) {
  ExpressionParser parser(text, *at);
  auto expr = parser.Sum();
  *at = parser.at();
  return expr;
}

std::optional<MathExpr> ParseExpression(std::string_view text) {
  size_t at = 0;
  auto expr = ParseExpressionPrefix(text, &at);
  if (!TrimSpace(text.substr(std::min(at, text.size()))).empty()) return std::nullopt;
  return expr;
}

std::vector<std::string> VariablesOf(const MathExpr& expr) {
  std::vector<std::string> names;
  CollectVariables(expr, &names);
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

}  // namespace ebb
