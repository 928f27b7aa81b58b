// What commands that put a model to a task read before the long work: items, prompts, tokens.
#pragma once

#include <CLI/CLI.hpp>

#include <memory>
#include <string>
#include <vector>

#include "engine/model_files.h"
#include "eval/prompt.h"
#include "eval/text_reader.h"

namespace ebb {

struct TaskOptions {
  std::string task_name;
  std::string data;
  int64_t limit = 0;
  std::string format = "boxed";
  std::string positions = "solution";
  bool no_chat = false;
  std::string template_file;
  std::string shots_file;
  int64_t batch = 32;
};

// All but --task, which commands describe themselves.
void AddTaskOptions(CLI::App& command, TaskOptions* options);

struct TaskInputs {
  Task task = Task::kKl;
  std::string data;
  std::vector<TaskItem> items;
  std::vector<ItemTokens> tokens;  // of each item
  std::vector<ScoredText> texts;   // likewise
  std::vector<std::string> stops;
  bool chat = false;
  std::string template_hash;  // of the files; empty: none was given
  std::string shots_hash;
  ModelFiles files;
  std::unique_ptr<Tokenizer> tokenizer;

  int64_t Batch(const TaskOptions& options) const;
};

// Reads everything but the weights of `model`. Without --data: heldout.jsonl beside it.
[[nodiscard]] Result<TaskInputs> ReadTaskInputs(const std::string& model, Task task,
                                                const TaskOptions& options);

}  // namespace ebb
