// From Oniguruma's pattern syntax, in which tokenizer.json files are written, to PCRE2's.
//
// The two agree on most of the syntax but not on what it means: \s, \w, \h and \v differ, scripts
// are wider in PCRE2, {n,m}+ is possessive in one and a repeated repeat in the other, an (?i) in
// the middle binds differently, and only Oniguruma has nested classes and &&. So the whole pattern
// is parsed and written anew, and a construct whose meaning would not be the same is kUnsupported:
// backreferences, named groups, POSIX brackets, \X, \R, \K, \G, (?x), properties under (?i).
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"

namespace ebb {

// The result is for PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE with LF as the only newline.
[[nodiscard]] Result<std::string> TranslateRegex(std::string_view pattern,
                                                 const std::string& where);

// A PCRE2 pattern that matches `text` itself.
[[nodiscard]] std::string EscapeRegex(std::string_view text);

}  // namespace ebb
