// The items of a task: problems with their answers, or texts, from JSON Lines.
//
// Thread-safety: pure functions and plain values.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "grade/extract.h"

namespace ebb {

enum class Task { kKl, kPerplexity, kGsm8k, kMath, kArith };
[[nodiscard]] std::string_view TaskName(Task task);
[[nodiscard]] Result<Task> TaskFromName(std::string_view name);

// kl and perplexity look at the likelihood of texts; the others at the answers to problems.
[[nodiscard]] inline bool IsLikelihoodTask(Task task) {
  return task == Task::kKl || task == Task::kPerplexity;
}

struct TaskItem {
  std::string id;          // the row's "id", else its line number
  std::string text;        // a text without a question; then all below is empty
  std::string question;    // what the model is asked
  std::string solution;    // the reference solution, as a model would write it; may be empty
  std::string gold;        // the answer, or a solution that holds it
  std::string gold_where;  // file, line and field that it was read from
  AnswerFormat format = AnswerFormat::kBoxed;
  bool asks_format = false;  // the question says already how the answer is wanted
};

// Reads one object a line; blank lines are skipped, and reading ends after `limit` items (0:
// never). A row has one of
//     {"prompt", "solution"?, "answer"?, "format"?, "id"?}  a question that says how to answer
//     {"question", "answer"}                                GSM8K as published
//     {"problem", "solution", "answer"?}                    MATH
//     {"text"}                                              likelihood tasks only
// `format` is wanted of questions that do not say. GSM8K's calculator marks (<<..>>) are left out
// of solutions. A mistake is named by file, line and field; a file without items is an error.
[[nodiscard]] Result<std::vector<TaskItem>> ReadTaskItems(const std::string& path, Task task,
                                                          AnswerFormat format, int64_t limit);

// The same from text; `where` is the file's name in errors.
[[nodiscard]] Result<std::vector<TaskItem>> ParseTaskItems(std::string_view jsonl,
                                                           const std::string& where, Task task,
                                                           AnswerFormat format, int64_t limit);

}  // namespace ebb
