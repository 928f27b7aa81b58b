// The forward pass against Hugging Face transformers on the checkpoints of tests/golden/models:
// logits, the residual stream after every layer, the chosen experts, and the rotary constants. And
// against itself: the same bits token by token, in chunks, and in a batch with other sequences.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>

#include "base/json.h"
#include "checkpoint/checkpoint.h"
#include "golden/npy.h"
#include "model/decoder.h"
#include "model/resident_experts.h"

namespace ebb {
namespace {

constexpr double kTolerance = 1e-4;

std::string ModelsFolder() { return std::string(EBB_SOURCE_DIR) + "/tests/golden/models"; }

std::vector<std::string> ModelNames() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(ModelsFolder())) {
    if (entry.is_directory()) names.push_back(entry.path().filename().string());
  }
  std::ranges::sort(names);
  return names;
}

// The norm of the difference over the norm.
double RelativeDifference(const float* actual, const float* expected, int64_t count) {
  double difference = 0;
  double norm = 0;
  for (int64_t i = 0; i < count; ++i) {
    difference += std::pow(double{actual[i]} - expected[i], 2);
    norm += std::pow(double{expected[i]}, 2);
  }
  return std::sqrt(difference / norm);
}

// Keeps the residual stream and the chosen experts of a step.
class Recorder final : public ForwardObserver {
 public:
  void OnResidual(LayerId layer, std::span<const BatchRow>, ConstRows x) override {
    for (int64_t t = 0; t < x.count; ++t) {
      residual[layer.value].insert(residual[layer.value].end(), x.row(t), x.row(t) + x.stride);
    }
  }
  void OnRouting(LayerId layer, std::span<const BatchRow>, const Routing& routing) override {
    experts[layer.value].assign(routing.experts.begin(), routing.experts.end());
  }

  std::map<int, std::vector<float>> residual;
  std::map<int, std::vector<int32_t>> experts;
};

// A model folder, loaded, with what transformers makes of it.
class Golden {
 public:
  explicit Golden(const std::string& name) : folder_(ModelsFolder() + "/" + name) {}

  void Load() {
    auto opened = OpenCheckpoint(folder_);
    ASSERT_TRUE(opened) << opened.error().ToString();
    source = std::move(*opened);
    auto loaded = ModelWeights::Load(*source, {});
    ASSERT_TRUE(loaded) << loaded.error().ToString();
    weights.emplace(std::move(*loaded));
    auto resident = ResidentExperts::Load(*source, nullptr);
    ASSERT_TRUE(resident) << resident.error().ToString();
    experts.emplace(std::move(*resident));
    auto json = ReadJsonFile(folder_ + "/golden.json", 1 << 20);
    ASSERT_TRUE(json) << json.error().ToString();
    golden = std::move(*json);
    tokens = golden["tokens"].get<std::vector<int32_t>>();
    for (auto* array : {&logits, &hidden}) {
      auto read = ReadNpy(folder_ + (array == &logits ? "/logits.npy" : "/hidden.npy"));
      ASSERT_TRUE(read) << read.error().ToString();
      *array = std::move(*read);
    }
    ASSERT_EQ(logits.shape, (std::vector<int64_t>{Count(), config().vocab_size}));
    ASSERT_EQ(hidden.shape,
              (std::vector<int64_t>{config().num_layers + 1, Count(), config().hidden_size}));
  }

  const ModelConfig& config() const { return source->config(); }
  int64_t Count() const { return static_cast<int64_t>(tokens.size()); }

  std::unique_ptr<WeightSource> source;
  std::optional<ModelWeights> weights;
  std::optional<ResidentExperts> experts;
  Json golden;
  std::vector<int32_t> tokens;
  NpyArray logits;
  NpyArray hidden;

 private:
  std::string folder_;
};

class ModelGoldenTest : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    golden_.Load();
    if (!HasFatalFailure()) MakeDecoder(1);
  }

  void MakeDecoder(int threads, const char* backend = "") {
    decoder_.reset();
    pool_ = std::make_unique<ThreadPool>(threads);
    backend_ = MakeCpuBackend(*pool_, backend);
    ASSERT_NE(backend_, nullptr);
    const BatchLimits limits{64, 64, golden_.config().max_positions};
    auto decoder = Decoder::Create(*golden_.weights, *backend_, limits);
    ASSERT_TRUE(decoder) << decoder.error().ToString();
    decoder_ = std::move(*decoder);
    pages_ = std::make_unique<KvPool>(decoder_->kv_layout());
  }

  // Runs one step and appends the logits of its rows.
  void Step(const std::vector<BatchRow>& rows, std::vector<float>& logits,
            ForwardObserver* observer = nullptr) {
    const auto result = decoder_->Forward(rows, *golden_.experts, observer);
    ASSERT_TRUE(result) << result.error().ToString();
    ASSERT_TRUE(result->failures.empty());
    for (const RowResult& row : result->rows) {
      if (row.logits != nullptr) {
        logits.insert(logits.end(), row.logits, row.logits + golden_.config().vocab_size);
      }
    }
  }

  // The tokens in steps of at most `chunk` rows.
  std::vector<float> RunInChunks(int64_t chunk, ForwardObserver* observer = nullptr) {
    KvCache cache(*pages_);
    std::vector<float> logits;
    for (int64_t begin = 0; begin < golden_.Count(); begin += chunk) {
      std::vector<BatchRow> rows;
      for (int64_t t = begin; t < std::min(begin + chunk, golden_.Count()); ++t) {
        rows.push_back({golden_.tokens[t], t, &cache, true});
      }
      Step(rows, logits, observer);
    }
    return logits;
  }

  double WorstDifference(const std::vector<float>& logits) const {
    double worst = 0;
    const int64_t vocab = golden_.config().vocab_size;
    for (int64_t t = 0; t < golden_.Count(); ++t) {
      worst = std::max(worst,
                       RelativeDifference(logits.data() + t * vocab, golden_.logits.row(t), vocab));
    }
    return worst;
  }

  Golden golden_{GetParam()};
  std::unique_ptr<ThreadPool> pool_;
  std::unique_ptr<Backend> backend_;
  std::unique_ptr<Decoder> decoder_;
  std::unique_ptr<KvPool> pages_;
};

TEST_P(ModelGoldenTest, LogitsAgreeWithTransformers) {
  const double worst = WorstDifference(RunInChunks(64));
  RecordProperty("worst_relative_difference", fmt::format("{:.3g}", worst));
  EXPECT_LE(worst, kTolerance);
}

TEST_P(ModelGoldenTest, ResidualStreamAndExpertsAgreeWithTransformers) {
  Recorder recorder;
  RunInChunks(64, &recorder);
  const ModelConfig& config = golden_.config();
  for (int layer = -1; layer < config.num_layers; ++layer) {
    const std::vector<float>& stream = recorder.residual[layer];
    ASSERT_EQ(stream.size(), static_cast<size_t>(golden_.Count() * config.hidden_size));
    for (int64_t t = 0; t < golden_.Count(); ++t) {
      EXPECT_LE(RelativeDifference(stream.data() + t * config.hidden_size,
                                   golden_.hidden.row((layer + 1) * golden_.Count() + t),
                                   config.hidden_size),
                kTolerance)
          << "layer " << layer << ", position " << t;
    }
    if (layer < 0 || !config.IsMoeLayer(LayerId{layer})) continue;
    std::vector<int32_t> expected;
    for (const Json& row : golden_.golden["experts"][layer]) {
      for (const Json& expert : row) expected.push_back(expert.get<int32_t>());
    }
    EXPECT_EQ(recorder.experts[layer], expected) << "layer " << layer;
  }
}

TEST_P(ModelGoldenTest, RotaryConstantsAgreeWithTransformers) {
  const Json& expected = golden_.golden["rope"];
  const Rope rope(golden_.config());
  const auto frequencies = expected["inverse_frequencies"].get<std::vector<float>>();
  ASSERT_EQ(rope.inverse_frequencies().size(), frequencies.size());
  for (size_t i = 0; i < frequencies.size(); ++i) {
    EXPECT_NEAR(rope.inverse_frequencies()[i], frequencies[i], 1e-6 * frequencies[i]);
  }
  const double scale = expected["cos_sin_scale"].get<double>();
  EXPECT_NEAR(rope.cos_sin_scale(), scale, 1e-6 * scale);
  const double softmax_scale = expected["softmax_scale"].get<double>();
  EXPECT_NEAR(SoftmaxScale(golden_.config()), softmax_scale, 1e-6 * softmax_scale);
}

TEST_P(ModelGoldenTest, TokenByTokenAndInChunksAreTheSameBits) {
  const std::vector<float> prefill = RunInChunks(64);
  EXPECT_EQ(RunInChunks(1), prefill);
  EXPECT_EQ(RunInChunks(5), prefill);
}

// The golden sequence in uneven chunks, amid a sequence that decodes and one that prefills other
// tokens.
TEST_P(ModelGoldenTest, AMixedBatchIsTheSameBits) {
  const std::vector<float> prefill = RunInChunks(64);
  KvCache cache(*pages_);
  KvCache decoding(*pages_);
  KvCache prefilling(*pages_);
  std::vector<float> logits;
  int64_t chunk = 1;
  for (int64_t begin = 0; begin < golden_.Count(); begin += chunk, chunk = chunk % 7 + 3) {
    std::vector<BatchRow> rows;
    const auto add_other = [&](KvCache& other, int64_t offset, int64_t token) {
      const auto id = static_cast<int32_t>(token % golden_.config().vocab_size);
      rows.push_back({id, other.length() + offset, &other});
    };
    add_other(prefilling, 0, 3 * begin);
    for (int64_t t = begin; t < std::min(begin + chunk, golden_.Count()); ++t) {
      rows.push_back({golden_.tokens[t], t, &cache, true});
      if (t == begin) add_other(decoding, 0, 7 * begin + 1);
    }
    add_other(prefilling, 1, 5 * begin + 2);
    add_other(prefilling, 2, 11 * begin + 2);
    Step(rows, logits);
  }
  EXPECT_EQ(logits, prefill);
}

TEST_P(ModelGoldenTest, ThreadsAndInstructionSetsWithFmaAreTheSameBits) {
  const std::vector<float> expected = RunInChunks(64);
  MakeDecoder(3);
  EXPECT_EQ(RunInChunks(7), expected);
  for (const std::string_view name : CpuBackendNames()) {
    MakeDecoder(2, std::string(name).c_str());
    const std::vector<float> logits = RunInChunks(64);
    if (name == "sse4") {
      EXPECT_LE(WorstDifference(logits), kTolerance);
    } else {
      EXPECT_EQ(logits, expected) << name;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Models, ModelGoldenTest, testing::ValuesIn(ModelNames()),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace ebb
