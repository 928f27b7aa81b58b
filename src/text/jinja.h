// A small Jinja: enough of the template language to run chat templates, and nothing else.
//
// A template is parsed once and rendered with a list of named values. What it writes is, byte for
// byte, what Python's Jinja writes as transformers sets it up; tests compare the two.
//
// Statements: for (with a filter and else), if, elif, else, set, break, continue.
// Expressions: or, and, not, comparisons, in, +, -, *, //, %, ~, a if b else c, names, strings,
//   integers, lists, attributes, items, slices, calls, filters and tests.
// Functions: raise_exception, namespace, range. Methods of strings: strip, lstrip, rstrip,
//   startswith, endswith, split, replace; of mappings: get. Filters: trim, length, count, string,
//   default, d, first, last, list, join. Tests: defined, undefined, none, string, mapping,
//   iterable, sequence, integer, number, boolean, true, false, odd, even.
//
// Another statement, or syntax beyond this, is kUnsupported when the template is parsed. Another
// function, filter or test is so only when a rendering reaches it: templates are full of branches
// for tools and images that a plain conversation never takes.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/error.h"

namespace ebb {

class JinjaValue {
 public:
  struct Undefined {};
  struct None {};
  using List = std::vector<JinjaValue>;
  // In order; namespaces change, everything else does not.
  using Dict = std::vector<std::pair<std::string, JinjaValue>>;

  JinjaValue() = default;  // undefined
  JinjaValue(None value) : value_(value) {}
  JinjaValue(bool value) : value_(value) {}
  JinjaValue(int64_t value) : value_(value) {}
  JinjaValue(std::string value) : value_(std::move(value)) {}
  JinjaValue(List value);
  JinjaValue(Dict value);
  JinjaValue(const char*) = delete;  // would be a boolean

  bool is_undefined() const { return std::holds_alternative<Undefined>(value_); }
  bool is_none() const { return std::holds_alternative<None>(value_); }
  const bool* boolean() const { return std::get_if<bool>(&value_); }
  const std::string* string() const { return std::get_if<std::string>(&value_); }
  const List* list() const;
  Dict* dict() const;
  // The number that it is; true and false are 1 and 0.
  const int64_t* integer() const { return std::get_if<int64_t>(&value_); }

  // How many lists and mappings stand inside one another; 0 for what is neither.
  uint32_t depth() const { return depth_; }

  bool IsTrue() const;
  bool Equals(const JinjaValue& other) const;
  // The item at `key` of a mapping, or undefined.
  JinjaValue Get(std::string_view key) const;

 private:
  std::variant<Undefined, None, bool, int64_t, std::string, std::shared_ptr<List>,
               std::shared_ptr<Dict>>
      value_;
  uint32_t depth_ = 0;
};

// What one rendering may make: a template that doubles a text in a loop ends in an error.
inline constexpr size_t kMaxJinjaTextBytes = size_t{64} << 20;
inline constexpr size_t kMaxJinjaItems = size_t{1} << 20;
inline constexpr uint32_t kMaxJinjaDepth = 16;

struct JinjaBlock;  // a list of statements; jinja_ast.h

// Immutable and thread-safe.
class JinjaTemplate {
 public:
  [[nodiscard]] static Result<JinjaTemplate> Parse(std::string_view source,
                                                   const std::string& where);

  // What the template writes. raise_exception("...") is kInvalidArgument with its message, as are
  // mistakes that Python would raise for (a string plus a number, an item of what is undefined).
  [[nodiscard]] Result<std::string> Render(const JinjaValue::Dict& globals) const;

 private:
  std::shared_ptr<const JinjaBlock> block_;
  std::string where_;
};

}  // namespace ebb
