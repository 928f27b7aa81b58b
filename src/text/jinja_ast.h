// The syntax tree of a Jinja template.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "text/jinja.h"
#include "text/jinja_lexer.h"

namespace ebb {

struct JinjaExpression {
  enum class Kind {
    kLiteral,    // value
    kName,       // name
    kList,       // parts
    kDict,       // parts: key, value, key, value, ...
    kAttribute,  // parts[0].name
    kItem,       // parts[0][parts[1]]
    kSlice,      // parts[0][parts[1]:parts[2]]; a null part is left out; name: "backwards"
    kCall,       // parts[0](parts[1], ..., named)
    kFilter,     // parts[0] | name(parts[1], ..., named)
    kTest,       // parts[0] is name(parts[1], ...)
    kNot,        // not parts[0]
    kNegative,   // -parts[0]
    kBinary,     // parts[0] name parts[1]: arithmetic, a comparison, in, "not in", ~, and, or
    kTernary,    // parts[0] if parts[1] else parts[2], which may be null
  };
  Kind kind = Kind::kLiteral;
  size_t line = 1;
  std::string name;
  JinjaValue value;
  std::vector<std::unique_ptr<JinjaExpression>> parts;
  std::vector<std::pair<std::string, std::unique_ptr<JinjaExpression>>> named;
};

struct JinjaStatement;
struct JinjaBlock {
  std::vector<std::unique_ptr<JinjaStatement>> statements;
};

struct JinjaStatement {
  enum class Kind { kText, kPrint, kFor, kIf, kSet, kBreak, kContinue };
  Kind kind = Kind::kText;
  size_t line = 1;
  std::string text;                             // of kText
  std::string target;                           // of kFor and kSet: a name
  std::string attribute;                        // of kSet: {% set target.attribute = ... %}
  std::unique_ptr<JinjaExpression> expression;  // printed, looped over, tested or assigned
  std::unique_ptr<JinjaExpression> filter;      // of kFor: {% for ... if filter %}
  JinjaBlock body;
  JinjaBlock otherwise;  // of kIf and kFor
};

[[nodiscard]] Result<JinjaBlock> ParseJinja(const std::vector<JinjaToken>& tokens,
                                            const std::string& where);

}  // namespace ebb
