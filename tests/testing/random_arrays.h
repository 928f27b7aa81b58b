// Seeded arrays and bounds for property tests of codecs: any shape, any law, hostile values, bounds
// from 1e-30 to 1e30.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/float16.h"
#include "codec/codec.h"
#include "testing/weights.h"

namespace ebb {

struct RandomCase {
  std::string name;
  std::vector<float> values;
  uint64_t rows = 1;
  uint64_t cols = 0;
  float bound = 0;

  ArrayView view() const { return {values, rows, cols}; }
};

class RandomCases {
 public:
  explicit RandomCases(uint64_t seed, size_t max_elements)
      : random_(seed), max_elements_(max_elements) {}

  RandomCase Next() {
    RandomCase made;
    const bool flat = Below(2) == 0;
    const size_t count = Size();
    made.cols = flat || count == 0 ? count : 1 + Below(std::min<size_t>(count, 3000));
    made.rows = flat || count == 0 ? 1 : count / made.cols;
    made.values = Values(made.rows * made.cols, &made.name);
    if (Below(2) == 0) {
      for (float& value : made.values) value = Bf16ToF32(F32ToBf16(value));
      made.name += ", bf16";
    }
    made.bound = Bound(made.values);
    made.name = fmt::format("{}, {} x {}, bound {}", made.name, made.rows, made.cols, made.bound);
    return made;
  }

 private:
  uint64_t Below(uint64_t limit) { return random_() % limit; }
  double Uniform() { return static_cast<double>(random_() >> 11) * 0x1p-53; }

  size_t Size() {
    switch (Below(8)) {
      case 0:
        return Below(4);
      case 1:
        return 28 + Below(80);  // around groups and blocks
      case 2:
        return 32760 + Below(20);  // around cuSZp's thread blocks
      case 3:
        return Below(max_elements_ + 1);
      default:
        return Below(std::min<size_t>(max_elements_, 5000) + 1);
    }
  }

  std::vector<float> Values(size_t count, std::string* name) {
    if (Below(2) == 0) {
      const Law law =
          std::vector{Law::kGauss, Law::kLaplace, Law::kStudentRows, Law::kUniform}[Below(4)];
      *name = fmt::format("law {}", static_cast<int>(law));
      std::vector<float> values = MakeWeights(law, 1, count, random_());
      const double scale = std::pow(10.0, -30 + 60 * Uniform());
      if (Below(2) == 0) {
        for (float& value : values) value = static_cast<float>(value * scale);
        *name += fmt::format(" x {:.1e}", scale);
      }
      Spoil(values, name);
      return values;
    }
    auto hostile = MakeHostileWeights(std::max<size_t>(1, count));
    NamedWeights& chosen = hostile[Below(hostile.size())];
    *name = chosen.name;
    chosen.weights.resize(count);
    return chosen.weights;
  }

  // A few values that do not belong.
  void Spoil(std::vector<float>& values, std::string* name) {
    if (values.empty() || Below(4) != 0) return;
    constexpr float kMax = std::numeric_limits<float>::max();
    const float strangers[] = {NAN, INFINITY, -INFINITY, kMax, -kMax, -0.0f, 1e-45f, 1e30f, -1e20f};
    for (size_t i = 0; i < 1 + values.size() / 500; ++i) {
      values[Below(values.size())] = strangers[Below(std::size(strangers))];
    }
    *name += ", spoiled";
  }

  float Bound(const std::vector<float>& values) {
    double sum = 0;
    for (const float value : values) sum += std::isfinite(value) ? std::fabs(value) : 0;
    const double mean = values.empty() ? 1 : sum / static_cast<double>(values.size());
    // Half of the bounds mean something for the values.
    const double bound = Below(2) == 0 ? mean * std::pow(10.0, -4 + 5 * Uniform())
                                       : std::pow(10.0, -30 + 60 * Uniform());
    return static_cast<float>(std::min(bound, 3.4e38));
  }

  std::mt19937_64 random_;
  size_t max_elements_;
};

// What is wrong with `decoded`, if anything: the promise of CodecInfo::guaranteed, in the last bit.
inline std::optional<std::string> BrokenPromise(std::span<const float> original,
                                                std::span<const float> decoded, float bound) {
  for (size_t i = 0; i < original.size(); ++i) {
    const bool same = std::bit_cast<uint32_t>(original[i]) == std::bit_cast<uint32_t>(decoded[i]);
    const double error = std::abs(double{decoded[i]} - double{original[i]});
    if (same || (std::isfinite(original[i]) && error <= double{bound})) continue;
    return fmt::format("element {}: {:.9g} became {:.9g}, {:.9g} bounds away", i, original[i],
                       decoded[i], error / double{bound});
  }
  return std::nullopt;
}

}  // namespace ebb
