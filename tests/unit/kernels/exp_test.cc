// exp of docs/numbers.md against long double, over its whole range.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "kernels/ref/scalar_math.h"
#include "unit/kernels/kernel_testing.h"

namespace ebb {
namespace {

// The distance from the true value in units of the last place of its float32.
double ErrorInUlp(float actual, float x) {
  const long double exact = std::exp(static_cast<long double>(x));
  int exponent = 0;
  std::frexp(static_cast<double>(exact), &exponent);
  const double ulp = std::ldexp(1.0, exponent - 24);
  return static_cast<double>(std::abs(static_cast<long double>(actual) - exact)) / ulp;
}

// Every 251st float from 2^-30 to the limit, of both signs.
TEST(Exp, IsWithinNineTenthsOfAnUlp) {
  double worst = 0;
  float worst_at = 0;
  for (const float limit : {kExpLowest, kExpHighest}) {
    const uint32_t last = std::bit_cast<uint32_t>(limit);
    const uint32_t first = std::bit_cast<uint32_t>(std::copysign(0x1p-30f, limit));
    for (uint32_t bits = first; bits <= last; bits += 251) {
      const float x = std::bit_cast<float>(bits);
      const double error = ErrorInUlp(ref::Exp(x), x);
      if (error > worst) {
        worst = error;
        worst_at = x;
      }
    }
  }
  RecordProperty("max_error_ulp", std::to_string(worst));
  EXPECT_LE(worst, 0.9) << "at " << worst_at;
}

TEST(Exp, HasTheContractsLimits) {
  EXPECT_EQ(ref::Exp(0.0f), 1.0f);
  EXPECT_EQ(ref::Exp(-0.0f), 1.0f);
  EXPECT_EQ(ref::Exp(-87.31f), 0.0f);
  EXPECT_EQ(ref::Exp(-INFINITY), 0.0f);
  EXPECT_EQ(ref::Exp(-1e30f), 0.0f);
  EXPECT_EQ(ref::Exp(88.71f), INFINITY);
  EXPECT_EQ(ref::Exp(INFINITY), INFINITY);
  EXPECT_EQ(ref::Exp(1e30f), INFINITY);
  EXPECT_TRUE(std::isnan(ref::Exp(NAN)));
  EXPECT_GE(ref::Exp(kExpLowest), std::numeric_limits<float>::min());
  EXPECT_LT(ref::Exp(kExpHighest), INFINITY);
}

class ExpTest : public KernelTest {};

// Through sigmoid, since exp itself is no operation: over the range and beyond, all lanes and
// tails.
TEST_P(ExpTest, VectorsGiveTheReferencesBits) {
  std::vector<float> x;
  for (float v = -95.0f; v < 95.0f; v += 0.00937f) x.push_back(v);
  for (const float v : {INFINITY, -INFINITY, NAN, 0.0f, -0.0f, 1e-40f, kExpLowest, kExpHighest}) {
    x.push_back(v);
  }
  std::vector<float> expected = x;
  const auto count = static_cast<int64_t>(x.size());
  reference_->Sigmoid({expected.data(), 1, count}, count);
  backend_->Sigmoid({x.data(), 1, count}, count);
  ExpectEqual(*backend_, x, expected, 1e-6f);
}

EBB_INSTANTIATE_FOR_ALL_BACKENDS(ExpTest);

}  // namespace
}  // namespace ebb
