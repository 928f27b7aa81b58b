// Letters, words and commands in expressions: variables, constants, functions.
#include <algorithm>

#include "grade/expression_parser.h"
#include "grade/number_scan.h"
#include "grade/units.h"

namespace ebb {
namespace {

// Functions of one argument, with or without a backslash.
constexpr std::string_view kFunctions[] = {
    "arcsin", "arccos", "arctan", "arccot", "arcsec", "arccsc", "sinh", "cosh", "tanh", "sin",
    "cos",    "tan",    "cot",    "sec",    "csc",    "exp",    "ln",   "log",  "lg"};

constexpr std::string_view kGreek[] = {
    "\\alpha",  "\\beta",  "\\gamma",  "\\delta", "\\epsilon", "\\zeta",  "\\eta",   "\\theta",
    "\\iota",   "\\kappa", "\\lambda", "\\mu",    "\\nu",      "\\xi",    "\\rho",   "\\sigma",
    "\\tau",    "\\phi",   "\\chi",    "\\psi",   "\\omega",   "\\Gamma", "\\Delta", "\\Theta",
    "\\Lambda", "\\Xi",    "\\Pi",     "\\Sigma", "\\Phi",     "\\Psi",   "\\Omega", "\\ell"};

// Marks over or before a letter make another letter of it.
constexpr std::string_view kAccents[] = {
    "\\overline",       "\\vec",    "\\hat", "\\bar", "\\tilde", "\\mathbb",
    "\\overrightarrow", "\\widehat"};

}  // namespace

std::optional<MathExpr> ExpressionParser::Word() {
  size_t end = at_;
  while (end < text_.size() && IsLetter(text_[end])) ++end;
  const std::string_view word = text_.substr(at_, end - at_);
  // a and what follows it are a word of another language, not a variable.
  if (end < text_.size() && static_cast<unsigned char>(text_[end]) >= 0x80) return std::nullopt;
  if (word == "sqrt") {
    at_ = end;
    // sqrt23 is the root of 23; only \sqrt23 takes one digit.
    const auto number = ScanNumber(text_, at_);
    if (!number) return Root();
    at_ += number->size;
    return Make(MathOp::kRoot, Pair(NumberExpr(2), NumberExpr(number->value)));
  }
  if (word == "pi") {
    at_ = end;
    return Make(MathOp::kPi, {});
  }
  if (word == "infinity" || word == "inf" || word == "oo") {
    at_ = end;
    return Make(MathOp::kInfinity, {});
  }
  for (const std::string_view function : kFunctions) {
    if (!word.starts_with(function)) continue;
    // "sinx" is sin x; "sing" would be too, but it is as likely a word.
    if (word.size() > function.size() + 1) return std::nullopt;
    at_ += function.size();
    return Function(std::string(function));
  }
  if (word.size() > 3 || (word.size() > 1 && IsProseWord(word))) return std::nullopt;
  return Letter(word.substr(0, 1));
}

std::optional<MathExpr> ExpressionParser::Letter(std::string_view name) {
  at_ += name.size();
  return Named(std::string(name));
}

std::optional<MathExpr> ExpressionParser::Named(std::string name) {
  if (Peek() == '_') {
    ++at_;
    SkipSpace();
    const auto size = at_ < text_.size() ? ItemSize(text_, at_) : std::nullopt;
    if (!size) return Fail();
    std::string_view index = text_.substr(at_, *size);
    if (index.starts_with('{')) index = index.substr(1, index.size() - 2);
    name += '_';
    name += TightText(index);
    at_ += *size;
  }
  while (Peek() == '\'') {
    name += '\'';
    ++at_;
  }
  if (name == "e") return Make(MathOp::kEuler, {});
  if (name == "i") return Make(MathOp::kImaginary, {});
  if (const size_t size = ApplicationSize(name); size > 0) {
    name += TightText(text_.substr(at_, size));
    at_ += size;
  }
  return Make(MathOp::kVariable, {}, std::move(name));
}

size_t ExpressionParser::ApplicationSize(std::string_view name) const {
  if (Peek() != '(') return 0;
  const size_t end = BracketEnd(text_, at_);
  if (end == std::string_view::npos) return 0;
  if (name[0] == 'f' || name[0] == 'g') return end - at_;
  std::string_view inside = TrimSpace(text_.substr(at_ + 1, end - at_ - 2));
  if (inside.starts_with('-')) inside.remove_prefix(1);
  const auto number = ScanNumber(inside, 0);
  return number && number->size == inside.size() ? end - at_ : 0;
}

std::optional<MathExpr> ExpressionParser::Command() {
  if (++depth_ > kMaxDepth) return Fail();
  auto value = CommandValue();
  --depth_;
  return value;
}

std::optional<MathExpr> ExpressionParser::CommandValue() {
  if (Take("\\frac")) {
    auto top = Argument();
    auto bottom = top ? Argument() : std::nullopt;
    if (!bottom) return Fail();
    return Make(MathOp::kDivide, Pair(std::move(*top), std::move(*bottom)));
  }
  if (Take("\\binom")) {
    auto top = Argument();
    auto bottom = top ? Argument() : std::nullopt;
    if (!bottom) return Fail();
    return Make(MathOp::kBinomial, Pair(std::move(*top), std::move(*bottom)));
  }
  if (Take("\\sqrt")) return Root();
  if (Take("\\pi")) return Make(MathOp::kPi, {});
  if (Take("\\infty")) return Make(MathOp::kInfinity, {});
  if (Take("\\lfloor")) return Wrap(MathOp::kFloor, Enclosed(0, "\\rfloor"));
  if (Take("\\lceil")) return Wrap(MathOp::kCeiling, Enclosed(0, "\\rceil"));
  for (const std::string_view function : kFunctions) {
    if (Take(std::string("\\").append(function))) return Function(std::string(function));
  }
  if (CommandAt(text_, at_, "\\text")) return TextFunction();
  for (const std::string_view letter : kGreek) {
    if (Take(letter)) return Named(std::string(letter));
  }
  for (const std::string_view accent : kAccents) {
    if (Take(accent)) return Accented(accent);
  }
  return std::nullopt;
}

std::optional<MathExpr> ExpressionParser::Wrap(MathOp op, std::optional<MathExpr> inside) {
  if (!inside) return Fail();
  return Make(op, {std::move(*inside)});
}

std::optional<MathExpr> ExpressionParser::Accented(std::string_view accent) {
  SkipSpace();
  const auto size = at_ < text_.size() ? ItemSize(text_, at_) : std::nullopt;
  if (!size || *size > 32) return Fail();
  std::string_view inside = text_.substr(at_, *size);
  if (inside.starts_with('{')) inside = inside.substr(1, inside.size() - 2);
  at_ += *size;
  return Named(std::string(accent) + "{" + TightText(inside) + "}");
}

std::optional<MathExpr> ExpressionParser::TextFunction() {
  const size_t start = at_ + std::string_view("\\text").size();
  const size_t end = start < text_.size() ? BracketEnd(text_, start) : std::string_view::npos;
  if (end == std::string_view::npos || text_[start] != '{') return std::nullopt;
  const std::string_view word = TrimSpace(text_.substr(start + 1, end - start - 2));
  const bool function =
      std::find(std::begin(kFunctions), std::end(kFunctions), word) != std::end(kFunctions);
  if (!function && word != "e" && word != "i") return std::nullopt;
  at_ = end;
  if (function) return Function(std::string(word));
  return Make(word == "e" ? MathOp::kEuler : MathOp::kImaginary, {});
}

std::optional<MathExpr> ExpressionParser::Root() {
  SkipSpace();
  MathExpr index = NumberExpr(2);
  if (Peek() == '[') {
    auto given = Enclosed(1, "]");
    if (!given) return Fail();
    index = std::move(*given);
  }
  auto radicand = Argument();
  if (!radicand) return Fail();
  return Make(MathOp::kRoot, Pair(std::move(index), std::move(*radicand)));
}

std::optional<MathExpr> ExpressionParser::Function(std::string name) {
  if (++depth_ > kMaxDepth) return Fail();
  std::optional<MathExpr> base;
  SkipSpace();
  if (name == "log" && Peek() == '_') {
    ++at_;
    base = Argument();
    if (!base) return Fail();
    SkipSpace();
  }
  std::optional<MathExpr> exponent;
  if (Peek() == '^') {
    ++at_;
    exponent = Exponent();
    if (!exponent) return Fail();
  }
  auto argument = FunctionArgument();
  --depth_;
  if (!argument) return Fail();
  const bool inverse =
      exponent && exponent->op == MathOp::kNegate && exponent->args[0] == NumberExpr(1);
  if (inverse && (name == "log" || name == "ln" || name == "lg" || name == "exp")) return Fail();
  if (inverse) {
    name = name.starts_with("arc") ? name.substr(3) : std::string("arc").append(name);
    exponent.reset();
  }
  MathExpr value;
  if (name == "log" || name == "lg") {
    if (!base) base = NumberExpr(10);
    value = Make(MathOp::kLog, Pair(std::move(*base), std::move(*argument)));
  } else {
    value = Make(MathOp::kFunction, {std::move(*argument)}, std::move(name));
  }
  if (!exponent) return value;
  return Make(MathOp::kPower, Pair(std::move(value), std::move(*exponent)));
}

std::optional<MathExpr> ExpressionParser::FunctionArgument() {
  SkipSpace();
  if (Peek() == '(' || Peek() == '{' || Peek() == '[') return Primary();
  const bool negative = Peek() == '-';
  if (negative) ++at_;
  std::optional<MathExpr> value;
  while (!failed_) {
    const size_t before = at_;
    SkipSpace();
    if (StartsFunction() || (value && (Peek() == '(' || IsDigit(Peek()) || Peek() == '.'))) {
      at_ = before;
      break;
    }
    auto next = Power();
    if (!next) {
      at_ = before;
      break;
    }
    value = value ? Times(std::move(*value), std::move(*next)) : std::move(*next);
    // \sin \pi/2 is mostly meant as sin(pi/2), but not surely.
    if (Peek() == '/') {
      value = Make(MathOp::kOpaque, {std::move(*value)}, "function before slash");
    }
  }
  if (!value || !negative) return value;
  return Make(MathOp::kNegate, {std::move(*value)});
}

bool ExpressionParser::StartsFunction() const {
  const size_t at = at_ + (Peek() == '\\' ? 1 : 0);
  return std::any_of(std::begin(kFunctions), std::end(kFunctions), [&](std::string_view name) {
    return text_.substr(std::min(at, text_.size())).starts_with(name);
  });
}

}  // namespace ebb
