#include "study/kl_meter.h"

#include <algorithm>
#include <cmath>

namespace ebb {
namespace {

std::vector<ExpertKey> ChangedExperts(const InjectedExperts& cell) {
  std::vector<ExpertKey> keys;
  for (const auto& [key, weights] : cell.weights) keys.push_back(key);
  return keys;
}

}  // namespace

void ItemDivergence::Add(const TokenScore& score) {
  ++tokens;
  sum_kl += score.kl;
  if (std::isnan(score.kl) || score.kl > max_kl) max_kl = score.kl;  // once NaN, always NaN
  agreements += score.agrees ? 1 : 0;
  sum_nll += score.nll;
  token_kl.push_back(static_cast<float>(score.kl));
}

// Items that are read at once.
struct KlMeter::Group {
  size_t data = 0;
  std::span<const int64_t> items;
  std::vector<ScoredText> texts;
  std::vector<ItemDivergence> found;
  std::vector<InsideItem> inside;
};

KlMeter::KlMeter(Engine& engine, const StudyInputs& inputs, uint64_t reference_bytes)
    : engine_(engine), inputs_(inputs), budget_bytes_(reference_bytes) {
  const size_t floats = PassRows(inputs.config) * static_cast<size_t>(inputs.config.vocab_size);
  p_.reserve(floats);
  q_.reserve(floats);
}

uint64_t KlMeter::ReferenceBytes(const ScoredText& text, const ModelConfig& config) {
  return text.scored() * static_cast<uint64_t>(config.vocab_size) * sizeof(float);
}

uint64_t KlMeter::ReferenceBytes(const StudyInputs& inputs, size_t data) {
  uint64_t bytes = 0;
  for (int64_t i = 0; i < inputs.data[data].kl_items; ++i) {
    bytes += ReferenceBytes(inputs.data[data].texts[static_cast<size_t>(i)], inputs.config);
  }
  return bytes;
}

uint64_t KlMeter::PassBytes(const StudyInputs& inputs) {
  const ModelConfig& config = inputs.config;
  bool kl = false;
  bool inside = false;
  for (const Cell& cell : inputs.cells.cells) {
    kl |= cell.kl;
    inside |= cell.inside;
  }
  if (!kl) return 0;
  uint64_t row = 2 * static_cast<uint64_t>(config.vocab_size) * sizeof(float);
  if (inside) {  // these grow, and may hold twice as much as they need
    const auto layers = static_cast<uint64_t>(config.num_layers);
    const auto hidden = static_cast<uint64_t>(config.hidden_size);
    row += layers * 2 * hidden * sizeof(float) + hidden * sizeof(double);
  }
  return row * PassRows(config);
}

// Forgets all items but these.
void KlMeter::Forget(size_t data, std::span<const int64_t> except) {
  for (auto it = references_.begin(); it != references_.end();) {
    const auto& [of_data, item] = it->first;
    if (of_data == data && std::find(except.begin(), except.end(), item) != except.end()) {
      ++it;
      continue;
    }
    held_bytes_ -= it->second.size() * sizeof(float);
    it = references_.erase(it);
  }
}

bool KlMeter::Reserve(const Group& group, std::span<const int64_t> in_use) {
  uint64_t missing_bytes = 0;
  bool missing = false;
  for (size_t i = 0; i < group.items.size(); ++i) {
    if (references_.contains({group.data, group.items[i]})) continue;
    missing = true;
    missing_bytes += ReferenceBytes(group.texts[i], inputs_.config);
  }
  if (!missing) return false;
  if (held_bytes_ + missing_bytes > budget_bytes_) Forget(group.data, in_use);
  if (held_bytes_ + missing_bytes > budget_bytes_) Forget(group.data, group.items);
  for (size_t i = 0; i < group.items.size(); ++i) {
    if (references_.contains({group.data, group.items[i]})) continue;
    const uint64_t bytes = ReferenceBytes(group.texts[i], inputs_.config);
    if (held_bytes_ + bytes > budget_bytes_) continue;
    references_[{group.data, group.items[i]}].resize(bytes / sizeof(float));
    held_bytes_ += bytes;
  }
  return true;
}

float* KlMeter::ReferenceRow(const Group& group, size_t text, size_t token) {
  const auto found = references_.find({group.data, group.items[text]});
  if (found == references_.end()) return nullptr;
  const size_t scored = token + 1 - group.texts[text].first_scored;
  return found->second.data() + scored * static_cast<size_t>(inputs_.config.vocab_size);
}

Status KlMeter::RunGroup(Group* group, bool reads_reference, const InjectedExperts& cell,
                         bool inside) {
  const auto vocab = static_cast<size_t>(inputs_.config.vocab_size);
  if (reads_reference) reference_runs_ += group->items.size();
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
        float* kept = ReferenceRow(*group, piece.text, t);
        if (reads_reference && kept != nullptr) std::copy_n(p_.data() + row, vocab, kept);
        const float* p = reads_reference ? p_.data() + row : kept;
        group->found[piece.text].Add(
            ScoreToken({p, vocab}, std::span(q_).subspan(row, vocab), tokens[t + 1]));
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
    const bool reads_reference = Reserve(group, items) || inside;
    status = RunGroup(&group, reads_reference, cell, inside);
    // What was not computed must not count as there.
    if (!status && reads_reference) Forget(data_index, {});
    for (size_t i = 0; i < group.inside.size(); ++i) group.found[i].inside = group.inside[i];
    if (status) status = sink(std::move(group.found));
  }
  engine_.set_observer(nullptr);
  engine_.RestoreExperts();
  return status;
}

}  // namespace ebb
