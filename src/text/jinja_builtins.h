// The functions, methods, filters and tests that chat templates use.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "text/jinja.h"

namespace ebb {

struct JinjaArguments {
  std::vector<JinjaValue> values;
  JinjaValue::Dict named;
};

// All four give kUnsupported for a name that they do not know and kInvalidArgument for arguments
// that Python would refuse.
[[nodiscard]] Result<JinjaValue> CallJinjaFunction(const std::string& name,
                                                   const JinjaArguments& arguments);
[[nodiscard]] Result<JinjaValue> CallJinjaMethod(const JinjaValue& object, const std::string& name,
                                                 const JinjaArguments& arguments);
[[nodiscard]] Result<JinjaValue> ApplyJinjaFilter(const JinjaValue& value, const std::string& name,
                                                  const JinjaArguments& arguments);
[[nodiscard]] Result<bool> ApplyJinjaTest(const JinjaValue& value, const std::string& name,
                                          const JinjaArguments& arguments);

// What {{ value }} writes. A list or mapping is kUnsupported: it would be Python's repr.
[[nodiscard]] Result<std::string> ToText(const JinjaValue& value);

}  // namespace ebb
