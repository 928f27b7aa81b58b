#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "kernels/ref/scalar_math.h"
#include "unit/kernels/kernel_testing.h"

namespace ebb {
namespace {

class MatMulTest : public KernelTest {
 protected:
  // The product of `tokens` rows of x, each `x_gap` floats longer than the matrix is wide.
  static std::vector<float> Multiply(const Backend& backend, const WeightMatrix& w,
                                     const std::vector<float>& x, int64_t tokens, int64_t x_gap) {
    const int64_t y_stride = w.rows + 3;
    std::vector<float> y(static_cast<size_t>(tokens * y_stride), -77.0f);
    backend.MatMul(w, {x.data(), tokens, w.cols + x_gap}, {y.data(), tokens, y_stride});
    return y;
  }

  void ExpectLikeReference(WeightFormat format, int64_t rows, int64_t cols, int64_t tokens,
                           bool hostile) {
    SCOPED_TRACE(testing::Message() << "format " << static_cast<int>(format) << " " << rows << " x "
                                    << cols << ", " << tokens << " tokens");
    const TestMatrix w(format, rows, cols, static_cast<uint32_t>(rows * 31 + cols), hostile);
    const int64_t gap = 5;
    const auto count = static_cast<size_t>(tokens * (cols + gap));
    const std::vector<float> x =
        hostile ? HostileFloats(count, 9) : RandomFloats(count, static_cast<uint32_t>(tokens));
    // |x w| sums to about cols x 4 at most; docs/numbers.md bounds each sum's error.
    const float terms = static_cast<float>((cols + 15) / 16 + 5);
    const float tolerance = 2 * terms * 0x1p-24f * (static_cast<float>(cols) * 8 + 2000);
    ExpectEqual(*backend_, Multiply(*backend_, w.view(), x, tokens, gap),
                Multiply(*reference_, w.view(), x, tokens, gap), tolerance);
  }
};

TEST_P(MatMulTest, AllFormatsAtOddSizes) {
  for (const WeightFormat format : kAllFormats) {
    for (const int64_t rows : {1, 2, 3, 4, 5, 8, 9, 15, 33}) {
      for (const int64_t cols : {1, 3, 15, 16, 17, 31, 96, 200}) {
        for (const int64_t tokens : {1, 2, 3, 7}) {
          ExpectLikeReference(format, rows, cols, tokens, false);
        }
      }
    }
  }
}

TEST_P(MatMulTest, AllTokenCounts) {
  for (int64_t tokens = 1; tokens <= 26; ++tokens) {
    ExpectLikeReference(WeightFormat::kBf16, 21, 80, tokens, false);
  }
}

TEST_P(MatMulTest, LargeEnoughForThreads) {
  for (const WeightFormat format : kAllFormats) {
    ExpectLikeReference(format, 517, 768, 1, false);
    ExpectLikeReference(format, 517, 272, 13, false);
    ExpectLikeReference(format, 12, 272, 300, false);
  }
}

TEST_P(MatMulTest, HostileValues) {
  if (!HasFma(*backend_)) GTEST_SKIP() << "no promise near overflow without fma";
  for (const WeightFormat format : kAllFormats) {
    for (const int64_t cols : {1, 5, 16, 40}) ExpectLikeReference(format, 37, cols, 5, true);
  }
}

TEST_P(MatMulTest, EmptyProducts) {
  std::vector<float> y(4, 5.0f);
  const std::vector<float> x(4, 1.0f);
  const TestMatrix no_columns(WeightFormat::kF32, 2, 0, 1);
  backend_->MatMul(no_columns.view(), {x.data(), 2, 1}, {y.data(), 2, 2});
  EXPECT_EQ(y, std::vector<float>(4, 0.0f));  // an empty sum
  const TestMatrix no_rows(WeightFormat::kF32, 0, 2, 1);
  backend_->MatMul(no_rows.view(), {x.data(), 2, 2}, {y.data(), 2, 0});
  const TestMatrix some(WeightFormat::kF32, 2, 2, 1);
  backend_->MatMul(some.view(), {x.data(), 0, 2}, {y.data(), 0, 2});
  backend_->MatMul(std::span<const MatProduct>());
  EXPECT_EQ(y, std::vector<float>(4, 0.0f));
}

TEST_P(MatMulTest, ExceptionsAreAddedInRisingColumns) {
  const std::vector<int8_t> codes = {3, 0, 0, -2, 0, 0, 0, 0};
  const std::vector<WeightException> exceptions = {{0, 1, 1e8f}, {0, 2, -1e8f}, {1, 3, 0.5f}};
  const WeightMatrix w{WeightFormat::kCodes8, 2, 4, codes.data(), 0.25f, exceptions};
  const std::vector<float> x = {1, 1, 1, 4};
  const std::vector<float> y = Multiply(*backend_, w, x, 1, 0);
  // 0.25 x (3 - 8) = -1.25, lost in 1e8 and not found again: the order is the contract's.
  EXPECT_EQ(y[0], std::fma(-1e8f, 1.0f, std::fma(1e8f, 1.0f, -1.25f)));
  EXPECT_EQ(y[1], 2.0f);
}

// numbers.md's own words, once more, for a product whose order of summation shows in the result.
TEST_P(MatMulTest, SumsInTheOrderOfTheContract) {
  constexpr int64_t kCols = 100;
  const std::vector<float> w = RandomFloats(kCols, 3, 1e4f);
  const std::vector<float> x = RandomFloats(kCols, 4);
  float p[16] = {};
  for (int64_t i = 0; i < kCols; ++i) p[i % 16] = std::fma(w[i], x[i], p[i % 16]);
  const auto pair = [&](int j) { return p[j] + p[j + 8]; };
  const auto four = [&](int j) { return pair(j) + pair(j + 4); };
  const float expected = (four(0) + four(2)) + (four(1) + four(3));
  const std::vector<float> y =
      Multiply(*backend_, {WeightFormat::kF32, 1, kCols, w.data(), 1, {}}, x, 1, 0);
  ExpectEqual(*backend_, {y[0]}, {expected}, 1.0f);
}

TEST_P(MatMulTest, ARowDoesNotDependOnItsBatch) {
  constexpr int64_t kRows = 130;
  constexpr int64_t kCols = 333;
  constexpr int64_t kTokens = 61;
  const std::vector<float> x = RandomFloats(kTokens * kCols, 8);
  for (const WeightFormat format : kAllFormats) {
    const TestMatrix w(format, kRows, kCols, 5);
    const std::vector<float> all = Multiply(*backend_, w.view(), x, kTokens, 0);
    for (const int64_t count : {1, 2, 5, 6, 11}) {
      for (int64_t t = 0; t + count <= kTokens; t += 7) {
        std::vector<float> some(count * kRows);
        backend_->MatMul(w.view(), {x.data() + t * kCols, count, kCols},
                         {some.data(), count, kRows});
        for (int64_t i = 0; i < count; ++i) {
          for (int64_t r = 0; r < kRows; ++r) {
            ASSERT_EQ(some[i * kRows + r], all[(t + i) * (kRows + 3) + r]);
          }
        }
      }
    }
  }
}

TEST_P(MatMulTest, ThreadsDoNotMatter) {
  const TestMatrix w(WeightFormat::kCodes8, 700, 512, 5);
  const std::vector<float> x = RandomFloats(50 * 512, 8);
  const ThreadPool one(1);
  const ThreadPool seven(7);
  const auto alone = MakeCpuBackend(one, GetParam());
  const auto many = MakeCpuBackend(seven, GetParam());
  EXPECT_EQ(Multiply(*alone, w.view(), x, 50, 0), Multiply(*many, w.view(), x, 50, 0));
}

TEST_P(MatMulTest, ProductsTogetherAreProductsAlone) {
  const TestMatrix a(WeightFormat::kBf16, 300, 256, 1);
  const TestMatrix b(WeightFormat::kF32, 17, 100, 2);
  const TestMatrix c(WeightFormat::kCodes8, 900, 64, 3);
  const std::vector<float> x = RandomFloats(20 * 256, 4);
  std::vector<float> together(20 * 1217);
  std::vector<float> alone(20 * 1217);
  const auto products = [&](std::vector<float>& y) {
    return std::vector<MatProduct>{{a.view(), {x.data(), 20, 256}, {y.data(), 20, 1217}},
                                   {b.view(), {x.data(), 3, 100}, {y.data() + 300, 3, 1217}},
                                   {c.view(), {x.data(), 9, 64}, {y.data() + 317, 9, 1217}}};
  };
  backend_->MatMul(products(together));
  for (const MatProduct& product : products(alone)) backend_->MatMul({&product, 1});
  EXPECT_EQ(together, alone);
}

EBB_INSTANTIATE_FOR_ALL_BACKENDS(MatMulTest);

}  // namespace
}  // namespace ebb
