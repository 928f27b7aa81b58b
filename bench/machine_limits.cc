#include "kernels/cpu/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "machine_limits.cc"
#include <algorithm>
#include <chrono>
#include <cstring>

#include "hwy/foreach_target.h"
#include "hwy/highway.h"
#include "kernels/cpu/dot-inl.h"
#include "machine_limits.h"

HWY_BEFORE_NAMESPACE();
namespace ebb {
namespace HWY_NAMESPACE {

// Enough independent sums to hide the latency of an fma on any machine.
constexpr int kSums = HWY_MAX_BYTES >= 64 ? 16 : 12;

float FmaLoop(int64_t rounds, float start) {
  VF sum[kSums];
  for (int i = 0; i < kSums; ++i) sum[i] = hn::Set(DF(), start * static_cast<float>(i));
  const VF a = hn::Set(DF(), start);
  const VF b = hn::Set(DF(), 0.5f);
  for (int64_t r = 0; r < rounds; ++r) {
    HWY_UNROLL(16)
    for (int i = 0; i < kSums; ++i) sum[i] = hn::MulAdd(sum[i], b, a);
  }
  VF total = hn::Zero(DF());
  for (int i = 0; i < kSums; ++i) total = hn::Add(total, sum[i]);
  return hn::GetLane(hn::SumOfLanes(DF(), total));
}

int64_t FlopsOfRound() { return 2 * kSums * kLanes; }

float ReadLoop(const float* data, int64_t floats) {
  VF sum[8];
  for (VF& s : sum) s = hn::Zero(DF());
  for (int64_t i = 0; i + 8 * kLanes <= floats; i += 8 * kLanes) {
    HWY_UNROLL(8)
    for (int k = 0; k < 8; ++k) sum[k] = hn::Add(sum[k], hn::LoadU(DF(), data + i + k * kLanes));
  }
  VF total = hn::Zero(DF());
  for (const VF& s : sum) total = hn::Add(total, s);
  return hn::GetLane(hn::SumOfLanes(DF(), total));
}

template <WeightFormat kFormat>
float WidenLoop(const void* data, int64_t weights, int64_t rounds) {
  const auto* from = static_cast<const typename Stored<kFormat>::Type*>(data);
  VF sum[8];
  for (VF& s : sum) s = hn::Zero(DF());
  const VF x = hn::Set(DF(), 0.5f);
  for (int64_t r = 0; r < rounds; ++r) {
    for (int64_t i = 0; i + 8 * kLanes <= weights; i += 8 * kLanes) {
      HWY_UNROLL(8)
      for (int k = 0; k < 8; ++k) {
        sum[k] = hn::MulAdd(Stored<kFormat>::Load(from + i + k * kLanes), x, sum[k]);
      }
    }
  }
  VF total = hn::Zero(DF());
  for (const VF& s : sum) total = hn::Add(total, s);
  return hn::GetLane(hn::SumOfLanes(DF(), total));
}

float Widen(WeightFormat format, const void* data, int64_t weights, int64_t rounds) {
  switch (format) {
    case WeightFormat::kF32:
      return WidenLoop<WeightFormat::kF32>(data, weights, rounds);
    case WeightFormat::kBf16:
      return WidenLoop<WeightFormat::kBf16>(data, weights, rounds);
    case WeightFormat::kF16:
      return WidenLoop<WeightFormat::kF16>(data, weights, rounds);
    case WeightFormat::kCodes8:
    case WeightFormat::kCodes16:
    case WeightFormat::kEncoded8:
      break;  // no floats
  }
  return 0;
}

}  // namespace HWY_NAMESPACE
}  // namespace ebb
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace ebb {

HWY_EXPORT(FmaLoop);
HWY_EXPORT(FlopsOfRound);
HWY_EXPORT(ReadLoop);
HWY_EXPORT(Widen);

namespace {

volatile float result_sink;

template <class F>
double BestSeconds(int runs, const F& run) {
  double best = 1e9;
  for (int i = 0; i < runs; ++i) {
    const auto start = std::chrono::steady_clock::now();
    result_sink = run();
    const auto end = std::chrono::steady_clock::now();
    best = std::min(best, std::chrono::duration<double>(end - start).count());
  }
  return best;
}

}  // namespace

OwnedMatrix ZeroMatrix(int64_t bytes) {
  OwnedMatrix matrix(WeightFormat::kF32, bytes / 4096, 1024);
  std::memset(matrix.bytes().data(), 0, matrix.bytes().size());
  return matrix;
}

void ReadOnce(const void* data, int64_t bytes) {
  result_sink = HWY_DYNAMIC_DISPATCH(ReadLoop)(static_cast<const float*>(data), bytes / 4);
}

MachineLimits MeasureLimits() {
  MachineLimits limits;
  constexpr int64_t kRounds = 200'000;
  limits.flops = static_cast<double>(kRounds * HWY_DYNAMIC_DISPATCH(FlopsOfRound)()) /
                 BestSeconds(40, [] { return HWY_DYNAMIC_DISPATCH(FmaLoop)(kRounds, 0.001f); });

  const OwnedMatrix memory = ZeroMatrix(int64_t{256} << 20);
  const auto* floats = static_cast<const float*>(memory.view().data);
  constexpr int64_t kFloats = 4 << 20;  // 16 MiB at a time, so that some runs go undisturbed
  int64_t at = 0;
  limits.ram_bytes = 4.0 * kFloats / BestSeconds(64, [&] {
                       const float* from = floats + at;
                       at = (at + kFloats) % (int64_t{64} << 20);
                       return HWY_DYNAMIC_DISPATCH(ReadLoop)(from, kFloats);
                     });

  for (const auto format : {WeightFormat::kF32, WeightFormat::kBf16, WeightFormat::kF16}) {
    constexpr int64_t kWeights = 4096;  // at most 16 KiB
    constexpr int64_t kTimes = 2000;
    limits.weights[static_cast<int>(format)] =
        static_cast<double>(kWeights * kTimes) / BestSeconds(20, [&] {
          return HWY_DYNAMIC_DISPATCH(Widen)(format, floats, kWeights, kTimes);
        });
  }
  return limits;
}

}  // namespace ebb
#endif  // HWY_ONCE
