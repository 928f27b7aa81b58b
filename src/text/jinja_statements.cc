#include "text/jinja_parser.h"

namespace ebb {

// Statements up to a tag that starts with one of `ends`, whose name is left to be read.
Result<JinjaBlock> JinjaParser::Block(std::initializer_list<std::string_view> ends) {
  if (++depth_ > kMaxDepth) return Fail("blocks nested this deep", ErrorCode::kUnsupported);
  JinjaBlock block;
  while (Now().kind != TokenKind::kEnd) {
    if (Now().kind == TokenKind::kBlockBegin) {
      bool ends_here = false;
      for (const std::string_view end : ends) ends_here |= After().text == end;
      if (ends_here || After().text.starts_with("end")) break;
    }
    EBB_TRY_ASSIGN(auto statement, Statement());
    block.statements.push_back(std::move(statement));
  }
  --depth_;
  return block;
}

Result<std::unique_ptr<JinjaStatement>> JinjaParser::Statement() {
  auto statement = std::make_unique<JinjaStatement>();
  statement->line = Now().line;
  if (Now().kind == TokenKind::kText) {
    statement->text = tokens_[at_++].text;
    return statement;
  }
  if (Now().kind == TokenKind::kPrintBegin) {
    ++at_;
    statement->kind = JinjaStatement::Kind::kPrint;
    EBB_TRY_ASSIGN(statement->expression, Ternary());
    EBB_TRY(Expect(TokenKind::kPrintEnd, "}}"));
    return statement;
  }
  EBB_TRY(Expect(TokenKind::kBlockBegin, "a tag"));
  EBB_TRY_ASSIGN(const std::string name, Name());
  if (name == "for") {
    EBB_TRY(For(statement.get()));
  } else if (name == "if") {
    EBB_TRY(If(statement.get()));
  } else if (name == "set") {
    EBB_TRY(Set(statement.get()));
  } else if (name == "break" || name == "continue") {
    statement->kind =
        name == "break" ? JinjaStatement::Kind::kBreak : JinjaStatement::Kind::kContinue;
  } else {
    return Fail(fmt::format("the statement \"{}\"", name), ErrorCode::kUnsupported);
  }
  EBB_TRY(EndOfBlock());
  return statement;
}

Status JinjaParser::For(JinjaStatement* statement) {
  statement->kind = JinjaStatement::Kind::kFor;
  EBB_TRY_ASSIGN(statement->target, Name());
  while (SkipOperator(",")) {  // for a, b in ...: kept, refused where it is run
    EBB_TRY_ASSIGN(const std::string second, Name());
    statement->target += ", " + second;
  }
  if (!SkipName("in")) return Fail("expected \"in\"");
  EBB_TRY_ASSIGN(statement->expression, Binary(0));
  if (SkipName("if")) {
    EBB_TRY_ASSIGN(statement->filter, Ternary());
  }
  if (IsName("recursive")) return Fail("a recursive loop", ErrorCode::kUnsupported);
  EBB_TRY(EndOfBlock());
  EBB_TRY_ASSIGN(statement->body, Block({"else"}));
  EBB_TRY(Expect(TokenKind::kBlockBegin, "endfor"));
  if (SkipName("else")) {
    EBB_TRY(EndOfBlock());
    EBB_TRY_ASSIGN(statement->otherwise, Block({}));
    EBB_TRY(Expect(TokenKind::kBlockBegin, "endfor"));
  }
  if (!SkipName("endfor")) return Fail("expected \"endfor\"");
  return {};
}

// An elif is an if of its own in the else branch, and shares the endif.
Status JinjaParser::If(JinjaStatement* statement) {
  statement->kind = JinjaStatement::Kind::kIf;
  EBB_TRY_ASSIGN(statement->expression, Ternary());
  EBB_TRY(EndOfBlock());
  EBB_TRY_ASSIGN(statement->body, Block({"elif", "else"}));
  EBB_TRY(Expect(TokenKind::kBlockBegin, "endif"));
  if (SkipName("elif")) {
    if (++depth_ > kMaxDepth) return Fail("so many elif", ErrorCode::kUnsupported);
    auto rest = std::make_unique<JinjaStatement>();
    rest->line = Now().line;
    EBB_TRY(If(rest.get()));
    statement->otherwise.statements.push_back(std::move(rest));
    --depth_;
    return {};
  }
  if (SkipName("else")) {
    EBB_TRY(EndOfBlock());
    EBB_TRY_ASSIGN(statement->otherwise, Block({}));
    EBB_TRY(Expect(TokenKind::kBlockBegin, "endif"));
  }
  if (!SkipName("endif")) return Fail("expected \"endif\"");
  return {};
}

Status JinjaParser::Set(JinjaStatement* statement) {
  statement->kind = JinjaStatement::Kind::kSet;
  EBB_TRY_ASSIGN(statement->target, Name());
  if (SkipOperator(".")) {
    EBB_TRY_ASSIGN(statement->attribute, Name());
  }
  if (!SkipOperator("=")) return Fail("this form of set", ErrorCode::kUnsupported);
  EBB_TRY_ASSIGN(statement->expression, Ternary());
  return {};
}

Result<JinjaBlock> ParseJinja(const std::vector<JinjaToken>& tokens, const std::string& where) {
  return JinjaParser(tokens, where).Run();
}

}  // namespace ebb
