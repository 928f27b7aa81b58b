// ebb bench codec: size and speed of the codec, beside what bounds them: the entropy of the codes,
// and the rate at which one core reads bf16 weights from memory.
#include <chrono>
#include <cmath>
#include <memory>
#include <random>

#include "base/float16.h"
#include "base/npy.h"
#include "base/units.h"
#include "checkpoint/checkpoint.h"
#include "cli/command.h"
#include "cli/machine_limits.h"
#include "codec/bound.h"
#include "codec/chunk_decoder.h"
#include "codec/statistics.h"
#include "codec/weights_codec.h"
#include "pack/group_encoder.h"
#include "packed/tensor_groups.h"

namespace ebb {
namespace {

using Clock = std::chrono::steady_clock;

struct Options {
  std::string input = "synthetic";
  std::vector<double> rates = {0.05, 0.2, 0.4, 0.8};
  int runs = 9;
  bool json = false;
};

// Weights that share one bound, cut into chunks.
struct Scope {
  std::vector<float> weights;
  uint32_t row_elements;
  std::vector<uint64_t> chunk_elements;
};

struct Case {
  std::string name;
  std::vector<Scope> scopes;
  uint64_t weights() const {
    uint64_t sum = 0;
    for (const Scope& scope : scopes) sum += scope.weights.size();
    return sum;
  }
};

std::vector<uint64_t> CutRows(uint64_t rows, uint64_t cols) {
  const TensorSpec tensor{"", {rows, cols}, TensorRole::kRoutedExpertUp};
  std::vector<uint64_t> cuts;
  for (const ChunkSpan& chunk : PlanChunks({&tensor, 1}, true)) cuts.push_back(chunk.elements);
  return cuts;
}

// Matrices of the size of Moonlight's, of the laws that trained weights resemble.
std::vector<Case> SyntheticCases() {
  constexpr uint64_t kRows = 1408;
  constexpr uint64_t kCols = 2048;
  std::vector<Case> cases;
  for (const char* law : {"gauss", "laplace", "student-t 5, row scales"}) {
    std::mt19937_64 random(1);
    std::normal_distribution<double> normal;
    std::exponential_distribution<double> exponential;
    std::student_t_distribution<double> student(5);
    Scope scope{{}, kCols, CutRows(kRows, kCols)};
    scope.weights.reserve(kRows * kCols);
    for (uint64_t row = 0; row < kRows; ++row) {
      const double scale = law[0] == 's' ? std::exp(0.3 * normal(random)) : 1;
      for (uint64_t col = 0; col < kCols; ++col) {
        const double value = law[0] == 'g'   ? normal(random)
                             : law[0] == 'l' ? exponential(random) * (random() & 1 ? 1 : -1)
                                             : student(random) * scale;
        scope.weights.push_back(Bf16ToF32(F32ToBf16(static_cast<float>(0.02 * value))));
      }
    }
    cases.push_back({law, {std::move(scope)}});
  }
  return cases;
}

// The routed experts of a checkpoint, as many as fit into about 64 M weights.
Result<std::vector<Case>> CheckpointCases(const std::string& path) {
  constexpr uint64_t kMostWeights = 64 << 20;
  EBB_TRY_ASSIGN(const auto source, OpenCheckpoint(path));
  Case experts{"routed experts", {}};
  for (const TensorGroup& group : GroupTensors(source->tensors())) {
    if (!group.routed_expert || experts.weights() > kMostWeights) continue;
    const auto tensors = std::span(source->tensors()).subspan(group.first_tensor, group.tensors);
    Scope scope{{}, static_cast<uint32_t>(tensors[0].cols()), {}};
    for (const ChunkSpan& chunk : PlanChunks(tensors, true))
      scope.chunk_elements.push_back(chunk.elements);
    for (const TensorSpec& tensor : tensors) {
      EBB_TRY_ASSIGN(const DType dtype, source->DTypeOf(tensor));
      std::vector<std::byte> words(tensor.elements() * DTypeBytes(dtype));
      EBB_TRY(source->ReadRows(tensor, 0, tensor.rows(), words));
      const size_t at = scope.weights.size();
      scope.weights.resize(at + tensor.elements());
      WidenToF32(dtype, words.data(), tensor.elements(), scope.weights.data() + at);
    }
    experts.scopes.push_back(std::move(scope));
  }
  return std::vector<Case>{std::move(experts)};
}

Result<std::vector<Case>> LoadCases(const std::string& input) {
  if (input == "synthetic") return SyntheticCases();
  if (!input.ends_with(".npy")) return CheckpointCases(input);
  EBB_TRY_ASSIGN(NpyArray array, ReadNpy(input));
  if (array.values.empty()) return MakeError(ErrorCode::kInvalidArgument, input, "holds no values");
  const uint64_t cols = array.shape.back();
  Scope scope{
      std::move(array.values), static_cast<uint32_t>(std::min<uint64_t>(cols, UINT32_MAX)), {}};
  scope.chunk_elements = CutRows(scope.weights.size() / cols, cols);
  return std::vector<Case>{{input, {std::move(scope)}}};
}

// What one case gives at one rate. Speeds in weights a second on one core, from cache.
struct Figures {
  double bits = 0;
  double entropy = 0;
  double max_error_over_bound = 0;
  double rmse_over_mean = 0;
  double encode = 0;
  double to_codes = 0;
  double to_bf16 = 0;
  double ram = 0;  // bf16 weights a second that the core reads from memory
};

double SecondsOf(const std::function<void()>& body) {
  const auto start = Clock::now();
  body();
  return std::chrono::duration<double>(Clock::now() - start).count();
}

struct Encoded {
  std::vector<std::vector<std::byte>> chunks;  // with slack
  std::vector<ChunkView> views;
};

Result<Figures> Measure(const Case& bench, double rate, int runs, RamReader& ram) {
  Figures figures;
  Encoded encoded;
  WeightsEncoder encoder;
  const auto weights = static_cast<double>(bench.weights());
  double magnitude = 0;
  double squares = 0;
  double bytes = 0;
  for (const Scope& scope : bench.scopes) {
    MagnitudeSum sum;
    sum.Add(scope.weights);
    magnitude += sum.sum;
    const float bound = AbsoluteBound(ErrorBound::Relative(rate), sum.Mean());
    CodeHistogram histogram;
    uint64_t first = 0;
    for (const uint64_t elements : scope.chunk_elements) {
      std::vector<std::byte>& chunk = encoded.chunks.emplace_back();
      const EncodeReport report =
          encoder.EncodeBounded(std::span(scope.weights).subspan(first, elements), {{&bound, 1}, 0},
                                scope.row_elements, &chunk);
      first += elements;
      histogram.Add(encoder.codes());
      figures.max_error_over_bound =
          std::max(figures.max_error_over_bound, report.max_error_over_bound);
      squares += report.squared_error;
      bytes += static_cast<double>(chunk.size());
      chunk.resize(chunk.size() + kChunkSlackBytes);
    }
    figures.entropy +=
        histogram.EntropyBits() * static_cast<double>(scope.weights.size()) / weights;
  }
  figures.bits = bytes * 8 / weights;
  figures.rmse_over_mean = std::sqrt(squares / weights) / (magnitude / weights);
  for (const auto& chunk : encoded.chunks) {
    EBB_TRY_ASSIGN(ChunkView view,
                   ParseChunk(std::span(chunk).first(chunk.size() - kChunkSlackBytes)));
    encoded.views.push_back(view);
  }

  // Speeds, in turn within each run: what disturbs the machine disturbs them all.
  const Scope& scope = bench.scopes[0];
  const size_t timed = std::min<size_t>(encoded.views.size(), scope.chunk_elements.size());
  const ChunkView& view = encoded.views[timed / 2];
  const auto chunk_weights = static_cast<double>(view.header.elements);
  // Small chunks are decoded several times a measurement.
  const int repeats = static_cast<int>(std::max(1.0, 1e6 / chunk_weights));
  const ChunkDecoder& decoder = BestChunkDecoder();
  std::vector<int16_t> codes(view.header.elements);
  std::vector<uint16_t> halves(view.header.elements);
  std::vector<double> encode, to_codes, to_bf16, ram_rates;
  MagnitudeSum sum;
  sum.Add(scope.weights);
  const float bound = AbsoluteBound(ErrorBound::Relative(rate), sum.Mean());
  std::vector<std::byte> again;
  for (int run = 0; run < runs; ++run) {
    ram_rates.push_back(ram.Measure() / 2);
    to_codes.push_back(repeats * chunk_weights / SecondsOf([&] {
                         for (int i = 0; i < repeats; ++i) {
                           if (view.header.code_bytes == 1) {
                             decoder.to_int8(view, reinterpret_cast<int8_t*>(codes.data()));
                           } else {
                             decoder.to_int16(view, codes.data());
                           }
                         }
                       }));
    to_bf16.push_back(repeats * chunk_weights / SecondsOf([&] {
                        for (int i = 0; i < repeats; ++i) (void)DecodeBf16(view, halves.data());
                      }));
    encode.push_back(repeats * static_cast<double>(scope.chunk_elements[0]) / SecondsOf([&] {
                       for (int i = 0; i < repeats; ++i) {
                         again.clear();
                         encoder.EncodeBounded(
                             std::span(scope.weights).first(scope.chunk_elements[0]),
                             {{&bound, 1}, 0}, scope.row_elements, &again);
                       }
                     }));
  }
  figures.encode = MedianOf(encode);
  figures.to_codes = MedianOf(to_codes);
  figures.to_bf16 = MedianOf(to_bf16);
  figures.ram = MedianOf(ram_rates);
  return figures;
}

OrderedJson ToJson(const std::string& name, double rate, const Figures& f) {
  OrderedJson json;
  json["input"] = name;
  json["codec"] = "ebb:fast";
  json["rate"] = rate;
  json["bits_per_weight"] = f.bits;
  json["entropy_bits_per_weight"] = f.entropy;
  json["bits_over_entropy"] = f.bits / f.entropy;
  json["max_error_over_bound"] = f.max_error_over_bound;
  json["rmse_over_mean_abs"] = f.rmse_over_mean;
  json["encode_weights_per_second"] = f.encode;
  json["decode_codes_weights_per_second"] = f.to_codes;
  json["decode_bf16_weights_per_second"] = f.to_bf16;
  json["ram_bf16_weights_per_second"] = f.ram;
  json["decode_codes_over_ram"] = f.to_codes / f.ram;
  json["decode_bf16_over_ram"] = f.to_bf16 / f.ram;
  return json;
}

Result<int> Run(const Options& options) {
  EBB_TRY_ASSIGN(const std::vector<Case> cases, LoadCases(options.input));
  RamReader ram;
  OrderedJson json;
  json["machine"] = MachineName();
  json["runs"] = options.runs;
  json["results"] = OrderedJson::array();
  if (!options.json) {
    fmt::print("{}; one core, medians of {} interleaved runs; Gweights/s\n\n", MachineName(),
               options.runs);
    fmt::print("{:<24} {:>5} {:>8} {:>8} {:>7} {:>9} {:>7} {:>8} {:>8} {:>9} {:>7} {:>7}\n",
               "weights", "rate", "bits/w", "entropy", "ratio", "max err/e", "encode", "codes",
               "to bf16", "RAM bf16", "codes", "bf16");
    fmt::print("{:>113}\n", "/ RAM   / RAM");
  }
  for (const Case& bench : cases) {
    for (const double rate : options.rates) {
      EBB_TRY_ASSIGN(const Figures f, Measure(bench, rate, options.runs, ram));
      json["results"].push_back(ToJson(bench.name, rate, f));
      if (options.json) continue;
      fmt::print(
          "{:<24} {:>5} {:>8.4f} {:>8.4f} {:>7.4f} {:>9.6f} {:>7.2f} {:>8.2f} {:>8.2f} {:>9.2f} "
          "{:>7.2f} {:>7.2f}\n",
          bench.name, rate, f.bits, f.entropy, f.bits / f.entropy, f.max_error_over_bound,
          f.encode / 1e9, f.to_codes / 1e9, f.to_bf16 / 1e9, f.ram / 1e9, f.to_codes / f.ram,
          f.to_bf16 / f.ram);
    }
  }
  if (options.json) PrintJson(json);
  return kExitDone;
}

}  // namespace

void AddBenchCodec(CLI::App& bench, CommandBody& body) {
  CLI::App* command =
      bench.add_subcommand("codec", "Size and speed of the codec beside their limits");
  const auto options = std::make_shared<Options>();
  command
      ->add_option("--input", options->input, "A .npy file, a checkpoint folder, or \"synthetic\"")
      ->capture_default_str();
  command->add_option("--rates", options->rates, "Error bounds, in units of mean|w|")
      ->capture_default_str()
      ->check(CLI::PositiveNumber)
      ->delimiter(',');
  command->add_option("--runs", options->runs, "Runs of which the median counts")
      ->capture_default_str()
      ->check(CLI::Range(1, 1000));
  AddJsonFlag(*command, &options->json);
  command->callback([options, &body] { body = [options] { return Run(*options); }; });
}

void AddBench(CLI::App& app, CommandBody& body) {
  CLI::App* command =
      app.add_subcommand("bench", "Measure this machine, every figure beside its physical limit");
  command->require_subcommand(1);
  AddBenchCodec(*command, body);
  AddBenchStream(*command, body);
}

}  // namespace ebb
