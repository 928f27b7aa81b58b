#include "study/plan.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "base/units.h"
#include "eval/injection_spec.h"
#include "study/allocation.h"

namespace ebb {
namespace {

constexpr int kStepsAnOctave = 16;
constexpr int kOctaves = 6;
constexpr int kMeasuredSteps = 8;                 // between bounds whose size is measured
constexpr uint64_t kManyLayerWeights = 64 << 20;  // of a layer: then some experts stand for all
constexpr size_t kSampledExperts = 4;
constexpr uint64_t kMaxExactWeights = uint64_t{2} << 30;
constexpr int kCorrections = 6;
constexpr double kCloseEnough = 0.9995;  // of the budget

// As it will stand in the plan.
double Rounded(double rate) { return std::stod(fmt::format("{:.4g}", rate)); }

// The relative bound of a cell that says how sensitive one layer or expert is.
std::optional<std::pair<PlanTarget, double>> TargetOf(const CellResults& cell,
                                                      const ModelConfig& config) {
  if (cell.baseline || !cell.has_one_spec()) return std::nullopt;
  const auto spec = ParseInjection(cell.label);
  if (!spec || spec->codec == nullptr || !spec->codec->info().guaranteed) return std::nullopt;
  if (spec->bound.kind != BoundKind::kRelative || !(spec->bound.value > 0)) return std::nullopt;
  if (spec->layers.size() != 1) return std::nullopt;
  PlanTarget target{LayerId{spec->layers[0]}, std::nullopt};
  if (target.layer.value >= config.num_layers || !config.IsMoeLayer(target.layer)) {
    return std::nullopt;
  }
  const ExpertSelection& experts = spec->experts;
  const auto all = static_cast<size_t>(config.moe.num_experts);
  if (experts.kind == ExpertSelection::Kind::kIds && experts.ids.size() == 1) {
    target.expert = ExpertId{experts.ids[0]};
    if (target.expert->value >= config.moe.num_experts) return std::nullopt;
  } else if (experts.kind != ExpertSelection::Kind::kAll &&
             !(experts.kind == ExpertSelection::Kind::kIds && experts.ids.size() == all)) {
    return std::nullopt;
  }
  return std::make_pair(target, spec->bound.value);
}

// Nothing if an item is missing or has a divergence that is no number.
std::optional<DivergencePoint> PointOf(const CellResults& cell, int64_t kl_items,
                                       const PlanTarget& target, double rate) {
  double sum = 0;
  double tokens = 0;
  const auto items = std::min(static_cast<size_t>(kl_items), cell.has_kl.size());
  for (size_t i = 0; i < items; ++i) {
    if (cell.has_kl[i] == 0 || !std::isfinite(cell.sum_kl[i])) return std::nullopt;
    sum += cell.sum_kl[i];
    tokens += cell.tokens[i];
  }
  if (tokens == 0) return std::nullopt;
  DivergencePoint point = {target, rate, sum / tokens, 0};
  for (size_t i = 0; i < items && sum > 0; ++i) {
    point.log_variance += std::pow((cell.sum_kl[i] - point.mean_kl * cell.tokens[i]) / sum, 2);
  }
  return point;
}

// Bytes of targets at the rates of a grid, from the coarsest on.
class Sizes {
 public:
  Sizes(const ExpertSizes& experts, const DivergenceFit& fit) : experts_(experts), fit_(fit) {
    for (int step = 0; step <= kStepsAnOctave * kOctaves; ++step) {
      rates_.push_back(Rounded(fit.greatest_rate * std::exp2(-double(step) / kStepsAnOctave)));
    }
  }

  const std::vector<double>& rates() const { return rates_; }
  double bytes(size_t target, size_t step) const { return bytes_[target][step]; }
  const std::vector<ExpertKey>& members(size_t target) const { return members_[target]; }

  Status Measure(const ThreadPool& pool, const ProgressSink& progress) {
    FindMembers();
    std::vector<ExpertSizes::Request> requests;
    std::vector<std::vector<ExpertKey>> measured;  // of each target
    for (size_t t = 0; t < members_.size(); ++t) {
      measured.push_back(Representatives(t));
      for (const ExpertKey& key : measured.back()) {
        for (size_t step = 0; step < rates_.size(); step += kMeasuredSteps) {
          requests.push_back({key, ErrorBound::Relative(rates_[step])});
        }
      }
    }
    // Targets of one layer may be measured by the same experts.
    const auto same = [](const ExpertSizes::Request& a, const ExpertSizes::Request& b) {
      return a.key == b.key && a.bound == b.bound;
    };
    std::sort(requests.begin(), requests.end(), [](const auto& a, const auto& b) {
      return a.key != b.key ? a.key < b.key : a.bound.value < b.bound.value;
    });
    requests.erase(std::unique(requests.begin(), requests.end(), same), requests.end());
    EBB_TRY_ASSIGN(const std::vector<uint64_t> bytes, experts_.Bytes(requests, pool, progress));
    std::map<std::pair<ExpertKey, double>, double> table;
    for (size_t i = 0; i < requests.size(); ++i) {
      table[{requests[i].key, requests[i].bound.value}] = static_cast<double>(bytes[i]);
    }
    for (size_t t = 0; t < members_.size(); ++t) Interpolate(t, measured[t], table);
    return {};
  }

 private:
  void FindMembers() {
    for (const FittedTarget& fitted : fit_.targets) {
      members_.emplace_back();
      for (const ExpertKey& key : experts_.experts()) {
        const PlanTarget& target = fitted.target;
        if (key.layer == target.layer && (!target.expert || key.expert == *target.expert)) {
          members_.back().push_back(key);
        }
      }
    }
  }

  // The experts whose sizes stand for a target's.
  std::vector<ExpertKey> Representatives(size_t target) const {
    const LayerId layer = fit_.targets[target].target.layer;
    std::vector<ExpertKey> of_layer;
    for (const ExpertKey& key : experts_.experts()) {
      if (key.layer == layer) of_layer.push_back(key);
    }
    if (of_layer.size() * experts_.weights_of_expert() <= kManyLayerWeights) {
      return members_[target];
    }
    std::vector<ExpertKey> sample;
    const size_t count = std::min(kSampledExperts, of_layer.size());
    for (size_t i = 0; i < count; ++i) sample.push_back(of_layer[i * of_layer.size() / count]);
    return sample;
  }

  // Linear in ln rate between the bounds that were measured.
  void Interpolate(size_t target, std::span<const ExpertKey> measured,
                   const std::map<std::pair<ExpertKey, double>, double>& table) {
    const double scale =
        static_cast<double>(members_[target].size()) / static_cast<double>(measured.size());
    const auto at = [&](size_t step) {
      double sum = 0;
      for (const ExpertKey& key : measured) sum += table.at({key, rates_[step]});
      return sum * scale;
    };
    std::vector<double>& curve = bytes_.emplace_back();
    for (size_t step = 0; step < rates_.size(); ++step) {
      const size_t below = step / kMeasuredSteps * kMeasuredSteps;
      if (below == step) {
        curve.push_back(at(step));
        continue;
      }
      const size_t above = below + kMeasuredSteps;
      const double weight =
          std::log(rates_[step] / rates_[below]) / std::log(rates_[above] / rates_[below]);
      curve.push_back(at(below) * (1 - weight) + at(above) * weight);
    }
  }

  const ExpertSizes& experts_;
  const DivergenceFit& fit_;
  std::vector<double> rates_;
  std::vector<std::vector<ExpertKey>> members_;  // of each target
  std::vector<std::vector<double>> bytes_;       // likewise, by step
};

class Planner {
 public:
  Planner(const DivergenceFit& fit, const ExpertSizes& experts, const ThreadPool& pool)
      : fit_(fit), experts_(experts), pool_(pool), sizes_(experts, fit) {}

  Result<MadePlan> Run(uint64_t budget_bytes, const ProgressSink& progress) {
    EBB_TRY(sizes_.Measure(pool_, progress));
    MakeChoices();
    const double budget =
        static_cast<double>(budget_bytes - std::min(budget_bytes, experts_.slack_bytes()));
    EBB_TRY_ASSIGN(Allocation best, AllocateWithin(budget, budget_bytes));
    const uint64_t weights = experts_.experts().size() * experts_.weights_of_expert();
    auto best_bytes = static_cast<uint64_t>(best.bytes);
    const bool exact = weights <= kMaxExactWeights;
    if (exact) {
      EBB_TRY_ASSIGN(best_bytes, Correct(budget, &best));
    }
    MadePlan plan = Assemble(best, best_bytes);
    plan.size_is_exact = exact;
    plan.bits_per_weight = static_cast<double>(best_bytes) * 8 / static_cast<double>(weights);
    return plan;
  }

 private:
  void MakeChoices() {
    for (size_t t = 0; t < fit_.targets.size(); ++t) {
      std::vector<AllocationChoice>& choices = choices_.emplace_back();
      for (size_t step = 0; step < sizes_.rates().size(); ++step) {
        choices.push_back(
            {sizes_.bytes(t, step), fit_.Predict(fit_.targets[t], sizes_.rates()[step])});
      }
    }
  }

  Result<Allocation> AllocateWithin(double target, uint64_t budget_bytes) const {
    auto allocation = Allocate(choices_, target);
    if (allocation) return allocation;
    double least = 0;
    for (size_t t = 0; t < fit_.targets.size(); ++t) least += sizes_.bytes(t, 0);
    return MakeError(ErrorCode::kOutOfMemory, "--size",
                     "{} is too little: at the coarsest bound that the study has measured, "
                     "rel:{:.4g}, the experts take {}",
                     FormatSize(budget_bytes), fit_.greatest_rate,
                     FormatSize(static_cast<uint64_t>(least)));
  }

  // Encodes what was chosen, and moves the target until that comes out at the budget or just below
  // it. Gives its bytes.
  Result<uint64_t> Correct(double budget, Allocation* best) const {
    Allocation current = *best;
    std::optional<uint64_t> best_bytes;
    std::vector<size_t> encoded;
    uint64_t bytes = 0;
    double target = budget;
    for (int i = 0; i < kCorrections; ++i) {
      // Another target may choose the same: above what the finest grid takes it always does.
      if (encoded != current.chosen) {
        EBB_TRY_ASSIGN(bytes, ExactBytes(current));
        encoded = current.chosen;
      }
      const auto real = static_cast<double>(bytes);
      if (real <= budget && (!best_bytes || bytes > *best_bytes)) {
        *best = current;
        best_bytes = bytes;
      }
      if (real <= budget && real >= budget * kCloseEnough) break;
      // A little under, so that it does not come out a little over again and again.
      target += (budget * (1 - 1e-4) - real);
      auto next = AllocateWithin(target, static_cast<uint64_t>(budget));
      if (!next && !best_bytes) return tl::unexpected(next.error());
      if (!next) break;
      current = std::move(*next);
    }
    if (best_bytes) return *best_bytes;
    return MakeError(ErrorCode::kOutOfMemory, "--size",
                     "no bounds were found that keep it: ask for a little more");
  }

  Result<uint64_t> ExactBytes(const Allocation& allocation) const {
    std::vector<ExpertSizes::Request> requests;
    for (size_t t = 0; t < allocation.chosen.size(); ++t) {
      const double rate = sizes_.rates()[allocation.chosen[t]];
      for (const ExpertKey& key : sizes_.members(t)) {
        requests.push_back({key, ErrorBound::Relative(rate)});
      }
    }
    EBB_TRY_ASSIGN(const std::vector<uint64_t> bytes, experts_.Bytes(requests, pool_));
    uint64_t sum = 0;
    for (const uint64_t b : bytes) sum += b;
    return sum;
  }

  MadePlan Assemble(const Allocation& allocation, uint64_t bytes) const {
    MadePlan plan;
    plan.fit = fit_;
    plan.size_bytes = bytes;
    plan.predicted_kl = allocation.cost;
    FindUniform(static_cast<double>(bytes), &plan);
    plan.bounds.default_bound = ErrorBound::Relative(Rounded(plan.uniform_rate));
    for (size_t t = 0; t < fit_.targets.size(); ++t) {
      const double rate = sizes_.rates()[allocation.chosen[t]];
      const PlanTarget& target = fit_.targets[t].target;
      plan.targets.push_back({fit_.targets[t], rate});
      const ErrorBound bound = ErrorBound::Relative(rate);
      if (target.expert) {
        plan.bounds.experts[{target.layer, *target.expert}] = bound;
      } else {
        plan.bounds.layers[target.layer] = bound;
      }
    }
    return plan;
  }

  // The rate at which all targets together take as many bytes, between those of the grid.
  void FindUniform(double bytes, MadePlan* plan) const {
    const auto total = [&](size_t step) {
      double sum = 0;
      for (size_t t = 0; t < fit_.targets.size(); ++t) sum += sizes_.bytes(t, step);
      return sum;
    };
    const std::vector<double>& rates = sizes_.rates();
    size_t step = 1;
    while (step + 1 < rates.size() && total(step) < bytes) ++step;
    const double low = total(step - 1);
    const double high = total(step);
    const double weight = std::clamp((bytes - low) / (high - low), 0.0, 1.0);
    plan->uniform_rate = rates[step - 1] * std::pow(rates[step] / rates[step - 1], weight);
    for (const FittedTarget& target : fit_.targets) {
      plan->uniform_predicted_kl += fit_.Predict(target, plan->uniform_rate);
    }
  }

  const DivergenceFit& fit_;
  const ExpertSizes& experts_;
  const ThreadPool& pool_;
  Sizes sizes_;
  std::vector<std::vector<AllocationChoice>> choices_;
};

}  // namespace

Result<SensitivityCells> FindSensitivityCells(const StudyResults& study, const ModelConfig& config,
                                              const std::string& data) {
  std::map<std::string, SensitivityCells> found;
  for (const CellResults& cell : study.cells) {
    const DataResults& of = study.data[static_cast<size_t>(cell.data)];
    const auto target = TargetOf(cell, config);
    if (!target || !cell.measures_kl || (!data.empty() && of.name != data)) continue;
    SensitivityCells& cells = found[of.name];
    cells.data = of.name;
    if (const auto point = PointOf(cell, of.kl_items, target->first, target->second)) {
      cells.points.push_back(*point);
    } else {
      ++cells.unfinished;
    }
  }
  if (found.size() > 1) {
    std::string names;
    for (const auto& entry : found) names += (names.empty() ? "" : ", ") + entry.first;
    return MakeError(ErrorCode::kInvalidArgument, "--data",
                     "several data sets have measured layers: choose one of {}", names);
  }
  if (found.empty() || found.begin()->second.points.empty()) {
    const int64_t unfinished = found.empty() ? 0 : found.begin()->second.unfinished;
    return MakeError(ErrorCode::kInvalidArgument, "study",
                     "it has no measured divergence of single layers or experts under a rel: bound "
                     "of a codec that guarantees it{}",
                     unfinished == 0 ? ""
                                     : fmt::format(" ({} cells are not finished: go on with "
                                                   "ebb study run)",
                                                   unfinished));
  }
  return std::move(found.begin()->second);
}

Result<MadePlan> MakePlan(const DivergenceFit& fit, const ExpertSizes& sizes, uint64_t budget_bytes,
                          const ThreadPool& pool, const ProgressSink& progress) {
  return Planner(fit, sizes, pool).Run(budget_bytes, progress);
}

OrderedJson PlanToJson(const BoundPlan& plan) {
  OrderedJson json;
  json["version"] = 1;
  json["default"] = plan.default_bound.ToString();
  json["dense"] = plan.dense_bound.ToString();
  if (!plan.layers.empty()) {
    for (const auto& [layer, bound] : plan.layers) {
      json["layers"][fmt::format("{}", layer.value)] = bound.ToString();
    }
  }
  if (!plan.experts.empty()) {
    for (const auto& [key, bound] : plan.experts) {
      json["experts"][fmt::format("{}/{}", key.layer.value, key.expert.value)] = bound.ToString();
    }
  }
  return json;
}

}  // namespace ebb
