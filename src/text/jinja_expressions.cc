#include <array>

#include "text/jinja_parser.h"

namespace ebb {

Result<JinjaParser::Expression> JinjaParser::Ternary() {
  if (++depth_ > kMaxDepth) return Fail("expressions nested this deep", ErrorCode::kUnsupported);
  EBB_TRY_ASSIGN(Expression value, Binary(0));
  while (SkipName("if")) {
    Expression ternary = New(Kind::kTernary);
    EBB_TRY_ASSIGN(Expression condition, Binary(0));
    Expression otherwise;
    if (SkipName("else")) {
      EBB_TRY_ASSIGN(otherwise, Ternary());
    }
    ternary->parts.push_back(std::move(value));
    ternary->parts.push_back(std::move(condition));
    ternary->parts.push_back(std::move(otherwise));
    value = std::move(ternary);
  }
  --depth_;
  return value;
}

// Operators that join from left to right, level by level: or; and; then, below the comparisons,
// + and -; ~; *, /, // and %.
Result<JinjaParser::Expression> JinjaParser::Binary(size_t level) {
  static constexpr std::array<std::array<std::string_view, 4>, 5> kLevels = {
      {{"or"}, {"and"}, {"+", "-"}, {"~"}, {"*", "/", "//", "%"}}};
  const auto operand = [&]() -> Result<Expression> {
    if (level == 1) return Not();
    if (level == 4) return Unary();
    return Binary(level + 1);
  };
  EBB_TRY_ASSIGN(Expression left, operand());
  for (int count = 0;; ++count) {
    const bool is_word = level < 2;
    bool matches = false;
    for (const std::string_view op : kLevels[level]) {
      matches |= !op.empty() && (is_word ? IsName(op) : IsOperator(op));
    }
    if (!matches) return left;
    if (count > kMaxChain) return Fail("so long an expression", ErrorCode::kUnsupported);
    std::string op = tokens_[at_++].text;
    EBB_TRY_ASSIGN(Expression right, operand());
    left = Join(std::move(op), std::move(left), std::move(right));
  }
}

Result<JinjaParser::Expression> JinjaParser::Not() {
  if (!SkipName("not")) return Comparison();
  if (++depth_ > kMaxDepth) return Fail("so many not", ErrorCode::kUnsupported);
  Expression negation = New(Kind::kNot);
  EBB_TRY_ASSIGN(Expression operand, Not());
  --depth_;
  negation->parts.push_back(std::move(operand));
  return negation;
}

Result<JinjaParser::Expression> JinjaParser::Comparison() {
  EBB_TRY_ASSIGN(Expression left, Binary(2));
  for (bool is_first = true;; is_first = false) {
    std::string op;
    for (const std::string_view symbol : {"==", "!=", "<=", ">=", "<", ">"}) {
      if (op.empty() && SkipOperator(symbol)) op = symbol;
    }
    if (op.empty() && SkipName("in")) op = "in";
    if (op.empty() && IsName("not") && After().kind == TokenKind::kName && After().text == "in") {
      at_ += 2;
      op = "not in";
    }
    if (op.empty()) return left;
    if (!is_first) return Fail("a chain of comparisons", ErrorCode::kUnsupported);
    EBB_TRY_ASSIGN(Expression right, Binary(2));
    left = Join(std::move(op), std::move(left), std::move(right));
  }
}

Result<JinjaParser::Expression> JinjaParser::Unary() {
  if (!IsOperator("-") && !IsOperator("+")) return Postfix();
  if (++depth_ > kMaxDepth) return Fail("so many signs", ErrorCode::kUnsupported);
  Expression sign = New(Kind::kNegative);
  const bool is_plus = tokens_[at_++].text == "+";
  EBB_TRY_ASSIGN(Expression operand, Unary());
  --depth_;
  if (is_plus) return operand;
  sign->parts.push_back(std::move(operand));
  return sign;
}

// .name, [item], (arguments), | filter and "is" test, in any order.
Result<JinjaParser::Expression> JinjaParser::Postfix() {
  EBB_TRY_ASSIGN(Expression object, Primary());
  for (int count = 0;; ++count) {
    if (count > kMaxChain) return Fail("so long an expression", ErrorCode::kUnsupported);
    if (SkipOperator(".")) {
      EBB_TRY_ASSIGN(std::string name, Name());
      Expression attribute = New(Kind::kAttribute, std::move(name));
      attribute->parts.push_back(std::move(object));
      object = std::move(attribute);
    } else if (SkipOperator("[")) {
      EBB_TRY_ASSIGN(object, Item(std::move(object)));
    } else if (SkipOperator("(")) {
      Expression call = New(Kind::kCall);
      call->parts.push_back(std::move(object));
      EBB_TRY(Arguments(call.get()));
      object = std::move(call);
    } else if (SkipOperator("|")) {
      EBB_TRY_ASSIGN(object, Filter(std::move(object)));
    } else if (SkipName("is")) {
      EBB_TRY_ASSIGN(object, Test(std::move(object)));
    } else {
      return object;
    }
  }
}

Result<JinjaParser::Expression> JinjaParser::Item(Expression object) {
  Expression low;
  if (!IsOperator(":")) {
    EBB_TRY_ASSIGN(low, Ternary());
  }
  const bool is_slice = SkipOperator(":");
  Expression item = New(is_slice ? Kind::kSlice : Kind::kItem);
  item->parts.push_back(std::move(object));
  item->parts.push_back(std::move(low));
  if (is_slice) {
    Expression high;
    if (!IsOperator("]") && !IsOperator(":")) {
      EBB_TRY_ASSIGN(high, Ternary());
    }
    item->parts.push_back(std::move(high));
    EBB_TRY(SliceStep(item.get()));
  }
  EBB_TRY(ExpectOperator("]"));
  return item;
}

// The step of a slice: [::-1] is all backwards, and there is no other.
Status JinjaParser::SliceStep(JinjaExpression* slice) {
  if (!SkipOperator(":")) return {};
  const bool is_whole = slice->parts[1] == nullptr && slice->parts[2] == nullptr;
  const bool is_minus = SkipOperator("-");
  if (!is_whole || !is_minus || Now().kind != TokenKind::kInteger || Now().number != 1) {
    return Fail("a slice with a step", ErrorCode::kUnsupported);
  }
  ++at_;
  slice->name = "backwards";
  return {};
}

Result<JinjaParser::Expression> JinjaParser::Filter(Expression object) {
  EBB_TRY_ASSIGN(std::string name, Name());
  Expression filter = New(Kind::kFilter, std::move(name));
  filter->parts.push_back(std::move(object));
  if (SkipOperator("(")) EBB_TRY(Arguments(filter.get()));
  return filter;
}

Result<JinjaParser::Expression> JinjaParser::Test(Expression object) {
  const bool is_negated = SkipName("not");
  EBB_TRY_ASSIGN(std::string name, Name());
  Expression test = New(Kind::kTest, std::move(name));
  test->parts.push_back(std::move(object));
  const bool has_operand =
      Now().kind == TokenKind::kString || Now().kind == TokenKind::kInteger || IsOperator("[") ||
      IsOperator("{") ||
      (Now().kind == TokenKind::kName && !IsName("else") && !IsName("or") && !IsName("and"));
  if (SkipOperator("(")) {
    EBB_TRY(Arguments(test.get()));
  } else if (has_operand) {  // x is divisibleby 3
    EBB_TRY_ASSIGN(Expression operand, Primary());
    test->parts.push_back(std::move(operand));
  }
  if (!is_negated) return test;
  Expression negation = New(Kind::kNot);
  negation->parts.push_back(std::move(test));
  return negation;
}

// Arguments up to the closing parenthesis; the opening one has been read.
Status JinjaParser::Arguments(JinjaExpression* call) {
  while (!SkipOperator(")")) {
    const bool is_named = Now().kind == TokenKind::kName && After().kind == TokenKind::kOperator &&
                          After().text == "=";
    std::string name;
    if (is_named) {
      name = Now().text;
      at_ += 2;
    }
    EBB_TRY_ASSIGN(Expression argument, Ternary());
    if (is_named) {
      call->named.emplace_back(std::move(name), std::move(argument));
    } else {
      call->parts.push_back(std::move(argument));
    }
    if (!IsOperator(")")) EBB_TRY(ExpectOperator(","));
  }
  return {};
}

Result<JinjaParser::Expression> JinjaParser::Primary() {
  Expression primary = New(Kind::kLiteral);
  const JinjaToken& token = Now();
  if (token.kind == TokenKind::kString) {
    std::string text;  // neighbouring strings are one
    while (Now().kind == TokenKind::kString) text += tokens_[at_++].text;
    primary->value = std::move(text);
    return primary;
  }
  if (token.kind == TokenKind::kInteger) {
    primary->value = token.number;
    ++at_;
    return primary;
  }
  if (token.kind == TokenKind::kName) {
    ++at_;
    if (token.text == "true" || token.text == "True") {
      primary->value = true;
    } else if (token.text == "false" || token.text == "False") {
      primary->value = false;
    } else if (token.text == "none" || token.text == "None") {
      primary->value = JinjaValue::None{};
    } else {
      primary->kind = Kind::kName;
      primary->name = token.text;
    }
    return primary;
  }
  if (SkipOperator("(")) {
    EBB_TRY_ASSIGN(primary, Ternary());
    if (IsOperator(",")) return Fail("a tuple", ErrorCode::kUnsupported);
    EBB_TRY(ExpectOperator(")"));
    return primary;
  }
  return ListOrDict();
}

Result<JinjaParser::Expression> JinjaParser::ListOrDict() {
  const bool is_dict = IsOperator("{");
  if (!is_dict && !IsOperator("[")) return Fail("expected an expression");
  Expression container = New(is_dict ? Kind::kDict : Kind::kList);
  const std::string_view end = is_dict ? "}" : "]";
  ++at_;
  while (!SkipOperator(end)) {
    EBB_TRY_ASSIGN(Expression part, Ternary());
    container->parts.push_back(std::move(part));
    if (is_dict) {
      EBB_TRY(ExpectOperator(":"));
      EBB_TRY_ASSIGN(Expression value, Ternary());
      container->parts.push_back(std::move(value));
    }
    if (!IsOperator(end)) EBB_TRY(ExpectOperator(","));
  }
  return container;
}

}  // namespace ebb
