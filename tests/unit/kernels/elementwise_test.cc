#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "unit/kernels/kernel_testing.h"

namespace ebb {
namespace {

constexpr int64_t kDims[] = {1, 2, 7, 15, 16, 17, 33, 100, 192};
constexpr int64_t kRows = 5;
constexpr int64_t kGap = 3;  // floats between two rows

class ElementwiseTest : public KernelTest {
 protected:
  using Operation = std::function<void(const Backend&, Rows x, Rows y, int64_t dim)>;

  // Runs the operation on the reference and on the backend, over finite and hostile values.
  void ExpectLikeReference(const Operation& operation, float tolerance) {
    for (const bool hostile : {false, true}) {
      if (hostile && !HasFma(*backend_)) continue;
      for (const int64_t dim : kDims) {
        SCOPED_TRACE(testing::Message() << "dim " << dim << (hostile ? " hostile" : ""));
        const auto count = static_cast<size_t>(kRows * (dim + kGap));
        const auto seed = static_cast<uint32_t>(dim);
        std::vector<float> x = hostile ? HostileFloats(count, seed) : RandomFloats(count, seed);
        std::vector<float> y = RandomFloats(count, 100 + seed);
        std::vector<float> expected_x = x;
        std::vector<float> expected_y = y;
        operation(*reference_, {expected_x.data(), kRows, dim + kGap},
                  {expected_y.data(), kRows, dim + kGap}, dim);
        operation(*backend_, {x.data(), kRows, dim + kGap}, {y.data(), kRows, dim + kGap}, dim);
        ExpectEqual(*backend_, x, expected_x, tolerance);
        ExpectEqual(*backend_, y, expected_y, tolerance);
      }
    }
  }
};

TEST_P(ElementwiseTest, RmsNorm) {
  ExpectLikeReference(
      [](const Backend& backend, Rows x, Rows y, int64_t dim) {
        const std::vector<float> weight = RandomFloats(static_cast<size_t>(dim), 3);
        backend.RmsNorm(weight, 1e-5f, x, y);
        backend.RmsNorm(weight, 1e-5f, x, x);
      },
      1e-5f);
}

TEST_P(ElementwiseTest, SiluMultiply) {
  ExpectLikeReference(
      [](const Backend& backend, Rows x, Rows y, int64_t dim) { backend.SiluMultiply(x, y, dim); },
      1e-5f);
}

TEST_P(ElementwiseTest, Add) {
  ExpectLikeReference(
      [](const Backend& backend, Rows x, Rows y, int64_t dim) { backend.Add(x, y, dim); }, 0);
}

TEST_P(ElementwiseTest, Softmax) {
  ExpectLikeReference(
      [](const Backend& backend, Rows x, Rows, int64_t dim) { backend.Softmax(x, dim); }, 1e-6f);
}

TEST_P(ElementwiseTest, Sigmoid) {
  ExpectLikeReference(
      [](const Backend& backend, Rows x, Rows, int64_t dim) { backend.Sigmoid(x, dim); }, 1e-6f);
}

TEST_P(ElementwiseTest, Rope) {
  for (const bool interleaved : {false, true}) {
    ExpectLikeReference(
        [interleaved](const Backend& backend, Rows x, Rows y, int64_t dim) {
          const int64_t even = dim / 2 * 2;
          const auto count = static_cast<size_t>(kRows * even / 2);
          const std::vector<float> cos = RandomFloats(count, 1);
          const std::vector<float> sin = RandomFloats(count, 2);
          if (even == 0) return;
          backend.Rope(x, 0, y, 0, 1, even, interleaved, cos.data(), sin.data());
          backend.Rope(x, 0, x, 0, 1, even, interleaved, cos.data(), sin.data());
        },
        1e-5f);
  }
}

TEST_P(ElementwiseTest, RopeMovesHeads) {
  const std::vector<float> x = RandomFloats(2 * 3 * 10, 1);
  const std::vector<float> cos(2 * 2, 1.0f);
  const std::vector<float> sin(2 * 2, 0.0f);
  std::vector<float> y(2 * 3 * 7, 5.0f);
  backend_->Rope({x.data(), 2, 30}, 10, {y.data(), 2, 21}, 7, 3, 4, true, cos.data(), sin.data());
  for (int t = 0; t < 2; ++t) {
    for (int h = 0; h < 3; ++h) {
      const float* from = x.data() + t * 30 + h * 10;
      const float* to = y.data() + t * 21 + h * 7;
      EXPECT_EQ(to[0], from[0]);
      EXPECT_EQ(to[1], from[2]);
      EXPECT_EQ(to[2], from[1]);
      EXPECT_EQ(to[3], from[3]);
      EXPECT_EQ(to[4], 5.0f);
    }
  }
}

TEST_P(ElementwiseTest, WeightedSum) {
  const std::vector<int32_t> from = {4, 0, 2, -1, -1, 3, 1, -1, 1, 0, 0, 0, -1, -1, -1};
  const std::vector<float> weights = RandomFloats(from.size(), 6);
  ExpectLikeReference([&](const Backend& backend, Rows x, Rows y,
                          int64_t dim) { backend.WeightedSum(x, from, weights, y, dim); },
                      1e-5f);
}

TEST_P(ElementwiseTest, GatherAndCopyRows) {
  std::vector<float> x = RandomFloats(6 * 11, 1);
  std::vector<float> y(3 * 12, 0.0f);
  const std::vector<int32_t> from = {5, 0, 5};
  backend_->GatherRows({x.data(), 6, 11}, from, {y.data(), 3, 12}, 10);
  std::vector<float> z(3 * 10);
  const std::vector<float*> to = {z.data() + 20, z.data(), z.data() + 10};
  backend_->CopyRows({y.data(), 3, 12}, to, 10);
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(y[i], x[55 + i]);
    EXPECT_EQ(y[12 + i], x[i]);
    EXPECT_EQ(y[24 + i], x[55 + i]);
    EXPECT_EQ(z[20 + i], x[55 + i]);
    EXPECT_EQ(z[i], x[i]);
  }
}

TEST_P(ElementwiseTest, SoftmaxOfExtremes) {
  std::vector<float> x = {-INFINITY, 0.0f, -200.0f, 0.0f, INFINITY, 1.0f, NAN, 1.0f};
  backend_->Softmax({x.data(), 2, 4}, 4);
  EXPECT_EQ(x[0], 0.0f);
  EXPECT_EQ(x[1], 0.5f);
  EXPECT_EQ(x[2], 0.0f);
  for (int i = 4; i < 8; ++i) EXPECT_TRUE(std::isnan(x[i]));
}

EBB_INSTANTIATE_FOR_ALL_BACKENDS(ElementwiseTest);

}  // namespace
}  // namespace ebb
