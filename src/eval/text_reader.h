// Texts on their way through an engine: which tokens are scored, and in which passes.
//
// Thread-safety: plain values; a GroupReader as its engine.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/progress.h"
#include "engine/engine.h"
#include "eval/prompt.h"

namespace ebb {

// The tokens of a text and which of them are scored: those from `first_scored` (at least 1) on,
// each by the distribution after the token before it.
struct ScoredText {
  std::string id;
  std::vector<int32_t> tokens;
  size_t first_scored = 1;

  size_t scored() const { return tokens.size() > first_scored ? tokens.size() - first_scored : 0; }
};

// Scores the solution, or with `all_positions` the prompt's tokens as well. A text item is scored
// from its second token on. What exceeds `max_positions` tokens is cut off.
[[nodiscard]] ScoredText MakeScoredText(const std::string& id, const ItemTokens& tokens,
                                        bool all_positions, int64_t max_positions);

// What an engine must be opened with; `batch` texts are read at once.
[[nodiscard]] EngineLimits LikelihoodLimits(const ModelConfig& config,
                                            std::span<const ScoredText> texts, int64_t batch);

// Tokens [begin, end) of text `text` of a group, whose logits are wanted; the first of them becomes
// row `row` of the pass.
struct TextPiece {
  size_t text = 0;
  size_t begin = 0;
  size_t end = 0;
  size_t row = 0;
};
using TextPass = std::vector<TextPiece>;

// How many rows a pass has at most, so that its logits take bounded memory.
[[nodiscard]] size_t PassRows(const ModelConfig& config);

// Cuts a group of texts into passes of at most `rows` rows with logits.
[[nodiscard]] std::vector<TextPass> CutIntoPasses(std::span<const ScoredText> texts, size_t rows);

// A group of texts on its way through one engine: first ReadPrompts, then each pass in order.
// Errors name the text.
class GroupReader {
 public:
  // `engine` and `texts` must outlive it; the engine must have room for all texts at once.
  GroupReader(Engine& engine, std::span<const ScoredText> texts);

  // The tokens before those whose logits are wanted.
  [[nodiscard]] Status ReadPrompts();

  // Fills `logits`, [rows of the pass, vocab].
  [[nodiscard]] Status Read(const TextPass& pass, std::vector<float>* logits);

 private:
  [[nodiscard]] Status Step(std::span<const StepInput> inputs, std::span<const size_t> origins,
                            const LogitsSink& sink);

  Engine& engine_;
  std::span<const ScoredText> texts_;
  std::vector<std::unique_ptr<Sequence>> sequences_;
};

// Calls body(first, count) for groups of at most `batch` texts.
template <typename Body>
Status ForGroups(size_t texts, int64_t batch, const ProgressSink& progress, const Body& body) {
  for (size_t first = 0; first < texts;) {
    const size_t count = std::min(texts - first, static_cast<size_t>(batch));
    EBB_TRY(body(first, count));
    first += count;
    if (progress) progress({first, texts});
  }
  return {};
}

}  // namespace ebb
