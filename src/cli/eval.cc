// ebb eval: how good is a model, and what does error in its experts do to it?
#include <chrono>
#include <filesystem>
#include <memory>

#include "base/file.h"
#include "cli/command.h"
#include "cli/eval_report.h"
#include "cli/model_options.h"

namespace ebb {
namespace {

constexpr char kHeldOut[] = "heldout.jsonl";

struct Options {
  ModelOptions model;
  std::string task_name;
  std::string data;
  std::string reference;
  int64_t limit = 0;
  std::vector<std::string> inject;
  std::string items;
  std::string format = "boxed";
  std::string positions = "solution";
  bool no_chat = false;
  std::optional<int64_t> new_tokens;
  int64_t batch = 32;
  bool json = false;
};

// Solutions of the tasks are as long as this, with room to spare.
int64_t DefaultNewTokens(Task task) {
  switch (task) {
    case Task::kArith:
      return 160;
    case Task::kMath:
      return 1024;
    default:
      return 512;
  }
}

Result<std::vector<InjectionSpec>> ParseInjections(const Options& options) {
  std::vector<InjectionSpec> specs;
  for (const std::string& text : options.inject) {
    auto spec = ParseInjection(text);
    if (!spec) {
      return tl::unexpected(spec.error().code == ErrorCode::kInvalidArgument
                                ? ForOption(spec.error(), "--inject")
                                : spec.error());
    }
    specs.push_back(std::move(*spec));
  }
  return specs;
}

// The file of the task: the one given, or what a model brings along.
Result<std::string> DataPath(const Options& options, Task task) {
  if (!options.data.empty()) return options.data;
  if (task == Task::kGsm8k || task == Task::kMath) {
    return UsageError("--data", fmt::format("{} needs the file with its problems", TaskName(task)));
  }
  const std::filesystem::path model(options.model.model);
  const auto folder = IsDirectory(model) ? model : model.parent_path();
  const std::string path = (folder / kHeldOut).string();
  if (FileExists(path)) return path;
  return UsageError("--data",
                    fmt::format("there is no {}: name a file of problems or texts", path));
}

Status CheckOptions(const Options& options, Task task) {
  EBB_TRY(CheckPrecision(options.model));
  if (task != Task::kKl && !options.reference.empty()) {
    return UsageError("--reference", "only --task kl compares with a reference");
  }
  if (IsLikelihoodTask(task) && options.new_tokens) {
    return UsageError("--new-tokens", "kl and perplexity generate nothing");
  }
  return {};
}

// One evaluation from files to results.
class Evaluation {
 public:
  Evaluation(const Options& options, Task task)
      : options_(options), task_(task), pool_(options.model.threads) {}

  Result<int> Run() {
    EBB_TRY(Prepare());
    EBB_TRY(OpenEngine());
    EBB_TRY(Inject());
    switch (task_) {
      case Task::kKl:
        return RunKl();
      case Task::kPerplexity:
        return RunPerplexity();
      default:
        return RunAccuracy();
    }
  }

 private:
  // Reads everything but the weights, so that mistakes show before the long work.
  Status Prepare() {
    EBB_TRY_ASSIGN(specs_, ParseInjections(options_));
    EBB_TRY_ASSIGN(header_.data, DataPath(options_, task_));
    EBB_TRY_ASSIGN(cap_, MemoryCap(options_.model));
    EBB_TRY_ASSIGN(items_, ReadTaskItems(header_.data, task_,
                                         *AnswerFormatFromName(options_.format), options_.limit));
    EBB_TRY_ASSIGN(files_, OpenModelFiles(options_.model.model));
    const ModelConfig& config = files_.source->config();
    for (const InjectionSpec& spec : specs_) {
      const Status status = CheckInjection(spec, config);
      if (!status) return tl::unexpected(ForOption(status.error(), "--inject"));
    }
    EBB_TRY_ASSIGN(tokenizer_, LoadTokenizer(files_.source->side_files()));
    EBB_TRY_ASSIGN(const PromptMaker prompts, PromptMaker::Create(files_.source->side_files(),
                                                                  *tokenizer_, !options_.no_chat));
    stops_ = prompts.stops();
    const bool all_positions = options_.positions == "all";
    for (const TaskItem& item : items_) {
      EBB_TRY_ASSIGN(ItemTokens tokens, prompts.Make(item));
      texts_.push_back(MakeScoredText(item.id, tokens, all_positions, config.max_positions));
      tokens_.push_back(std::move(tokens));
    }
    if (!options_.items.empty()) {
      EBB_TRY_ASSIGN(AtomicFile file, AtomicFile::Create(options_.items));
      rows_file_.emplace(std::move(file));
    }
    header_.model = options_.model.model;
    header_.task = task_;
    header_.reference = options_.reference;
    header_.chat = prompts.uses_chat();
    header_.items = items_.size();
    accuracy_.batch = options_.batch;
    accuracy_.new_tokens = options_.new_tokens.value_or(DefaultNewTokens(task_));
    return {};
  }

  Status OpenEngine() {
    EngineOptions engine;
    engine.memory_cap_bytes = cap_;
    engine.threads = options_.model.threads;
    engine.limits = LikelihoodLimits(files_.source->config(), texts_, Batch());
    if (!IsLikelihoodTask(task_)) {
      const int64_t longest_text = engine.limits.max_positions;
      EBB_TRY_ASSIGN(engine.limits,
                     AccuracyLimits(files_.source->config(), items_, tokens_, accuracy_));
      if (NeedsSelections(specs_)) {
        engine.limits.max_positions = std::max(engine.limits.max_positions, longest_text);
      }
    }
    if (task_ == Task::kKl && options_.reference.empty()) engine.limits.max_sequences *= 2;
    if (!options_.reference.empty()) EBB_TRY(OpenReference(engine));
    ProgressBar bar("loading");
    engine.progress = bar.sink();
    EBB_TRY_ASSIGN(engine_, Engine::Create(std::move(files_), std::move(tokenizer_), engine));
    return {};
  }

  // Its tokens must mean what the model's mean.
  Status OpenReference(EngineOptions engine) {
    EBB_TRY_ASSIGN(ModelFiles files, OpenModelFiles(options_.reference));
    EBB_TRY_ASSIGN(std::unique_ptr<Tokenizer> tokenizer, LoadTokenizer(files.source->side_files()));
    const ModelConfig& config = files.source->config();
    bool same = config.vocab_size == files_.source->config().vocab_size;
    for (size_t i = 0; i < items_.size() && same; ++i) {
      for (const std::string* text : {&items_[i].text, &items_[i].question, &items_[i].solution}) {
        EBB_TRY_ASSIGN(const auto ours, tokenizer_->Encode(*text, false));
        EBB_TRY_ASSIGN(const auto theirs, tokenizer->Encode(*text, false));
        same = same && ours == theirs;
      }
    }
    if (!same) {
      return MakeError(ErrorCode::kInvalidArgument, options_.reference,
                       "it has another tokenizer than the model: their tokens cannot be compared");
    }
    if (config.max_positions < engine.limits.max_positions) {
      return MakeError(ErrorCode::kInvalidArgument, options_.reference,
                       "its context ends at {} tokens; a text here has {}", config.max_positions,
                       engine.limits.max_positions);
    }
    ProgressBar bar("loading the reference");
    engine.progress = bar.sink();
    EBB_TRY_ASSIGN(reference_, Engine::Create(std::move(files), std::move(tokenizer), engine));
    return {};
  }

  Status Inject() {
    std::optional<SelectionCounter> counter;
    if (NeedsSelections(specs_)) {
      ProgressBar bar("counting selections");
      counter.emplace(engine_->config());
      EBB_TRY(CountSelections(*engine_, texts_, Batch(), &*counter, bar.sink()));
    }
    ProgressBar bar("injecting");
    EBB_TRY_ASSIGN(injected_, MakeInjection(*engine_, specs_, counter ? &*counter : nullptr, pool_,
                                            bar.sink()));
    return {};
  }

  Result<int> RunKl() {
    KlModels models;
    models.model = engine_.get();
    models.injected = &injected_;
    models.reference = reference_ == nullptr ? engine_.get() : reference_.get();
    ProgressBar bar("reading");
    EBB_TRY_ASSIGN(const KlResult result, EvaluateKl(models, texts_, Batch(), pool_, bar.sink()));
    return Report(result);
  }

  Result<int> RunPerplexity() {
    injected_.Install(*engine_);
    ProgressBar bar("reading");
    EBB_TRY_ASSIGN(const PerplexityResult result,
                   EvaluatePerplexity(*engine_, texts_, Batch(), pool_, bar.sink()));
    return Report(result);
  }

  Result<int> RunAccuracy() {
    injected_.Install(*engine_);
    ProgressBar bar("answering");
    EBB_TRY_ASSIGN(const AccuracyResult result,
                   EvaluateAccuracy(*engine_, items_, tokens_, stops_, accuracy_, bar.sink()));
    return Report(result);
  }

  template <typename ResultType>
  Result<int> Report(const ResultType& result) {
    header_.seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
    if (rows_file_) EBB_TRY(WriteRows(*rows_file_, ItemRows(result)));
    if (options_.json) {
      OrderedJson json = ToJson(header_, injected_.summaries);
      AddResult(result, &json);
      PrintJson(json);
    } else {
      Print(header_, injected_.summaries);
      Print(result);
    }
    return kExitDone;
  }

  int64_t Batch() const { return std::min(options_.batch, static_cast<int64_t>(items_.size())); }

  const Options& options_;
  const Task task_;
  const std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  ThreadPool pool_;
  std::vector<InjectionSpec> specs_;
  std::optional<uint64_t> cap_;
  std::vector<TaskItem> items_;
  std::vector<ItemTokens> tokens_;
  std::vector<ScoredText> texts_;
  std::vector<std::string> stops_;
  ModelFiles files_;
  std::unique_ptr<Tokenizer> tokenizer_;
  std::optional<AtomicFile> rows_file_;  // --items
  EvalHeader header_;
  AccuracyOptions accuracy_;
  std::unique_ptr<Engine> engine_;
  std::unique_ptr<Engine> reference_;
  InjectedExperts injected_;
};

Result<int> Run(const Options& options) {
  const auto task = TaskFromName(options.task_name);
  if (!task) return tl::unexpected(ForOption(task.error(), "--task"));
  EBB_TRY(CheckOptions(options, *task));
  return Evaluation(options, *task).Run();
}

}  // namespace

void AddEval(CLI::App& app, CommandBody& body) {
  CLI::App* command =
      app.add_subcommand("eval", "Accuracy and likelihood, with errors put into experts");
  const auto options = std::make_shared<Options>();
  AddModelOptions(*command, &options->model);
  command
      ->add_option("--task", options->task_name,
                   "kl, perplexity, gsm8k, math, or arith (the shipped model's)")
      ->required()
      ->type_name("TASK");
  command
      ->add_option(
          "--data", options->data,
          "Problems or texts, one object a line (default: heldout.jsonl next to the model)")
      ->type_name("FILE");
  command
      ->add_option("--reference", options->reference,
                   "kl: the model to compare with (default: the same without injection)")
      ->type_name("MODEL");
  command->add_option("--limit", options->limit, "Only the first N items; 0: all")
      ->capture_default_str()
      ->check(CLI::NonNegativeNumber)
      ->type_name("N");
  command
      ->add_option("--inject", options->inject,
                   "Put error into experts: CODEC,BOUND[,layers=..][,experts=..][,seed=N], as in "
                   "noise:normal,rel:0.5,layers=9-18,experts=top1,seed=3; may be given more than "
                   "once, then each acts on what those before it left")
      ->type_name("SPEC")
      ->allow_extra_args(false);
  command->add_option("--items", options->items, "Write a row an item here")
      ->type_name("OUT.jsonl");
  command
      ->add_option("--format", options->format,
                   "How answers are asked for, where a problem does not say it")
      ->capture_default_str()
      ->check(CLI::IsMember({"boxed", "hash", "json"}));
  command
      ->add_option("--positions", options->positions,
                   "kl, perplexity: score the solution's tokens, or all, the prompt's too")
      ->capture_default_str()
      ->check(CLI::IsMember({"solution", "all"}));
  command->add_flag("--no-chat", options->no_chat,
                    "Ask with \"Question: .. Answer:\" even if the model has a chat template");
  command
      ->add_option("-n,--new-tokens", options->new_tokens,
                   "At most so many tokens an answer (default: arith 160, gsm8k 512, math 1024)")
      ->check(CLI::Range(int64_t{1}, int64_t{1} << 30));
  command->add_option("--batch", options->batch, "Items at once; does not change results")
      ->capture_default_str()
      ->check(CLI::Range(int64_t{1}, int64_t{4096}));
  AddJsonFlag(*command, &options->json);
  command->callback([options, &body] { body = [options] { return Run(*options); }; });
}

}  // namespace ebb
