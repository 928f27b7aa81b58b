// What a model thinks of given texts: the divergence of its next-token distributions from a
// reference model's, and perplexity. docs/eval.md has the formulas.
//
// All sums are float64 and in the order of the texts: results depend neither on the number of
// threads nor on how texts are batched.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/progress.h"
#include "base/threads.h"
#include "engine/engine.h"
#include "eval/injection.h"
#include "eval/inside.h"
#include "eval/text_reader.h"
#include "model/observer.h"
#include "stats/proportions.h"

namespace ebb {

// ln sum_i e^(x_i) in float64, with the maximum taken out: exact to about 1e-16 (relative) for any
// finite logits. NaN if one is NaN; `logits` must not be empty.
[[nodiscard]] double LogSumExp(std::span<const float> logits);

// D(P || Q) = sum_i p_i (ln p_i - ln q_i) in nats, of the distributions softmax(p_logits) and
// softmax(q_logits); both of one size, not empty. Never negative, and exactly 0 for equal logits.
// Infinite where Q excludes (a logit of -inf) what P does not; NaN for NaN logits.
[[nodiscard]] double KlDivergence(std::span<const float> p_logits, std::span<const float> q_logits);

// What one scored token gives.
struct TokenScore {
  double kl = 0;       // in nats; 0 without a reference
  double nll = 0;      // of -ln p(token), by the model
  bool agrees = true;  // the most likely token is the reference's (ties: the lower id)
};

// By the reference's logits `p` (empty: none) and the model's `q`.
[[nodiscard]] TokenScore ScoreToken(std::span<const float> p, std::span<const float> q,
                                    int32_t token);

// Runs all tokens of the texts through the model, for an observer that counts selections.
[[nodiscard]] Status CountSelections(Engine& engine, std::span<const ScoredText> texts,
                                     int64_t batch, SelectionCounter* counter,
                                     const ProgressSink& progress = {});

// One text's share.
struct LikelihoodItem {
  std::string id;
  int64_t tokens = 0;      // scored
  double sum_kl = 0;       // in nats
  int64_t agreements = 0;  // tokens whose most likely token is the reference's (ties: the lower id)
  double sum_nll = 0;      // of -ln p(token), by the model
  std::vector<float> kls;  // of each scored token, as float32: for quantiles
};

struct KlResult {
  int64_t tokens = 0;
  Estimate mean_kl;         // over tokens; 95 % intervals: bootstrap over items
  Estimate top1_agreement;  // share of tokens
  Estimate median_kl;
  Estimate p99_kl;
  double max_kl = 0;
  std::vector<LikelihoodItem> items;
  std::vector<InsideItem> inside;  // if it was asked for: of each text
};

// The figures above from items, which may come from several processes, in the order of the texts.
[[nodiscard]] Result<KlResult> SummariseKl(std::vector<LikelihoodItem> items);

struct PerplexityResult {
  int64_t tokens = 0;
  Estimate mean_nll;
  Estimate perplexity;  // e^mean_nll
  std::vector<LikelihoodItem> items;
};

struct KlModels {
  Engine* model = nullptr;
  const InjectedExperts* injected = nullptr;  // into `model`; null: none
  Engine* reference = nullptr;                // may be `model`; never gets the injection
  bool inside = false;                        // measure what happens in each layer, too
};

// The engines' limits must allow `batch` texts at once, twice as many if both are one. Leaves
// `model` with its own weights and without an observer. Logits that are not finite are an error
// that names the text.
[[nodiscard]] Result<KlResult> EvaluateKl(const KlModels& models, std::span<const ScoredText> texts,
                                          int64_t batch, const ThreadPool& pool,
                                          const ProgressSink& progress = {});

[[nodiscard]] Result<PerplexityResult> EvaluatePerplexity(Engine& engine,
                                                          std::span<const ScoredText> texts,
                                                          int64_t batch, const ThreadPool& pool,
                                                          const ProgressSink& progress = {});

}  // namespace ebb
