// A model ready to run: files, memory plan, weights, experts, tokenizer, and the sequences that go
// through it.
//
// Several engines may live in one process, each with its own threads and cap. An engine itself is
// used from one thread at a time; tokenizer() may be used from any.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/progress.h"
#include "base/threads.h"
#include "base/trace.h"
#include "engine/expert_overrides.h"
#include "engine/memory_plan.h"
#include "engine/packed_experts.h"
#include "model/decoder.h"
#include "model/kv_cache.h"
#include "model/resident_experts.h"
#include "text/tokenizer.h"

namespace ebb {

struct EngineOptions {
  std::optional<uint64_t> memory_cap_bytes;  // of everything that the engine holds
  std::optional<uint64_t> hot_bytes;         // MemoryWish::hot_bytes
  int threads = 0;                           // 0: all processors
  EngineLimits limits;                       // max_positions 0: the model's own
  std::string backend;                       // "": the fastest
  bool needs_tokenizer = true;
  ProgressSink progress;  // of loading, in bytes
};

// One sequence of tokens on its way through the model. Must not outlive its engine.
class Sequence {
 public:
  // Tokens that have gone through the model.
  int64_t length() const { return cache_.length(); }

  // Forgets what follows the first `length` tokens.
  void Truncate(int64_t length) { cache_.Truncate(length); }

 private:
  friend class Engine;
  explicit Sequence(KvPool& pool) : cache_(pool) {}

  KvCache cache_;
};

enum class WantedLogits { kNone, kLast, kAll };

// Tokens to append to a sequence.
struct StepInput {
  Sequence* sequence = nullptr;
  std::span<const int32_t> tokens;  // at least one
  WantedLogits logits = WantedLogits::kLast;
};

// Gets the logits [vocab] after token `token` of input `input`; valid during the call.
using LogitsSink = std::function<void(size_t input, size_t token, std::span<const float> logits)>;

class Engine {
 public:
  [[nodiscard]] static Result<std::unique_ptr<Engine>> Open(const std::string& path,
                                                            const EngineOptions& options);
  // The same with files that are open already, and their tokenizer (may be null).
  [[nodiscard]] static Result<std::unique_ptr<Engine>> Create(ModelFiles files,
                                                              std::unique_ptr<Tokenizer> tokenizer,
                                                              const EngineOptions& options);
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  const ModelConfig& config() const { return files_.source->config(); }
  const Tokenizer& tokenizer() const { return *tokenizer_; }
  // kNotFound if the model came without a tokenizer: then tokenizer() must not be called.
  [[nodiscard]] Status RequireTokenizer() const;
  const MemoryPlan& memory_plan() const { return plan_; }
  const char* backend_name() const { return backend_->name(); }
  int threads() const { return pool_.threads(); }

  [[nodiscard]] std::unique_ptr<Sequence> NewSequence();

  // Runs the inputs' tokens through the model, many sequences in one batch, long inputs in several.
  // A sequence may occur once. Results do not depend on what else is in the step.
  //
  // The result has an entry for each input: an error if that sequence could not go on (it then has
  // the tokens of the batches before the failure). Errors of the whole step are those of a mistaken
  // call: an empty input, a token outside the vocabulary, more tokens than limits allow.
  [[nodiscard]] Result<std::vector<Status>> Step(std::span<const StepInput> inputs,
                                                 const LogitsSink& sink);

  // Replaces the weights of an expert for all following steps, or takes that back.
  void ReplaceExpert(ExpertKey key, std::shared_ptr<const ExpertWeights> weights);
  void RestoreExperts();

  // The weights of an expert as float32, as the model's file has them.
  [[nodiscard]] Result<ExpertWeights> ReadExpert(ExpertKey key) const;

  // Watches all following steps; null for none. It must outlive them.
  void set_observer(ForwardObserver* observer) { observer_ = observer; }

  // Notes what the following steps do, and when; null for nowhere. It must outlive them.
  void set_trace(Trace* trace);

  // What serving experts took so far. All hits for a checkpoint, whose experts are all in memory.
  [[nodiscard]] ExpertCounts expert_counts() const;

 private:
  Engine(ModelFiles files, std::unique_ptr<Tokenizer> tokenizer, const EngineOptions& options);
  [[nodiscard]] Status Load(const EngineOptions& options);
  [[nodiscard]] Status CheckInputs(std::span<const StepInput> inputs) const;

  ThreadPool pool_;
  ModelFiles files_;
  std::unique_ptr<Tokenizer> tokenizer_;
  std::unique_ptr<Backend> backend_;
  MemoryPlan plan_;
  std::optional<ModelWeights> weights_;
  std::unique_ptr<Decoder> decoder_;
  std::unique_ptr<KvPool> kv_pool_;
  std::unique_ptr<PackedExperts> packed_experts_;
  std::optional<ResidentExperts> resident_experts_;
  std::unique_ptr<ExpertOverrides> overrides_;
  ForwardObserver* observer_ = nullptr;
  Trace* trace_ = nullptr;
};

}  // namespace ebb
