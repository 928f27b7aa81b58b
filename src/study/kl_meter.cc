#include "study/kl_meter.h"

#include <algorithm>

#include "eval/likelihood.h"

namespace ebb {
namespace {

size_t ArgMax(std::span<const float> logits) {
  return static_cast<size_t>(std::max_element(logits.begin(), logits.end()) - logits.begin());
}

uint64_t BytesOf(const ScoredText& text, int64_t vocab) {
  return text.scored() * static_cast<uint64_t>(vocab) * sizeof(float);
}

}  // namespace

uint64_t KlMeter::ReferenceBytes(const StudyInputs& inputs, size_t data) {
  uint64_t bytes = 0;
  for (int64_t i = 0; i < inputs.data[data].kl_items; ++i) {
    bytes += BytesOf(inputs.data[data].texts[static_cast<size_t>(i)], inputs.config.vocab_size);
  }
  return bytes;
}

Status KlMeter::Read(
    const StudyData& data, std::span<const int64_t> items,
    const std::function<void(size_t which, size_t scored, std::span<const float>)>& sink) {
  std::vector<std::unique_ptr<Sequence>> sequences;
  std::vector<StepInput> prompts;
  std::vector<StepInput> scored;
  std::vector<size_t> prompt_origins;
  std::vector<size_t> origins;
  for (size_t i = 0; i < items.size(); ++i) {
    const ScoredText& text = data.texts[static_cast<size_t>(items[i])];
    sequences.push_back(engine_.NewSequence());
    if (text.scored() == 0) continue;
    const auto tokens = std::span(text.tokens);
    if (text.first_scored > 1) {
      prompts.push_back(
          {sequences[i].get(), tokens.first(text.first_scored - 1), WantedLogits::kNone});
      prompt_origins.push_back(i);
    }
    scored.push_back({sequences[i].get(), tokens.subspan(text.first_scored - 1, text.scored()),
                      WantedLogits::kAll});
    origins.push_back(i);
  }
  const auto step = [&](std::span<const StepInput> inputs, std::span<const size_t> from,
                        const LogitsSink& to) -> Status {
    if (inputs.empty()) return {};
    EBB_TRY_ASSIGN(const std::vector<Status> results, engine_.Step(inputs, to));
    for (size_t i = 0; i < results.size(); ++i) {
      if (results[i]) continue;
      const std::string& id = data.items[static_cast<size_t>(items[from[i]])].id;
      return tl::unexpected(Error(results[i].error()).In("item " + id));
    }
    return {};
  };
  EBB_TRY(step(prompts, prompt_origins, [](size_t, size_t, std::span<const float>) {}));
  return step(scored, origins, [&](size_t input, size_t token, std::span<const float> logits) {
    sink(origins[input], token, logits);
  });
}

void KlMeter::MakeRoom(uint64_t bytes) {
  if (held_bytes_ + bytes <= budget_bytes_) return;
  references_.clear();
  held_bytes_ = 0;
}

Status KlMeter::ReadReference(const StudyData& data, size_t data_index,
                              std::span<const int64_t> items) {
  const int64_t vocab = inputs_.config.vocab_size;
  const auto is_missing = [&](int64_t item) { return !references_.contains({data_index, item}); };
  if (std::none_of(items.begin(), items.end(), is_missing)) return {};
  uint64_t bytes = 0;
  for (const int64_t item : items) bytes += BytesOf(data.texts[static_cast<size_t>(item)], vocab);
  MakeRoom(bytes);
  std::vector<int64_t> missing;
  std::copy_if(items.begin(), items.end(), std::back_inserter(missing), is_missing);
  std::vector<LogitsOfItem> logits(missing.size());
  for (size_t i = 0; i < missing.size(); ++i) {
    const ScoredText& text = data.texts[static_cast<size_t>(missing[i])];
    logits[i].resize(text.scored() * static_cast<size_t>(vocab));
  }
  engine_.RestoreExperts();
  EBB_TRY(Read(data, missing, [&](size_t which, size_t scored, std::span<const float> row) {
    std::copy(row.begin(), row.end(),
              logits[which].begin() +
                  static_cast<std::ptrdiff_t>(scored * static_cast<size_t>(vocab)));
  }));
  for (size_t i = 0; i < missing.size(); ++i) {
    held_bytes_ += logits[i].size() * sizeof(float);
    references_[{data_index, missing[i]}] = std::move(logits[i]);
  }
  return {};
}

Status KlMeter::Run(size_t data_index, std::span<const int64_t> items, const InjectedExperts& cell,
                    const std::function<Status(std::vector<ItemDivergence>)>& sink) {
  const StudyData& data = inputs_.data[data_index];
  const auto vocab = static_cast<size_t>(inputs_.config.vocab_size);
  const auto run_group = [&](std::span<const int64_t> group) -> Status {
    EBB_TRY(ReadReference(data, data_index, group));
    std::vector<ItemDivergence> found(group.size());
    for (size_t i = 0; i < group.size(); ++i) found[i].item = group[i];
    cell.Install(engine_);
    EBB_TRY(Read(data, group, [&](size_t which, size_t scored, std::span<const float> q) {
      const ScoredText& text = data.texts[static_cast<size_t>(group[which])];
      const auto p =
          std::span<const float>(references_.at({data_index, group[which]})).subspan(scored * vocab,
                                                                                    vocab);
      const int32_t target = text.tokens[text.first_scored + scored];
      const double kl = KlDivergence(p, q);
      ItemDivergence& item = found[which];
      ++item.tokens;
      item.sum_kl += kl;
      if (!(kl <= item.max_kl)) item.max_kl = kl;  // NaN, too
      item.agreements += ArgMax(p) == ArgMax(q) ? 1 : 0;
      item.sum_nll += LogSumExp(q) - double{q[static_cast<size_t>(target)]};
      item.token_kl.push_back(static_cast<float>(kl));
    }));
    return sink(std::move(found));
  };
  Status status;
  const auto batch = static_cast<size_t>(data.spec.batch);
  for (size_t first = 0; first < items.size() && status; first += batch) {
    status = run_group(items.subspan(first, std::min(batch, items.size() - first)));
  }
  engine_.RestoreExperts();
  return status;
}

}  // namespace ebb
