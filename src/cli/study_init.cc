#include "cli/study_init.h"

#include <filesystem>
#include <memory>

#include "base/file.h"
#include "study/inputs.h"
#include "study/preset.h"
#include "study/study_file.h"

namespace ebb {
namespace {

struct InitOptions {
  std::string preset = "paper";
  std::string model;
  std::string task = "arith";
  std::string data;
  std::string math;
  std::string out;
};

// The problems: those given, or what a model brings along, if the task is its own.
Result<std::string> DataFor(const InitOptions& options, Task task) {
  if (!options.data.empty()) return options.data;
  if (task != Task::kArith) {
    return UsageError("--data",
                      fmt::format("{} needs the file with its problems, one JSON object a "
                                  "line",
                                  TaskName(task)));
  }
  const std::filesystem::path model(options.model);
  const auto folder = IsDirectory(options.model) ? model : model.parent_path();
  const std::string path = (folder / "heldout.jsonl").string();
  if (FileExists(path)) return path;
  return UsageError("--data",
                    fmt::format("arith is the shipped model's task, and there is no {}: name its "
                                "file of problems, or another --task with its own",
                                path));
}

Status CheckFiles(const InitOptions& options) {
  if (!FileExists(options.model)) {
    return MakeError(ErrorCode::kNotFound, options.model,
                     "there is no such model: --model takes an .ebb file or a checkpoint folder");
  }
  for (const auto& [name, file] : {std::pair("--data", options.data), {"--math", options.math}}) {
    if (file.empty() || (FileExists(file) && !IsDirectory(file))) continue;
    return MakeError(ErrorCode::kNotFound, file,
                     "there is no such file: {} takes problems as JSON Lines", name);
  }
  return {};
}

// Where the study file will be. Its folder is made last.
Result<std::string> StudyPath(const std::string& out) {
  std::filesystem::path path(out);
  if (!out.ends_with(".toml")) {
    if (FileExists(out) && !IsDirectory(out)) {
      return UsageError(
          "--out", fmt::format("{} is a file: name one that ends with .toml, or a folder", out));
    }
    path /= "study.toml";
  }
  if (FileExists(path.string())) {
    return MakeError(ErrorCode::kIo, path.string(),
                     "it is there already: remove it, or name another file");
  }
  // A new study over an old database would be refused when it runs.
  const std::string database = path.replace_extension(".sqlite").string();
  if (FileExists(database)) {
    return MakeError(ErrorCode::kIo, database,
                     "a study's database of that name is there already: remove it, or name another "
                     "study file");
  }
  return path.replace_extension(".toml").string();
}

Result<int> Init(const InitOptions& options) {
  const auto task = TaskFromName(options.task);
  if (!task || IsLikelihoodTask(*task)) {
    return UsageError("--task", "it must be gsm8k, math or arith");
  }
  if (*task == Task::kMath && !options.math.empty()) {
    return UsageError("--math", "the task is math already: give its problems with --data alone");
  }
  EBB_TRY(CheckFiles(options));
  PresetOptions preset;
  preset.task = *task;
  preset.model = options.model;
  preset.math = options.math;
  EBB_TRY_ASSIGN(preset.data, DataFor(options, *task));
  EBB_TRY_ASSIGN(preset.study_path, StudyPath(options.out));
  EBB_TRY_ASSIGN(const std::string text, PaperPreset(preset));
  // What is written must be a study that this model can run.
  EBB_TRY_ASSIGN(StudyFile file, ParseStudyFile(text, preset.study_path));
  EBB_TRY_ASSIGN(const StudyInputs inputs, LoadStudyInputs(std::move(file)));
  const auto folder = std::filesystem::path(preset.study_path).parent_path();
  std::error_code error;
  if (!folder.empty()) std::filesystem::create_directories(folder, error);
  if (error) {
    return MakeError(ErrorCode::kIo, folder.string(), "cannot make it: {}", error.message());
  }
  EBB_TRY_ASSIGN(AtomicFile out, AtomicFile::Create(preset.study_path));
  EBB_TRY(out.Append(text));
  EBB_TRY(out.Commit());
  fmt::print("{}: {} experiments, {} cells\n", preset.study_path, inputs.file.experiments.size(),
             inputs.cells.cells.size());
  fmt::print("next: ebb study run {}\n", preset.study_path);
  return kExitDone;
}

}  // namespace

void AddStudyInit(CLI::App& study, CommandBody& body) {
  CLI::App* command = study.add_subcommand("init", "Write a study file to start from");
  const auto options = std::make_shared<InitOptions>();
  command->add_option("--preset", options->preset, "paper: the experiments of arXiv 2509.07727")
      ->capture_default_str()
      ->check(CLI::IsMember({"paper"}));
  command->add_option("--model", options->model, "An .ebb file, or a checkpoint folder")
      ->required()
      ->type_name("MODEL");
  command->add_option("--task", options->task, "gsm8k, math, or arith (the shipped model's)")
      ->capture_default_str()
      ->type_name("TASK");
  command
      ->add_option("--data", options->data,
                   "Its problems, one object a line (default for arith: heldout.jsonl next to the "
                   "model)")
      ->type_name("FILE");
  command->add_option("--math", options->math, "Problems of MATH, for T8 and T9")
      ->type_name("FILE");
  command->add_option("-o,--out", options->out, "The study file, or a folder for it")
      ->required()
      ->type_name("STUDY.toml|DIR");
  command->callback([options, &body] { body = [options] { return Init(*options); }; });
}

}  // namespace ebb
