#include "eval/text_reader.h"

#include <algorithm>

namespace ebb {
namespace {

constexpr int64_t kMaxLogitsBytes = int64_t{64} << 20;  // of one pass
constexpr size_t kMaxPassRows = 256;

}  // namespace

size_t PassRows(const ModelConfig& config) {
  const int64_t row_bytes = config.vocab_size * static_cast<int64_t>(sizeof(float));
  return std::clamp<size_t>(static_cast<size_t>(kMaxLogitsBytes / row_bytes), 1, kMaxPassRows);
}

ScoredText MakeScoredText(const std::string& id, const ItemTokens& tokens, bool all_positions,
                          int64_t max_positions) {
  ScoredText text;
  text.id = id;
  text.tokens = tokens.prompt_ids;
  text.tokens.insert(text.tokens.end(), tokens.solution_ids.begin(), tokens.solution_ids.end());
  text.tokens.resize(std::min(text.tokens.size(), static_cast<size_t>(max_positions)));
  text.first_scored = all_positions ? 1 : std::max<size_t>(1, tokens.prompt_ids.size());
  return text;
}

EngineLimits LikelihoodLimits(const ModelConfig& config, std::span<const ScoredText> texts,
                              int64_t batch) {
  EngineLimits limits;
  limits.max_positions = 1;
  for (const ScoredText& text : texts) {
    limits.max_positions = std::max(limits.max_positions, static_cast<int64_t>(text.tokens.size()));
  }
  limits.max_sequences = batch;
  limits.max_output_rows = static_cast<int64_t>(PassRows(config));
  return limits;
}

std::vector<TextPass> CutIntoPasses(std::span<const ScoredText> texts, size_t rows) {
  std::vector<TextPass> passes;
  size_t used = rows;
  for (size_t t = 0; t < texts.size(); ++t) {
    if (texts[t].scored() == 0) continue;
    const size_t last = texts[t].tokens.size() - 1;  // its own distribution predicts nothing
    for (size_t begin = texts[t].first_scored - 1; begin < last;) {
      if (used == rows) {
        passes.emplace_back();
        used = 0;
      }
      const size_t end = std::min(last, begin + rows - used);
      passes.back().push_back({t, begin, end, used});
      used += end - begin;
      begin = end;
    }
  }
  return passes;
}

GroupReader::GroupReader(Engine& engine, std::span<const ScoredText> texts)
    : engine_(engine), texts_(texts) {
  for (size_t t = 0; t < texts.size(); ++t) sequences_.push_back(engine.NewSequence());
}

Status GroupReader::ReadPrompts() {
  std::vector<StepInput> inputs;
  std::vector<size_t> origins;
  for (size_t t = 0; t < texts_.size(); ++t) {
    if (texts_[t].scored() == 0 || texts_[t].first_scored < 2) continue;
    const auto tokens = std::span(texts_[t].tokens).first(texts_[t].first_scored - 1);
    inputs.push_back({sequences_[t].get(), tokens, WantedLogits::kNone});
    origins.push_back(t);
  }
  if (inputs.empty()) return {};
  return Step(inputs, origins, [](size_t, size_t, std::span<const float>) {});
}

Status GroupReader::Read(const TextPass& pass, std::vector<float>* logits) {
  const auto vocab = static_cast<size_t>(engine_.config().vocab_size);
  std::vector<StepInput> inputs;
  std::vector<size_t> origins;
  for (const TextPiece& piece : pass) {
    const auto tokens =
        std::span(texts_[piece.text].tokens).subspan(piece.begin, piece.end - piece.begin);
    inputs.push_back({sequences_[piece.text].get(), tokens, WantedLogits::kAll});
    origins.push_back(piece.text);
  }
  logits->resize((pass.back().row + pass.back().end - pass.back().begin) * vocab);
  return Step(inputs, origins, [&](size_t input, size_t token, std::span<const float> row) {
    std::copy(row.begin(), row.end(),
              logits->begin() + static_cast<std::ptrdiff_t>((pass[input].row + token) * vocab));
  });
}

Status GroupReader::Step(std::span<const StepInput> inputs, std::span<const size_t> origins,
                         const LogitsSink& sink) {
  EBB_TRY_ASSIGN(const std::vector<Status> results, engine_.Step(inputs, sink));
  for (size_t i = 0; i < results.size(); ++i) {
    if (!results[i]) return tl::unexpected(Error(results[i].error()).In(texts_[origins[i]].id));
  }
  return {};
}

}  // namespace ebb
