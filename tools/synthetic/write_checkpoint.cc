#include "synthetic/write_checkpoint.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <map>
#include <vector>

#include "arch/model_config.h"
#include "arch/tensor_spec.h"
#include "base/bytes.h"
#include "base/file.h"
#include "base/float16.h"
#include "base/hash.h"
#include "checkpoint/safetensors_writer.h"
#include "synthetic/gaussian.h"
#include "synthetic/router.h"
#include "synthetic/tokenizer_file.h"

namespace ebb {
namespace {

constexpr double kRowDeviation = 0.2;  // of the logarithms of the rows' factors
constexpr double kDefaultDeviation = 0.02;
constexpr uint64_t kPieceWeights = uint64_t{2} << 20;
// The largest frequencies that BiasesFor and RowFactorsFor can give.
constexpr double kMostWithBias = 0.95;
constexpr double kMostWithoutBias = 0.45;

// Rows of one tensor: what a thread makes at a time.
struct Piece {
  const TensorSpec* tensor;
  uint64_t first_row;
  uint64_t rows;
};

class Weights {
 public:
  Weights(const ModelConfig& config, const SyntheticOptions& options, double deviation)
      : config_(config), options_(options), deviation_(deviation) {}

  [[nodiscard]] std::vector<std::byte> Make(const Piece& piece) const {
    const TensorSpec& tensor = *piece.tensor;
    switch (tensor.role) {
      case TensorRole::kNorm:
        return Bytes(std::vector<uint16_t>(tensor.elements(), F32ToBf16(1)));
      case TensorRole::kRouterBias:
        return Bytes(RouterBias(tensor));
      default:
        return Bytes(Rows(piece));
    }
  }

  static DType DTypeOf(const TensorSpec& tensor) {
    return tensor.role == TensorRole::kRouterBias ? DType::kF32 : DType::kBf16;
  }

 private:
  template <typename T>
  static std::vector<std::byte> Bytes(const std::vector<T>& values) {
    const auto bytes = AsBytes(std::span<const T>(values));
    return {bytes.begin(), bytes.end()};
  }

  uint64_t KeyOf(const TensorSpec& tensor, std::string_view purpose) const {
    const std::string text = fmt::format("{}|{}|{}", options_.seed, purpose, tensor.name);
    return Xxh3(std::as_bytes(std::span(text)));
  }

  std::vector<uint16_t> Rows(const Piece& piece) const {
    const TensorSpec& tensor = *piece.tensor;
    const uint64_t cols = tensor.cols();
    const uint64_t key = KeyOf(tensor, "weights");
    const uint64_t rows_key = KeyOf(tensor, "rows");
    const std::vector<float> router = RouterFactors(tensor);
    std::vector<uint16_t> values(piece.rows * cols);
    for (uint64_t r = 0; r < piece.rows; ++r) {
      const uint64_t row = piece.first_row + r;
      const double factor = tensor.role == TensorRole::kRouter
                                ? router[row]
                                : std::exp(kRowDeviation * NormalAt(rows_key, row));
      FillNormalBf16(key, row * cols, static_cast<float>(deviation_ * factor),
                     std::span(values).subspan(r * cols, cols));
    }
    return values;
  }

  // The frequencies of a layer's experts, by expert.
  std::vector<double> Frequencies(const TensorSpec& router, double most) const {
    const auto experts = static_cast<size_t>(config_.moe.num_experts);
    const auto chosen = static_cast<size_t>(config_.moe.experts_per_token);
    const std::vector<double> by_rank =
        ZipfFrequencies(experts, chosen, options_.zipf_exponent, most);
    std::vector<double> frequencies;
    for (const size_t rank : PopularityRanks(KeyOf(router, "popularity"), experts)) {
      frequencies.push_back(by_rank[rank]);
    }
    return frequencies;
  }

  std::vector<float> RouterBias(const TensorSpec& bias) const {
    if (options_.zipf_exponent == 0) return std::vector<float>(bias.elements(), 0.0f);
    // A router sees rows of root mean square 1.
    const double logit_deviation = deviation_ * std::sqrt(static_cast<double>(config_.hidden_size));
    return BiasesFor(Frequencies(bias, kMostWithBias), logit_deviation);
  }

  std::vector<float> RouterFactors(const TensorSpec& tensor) const {
    if (tensor.role != TensorRole::kRouter) return {};
    if (options_.zipf_exponent == 0 || config_.moe.scoring == RouterScoring::kSigmoidNoAuxTc) {
      return std::vector<float>(tensor.rows(), 1.0f);
    }
    return RowFactorsFor(Frequencies(tensor, kMostWithoutBias));
  }

  const ModelConfig& config_;
  const SyntheticOptions& options_;
  const double deviation_;
};

Status WriteText(const std::string& path, std::string_view text) {
  EBB_TRY_ASSIGN(AtomicFile file, AtomicFile::Create(path));
  EBB_TRY(file.Append(text));
  return file.Commit();
}

Status MakeFolder(const std::string& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) {
    return MakeError(ErrorCode::kIo, folder, "cannot make the folder: {}", error.message());
  }
  return {};
}

std::vector<Piece> CutIntoPieces(const std::vector<TensorToWrite>& order,
                                 const std::map<std::string_view, const TensorSpec*>& by_name) {
  std::vector<Piece> pieces;
  for (const TensorToWrite& written : order) {
    const TensorSpec* const tensor = by_name.at(written.name);
    const uint64_t step = std::max<uint64_t>(1, kPieceWeights / tensor->cols());
    for (uint64_t row = 0; row < tensor->rows(); row += step) {
      pieces.push_back({tensor, row, std::min(step, tensor->rows() - row)});
    }
  }
  return pieces;
}

}  // namespace

Result<SyntheticReport> WriteSyntheticCheckpoint(const OrderedJson& config_json,
                                                 const std::string& folder,
                                                 const SyntheticOptions& options,
                                                 const ThreadPool& threads) {
  const auto start = std::chrono::steady_clock::now();
  const std::string text = config_json.dump(2) + "\n";
  EBB_TRY_ASSIGN(const Json plain, ParseJson(text, "config.json"));
  EBB_TRY_ASSIGN(const ModelConfig config, ParseModelConfig(plain, "config.json"));
  EBB_TRY_ASSIGN(const double deviation, GetNumber(plain, "initializer_range", 1e-6, 1e3,
                                                   "config.json", kDefaultDeviation));
  EBB_TRY_ASSIGN(const std::string tokenizer, TokenizerFile(config));
  EBB_TRY(MakeFolder(folder));
  EBB_TRY(WriteText(folder + "/config.json", text));
  EBB_TRY(WriteText(folder + "/tokenizer.json", tokenizer));

  const std::vector<TensorSpec> tensors = ListTensors(config);
  std::map<std::string_view, const TensorSpec*> by_name;
  std::vector<TensorToWrite> to_write;
  Progress progress;
  for (const TensorSpec& tensor : tensors) {
    by_name[tensor.name] = &tensor;
    to_write.push_back({tensor.name, Weights::DTypeOf(tensor), tensor.shape});
    progress.total += tensor.elements();
  }
  EBB_TRY_ASSIGN(SafetensorsWriter writer, SafetensorsWriter::Create(folder, std::move(to_write)));
  const std::vector<Piece> pieces = CutIntoPieces(writer.tensors(), by_name);
  const Weights weights(config, options, deviation);
  std::vector<std::vector<std::byte>> made(pieces.size());
  Status status;
  threads.RunInOrder(
      pieces.size(), 2 * static_cast<size_t>(threads.threads()) + 1,
      [&](size_t i) { made[i] = weights.Make(pieces[i]); },
      [&](size_t i) {
        status = writer.Append(made[i]);
        made[i] = std::vector<std::byte>();  // not {}, which would keep the memory
        progress.done += pieces[i].rows * pieces[i].tensor->cols();
        if (options.progress) options.progress(progress);
        return status.has_value();
      });
  EBB_TRY(status);
  EBB_TRY(writer.Finish());
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  return SyntheticReport{progress.total, seconds.count()};
}

}  // namespace ebb
