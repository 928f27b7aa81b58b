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

std::vector<ExpertKey> ChangedExperts(const InjectedExperts& cell) {
  std::vector<ExpertKey> keys;
  for (const auto& [key, weights] : cell.weights) keys.push_back(key);
  return keys;
}

void AddToken(std::span<const float> p, std::span<const float> q, int32_t target,
              ItemDivergence* item) {
  const double kl = KlDivergence(p, q);
  ++item->tokens;
  item->sum_kl += kl;
  if (!(kl <= item->max_kl)) item->max_kl = kl;  // NaN, too
  item->agreements += ArgMax(p) == ArgMax(q) ? 1 : 0;
  item->sum_nll += LogSumExp(q) - double{q[static_cast<size_t>(target)]};
  item->token_kl.push_back(static_cast<float>(kl));
}

}  // namespace

// Items that are read at once.
struct KlMeter::Group {
  size_t data = 0;
  std::span<const int64_t> items;
  std::vector<ScoredText> texts;
  std::vector<ItemDivergence> found;
  std::vector<InsideItem> inside;
};

uint64_t KlMeter::ReferenceBytes(const StudyInputs& inputs, size_t data) {
  uint64_t bytes = 0;
  for (int64_t i = 0; i < inputs.data[data].kl_items; ++i) {
    bytes += BytesOf(inputs.data[data].texts[static_cast<size_t>(i)], inputs.config.vocab_size);
  }
  return bytes;
}

bool KlMeter::Reserve(const Group& group) {
  uint64_t missing_bytes = 0;
  bool missing = false;
  for (size_t i = 0; i < group.items.size(); ++i) {
    if (references_.contains({group.data, group.items[i]})) continue;
    missing = true;
    missing_bytes += BytesOf(group.texts[i], inputs_.config.vocab_size);
  }
  if (!missing) return false;
  if (held_bytes_ + missing_bytes > budget_bytes_) {
    references_.clear();
    held_bytes_ = 0;
  }
  for (size_t i = 0; i < group.items.size(); ++i) {
    LogitsOfItem& logits = references_[{group.data, group.items[i]}];
    if (!logits.empty()) continue;
    const uint64_t bytes = BytesOf(group.texts[i], inputs_.config.vocab_size);
    logits.resize(bytes / sizeof(float));
    held_bytes_ += bytes;
  }
  return true;
}

float* KlMeter::ReferenceRow(const Group& group, size_t text, size_t token) {
  const size_t scored = token + 1 - group.texts[text].first_scored;
  return references_.at({group.data, group.items[text]}).data() +
         scored * static_cast<size_t>(inputs_.config.vocab_size);
}

Status KlMeter::RunGroup(Group* group, const InjectedExperts& cell, bool inside) {
  const auto vocab = static_cast<size_t>(inputs_.config.vocab_size);
  const bool reads_reference = Reserve(*group) || inside;
  std::optional<InsideMeter> meter;
  if (inside) meter.emplace(inputs_.config, ChangedExperts(cell));
  GroupReader reference(engine_, group->texts);
  GroupReader model(engine_, group->texts);
  if (reads_reference) {
    engine_.RestoreExperts();
    EBB_TRY(reference.ReadPrompts());
  }
  cell.Install(engine_);
  EBB_TRY(model.ReadPrompts());
  for (const TextPass& pass : CutIntoPasses(group->texts, PassRows(inputs_.config))) {
    if (reads_reference) {
      engine_.RestoreExperts();
      engine_.set_observer(meter ? meter->reference() : nullptr);
      EBB_TRY(reference.Read(pass, &p_));
    }
    cell.Install(engine_);
    engine_.set_observer(meter ? meter->model() : nullptr);
    EBB_TRY(model.Read(pass, &q_));
    engine_.set_observer(nullptr);
    std::vector<size_t> origins;
    for (const TextPiece& piece : pass) {
      const std::vector<int32_t>& tokens = group->texts[piece.text].tokens;
      for (size_t t = piece.begin; t < piece.end; ++t) {
        const size_t row = origins.size() * vocab;
        float* p = ReferenceRow(*group, piece.text, t);
        if (reads_reference) std::copy_n(p_.data() + row, vocab, p);
        AddToken({p, vocab}, std::span(q_).subspan(row, vocab), tokens[t + 1],
                 &group->found[piece.text]);
        origins.push_back(piece.text);
      }
    }
    if (meter) meter->Take(origins, group->inside);
  }
  return {};
}

Status KlMeter::Run(size_t data_index, std::span<const int64_t> items, const InjectedExperts& cell,
                    bool inside, const Sink& sink) {
  const StudyData& data = inputs_.data[data_index];
  const auto batch = static_cast<size_t>(data.spec.batch);
  Status status;
  for (size_t first = 0; first < items.size() && status; first += batch) {
    Group group;
    group.data = data_index;
    group.items = items.subspan(first, std::min(batch, items.size() - first));
    for (const int64_t item : group.items) {
      group.texts.push_back(data.texts[static_cast<size_t>(item)]);
      group.found.emplace_back();
      group.found.back().item = item;
      if (!inside) continue;
      const std::vector<InsideSums> layers(static_cast<size_t>(inputs_.config.num_layers));
      group.inside.push_back({group.texts.back().id, 0, layers});
    }
    status = RunGroup(&group, cell, inside);
    for (size_t i = 0; i < group.inside.size(); ++i) group.found[i].inside = group.inside[i];
    if (status) status = sink(std::move(group.found));
  }
  engine_.set_observer(nullptr);
  engine_.RestoreExperts();
  return status;
}

}  // namespace ebb
