// What the kernel tests share: all backends of this machine, matrices of every format, and
// comparison to the bit.
#pragma once

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "base/float16.h"
#include "base/threads.h"
#include "kernels/backend.h"

namespace ebb {

inline constexpr WeightFormat kAllFormats[] = {WeightFormat::kF32, WeightFormat::kBf16,
                                               WeightFormat::kF16, WeightFormat::kCodes8,
                                               WeightFormat::kCodes16};

// Whether the backend's products are fused, so that docs/numbers.md promises the reference's bits.
inline bool HasFma(const Backend& backend) { return std::string(backend.name()) != "sse4"; }

// Equal bits, or both NaN: which NaN it is, is not specified.
inline bool SameValue(float a, float b) {
  if (std::isnan(a) || std::isnan(b)) return std::isnan(a) && std::isnan(b);
  return std::bit_cast<uint32_t>(a) == std::bit_cast<uint32_t>(b);
}

// Compares element by element: to the bit, or for a backend without fma within `tolerance`
// (absolute).
inline void ExpectEqual(const Backend& backend, const std::vector<float>& actual,
                        const std::vector<float>& expected, float tolerance) {
  ASSERT_EQ(actual.size(), expected.size());
  int reported = 0;
  for (size_t i = 0; i < actual.size() && reported < 5; ++i) {
    if (SameValue(actual[i], expected[i])) continue;
    if (!HasFma(backend) && std::abs(actual[i] - expected[i]) <= tolerance) continue;
    ADD_FAILURE() << backend.name() << ", element " << i << ": " << actual[i] << " instead of "
                  << expected[i];
    ++reported;
  }
}

inline std::vector<float> RandomFloats(size_t count, uint32_t seed, float scale = 1.0f) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0.0f, scale);
  std::vector<float> values(count);
  for (float& value : values) value = normal(random);
  return values;
}

// Numbers that break careless kernels: zeros of both signs, denormals, the largest, infinities,
// NaN.
inline std::vector<float> HostileFloats(size_t count, uint32_t seed) {
  constexpr float kSpecial[] = {0.0f,   -0.0f,    1e-45f,    -1e-40f, 1e-30f,    3.4e38f,
                                -2e38f, INFINITY, -INFINITY, NAN,     1.17e-38f, -1e-25f};
  std::vector<float> values = RandomFloats(count, seed);
  std::mt19937 random(seed + 1);
  for (float& value : values) {
    if (random() % 16 == 0) value = kSpecial[random() % std::size(kSpecial)];
  }
  return values;
}

// A matrix that owns its data. The data starts at an address that is aligned to the element only.
class TestMatrix {
 public:
  TestMatrix(WeightFormat format, int64_t rows, int64_t cols, uint32_t seed, bool hostile = false)
      : bytes_(static_cast<size_t>(rows * cols * WeightBytes(format)) + 64) {
    view_ = {
        .format = format, .rows = rows, .cols = cols, .data = nullptr, .step = 1, .exceptions = {}};
    auto at = reinterpret_cast<uintptr_t>(bytes_.data()) % 64;
    std::byte* data = bytes_.data() + (64 - at) % 64 + WeightBytes(format);
    if (data + rows * cols * WeightBytes(format) > bytes_.data() + bytes_.size())
      data = bytes_.data();
    view_.data = data;
    Fill(data, static_cast<size_t>(rows * cols), seed, hostile);
  }

  const WeightMatrix& view() const { return view_; }

 private:
  void Fill(std::byte* data, size_t count, uint32_t seed, bool hostile) {
    const std::vector<float> values =
        hostile ? HostileFloats(count, seed) : RandomFloats(count, seed);
    std::mt19937 random(seed + 7);
    for (size_t i = 0; i < count; ++i) {
      const bool exception = IsCodes(view_.format) && random() % 50 == 0;
      if (exception) {
        exceptions_.push_back({static_cast<uint32_t>(i / view_.cols),
                               static_cast<uint32_t>(i % view_.cols), values[i] * 100});
      }
      const int range = view_.format == WeightFormat::kCodes8 ? 256 : 65536;
      const int code = exception ? 0 : static_cast<int>(random() % range) - range / 2;
      Store(data, i, values[i], code);
    }
    if (IsCodes(view_.format)) view_.step = view_.format == WeightFormat::kCodes8 ? 0.013f : 3e-5f;
    view_.exceptions = exceptions_;
  }

  void Store(std::byte* data, size_t i, float value, int code) {
    switch (view_.format) {
      case WeightFormat::kF32:
        std::memcpy(data + 4 * i, &value, 4);
        return;
      case WeightFormat::kBf16:
        return Put(data, i, F32ToBf16(value));
      case WeightFormat::kF16:
        return Put(data, i, F32ToF16(value));
      case WeightFormat::kCodes8:
        return Put(data, i, static_cast<int8_t>(code));
      case WeightFormat::kCodes16:
        return Put(data, i, static_cast<int16_t>(code));
      case WeightFormat::kEncoded8:
        break;  // made by the codec
    }
  }

  template <typename T>
  static void Put(std::byte* data, size_t i, T value) {
    std::memcpy(data + i * sizeof(T), &value, sizeof(T));
  }

  std::vector<std::byte> bytes_;
  std::vector<WeightException> exceptions_;
  WeightMatrix view_;
};

// Every backend of the machine, on a pool of three threads.
class KernelTest : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    backend_ = MakeCpuBackend(pool_, GetParam());
    ASSERT_NE(backend_, nullptr);
    EXPECT_EQ(backend_->name(), GetParam());
  }

  const ThreadPool pool_{3};
  std::unique_ptr<Backend> backend_;
  std::unique_ptr<Backend> reference_ = MakeReferenceBackend();
};

inline std::vector<std::string> AllBackends() {
  std::vector<std::string> names;
  for (const std::string_view name : CpuBackendNames()) names.emplace_back(name);
  return names;
}

}  // namespace ebb

#define EBB_INSTANTIATE_FOR_ALL_BACKENDS(suite)                                         \
  INSTANTIATE_TEST_SUITE_P(AllBackends, suite, testing::ValuesIn(::ebb::AllBackends()), \
                           [](const auto& info) { return info.param; })
