#include "eval/likelihood.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <optional>

#include "eval/text_reader.h"
#include "stats/bootstrap.h"

namespace ebb {
namespace {

size_t ArgMax(std::span<const float> logits) {
  return static_cast<size_t>(std::max_element(logits.begin(), logits.end()) - logits.begin());
}

// The text of each row of a pass.
std::vector<size_t> OriginsOf(const TextPass& pass) {
  std::vector<size_t> origins;
  for (const TextPiece& piece : pass) {
    origins.insert(origins.end(), piece.end - piece.begin, piece.text);
  }
  return origins;
}

// Scores the rows of a pass and adds them up in order.
Status AddPass(const TextPass& pass, std::span<const ScoredText> texts, std::span<const float> p,
               std::span<const float> q, size_t vocab, const ThreadPool& pool,
               std::span<LikelihoodItem> items) {
  const size_t rows = q.size() / vocab;
  const std::vector<size_t> origins = OriginsOf(pass);
  std::vector<int32_t> targets;
  for (const TextPiece& piece : pass) {
    const auto& tokens = texts[piece.text].tokens;
    targets.insert(targets.end(), tokens.begin() + static_cast<std::ptrdiff_t>(piece.begin) + 1,
                   tokens.begin() + static_cast<std::ptrdiff_t>(piece.end) + 1);
  }
  std::vector<TokenScore> scores(rows);
  pool.ParallelFor(rows, 1, [&](size_t begin, size_t end) {
    for (size_t r = begin; r < end; ++r) {
      scores[r] = ScoreToken(p.empty() ? p : p.subspan(r * vocab, vocab),
                             q.subspan(r * vocab, vocab), targets[r]);
    }
  });
  for (size_t r = 0; r < rows; ++r) {
    if (!std::isfinite(scores[r].nll) || !std::isfinite(scores[r].kl)) {
      return MakeError(ErrorCode::kCorrupt, texts[origins[r]].id,
                       "the model's logits are not finite numbers");
    }
    LikelihoodItem& item = items[origins[r]];
    ++item.tokens;
    item.sum_kl += scores[r].kl;
    item.sum_nll += scores[r].nll;
    item.agreements += scores[r].agrees ? 1 : 0;
    if (!p.empty()) item.kls.push_back(static_cast<float>(scores[r].kl));
  }
  return {};
}

std::vector<LikelihoodItem> EmptyItems(std::span<const ScoredText> texts) {
  std::vector<LikelihoodItem> items(texts.size());
  for (size_t t = 0; t < texts.size(); ++t) items[t].id = texts[t].id;
  return items;
}

// A mean over tokens with an interval clustered by item.
template <typename Sum>
Result<Estimate> MeanOverTokens(std::span<const LikelihoodItem> items, const Sum& sum) {
  std::vector<double> sums;
  std::vector<double> tokens;
  for (const LikelihoodItem& item : items) {
    if (item.tokens == 0) continue;
    sums.push_back(sum(item));
    tokens.push_back(static_cast<double>(item.tokens));
  }
  if (sums.empty()) {
    return MakeError(ErrorCode::kInvalidArgument, "texts",
                     "none has a token to score: a text needs two, a problem a solution");
  }
  return BootstrapRatio(sums, tokens);
}

// Takes groups of texts through both models, pass by pass.
class KlPasses {
 public:
  KlPasses(const KlModels& models, const ThreadPool& pool) : models_(models), pool_(pool) {}

  Status Start(std::span<const ScoredText> texts) {
    const ModelConfig& model = models_.model->config();
    const ModelConfig& reference = models_.reference->config();
    if (reference.vocab_size != model.vocab_size) {
      return MakeError(ErrorCode::kInvalidArgument, "reference",
                       "its vocabulary has {} tokens, the model's {}", reference.vocab_size,
                       model.vocab_size);
    }
    items_ = EmptyItems(texts);
    if (!models_.inside) return {};
    EBB_TRY(InsideMeter::CheckShapes(model, reference));
    meter_.emplace(model, ChangedExperts());
    for (const ScoredText& text : texts) {
      inside_.push_back({text.id, 0, {static_cast<size_t>(model.num_layers), InsideSums{}}});
    }
    return {};
  }

  Status RunGroup(size_t first, std::span<const ScoredText> group) {
    GroupReader reference(*models_.reference, group);
    GroupReader model(*models_.model, group);
    UseReference();
    EBB_TRY(reference.ReadPrompts());
    UseModel();
    EBB_TRY(model.ReadPrompts());
    const auto vocab = static_cast<size_t>(models_.model->config().vocab_size);
    for (const TextPass& pass : CutIntoPasses(group, PassRows(models_.model->config()))) {
      UseReference();
      Watch(models_.reference, meter_ ? meter_->reference() : nullptr);
      EBB_TRY(reference.Read(pass, &p_));
      UseModel();
      Watch(models_.model, meter_ ? meter_->model() : nullptr);
      EBB_TRY(model.Read(pass, &q_));
      EBB_TRY(AddPass(pass, group, p_, q_, vocab, pool_,
                      std::span(items_).subspan(first, group.size())));
      if (meter_) {
        meter_->Take(OriginsOf(pass), std::span(inside_).subspan(first, group.size()));
      }
    }
    Watch(models_.model, nullptr);
    return {};
  }

  // Leaves both models as they were, whatever has happened.
  void Restore() {
    models_.model->RestoreExperts();
    models_.model->set_observer(nullptr);
    models_.reference->set_observer(nullptr);
  }

  std::vector<LikelihoodItem> TakeItems() { return std::move(items_); }
  std::vector<InsideItem> TakeInside() { return std::move(inside_); }

 private:
  // Those injected; all of them if the models are two.
  std::vector<ExpertKey> ChangedExperts() const {
    std::vector<ExpertKey> keys;
    if (models_.reference == models_.model) {
      if (models_.injected == nullptr) return keys;
      for (const auto& entry : models_.injected->weights) keys.push_back(entry.first);
      return keys;
    }
    const ModelConfig& config = models_.model->config();
    for (LayerId layer{0}; layer.value < config.num_layers; ++layer.value) {
      for (int32_t e = 0; config.IsMoeLayer(layer) && e < config.moe.num_experts; ++e) {
        keys.push_back({layer, ExpertId{e}});
      }
    }
    return keys;
  }

  void UseModel() {
    if (models_.injected != nullptr) models_.injected->Install(*models_.model);
  }
  void UseReference() {
    if (models_.reference == models_.model) models_.model->RestoreExperts();
  }
  // Only one engine is watched at a time; they may be one.
  void Watch(Engine* engine, ForwardObserver* observer) {
    models_.model->set_observer(nullptr);
    models_.reference->set_observer(nullptr);
    engine->set_observer(observer);
  }

  const KlModels& models_;
  const ThreadPool& pool_;
  std::vector<LikelihoodItem> items_;
  std::vector<InsideItem> inside_;
  std::optional<InsideMeter> meter_;
  std::vector<float> p_;
  std::vector<float> q_;
};

}  // namespace

double LogSumExp(std::span<const float> logits) {
  double most = -std::numeric_limits<double>::infinity();
  for (const float logit : logits) most = std::max(most, double{logit});
  if (std::isinf(most)) most = 0;  // the sum is then 0 or infinite by itself
  double sum = 0;
  for (const float logit : logits) sum += std::exp(double{logit} - most);
  return most + std::log(sum);
}

// Naively, sum p ln(p / q) subtracts terms of both signs that are as large as the square root of
// the result. But sum (q - p) = 0, so with d = ln q - ln p
//     D = sum p (-d) = sum p (e^d - 1 - d),
// and each term is >= 0: nothing cancels between terms. Within a term, e^d - 1 - d = q - p - p d is
// taken by expm1 where d is small, and from q and p where e^d could overflow.
double KlDivergence(std::span<const float> p_logits, std::span<const float> q_logits) {
  const double p_sum = LogSumExp(p_logits);
  const double q_sum = LogSumExp(q_logits);
  double divergence = 0;
  for (size_t i = 0; i < p_logits.size(); ++i) {
    const double ln_p = double{p_logits[i]} - p_sum;
    const double ln_q = double{q_logits[i]} - q_sum;
    const double p = std::exp(ln_p);
    const double d = ln_q - ln_p;
    double term = 0;
    if (p == 0) {
      term = std::exp(ln_q);
    } else if (std::abs(d) < 1) {
      term = p * (std::expm1(d) - d);
    } else {
      term = std::exp(ln_q) - p - p * d;
    }
    divergence += term < 0 ? 0 : term;  // rounding; NaN goes on
  }
  return divergence;
}

TokenScore ScoreToken(std::span<const float> p, std::span<const float> q, int32_t token) {
  TokenScore score;
  score.nll = LogSumExp(q) - double{q[static_cast<size_t>(token)]};
  if (p.empty()) return score;
  score.kl = KlDivergence(p, q);
  score.agrees = ArgMax(p) == ArgMax(q);
  return score;
}

Status CountSelections(Engine& engine, std::span<const ScoredText> texts, int64_t batch,
                       SelectionCounter* counter, const ProgressSink& progress) {
  engine.set_observer(counter);
  const Status status =
      ForGroups(texts.size(), batch, progress, [&](size_t first, size_t count) -> Status {
        std::vector<std::unique_ptr<Sequence>> sequences;
        std::vector<StepInput> inputs;
        for (const ScoredText& text : texts.subspan(first, count)) {
          if (text.tokens.empty()) continue;
          sequences.push_back(engine.NewSequence());
          inputs.push_back({sequences.back().get(), text.tokens, WantedLogits::kNone});
        }
        if (inputs.empty()) return {};
        EBB_TRY_ASSIGN(const std::vector<Status> results,
                       engine.Step(inputs, [](size_t, size_t, std::span<const float>) {}));
        for (const Status& result : results) EBB_TRY(Status(result));
        return {};
      });
  engine.set_observer(nullptr);
  return status;
}

Result<KlResult> SummariseKl(std::vector<LikelihoodItem> items) {
  KlResult result;
  EBB_TRY_ASSIGN(result.mean_kl,
                 MeanOverTokens(items, [](const LikelihoodItem& i) { return i.sum_kl; }));
  EBB_TRY_ASSIGN(result.top1_agreement, MeanOverTokens(items, [](const LikelihoodItem& i) {
                   return static_cast<double>(i.agreements);
                 }));
  std::vector<std::vector<float>> kls;
  for (const LikelihoodItem& item : items) {
    result.tokens += item.tokens;
    for (const float kl : item.kls) result.max_kl = std::max(result.max_kl, double{kl});
    kls.push_back(item.kls);
  }
  EBB_TRY_ASSIGN(const std::vector<Estimate> quantiles,
                 BootstrapQuantiles(kls, std::array{0.5, 0.99}, {.resamples = 2000}));
  result.median_kl = quantiles[0];
  result.p99_kl = quantiles[1];
  result.items = std::move(items);
  return result;
}

Result<KlResult> EvaluateKl(const KlModels& models, std::span<const ScoredText> texts,
                            int64_t batch, const ThreadPool& pool, const ProgressSink& progress) {
  KlPasses passes(models, pool);
  EBB_TRY(passes.Start(texts));
  const Status status = ForGroups(texts.size(), batch, progress, [&](size_t first, size_t count) {
    return passes.RunGroup(first, texts.subspan(first, count));
  });
  passes.Restore();
  EBB_TRY(Status(status));
  EBB_TRY_ASSIGN(KlResult result, SummariseKl(passes.TakeItems()));
  result.inside = passes.TakeInside();
  return result;
}

Result<PerplexityResult> EvaluatePerplexity(Engine& engine, std::span<const ScoredText> texts,
                                            int64_t batch, const ThreadPool& pool,
                                            const ProgressSink& progress) {
  const auto vocab = static_cast<size_t>(engine.config().vocab_size);
  PerplexityResult result;
  result.items = EmptyItems(texts);
  std::vector<float> logits;
  EBB_TRY(ForGroups(texts.size(), batch, progress, [&](size_t first, size_t count) -> Status {
    const auto group = texts.subspan(first, count);
    GroupReader reader(engine, group);
    EBB_TRY(reader.ReadPrompts());
    for (const TextPass& pass : CutIntoPasses(group, PassRows(engine.config()))) {
      EBB_TRY(reader.Read(pass, &logits));
      EBB_TRY(AddPass(pass, group, {}, logits, vocab, pool,
                      std::span(result.items).subspan(first, count)));
    }
    return {};
  }));
  EBB_TRY_ASSIGN(result.mean_nll,
                 MeanOverTokens(result.items, [](const LikelihoodItem& i) { return i.sum_nll; }));
  for (const LikelihoodItem& item : result.items) result.tokens += item.tokens;
  result.perplexity = {
      std::exp(result.mean_nll.value),
      {std::exp(result.mean_nll.interval.low), std::exp(result.mean_nll.interval.high)}};
  return result;
}

}  // namespace ebb
