#include "eval/likelihood.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "stats/bootstrap.h"

namespace ebb {
namespace {

constexpr int64_t kMaxLogitsBytes = int64_t{64} << 20;  // of one pass
constexpr size_t kMaxPassRows = 256;

size_t PassRows(const ModelConfig& config) {
  const int64_t row_bytes = config.vocab_size * static_cast<int64_t>(sizeof(float));
  return std::clamp<size_t>(static_cast<size_t>(kMaxLogitsBytes / row_bytes), 1, kMaxPassRows);
}

size_t ArgMax(std::span<const float> logits) {
  return static_cast<size_t>(std::max_element(logits.begin(), logits.end()) - logits.begin());
}

// Tokens [begin, end) of text `text` of a group, whose logits are wanted; the first of them becomes
// row `row` of the pass.
struct Piece {
  size_t text = 0;
  size_t begin = 0;
  size_t end = 0;
  size_t row = 0;
};
using Pass = std::vector<Piece>;

// Cuts a group of texts into passes of at most `rows` rows with logits.
std::vector<Pass> CutIntoPasses(std::span<const ScoredText> texts, size_t rows) {
  std::vector<Pass> passes;
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

// A group of texts on its way through one engine.
class GroupReader {
 public:
  GroupReader(Engine& engine, std::span<const ScoredText> texts) : engine_(engine), texts_(texts) {
    for (size_t t = 0; t < texts.size(); ++t) sequences_.push_back(engine.NewSequence());
  }

  // The tokens before those whose logits are wanted.
  Status ReadPrompts() {
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

  // Fills `logits`, [rows of the pass, vocab].
  Status Read(const Pass& pass, std::vector<float>* logits) {
    const auto vocab = static_cast<size_t>(engine_.config().vocab_size);
    std::vector<StepInput> inputs;
    std::vector<size_t> origins;
    for (const Piece& piece : pass) {
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

 private:
  Status Step(std::span<const StepInput> inputs, std::span<const size_t> origins,
              const LogitsSink& sink) {
    EBB_TRY_ASSIGN(const std::vector<Status> results, engine_.Step(inputs, sink));
    for (size_t i = 0; i < results.size(); ++i) {
      if (!results[i]) return tl::unexpected(Error(results[i].error()).In(texts_[origins[i]].id));
    }
    return {};
  }

  Engine& engine_;
  std::span<const ScoredText> texts_;
  std::vector<std::unique_ptr<Sequence>> sequences_;
};

// What one scored token gives.
struct TokenScore {
  double kl = 0;
  double nll = 0;
  bool agrees = true;
  bool finite = true;
};

// `p` (the reference's logits) is empty for perplexity.
TokenScore Score(std::span<const float> p, std::span<const float> q, int32_t target) {
  TokenScore score;
  score.nll = LogSumExp(q) - double{q[static_cast<size_t>(target)]};
  score.finite = std::isfinite(score.nll);
  if (p.empty()) return score;
  score.kl = KlDivergence(p, q);
  score.finite = score.finite && std::isfinite(score.kl);
  score.agrees = ArgMax(p) == ArgMax(q);
  return score;
}

// Scores the rows of a pass and adds them up in order.
Status AddPass(const Pass& pass, std::span<const ScoredText> texts, std::span<const float> p,
               std::span<const float> q, size_t vocab, const ThreadPool& pool,
               std::span<LikelihoodItem> items, std::vector<double>* kls) {
  const size_t rows = q.size() / vocab;
  std::vector<int32_t> targets;
  std::vector<size_t> origins;
  for (const Piece& piece : pass) {
    for (size_t i = piece.begin; i < piece.end; ++i) {
      targets.push_back(texts[piece.text].tokens[i + 1]);
      origins.push_back(piece.text);
    }
  }
  std::vector<TokenScore> scores(rows);
  pool.ParallelFor(rows, 1, [&](size_t begin, size_t end) {
    for (size_t r = begin; r < end; ++r) {
      scores[r] = Score(p.empty() ? p : p.subspan(r * vocab, vocab), q.subspan(r * vocab, vocab),
                        targets[r]);
    }
  });
  for (size_t r = 0; r < rows; ++r) {
    if (!scores[r].finite) {
      return MakeError(ErrorCode::kCorrupt, texts[origins[r]].id,
                       "the model's logits are not finite numbers");
    }
    LikelihoodItem& item = items[origins[r]];
    ++item.tokens;
    item.sum_kl += scores[r].kl;
    item.sum_nll += scores[r].nll;
    item.agreements += scores[r].agrees ? 1 : 0;
    kls->push_back(scores[r].kl);
  }
  return {};
}

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

Result<KlResult> EvaluateKl(const KlModels& models, std::span<const ScoredText> texts,
                            int64_t batch, const ThreadPool& pool, const ProgressSink& progress) {
  const auto vocab = static_cast<size_t>(models.model->config().vocab_size);
  if (models.reference->config().vocab_size != models.model->config().vocab_size) {
    return MakeError(ErrorCode::kInvalidArgument, "reference",
                     "its vocabulary has {} tokens, the model's {}",
                     models.reference->config().vocab_size, vocab);
  }
  KlResult result;
  result.items = EmptyItems(texts);
  std::vector<double> kls;
  std::vector<float> p;
  std::vector<float> q;
  const auto use_model = [&] {
    if (models.injected != nullptr) models.injected->Install(*models.model);
  };
  const auto use_reference = [&] {
    if (models.reference == models.model) models.model->RestoreExperts();
  };
  const auto run_group = [&](size_t first, size_t count) -> Status {
    const auto group = texts.subspan(first, count);
    GroupReader reference(*models.reference, group);
    GroupReader model(*models.model, group);
    use_reference();
    EBB_TRY(reference.ReadPrompts());
    use_model();
    EBB_TRY(model.ReadPrompts());
    for (const Pass& pass : CutIntoPasses(group, PassRows(models.model->config()))) {
      use_reference();
      EBB_TRY(reference.Read(pass, &p));
      use_model();
      EBB_TRY(model.Read(pass, &q));
      EBB_TRY(AddPass(pass, group, p, q, vocab, pool, std::span(result.items).subspan(first, count),
                      &kls));
    }
    return {};
  };
  const Status status = ForGroups(texts.size(), batch, progress, run_group);
  models.model->RestoreExperts();
  EBB_TRY(Status(status));
  EBB_TRY_ASSIGN(result.mean_kl,
                 MeanOverTokens(result.items, [](const LikelihoodItem& i) { return i.sum_kl; }));
  EBB_TRY_ASSIGN(result.top1_agreement, MeanOverTokens(result.items, [](const LikelihoodItem& i) {
                   return static_cast<double>(i.agreements);
                 }));
  std::sort(kls.begin(), kls.end());
  result.tokens = static_cast<int64_t>(kls.size());
  result.median_kl = SortedQuantile(kls, 0.5);
  result.p99_kl = SortedQuantile(kls, 0.99);
  result.max_kl = kls.back();
  return result;
}

Result<PerplexityResult> EvaluatePerplexity(Engine& engine, std::span<const ScoredText> texts,
                                            int64_t batch, const ThreadPool& pool,
                                            const ProgressSink& progress) {
  const auto vocab = static_cast<size_t>(engine.config().vocab_size);
  PerplexityResult result;
  result.items = EmptyItems(texts);
  std::vector<double> unused;
  std::vector<float> logits;
  EBB_TRY(ForGroups(texts.size(), batch, progress, [&](size_t first, size_t count) -> Status {
    const auto group = texts.subspan(first, count);
    GroupReader reader(engine, group);
    EBB_TRY(reader.ReadPrompts());
    for (const Pass& pass : CutIntoPasses(group, PassRows(engine.config()))) {
      EBB_TRY(reader.Read(pass, &logits));
      EBB_TRY(AddPass(pass, group, {}, logits, vocab, pool,
                      std::span(result.items).subspan(first, count), &unused));
    }
    return {};
  }));
  EBB_TRY_ASSIGN(result.mean_nll,
                 MeanOverTokens(result.items, [](const LikelihoodItem& i) { return i.sum_nll; }));
  result.tokens = static_cast<int64_t>(unused.size());
  result.perplexity = {
      std::exp(result.mean_nll.value),
      {std::exp(result.mean_nll.interval.low), std::exp(result.mean_nll.interval.high)}};
  return result;
}

}  // namespace ebb
