// Patterns of tokenizer files, run by PCRE2 with the meaning that Oniguruma gives them.
//
// A Regex is immutable after Compile and may be used by many threads at once, each with a
// RegexMatcher of its own, which holds the working memory. Matching is bounded: a pattern that
// needs more than a fixed number of steps or more than a fixed amount of memory on some text ends
// in an error, never in a hang.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

// PCRE2's compiled pattern; its own header is included by regex.cc only.
struct pcre2_real_code_8;

namespace ebb {

// A half-open range of byte offsets.
struct TextRange {
  size_t begin = 0;
  size_t end = 0;
};

class Regex {
 public:
  // `pattern` is in Oniguruma's syntax (regex_translate.h); `where` is what errors name.
  [[nodiscard]] static Result<Regex> Compile(std::string_view pattern, const std::string& where);
  // A Regex that matches `text` itself.
  [[nodiscard]] static Result<Regex> Literal(std::string_view text, const std::string& where);

  uint64_t memory_bytes() const;

 private:
  friend class RegexMatcher;
  struct FreeCode {
    void operator()(pcre2_real_code_8* code) const;
  };

  [[nodiscard]] static Result<Regex> CompileTranslated(const std::string& pattern,
                                                       const std::string& where);

  std::unique_ptr<pcre2_real_code_8, FreeCode> code_;
  std::string where_;
};

// Runs a Regex, which must outlive it. Not thread-safe.
class RegexMatcher {
 public:
  explicit RegexMatcher(const Regex& regex);
  ~RegexMatcher();
  RegexMatcher(const RegexMatcher&) = delete;
  RegexMatcher& operator=(const RegexMatcher&) = delete;

  // All matches in `text` (valid UTF-8) from left to right, without overlap, replacing the content
  // of `matches`. An empty match directly after another match is skipped.
  [[nodiscard]] Status FindAll(std::string_view text, std::vector<TextRange>* matches);

 private:
  struct Memory;

  const Regex& regex_;
  std::unique_ptr<Memory> memory_;
};

}  // namespace ebb
