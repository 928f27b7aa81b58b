#include "eval/task_items.h"

#include <algorithm>
#include <array>

#include "base/file.h"
#include "base/json.h"
#include "grade/extract_places.h"

namespace ebb {
namespace {

constexpr uint64_t kMaxFileBytes = uint64_t{1} << 30;

struct NamedTask {
  Task task;
  std::string_view name;
};
constexpr std::array<NamedTask, 5> kTasks = {{{Task::kKl, "kl"},
                                              {Task::kPerplexity, "perplexity"},
                                              {Task::kGsm8k, "gsm8k"},
                                              {Task::kMath, "math"},
                                              {Task::kArith, "arith"}}};

std::string WithoutCalculatorMarks(std::string_view text) {
  std::string kept;
  while (true) {
    const size_t start = text.find("<<");
    const size_t end = start == std::string_view::npos ? start : text.find(">>", start);
    if (end == std::string_view::npos) return kept.append(text);
    kept.append(text.substr(0, start));
    text.remove_prefix(end + 2);
  }
}

// A row, and the line that it was read from.
struct Row {
  const Json& json;
  std::string_view line;
};

// An answer may be a number, too: {"answer": 18}. It is taken as it is written, with all its
// digits.
Result<std::string> TextOrNumber(const Row& row, const char* key, const std::string& where,
                                 std::optional<std::string> fallback = std::nullopt) {
  const auto found = row.json.find(key);
  if (found == row.json.end() || !found->is_number()) {
    return GetString(row.json, key, where, std::move(fallback));
  }
  if (auto raw = RawJsonNumber(row.line, key)) return *raw;
  return MakeError(ErrorCode::kInvalidArgument, fmt::format("{}: {}", where, key),
                   "the number cannot be read exactly; write it as a string");
}

// How a reference solution ends says how the answer is wanted.
AnswerFormat FormatOfSolution(const std::string& solution, AnswerFormat otherwise) {
  if (solution.find("\\boxed") != std::string::npos) return AnswerFormat::kBoxed;
  if (solution.find("####") != std::string::npos) return AnswerFormat::kHash;
  return otherwise;
}

Status ReadProblem(const Row& source, const std::string& where, TaskItem* item) {
  const Json& row = source.json;
  if (row.contains("prompt")) {
    EBB_TRY_ASSIGN(item->question, GetString(row, "prompt", where));
    EBB_TRY_ASSIGN(item->solution, GetString(row, "solution", where, ""));
    EBB_TRY_ASSIGN(item->gold, TextOrNumber(source, "answer", where, item->solution));
    item->asks_format = true;
    return {};
  }
  if (row.contains("question")) {
    EBB_TRY_ASSIGN(item->question, GetString(row, "question", where));
    EBB_TRY_ASSIGN(item->gold, TextOrNumber(source, "answer", where));
    item->solution = WithoutCalculatorMarks(item->gold);
    return {};
  }
  if (row.contains("problem")) {
    EBB_TRY_ASSIGN(item->question, GetString(row, "problem", where));
    EBB_TRY_ASSIGN(item->solution, GetString(row, "solution", where, ""));
    EBB_TRY_ASSIGN(item->gold, TextOrNumber(source, "answer", where, item->solution));
    return {};
  }
  return MakeError(ErrorCode::kInvalidArgument, where,
                   "there is no \"prompt\", \"question\" or \"problem\"");
}

Result<TaskItem> ReadRow(std::string_view line, const std::string& where, Task task,
                         AnswerFormat format) {
  EBB_TRY_ASSIGN(const Json row, ParseJson(line, where));
  if (!row.is_object()) return MakeError(ErrorCode::kCorrupt, where, "not an object");
  TaskItem item;
  const Row source{row, line};
  EBB_TRY_ASSIGN(item.id, TextOrNumber(source, "id", where, ""));
  if (IsLikelihoodTask(task) && row.contains("text")) {
    EBB_TRY_ASSIGN(item.text, GetString(row, "text", where));
    if (!item.text.empty()) return item;
    return MakeError(ErrorCode::kInvalidArgument, where + ": text", "it is empty");
  }
  EBB_TRY(ReadProblem(source, where, &item));
  item.gold_where = fmt::format("{}: {}", where, row.contains("answer") ? "answer" : "solution");
  if (item.question.empty()) {
    return MakeError(ErrorCode::kInvalidArgument, where, "the question is empty");
  }
  item.format = IsLikelihoodTask(task) ? FormatOfSolution(item.solution, format) : format;
  EBB_TRY_ASSIGN(const std::string name,
                 GetString(row, "format", where, std::string(AnswerFormatName(item.format))));
  const auto named = AnswerFormatFromName(name);
  if (!named) {
    return MakeError(ErrorCode::kInvalidArgument, where + ": format",
                     "\"{}\" is not one of boxed, hash, json", name);
  }
  item.format = *named;
  if (!IsLikelihoodTask(task) && item.gold.empty()) {
    return MakeError(ErrorCode::kInvalidArgument, where, "there is no answer to grade against");
  }
  return item;
}

}  // namespace

std::string_view TaskName(Task task) {
  for (const NamedTask& named : kTasks) {
    if (named.task == task) return named.name;
  }
  return "";
}

Result<Task> TaskFromName(std::string_view name) {
  for (const NamedTask& named : kTasks) {
    if (named.name == name) return named.task;
  }
  return MakeError(ErrorCode::kInvalidArgument, "",
                   "\"{}\" is no task; there are: kl, perplexity, gsm8k, math, arith", name);
}

Result<std::vector<TaskItem>> ParseTaskItems(std::string_view jsonl, const std::string& where,
                                             Task task, AnswerFormat format, int64_t limit) {
  std::vector<TaskItem> items;
  size_t line_number = 0;
  for (size_t start = 0; start < jsonl.size();) {
    if (limit > 0 && static_cast<int64_t>(items.size()) == limit) break;
    const size_t end = std::min(jsonl.find('\n', start), jsonl.size());
    const std::string_view line = jsonl.substr(start, end - start);
    start = end + 1;
    ++line_number;
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    EBB_TRY_ASSIGN(TaskItem item,
                   ReadRow(line, fmt::format("{}:{}", where, line_number), task, format));
    if (item.id.empty()) item.id = fmt::format("{}", line_number);
    items.push_back(std::move(item));
  }
  if (items.empty()) return MakeError(ErrorCode::kInvalidArgument, where, "it has no items");
  return items;
}

Result<std::vector<TaskItem>> ReadTaskItems(const std::string& path, Task task, AnswerFormat format,
                                            int64_t limit) {
  EBB_TRY_ASSIGN(const std::string text, ReadTextFile(path, kMaxFileBytes));
  return ParseTaskItems(text, path, task, format, limit);
}

}  // namespace ebb
