// The tokens of a Jinja template.
//
// Space is handled as transformers sets Jinja up: trim_blocks (a line end just after a block goes),
// lstrip_blocks (space before a block on its line goes), and the - and + signs of tags. A line end
// at the end of the template goes too.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace ebb {

struct JinjaToken {
  enum class Kind {
    kText,        // what stands between tags
    kBlockBegin,  // {%
    kBlockEnd,    // %}
    kPrintBegin,  // {{
    kPrintEnd,    // }}
    kName,
    kString,
    kInteger,
    kOperator,
    kEnd,
  };
  Kind kind = Kind::kEnd;
  std::string text;    // the text, name, string's content or operator
  int64_t number = 0;  // of kInteger
  size_t line = 1;
};

// kUnsupported: raw blocks, floating-point numbers. kCorrupt: anything that is not a template. The
// last token is kEnd. `source` is valid UTF-8.
[[nodiscard]] Result<std::vector<JinjaToken>> LexJinja(std::string_view source,
                                                       const std::string& where);

}  // namespace ebb
