// Text from prompts: many at once, token by token, until each comes to its end.
//
// Requests share steps: what decodes and what is still reading its prompt travel in one batch. A
// request's tokens do not depend on the others. Not thread-safe; callbacks are called from RunStep.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "engine/sampler.h"

namespace ebb {

enum class FinishReason {
  kStop,       // an end token, or a stop text
  kLength,     // max_new_tokens, or the end of the context
  kCancelled,  // on request
  kError,
};
[[nodiscard]] const char* FinishReasonName(FinishReason reason);

struct GenerationRequest {
  std::vector<int32_t> prompt;  // at least one token
  int64_t max_new_tokens = 128;
  SamplingOptions sampling;
  std::vector<std::string> stops;  // texts that end the generation and are not part of it
  // Gets text as it becomes certain: never a part of a character or of a stop text. May be empty.
  std::function<void(std::string_view text)> on_text;
};

struct Generation {
  std::vector<int32_t> token_ids;  // new tokens, the end token included
  std::string text;                // of them, without special tokens and without a stop text
  FinishReason finish_reason = FinishReason::kStop;
  Error error;  // when kError
};

class Generator {
 public:
  // The engine must have been opened for `max_sequences` sequences.
  Generator(Engine& engine, int64_t max_sequences);
  ~Generator();

  // Takes a request on; it starts when a sequence is free. kInvalidArgument for a prompt that is
  // empty or does not fit into the context.
  [[nodiscard]] Result<size_t> Submit(GenerationRequest request);

  // Ends a request before the next step.
  void Cancel(size_t id);
  void CancelAll();

  // Lets every running request gain one token (or read its prompt). False when all have ended.
  [[nodiscard]] Result<bool> RunStep();

  // How many requests have ended, and whether one has.
  [[nodiscard]] size_t ended() const;
  [[nodiscard]] bool has_ended(size_t id) const;

  // Of a request that has ended.
  [[nodiscard]] const Generation& result(size_t id) const;

  // Sums of all steps.
  double prefill_seconds() const { return prefill_seconds_; }
  double decode_seconds() const { return decode_seconds_; }
  int64_t prefill_tokens() const { return prefill_tokens_; }
  int64_t decode_tokens() const {
    return decode_tokens_;
  }  // tokens gained in steps that only decode

 private:
  class Run;

  Engine& engine_;
  size_t max_sequences_;
  std::vector<std::unique_ptr<Run>> runs_;  // all requests, by id
  double prefill_seconds_ = 0;
  double decode_seconds_ = 0;
  int64_t prefill_tokens_ = 0;
  int64_t decode_tokens_ = 0;
};

}  // namespace ebb
