#include "ebb/model.h"

#include "engine/generator.h"
#include "text/chat.h"

namespace ebb {

struct Model::Impl {
  std::unique_ptr<Engine> engine;
  SideFiles side_files;
};

Model::Model(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Model::Model(Model&&) noexcept = default;
Model& Model::operator=(Model&&) noexcept = default;
Model::~Model() = default;

Result<Model> Model::Open(const std::string& path, const ModelSettings& settings) {
  EngineOptions options;
  options.memory_cap_bytes = settings.memory_cap_bytes;
  options.threads = settings.threads;
  options.limits.max_positions = settings.max_tokens;
  options.limits.max_output_rows = 8;
  EBB_TRY_ASSIGN(ModelFiles files, OpenModelFiles(path));
  auto impl = std::make_unique<Impl>();
  impl->side_files = files.source->side_files();
  // A model without a tokenizer still gives logits.
  std::unique_ptr<Tokenizer> tokenizer;
  if (Result<std::unique_ptr<Tokenizer>> loaded = LoadTokenizer(impl->side_files)) {
    tokenizer = *std::move(loaded);
  } else if (loaded.error().code != ErrorCode::kNotFound) {
    return tl::unexpected(std::move(loaded).error());
  }
  options.needs_tokenizer = tokenizer != nullptr;
  EBB_TRY_ASSIGN(impl->engine, Engine::Create(std::move(files), std::move(tokenizer), options));
  return Model(std::move(impl));
}

int64_t Model::vocab_size() const { return impl_->engine->config().vocab_size; }
int64_t Model::max_tokens() const { return impl_->engine->memory_plan().batch.max_positions; }

Result<std::vector<int32_t>> Model::Tokenize(std::string_view text, bool add_special_tokens) const {
  EBB_TRY(impl_->engine->RequireTokenizer());
  return impl_->engine->tokenizer().Encode(text, add_special_tokens);
}

std::string Model::Detokenize(std::span<const int32_t> ids) const {
  if (!impl_->engine->RequireTokenizer()) return {};
  return impl_->engine->tokenizer().Decode(ids, true);
}

Result<std::vector<float>> Model::Logits(std::span<const int32_t> tokens) {
  const auto sequence = impl_->engine->NewSequence();
  const StepInput input = {sequence.get(), tokens, WantedLogits::kAll};
  std::vector<float> all;
  all.reserve(tokens.size() * static_cast<size_t>(vocab_size()));
  EBB_TRY_ASSIGN(
      const std::vector<Status> results,
      impl_->engine->Step({&input, 1}, [&](size_t, size_t, std::span<const float> logits) {
        all.insert(all.end(), logits.begin(), logits.end());
      }));
  EBB_TRY(results[0]);
  return all;
}

Result<GeneratedText> Model::Generate(std::string_view prompt, const GenerateSettings& settings) {
  Engine& engine = *impl_->engine;
  EBB_TRY(engine.RequireTokenizer());
  GenerationRequest request;
  if (settings.chat) {
    EBB_TRY_ASSIGN(const ChatTemplate chat, ChatTemplate::FromFiles(impl_->side_files));
    const ChatMessage message = {"user", std::string(prompt)};
    EBB_TRY_ASSIGN(const std::string text, chat.Render({&message, 1}, true));
    EBB_TRY_ASSIGN(request.prompt, engine.tokenizer().Encode(text, false));
  } else {
    EBB_TRY_ASSIGN(request.prompt, engine.tokenizer().Encode(prompt, true));
  }
  request.max_new_tokens = settings.max_new_tokens;
  request.sampling = {settings.temperature, settings.top_k, settings.top_p, settings.seed};
  request.stops = settings.stops;
  bool go_on = true;
  if (settings.on_text) {
    request.on_text = [&](std::string_view text) { go_on = settings.on_text(text) && go_on; };
  }
  Generator generator(engine, 1);
  EBB_TRY_ASSIGN(const size_t id, generator.Submit(std::move(request)));
  for (bool running = true; running;) {
    if (!go_on) generator.CancelAll();
    EBB_TRY_ASSIGN(running, generator.RunStep());
  }
  const Generation& generation = generator.result(id);
  if (generation.finish_reason == FinishReason::kError) return tl::unexpected(generation.error);
  return GeneratedText{generation.text, generation.token_ids,
                       FinishReasonName(generation.finish_reason)};
}

}  // namespace ebb
