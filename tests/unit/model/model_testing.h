// What the model tests share: random models in memory, expert providers that misbehave, and a
// runner.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "arch/weight_source.h"
#include "base/float16.h"
#include "model/decoder.h"
#include "model/resident_experts.h"

namespace ebb {

inline ModelConfig SmallDeepseek() {
  ModelConfig config;
  config.architecture = Architecture::kDeepseekV3;
  config.vocab_size = 61;
  config.hidden_size = 40;
  config.num_layers = 3;
  config.num_heads = 3;
  config.dense_intermediate_size = 50;
  config.max_positions = 200;
  config.rope.interleaved = true;
  config.mla = MlaConfig{.q_lora_rank = 20,
                         .kv_lora_rank = 24,
                         .qk_nope_head_dim = 10,
                         .qk_rope_head_dim = 6,
                         .v_head_dim = 12};
  config.moe = {.num_experts = 8,
                .experts_per_token = 2,
                .intermediate_size = 18,
                .shared_intermediate_size = 18,
                .first_dense_layers = 1,
                .scoring = RouterScoring::kSigmoidNoAuxTc,
                .num_groups = 4,
                .groups_per_token = 2,
                .normalise_top_k = true,
                .routed_scaling_factor = 2.5};
  return config;
}

inline ModelConfig SmallMixtral() {
  ModelConfig config;
  config.architecture = Architecture::kMixtral;
  config.vocab_size = 61;
  config.hidden_size = 40;
  config.num_layers = 3;
  config.num_heads = 4;
  config.max_positions = 200;
  config.tied_embeddings = true;
  config.gqa = GqaConfig{.num_kv_heads = 2, .head_dim = 10, .sliding_window = 37};
  config.moe.num_experts = 8;
  config.moe.experts_per_token = 2;
  config.moe.intermediate_size = 18;
  return config;
}

// Large enough that the kernels use their threads.
inline ModelConfig WideDeepseek() {
  ModelConfig config = SmallDeepseek();
  config.vocab_size = 3000;
  config.hidden_size = 320;
  config.dense_intermediate_size = 700;
  config.max_positions = 2000;
  config.num_heads = 8;
  config.mla->q_lora_rank = 0;
  config.mla->kv_lora_rank = 96;
  config.mla->qk_nope_head_dim = 32;
  config.mla->qk_rope_head_dim = 16;
  config.mla->v_head_dim = 32;
  config.moe.num_experts = 16;
  config.moe.experts_per_token = 4;
  config.moe.intermediate_size = 200;
  config.moe.shared_intermediate_size = 400;
  return config;
}

// A model of random bf16 weights in memory.
class RandomSource final : public WeightSource {
 public:
  explicit RandomSource(const ModelConfig& config)
      : config_(config), tensors_(ListTensors(config)) {
    uint32_t seed = 0;
    for (const TensorSpec& tensor : tensors_) {
      std::mt19937 random(++seed);
      const bool norm = tensor.role == TensorRole::kNorm;
      std::normal_distribution<float> normal(
          norm ? 1.0f : 0.0f, norm ? 0.1f : 1.0f / std::sqrt(static_cast<float>(tensor.cols())));
      std::vector<uint16_t>& data = data_[tensor.name];
      for (uint64_t i = 0; i < tensor.elements(); ++i) data.push_back(F32ToBf16(normal(random)));
    }
  }

  const ModelConfig& config() const override { return config_; }
  const SideFiles& side_files() const override { return side_files_; }
  const std::vector<TensorSpec>& tensors() const override { return tensors_; }
  Result<DType> DTypeOf(const TensorSpec&) const override { return DType::kBf16; }

  Status ReadRows(const TensorSpec& tensor, uint64_t first_row, uint64_t row_count,
                  std::span<std::byte> to) const override {
    if (broken.contains(tensor.name)) {
      return MakeError(ErrorCode::kIo, tensor.name, "the disk is gone");
    }
    EXPECT_EQ(to.size(), row_count * tensor.cols() * 2);
    std::memcpy(to.data(), data_.at(tensor.name).data() + first_row * tensor.cols(), to.size());
    return {};
  }

  // The stored bits of a tensor, to be changed before it is read.
  std::vector<uint16_t>& data(const std::string& name) { return data_.at(name); }

  std::set<std::string> broken;  // tensors that cannot be read

 private:
  ModelConfig config_;
  SideFiles side_files_;
  std::vector<TensorSpec> tensors_;
  std::map<std::string, std::vector<uint16_t>> data_;
};

// Hands the experts of another provider out in a random order, a few at a time, and fails some.
class UnrulyExperts final : public ExpertProvider {
 public:
  UnrulyExperts(ResidentExperts& experts, uint32_t seed) : experts_(experts), random_(seed) {}

  std::set<ExpertKey> broken;
  size_t most_at_once = 3;
  std::vector<ExpertKey> asked;

  void Begin(LayerId layer, std::span<const ExpertDemand> demands) override {
    EXPECT_TRUE(waiting_.empty());
    EXPECT_TRUE(held_.empty());
    layer_ = layer;
    for (size_t i = 0; i < demands.size(); ++i) {
      EXPECT_GT(demands[i].rows, 0);
      EXPECT_TRUE(i == 0 || demands[i - 1].expert < demands[i].expert);
      waiting_.push_back(demands[i].expert);
      asked.push_back({layer, demands[i].expert});
    }
    std::ranges::shuffle(waiting_, random_);
  }

  std::span<const ExpertGrant> Next() override {
    EXPECT_TRUE(held_.empty()) << "experts were not released";
    grants_.clear();
    const size_t count = std::min(waiting_.size(), 1 + random_() % most_at_once);
    for (size_t i = 0; i < count; ++i) {
      const ExpertKey key{layer_, waiting_.back()};
      waiting_.pop_back();
      held_.insert(key.expert);
      if (broken.contains(key)) {
        grants_.push_back({key.expert, MakeError(ErrorCode::kCorrupt, "", "bad checksum")});
      } else {
        grants_.push_back({key.expert, experts_.Matrices(key)});
      }
    }
    return grants_;
  }

  void Release(ExpertId expert) override { EXPECT_EQ(held_.erase(expert), 1u); }

 private:
  ResidentExperts& experts_;
  std::mt19937 random_;
  LayerId layer_;
  std::vector<ExpertId> waiting_;
  std::set<ExpertId> held_;
  std::vector<ExpertGrant> grants_;
};

// A loaded random model and a decoder for it.
class TestModel {
 public:
  explicit TestModel(const ModelConfig& config, int threads = 1, BatchLimits limits = {})
      : TestModel(std::make_unique<RandomSource>(config), threads, limits) {}

  explicit TestModel(std::unique_ptr<RandomSource> from, int threads = 1, BatchLimits limits = {})
      : source(std::move(from)), pool(threads), backend(MakeCpuBackend(pool)) {
    const ModelConfig& config = source->config();
    if (limits.max_rows == 0) limits = {64, 64, config.max_positions};
    weights.emplace(std::move(ModelWeights::Load(*source, {.progress = {}}).value()));
    experts.emplace(std::move(ResidentExperts::Load(*source, nullptr).value()));
    decoder = std::move(Decoder::Create(*weights, *backend, limits).value());
    pages = std::make_unique<KvPool>(decoder->kv_layout());
  }

  const ModelConfig& config() const { return source->config(); }

  // `count` tokens that depend on the seed only.
  std::vector<int32_t> Tokens(int64_t count, uint32_t seed) const {
    std::mt19937 random(seed);
    std::vector<int32_t> tokens;
    for (int64_t i = 0; i < count; ++i) {
      tokens.push_back(static_cast<int32_t>(random() % config().vocab_size));
    }
    return tokens;
  }

  // The rows that append `tokens` to the sequence.
  static std::vector<BatchRow> RowsOf(const std::vector<int32_t>& tokens, KvCache& cache) {
    std::vector<BatchRow> rows;
    for (const int32_t token : tokens) {
      rows.push_back({token, cache.length() + static_cast<int64_t>(rows.size()), &cache, true});
    }
    return rows;
  }

  // The logits of all rows that asked, one after another.
  std::vector<float> Logits(const std::vector<BatchRow>& rows, ExpertProvider& provider,
                            ForwardObserver* observer = nullptr) {
    const auto result = decoder->Forward(rows, provider, observer);
    if (!result) {
      ADD_FAILURE() << result.error().ToString();
      return {};
    }
    std::vector<float> logits;
    for (const RowResult& row : result->rows) {
      if (row.logits != nullptr) {
        logits.insert(logits.end(), row.logits, row.logits + config().vocab_size);
      }
    }
    return logits;
  }
  std::vector<float> Logits(const std::vector<BatchRow>& rows) { return Logits(rows, *experts); }

  // The same for a fresh sequence, in steps of `chunk` tokens.
  std::vector<float> LogitsOf(const std::vector<int32_t>& tokens, size_t chunk = 64) {
    KvCache cache(*pages);
    std::vector<float> logits;
    for (size_t begin = 0; begin < tokens.size(); begin += chunk) {
      const std::vector<int32_t> part(tokens.begin() + begin,
                                      tokens.begin() + std::min(begin + chunk, tokens.size()));
      const std::vector<float> some = Logits(RowsOf(part, cache));
      logits.insert(logits.end(), some.begin(), some.end());
    }
    return logits;
  }

  std::unique_ptr<RandomSource> source;
  ThreadPool pool;
  std::unique_ptr<Backend> backend;
  std::optional<ModelWeights> weights;
  std::optional<ResidentExperts> experts;
  std::unique_ptr<Decoder> decoder;
  std::unique_ptr<KvPool> pages;
};

}  // namespace ebb
