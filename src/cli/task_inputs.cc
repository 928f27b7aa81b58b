#include "cli/task_inputs.h"

#include <algorithm>
#include <filesystem>

#include "base/file.h"
#include "cli/command.h"
#include "eval/accuracy.h"

namespace ebb {
namespace {

constexpr char kHeldOut[] = "heldout.jsonl";
constexpr uint64_t kMaxPromptFileBytes = uint64_t{16} << 20;

// The file of the task: the one given, or what a model brings along.
Result<std::string> DataPath(const std::string& model_path, Task task, const TaskOptions& options) {
  if (!options.data.empty()) return options.data;
  if (task == Task::kGsm8k || task == Task::kMath) {
    return UsageError("--data", fmt::format("{} needs the file with its problems", TaskName(task)));
  }
  const std::filesystem::path model(model_path);
  const auto folder = IsDirectory(model) ? model : model.parent_path();
  const std::string path = (folder / kHeldOut).string();
  if (FileExists(path)) return path;
  return UsageError("--data",
                    fmt::format("there is no {}: name a file of problems or texts", path));
}

Result<PromptTemplate> ReadTemplate(const TaskOptions& options, TaskInputs* inputs) {
  if (options.template_file.empty()) return PromptTemplate{};
  EBB_TRY_ASSIGN(const std::string text, ReadTextFile(options.template_file, kMaxPromptFileBytes));
  inputs->template_hash = PromptHash(text);
  return ParsePromptTemplate(text, options.template_file);
}

Result<std::vector<TaskItem>> ReadShots(const TaskOptions& options, AnswerFormat format,
                                        TaskInputs* inputs) {
  if (options.shots_file.empty()) return std::vector<TaskItem>{};
  EBB_TRY_ASSIGN(const std::string text, ReadTextFile(options.shots_file, kMaxPromptFileBytes));
  inputs->shots_hash = PromptHash(text);
  // Read as for likelihood: an example needs a solution, not an answer to grade against.
  return ParseTaskItems(text, options.shots_file, Task::kKl, format, 0);
}

}  // namespace

void AddTaskOptions(CLI::App& command, TaskOptions* options) {
  command
      .add_option("--data", options->data,
                  "Problems or texts, one object a line (default: heldout.jsonl next to the model)")
      ->type_name("FILE");
  command.add_option("--limit", options->limit, "Only the first N items; 0: all")
      ->capture_default_str()
      ->check(CLI::NonNegativeNumber)
      ->type_name("N");
  command
      .add_option("--format", options->format,
                  "How answers are asked for, where a problem does not say it")
      ->capture_default_str()
      ->check(CLI::IsMember({"boxed", "hash", "json"}));
  command.add_flag("--no-chat", options->no_chat,
                   "Ask with \"Question: .. Answer:\" even if the model has a chat template");
  command
      .add_option("--template", options->template_file,
                  "How questions are put: a JSON object (docs/eval.md)")
      ->type_name("FILE");
  command
      .add_option("--shots", options->shots_file,
                  "Examples with solutions to put before every question, one object a line")
      ->type_name("FILE");
  command.add_option("--batch", options->batch, "Items at once; does not change results")
      ->capture_default_str()
      ->check(CLI::Range(int64_t{1}, int64_t{4096}));
}

int64_t TaskInputs::Batch(const TaskOptions& options) const {
  return std::min(options.batch, static_cast<int64_t>(items.size()));
}

Result<TaskInputs> ReadTaskInputs(const std::string& model, Task task, const TaskOptions& options) {
  TaskInputs inputs;
  inputs.task = task;
  EBB_TRY_ASSIGN(inputs.data, DataPath(model, task, options));
  const AnswerFormat format = *AnswerFormatFromName(options.format);
  EBB_TRY_ASSIGN(inputs.items, ReadTaskItems(inputs.data, task, format, options.limit));
  if (!IsLikelihoodTask(task)) EBB_TRY(CheckGold(inputs.items));
  EBB_TRY_ASSIGN(PromptTemplate texts, ReadTemplate(options, &inputs));
  EBB_TRY_ASSIGN(std::vector<TaskItem> shots, ReadShots(options, format, &inputs));
  EBB_TRY_ASSIGN(inputs.files, OpenModelFiles(model));
  const ModelConfig& config = inputs.files.source->config();
  EBB_TRY_ASSIGN(inputs.tokenizer, LoadTokenizer(inputs.files.source->side_files()));
  EBB_TRY_ASSIGN(const PromptMaker prompts,
                 PromptMaker::Create(inputs.files.source->side_files(), *inputs.tokenizer,
                                     !options.no_chat, std::move(texts), std::move(shots)));
  inputs.stops = prompts.stops();
  inputs.chat = prompts.uses_chat();
  const bool all_positions = options.positions == "all";
  for (const TaskItem& item : inputs.items) {
    EBB_TRY_ASSIGN(ItemTokens tokens, prompts.Make(item));
    inputs.texts.push_back(MakeScoredText(item.id, tokens, all_positions, config.max_positions));
    inputs.tokens.push_back(std::move(tokens));
  }
  return inputs;
}

}  // namespace ebb
