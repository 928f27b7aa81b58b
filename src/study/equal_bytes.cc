#include "study/equal_bytes.h"

#include <algorithm>
#include <cmath>

#include "eval/injection.h"
#include "model/owned_matrix.h"

namespace ebb {
namespace {

constexpr double kLowestRate = 1e-3;
constexpr double kHighestRate = 4;
constexpr int kHalvings = 12;  // of the range's logarithm: to about 0.2 %, 0.003 bits

// Up to four digits, never down: more error takes no more bytes.
double RoundedUp(double rate) {
  const double unit = std::pow(10.0, std::floor(std::log10(rate)) - 3);
  return std::ceil(rate / unit) * unit;
}

Result<ExpertWeights> ReadExpert(const WeightSource& source, ExpertKey key) {
  ExpertWeights weights;
  for (const TensorSpec& tensor : source.tensors()) {
    if (!IsRoutedExpert(tensor.role) || tensor.layer != key.layer || tensor.expert != key.expert) {
      continue;
    }
    std::vector<float>& to = tensor.role == TensorRole::kRoutedExpertGate ? weights.gate
                             : tensor.role == TensorRole::kRoutedExpertUp ? weights.up
                                                                          : weights.down;
    EBB_TRY_ASSIGN(to, ReadVector(source, tensor));
  }
  return weights;
}

}  // namespace

Result<std::vector<SampledExpert>> SampleExperts(const WeightSource& source, uint64_t max_weights) {
  const ModelConfig& config = source.config();
  const auto expert_weights =
      static_cast<uint64_t>(3 * config.moe.intermediate_size * config.hidden_size);
  const int64_t layers = config.num_layers - config.moe.first_dense_layers;
  const auto all = static_cast<uint64_t>(layers * config.moe.num_experts);
  const uint64_t count = std::clamp<uint64_t>(max_weights / expert_weights, 1, all);
  std::vector<SampledExpert> experts;
  for (uint64_t i = 0; i < count; ++i) {
    const uint64_t place = i * all / count;
    SampledExpert expert;
    const auto layer = config.moe.first_dense_layers +
                       static_cast<int64_t>(place / static_cast<uint64_t>(config.moe.num_experts));
    expert.key.layer.value = static_cast<int32_t>(layer);
    expert.key.expert.value =
        static_cast<int32_t>(place % static_cast<uint64_t>(config.moe.num_experts));
    EBB_TRY_ASSIGN(expert.weights, ReadExpert(source, expert.key));
    experts.push_back(std::move(expert));
  }
  return experts;
}

Result<double> BitsPerWeight(const std::string& spec, std::span<const SampledExpert> experts,
                             int64_t hidden_size) {
  EBB_TRY_ASSIGN(const InjectionSpec parsed, ParseInjection(spec));
  double bytes = 0;
  double weights = 0;
  for (const SampledExpert& expert : experts) {
    EBB_TRY_ASSIGN(const InjectedWeights injected,
                   InjectIntoExpert(parsed, expert.key, expert.weights, hidden_size));
    bytes += static_cast<double>(injected.coded_bytes);
    weights += static_cast<double>(expert.weights.gate.size() + expert.weights.up.size() +
                                   expert.weights.down.size());
  }
  return bytes * 8 / weights;
}

Result<double> RateForBits(const std::string& codec, double bits,
                           std::span<const SampledExpert> experts, int64_t hidden_size) {
  const auto bits_at = [&](double rate) {
    return BitsPerWeight(fmt::format("{},rel:{}", codec, rate), experts, hidden_size);
  };
  EBB_TRY_ASSIGN(const double least, bits_at(kHighestRate));
  if (least > bits) {
    return MakeError(ErrorCode::kInvalidArgument, codec,
                     "it takes {:.3f} bits a weight even at rel:{}; {:.3f} are wanted", least,
                     kHighestRate, bits);
  }
  double low = std::log(kLowestRate);
  double high = std::log(kHighestRate);
  for (int i = 0; i < kHalvings; ++i) {
    const double middle = (low + high) / 2;
    EBB_TRY_ASSIGN(const double found, bits_at(std::exp(middle)));
    (found <= bits ? high : low) = middle;
  }
  return RoundedUp(std::exp(high));
}

}  // namespace ebb
