#include "cli/bench_inputs.h"

#include <cmath>
#include <numbers>
#include <random>

#include "base/float16.h"
#include "base/npy.h"
#include "checkpoint/checkpoint.h"
#include "codec/bound.h"
#include "pack/group_encoder.h"
#include "packed/tensor_groups.h"

namespace ebb {
namespace {

constexpr double kDeviation = 0.02;

enum class Law { kGauss, kLaplace, kStudentRows };

// The digamma function for x > 0: its recurrence, then its asymptotic series.
double Digamma(double x) {
  double sum = 0;
  for (; x < 10; ++x) sum -= 1 / x;
  const double square = 1 / (x * x);
  return sum + std::log(x) - 0.5 / x - square * (1.0 / 12 - square * (1.0 / 120 - square / 252));
}

// Differential entropy in bits of kDeviation x a standard draw.
double LawEntropyBits(Law law) {
  double nats = 0;
  switch (law) {
    case Law::kGauss:
      nats = 0.5 * std::log(2 * std::numbers::pi * std::numbers::e);
      break;
    case Law::kLaplace:
      nats = std::log(2 * std::numbers::e);
      break;
    case Law::kStudentRows: {
      // Student's t; the logarithms of the row scales have mean 0.
      constexpr double kFreedom = 5;
      const double beta =
          std::lgamma(kFreedom / 2) + std::lgamma(0.5) - std::lgamma(kFreedom / 2 + 0.5);
      nats = (kFreedom + 1) / 2 * (Digamma((kFreedom + 1) / 2) - Digamma(kFreedom / 2)) +
             0.5 * std::log(kFreedom) + beta;
      break;
    }
  }
  return (nats + std::log(kDeviation)) / std::numbers::ln2;
}

const char* NameOf(Law law) {
  switch (law) {
    case Law::kGauss:
      return "gauss";
    case Law::kLaplace:
      return "laplace";
    case Law::kStudentRows:
      return "student-t 5, row scales";
  }
  return "";
}

BenchInput Synthetic(Law law) {
  constexpr uint64_t kRows = 1408;
  constexpr uint64_t kCols = 2048;
  std::mt19937_64 random(1);
  std::normal_distribution<double> normal;
  std::exponential_distribution<double> exponential;
  std::student_t_distribution<double> student(5);
  BenchScope scope;
  scope.weights.reserve(kRows * kCols);
  for (uint64_t row = 0; row < kRows; ++row) {
    const double scale = law == Law::kStudentRows ? std::exp(0.3 * normal(random)) : 1;
    for (uint64_t col = 0; col < kCols; ++col) {
      double value = 0;
      if (law == Law::kGauss) value = normal(random);
      if (law == Law::kLaplace) value = exponential(random) * (random() & 1 ? 1 : -1);
      if (law == Law::kStudentRows) value = student(random) * scale;
      scope.weights.push_back(Bf16ToF32(F32ToBf16(static_cast<float>(kDeviation * value))));
    }
  }
  scope.arrays = scope.own_arrays = {{0, kRows, kCols}};
  BenchInput input{NameOf(law), {}, LawEntropyBits(law)};
  input.scopes.push_back(std::move(scope));
  return input;
}

Result<std::vector<BenchInput>> FromCheckpoint(const std::string& path) {
  constexpr uint64_t kMostWeights = 16 << 20;
  EBB_TRY_ASSIGN(const auto source, OpenCheckpoint(path));
  BenchInput experts{"routed experts", {}, {}};
  for (const TensorGroup& group : GroupTensors(source->tensors())) {
    if (!group.routed_expert || experts.weights() > kMostWeights) continue;
    const auto tensors = std::span(source->tensors()).subspan(group.first_tensor, group.tensors);
    BenchScope scope;
    for (const TensorSpec& tensor : tensors) {
      EBB_TRY_ASSIGN(const DType dtype, source->DTypeOf(tensor));
      std::vector<std::byte> words(tensor.elements() * DTypeBytes(dtype));
      EBB_TRY(source->ReadRows(tensor, 0, tensor.rows(), words));
      const size_t at = scope.weights.size();
      scope.weights.resize(at + tensor.elements());
      WidenToF32(dtype, words.data(), tensor.elements(), scope.weights.data() + at);
      scope.arrays.push_back({at, tensor.rows(), tensor.cols()});
    }
    scope.own_arrays = scope.arrays;
    if (PlanChunks(tensors, true, CodecSetting::kFast)[0].whole_group &&
        scope.weights.size() % tensors[0].cols() == 0) {
      scope.own_arrays = {{0, scope.weights.size() / tensors[0].cols(), tensors[0].cols()}};
    }
    experts.scopes.push_back(std::move(scope));
  }
  if (experts.scopes.empty()) {
    return MakeError(ErrorCode::kInvalidArgument, path, "has no routed experts");
  }
  std::vector<BenchInput> inputs;
  inputs.push_back(std::move(experts));
  return inputs;
}

Result<std::vector<BenchInput>> FromNpy(const std::string& path) {
  EBB_TRY_ASSIGN(NpyArray array, ReadNpy(path));
  if (array.values.empty()) return MakeError(ErrorCode::kInvalidArgument, path, "holds no values");
  BenchScope scope;
  const uint64_t cols = array.shape.back();
  scope.arrays = scope.own_arrays = {{0, array.values.size() / cols, cols}};
  scope.weights = std::move(array.values);
  std::vector<BenchInput> inputs(1);
  inputs[0].name = path.substr(path.rfind('/') + 1);
  inputs[0].scopes.push_back(std::move(scope));
  return inputs;
}

}  // namespace

uint64_t BenchInput::weights() const {
  uint64_t sum = 0;
  for (const BenchScope& scope : scopes) sum += scope.weights.size();
  return sum;
}

double BenchInput::mean_magnitude() const {
  MagnitudeSum sum;
  for (const BenchScope& scope : scopes) sum.Add(scope.weights);
  return sum.Mean();
}

Result<std::vector<BenchInput>> LoadBenchInputs(const std::string& input) {
  if (input.ends_with(".npy")) return FromNpy(input);
  if (input != "synthetic") return FromCheckpoint(input);
  std::vector<BenchInput> inputs;
  for (const Law law : {Law::kGauss, Law::kLaplace, Law::kStudentRows}) {
    inputs.push_back(Synthetic(law));
  }
  return inputs;
}

}  // namespace ebb
