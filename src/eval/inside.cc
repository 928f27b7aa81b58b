#include "eval/inside.h"

#include <algorithm>
#include <cmath>

#include "stats/bootstrap.h"

namespace ebb {
namespace {

double Norm(const float* x, int64_t size) {
  double squares = 0;
  for (int64_t i = 0; i < size; ++i) squares += double{x[i]} * double{x[i]};
  return std::sqrt(squares);
}

double Distance(const float* a, const float* b, int64_t size) {
  double squares = 0;
  for (int64_t i = 0; i < size; ++i) {
    const double difference = double{a[i]} - double{b[i]};
    squares += difference * difference;
  }
  return std::sqrt(squares);
}

// part / whole; of nothing, nothing is 0 and anything else all.
double Share(double part, double whole) {
  if (whole == 0) return part == 0 ? 0 : 1;
  return part / whole;
}

}  // namespace

// What is known of the rows of a pass so far, layer by layer, in the order of the rows.
struct InsideMeter::Recording {
  int64_t hidden = 0;
  int64_t experts_per_token = 0;
  std::set<ExpertKey> changed;

  struct Layer {
    std::vector<float> residual;  // the reference's, [rows, hidden]
    std::vector<int32_t> chosen;  // the reference's, [rows, experts_per_token]
    std::vector<double> carried;
    std::vector<double> drift;
    std::vector<uint8_t> flips;
  };
  std::vector<Layer> layers;

  Layer& At(LayerId layer) { return layers[static_cast<size_t>(layer.value)]; }
};

class InsideMeter::Reference final : public ForwardObserver {
 public:
  explicit Reference(Recording& recording) : recording_(recording) {}

  void OnResidual(LayerId layer, std::span<const BatchRow>, ConstRows rows) override {
    if (layer.value < 0) return;
    std::vector<float>& to = recording_.At(layer).residual;
    for (int64_t t = 0; t < rows.count; ++t) {
      to.insert(to.end(), rows.row(t), rows.row(t) + recording_.hidden);
    }
  }

  void OnRouting(LayerId layer, std::span<const BatchRow>, const Routing& routing) override {
    std::vector<int32_t>& to = recording_.At(layer).chosen;
    to.insert(to.end(), routing.experts.begin(), routing.experts.end());
  }

  // Adds up what the changed experts give.
  void OnExpertOutputs(LayerId layer, std::span<const BatchRow> rows, const Routing& routing,
                       const ExpertOutputs& outputs) override {
    const auto hidden = static_cast<size_t>(recording_.hidden);
    const auto k = static_cast<size_t>(routing.experts_per_token);
    changed_part_.assign(rows.size() * hidden, 0.0);
    for (size_t pair = 0; pair < outputs.at.size(); ++pair) {
      if (outputs.at[pair] < 0) continue;
      if (!recording_.changed.contains({layer, ExpertId{routing.experts[pair]}})) continue;
      const float* output = outputs.outputs.row(outputs.at[pair]);
      double* to = changed_part_.data() + pair / k * hidden;
      for (size_t i = 0; i < hidden; ++i) to[i] += double{routing.weights[pair]} * output[i];
    }
  }

  void OnExperts(LayerId layer, std::span<const BatchRow>, ConstRows routed,
                 ConstRows shared) override {
    const int64_t hidden = recording_.hidden;
    for (int64_t t = 0; t < routed.count; ++t) {
      const double* part = changed_part_.data() + t * hidden;
      double part_squares = 0;
      double rest_squares = 0;
      for (int64_t i = 0; i < hidden; ++i) {
        double rest = double{routed.row(t)[i]} - part[i];
        if (shared.data != nullptr) rest += double{shared.row(t)[i]};
        part_squares += part[i] * part[i];
        rest_squares += rest * rest;
      }
      const double norm = std::sqrt(part_squares);
      recording_.At(layer).carried.push_back(Share(norm, norm + std::sqrt(rest_squares)));
    }
  }

 private:
  Recording& recording_;
  std::vector<double> changed_part_;  // of the layer's output, [rows, hidden]
};

class InsideMeter::Model final : public ForwardObserver {
 public:
  explicit Model(Recording& recording) : recording_(recording) {}

  void OnResidual(LayerId layer, std::span<const BatchRow>, ConstRows rows) override {
    if (layer.value < 0) return;
    Recording::Layer& of = recording_.At(layer);
    const int64_t hidden = recording_.hidden;
    for (int64_t t = 0; t < rows.count; ++t) {
      const size_t at = of.drift.size() * static_cast<size_t>(hidden);
      EBB_CHECK(at < of.residual.size());
      const float* before = of.residual.data() + at;
      of.drift.push_back(Share(Distance(rows.row(t), before, hidden), Norm(before, hidden)));
    }
  }

  void OnRouting(LayerId layer, std::span<const BatchRow> rows, const Routing& routing) override {
    Recording::Layer& of = recording_.At(layer);
    const auto k = static_cast<std::ptrdiff_t>(routing.experts_per_token);
    for (size_t t = 0; t < rows.size(); ++t) {
      const std::ptrdiff_t at = static_cast<std::ptrdiff_t>(of.flips.size()) * k;
      EBB_CHECK(at < static_cast<std::ptrdiff_t>(of.chosen.size()));
      const auto own = routing.experts.begin() + static_cast<std::ptrdiff_t>(t) * k;
      // Chosen experts stand in rising order, so that equal sets are equal lists.
      of.flips.push_back(std::equal(own, own + k, of.chosen.begin() + at) ? 0 : 1);
    }
  }

 private:
  Recording& recording_;
};

InsideMeter::InsideMeter(const ModelConfig& config, std::span<const ExpertKey> changed)
    : recording_(std::make_unique<Recording>()) {
  recording_->hidden = config.hidden_size;
  recording_->experts_per_token = config.moe.experts_per_token;
  recording_->changed.insert(changed.begin(), changed.end());
  recording_->layers.resize(static_cast<size_t>(config.num_layers));
  reference_ = std::make_unique<Reference>(*recording_);
  model_ = std::make_unique<Model>(*recording_);
}

InsideMeter::~InsideMeter() = default;

ForwardObserver* InsideMeter::reference() { return reference_.get(); }
ForwardObserver* InsideMeter::model() { return model_.get(); }

Status InsideMeter::CheckShapes(const ModelConfig& model, const ModelConfig& reference) {
  const bool same = model.num_layers == reference.num_layers &&
                    model.hidden_size == reference.hidden_size &&
                    model.moe.num_experts == reference.moe.num_experts &&
                    model.moe.experts_per_token == reference.moe.experts_per_token &&
                    model.moe.first_dense_layers == reference.moe.first_dense_layers;
  if (same) return {};
  return MakeError(ErrorCode::kInvalidArgument, "reference",
                   "it has other layers or experts than the model: what happens inside can only be "
                   "compared between models of one shape");
}

void InsideMeter::Take(std::span<const size_t> origins, std::span<InsideItem> items) {
  for (const size_t origin : origins) ++items[origin].tokens;
  for (size_t l = 0; l < recording_->layers.size(); ++l) {
    Recording::Layer& layer = recording_->layers[l];
    EBB_CHECK(layer.drift.size() == origins.size());
    for (size_t r = 0; r < origins.size(); ++r) {
      InsideSums& sums = items[origins[r]].layers[l];
      sums.drift += layer.drift[r];
      if (!layer.flips.empty()) sums.flips += layer.flips[r];
      if (!layer.carried.empty()) sums.carried += layer.carried[r];
    }
    layer.residual.clear();
    layer.chosen.clear();
    layer.carried.clear();
    layer.drift.clear();
    layer.flips.clear();
  }
}

Result<std::vector<InsideLayer>> SummariseInside(std::span<const InsideItem> items,
                                                 const ModelConfig& config) {
  std::vector<double> tokens;
  for (const InsideItem& item : items) {
    if (item.tokens > 0) tokens.push_back(static_cast<double>(item.tokens));
  }
  if (tokens.empty()) {
    return MakeError(ErrorCode::kInvalidArgument, "inside",
                     "no text has a position that is scored");
  }
  const auto mean = [&](size_t layer, const auto& sum) {
    std::vector<double> sums;
    for (const InsideItem& item : items) {
      if (item.tokens > 0) sums.push_back(sum(item.layers[layer]));
    }
    return BootstrapRatio(sums, tokens);
  };
  std::vector<InsideLayer> layers;
  for (int32_t l = 0; l < config.num_layers; ++l) {
    InsideLayer layer;
    layer.layer = LayerId{l};
    layer.has_experts = config.IsMoeLayer(layer.layer);
    const auto at = static_cast<size_t>(l);
    EBB_TRY_ASSIGN(layer.drift, mean(at, [](const InsideSums& s) { return s.drift; }));
    EBB_TRY_ASSIGN(layer.flips,
                   mean(at, [](const InsideSums& s) { return static_cast<double>(s.flips); }));
    EBB_TRY_ASSIGN(layer.carried, mean(at, [](const InsideSums& s) { return s.carried; }));
    layers.push_back(layer);
  }
  return layers;
}

}  // namespace ebb
