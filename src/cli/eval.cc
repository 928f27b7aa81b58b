// ebb eval: how good is a model, and what does error in its experts do to it?
#include <chrono>
#include <memory>

#include "base/file.h"
#include "cli/command.h"
#include "cli/eval_report.h"
#include "cli/model_options.h"
#include "cli/task_inputs.h"

namespace ebb {
namespace {

struct Options {
  ModelOptions model;
  TaskOptions task;
  std::string reference;
  std::vector<std::string> inject;
  std::string items;
  std::optional<int64_t> new_tokens;
  SamplingOptions sampling;
  bool inside = false;
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

Status CheckOptions(const Options& options, Task task) {
  EBB_TRY(CheckPrecision(options.model));
  if (task != Task::kKl && !options.reference.empty()) {
    return UsageError("--reference", "only --task kl compares with a reference");
  }
  if (IsLikelihoodTask(task) && options.new_tokens) {
    return UsageError("--new-tokens", "kl and perplexity generate nothing");
  }
  if (IsLikelihoodTask(task) && options.sampling.temperature > 0) {
    return UsageError("--temperature", "kl and perplexity generate nothing");
  }
  if (options.sampling.temperature == 0 &&
      (options.sampling.top_k > 0 || options.sampling.top_p < 1)) {
    return UsageError("--temperature", "--top-k and --top-p need one above 0");
  }
  if (options.inside && task != Task::kKl) {
    return UsageError("--inside", "only --task kl compares what happens inside");
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
    EBB_TRY_ASSIGN(cap_, MemoryCap(options_.model));
    EBB_TRY_ASSIGN(inputs_, ReadTaskInputs(options_.model.model, task_, options_.task));
    const ModelConfig& config = inputs_.files.source->config();
    for (const InjectionSpec& spec : specs_) {
      const Status status = CheckInjection(spec, config);
      if (!status) return tl::unexpected(ForOption(status.error(), "--inject"));
    }
    if (!options_.items.empty()) {
      EBB_TRY_ASSIGN(AtomicFile file, AtomicFile::Create(options_.items));
      rows_file_.emplace(std::move(file));
    }
    header_.model = options_.model.model;
    header_.task = task_;
    header_.data = inputs_.data;
    header_.reference = options_.reference;
    header_.chat = inputs_.chat;
    header_.template_hash = inputs_.template_hash;
    header_.shots_hash = inputs_.shots_hash;
    header_.items = inputs_.items.size();
    header_.sampling = options_.sampling;
    accuracy_.batch = options_.task.batch;
    accuracy_.new_tokens = options_.new_tokens.value_or(DefaultNewTokens(task_));
    accuracy_.sampling = options_.sampling;
    return {};
  }

  Status OpenEngine() {
    const ModelConfig& config = inputs_.files.source->config();
    EngineOptions engine;
    engine.memory_cap_bytes = cap_;
    EBB_TRY_ASSIGN(engine.hot_bytes, HotBytes(options_.model));
    engine.threads = options_.model.threads;
    engine.limits = LikelihoodLimits(config, inputs_.texts, Batch());
    if (!IsLikelihoodTask(task_)) {
      const int64_t longest_text = engine.limits.max_positions;
      EBB_TRY_ASSIGN(engine.limits,
                     AccuracyLimits(config, inputs_.items, inputs_.tokens, accuracy_));
      if (NeedsSelections(specs_)) {
        engine.limits.max_positions = std::max(engine.limits.max_positions, longest_text);
      }
    }
    if (task_ == Task::kKl && options_.reference.empty()) engine.limits.max_sequences *= 2;
    if (!options_.reference.empty()) EBB_TRY(OpenReference(engine));
    engine.limits.reserved_bytes = InjectedBytes(specs_, config, pool_.threads());
    ProgressBar bar("loading");
    engine.progress = bar.sink();
    EBB_TRY_ASSIGN(engine_,
                   Engine::Create(std::move(inputs_.files), std::move(inputs_.tokenizer), engine));
    return {};
  }

  // Its tokens must mean what the model's mean.
  Status OpenReference(EngineOptions engine) {
    EBB_TRY_ASSIGN(ModelFiles files, OpenModelFiles(options_.reference));
    EBB_TRY_ASSIGN(std::unique_ptr<Tokenizer> tokenizer, LoadTokenizer(files.source->side_files()));
    const ModelConfig& config = files.source->config();
    bool same = config.vocab_size == inputs_.files.source->config().vocab_size;
    for (size_t i = 0; i < inputs_.items.size() && same; ++i) {
      const TaskItem& item = inputs_.items[i];
      for (const std::string* text : {&item.text, &item.question, &item.solution}) {
        EBB_TRY_ASSIGN(const auto ours, inputs_.tokenizer->Encode(*text, false));
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
      EBB_TRY(CountSelections(*engine_, inputs_.texts, Batch(), &*counter, bar.sink()));
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
    models.inside = options_.inside;
    ProgressBar bar("reading");
    EBB_TRY_ASSIGN(const KlResult result,
                   EvaluateKl(models, inputs_.texts, Batch(), pool_, bar.sink()));
    if (options_.inside) {
      EBB_TRY_ASSIGN(header_.inside, SummariseInside(result.inside, engine_->config()));
    }
    return Report(result);
  }

  Result<int> RunPerplexity() {
    injected_.Install(*engine_);
    ProgressBar bar("reading");
    EBB_TRY_ASSIGN(const PerplexityResult result,
                   EvaluatePerplexity(*engine_, inputs_.texts, Batch(), pool_, bar.sink()));
    return Report(result);
  }

  Result<int> RunAccuracy() {
    injected_.Install(*engine_);
    ProgressBar bar("answering");
    EBB_TRY_ASSIGN(const AccuracyResult result,
                   EvaluateAccuracy(*engine_, inputs_.items, inputs_.tokens, inputs_.stops,
                                    accuracy_, bar.sink()));
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
      if (!header_.inside.empty()) AddInside(header_.inside, &json);
      PrintJson(json);
    } else {
      Print(header_, injected_.summaries);
      Print(result);
      Print(header_.inside);
    }
    return kExitDone;
  }

  int64_t Batch() const { return inputs_.Batch(options_.task); }

  const Options& options_;
  const Task task_;
  const std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  ThreadPool pool_;
  std::vector<InjectionSpec> specs_;
  std::optional<uint64_t> cap_;
  TaskInputs inputs_;
  std::optional<AtomicFile> rows_file_;  // --items
  EvalHeader header_;
  AccuracyOptions accuracy_;
  std::unique_ptr<Engine> engine_;
  std::unique_ptr<Engine> reference_;
  InjectedExperts injected_;
};

Result<int> Run(const Options& options) {
  const auto task = TaskFromName(options.task.task_name);
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
      ->add_option("--task", options->task.task_name,
                   "kl, perplexity, gsm8k, math, or arith (the shipped model's)")
      ->required()
      ->type_name("TASK");
  AddTaskOptions(*command, &options->task);
  command
      ->add_option("--positions", options->task.positions,
                   "kl, perplexity: score the solution's tokens, or all, the prompt's too")
      ->capture_default_str()
      ->check(CLI::IsMember({"solution", "all"}));
  command
      ->add_option("--reference", options->reference,
                   "kl: the model to compare with (default: the same without injection)")
      ->type_name("MODEL");
  command
      ->add_option("--inject", options->inject,
                   "Put error into experts: CODEC,BOUND[,layers=..][,experts=..][,seed=N], as in "
                   "noise:normal,rel:0.5,layers=9-18,experts=top1,seed=3; may be given more than "
                   "once, then each acts on what those before it left")
      ->type_name("SPEC")
      ->allow_extra_args(false);
  command->add_flag("--inside", options->inside,
                    "kl: drift, router flips and the injected experts' share, layer by layer");
  command->add_option("--items", options->items, "Write a row an item here")
      ->type_name("OUT.jsonl");
  command
      ->add_option("-n,--new-tokens", options->new_tokens,
                   "At most so many tokens an answer (default: arith 160, gsm8k 512, math 1024)")
      ->check(CLI::Range(int64_t{1}, int64_t{1} << 30));
  AddSamplingOptions(*command, &options->sampling);
  AddJsonFlag(*command, &options->json);
  command->callback([options, &body] { body = [options] { return Run(*options); }; });
}

}  // namespace ebb
