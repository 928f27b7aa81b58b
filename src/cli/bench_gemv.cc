// ebb bench gemv: the product of a matrix with one or a few rows of activations, straight from
// coded bytes, from decoded codes, and from bf16, beside the rate at which a core reads bf16 from
// memory.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>
#include <memory>
#include <random>

#include "base/bytes.h"
#include "base/float16.h"
#include "cli/command.h"
#include "cli/machine_limits.h"
#include "codec/chunk_decoder.h"
#include "codec/weights_codec.h"
#include "kernels/backend.h"

namespace ebb {
namespace {

constexpr int64_t kRows = 1408;
constexpr int64_t kCols = 2048;
constexpr int64_t kChunkRows = 235;  // six chunks, as `ebb compress` cuts such a matrix

struct Options {
  std::vector<double> rates = {0.05, 0.2, 0.4, 0.8};
  std::vector<int64_t> tokens = {1, 2, 8};
  int threads = 1;
  int runs = 9;
  bool json = false;
};

// Copies of one matrix, in one form, that together are larger than any cache: each product takes
// the next one.
struct Form {
  std::string name;
  double bits = 0;
  std::vector<std::byte> bytes;                         // of all copies
  std::vector<std::unique_ptr<EncodedMatrix>> encoded;  // of each copy
  std::vector<WeightMatrix> copies;
  std::vector<std::vector<double>> rates;  // by index in Options::tokens
  size_t next = 0;
};

constexpr size_t kFormBytes = size_t{160} << 20;

std::vector<float> GaussianMatrix() {
  std::mt19937_64 random(1);
  std::normal_distribution<float> normal;
  std::vector<float> weights(static_cast<size_t>(kRows * kCols));
  for (float& weight : weights) weight = Bf16ToF32(F32ToBf16(normal(random)));
  return weights;
}

Form DenseForm(const char* name, WeightFormat format, const void* data) {
  Form form;
  form.name = name;
  const auto size = static_cast<size_t>(kRows * kCols * WeightBytes(format));
  form.bits = 8.0 * static_cast<double>(WeightBytes(format));
  const size_t count = kFormBytes / size + 1;
  form.bytes.resize(count * size);
  for (size_t i = 0; i < count; ++i) {
    std::memcpy(form.bytes.data() + i * size, data, size);
    form.copies.push_back({format, kRows, kCols, form.bytes.data() + i * size, 0.01f, {}});
  }
  return form;
}

Result<Form> EncodedForm(std::span<const float> weights, double rate) {
  Form form;
  form.name = fmt::format("encoded, rate {}", rate);
  double sum = 0;
  for (const float weight : weights) sum += std::abs(weight);
  const auto bound = static_cast<float>(rate * sum / static_cast<double>(weights.size()));
  std::vector<std::vector<std::byte>> chunks;
  size_t size = 0;
  float step = 0;
  for (int64_t row = 0; row < kRows; row += kChunkRows) {
    const int64_t count = std::min(kChunkRows, kRows - row);
    const auto part =
        weights.subspan(static_cast<size_t>(row * kCols), static_cast<size_t>(count * kCols));
    WeightsEncoder().EncodeBounded(part, {{&bound, 1}, 0}, kCols, &chunks.emplace_back());
    EBB_TRY_ASSIGN(const ChunkView view, ParseChunk(chunks.back()));
    step = view.step();
    if (view.header.exceptions > 0 || view.header.code_bytes != 1) {
      return MakeError(ErrorCode::kUnsupported, "--rates", "codes at {} take more than 8 bits",
                       rate);
    }
    size += chunks.back().size();
  }
  form.bits = 8.0 * static_cast<double>(size) / static_cast<double>(weights.size());
  const size_t count = kFormBytes / size + 1;
  form.bytes.resize(count * size + kChunkSlackBytes);
  std::byte* at = form.bytes.data();
  for (size_t i = 0; i < count; ++i) {
    auto matrix = std::make_unique<EncodedMatrix>();
    int64_t row = 0;
    for (const auto& chunk : chunks) {
      std::memcpy(at, chunk.data(), chunk.size());
      const int64_t rows = std::min(kChunkRows, kRows - row);
      matrix->chunks.push_back({{at, chunk.size()}, row, rows});
      row += rows;
      at += chunk.size();
    }
    form.copies.push_back({WeightFormat::kEncoded8, kRows, kCols, matrix.get(), step, {}});
    form.encoded.push_back(std::move(matrix));
  }
  return form;
}

// Weights a second of one product with so many rows of activations.
double RateOf(const Backend& backend, Form& form, const std::vector<float>& x, int64_t tokens,
              std::vector<float>& y) {
  constexpr int kProducts = 8;
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < kProducts; ++i) {
    const WeightMatrix& w = form.copies[form.next++ % form.copies.size()];
    backend.MatMul(w, {x.data(), tokens, kCols}, {y.data(), tokens, kRows});
  }
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  return kProducts * static_cast<double>(kRows * kCols) / seconds.count();
}

Result<int> Run(const Options& options) {
  const ThreadPool pool(options.threads);
  const std::unique_ptr<Backend> backend = MakeCpuBackend(pool);
  const std::vector<float> weights = GaussianMatrix();
  std::vector<uint16_t> halves(weights.size());
  std::transform(weights.begin(), weights.end(), halves.begin(), F32ToBf16);
  std::vector<int8_t> codes(weights.size());
  for (size_t i = 0; i < codes.size(); ++i) codes[i] = static_cast<int8_t>(weights[i] * 3);
  std::vector<Form> forms;
  forms.push_back(DenseForm("bf16", WeightFormat::kBf16, halves.data()));
  forms.push_back(DenseForm("codes of 8 bits", WeightFormat::kCodes8, codes.data()));
  if (BestChunkDecoder().units_to_int8 != nullptr) {
    for (const double rate : options.rates) {
      EBB_TRY_ASSIGN(Form form, EncodedForm(weights, rate));
      forms.push_back(std::move(form));
    }
  }
  RamReader ram;
  std::vector<double> ram_rates;
  const int64_t most = *std::max_element(options.tokens.begin(), options.tokens.end());
  std::vector<float> x(static_cast<size_t>(most * kCols));
  std::mt19937_64 random(2);
  std::normal_distribution<float> normal;
  for (float& value : x) value = normal(random);
  std::vector<float> y(static_cast<size_t>(most * kRows));
  for (Form& form : forms) form.rates.resize(options.tokens.size());
  for (int run = 0; run < options.runs; ++run) {
    ram_rates.push_back(ram.Measure() / 2);
    for (Form& form : forms) {
      for (size_t t = 0; t < options.tokens.size(); ++t) {
        form.rates[t].push_back(RateOf(*backend, form, x, options.tokens[t], y));
      }
    }
  }

  const double limit = MedianOf(ram_rates);
  OrderedJson json;
  json["machine"] = MachineName();
  json["threads"] = pool.threads();
  json["runs"] = options.runs;
  json["ram_bf16_weights_per_second"] = limit;
  if (!options.json) {
    fmt::print(
        "{}; {} x {} gauss, {} thread(s), from memory, medians of {} interleaved runs\n"
        "one core reads {:.2f} Gweights/s of bf16 from memory\n\n{:<20}{:>8}",
        MachineName(), kRows, kCols, pool.threads(), options.runs, limit / 1e9, "matrix", "bits/w");
    for (const int64_t t : options.tokens) {
      fmt::print("{:>10}{:>7}", fmt::format("{} row{}", t, t == 1 ? "" : "s"), "/ RAM");
    }
    fmt::print("\n");
  }
  for (const Form& form : forms) {
    if (!options.json) fmt::print("{:<20}{:>8.3f}", form.name, form.bits);
    for (size_t t = 0; t < options.tokens.size(); ++t) {
      const double rate = MedianOf(form.rates[t]);
      const auto [least, largest] = std::minmax_element(form.rates[t].begin(), form.rates[t].end());
      json["results"].push_back({{"matrix", form.name},
                                 {"bits_per_weight", form.bits},
                                 {"rows", options.tokens[t]},
                                 {"weights_per_second", rate},
                                 {"least", *least},
                                 {"largest", *largest},
                                 {"over_ram", rate / limit}});
      if (!options.json) fmt::print("{:>10.2f}{:>7.2f}", rate / 1e9, rate / limit);
    }
    if (!options.json) fmt::print("\n");
  }
  if (options.json) PrintJson(json);
  return kExitDone;
}

}  // namespace

void AddBenchGemv(CLI::App& bench, CommandBody& body) {
  CLI::App* command = bench.add_subcommand(
      "gemv", "Products with coded matrices, beside the rate of reading bf16 from memory");
  const auto options = std::make_shared<Options>();
  command->add_option("--rates", options->rates, "Error bounds, in units of mean|w|")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  command->add_option("--rows", options->tokens, "Rows of activations at once")
      ->capture_default_str()
      ->check(CLI::Range(1, 8));
  AddThreadsOption(*command, &options->threads);
  command->add_option("--runs", options->runs, "Runs of which the median counts")
      ->capture_default_str()
      ->check(CLI::Range(1, 1000));
  AddJsonFlag(*command, &options->json);
  command->callback([options, &body] { body = [options] { return Run(*options); }; });
}

}  // namespace ebb
