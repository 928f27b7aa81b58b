// Numbers in expressions, with the fraction that may make mixed numbers of them.
#include "grade/expression_parser.h"
#include "grade/number_scan.h"

namespace ebb {

std::optional<MathExpr> ExpressionParser::Number() {
  const auto number = ScanNumber(text_, at_);
  if (!number) return std::nullopt;
  const std::string_view digits = text_.substr(at_, number->size);
  const size_t more = UnclearNumberSize(digits, number->plain);
  at_ += number->size;
  if (more > 0) {
    const std::string_view all = text_.substr(at_ - number->size, more);
    at_ += more - number->size;
    return Make(MathOp::kOpaque, {}, std::string(all));
  }
  MathExpr value = Make(MathOp::kNumber, {});
  value.number = number->value;
  if (!number->plain) return value;
  return WithFraction(std::move(value));
}

size_t ExpressionParser::UnclearNumberSize(std::string_view digits, bool plain) const {
  const auto at = [&](size_t i) { return i < text_.size() ? text_[i] : '\0'; };
  const size_t end = at_ + digits.size();
  const char mark = at(end);
  if (plain && digits == "0" && std::string_view("xXbBoO").find(mark) != std::string_view::npos) {
    size_t last = end + 1;
    while (IsDigit(at(last)) || (IsLetter(at(last)) && (mark == 'x' || mark == 'X'))) ++last;
    if (last > end + 1) return last - at_;
  }
  if (digits.find('.') != std::string_view::npos && mark == '(') {
    size_t last = end + 1;
    while (IsDigit(at(last))) ++last;
    if (last > end + 1 && at(last) == ')') return last + 1 - at_;
  }
  const size_t e = digits.find('e');
  const bool whole = digits.find('.') == std::string_view::npos;
  const bool sign = e != std::string_view::npos && (digits[e + 1] == '-' || digits[e + 1] == '+');
  return whole && sign && digits[e + 2] != '0' ? digits.size() : 0;
}

std::optional<MathExpr> ExpressionParser::WithFraction(MathExpr whole) {
  const size_t before = at_;
  SkipSpace();
  const auto fraction = Take("\\frac") ? LatexFraction()
                        : at_ > before ? PlainFraction()
                                       : std::nullopt;
  if (!fraction) {
    at_ = before;
    return whole;
  }
  const auto& [top, bottom] = *fraction;
  if (top < bottom) return NumberExpr(Rational(whole.number + top / bottom));
  return Make(MathOp::kOpaque, {std::move(whole), NumberExpr(top), NumberExpr(bottom)},
              "improper mixed number");
}

std::optional<ExpressionParser::Fraction> ExpressionParser::LatexFraction() {
  const auto top = WholeNumberArgument();
  const auto bottom = top ? WholeNumberArgument() : std::nullopt;
  if (!bottom || *bottom == 0) return std::nullopt;
  return Fraction(*top, *bottom);
}

std::optional<Rational> ExpressionParser::WholeNumberArgument() {
  SkipSpace();
  if (IsDigit(Peek())) return Rational(text_[at_++] - '0');
  if (Peek() != '{') return std::nullopt;
  ++at_;
  SkipSpace();
  const auto number = ScanNumber(text_, at_);
  if (!number || !number->plain) return std::nullopt;
  at_ += number->size;
  SkipSpace();
  if (Peek() != '}') return std::nullopt;
  ++at_;
  return number->value;
}

std::optional<ExpressionParser::Fraction> ExpressionParser::PlainFraction() {
  const auto top = ScanNumber(text_, at_);
  if (!top || !top->plain) return std::nullopt;
  at_ += top->size;
  if (Peek() != '/') return std::nullopt;
  ++at_;
  const auto bottom = ScanNumber(text_, at_);
  if (!bottom || !bottom->plain || bottom->value == 0) return std::nullopt;
  at_ += bottom->size;
  return Fraction(top->value, bottom->value);
}

}  // namespace ebb
