// The parser of jinja_ast.h: its statements are in jinja_statements.cc, its expressions in
// jinja_expressions.cc.
#pragma once

#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "text/jinja_ast.h"

namespace ebb {

class JinjaParser {
 public:
  JinjaParser(const std::vector<JinjaToken>& tokens, const std::string& where)
      : tokens_(tokens), where_(where) {}

  Result<JinjaBlock> Run() {
    EBB_TRY_ASSIGN(JinjaBlock block, Block({}));
    if (Now().kind != TokenKind::kEnd) return Fail("an end tag without its beginning");
    return block;
  }

 private:
  using Kind = JinjaExpression::Kind;
  using TokenKind = JinjaToken::Kind;
  using Expression = std::unique_ptr<JinjaExpression>;

  static constexpr int kMaxDepth = 64;
  static constexpr int kMaxChain = 500;  // a + b + c ..., a.b.c ...: a chain is a deep tree as well

  const JinjaToken& Now() const { return tokens_[at_]; }
  const JinjaToken& After() const { return tokens_[at_ + (Now().kind != TokenKind::kEnd)]; }
  bool IsName(std::string_view name) const {
    return Now().kind == TokenKind::kName && Now().text == name;
  }
  bool IsOperator(std::string_view op) const {
    return Now().kind == TokenKind::kOperator && Now().text == op;
  }
  bool SkipName(std::string_view name) {
    const bool is_there = IsName(name);
    at_ += is_there ? 1 : 0;
    return is_there;
  }
  bool SkipOperator(std::string_view op) {
    const bool is_there = IsOperator(op);
    at_ += is_there ? 1 : 0;
    return is_there;
  }

  tl::unexpected<Error> Fail(std::string_view problem, ErrorCode code = ErrorCode::kCorrupt) const {
    return MakeError(code, where_, "chat template, line {}: {}", Now().line, problem);
  }
  Status Expect(TokenKind kind, std::string_view what) {
    if (Now().kind != kind) return Fail(fmt::format("expected {}", what));
    ++at_;
    return {};
  }
  Status ExpectOperator(std::string_view op) {
    if (!SkipOperator(op)) return Fail(fmt::format("expected \"{}\"", op));
    return {};
  }
  Status EndOfBlock() { return Expect(TokenKind::kBlockEnd, "the end of the tag"); }
  Result<std::string> Name() {
    if (Now().kind != TokenKind::kName) return Fail("expected a name");
    return tokens_[at_++].text;
  }

  // --- statements ---
  Result<JinjaBlock> Block(std::initializer_list<std::string_view> ends);
  Result<std::unique_ptr<JinjaStatement>> Statement();
  Status For(JinjaStatement* statement);
  Status If(JinjaStatement* statement);
  Status Set(JinjaStatement* statement);

  // --- expressions, from the loosest to the tightest binding ---
  Result<Expression> Ternary();
  Result<Expression> Binary(size_t level);
  Result<Expression> Not();
  Result<Expression> Comparison();
  Result<Expression> Unary();
  Result<Expression> Postfix();
  Result<Expression> Item(Expression object);
  Status SliceStep(JinjaExpression* slice);
  Result<Expression> Filter(Expression object);
  Result<Expression> Test(Expression object);
  Result<Expression> Primary();
  Result<Expression> ListOrDict();
  Status Arguments(JinjaExpression* call);

  Expression New(Kind kind, std::string name = "") const {
    auto expression = std::make_unique<JinjaExpression>();
    expression->kind = kind;
    expression->line = Now().line;
    expression->name = std::move(name);
    return expression;
  }
  Expression Join(std::string op, Expression left, Expression right) const {
    Expression joined = New(Kind::kBinary, std::move(op));
    joined->parts.push_back(std::move(left));
    joined->parts.push_back(std::move(right));
    return joined;
  }

  const std::vector<JinjaToken>& tokens_;
  const std::string& where_;
  size_t at_ = 0;
  int depth_ = 0;
};

}  // namespace ebb
