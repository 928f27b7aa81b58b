// How questions are put, as a file says it: docs/eval.md, "Prompts".
//
// Thread-safety: pure functions and plain values.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "grade/extract.h"

namespace ebb {

// "Please reason step by step, and ...": what is added to a question that does not say it itself.
[[nodiscard]] std::string_view FormatInstruction(AnswerFormat format);

// The built-in template, unless a file changes it.
struct PromptTemplate {
  std::string system;  // empty: none
  std::string question = "{question}\n{instruction}";
  std::string plain = "Question: {question}\nAnswer:";
  std::string answer = " {answer}";
  std::string separator = "\n\n";
  std::array<std::optional<std::string>, 3> instructions;  // by AnswerFormat; absent: built in
  std::optional<std::vector<std::string>> stops;           // absent: those of the kind of prompt

  // The user's turn. Without an instruction the white space before its place goes, too.
  [[nodiscard]] std::string Question(const std::string& asked, AnswerFormat format,
                                     bool asks_format) const;
  // The same without a chat template, and what follows it.
  [[nodiscard]] std::string Plain(const std::string& question) const;
  [[nodiscard]] std::string Answer(const std::string& solution) const;
};

// From JSON. A key that is unknown, or a text without the place that it must have, is
// kInvalidArgument and named.
[[nodiscard]] Result<PromptTemplate> ParsePromptTemplate(std::string_view json,
                                                         const std::string& where);

}  // namespace ebb
