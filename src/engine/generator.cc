#include "engine/generator.h"

#include <algorithm>
#include <chrono>

namespace ebb {
namespace {

double Now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

}  // namespace

const char* FinishReasonName(FinishReason reason) {
  switch (reason) {
    case FinishReason::kStop:
      return "stop";
    case FinishReason::kLength:
      return "length";
    case FinishReason::kCancelled:
      return "cancelled";
    case FinishReason::kError:
      return "error";
  }
  return "";
}

// One request from its prompt to its end.
class Generator::Run {
 public:
  Run(Engine& engine, GenerationRequest request)
      : engine_(engine),
        request_(std::move(request)),
        sampler_(request_.sampling),
        decoder_(engine.tokenizer().MakeStreamDecoder(true)) {}

  bool started() const { return sequence_ != nullptr; }
  bool ended() const { return ended_; }
  const Generation& generation() const { return generation_; }

  void Start() { sequence_ = engine_.NewSequence(); }

  bool reads_prompt() const { return generation_.token_ids.empty(); }
  StepInput Input() const {
    if (reads_prompt()) return {sequence_.get(), request_.prompt, WantedLogits::kLast};
    return {sequence_.get(), std::span(generation_.token_ids).last(1), WantedLogits::kLast};
  }

  void TakeLogits(std::span<const float> logits) {
    const int32_t token = sampler_.Sample(logits);
    generation_.token_ids.push_back(token);
    const std::vector<int32_t>& ends = engine_.tokenizer().eos_ids();
    if (std::find(ends.begin(), ends.end(), token) != ends.end()) return End(FinishReason::kStop);
    pending_ += decoder_->Push(token);
    if (FindStop()) return;
    const auto new_tokens = static_cast<int64_t>(generation_.token_ids.size());
    const int64_t positions = sequence_->length() + 1;
    if (new_tokens >= request_.max_new_tokens ||
        positions > engine_.memory_plan().batch.max_positions) {
      End(FinishReason::kLength);
    }
  }

  void End(FinishReason reason) {
    pending_ += decoder_->Finish();
    if (!FindStop()) {
      Emit(pending_.size());
      Close(reason);
    }
  }

  void Fail(const Error& error) {
    generation_.error = error;
    Emit(pending_.size());
    Close(FinishReason::kError);
  }

 private:
  // Looks for a stop text in what is pending, and gives out what can no longer be part of one.
  bool FindStop() {
    size_t first = std::string::npos;
    for (const std::string& stop : request_.stops) {
      if (!stop.empty()) first = std::min(first, pending_.find(stop));
    }
    if (first != std::string::npos) {
      Emit(first);
      Close(FinishReason::kStop);
      return true;
    }
    size_t kept = 0;  // the longest end of the text that a stop text may start with
    for (const std::string& stop : request_.stops) {
      for (size_t length = std::min(stop.empty() ? 0 : stop.size() - 1, pending_.size());
           length > kept; --length) {
        if (pending_.ends_with(std::string_view(stop).substr(0, length))) kept = length;
      }
    }
    Emit(pending_.size() - kept);
    return false;
  }

  void Emit(size_t size) {
    if (size > 0 && request_.on_text) request_.on_text(std::string_view(pending_).substr(0, size));
    generation_.text.append(pending_, 0, size);
    pending_.erase(0, size);
  }

  void Close(FinishReason reason) {
    generation_.finish_reason = reason;
    pending_.clear();
    ended_ = true;
    sequence_.reset();  // its memory is for the next
  }

  Engine& engine_;
  GenerationRequest request_;
  Sampler sampler_;
  std::unique_ptr<StreamDecoder> decoder_;
  std::unique_ptr<Sequence> sequence_;
  std::string pending_;  // decoded, but not given out yet
  Generation generation_;
  bool ended_ = false;
};

Generator::Generator(Engine& engine, int64_t max_sequences)
    : engine_(engine), max_sequences_(static_cast<size_t>(max_sequences)) {}

Generator::~Generator() = default;

Result<size_t> Generator::Submit(GenerationRequest request) {
  if (request.prompt.empty()) {
    return MakeError(ErrorCode::kInvalidArgument, "prompt",
                     "it is empty: there is nothing to go on from");
  }
  const int64_t room = engine_.memory_plan().batch.max_positions;
  if (static_cast<int64_t>(request.prompt.size()) > room) {
    return MakeError(ErrorCode::kInvalidArgument, "prompt",
                     "it has {} tokens; the context has room for {}: shorten it",
                     request.prompt.size(), room);
  }
  runs_.push_back(std::make_unique<Run>(engine_, std::move(request)));
  return runs_.size() - 1;
}

void Generator::Cancel(size_t id) {
  if (!runs_[id]->ended()) runs_[id]->End(FinishReason::kCancelled);
}

void Generator::CancelAll() {
  for (size_t id = 0; id < runs_.size(); ++id) Cancel(id);
}

Result<bool> Generator::RunStep() {
  std::vector<Run*> active;
  for (const auto& run : runs_) {
    if (run->ended() || active.size() == max_sequences_) continue;
    if (!run->started()) run->Start();
    active.push_back(run.get());
  }
  if (active.empty()) return false;
  std::vector<StepInput> inputs;
  int64_t tokens = 0;
  bool any_prompt = false;
  for (Run* run : active) {
    inputs.push_back(run->Input());
    tokens += static_cast<int64_t>(inputs.back().tokens.size());
    any_prompt |= run->reads_prompt();
  }
  const double start = Now();
  EBB_TRY_ASSIGN(const std::vector<Status> results,
                 engine_.Step(inputs, [&](size_t input, size_t, std::span<const float> logits) {
                   active[input]->TakeLogits(logits);
                 }));
  const double seconds = Now() - start;
  (any_prompt ? prefill_seconds_ : decode_seconds_) += seconds;
  (any_prompt ? prefill_tokens_ : decode_tokens_) += tokens;
  for (size_t i = 0; i < results.size(); ++i) {
    if (!results[i]) active[i]->Fail(results[i].error());
  }
  return true;
}

size_t Generator::ended() const {
  return static_cast<size_t>(
      std::count_if(runs_.begin(), runs_.end(), [](const auto& run) { return run->ended(); }));
}

bool Generator::has_ended(size_t id) const { return runs_[id]->ended(); }

const Generation& Generator::result(size_t id) const {
  EBB_CHECK(runs_[id]->ended());
  return runs_[id]->generation();
}

}  // namespace ebb
