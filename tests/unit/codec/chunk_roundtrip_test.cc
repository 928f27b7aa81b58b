// Every decoder of this machine gives the encoder's integers back, and the scalar decoder's bits.
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>

#include "base/bytes.h"
#include "codec/bound.h"
#include "codec/chunk_decoder.h"
#include "codec/chunk_encoder.h"
#include "codec/quantizer.h"
#include "codec/weights_codec.h"
#include "testing/guarded_buffer.h"
#include "testing/weights.h"

namespace ebb {
namespace {

using Encoder = void (*)(const ChunkContent&, std::vector<std::byte>*);

std::vector<std::byte> EncodeValues(std::vector<int32_t> values, uint32_t row_elements,
                                    Encoder encode = EncodeChunk) {
  const std::vector<int32_t> originals = values;
  ChunkContent content;
  content.values = values;
  content.originals = std::as_bytes(std::span(originals));
  content.row_elements = row_elements;
  content.step = 1;
  std::vector<std::byte> bytes;
  encode(content, &bytes);
  return bytes;
}

// Values of a chunk by one decoder, exceptions put back.
std::vector<int32_t> Decode(const ChunkDecoder& decoder, const ChunkView& chunk) {
  std::vector<int32_t> values(chunk.header.elements);
  EXPECT_TRUE(decoder.to_int32(chunk, values.data())) << decoder.name;
  for (uint32_t i = 0; i < chunk.header.exceptions; ++i) {
    values[chunk.ExceptionAt(i).element] = static_cast<int32_t>(chunk.ExceptionAt(i).bits);
  }
  return values;
}

void ExpectDecodes(const std::vector<std::byte>& bytes, const std::vector<int32_t>& values) {
  const GuardedBuffer guarded(bytes, kChunkSlackBytes);
  const Result<ChunkView> chunk = ParseChunk(guarded.bytes());
  ASSERT_TRUE(chunk.has_value()) << chunk.error().ToString();
  for (const ChunkDecoder* decoder : AvailableChunkDecoders()) {
    SCOPED_TRACE(decoder->name);
    EXPECT_EQ(Decode(*decoder, *chunk), values);
    const uint32_t n = chunk->header.elements;
    if (chunk->header.code_bytes <= 2) {
      std::vector<int16_t> narrow(n), want(n);
      ASSERT_TRUE(decoder->to_int16(*chunk, narrow.data()));
      ASSERT_TRUE(ScalarChunkDecoder().to_int16(*chunk, want.data()));
      EXPECT_EQ(narrow, want);
    }
    if (chunk->header.code_bytes == 1) {
      std::vector<int8_t> narrow(n), want(n);
      ASSERT_TRUE(decoder->to_int8(*chunk, narrow.data()));
      ASSERT_TRUE(ScalarChunkDecoder().to_int8(*chunk, want.data()));
      EXPECT_EQ(narrow, want);
    }
  }
}

void ExpectRoundTrip(const std::vector<int32_t>& values, uint32_t row_elements,
                     const std::string& what) {
  SCOPED_TRACE(what);
  const std::vector<std::byte> bytes = EncodeValues(values, row_elements);
  EXPECT_EQ(bytes, EncodeValues(values, row_elements, EncodeChunkScalar)) << "stream coders differ";
  ExpectDecodes(bytes, values);
  SCOPED_TRACE("layout 2");
  const std::vector<std::byte> small = EncodeValues(values, row_elements, EncodeSmallChunk);
  EXPECT_EQ(small, EncodeValues(values, row_elements, EncodeSmallChunkScalar))
      << "stream coders differ";
  ExpectDecodes(small, values);
}

// Rounded normal numbers.
std::vector<int32_t> NormalIntegers(size_t count, double deviation, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::normal_distribution<double> normal(0, deviation);
  std::vector<int32_t> values(count);
  for (int32_t& v : values) v = static_cast<int32_t>(std::lrint(normal(random)));
  return values;
}

TEST(ChunkRoundTrip, EveryWidthOfValues) {
  for (const double deviation : {0.05, 0.4, 1.0, 3.0, 12.0, 60.0, 500.0, 1e4, 1e5, 3e6}) {
    ExpectRoundTrip(NormalIntegers(20000, deviation, 1), 0, fmt::format("deviation {}", deviation));
  }
}

TEST(ChunkRoundTrip, EveryLengthAroundABlock) {
  for (size_t count = 1; count <= 200; ++count) {
    ExpectRoundTrip(NormalIntegers(count, 3, count), 0, fmt::format("{} elements", count));
  }
}

TEST(ChunkRoundTrip, LengthsAndRowsAroundUnitsAndStreams) {
  for (const size_t count : {1000, 4096, 8192, 49152, 49153, 98304, 98305, 131071, 300000}) {
    for (const uint32_t row : {0u, 64u, 96u, 128u, 2048u, 100u, 1408u, 5000u}) {
      ExpectRoundTrip(NormalIntegers(count, 2, count), row,
                      fmt::format("{} elements, rows of {}", count, row));
    }
  }
}

TEST(ChunkRoundTrip, ClassesOfRows) {
  // Rows of very different scales: several tables, in one, two and four streams.
  for (const size_t rows : {40, 64, 100, 333}) {
    std::vector<int32_t> values;
    for (size_t row = 0; row < rows; ++row) {
      const auto part = NormalIntegers(512, std::pow(1.5, static_cast<double>(row % 9)), row + 1);
      values.insert(values.end(), part.begin(), part.end());
    }
    values.resize(values.size() - 77);  // a partial unit
    ExpectRoundTrip(values, 512, fmt::format("{} rows", rows));
    for (const Encoder encode : {EncodeChunk, EncodeSmallChunk}) {
      const std::vector<std::byte> bytes = EncodeValues(values, 512, encode);
      EXPECT_GT(ParseChunk(bytes)->header.classes, 1);
    }
  }
}

TEST(ChunkRoundTrip, OneValueCostsNothing) {
  const std::vector<int32_t> values(100000, -3);
  ExpectRoundTrip(values, 0, "constant");
  EXPECT_LT(EncodeValues(values, 0).size(), 700u);  // lanes and header only
  EXPECT_LT(EncodeValues(values, 0, EncodeSmallChunk).size(), 400u);
}

TEST(ChunkRoundTrip, OneTokenWithMostSlots) {
  // A token beyond 127 slots takes the decoder's other multiplication.
  for (const size_t period : {3, 10, 100, 1000}) {
    std::vector<int32_t> values(100000, 0);
    for (size_t i = 0; i < values.size(); i += period) values[i] = static_cast<int32_t>(i % 5) - 2;
    ExpectRoundTrip(values, 0, fmt::format("one in {}", period));
  }
}

TEST(ChunkRoundTrip, OutliersBecomeExceptions) {
  std::vector<int32_t> values = NormalIntegers(50000, 2, 5);
  for (size_t i = 0; i < values.size(); i += 9999) values[i] = 1000000 + static_cast<int32_t>(i);
  values[0] = -128;
  values[1] = 128;
  values[2] = std::numeric_limits<int32_t>::min();
  values[3] = std::numeric_limits<int32_t>::max();
  ExpectRoundTrip(values, 0, "outliers");
}

TEST(ChunkRoundTrip, AnyIntegers) {
  std::mt19937_64 random(11);
  std::vector<int32_t> values(70000);
  for (int32_t& v : values) v = static_cast<int32_t>(random());
  ExpectRoundTrip(values, 0, "uniform in 32 bits");
  for (int32_t& v : values) v = static_cast<int32_t>(random()) >> (random() % 32);
  ExpectRoundTrip(values, 0, "log-uniform");
}

// By setting.
class WeightsCodec : public testing::TestWithParam<CodecSetting> {};
INSTANTIATE_TEST_SUITE_P(All, WeightsCodec,
                         testing::Values(CodecSetting::kFast, CodecSetting::kSmall,
                                         CodecSetting::kLayout2));

TEST_P(WeightsCodec, BoundHoldsInTheLastBit) {
  for (const Law law : {Law::kGauss, Law::kLaplace, Law::kStudentRows, Law::kUniform}) {
    const std::vector<float> weights = MakeWeights(law, 64, 1024);
    MagnitudeSum sum;
    sum.Add(weights);
    for (const double rate : {1e-6, 1e-4, 0.01, 0.05, 0.2, 0.8, 3.0}) {
      const float bound = AbsoluteBound(ErrorBound::Relative(rate), sum.Mean());
      WeightsEncoder encoder(GetParam());
      std::vector<std::byte> bytes;
      const EncodeReport report = encoder.EncodeBounded(weights, {{&bound, 1}, 0}, 1024, &bytes);
      const GuardedBuffer guarded(bytes, kChunkSlackBytes);
      std::vector<float> decoded(weights.size());
      ASSERT_TRUE(DecodeFloats(ParseChunk(guarded.bytes()).value(), decoded.data()));
      double worst = 0;
      for (size_t i = 0; i < weights.size(); ++i) {
        worst = std::max(worst, std::abs(double{decoded[i]} - double{weights[i]}));
      }
      EXPECT_LE(worst, double{bound});
      EXPECT_NEAR(report.max_error_over_bound, worst / double{bound}, 1e-12);
    }
  }
}

TEST_P(WeightsCodec, HostileWeightsKeepTheBoundAndSpecialsTheirBits) {
  for (const NamedWeights& hostile : MakeHostileWeights(5000)) {
    for (const float bound : {1e-45f, 1e-38f, 1e-30f, 1e-10f, 1e-3f, 1.0f, 1e10f, 1e30f, 3e38f}) {
      SCOPED_TRACE(fmt::format("{} at {}", hostile.name, bound));
      WeightsEncoder encoder(GetParam());
      std::vector<std::byte> bytes;
      encoder.EncodeBounded(hostile.weights, {{&bound, 1}, 0}, 0, &bytes);
      const GuardedBuffer guarded(bytes, kChunkSlackBytes);
      std::vector<float> decoded(hostile.weights.size());
      ASSERT_TRUE(DecodeFloats(ParseChunk(guarded.bytes()).value(), decoded.data()));
      for (size_t i = 0; i < decoded.size(); ++i) {
        const float w = hostile.weights[i];
        if (std::isfinite(w)) {
          ASSERT_LE(std::abs(double{decoded[i]} - double{w}), double{bound}) << i;
        } else {
          ASSERT_EQ(std::bit_cast<uint32_t>(decoded[i]), std::bit_cast<uint32_t>(w)) << i;
        }
      }
    }
  }
}

TEST_P(WeightsCodec, BoundZeroIsExact) {
  for (const NamedWeights& hostile : MakeHostileWeights(300)) {
    const float bound = 0;
    WeightsEncoder encoder(GetParam());
    std::vector<std::byte> bytes;
    encoder.EncodeBounded(hostile.weights, {{&bound, 1}, 0}, 0, &bytes);
    const GuardedBuffer guarded(bytes, kChunkSlackBytes);
    std::vector<float> decoded(hostile.weights.size());
    ASSERT_TRUE(DecodeFloats(ParseChunk(guarded.bytes()).value(), decoded.data()));
    EXPECT_EQ(0, std::memcmp(decoded.data(), hostile.weights.data(), decoded.size() * 4))
        << hostile.name;
  }
}

TEST_P(WeightsCodec, EachRowKeepsItsOwnBound) {
  const std::vector<float> weights = MakeWeights(Law::kStudentRows, 50, 96);
  std::vector<float> bounds;
  for (size_t row = 0; row < 50; ++row) {
    MagnitudeSum sum;
    sum.Add(std::span(weights).subspan(row * 96, 96));
    bounds.push_back(row == 7 ? 0 : AbsoluteBound(ErrorBound::Relative(0.2), sum.Mean()));
  }
  WeightsEncoder encoder(GetParam());
  std::vector<std::byte> bytes;
  encoder.EncodeBounded(weights, {bounds, 96}, 96, &bytes);
  const GuardedBuffer guarded(bytes, kChunkSlackBytes);
  std::vector<float> decoded(weights.size());
  ASSERT_TRUE(DecodeFloats(ParseChunk(guarded.bytes()).value(), decoded.data()));
  for (size_t i = 0; i < weights.size(); ++i) {
    EXPECT_LE(std::abs(double{decoded[i]} - double{weights[i]}), double{bounds[i / 96]}) << i;
  }
}

TEST_P(WeightsCodec, Bf16IsTheRoundedFloat) {
  const std::vector<float> weights = MakeWeights(Law::kLaplace, 100, 1000);
  for (const float bound : {0.0001f, 0.001f, 0.01f}) {
    WeightsEncoder encoder(GetParam());
    std::vector<std::byte> bytes;
    encoder.EncodeBounded(weights, {{&bound, 1}, 0}, 0, &bytes);
    const GuardedBuffer guarded(bytes, kChunkSlackBytes);
    const ChunkView chunk = ParseChunk(guarded.bytes()).value();
    std::vector<float> floats(weights.size());
    std::vector<uint16_t> halves(weights.size());
    ASSERT_TRUE(DecodeFloats(chunk, floats.data()));
    ASSERT_TRUE(DecodeBf16(chunk, halves.data()));
    for (size_t i = 0; i < weights.size(); ++i) ASSERT_EQ(halves[i], F32ToBf16(floats[i])) << i;
  }
}

TEST_P(WeightsCodec, WordsComeBackBitForBit) {
  std::mt19937_64 random(5);
  const auto expect_back = [&]<typename Word>(const std::vector<Word>& words) {
    const WordBits width = sizeof(Word) == 4 ? WordBits::k32 : WordBits::k16;
    std::vector<std::byte> bytes;
    WeightsEncoder(GetParam()).EncodeWords(std::as_bytes(std::span(words)), width, 0, &bytes);
    const GuardedBuffer guarded(bytes, kChunkSlackBytes);
    std::vector<Word> decoded(words.size());
    ASSERT_TRUE(DecodeWords(ParseChunk(guarded.bytes()).value(), decoded.data()));
    EXPECT_EQ(decoded, words);
  };
  for (const size_t count : {1, 63, 64, 65, 5000, 150000}) {
    std::vector<uint16_t> gauss, any, halves;
    std::vector<uint32_t> wide, disguised;
    std::normal_distribution<float> normal(0, 0.02f);
    for (size_t i = 0; i < count; ++i) {
      const float value = normal(random);
      gauss.push_back(F32ToBf16(value));
      halves.push_back(F32ToF16(value));
      any.push_back(static_cast<uint16_t>(random()));
      wide.push_back(std::bit_cast<uint32_t>(value));
      disguised.push_back(uint32_t{gauss.back()} << 16);
    }
    for (const auto& words : {gauss, any, halves}) expect_back(words);
    for (const auto& words : {wide, disguised}) expect_back(words);
  }
}

TEST(WeightsCodecSettings, SmallIsNeverLarger) {
  for (const size_t rows : {1, 30, 100, 400, 1000}) {
    const std::vector<float> weights = MakeWeights(Law::kStudentRows, rows, 1024);
    std::array<size_t, 2> sizes;
    for (const CodecSetting setting : {CodecSetting::kFast, CodecSetting::kSmall}) {
      const float bound = 0.004f;
      std::vector<std::byte> bytes;
      WeightsEncoder encoder(setting);
      encoder.EncodeBounded(weights, {{&bound, 1}, 0}, 1024, &bytes);
      sizes[static_cast<size_t>(setting)] = bytes.size();
    }
    EXPECT_LE(sizes[1], sizes[0]) << rows;
  }
}

// The size bars of the project, with all overhead counted.
double CodedOverEntropy(const std::vector<float>& weights, double rate, uint32_t cols,
                        size_t chunks, CodecSetting setting = CodecSetting::kFast) {
  MagnitudeSum sum;
  sum.Add(weights);
  const float bound = AbsoluteBound(ErrorBound::Relative(rate), sum.Mean());
  std::map<int32_t, uint64_t> histogram;
  std::vector<std::byte> bytes;
  WeightsEncoder encoder(setting);
  const size_t each = weights.size() / cols / chunks * cols;
  for (size_t c = 0; c < chunks; ++c) {
    const size_t count = c + 1 == chunks ? weights.size() - c * each : each;
    encoder.EncodeBounded(std::span(weights).subspan(c * each, count), {{&bound, 1}, 0}, cols,
                          &bytes);
    for (const int32_t code : encoder.codes()) ++histogram[code];
  }
  double entropy = 0;
  for (const auto& [code, count] : histogram) {
    const double p = static_cast<double>(count) / static_cast<double>(weights.size());
    entropy -= p * std::log2(p);
  }
  return static_cast<double>(bytes.size()) * 8 / static_cast<double>(weights.size()) / entropy;
}

TEST(CodecSize, WithinTwoPercentOfEntropyOnLargeMatrices) {
  for (const Law law : {Law::kGauss, Law::kLaplace, Law::kStudentRows}) {
    const std::vector<float> weights = MakeWeights(law, 1408, 2048);
    for (const double rate : {0.05, 0.2, 0.4, 0.8}) {
      EXPECT_LE(CodedOverEntropy(weights, rate, 2048, 5), 1.02);
    }
  }
}

TEST(CodecSize, SmallIsWithinTwoThousandthsOfEntropy) {
  for (const Law law : {Law::kGauss, Law::kLaplace, Law::kStudentRows}) {
    const std::vector<float> weights = MakeWeights(law, 1408, 2048);
    for (const double rate : {0.05, 0.2, 0.8}) {
      EXPECT_LE(CodedOverEntropy(weights, rate, 2048, 1, CodecSetting::kSmall), 1.002);
    }
  }
}

TEST(CodecSize, BelowPooledEntropyWhereRowScalesVary) {
  const std::vector<float> weights = MakeWeights(Law::kStudentRows, 1408, 2048);
  for (const double rate : {0.05, 0.2, 0.4, 0.8}) {
    EXPECT_LT(CodedOverEntropy(weights, rate, 2048, 5), 1.0);
  }
}

TEST(CodecSize, WithinFourPercentOnSmallExperts) {
  const std::vector<float> weights = MakeWeights(Law::kGauss, 288, 128);
  for (const double rate : {0.05, 0.2, 0.4, 0.8}) {
    EXPECT_LE(CodedOverEntropy(weights, rate, 128, 1), 1.04);
  }
}

}  // namespace
}  // namespace ebb
