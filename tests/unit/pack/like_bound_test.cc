// Bounds "like:CODEC": never a larger error than the codec's, and not much smaller a bound than
// there could be.
#include "pack/like_bound.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <hwy/targets.h>

#include <cmath>
#include <set>

#include "checkpoint/checkpoint.h"
#include "pack/compress.h"
#include "pack/verify.h"
#include "testing/temp_dir.h"
#include "testing/weights.h"

namespace ebb {
namespace {

using ::testing::HasSubstr;

double QuantizerErrorAt(float bound, const std::vector<float>& weights) {
  return QuantizerError().At(bound, weights);
}

// The bound for weights that are stored as `dtype` and come in runs of `run`.
float BoundOf(const Codec& codec, const std::vector<float>& weights, DType dtype, size_t run) {
  LikeBoundFinder finder(codec);
  for (size_t first = 0; first < weights.size(); first += run) {
    const auto part = std::span(weights).subspan(first, std::min(run, weights.size() - first));
    std::vector<uint16_t> words(part.size());
    std::transform(part.begin(), part.end(), words.begin(), F32ToBf16);
    const auto bytes = dtype == DType::kF32 ? std::as_bytes(part) : std::as_bytes(std::span(words));
    EXPECT_TRUE(finder.Add(dtype, bytes, part));
  }
  EXPECT_TRUE(finder.EndMatrix());
  return finder.Find([&](float bound) { return QuantizerErrorAt(bound, weights); }).value();
}

class LikeBoundTest : public ::testing::TestWithParam<const char*> {
 protected:
  const ErrorBound bound_ = ParseBoundOrLike(std::string("like:") + GetParam()).value();
  const Codec& codec_ = CodecToBeLike(bound_);
};

TEST_P(LikeBoundTest, IsTheLargestWhoseErrorIsNotAboveTheCodecs) {
  for (const Law law : {Law::kGauss, Law::kLaplace, Law::kStudentRows, Law::kUniform}) {
    const std::vector<float> weights = MakeWeights(law, 256, 352);
    const double wanted = codec_.SquaredError({weights, 256, 352}).value();
    const float bound = BoundOf(codec_, weights, DType::kBf16, weights.size());
    const double error = QuantizerErrorAt(bound, weights);
    EXPECT_LE(error, wanted);
    // The error rises about with the square of the bound, which is known to one part in 4096.
    EXPECT_GT(error, wanted * (1 - 1.0 / 500));
    // bf16 weights change their bins together, so the error has waves of some parts in a thousand.
    EXPECT_GT(QuantizerErrorAt(bound * 1.01f, weights), wanted);
  }
}

TEST_P(LikeBoundTest, DoesNotDependOnRunsStorageOrInstructionSet) {
  const std::vector<float> weights = MakeWeights(Law::kStudentRows, 96, 111);
  std::set<float> found;
  for (const size_t run : {weights.size(), size_t{111}, size_t{7}}) {
    for (const DType dtype : {DType::kBf16, DType::kF32}) {
      for (int64_t targets = hwy::SupportedTargets(); targets != 0; targets &= targets - 1) {
        hwy::SetSupportedTargetsForTest(targets & -targets);
        found.insert(BoundOf(codec_, weights, dtype, run));
      }
      hwy::SetSupportedTargetsForTest(0);
    }
  }
  // Sums in another order may differ in the last digits, and the bound by as much as its search is
  // precise; the same runs and storage give the same bound.
  EXPECT_LE(*found.rbegin() / *found.begin(), 1 + 1.0 / 2048);
  EXPECT_LE(found.size(), 6u);
}

TEST_P(LikeBoundTest, HostileWeightsNeverGetALargerError) {
  for (const auto& [name, weights] : MakeHostileWeights(777)) {
    SCOPED_TRACE(name);
    const double wanted = codec_.SquaredError({weights, 1, weights.size()}).value();
    const float bound = BoundOf(codec_, weights, DType::kF32, weights.size());
    ASSERT_TRUE(bound >= 0 && std::isfinite(bound));
    if (bound > 0) {
      EXPECT_LE(QuantizerErrorAt(bound, weights), wanted * (1 + 1e-12)) << "in any order of sums";
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Codecs, LikeBoundTest,
                         ::testing::Values("rtn8", "rtn4", "rtn3", "rtn2", "nf4"),
                         [](const auto& info) { return std::string(info.param); });

TEST(LikeBound, WhatTheCodecKeepsExactlyIsStoredExactly) {
  const Codec& codec = CodecToBeLike(ErrorBound::Like("rtn4"));
  EXPECT_EQ(BoundOf(codec, std::vector<float>(64, 0.0f), DType::kBf16, 64), 0);
  EXPECT_EQ(BoundOf(codec, std::vector<float>(64, -0.75f), DType::kBf16, 64), 0);
  EXPECT_EQ(BoundOf(codec, {}, DType::kBf16, 1), 0);
}

TEST(LikeBound, OnlyCodecsOfFixedWidthHaveAnError) {
  EXPECT_EQ(ParseBoundOrLike("rel:0.5").value(), ErrorBound::Relative(0.5));
  EXPECT_EQ(ParseBoundOrLike("like:rtn4").value(), ErrorBound::Like("rtn4"));
  EXPECT_THAT(ParseBoundOrLike("like:ebb").error().ToString(), HasSubstr("write like:rtn8"));
  EXPECT_THAT(ParseBoundOrLike("like:none").error().ToString(), HasSubstr("is no codec"));
  EXPECT_FALSE(ParseErrorBound("like:rtn4").has_value()) << "who has no codecs cannot keep it";
}

// The squared error of `decoded`, and that of the codec, for each scope of a group.
struct ScopeErrors {
  double decoded = 0;
  double codec = 0;
};

std::vector<float> AllWeights(const WeightSource& source, const TensorSpec& tensor) {
  const DType dtype = source.DTypeOf(tensor).value();
  std::vector<std::byte> words(tensor.elements() * DTypeBytes(dtype));
  EXPECT_TRUE(source.ReadRows(tensor, 0, tensor.rows(), words));
  std::vector<float> weights(tensor.elements());
  WidenToF32(dtype, words.data(), weights.size(), weights.data());
  return weights;
}

class LikeFileTest : public ::testing::TestWithParam<const char*> {};

TEST_P(LikeFileTest, EveryScopeKeepsItsErrorAndVerifies) {
  const TempDir dir;
  const auto source =
      OpenCheckpoint(std::string(EBB_SOURCE_DIR) + "/tests/golden/models/" + GetParam()).value();
  for (const BoundScope scope : {BoundScope::kExpert, BoundScope::kTensor, BoundScope::kRow}) {
    SCOPED_TRACE(BoundScopeName(scope));
    CompressOptions options;
    options.scope = scope;
    options.plan.default_bound = ErrorBound::Like("rtn4");
    options.plan.dense_bound = ErrorBound::Like("rtn8");
    const std::string path = dir.Path("m.ebb");
    ASSERT_TRUE(Compress(*source, path, options, ThreadPool(2)));
    const auto packed = PackedSource::Open(path).value();
    const Result<VerifyReport> verified = Verify(*packed, source.get(), ThreadPool(2), {});
    ASSERT_TRUE(verified.has_value()) << verified.error().ToString();
    EXPECT_TRUE(verified->ok()) << verified->problems.at(0);
    std::map<std::string, ScopeErrors> scopes;
    for (size_t i = 0; i < packed->tensors().size(); ++i) {
      const TensorSpec& tensor = packed->tensors()[i];
      const ErrorBound bound = options.plan.BoundOf(tensor);
      EXPECT_EQ(packed->Record(i).bound_kind, tensor.shape.size() == 1 ? 0 : 1) << tensor.name;
      if (bound.IsLossless()) continue;
      const std::vector<float> original = AllWeights(*source, tensor);
      const std::vector<float> decoded = AllWeights(*packed, tensor);
      const uint64_t run = scope == BoundScope::kRow ? tensor.cols() : tensor.elements();
      for (uint64_t first = 0; first < original.size(); first += run) {
        std::string name = fmt::format("{} {}", tensor.name, first);
        if (scope == BoundScope::kExpert && IsRoutedExpert(tensor.role)) {
          name = fmt::format("{}/{}", tensor.layer.value, tensor.expert.value);
        }
        const auto part = std::span(original).subspan(first, run);
        ScopeErrors& errors = scopes[name];
        errors.codec += CodecToBeLike(bound).SquaredError({part, 1, run}).value();
        for (uint64_t e = first; e < first + run; ++e) {
          const double error = double{decoded[e]} - double{original[e]};
          errors.decoded += error * error;
        }
      }
    }
    for (const auto& [name, errors] : scopes) {
      EXPECT_LE(errors.decoded, errors.codec * (1 + 1e-12)) << name;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(GoldenModels, LikeFileTest,
                         ::testing::Values("deepseek_moonlight", "deepseek_fused_groups",
                                           "mixtral_extras"),
                         [](const auto& info) { return std::string(info.param); });

TEST(LikeFile, AWrongRowIsFoundThoughItsErrorIsBelowTheLargestBound) {
  // With one bound a row the index names only the largest: verify must hold each row to its own.
  const TempDir dir;
  const auto source =
      OpenCheckpoint(std::string(EBB_SOURCE_DIR) + "/tests/golden/models/mixtral_plain").value();
  CompressOptions options;
  options.scope = BoundScope::kRow;
  options.plan.default_bound = ErrorBound::Like("rtn4");
  const std::string path = dir.Path("m.ebb");
  ASSERT_TRUE(Compress(*source, path, options, ThreadPool(1)));
  const auto packed = PackedSource::Open(path).value();
  // Each weight moves by a little less than the largest bound of its matrix.
  class MovedSource final : public WeightSource {
   public:
    MovedSource(const WeightSource& source, const PackedSource& packed)
        : source_(source), packed_(packed) {}
    const ModelConfig& config() const override { return source_.config(); }
    const SideFiles& side_files() const override { return source_.side_files(); }
    const std::vector<TensorSpec>& tensors() const override { return source_.tensors(); }
    Result<DType> DTypeOf(const TensorSpec& tensor) const override {
      return IsRoutedExpert(tensor.role) ? DType::kF32 : source_.DTypeOf(tensor);
    }
    Status ReadRows(const TensorSpec& tensor, uint64_t first, uint64_t count,
                    std::span<std::byte> to) const override {
      if (!IsRoutedExpert(tensor.role)) return source_.ReadRows(tensor, first, count, to);
      EBB_TRY(packed_.ReadRows(tensor, first, count, to));
      size_t i = 0;
      while (packed_.tensors()[i].name != tensor.name) ++i;
      const float moved = 0.999f * packed_.Record(i).bound_abs;
      for (size_t at = 0; at < to.size(); at += sizeof(float)) {
        float value;
        std::memcpy(&value, to.data() + at, sizeof(value));
        value += moved;
        std::memcpy(to.data() + at, &value, sizeof(value));
      }
      return {};
    }

   private:
    const WeightSource& source_;
    const PackedSource& packed_;
  };
  const MovedSource moved(*source, *packed);
  const VerifyReport report = Verify(*packed, &moved, ThreadPool(1), {}).value();
  EXPECT_GT(report.violations, 0u);
  EXPECT_GT(report.max_error_over_bound, 1.0);
}

}  // namespace
}  // namespace ebb
