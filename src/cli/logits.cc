// ebb logits: what the model makes of given tokens, at every position.
#include <charconv>
#include <memory>

#include "base/npy.h"
#include "base/units.h"
#include "cli/command.h"
#include "cli/model_options.h"

namespace ebb {
namespace {

struct Options {
  ModelOptions model;
  std::string tokens;
  std::string output;
  bool json = false;
};

Result<std::vector<int32_t>> ParseTokens(const std::string& text) {
  std::vector<int32_t> tokens;
  std::string_view rest = text;
  while (!rest.empty()) {
    int32_t token = 0;
    const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), token);
    const auto used = static_cast<size_t>(end - rest.data());
    const bool separated = used == rest.size() || (rest[used] == ',' && used + 1 < rest.size());
    if (error != std::errc() || token < 0 || !separated) {
      return UsageError("--tokens",
                        fmt::format("\"{}\" is not a list of token ids like 1,2,3", text));
    }
    tokens.push_back(token);
    rest.remove_prefix(std::min(rest.size(), used + 1));
  }
  if (tokens.empty()) return UsageError("--tokens", "there are none");
  return tokens;
}

Result<int> Run(const Options& options) {
  EBB_TRY(CheckPrecision(options.model));
  EBB_TRY_ASSIGN(const std::vector<int32_t> tokens, ParseTokens(options.tokens));
  EngineOptions engine_options;
  EBB_TRY_ASSIGN(engine_options.memory_cap_bytes, MemoryCap(options.model));
  EBB_TRY_ASSIGN(engine_options.hot_bytes, HotBytes(options.model));
  engine_options.threads = options.model.threads;
  engine_options.needs_tokenizer = false;
  engine_options.limits.max_positions = static_cast<int64_t>(tokens.size());
  engine_options.limits.max_output_rows = std::min<int64_t>(8, static_cast<int64_t>(tokens.size()));
  EBB_TRY_ASSIGN(const auto engine, Engine::Open(options.model.model, engine_options));
  const auto vocab = static_cast<uint64_t>(engine->config().vocab_size);
  EBB_TRY_ASSIGN(NpyWriter writer,
                 NpyWriter::Create(options.output, std::vector<uint64_t>{tokens.size(), vocab}));
  const auto sequence = engine->NewSequence();
  const StepInput input = {sequence.get(), tokens, WantedLogits::kAll};
  Status written;
  EBB_TRY_ASSIGN(const std::vector<Status> results,
                 engine->Step({&input, 1}, [&](size_t, size_t, std::span<const float> logits) {
                   if (written) written = writer.Append(logits);
                 }));
  EBB_TRY(results[0]);
  EBB_TRY(written);
  EBB_TRY(writer.Finish());
  if (options.json) {
    OrderedJson json;
    json["file"] = options.output;
    json["tokens"] = tokens.size();
    json["vocab"] = vocab;
    PrintJson(json);
  } else {
    fmt::print("{}: float32 [{}, {}]\n", options.output, tokens.size(), vocab);
  }
  return kExitDone;
}

}  // namespace

void AddLogits(CLI::App& app, CommandBody& body) {
  CLI::App* command =
      app.add_subcommand("logits", "Write the logits of every position of given tokens");
  const auto options = std::make_shared<Options>();
  AddModelOptions(*command, &options->model);
  command->add_option("--tokens", options->tokens, "Token ids, like 1,2,3")
      ->required()
      ->type_name("IDS");
  command->add_option("-o,--output", options->output, "float32 [tokens, vocab]")
      ->required()
      ->type_name("OUT.npy");
  AddJsonFlag(*command, &options->json);
  command->callback([options, &body] { body = [options] { return Run(*options); }; });
}

}  // namespace ebb
