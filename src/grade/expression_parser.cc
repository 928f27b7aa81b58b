// From sums down to brackets: what holds expressions together.
#include "grade/expression_parser.h"

#include "grade/number_scan.h"

namespace ebb {

MathExpr ExpressionParser::Make(MathOp op, std::vector<MathExpr> args, std::string name) {
  if (++nodes_ > kMaxNodes) failed_ = true;
  MathExpr expr;
  expr.op = op;
  expr.name = std::move(name);
  expr.args = std::move(args);
  return expr;
}

std::vector<MathExpr> ExpressionParser::Pair(MathExpr a, MathExpr b) {
  std::vector<MathExpr> args;
  args.reserve(2);
  args.push_back(std::move(a));
  args.push_back(std::move(b));
  return args;
}

std::optional<MathExpr> ExpressionParser::Sum() {
  if (++depth_ > kMaxDepth) return Fail();
  auto first = Product();
  std::vector<MathExpr> terms;
  while (first && !failed_) {
    SkipSpace();
    const char sign = Peek();
    if (sign != '+' && sign != '-') break;
    const size_t before = at_++;
    auto next = Product();
    if (!next) {
      if (failed_) return std::nullopt;
      at_ = before;  // the sign belongs to what follows the expression
      break;
    }
    if (terms.empty()) terms.push_back(std::move(*first));
    terms.push_back(sign == '+' ? std::move(*next) : Make(MathOp::kNegate, {std::move(*next)}));
  }
  --depth_;
  if (!first || failed_) return std::nullopt;
  if (terms.empty()) return first;
  return Make(MathOp::kSum, std::move(terms));
}

std::optional<MathExpr> ExpressionParser::Product() {
  auto first = Signed();
  if (!first) return std::nullopt;
  MathExpr left = std::move(*first);
  bool after_slash = false;
  while (!failed_) {
    SkipSpace();
    const size_t before = at_;
    const char op = Peek();
    if (op == '*' || op == '/') {
      ++at_;
      auto right = Signed();
      if (!right) {
        at_ = before;
        break;
      }
      left = op == '*' ? Times(std::move(left), std::move(*right))
                       : Make(MathOp::kDivide, Pair(std::move(left), std::move(*right)));
      after_slash = op == '/';
      continue;
    }
    // 2 5 and x2 are no products: a digit or a space was lost, or means something else.
    // Behind a factorial, as in 3!7!, none was.
    const bool number = (IsDigit(op) && text_[at_ - 1] != '!') || op == '.';
    auto right = Power();
    if (!right) {
      if (failed_) return std::nullopt;
      at_ = before;
      break;
    }
    if (number) {
      left = Make(MathOp::kOpaque, Pair(std::move(left), std::move(*right)), "number behind");
    } else if (after_slash) {
      left = Make(MathOp::kOpaque, Pair(std::move(left), std::move(*right)), "1/2x");
    } else {
      left = Times(std::move(left), std::move(*right));
    }
  }
  if (failed_) return std::nullopt;
  return left;
}

MathExpr ExpressionParser::Times(MathExpr left, MathExpr right) {
  if (left.op == MathOp::kProduct) {
    if (++nodes_ > kMaxNodes) failed_ = true;
    left.args.push_back(std::move(right));
    return left;
  }
  return Make(MathOp::kProduct, Pair(std::move(left), std::move(right)));
}

std::optional<MathExpr> ExpressionParser::Signed() {
  SkipSpace();
  const char sign = Peek();
  if (sign != '+' && sign != '-') return Power();
  if (++depth_ > kMaxDepth) return Fail();
  ++at_;
  SkipSpace();
  if (Peek() == '$') ++at_;  // -$5
  auto value = Signed();
  --depth_;
  if (!value) return std::nullopt;
  if (sign == '+') return value;
  // -2x is (-2)x and -2^2 is -(2^2); as a product either is the same.
  return Make(MathOp::kNegate, {std::move(*value)});
}

std::optional<MathExpr> ExpressionParser::Power() {
  SkipSpace();
  auto base = Postfix();
  if (!base) return std::nullopt;
  return WithExponent(std::move(*base));
}

std::optional<MathExpr> ExpressionParser::WithExponent(MathExpr base) {
  const size_t before = at_;
  SkipSpace();
  if (Peek() != '^') {
    at_ = before;
    return base;
  }
  ++at_;
  auto exponent = Exponent();
  if (!exponent) return Fail();
  return Make(MathOp::kPower, Pair(std::move(base), std::move(*exponent)));
}

std::optional<MathExpr> ExpressionParser::Exponent() {
  SkipSpace();
  if (Peek() == '{') return Argument();
  if (++depth_ > kMaxDepth) return Fail();
  const bool negative = Peek() == '-';
  if (negative) ++at_;
  // x^2\frac{1}{2} is no power of a mixed number.
  const auto number = ScanNumber(text_, at_);
  if (number) at_ += number->size;
  auto value = number ? WithExponent(NumberExpr(number->value)) : Power();
  --depth_;
  if (!value) return std::nullopt;
  return negative ? Make(MathOp::kNegate, {std::move(*value)}) : std::move(*value);
}

std::optional<MathExpr> ExpressionParser::Argument() {
  SkipSpace();
  if (++depth_ > kMaxDepth) return Fail();
  std::optional<MathExpr> value;
  if (Peek() == '{') {
    value = Enclosed(1, "}");
  } else if (IsDigit(Peek())) {
    value = NumberExpr(Rational(Peek() - '0'));
    ++at_;
  } else if (IsLetter(Peek())) {
    value = Letter(text_.substr(at_, 1));
  } else if (Peek() == '(' || Peek() == '\\') {
    value = Primary();
  }
  --depth_;
  return value;
}

std::optional<MathExpr> ExpressionParser::Enclosed(size_t open_size, std::string_view close) {
  at_ += open_size;
  const int bars = std::exchange(bars_, 0);
  auto value = Sum();
  bars_ = bars;
  SkipSpace();
  if (!value || !Take(close)) return std::nullopt;
  return value;
}

std::optional<MathExpr> ExpressionParser::Postfix() {
  auto value = Primary();
  while (value && !failed_) {
    if (Peek() == '!') {
      ++at_;
      value = Make(MathOp::kFactorial, {std::move(*value)});
    } else if (Take("^\\circ") || Take("^{\\circ}") || Take("^ \\circ")) {
      value = Make(MathOp::kDegree, {std::move(*value)});
    } else {
      break;
    }
    if (++chain_ > kMaxDepth) return Fail();
  }
  return value;
}

std::optional<MathExpr> ExpressionParser::Primary() {
  if (++steps_ > kMaxSteps) return Fail();
  const char c = Peek();
  if (IsDigit(c) || c == '.') return Number();
  if (IsLetter(c)) return Word();
  if (c == '\\') return Command();
  if (++depth_ > kMaxDepth) return Fail();
  std::optional<MathExpr> value;
  if (c == '(') {
    value = Enclosed(1, ")");
  } else if (c == '[') {
    value = Enclosed(1, "]");
  } else if (c == '{') {
    value = Enclosed(1, "}");
  } else if (c == '|' && bars_ == 0) {
    value = Bars();
  }
  --depth_;
  return value;
}

std::optional<MathExpr> ExpressionParser::Bars() {
  ++at_;
  ++bars_;
  auto value = Sum();
  --bars_;
  SkipSpace();
  if (!value || !Take("|")) return std::nullopt;
  return Make(MathOp::kAbs, {std::move(*value)});
}

}  // namespace ebb
