#include "grade/expression.h"

#include <algorithm>
#include <utility>

#include "grade/math_text.h"
#include "grade/number_scan.h"
#include "grade/units.h"

namespace ebb {
namespace {

constexpr int kMaxDepth = 60;
constexpr int kMaxNodes = 1000;
constexpr int kMaxSteps = 20000;

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

MathExpr Node(MathOp op, std::vector<MathExpr> args, std::string name = {}) {
  MathExpr expr;
  expr.op = op;
  expr.name = std::move(name);
  expr.args = std::move(args);
  return expr;
}

class Parser {
 public:
  Parser(std::string_view text, size_t at) : text_(text), at_(at) {}

  size_t at() const { return at_; }

  std::optional<MathExpr> Sum() {
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

 private:
  std::nullopt_t Fail() {
    failed_ = true;
    return std::nullopt;
  }

  MathExpr Make(MathOp op, std::vector<MathExpr> args, std::string name = {}) {
    if (++nodes_ > kMaxNodes) failed_ = true;
    return Node(op, std::move(args), std::move(name));
  }

  char Peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  void SkipSpace() {
    while (at_ < text_.size() && IsSpace(text_[at_])) ++at_;
  }
  bool Take(std::string_view command) {
    if (!CommandAt(text_, at_, command)) return false;
    at_ += command.size();
    return true;
  }

  std::optional<MathExpr> Product() {
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

  static std::vector<MathExpr> Pair(MathExpr a, MathExpr b) {
    std::vector<MathExpr> args;
    args.reserve(2);
    args.push_back(std::move(a));
    args.push_back(std::move(b));
    return args;
  }

  MathExpr Times(MathExpr left, MathExpr right) {
    if (left.op == MathOp::kProduct) {
      if (++nodes_ > kMaxNodes) failed_ = true;
      left.args.push_back(std::move(right));
      return left;
    }
    return Make(MathOp::kProduct, Pair(std::move(left), std::move(right)));
  }

  std::optional<MathExpr> Signed() {
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

  std::optional<MathExpr> Power() {
    SkipSpace();
    auto base = Postfix();
    if (!base) return std::nullopt;
    return WithExponent(std::move(*base));
  }

  std::optional<MathExpr> WithExponent(MathExpr base) {
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

  // What stands behind "^": a group, a signed number (plain 2^10 and 2^-1 are meant whole), or one
  // power, so that 2^3^2 is 2^(3^2).
  std::optional<MathExpr> Exponent() {
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

  // The argument of a command, as TeX takes it: a group, or one digit, letter or command.
  std::optional<MathExpr> Argument() {
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

  // A sum between the bracket of `open_size` bytes at at_ and `close`.
  std::optional<MathExpr> Enclosed(size_t open_size, std::string_view close) {
    at_ += open_size;
    const int bars = std::exchange(bars_, 0);
    auto value = Sum();
    bars_ = bars;
    SkipSpace();
    if (!value || !Take(close)) return std::nullopt;
    return value;
  }

  std::optional<MathExpr> Postfix() {
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

  std::optional<MathExpr> Primary() {
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

  std::optional<MathExpr> Bars() {
    ++at_;
    ++bars_;
    auto value = Sum();
    --bars_;
    SkipSpace();
    if (!value || !Take("|")) return std::nullopt;
    return Make(MathOp::kAbs, {std::move(*value)});
  }

  std::optional<MathExpr> Number() {
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

  // The bytes of a number at at_ that may mean two things: 0x1F, 0.1(6), 2e-1 (2e less 1?); 0 for
  // others. A computer writes 1e-05.
  size_t UnclearNumberSize(std::string_view digits, bool plain) const {
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

  // A whole number with a fraction behind it is a mixed number: 3\frac{1}{2}, 3 1/2. With an
  // improper fraction it is neither that nor surely a product.
  std::optional<MathExpr> WithFraction(MathExpr whole) {
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

  using Fraction = std::pair<Rational, Rational>;  // of whole numbers; the second is not 0

  std::optional<Fraction> LatexFraction() {
    const auto top = WholeNumberArgument();
    const auto bottom = top ? WholeNumberArgument() : std::nullopt;
    if (!bottom || *bottom == 0) return std::nullopt;
    return Fraction(*top, *bottom);
  }

  // {digits} or one digit.
  std::optional<Rational> WholeNumberArgument() {
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

  std::optional<Fraction> PlainFraction() {
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

  // Letters without a backslash: a function's name, or up to three variables side by side. A longer
  // word is not mathematics.
  std::optional<MathExpr> Word() {
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

  // A letter with its subscript and primes.
  std::optional<MathExpr> Letter(std::string_view name) {
    at_ += name.size();
    return Named(std::string(name));
  }

  std::optional<MathExpr> Named(std::string name) {
    if (Peek() == '_') {
      ++at_;
      SkipSpace();
      const auto size = at_ < text_.size() ? ItemSize(text_, at_) : std::nullopt;
      if (!size) return Fail();
      std::string_view index = text_.substr(at_, *size);
      if (index.starts_with('{')) index = index.substr(1, index.size() - 2);
      name += "_" + TightText(index);
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

  // The bytes of the bracket at at_ if it holds what the letter `name` is applied to: f(x), and
  // P(0), I(-1), which as products would be zero and -I. What it yields is as good as a letter.
  size_t ApplicationSize(std::string_view name) const {
    if (Peek() != '(') return 0;
    const size_t end = BracketEnd(text_, at_);
    if (end == std::string_view::npos) return 0;
    if (name[0] == 'f' || name[0] == 'g') return end - at_;
    std::string_view inside = TrimSpace(text_.substr(at_ + 1, end - at_ - 2));
    if (inside.starts_with('-')) inside.remove_prefix(1);
    const auto number = ScanNumber(inside, 0);
    return number && number->size == inside.size() ? end - at_ : 0;
  }

  std::optional<MathExpr> Command() {
    if (++depth_ > kMaxDepth) return Fail();
    auto value = CommandValue();
    --depth_;
    return value;
  }

  std::optional<MathExpr> CommandValue() {
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
      if (Take("\\" + std::string(function))) return Function(std::string(function));
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

  std::optional<MathExpr> Wrap(MathOp op, std::optional<MathExpr> inside) {
    if (!inside) return Fail();
    return Make(op, {std::move(*inside)});
  }

  std::optional<MathExpr> Accented(std::string_view accent) {
    SkipSpace();
    const auto size = at_ < text_.size() ? ItemSize(text_, at_) : std::nullopt;
    if (!size || *size > 32) return Fail();
    std::string_view inside = text_.substr(at_, *size);
    if (inside.starts_with('{')) inside = inside.substr(1, inside.size() - 2);
    at_ += *size;
    return Named(std::string(accent) + "{" + TightText(inside) + "}");
  }

  // \text{sin} x and \text{e} are mathematics; any other words are not.
  std::optional<MathExpr> TextFunction() {
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

  std::optional<MathExpr> Root() {
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

  // sin x, sin^2 x, sin^{-1} x, log_2 x; the argument is a bracket, or the powers that follow up to
  // the next function.
  std::optional<MathExpr> Function(std::string name) {
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
      name = name.starts_with("arc") ? name.substr(3) : "arc" + name;
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

  std::optional<MathExpr> FunctionArgument() {
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

  bool StartsFunction() const {
    const size_t at = at_ + (Peek() == '\\' ? 1 : 0);
    return std::any_of(std::begin(kFunctions), std::end(kFunctions), [&](std::string_view name) {
      return text_.substr(std::min(at, text_.size())).starts_with(name);
    });
  }

  std::string_view text_;
  size_t at_;
  int depth_ = 0;
  int bars_ = 0;
  int nodes_ = 0;
  int chain_ = 0;
  int steps_ = 0;
  bool failed_ = false;
};

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
  Parser parser(text, *at);
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
