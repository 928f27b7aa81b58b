#include "text/jinja.h"

#include <algorithm>
#include <map>
#include <optional>

#include "text/jinja_ast.h"
#include "text/jinja_builtins.h"
#include "text/utf8.h"

namespace ebb {
namespace {

// A loop over loops over all messages would be slow before it would be large.
constexpr int64_t kMaxSteps = 2'000'000;

class Renderer {
 public:
  Renderer(const JinjaValue::Dict& globals, const std::string& where) : where_(where) {
    scopes_.emplace_back(globals.begin(), globals.end());
  }

  Status RenderBlock(const JinjaBlock& block);
  std::string TakeOutput() { return std::move(output_); }

 private:
  using Kind = JinjaExpression::Kind;
  using Scope = std::map<std::string, JinjaValue, std::less<>>;
  enum class Jump { kNone, kBreak, kContinue };

  Status RenderStatement(const JinjaStatement& statement);
  Status RenderFor(const JinjaStatement& statement);
  Status RenderSet(const JinjaStatement& statement);
  Status Print(const JinjaStatement& statement);

  Result<JinjaValue> Evaluate(const JinjaExpression& expression);
  Result<JinjaValue> EvaluateContainer(const JinjaExpression& expression);
  Result<JinjaValue> EvaluateItem(const JinjaExpression& expression);
  Result<JinjaValue> EvaluateSlice(const JinjaExpression& expression);
  Result<JinjaValue> EvaluateCall(const JinjaExpression& expression);
  Result<JinjaValue> EvaluateBinary(const JinjaExpression& expression);
  Result<JinjaArguments> EvaluateArguments(const JinjaExpression& expression);
  Result<JinjaValue> Arithmetic(const std::string& op, const JinjaValue& left,
                                const JinjaValue& right, size_t line) const;
  Result<bool> Compare(const std::string& op, const JinjaValue& left, const JinjaValue& right,
                       size_t line) const;

  JinjaValue Lookup(std::string_view name) const {
    for (auto scope = scopes_.rbegin(); scope != scopes_.rend(); ++scope) {
      const auto found = scope->find(name);
      if (found != scope->end()) return found->second;
    }
    return {};
  }
  tl::unexpected<Error> Fail(size_t line, std::string_view problem,
                             ErrorCode code = ErrorCode::kInvalidArgument) const {
    return MakeError(code, where_, "chat template, line {}: {}", line, problem);
  }
  // An error of a built-in, with its place.
  template <typename T>
  Result<T> At(size_t line, Result<T> result) const {
    if (result) return result;
    return Fail(line, result.error().message, result.error().code);
  }
  Status CheckSize(size_t line, size_t bytes) const {
    if (bytes > kMaxJinjaTextBytes) return Fail(line, "the prompt is too long");
    return {};
  }
  Status CountStep(size_t line) {
    if (++steps_ > kMaxSteps) return Fail(line, "the template does not come to an end");
    return {};
  }

  const std::string& where_;
  std::vector<Scope> scopes_;
  std::string output_;
  Jump jump_ = Jump::kNone;
  int64_t steps_ = 0;
};

Status Renderer::RenderBlock(const JinjaBlock& block) {
  for (const auto& statement : block.statements) {
    EBB_TRY(RenderStatement(*statement));
    if (jump_ != Jump::kNone) break;
  }
  return {};
}

Status Renderer::RenderStatement(const JinjaStatement& statement) {
  EBB_TRY(CountStep(statement.line));
  switch (statement.kind) {
    case JinjaStatement::Kind::kText:
      output_ += statement.text;
      return CheckSize(statement.line, output_.size());
    case JinjaStatement::Kind::kPrint:
      return Print(statement);
    case JinjaStatement::Kind::kFor:
      return RenderFor(statement);
    case JinjaStatement::Kind::kIf: {
      EBB_TRY_ASSIGN(const JinjaValue condition, Evaluate(*statement.expression));
      return RenderBlock(condition.IsTrue() ? statement.body : statement.otherwise);
    }
    case JinjaStatement::Kind::kSet:
      return RenderSet(statement);
    case JinjaStatement::Kind::kBreak:
    case JinjaStatement::Kind::kContinue:
      if (scopes_.size() == 1) return Fail(statement.line, "a break outside of a loop");
      jump_ = statement.kind == JinjaStatement::Kind::kBreak ? Jump::kBreak : Jump::kContinue;
      return {};
  }
  return {};
}

Status Renderer::Print(const JinjaStatement& statement) {
  EBB_TRY_ASSIGN(const JinjaValue value, Evaluate(*statement.expression));
  EBB_TRY_ASSIGN(const std::string text, At(statement.line, ToText(value)));
  EBB_TRY(CheckSize(statement.line, output_.size() + text.size()));
  output_ += text;
  return {};
}

// The items, those that the filter leaves, each in a scope of its own with `loop`.
Status Renderer::RenderFor(const JinjaStatement& statement) {
  if (statement.target.find(',') != std::string::npos) {
    return Fail(statement.line, "a loop with several names", ErrorCode::kUnsupported);
  }
  EBB_TRY_ASSIGN(const JinjaValue iterable, Evaluate(*statement.expression));
  JinjaValue::List items;
  if (iterable.list() != nullptr) {
    items = *iterable.list();
  } else if (!iterable.is_undefined()) {
    return Fail(statement.line, "a loop over what is no list", ErrorCode::kUnsupported);
  }
  if (statement.filter != nullptr) {
    JinjaValue::List kept;
    for (const JinjaValue& item : items) {
      scopes_.push_back({{statement.target, item}});
      EBB_TRY_ASSIGN(const JinjaValue keeps, Evaluate(*statement.filter));
      scopes_.pop_back();
      if (keeps.IsTrue()) kept.push_back(item);
    }
    items = std::move(kept);
  }
  if (items.empty()) return RenderBlock(statement.otherwise);
  const int64_t count = static_cast<int64_t>(items.size());
  for (int64_t i = 0; i < count && jump_ != Jump::kBreak; ++i) {
    EBB_TRY(CountStep(statement.line));
    jump_ = Jump::kNone;
    JinjaValue::Dict loop = {{"index", i + 1},        {"index0", i},
                             {"revindex", count - i}, {"revindex0", count - i - 1},
                             {"first", i == 0},       {"last", i + 1 == count},
                             {"length", count}};
    if (i > 0) loop.emplace_back("previtem", items[static_cast<size_t>(i) - 1]);
    if (i + 1 < count) loop.emplace_back("nextitem", items[static_cast<size_t>(i) + 1]);
    scopes_.push_back(
        {{"loop", std::move(loop)}, {statement.target, items[static_cast<size_t>(i)]}});
    EBB_TRY(RenderBlock(statement.body));
    scopes_.pop_back();
  }
  jump_ = Jump::kNone;
  return {};
}

Status Renderer::RenderSet(const JinjaStatement& statement) {
  EBB_TRY_ASSIGN(JinjaValue value, Evaluate(*statement.expression));
  if (statement.attribute.empty()) {
    scopes_.back()[statement.target] = std::move(value);
    return {};
  }
  JinjaValue::Dict* space = Lookup(statement.target).dict();
  if (space == nullptr) return Fail(statement.line, "set of an attribute outside a namespace");
  if (value.dict() != nullptr) {  // it could be the namespace itself
    return Fail(statement.line, "a mapping in a namespace", ErrorCode::kUnsupported);
  }
  const auto found = std::find_if(space->begin(), space->end(), [&](const auto& entry) {
    return entry.first == statement.attribute;
  });
  if (found != space->end()) {
    found->second = std::move(value);
  } else {
    space->emplace_back(statement.attribute, std::move(value));
  }
  return {};
}

Result<JinjaValue> Renderer::Evaluate(const JinjaExpression& expression) {
  EBB_TRY(CountStep(expression.line));
  switch (expression.kind) {
    case Kind::kLiteral:
      return expression.value;
    case Kind::kName:
      return Lookup(expression.name);
    case Kind::kList:
    case Kind::kDict:
      return EvaluateContainer(expression);
    case Kind::kAttribute:
    case Kind::kItem:
      return EvaluateItem(expression);
    case Kind::kSlice:
      return EvaluateSlice(expression);
    case Kind::kCall:
      return EvaluateCall(expression);
    case Kind::kBinary:
      return EvaluateBinary(expression);
    case Kind::kTernary: {
      EBB_TRY_ASSIGN(const JinjaValue condition, Evaluate(*expression.parts[1]));
      const auto& chosen = expression.parts[condition.IsTrue() ? 0 : 2];
      return chosen == nullptr ? JinjaValue() : Evaluate(*chosen);
    }
    default:
      break;
  }
  EBB_TRY_ASSIGN(const JinjaValue operand, Evaluate(*expression.parts[0]));
  if (expression.kind == Kind::kNot) return JinjaValue(!operand.IsTrue());
  if (expression.kind == Kind::kNegative) {
    if (operand.integer() == nullptr) return Fail(expression.line, "a minus before no number");
    return JinjaValue(-*operand.integer());
  }
  EBB_TRY_ASSIGN(const JinjaArguments arguments, EvaluateArguments(expression));
  if (expression.kind == Kind::kFilter) {
    return At(expression.line, ApplyJinjaFilter(operand, expression.name, arguments));
  }
  EBB_TRY_ASSIGN(const bool holds,
                 At(expression.line, ApplyJinjaTest(operand, expression.name, arguments)));
  return JinjaValue(holds);
}

Result<JinjaValue> Renderer::EvaluateContainer(const JinjaExpression& expression) {
  JinjaValue::List list;
  for (const auto& part : expression.parts) {
    EBB_TRY_ASSIGN(JinjaValue value, Evaluate(*part));
    if (value.depth() >= kMaxJinjaDepth) {
      return Fail(expression.line, "lists nested this deep", ErrorCode::kUnsupported);
    }
    list.push_back(std::move(value));
  }
  if (expression.kind == Kind::kList) return JinjaValue(std::move(list));
  JinjaValue::Dict dict;
  for (size_t i = 0; i + 1 < list.size(); i += 2) {
    if (list[i].string() == nullptr) return Fail(expression.line, "a key that is no string");
    dict.emplace_back(*list[i].string(), list[i + 1]);
  }
  return JinjaValue(std::move(dict));
}

// object.name and object[key].
Result<JinjaValue> Renderer::EvaluateItem(const JinjaExpression& expression) {
  EBB_TRY_ASSIGN(const JinjaValue object, Evaluate(*expression.parts[0]));
  JinjaValue key(expression.name);
  if (expression.kind == Kind::kItem) {
    EBB_TRY_ASSIGN(key, Evaluate(*expression.parts[1]));
  }
  if (object.is_undefined()) return Fail(expression.line, "an item of something undefined");
  if (object.dict() != nullptr && key.string() != nullptr) return object.Get(*key.string());
  if (key.integer() == nullptr) return JinjaValue();
  if (object.string() != nullptr) {
    return Fail(expression.line, "a character of a string", ErrorCode::kUnsupported);
  }
  const JinjaValue::List* list = object.list();
  if (list == nullptr) return JinjaValue();
  const int64_t size = static_cast<int64_t>(list->size());
  const int64_t index = *key.integer() < 0 ? *key.integer() + size : *key.integer();
  return index < 0 || index >= size ? JinjaValue() : (*list)[static_cast<size_t>(index)];
}

Result<JinjaValue> Renderer::EvaluateSlice(const JinjaExpression& expression) {
  EBB_TRY_ASSIGN(const JinjaValue object, Evaluate(*expression.parts[0]));
  const JinjaValue::List* list = object.list();
  if (list == nullptr) {
    return Fail(expression.line, "a slice of what is no list", ErrorCode::kUnsupported);
  }
  const int64_t size = static_cast<int64_t>(list->size());
  int64_t ends[2] = {0, size};
  for (size_t i = 0; i < 2; ++i) {
    if (expression.parts[i + 1] == nullptr) continue;
    EBB_TRY_ASSIGN(const JinjaValue value, Evaluate(*expression.parts[i + 1]));
    if (value.integer() == nullptr) return Fail(expression.line, "a slice by no number");
    const int64_t end = *value.integer() < 0 ? *value.integer() + size : *value.integer();
    ends[i] = std::clamp<int64_t>(end, 0, size);
  }
  if (ends[0] >= ends[1]) return JinjaValue(JinjaValue::List());
  if (expression.name == "backwards") {
    return JinjaValue(JinjaValue::List(list->rbegin(), list->rend()));
  }
  return JinjaValue(JinjaValue::List(list->begin() + ends[0], list->begin() + ends[1]));
}

Result<JinjaArguments> Renderer::EvaluateArguments(const JinjaExpression& expression) {
  JinjaArguments arguments;
  for (size_t i = 1; i < expression.parts.size(); ++i) {
    EBB_TRY_ASSIGN(JinjaValue value, Evaluate(*expression.parts[i]));
    arguments.values.push_back(std::move(value));
  }
  for (const auto& [name, part] : expression.named) {
    EBB_TRY_ASSIGN(JinjaValue value, Evaluate(*part));
    arguments.named.emplace_back(name, std::move(value));
  }
  return arguments;
}

Result<JinjaValue> Renderer::EvaluateCall(const JinjaExpression& expression) {
  const JinjaExpression& callee = *expression.parts[0];
  if (callee.kind == Kind::kAttribute) {
    EBB_TRY_ASSIGN(const JinjaValue object, Evaluate(*callee.parts[0]));
    EBB_TRY_ASSIGN(const JinjaArguments arguments, EvaluateArguments(expression));
    return At(expression.line, CallJinjaMethod(object, callee.name, arguments));
  }
  if (callee.kind != Kind::kName) {
    return Fail(expression.line, "a call of this value", ErrorCode::kUnsupported);
  }
  EBB_TRY_ASSIGN(const JinjaArguments arguments, EvaluateArguments(expression));
  return At(expression.line, CallJinjaFunction(callee.name, arguments));
}

Result<JinjaValue> Renderer::EvaluateBinary(const JinjaExpression& expression) {
  const std::string& op = expression.name;
  EBB_TRY_ASSIGN(JinjaValue left, Evaluate(*expression.parts[0]));
  if (op == "and") return left.IsTrue() ? Evaluate(*expression.parts[1]) : left;
  if (op == "or") return left.IsTrue() ? left : Evaluate(*expression.parts[1]);
  EBB_TRY_ASSIGN(const JinjaValue right, Evaluate(*expression.parts[1]));
  if (op == "~") {
    EBB_TRY_ASSIGN(std::string text, At(expression.line, ToText(left)));
    EBB_TRY_ASSIGN(const std::string more, At(expression.line, ToText(right)));
    EBB_TRY(CheckSize(expression.line, text.size() + more.size()));
    return JinjaValue(text + more);
  }
  const bool is_comparison = op == "in" || op == "not in" || op.find_first_of("<>!=") == 0;
  if (!is_comparison) return Arithmetic(op, left, right, expression.line);
  EBB_TRY_ASSIGN(const bool holds, Compare(op, left, right, expression.line));
  return JinjaValue(holds);
}

Result<JinjaValue> Renderer::Arithmetic(const std::string& op, const JinjaValue& left,
                                        const JinjaValue& right, size_t line) const {
  if (op == "+" && left.string() != nullptr && right.string() != nullptr) {
    EBB_TRY(CheckSize(line, left.string()->size() + right.string()->size()));
    return JinjaValue(*left.string() + *right.string());
  }
  if (op == "+" && left.list() != nullptr && right.list() != nullptr) {
    if (left.list()->size() + right.list()->size() > kMaxJinjaItems) {
      return Fail(line, "a list is too long");
    }
    JinjaValue::List all = *left.list();
    all.insert(all.end(), right.list()->begin(), right.list()->end());
    return JinjaValue(std::move(all));
  }
  if (left.integer() == nullptr || right.integer() == nullptr) {
    return Fail(line, fmt::format("{} of what cannot be joined so", op));
  }
  const int64_t a = *left.integer();
  const int64_t b = *right.integer();
  int64_t result = 0;
  if (op == "+" && !__builtin_add_overflow(a, b, &result)) return JinjaValue(result);
  if (op == "-" && !__builtin_sub_overflow(a, b, &result)) return JinjaValue(result);
  if (op == "*" && !__builtin_mul_overflow(a, b, &result)) return JinjaValue(result);
  if ((op == "//" || op == "%") && b > 0) {
    const int64_t remainder = (a % b + b) % b;  // Python's: never negative
    return JinjaValue(op == "%" ? remainder : (a - remainder) / b);
  }
  return Fail(line, fmt::format("{} of these numbers", op), ErrorCode::kUnsupported);
}

Result<bool> Renderer::Compare(const std::string& op, const JinjaValue& left,
                               const JinjaValue& right, size_t line) const {
  if (op == "==") return left.Equals(right);
  if (op == "!=") return !left.Equals(right);
  if (op == "in" || op == "not in") {
    std::optional<bool> is_in;
    if (right.list() != nullptr) {
      is_in = std::any_of(right.list()->begin(), right.list()->end(),
                          [&](const JinjaValue& item) { return item.Equals(left); });
    } else if (right.is_undefined()) {
      is_in = false;
    } else if (left.string() != nullptr && right.string() != nullptr) {
      is_in = right.string()->find(*left.string()) != std::string::npos;
    } else if (left.string() != nullptr && right.dict() != nullptr) {
      is_in = !right.Get(*left.string()).is_undefined();
    }
    if (!is_in) return Fail(line, "an \"in\" of these values");
    return *is_in == (op == "in");
  }
  if (left.integer() == nullptr || right.integer() == nullptr) {
    return Fail(line, "an order of what are no numbers", ErrorCode::kUnsupported);
  }
  const int64_t a = *left.integer();
  const int64_t b = *right.integer();
  return op == "<" ? a < b : op == "<=" ? a <= b : op == ">" ? a > b : a >= b;
}

}  // namespace

Result<JinjaTemplate> JinjaTemplate::Parse(std::string_view source, const std::string& where) {
  if (!IsValidUtf8(source)) {
    return MakeError(ErrorCode::kCorrupt, where, "the chat template is not valid UTF-8");
  }
  EBB_TRY_ASSIGN(const std::vector<JinjaToken> tokens, LexJinja(source, where));
  EBB_TRY_ASSIGN(JinjaBlock block, ParseJinja(tokens, where));
  JinjaTemplate parsed;
  parsed.block_ = std::make_shared<const JinjaBlock>(std::move(block));
  parsed.where_ = where;
  return parsed;
}

Result<std::string> JinjaTemplate::Render(const JinjaValue::Dict& globals) const {
  Renderer renderer(globals, where_);
  EBB_TRY(renderer.RenderBlock(*block_));
  return renderer.TakeOutput();
}

}  // namespace ebb
