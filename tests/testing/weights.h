// Seeded arrays of weights: the laws that the codec is measured on, and hostile ones.
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "base/float16.h"

namespace ebb {

enum class Law { kGauss, kLaplace, kStudentRows, kUniform };

// `rows` x `cols` weights of about 0.02, rounded to bf16 as checkpoints are.
inline std::vector<float> MakeWeights(Law law, size_t rows, size_t cols, uint64_t seed = 1) {
  std::mt19937_64 random(seed);
  std::normal_distribution<double> normal;
  std::student_t_distribution<double> student(5);
  std::exponential_distribution<double> exponential;
  std::uniform_real_distribution<double> uniform(-1, 1);
  std::vector<float> weights;
  weights.reserve(rows * cols);
  for (size_t row = 0; row < rows; ++row) {
    const double scale = law == Law::kStudentRows ? std::exp(0.3 * normal(random)) : 1.0;
    for (size_t col = 0; col < cols; ++col) {
      double value = 0;
      switch (law) {
        case Law::kGauss:
          value = normal(random);
          break;
        case Law::kLaplace:
          value = exponential(random) * (random() & 1 ? 1 : -1);
          break;
        case Law::kStudentRows:
          value = student(random) * scale;
          break;
        case Law::kUniform:
          value = uniform(random);
          break;
      }
      weights.push_back(Bf16ToF32(F32ToBf16(static_cast<float>(0.02 * value))));
    }
  }
  return weights;
}

struct NamedWeights {
  std::string name;
  std::vector<float> weights;
};

// Arrays that break careless codecs.
inline std::vector<NamedWeights> MakeHostileWeights(size_t count) {
  constexpr float kInf = std::numeric_limits<float>::infinity();
  constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
  constexpr float kMax = std::numeric_limits<float>::max();
  constexpr float kDenormal = std::numeric_limits<float>::denorm_min();
  std::mt19937_64 random(7);
  std::vector<NamedWeights> all;
  const auto add = [&](const std::string& name, auto&& value) {
    std::vector<float> weights(count);
    for (size_t i = 0; i < count; ++i) weights[i] = value(i);
    all.push_back({name, weights});
  };
  const auto any_bits = [&] { return std::bit_cast<float>(static_cast<uint32_t>(random())); };
  add("zeros", [](size_t) { return 0.0f; });
  add("minus zeros", [](size_t) { return -0.0f; });
  add("constant", [](size_t) { return 0.75f; });
  add("two values", [](size_t i) { return i % 2 ? 1.0f : -1e-6f; });
  add("all nan", [](size_t) { return kNan; });
  add("all infinite", [](size_t i) { return i % 2 ? kInf : -kInf; });
  add("mixed specials", [&](size_t i) {
    const float choices[] = {kNan, kInf, -kInf, 0.0f, -0.0f, kMax, -kMax, kDenormal, 1.0f, -1.0f};
    return choices[(i * 7 + i / 10) % 10];
  });
  add("any bits", [&](size_t) { return any_bits(); });
  add("finite bits", [&](size_t) {
    float value = any_bits();
    while (!std::isfinite(value)) value = any_bits();
    return value;
  });
  add("denormals",
      [&](size_t) { return std::bit_cast<float>(static_cast<uint32_t>(random()) & 0x807fffffu); });
  add("huge", [&](size_t) {
    return kMax * static_cast<float>(static_cast<double>(random() % 2001) / 1000.0 - 1.0);
  });
  add("powers", [](size_t i) { return std::ldexp(1.0f, static_cast<int>(i % 250) - 125); });
  add("one outlier",
      [&](size_t i) { return i == count / 2 ? 1e6f : 0.001f * static_cast<float>(i % 7); });
  add("ramp", [&](size_t i) { return static_cast<float>(i) - static_cast<float>(count) / 2; });
  add("sparse", [](size_t i) { return i % 97 == 0 ? 3.0f : 0.0f; });
  return all;
}

}  // namespace ebb
