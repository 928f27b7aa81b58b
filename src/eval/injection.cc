#include "eval/injection.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <set>

#include "peers/codecs.h"

namespace ebb {
namespace {

// SplitMix64's step (Steele, Lea and Flood, OOPSLA 2014).
uint64_t Mix(uint64_t x) {
  x += 0x9E3779B97F4A7C15;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EB;
  return x ^ (x >> 31);
}

uint64_t SeedOf(uint64_t seed, std::initializer_list<int64_t> place) {
  uint64_t mixed = Mix(seed);
  for (const int64_t coordinate : place) mixed = Mix(mixed ^ static_cast<uint64_t>(coordinate));
  return mixed;
}

// `count` of `all`, each subset as likely as any other (the first steps of a Fisher-Yates shuffle).
std::vector<int32_t> Draw(int64_t all, int32_t count, uint64_t seed) {
  std::vector<int32_t> ids(static_cast<size_t>(all));
  std::iota(ids.begin(), ids.end(), 0);
  for (size_t i = 0; i < static_cast<size_t>(count); ++i) {
    seed = Mix(seed);
    std::swap(ids[i], ids[i + seed % (ids.size() - i)]);
  }
  ids.resize(static_cast<size_t>(count));
  return ids;
}

std::vector<int32_t> MostSelected(LayerId layer, int64_t all, int32_t count,
                                  const SelectionCounter& selections) {
  std::vector<int32_t> ids(static_cast<size_t>(all));
  std::iota(ids.begin(), ids.end(), 0);
  std::stable_sort(ids.begin(), ids.end(), [&](int32_t a, int32_t b) {
    return selections.count({layer, ExpertId{a}}) > selections.count({layer, ExpertId{b}});
  });
  ids.resize(static_cast<size_t>(count));
  return ids;
}

double RootMeanSquare(std::span<const float> weights) {
  double squares = 0;
  uint64_t count = 0;
  for (const float weight : weights) {
    if (!std::isfinite(weight)) continue;
    squares += double{weight} * double{weight};
    ++count;
  }
  return count == 0 ? 0 : std::sqrt(squares / static_cast<double>(count));
}

// A draw from U(-bound, bound).
float DrawOffset(float bound, uint64_t seed) {
  constexpr double kUnit = 0x1p-53;
  return static_cast<float>((2 * static_cast<double>(Mix(seed) >> 11) * kUnit - 1) * double{bound});
}

// Takes the offset off what was decoded. Where the codec guarantees the bound, float32 rounding
// does not lead out of it.
void TakeOffsetBack(std::span<const float> original, float offset, float bound, bool guaranteed,
                    std::span<float> decoded) {
  for (size_t i = 0; i < decoded.size(); ++i) {
    if (!std::isfinite(original[i])) continue;
    const auto beyond = [&] {
      return guaranteed && !(std::abs(double{decoded[i]} - double{original[i]}) <= double{bound});
    };
    decoded[i] -= offset;
    if (beyond()) decoded[i] = std::nextafter(decoded[i], original[i]);
    if (beyond()) decoded[i] = original[i];
  }
}

// One matrix through the codec, or new at random: then it is "noise" of the matrix's own size on
// zeros.
Result<std::vector<float>> InjectIntoMatrix(const InjectionSpec& spec,
                                            const std::vector<float>& matrix, uint64_t rows,
                                            float bound, uint64_t seed, uint64_t* coded_bytes) {
  const Codec* codec = spec.codec;
  const float offset = spec.dither ? DrawOffset(bound, seed) : 0;
  std::vector<float> own;  // what is encoded instead of the matrix
  if (codec == nullptr) {
    EBB_TRY_ASSIGN(codec, FindCodec("noise:normal"));
    own.resize(matrix.size());
    bound = static_cast<float>(RootMeanSquare(matrix));
  } else if (offset != 0) {
    own = matrix;
    for (float& weight : own) weight += offset;
  }
  const ArrayView view = {own.empty() ? matrix : own, rows, matrix.size() / rows};
  EBB_TRY_ASSIGN(const EncodedArray encoded, codec->Encode(view, bound, seed));
  std::vector<float> decoded(matrix.size());
  EBB_TRY(codec->Decode(encoded.stream, view.rows, view.cols, bound, decoded.data()));
  if (offset != 0) TakeOffsetBack(matrix, offset, bound, codec->info().guaranteed, decoded);
  *coded_bytes += encoded.stream.size() + encoded.side_bytes;
  return decoded;
}

void AddErrors(std::span<const float> before, std::span<const float> after,
               InjectedWeights* injected) {
  for (size_t i = 0; i < before.size(); ++i) {
    if (!std::isfinite(before[i])) continue;
    const double error = std::abs(double{after[i]} - double{before[i]});
    injected->max_error = std::max(injected->max_error, std::isnan(error) ? INFINITY : error);
    injected->sum_squares += error * error;
  }
}

uint64_t CountWeights(const ExpertWeights& weights) {
  return weights.gate.size() + weights.up.size() + weights.down.size();
}

// Sums over experts to what the summary says.
class SummaryMaker {
 public:
  explicit SummaryMaker(const InjectionSpec& spec) : spec_(spec) { summary_.spec = spec.text; }

  void Add(ExpertKey key, const InjectedWeights& injected) {
    summary_.experts.push_back(key);
    summary_.weights += CountWeights(injected.weights);
    coded_bytes_ += injected.coded_bytes;
    if (spec_.codec != nullptr && injected.bound > 0) {
      const double ratio = injected.max_error / double{injected.bound};
      summary_.max_error_over_bound = std::max(summary_.max_error_over_bound.value_or(0), ratio);
    }
    if (injected.mean_abs > 0) {
      squares_ += injected.sum_squares / (injected.mean_abs * injected.mean_abs);
    }
  }

  InjectionSummary Take() {
    if (summary_.weights > 0) {
      const auto weights = static_cast<double>(summary_.weights);
      summary_.rmse_over_mean_abs = std::sqrt(squares_ / weights);
      if (spec_.codec != nullptr && spec_.codec->info().kind != CodecKind::kNoise) {
        summary_.bits_per_weight = static_cast<double>(coded_bytes_) * 8 / weights;
      }
    }
    return std::move(summary_);
  }

 private:
  const InjectionSpec& spec_;
  InjectionSummary summary_;
  double squares_ = 0;
  uint64_t coded_bytes_ = 0;
};

}  // namespace

void InjectedExperts::Install(Engine& engine) const {
  engine.RestoreExperts();
  for (const auto& entry : weights) engine.ReplaceExpert(entry.first, entry.second);
}

bool NeedsSelections(std::span<const InjectionSpec> specs) {
  return std::any_of(specs.begin(), specs.end(), [](const InjectionSpec& spec) {
    return spec.experts.kind == ExpertSelection::Kind::kTop;
  });
}

std::vector<ExpertKey> ChooseExperts(const InjectionSpec& spec, const ModelConfig& config,
                                     const SelectionCounter* selections) {
  std::vector<int32_t> layers = spec.layers;
  for (int64_t l = config.moe.first_dense_layers; spec.layers.empty() && l < config.num_layers; ++l)
    layers.push_back(static_cast<int32_t>(l));
  std::vector<ExpertKey> keys;
  for (const int32_t layer : layers) {
    std::vector<int32_t> ids = spec.experts.ids;
    switch (spec.experts.kind) {
      case ExpertSelection::Kind::kIds:
        break;
      case ExpertSelection::Kind::kAll:
        ids.resize(static_cast<size_t>(config.moe.num_experts));
        std::iota(ids.begin(), ids.end(), 0);
        break;
      case ExpertSelection::Kind::kTop:
        EBB_CHECK(selections != nullptr);
        ids = MostSelected({layer}, config.moe.num_experts, spec.experts.count, *selections);
        break;
      case ExpertSelection::Kind::kRandom:
        ids = Draw(config.moe.num_experts, spec.experts.count, SeedOf(spec.seed, {layer}));
        break;
    }
    for (const int32_t id : ids) keys.push_back({{layer}, {id}});
  }
  std::sort(keys.begin(), keys.end());
  return keys;
}

uint64_t InjectedBytes(std::span<const InjectionSpec> specs, const ModelConfig& config,
                       int threads) {
  std::set<ExpertKey> named;
  std::map<LayerId, uint64_t> counted;  // experts that are chosen by count, of a layer
  uint64_t largest = 0;                 // injection
  for (const InjectionSpec& spec : specs) {
    InjectionSpec all = spec;
    if (spec.experts.kind == ExpertSelection::Kind::kTop) {
      all.experts = {ExpertSelection::Kind::kIds, {0}, 0};
      const std::vector<ExpertKey> one_a_layer = ChooseExperts(all, config, nullptr);
      const auto count = static_cast<uint64_t>(spec.experts.count);
      for (const ExpertKey& key : one_a_layer) counted[key.layer] += count;
      largest = std::max(largest, count * one_a_layer.size());
      continue;
    }
    const std::vector<ExpertKey> keys = ChooseExperts(all, config, nullptr);
    named.insert(keys.begin(), keys.end());
    largest = std::max<uint64_t>(largest, keys.size());
  }
  std::map<LayerId, uint64_t> of_layer = counted;
  for (const ExpertKey& key : named) ++of_layer[key.layer];
  uint64_t experts = 0;
  for (const auto& [layer, count] : of_layer) {
    experts += std::min(count, static_cast<uint64_t>(config.moe.num_experts));
  }
  if (specs.size() > 1) experts += largest;
  // A thread at work holds an expert as it was, and one matrix coded and decoded.
  if (experts > 0) experts += 2 * static_cast<uint64_t>(threads);
  return experts * 3 * sizeof(float) * static_cast<uint64_t>(config.hidden_size) *
         static_cast<uint64_t>(config.moe.intermediate_size);
}

Result<InjectedWeights> InjectIntoExpert(const InjectionSpec& spec, ExpertKey key,
                                         const ExpertWeights& weights, int64_t hidden_size) {
  MagnitudeSum magnitude;
  for (const auto* matrix : {&weights.gate, &weights.up, &weights.down}) magnitude.Add(*matrix);
  InjectedWeights injected;
  injected.mean_abs = magnitude.Mean();
  injected.bound = AbsoluteBound(spec.bound, injected.mean_abs);
  const std::array<const std::vector<float>*, 3> from = {&weights.gate, &weights.up, &weights.down};
  const std::array<std::vector<float>*, 3> to = {&injected.weights.gate, &injected.weights.up,
                                                 &injected.weights.down};
  const auto hidden = static_cast<uint64_t>(hidden_size);
  const std::array<uint64_t, 3> rows = {weights.gate.size() / hidden, weights.up.size() / hidden,
                                        hidden};
  for (size_t m = 0; m < from.size(); ++m) {
    const uint64_t seed =
        SeedOf(spec.seed, {key.layer.value, key.expert.value, static_cast<int64_t>(m)});
    auto matrix =
        InjectIntoMatrix(spec, *from[m], rows[m], injected.bound, seed, &injected.coded_bytes);
    if (!matrix) {
      return tl::unexpected(
          Error(matrix.error())
              .In(fmt::format("layer {}, expert {}", key.layer.value, key.expert.value)));
    }
    *to[m] = std::move(*matrix);
    AddErrors(*from[m], *to[m], &injected);
  }
  return injected;
}

Result<InjectedExperts> MakeInjection(const Engine& engine, std::span<const InjectionSpec> specs,
                                      const SelectionCounter* selections, const ThreadPool& pool,
                                      const ProgressSink& progress) {
  InjectedExperts all;
  const int64_t hidden = engine.config().hidden_size;
  for (const InjectionSpec& spec : specs) {
    const std::vector<ExpertKey> keys = ChooseExperts(spec, engine.config(), selections);
    SummaryMaker summary(spec);
    std::vector<Result<InjectedWeights>> slots(keys.size());
    Status status;
    pool.RunInOrder(
        keys.size(), static_cast<size_t>(pool.threads()) * 2,
        [&](size_t i) {
          const auto before = all.weights.find(keys[i]);
          if (before != all.weights.end()) {
            slots[i] = InjectIntoExpert(spec, keys[i], *before->second, hidden);
            return;
          }
          auto own = engine.ReadExpert(keys[i]);
          slots[i] = own ? InjectIntoExpert(spec, keys[i], *own, hidden)
                         : Result<InjectedWeights>(tl::unexpected(own.error()));
        },
        [&](size_t i) {
          if (!slots[i]) {
            status = tl::unexpected(slots[i].error());
            return false;
          }
          summary.Add(keys[i], *slots[i]);
          if (progress) progress({i + 1, keys.size()});
          return true;
        });
    EBB_TRY(std::move(status));
    for (size_t i = 0; i < keys.size(); ++i) {
      all.weights[keys[i]] = std::make_shared<ExpertWeights>(std::move(slots[i]->weights));
    }
    all.summaries.push_back(summary.Take());
  }
  return all;
}

}  // namespace ebb
