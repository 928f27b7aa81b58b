// The kernels on one core, each figure beside the machine's limit measured in the same run.
//
//   kernels_bench --benchmark_repetitions=9 --benchmark_enable_random_interleaving=true
//                 --benchmark_report_aggregates_only=true
//
// Counters: GFLOPS, GB_s (bytes of weights or cache read), of_fma, of_ram, of_widen: the ratio to
// the limit for fma, for reading from memory, and for widening weights in the L1 cache. Rates are
// of CPU time, so that other processes disturb little.
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <cstring>
#include <random>
#include <vector>

#include "kernels/backend.h"
#include "machine_limits.h"
#include "model/owned_matrix.h"

namespace ebb {
namespace {

MachineLimits limits;

const char* FormatName(WeightFormat format) {
  constexpr const char* kNames[] = {"f32", "bf16", "f16", "codes8", "codes16"};
  return kNames[static_cast<int>(format)];
}

std::vector<float> Randoms(int64_t count) {
  std::mt19937 random(1);
  std::normal_distribution<float> normal;
  std::vector<float> values(static_cast<size_t>(count));
  for (float& value : values) value = normal(random);
  return values;
}

// Several equal matrices of harmless numbers, so that each product can find its own in memory, not
// in the cache.
class Matrices {
 public:
  Matrices(WeightFormat format, int64_t rows, int64_t cols, int64_t count)
      : memory_(format, rows * count, cols), count_(count) {
    view_ = memory_.view();
    view_.rows = rows;
    // 0x3c at each second byte: a small positive number in all formats.
    for (size_t i = 0; i < memory_.bytes().size(); ++i) {
      memory_.bytes()[i] = i % 2 == 1 ? std::byte{0x3c} : std::byte{0};
    }
  }

  WeightMatrix Next() {
    at_ = (at_ + 1) % count_;
    WeightMatrix w = view_;
    w.data = static_cast<const std::byte*>(view_.data) + at_ * Bytes();
    return w;
  }
  int64_t Bytes() const { return view_.rows * view_.cols * WeightBytes(view_.format); }

 private:
  OwnedMatrix memory_;
  WeightMatrix view_;
  int64_t count_;
  int64_t at_ = 0;
};

void SetCounters(benchmark::State& state, double flops, double bytes) {
  const auto rate = [&](double amount, double limit) {
    return benchmark::Counter(amount / limit, benchmark::Counter::kIsIterationInvariantRate);
  };
  state.counters["GFLOPS"] = rate(flops, 1e9);
  state.counters["GB_s"] = rate(bytes, 1e9);
  state.counters["of_fma"] = rate(flops, limits.flops);
  state.counters["of_ram"] = rate(bytes, limits.ram_bytes);
}

void MatMul(benchmark::State& state, std::string_view name, WeightFormat format, int64_t rows,
            int64_t cols, int64_t tokens, bool from_ram) {
  const ThreadPool pool(1);
  const auto backend = MakeCpuBackend(pool, name);
  const int64_t bytes = rows * cols * WeightBytes(format);
  Matrices matrices(format, rows, cols, from_ram ? 1 + (int64_t{160} << 20) / bytes : 1);
  const std::vector<float> x = Randoms(tokens * cols);
  std::vector<float> y(static_cast<size_t>(tokens * rows));
  for (auto _ : state) {
    backend->MatMul(matrices.Next(), {x.data(), tokens, cols}, {y.data(), tokens, rows});
    benchmark::DoNotOptimize(y.data());
  }
  const auto products = static_cast<double>(rows * cols * tokens);
  SetCounters(state, 2 * products, static_cast<double>(bytes));
  if (IsCodes(format)) return;
  state.counters["of_widen"] =
      benchmark::Counter(products / limits.weights[static_cast<int>(format)],
                         benchmark::Counter::kIsIterationInvariantRate);
}

// `rows` queries of one sequence, the last of which sees `positions`.
void Attend(benchmark::State& state, std::string_view name, AttentionShape shape,
            int64_t page_floats, int64_t rows, int64_t positions) {
  const ThreadPool pool(1);
  const auto backend = MakeCpuBackend(pool, name);
  shape.page_positions = 32;
  const int64_t pages = (positions + 31) / 32;
  const std::vector<float> cache = Randoms(pages * page_floats);
  std::vector<const float*> pointers;
  for (int64_t i = 0; i < pages; ++i) pointers.push_back(cache.data() + i * page_floats);
  const std::vector<float> queries = Randoms(rows * shape.heads * shape.key_dim);
  std::vector<float> outputs(static_cast<size_t>(rows * shape.heads * shape.value_dim));
  std::vector<AttentionRow> batch;
  double products = 0;
  for (int64_t t = 0; t < rows; ++t) {
    const int64_t end = positions - rows + t + 1;
    batch.push_back({queries.data() + t * shape.heads * shape.key_dim,
                     outputs.data() + t * shape.heads * shape.value_dim, pointers.data(), 0, end});
    products += static_cast<double>(end * shape.heads * (shape.key_dim + shape.value_dim));
  }
  std::vector<float> scratch(
      static_cast<size_t>(backend->AttentionScratchFloats(shape, positions)));
  for (auto _ : state) backend->Attention(shape, batch, scratch);
  SetCounters(state, 2 * products, static_cast<double>(cache.size() * sizeof(float)));
}

// Moonlight's latent attention and Mixtral-8x7B's grouped queries.
AttentionShape Latent() {
  AttentionShape shape;
  shape.heads = 16;
  shape.kv_heads = 1;
  shape.key_dim = 576;
  shape.value_dim = 512;
  shape.key_stride = shape.value_stride = 576;
  shape.scale = 0.07f;
  return shape;
}

AttentionShape Grouped() {
  AttentionShape shape;
  shape.heads = 32;
  shape.kv_heads = 8;
  shape.key_dim = shape.value_dim = 128;
  shape.key_stride = shape.value_stride = 128;
  shape.key_head_stride = shape.value_head_stride = 32 * 128;
  shape.value_offset = 8 * 32 * 128;
  shape.scale = 0.09f;
  return shape;
}

void Silu(benchmark::State& state, std::string_view name) {
  const ThreadPool pool(1);
  const auto backend = MakeCpuBackend(pool, name);
  std::vector<float> gate = Randoms(1408);
  const std::vector<float> up = Randoms(1408);
  for (auto _ : state) {
    std::memcpy(gate.data(), up.data(), gate.size() * sizeof(float));
    backend->SiluMultiply({gate.data(), 1, 1408}, {up.data(), 1, 1408}, 1408);
  }
  state.counters["Gelements_s"] =
      benchmark::Counter(1408e-9, benchmark::Counter::kIsIterationInvariantRate);
}

// The limit for reading, once more among the benchmarks: it moves with what else the machine does.
void ReadMemory(benchmark::State& state) {
  const OwnedMatrix memory = ZeroMatrix(int64_t{256} << 20);
  int64_t at = 0;
  constexpr int64_t kBytes = 6 << 20;  // like one expert's matrix
  for (auto _ : state) {
    ReadOnce(static_cast<const std::byte*>(memory.view().data) + at, kBytes);
    at = (at + kBytes) % (int64_t{240} << 20);
  }
  SetCounters(state, 0, kBytes);
}

struct Size {
  int64_t rows;
  int64_t cols;
};

void Register(const std::string& name) {
  const auto add = [&](WeightFormat format, Size size, int64_t tokens, bool from_ram) {
    benchmark::RegisterBenchmark(
        fmt::format("MatMul/{}/{}/{}x{}/tokens:{}/{}", name, FormatName(format), size.rows,
                    size.cols, tokens, from_ram ? "ram" : "cache")
            .c_str(),
        MatMul, name, format, size.rows, size.cols, tokens, from_ram);
  };
  for (const auto format : {WeightFormat::kF32, WeightFormat::kBf16, WeightFormat::kF16,
                            WeightFormat::kCodes8, WeightFormat::kCodes16}) {
    add(format, {1408, 2048}, 1, true);
    add(format, {2048, 1408}, 1, true);
    add(format, {1408, 2048}, 2, true);
    add(format, {1408, 2048}, 6, true);
    add(format, {1408, 2048}, 16, true);
    add(format, {64, 512}, 1, false);
    add(format, {96, 192}, 1, false);
    add(format, {192, 96}, 6, false);
    add(format, {96, 192}, 64, false);
    add(format, {1408, 2048}, 2, false);
    add(format, {1408, 2048}, 6, false);
    add(format, {1408, 2048}, 64, false);
  }
  add(WeightFormat::kBf16, {2048, 11264}, 64, false);
  add(WeightFormat::kBf16, {64, 2048}, 256, false);
  add(WeightFormat::kBf16, {100, 100}, 10, false);
  const auto attend = [&](const char* kind, const AttentionShape& shape, int64_t page_floats,
                          int64_t rows, int64_t positions) {
    benchmark::RegisterBenchmark(
        fmt::format("Attention/{}/{}/rows:{}/positions:{}", name, kind, rows, positions).c_str(),
        Attend, name, shape, page_floats, rows, positions);
  };
  for (const int64_t positions : {128, 4096}) {
    for (const int64_t rows : {1, 64}) {
      attend("latent", Latent(), 32 * 576, rows, positions);
      attend("grouped", Grouped(), 2 * 8 * 32 * 128, rows, positions);
    }
  }
  benchmark::RegisterBenchmark(fmt::format("Silu/{}/1408", name).c_str(), Silu, name);
}

}  // namespace
}  // namespace ebb

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  ebb::limits = ebb::MeasureLimits();
  fmt::print(
      "limits of one core: {:.1f} GFLOP/s fma, {:.1f} GB/s from memory; widened weights from L1:",
      ebb::limits.flops / 1e9, ebb::limits.ram_bytes / 1e9);
  for (int i = 0; i < 3; ++i) {
    fmt::print(" {} {:.1f}", ebb::FormatName(static_cast<ebb::WeightFormat>(i)),
               ebb::limits.weights[i] / 1e9);
  }
  fmt::print(" G/s\n");
  benchmark::RegisterBenchmark("Limit/ReadMemory", ebb::ReadMemory);
  for (const std::string_view name : ebb::CpuBackendNames()) {
    if (name != "ref") ebb::Register(std::string(name));
  }
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
