// ebb run: text from a prompt.
#include <atomic>
#include <csignal>
#include <cstdio>
#include <memory>

#include "base/memory.h"
#include "base/units.h"
#include "cli/command.h"
#include "cli/ledger.h"
#include "cli/model_options.h"
#include "cli/text_input.h"
#include "engine/generator.h"
#include "text/chat.h"

namespace ebb {
namespace {

struct Options {
  ModelOptions model;
  std::optional<std::string> prompt;
  std::string system;
  bool chat = false;
  int64_t new_tokens = 128;
  SamplingOptions sampling;
  std::vector<std::string> stops;
  std::string trace;
  bool json = false;
};

std::atomic<bool> interrupted = false;

// Ctrl-C ends the text where it is; a second one ends the program.
void StopOnInterrupt() {
  struct sigaction action = {};
  action.sa_handler = [](int) { interrupted = true; };
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  sigaction(SIGINT, &action, nullptr);
}

Result<std::vector<int32_t>> EncodePrompt(const Options& options, const SideFiles& files,
                                          const Tokenizer& tokenizer, const std::string& prompt) {
  if (prompt.empty()) {
    return MakeError(ErrorCode::kInvalidArgument, "prompt",
                     "it is empty: write -p TEXT, or give text on stdin");
  }
  if (!options.chat) return tokenizer.Encode(prompt, true);
  EBB_TRY_ASSIGN(const ChatTemplate chat, ChatTemplate::FromFiles(files));
  std::vector<ChatMessage> messages;
  if (!options.system.empty()) messages.push_back({"system", options.system});
  messages.push_back({"user", prompt});
  EBB_TRY_ASSIGN(const std::string text, chat.Render(messages, true));
  // The template writes its special tokens itself.
  return tokenizer.Encode(text, false);
}

double PerSecond(int64_t count, double seconds) {
  return seconds > 0 ? static_cast<double>(count) / seconds : 0;
}

OrderedJson ToJson(const Options& options, const std::string& prompt, size_t prompt_tokens,
                   const Engine& engine, const Generator& generator, const Generation& generation,
                   std::optional<uint64_t> cap) {
  const ExpertCounts experts = engine.expert_counts();
  OrderedJson json;
  json["model"] = options.model.model;
  json["prompt"] = prompt;
  json["text"] = generation.text;
  json["token_ids"] = generation.token_ids;
  json["prompt_tokens"] = prompt_tokens;
  json["new_tokens"] = generation.token_ids.size();
  json["finish_reason"] = FinishReasonName(generation.finish_reason);
  json["prefill_tokens_per_second"] =
      PerSecond(generator.prefill_tokens(), generator.prefill_seconds());
  json["decode_tokens_per_second"] =
      PerSecond(generator.decode_tokens(), generator.decode_seconds());
  json["memory"]["cap_bytes"] = cap ? OrderedJson(*cap) : OrderedJson(nullptr);
  json["memory"]["peak_rss_bytes"] = PeakRssBytes();
  json["memory"]["planned_bytes"] = engine.memory_plan().total_bytes();
  json["memory"]["expert_cache_bytes"] = engine.memory_plan().cache_bytes;
  json["memory"]["hot_bytes"] = engine.memory_plan().hot_bytes;
  json["memory"]["plan"] = engine.memory_plan().ToString();
  json["memory"]["token_experts_bytes"] = engine.memory_plan().token_experts_bytes;
  json["experts"] = ToJson(experts);
  json["backend"] = engine.backend_name();
  json["threads"] = engine.threads();
  return json;
}

void PrintSummary(size_t prompt_tokens, const Engine& engine, const Generator& generator,
                  const Generation& generation, std::optional<uint64_t> cap) {
  const ExpertCounts experts = engine.expert_counts();
  std::string line = fmt::format(
      "{} prompt tokens at {:.1f}/s, {} new at {:.1f}/s ({})", prompt_tokens,
      PerSecond(generator.prefill_tokens(), generator.prefill_seconds()),
      generation.token_ids.size(), PerSecond(generator.decode_tokens(), generator.decode_seconds()),
      FinishReasonName(generation.finish_reason));
  if (experts.requests > 0) {
    line += fmt::format(
        "; experts: {:.1f} % of {} requests were in memory, {} read",
        100.0 * static_cast<double>(experts.hits) / static_cast<double>(experts.requests),
        FormatCount(experts.requests), FormatSize(experts.bytes_read));
  }
  line += fmt::format("; peak RSS {}", FormatSize(PeakRssBytes()));
  if (cap) line += fmt::format(" under a cap of {}", FormatSize(*cap));
  std::fprintf(stderr, "%s\n", line.c_str());
  const MemoryPlan& plan = engine.memory_plan();
  if (cap && plan.cache_bytes < plan.token_experts_bytes) {
    fmt::print(
        stderr,
        "the experts of one token take {}, the cap leaves room for {}: most are read anew for "
        "every token; from --memory {} on they fit\n",
        FormatSize(plan.token_experts_bytes), FormatSize(plan.cache_bytes),
        FormatSize(*cap + plan.token_experts_bytes - plan.cache_bytes));
  }
}

Result<std::unique_ptr<Engine>> OpenEngine(const Options& options, ModelFiles files,
                                           std::unique_ptr<Tokenizer> tokenizer,
                                           size_t prompt_tokens, std::optional<uint64_t> cap) {
  EngineOptions engine_options;
  engine_options.memory_cap_bytes = cap;
  EBB_TRY_ASSIGN(engine_options.hot_bytes, HotBytes(options.model));
  engine_options.threads = options.model.threads;
  const int64_t context = files.source->config().max_positions;
  if (static_cast<int64_t>(prompt_tokens) >= context) {
    return MakeError(ErrorCode::kInvalidArgument, "prompt",
                     "it has {} tokens, and this model's context ends at {}: shorten it",
                     prompt_tokens, context);
  }
  engine_options.limits.max_positions =
      std::min(context, static_cast<int64_t>(prompt_tokens) + options.new_tokens);
  ProgressBar bar("loading");
  engine_options.progress = bar.sink();
  return Engine::Create(std::move(files), std::move(tokenizer), engine_options);
}

Result<int> Run(const Options& options) {
  EBB_TRY(CheckPrecision(options.model));
  EBB_TRY_ASSIGN(const std::optional<uint64_t> cap, MemoryCap(options.model));
  EBB_TRY_ASSIGN(ModelFiles files, OpenModelFiles(options.model.model));
  EBB_TRY_ASSIGN(std::unique_ptr<Tokenizer> tokenizer, LoadTokenizer(files.source->side_files()));
  EBB_TRY_ASSIGN(const std::string prompt, TextOrStdin(options.prompt));
  GenerationRequest request;
  EBB_TRY_ASSIGN(request.prompt,
                 EncodePrompt(options, files.source->side_files(), *tokenizer, prompt));
  const size_t prompt_tokens = request.prompt.size();
  EBB_TRY_ASSIGN(const auto engine,
                 OpenEngine(options, std::move(files), std::move(tokenizer), prompt_tokens, cap));
  request.max_new_tokens = options.new_tokens;
  request.sampling = options.sampling;
  request.stops = options.stops;
  if (!options.json) {
    request.on_text = [](std::string_view text) {
      std::fwrite(text.data(), 1, text.size(), stdout);
      std::fflush(stdout);
    };
  }
  std::unique_ptr<Trace> trace;
  if (!options.trace.empty()) {
    EBB_TRY_ASSIGN(trace, Trace::Create(options.trace));
    engine->set_trace(trace.get());
  }
  StopOnInterrupt();
  Generator generator(*engine, 1);
  Ledger ledger(*engine);
  EBB_TRY_ASSIGN(const size_t id, generator.Submit(std::move(request)));
  for (bool running = true; running;) {
    if (interrupted) generator.CancelAll();
    EBB_TRY_ASSIGN(running, generator.RunStep());
    ledger.EndStep();
  }
  if (trace != nullptr) EBB_TRY(trace->Finish());
  const Generation& generation = generator.result(id);
  if (options.json) {
    OrderedJson json = ToJson(options, prompt, prompt_tokens, *engine, generator, generation, cap);
    json["ledger"] = ledger.steps();
    PrintJson(json);
  } else {
    std::fputs("\n", stdout);
    std::fflush(stdout);
    PrintSummary(prompt_tokens, *engine, generator, generation, cap);
  }
  if (generation.finish_reason == FinishReason::kError) return tl::unexpected(generation.error);
  return kExitDone;
}

}  // namespace

void AddRun(CLI::App& app, CommandBody& body) {
  CLI::App* command = app.add_subcommand("run", "Generate text from a prompt");
  const auto options = std::make_shared<Options>();
  AddModelOptions(*command, &options->model);
  command->add_option("-p,--prompt", options->prompt, "The prompt (default: stdin)")
      ->type_name("TEXT");
  command->add_flag("--chat", options->chat,
                    "Put the prompt into a user's turn of the model's chat template");
  command->add_option("--system", options->system, "System message, with --chat")
      ->type_name("TEXT");
  command->add_option("-n,--new-tokens", options->new_tokens, "Generate at most so many tokens")
      ->capture_default_str()
      ->check(CLI::Range(int64_t{1}, int64_t{1} << 30));
  command
      ->add_option("--temperature", options->sampling.temperature,
                   "0: always the most likely token")
      ->capture_default_str()
      ->check(CLI::Range(0.0, 100.0));
  command
      ->add_option("--top-k", options->sampling.top_k,
                   "Sample of the K most likely tokens only; 0: of all")
      ->capture_default_str()
      ->check(CLI::NonNegativeNumber);
  command
      ->add_option("--top-p", options->sampling.top_p,
                   "Sample of the fewest tokens with this probability together")
      ->capture_default_str()
      ->check(CLI::Range(0.0, 1.0));
  command->add_option("--seed", options->sampling.seed, "Of sampling")->capture_default_str();
  command->add_option("--stop", options->stops, "End before this text; may be given more than once")
      ->type_name("TEXT");
  command
      ->add_option("--trace", options->trace,
                   "Write what happened when, for ui.perfetto.dev or chrome://tracing")
      ->type_name("FILE");
  AddJsonFlag(*command, &options->json);
  command->callback([options, &body] { body = [options] { return Run(*options); }; });
}

}  // namespace ebb
