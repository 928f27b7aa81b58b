// Matrices of encoded codes: the products of their decoded codes, to the bit.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>

#include "codec/chunk_decoder.h"
#include "codec/weights_codec.h"
#include "unit/kernels/kernel_testing.h"

namespace ebb {
namespace {

// Random rows under one bound, coded some rows a chunk; row scales differ.
class EncodedFixture {
 public:
  EncodedFixture(int64_t rows, int64_t cols, int64_t rows_each, float rate) : codes_(rows * cols) {
    std::vector<float> weights = RandomFloats(static_cast<size_t>(rows * cols), 3);
    for (int64_t r = 0; r < rows; ++r) {
      for (int64_t c = 0; c < cols; ++c) weights[r * cols + c] *= 1.0f + 0.2f * (r % 5);
    }
    weights[rows * cols / 2] = 1e6f;  // an exception
    const float bound = 0.8f * rate;
    for (int64_t first = 0; first < rows; first += rows_each) {
      const int64_t count = std::min(rows_each, rows - first);
      const auto part = std::span(weights).subspan(first * cols, count * cols);
      std::vector<std::byte>& bytes = bytes_.emplace_back();
      WeightsEncoder().EncodeBounded(part, {{&bound, 1}, 0}, static_cast<uint32_t>(cols), &bytes);
      const size_t size = bytes.size();
      bytes.resize(size + kChunkSlackBytes);
      encoded_.chunks.push_back({std::span(bytes).first(size), first, count});
      const ChunkView view = ParseChunk(encoded_.chunks.back().bytes).value();
      EXPECT_TRUE(DecodeCodes(view, codes_.data() + first * cols));
      for (uint32_t i = 0; i < view.header.exceptions; ++i) {
        const ChunkView::Exception e = view.ExceptionAt(i);
        exceptions_.push_back({static_cast<uint32_t>(first + e.element / cols),
                               static_cast<uint32_t>(e.element % cols),
                               std::bit_cast<float>(e.bits)});
      }
      step_ = view.step();
    }
    rows_ = rows;
    cols_ = cols;
  }

  WeightMatrix encoded() const {
    return {WeightFormat::kEncoded8, rows_, cols_, &encoded_, step_, exceptions_};
  }
  WeightMatrix decoded() const {
    return {WeightFormat::kCodes8, rows_, cols_, codes_.data(), step_, exceptions_};
  }
  std::vector<std::byte>& bytes(size_t chunk) { return bytes_[chunk]; }
  bool is_corrupt() const { return encoded_.is_corrupt; }

 private:
  int64_t rows_;
  int64_t cols_;
  float step_;
  std::vector<std::vector<std::byte>> bytes_;
  EncodedMatrix encoded_;
  std::vector<int8_t> codes_;
  std::vector<WeightException> exceptions_;
};

class EncodedMatMulTest : public KernelTest {
 protected:
  void SetUp() override {
    KernelTest::SetUp();
    if (GetParam() != "ref" && BestChunkDecoder().units_to_int8 == nullptr) {
      GTEST_SKIP() << "this machine's decoder does not go unit by unit";
    }
  }

  std::vector<float> Multiply(const WeightMatrix& w, const std::vector<float>& x, int64_t tokens) {
    std::vector<float> y(static_cast<size_t>(tokens * w.rows));
    backend_->MatMul(w, {x.data(), tokens, w.cols}, {y.data(), tokens, w.rows});
    return y;
  }
};

TEST_P(EncodedMatMulTest, EqualsTheProductOfTheDecodedCodes) {
  struct Shape {
    int64_t rows, cols, rows_each;
  };
  for (const auto& [rows, cols, each] :
       {Shape{64, 256, 64}, Shape{300, 512, 100}, Shape{130, 1408, 130}, Shape{40, 4160, 33}}) {
    for (const float rate : {0.05f, 0.2f, 0.8f}) {
      const EncodedFixture w(rows, cols, each, rate);
      for (const int64_t tokens : {1, 2, 3, 5, 7, 8, 9, 20, 50}) {
        SCOPED_TRACE(testing::Message()
                     << rows << " x " << cols << ", rate " << rate << ", tokens " << tokens);
        const std::vector<float> x = RandomFloats(static_cast<size_t>(tokens * cols), 5);
        EXPECT_EQ(Multiply(w.encoded(), x, tokens), Multiply(w.decoded(), x, tokens));
        EXPECT_FALSE(w.is_corrupt());
      }
    }
  }
}

TEST_P(EncodedMatMulTest, SaysThatAStreamIsDamaged) {
  EncodedFixture w(64, 512, 32, 0.2f);
  std::vector<std::byte>& bytes = w.bytes(1);
  bytes[bytes.size() - kChunkSlackBytes - 100] ^= std::byte{0x10};
  const std::vector<float> x = RandomFloats(512, 5);
  Multiply(w.encoded(), x, 1);
  EXPECT_TRUE(w.is_corrupt());
}

TEST_P(EncodedMatMulTest, SaysThatAChunkIsNone) {
  EncodedFixture w(64, 512, 32, 0.2f);
  std::fill_n(w.bytes(0).begin(), 32, std::byte{0xff});
  const std::vector<float> x = RandomFloats(512, 5);
  Multiply(w.encoded(), x, 1);
  EXPECT_TRUE(w.is_corrupt());
}

EBB_INSTANTIATE_FOR_ALL_BACKENDS(EncodedMatMulTest);

// Against arithmetic of more precision, which knows nothing of digits.
TEST(CodesDot, IsWithinItsErrorBoundOfTheTrueProduct) {
  const std::unique_ptr<Backend> reference = MakeReferenceBackend();
  for (const float outlier : {1.0f, 1e3f, 1e30f, 1e-30f}) {
    const TestMatrix w(WeightFormat::kCodes8, 20, 777, 3);
    std::vector<float> x = RandomFloats(777, 4);
    x[5] *= outlier;
    float largest = 0;
    for (const float value : x) largest = std::max(largest, std::abs(value));
    std::vector<float> y(20);
    reference->MatMul(w.view(), {x.data(), 1, 777}, {y.data(), 1, 20});
    for (int64_t r = 0; r < 20; ++r) {
      long double exact = 0;
      long double magnitude = 0;
      for (int64_t c = 0; c < 777; ++c) {
        const int code = static_cast<const int8_t*>(w.view().data)[r * 777 + c];
        exact += static_cast<long double>(w.view().step) * code * x[c];
        magnitude += static_cast<long double>(w.view().step) * std::abs(code);
      }
      double rounding =
          0x1p-22 * static_cast<double>(largest * magnitude) + 0x1p-23 * std::abs(y[r]);
      for (const WeightException& e : w.view().exceptions) {
        if (e.row != r) continue;
        exact += static_cast<long double>(e.value) * x[e.col];
        rounding +=
            0x1p-22 * std::abs(static_cast<double>(e.value) * x[e.col]) + 0x1p-22 * std::abs(y[r]);
      }
      EXPECT_NEAR(y[r], static_cast<double>(exact), rounding * 1.01 + 1e-40)
          << "outlier " << outlier;
    }
  }
}

}  // namespace
}  // namespace ebb
