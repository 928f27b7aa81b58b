// Checkpoint -> .ebb -> checkpoint, on the golden models.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>

#include "base/file.h"
#include "checkpoint/checkpoint.h"
#include "pack/compress.h"
#include "pack/decompress.h"
#include "pack/verify.h"
#include "testing/temp_dir.h"

namespace ebb {
namespace {

using ::testing::HasSubstr;

std::string Golden(const std::string& name) {
  return std::string(EBB_SOURCE_DIR) + "/tests/golden/models/" + name;
}

class PackTest : public ::testing::TestWithParam<const char*> {
 protected:
  CompressReport MustCompress(const WeightSource& source, const std::string& path,
                              const CompressOptions& options, int threads = 2) {
    const Result<CompressReport> report = Compress(source, path, options, ThreadPool(threads));
    EXPECT_TRUE(report.has_value()) << report.error().ToString();
    return report.value_or(CompressReport{});
  }

  TempDir dir_;
  ThreadPool threads_{2};
};

TEST_P(PackTest, EveryWeightKeepsItsBoundAndDenseTensorsTheirBits) {
  const auto source = OpenCheckpoint(Golden(GetParam())).value();
  for (const BoundScope scope : {BoundScope::kExpert, BoundScope::kTensor, BoundScope::kRow}) {
    for (const char* bound : {"rel:0.05", "rel:0.8", "abs:1e-3", "abs:1e-9", "lossless"}) {
      SCOPED_TRACE(fmt::format("{} {}", BoundScopeName(scope), bound));
      CompressOptions options;
      options.scope = scope;
      options.plan.default_bound = ParseErrorBound(bound).value();
      const std::string path = dir_.Path("m.ebb");
      const CompressReport report = MustCompress(*source, path, options);
      const auto packed = PackedSource::Open(path).value();
      const Result<VerifyReport> verified = Verify(*packed, source.get(), threads_, {});
      ASSERT_TRUE(verified.has_value()) << verified.error().ToString();
      EXPECT_TRUE(verified->ok()) << verified->problems.at(0);
      EXPECT_EQ(verified->elements, report.total_weights);
      EXPECT_LE(verified->max_error_over_bound, 1.0);
      EXPECT_NEAR(verified->max_error_over_bound, report.expert_statistics.max_error_over_bound,
                  1e-9);
    }
  }
}

TEST_P(PackTest, DenseBoundAppliesToMatricesOnly) {
  const auto source = OpenCheckpoint(Golden(GetParam())).value();
  CompressOptions options;
  options.plan.dense_bound = ErrorBound::Relative(0.1);
  const std::string path = dir_.Path("m.ebb");
  MustCompress(*source, path, options);
  const auto packed = PackedSource::Open(path).value();
  EXPECT_TRUE(Verify(*packed, source.get(), threads_, {})->ok());
  for (size_t i = 0; i < packed->tensors().size(); ++i) {
    EXPECT_EQ(packed->Record(i).bound_kind == 0, packed->tensors()[i].shape.size() == 1);
  }
}

TEST_P(PackTest, BytesDoNotDependOnTheNumberOfThreads) {
  const auto source = OpenCheckpoint(Golden(GetParam())).value();
  const CompressOptions options;
  std::string first;
  for (const int threads : {1, 2, 5}) {
    const std::string path = dir_.Path(fmt::format("{}.ebb", threads));
    MustCompress(*source, path, options, threads);
    const std::string content = ReadTextFile(path, 1 << 28).value();
    if (first.empty()) first = content;
    EXPECT_EQ(content, first) << threads;
  }
}

TEST_P(PackTest, ResumesWithTheSameBytesAndFigures) {
  const auto source = OpenCheckpoint(Golden(GetParam())).value();
  CompressOptions options;
  const CompressReport whole = MustCompress(*source, dir_.Path("whole.ebb"), options);
  const std::string path = dir_.Path("m.ebb");
  // A progress sink that throws would not be allowed; stopping is what a kill does: some groups are
  // in the journal, the file is not there. Writing under another name and taking its partial file
  // away before the end is not possible from outside, so the writer is driven by a source that
  // fails late.
  class FailingSource final : public WeightSource {
   public:
    FailingSource(const WeightSource& source, std::string fail_at)
        : source_(source), fail_at_(std::move(fail_at)) {}
    const ModelConfig& config() const override { return source_.config(); }
    const SideFiles& side_files() const override { return source_.side_files(); }
    const std::vector<TensorSpec>& tensors() const override { return source_.tensors(); }
    Result<DType> DTypeOf(const TensorSpec& tensor) const override {
      return source_.DTypeOf(tensor);
    }
    Status ReadRows(const TensorSpec& tensor, uint64_t first, uint64_t count,
                    std::span<std::byte> to) const override {
      if (tensor.name == fail_at_) return MakeError(ErrorCode::kIo, "disk", "gone");
      return source_.ReadRows(tensor, first, count, to);
    }

   private:
    const WeightSource& source_;
    std::string fail_at_;
  };
  const size_t late = source->tensors().size() * 3 / 4;
  const FailingSource failing(*source, source->tensors()[late].name);
  EXPECT_THAT(Compress(failing, path, options, threads_).error().ToString(), HasSubstr("gone"));
  EXPECT_FALSE(FileExists(path));
  const CompressReport resumed = MustCompress(*source, path, options);
  EXPECT_GT(resumed.resumed_groups, 0u);
  EXPECT_EQ(ReadTextFile(path, 1 << 28).value(),
            ReadTextFile(dir_.Path("whole.ebb"), 1 << 28).value());
  EXPECT_EQ(resumed.expert_bytes, whole.expert_bytes);
  EXPECT_EQ(resumed.expert_statistics.entropy_bits, whole.expert_statistics.entropy_bits);
}

TEST_P(PackTest, DecompressesToACheckpointWithinTheBound) {
  const auto source = OpenCheckpoint(Golden(GetParam())).value();
  const std::string path = dir_.Path("m.ebb");
  MustCompress(*source, path, {});
  const auto packed = PackedSource::Open(path).value();
  for (const DType dtype : {DType::kF32, DType::kBf16}) {
    const std::string folder = dir_.Path(std::string(DTypeName(dtype)));
    DecompressOptions options;
    options.bounded_dtype = dtype;
    ASSERT_TRUE(Decompress(*packed, folder, options));
    const auto again = OpenCheckpoint(folder).value();
    for (size_t i = 0; i < again->tensors().size(); ++i) {
      const TensorSpec& tensor = again->tensors()[i];
      const bool bounded = packed->Record(i).bound_kind != 0;
      EXPECT_EQ(again->DTypeOf(tensor).value(), bounded ? dtype : source->DTypeOf(tensor).value());
      std::vector<float> wide[2];
      const WeightSource* const sources[] = {source.get(), again.get()};
      for (size_t s = 0; s < 2; ++s) {
        const DType stored = sources[s]->DTypeOf(tensor).value();
        std::vector<std::byte> words(tensor.elements() * DTypeBytes(stored));
        ASSERT_TRUE(sources[s]->ReadRows(tensor, 0, tensor.rows(), words));
        wide[s].resize(tensor.elements());
        WidenToF32(stored, words.data(), tensor.elements(), wide[s].data());
      }
      for (size_t e = 0; e < wide[0].size(); ++e) {
        const double slack =
            dtype == DType::kBf16 && bounded ? std::abs(wide[0][e]) * 0x1p-7 + 1e-9 : 0;
        ASSERT_LE(std::abs(double{wide[1][e]} - double{wide[0][e]}),
                  double{packed->Record(i).bound_abs} + slack);
      }
    }
    EXPECT_FALSE(Decompress(*packed, folder, options).has_value()) << "overwrote a checkpoint";
  }
}

TEST_P(PackTest, VerifyFindsWhatAnotherCheckpointChanged) {
  // The same model with one weight moved beyond its bound.
  const auto source = OpenCheckpoint(Golden(GetParam())).value();
  const std::string path = dir_.Path("m.ebb");
  MustCompress(*source, path, {});
  class ChangedSource final : public WeightSource {
   public:
    explicit ChangedSource(const WeightSource& source) : source_(source) {}
    const ModelConfig& config() const override { return source_.config(); }
    const SideFiles& side_files() const override { return source_.side_files(); }
    const std::vector<TensorSpec>& tensors() const override { return source_.tensors(); }
    Result<DType> DTypeOf(const TensorSpec& tensor) const override {
      return source_.DTypeOf(tensor);
    }
    Status ReadRows(const TensorSpec& tensor, uint64_t first, uint64_t count,
                    std::span<std::byte> to) const override {
      EBB_TRY(source_.ReadRows(tensor, first, count, to));
      if (tensor.role == TensorRole::kRoutedExpertUp || tensor.role == TensorRole::kOutputHead) {
        to[to.size() - 1] ^= std::byte{0x80};  // a sign
      }
      return {};
    }

   private:
    const WeightSource& source_;
  };
  const auto packed = PackedSource::Open(path).value();
  const Result<VerifyReport> report =
      Verify(*packed, std::make_unique<ChangedSource>(*source).get(), threads_, {});
  ASSERT_TRUE(report.has_value());
  EXPECT_FALSE(report->ok());
  EXPECT_GT(report->violations, 0u);
  EXPECT_EQ(report->bad_chunks, 0u);
}

INSTANTIATE_TEST_SUITE_P(GoldenModels, PackTest,
                         ::testing::Values("deepseek_moonlight", "deepseek_fused_groups",
                                           "deepseek_top1_tied", "mixtral_extras", "mixtral_plain"),
                         [](const auto& info) { return std::string(info.param); });

TEST(PackDamage, VerifyCountsBadChunks) {
  const TempDir dir;
  const auto source = OpenCheckpoint(Golden("mixtral_plain")).value();
  const std::string path = dir.Path("m.ebb");
  ASSERT_TRUE(Compress(*source, path, {}, ThreadPool(1)));
  const uint64_t offset = PackedSource::Open(path).value()->container().index().groups[3].offset;
  {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(offset + 20)).put('\x55').put('\xaa');
  }
  const auto packed = PackedSource::Open(path).value();
  const VerifyReport report = Verify(*packed, source.get(), ThreadPool(2), {}).value();
  EXPECT_EQ(report.bad_chunks, 1u);
  EXPECT_FALSE(report.ok());
  EXPECT_THAT(report.problems.at(0), HasSubstr("damaged"));
}

TEST(BoundPlanTest, ExpertGoesBeforeLayerBeforeDefault) {
  const auto source = OpenCheckpoint(Golden("deepseek_moonlight")).value();
  const ModelConfig& config = source->config();
  const auto first = static_cast<int32_t>(config.moe.first_dense_layers);
  BoundPlan plan;
  const Json json =
      ParseJson(fmt::format(R"({{"version": 1, "default": "rel:0.3", "dense": "abs:1e-4",
      "layers": {{"{0}": "rel:0.1"}},
      "experts": {{"{0}/1": "lossless", "{0}/2": "like:rtn4"}}}})",
                            first),
                "p")
          .value();
  ASSERT_TRUE(ReadBoundPlan(json, config, "p", &plan));
  TensorSpec expert{"e", {4, 4}, TensorRole::kRoutedExpertUp, LayerId{first}, ExpertId{1}};
  EXPECT_EQ(plan.BoundOf(expert), ErrorBound::Lossless());
  expert.expert = ExpertId{2};
  EXPECT_EQ(plan.BoundOf(expert), ErrorBound::Like("rtn4"));
  EXPECT_TRUE(plan.AsksForLike());
  expert.expert = ExpertId{0};
  EXPECT_EQ(plan.BoundOf(expert), ErrorBound::Relative(0.1));
  expert.layer = LayerId{first + 1};
  EXPECT_EQ(plan.BoundOf(expert), ErrorBound::Relative(0.3));
  EXPECT_EQ(plan.BoundOf({"a", {4, 4}, TensorRole::kAttention}), ErrorBound::Absolute(1e-4));
  EXPECT_EQ(plan.BoundOf({"n", {4}, TensorRole::kNorm}), ErrorBound::Lossless());
}

TEST(BoundPlanTest, MistakesAreNamed) {
  const auto source = OpenCheckpoint(Golden("deepseek_moonlight")).value();
  const auto error = [&](const char* text) {
    BoundPlan plan;
    const Status status =
        ReadBoundPlan(ParseJson(text, "p.json").value(), source->config(), "p.json", &plan);
    return status ? std::string() : status.error().ToString();
  };
  EXPECT_THAT(error("{}"), HasSubstr("\"version\" is missing"));
  EXPECT_THAT(error(R"({"version": 2})"), HasSubstr("plan version 2"));
  EXPECT_THAT(error(R"({"version": 1, "default": "big"})"), HasSubstr("not an error bound"));
  EXPECT_THAT(error(R"({"version": 1, "dense": "like:zfp"})"), HasSubstr("p.json"));
  EXPECT_THAT(error(R"({"version": 1, "default": 3})"), HasSubstr("not a string"));
  EXPECT_THAT(error(R"({"version": 1, "layers": {"99": "rel:0.1"}})"),
              HasSubstr("\"99\" is no layer"));
  EXPECT_THAT(error(R"({"version": 1, "experts": {"1/999": "rel:0.1"}})"),
              HasSubstr("has experts 0 to"));
  EXPECT_THAT(error(R"({"version": 1, "experts": {"1": "rel:0.1"}})"), HasSubstr("LAYER/EXPERT"));
  EXPECT_THAT(error(R"({"version": 1, "bound": "rel:0.1"})"), HasSubstr("unknown key"));
}

}  // namespace
}  // namespace ebb
