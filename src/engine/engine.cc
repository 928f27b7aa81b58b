#include "engine/engine.h"

#include <algorithm>
#include <set>

namespace ebb {

Result<std::unique_ptr<Engine>> Engine::Open(const std::string& path,
                                             const EngineOptions& options) {
  EBB_TRY_ASSIGN(ModelFiles files, OpenModelFiles(path));
  std::unique_ptr<Tokenizer> tokenizer;
  if (options.needs_tokenizer) {
    EBB_TRY_ASSIGN(tokenizer, LoadTokenizer(files.source->side_files()));
  }
  return Create(std::move(files), std::move(tokenizer), options);
}

Result<std::unique_ptr<Engine>> Engine::Create(ModelFiles files,
                                               std::unique_ptr<Tokenizer> tokenizer,
                                               const EngineOptions& options) {
  std::unique_ptr<Engine> engine(new Engine(std::move(files), std::move(tokenizer), options));
  EBB_TRY(engine->Load(options));
  return engine;
}

Engine::Engine(ModelFiles files, std::unique_ptr<Tokenizer> tokenizer, const EngineOptions& options)
    : pool_(options.threads), files_(std::move(files)), tokenizer_(std::move(tokenizer)) {}

Engine::~Engine() = default;

Status Engine::Load(const EngineOptions& options) {
  backend_ = MakeCpuBackend(pool_, options.backend);
  if (backend_ == nullptr) {
    return MakeError(ErrorCode::kInvalidArgument, "", "\"{}\" is no backend of this machine",
                     options.backend);
  }
  EngineLimits limits = options.limits;
  if (limits.max_positions == 0) limits.max_positions = config().max_positions;
  if (limits.max_positions > config().max_positions) {
    return MakeError(ErrorCode::kInvalidArgument, "",
                     "{} tokens of context are wanted; this model has {}", limits.max_positions,
                     config().max_positions);
  }
  const uint64_t tokenizer_bytes = tokenizer_ == nullptr ? 0 : tokenizer_->memory_bytes();
  EBB_TRY_ASSIGN(plan_, PlanMemory(files_, tokenizer_bytes, *backend_, limits,
                                   {options.memory_cap_bytes, options.hot_bytes}));

  WeightOptions weight_options;
  weight_options.resident_embedding = plan_.resident_embedding;
  weight_options.forms = files_.matrices.get();
  weight_options.form = plan_.matrix_form;
  weight_options.pool = &pool_;
  weight_options.progress = options.progress;
  EBB_TRY_ASSIGN(weights_, ModelWeights::Load(*files_.source, weight_options));
  EBB_TRY_ASSIGN(decoder_, Decoder::Create(*weights_, *backend_, plan_.batch));
  kv_pool_ = std::make_unique<KvPool>(decoder_->kv_layout(), plan_.kv_bytes);
  ExpertProvider* experts = nullptr;
  if (files_.packed != nullptr) {
    EBB_TRY_ASSIGN(packed_experts_, PackedExperts::Open(*files_.packed, pool_, plan_.cache_bytes,
                                                        plan_.slots, plan_.hot_experts));
    experts = packed_experts_.get();
  } else {
    EBB_TRY_ASSIGN(resident_experts_,
                   ResidentExperts::Load(*files_.source, &pool_, options.progress));
    experts = &*resident_experts_;
  }
  overrides_ = std::make_unique<ExpertOverrides>(config(), *experts);
  return {};
}

Status Engine::RequireTokenizer() const {
  if (tokenizer_ != nullptr) return {};
  return MakeError(ErrorCode::kNotFound, "tokenizer", "this model has none");
}

std::unique_ptr<Sequence> Engine::NewSequence() {
  return std::unique_ptr<Sequence>(new Sequence(*kv_pool_));
}

Status Engine::CheckInputs(std::span<const StepInput> inputs) const {
  std::set<const Sequence*> seen;
  for (const StepInput& input : inputs) {
    if (input.sequence == nullptr || input.tokens.empty() || !seen.insert(input.sequence).second) {
      return MakeError(ErrorCode::kInvalidArgument, "step",
                       "an input without tokens, or a sequence twice");
    }
    const int64_t length = input.sequence->length() + static_cast<int64_t>(input.tokens.size());
    if (length > plan_.batch.max_positions) {
      return MakeError(ErrorCode::kInvalidArgument, "step", "{} tokens; there is room for {}",
                       length, plan_.batch.max_positions);
    }
    for (const int32_t token : input.tokens) {
      if (token < 0 || token >= config().vocab_size) {
        return MakeError(ErrorCode::kInvalidArgument, "step",
                         "token {} is not in the vocabulary of {}", token, config().vocab_size);
      }
    }
  }
  return {};
}

Result<std::vector<Status>> Engine::Step(std::span<const StepInput> inputs,
                                         const LogitsSink& sink) {
  EBB_TRY(CheckInputs(inputs));
  struct RowOrigin {
    size_t input;
    size_t token;
  };
  std::vector<Status> results(inputs.size());
  std::vector<BatchRow> rows;
  std::vector<RowOrigin> origins;
  const auto run = [&]() -> Status {
    if (rows.empty()) return {};
    const TraceSpan span(trace_, "forward", [&] { return fmt::format("{} rows", rows.size()); });
    EBB_TRY_ASSIGN(const ForwardResult forward, decoder_->Forward(rows, *overrides_, observer_));
    for (const SequenceFailure& failure : forward.failures) {
      for (size_t i = 0; i < inputs.size(); ++i) {
        if (&inputs[i].sequence->cache_ == failure.cache)
          results[i] = tl::unexpected(failure.error);
      }
    }
    for (size_t r = 0; r < rows.size(); ++r) {
      const float* logits = forward.rows[r].logits;
      if (logits == nullptr) continue;
      sink(origins[r].input, origins[r].token, {logits, static_cast<size_t>(config().vocab_size)});
    }
    rows.clear();
    origins.clear();
    return {};
  };
  int64_t outputs = 0;
  for (size_t i = 0; i < inputs.size(); ++i) {
    const StepInput& input = inputs[i];
    int64_t position = input.sequence->length();
    for (size_t t = 0; t < input.tokens.size() && results[i]; ++t, ++position) {
      const bool wants = input.logits == WantedLogits::kAll ||
                         (input.logits == WantedLogits::kLast && t + 1 == input.tokens.size());
      if (static_cast<int64_t>(rows.size()) == plan_.batch.max_rows ||
          (wants && outputs == plan_.batch.max_output_rows)) {
        EBB_TRY(run());
        outputs = 0;
        if (!results[i]) break;
      }
      rows.push_back({input.tokens[t], position, &input.sequence->cache_, wants, false});
      origins.push_back({i, t});
      outputs += wants;
    }
  }
  EBB_TRY(run());
  return results;
}

void Engine::set_trace(Trace* trace) {
  trace_ = trace;
  decoder_->set_trace(trace);
  if (packed_experts_ != nullptr) packed_experts_->set_trace(trace);
}

void Engine::ReplaceExpert(ExpertKey key, std::shared_ptr<const ExpertWeights> weights) {
  overrides_->Set(key, std::move(weights));
}

void Engine::RestoreExperts() { overrides_->ClearAll(); }

Result<ExpertWeights> Engine::ReadExpert(ExpertKey key) const {
  ExpertWeights weights;
  for (const TensorSpec& tensor : files_.source->tensors()) {
    if (!IsRoutedExpert(tensor.role) || tensor.layer != key.layer || tensor.expert != key.expert)
      continue;
    std::vector<float>& to = tensor.role == TensorRole::kRoutedExpertGate ? weights.gate
                             : tensor.role == TensorRole::kRoutedExpertUp ? weights.up
                                                                          : weights.down;
    EBB_TRY_ASSIGN(to, ReadVector(*files_.source, tensor));
  }
  if (weights.gate.empty()) {
    return MakeError(ErrorCode::kInvalidArgument, "", "there is no expert {} in layer {}",
                     key.expert.value, key.layer.value);
  }
  return weights;
}

ExpertCounts Engine::expert_counts() const {
  return packed_experts_ == nullptr ? ExpertCounts{} : packed_experts_->counts();
}

}  // namespace ebb
