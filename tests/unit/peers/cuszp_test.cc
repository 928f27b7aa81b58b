// cuSZp's format, worked out by hand from its description and held to an encoder written a second
// time, bit by bit, with none of the codec's code.
#include <gtest/gtest.h>

#include "peers/codecs.h"
#include "testing/weights.h"

namespace ebb {
namespace {

std::vector<std::byte> Encode(const char* name, const std::vector<float>& values, float bound) {
  const Codec* const codec = FindCodec(name).value();
  return codec->Encode({values, 1, values.size()}, bound, 0).value().stream;
}

std::vector<uint8_t> Payload(const std::vector<std::byte>& stream, size_t rate_bytes) {
  std::vector<uint8_t> bytes;
  for (size_t i = rate_bytes; i < stream.size(); ++i) {
    bytes.push_back(static_cast<uint8_t>(stream[i]));
  }
  return bytes;
}

TEST(Cuszp, RegionAHasAByteABlockOfWholeThreadBlocks) {
  EXPECT_EQ(Encode("cuszp:fixed", {}, 1).size(), 0u);
  EXPECT_EQ(Encode("cuszp:fixed", std::vector<float>(1, 0.0f), 1).size(), 1024u);
  EXPECT_EQ(Encode("cuszp:fixed", std::vector<float>(32768, 0.0f), 1).size(), 1024u);
  EXPECT_EQ(Encode("cuszp:fixed", std::vector<float>(32769, 0.0f), 1).size(), 2048u);
}

TEST(Cuszp, FixedByHand) {
  // Steps of 1: codes 1, -2, 0, 3 and zeros; 2 bits.
  std::vector<float> values(40, 0.0f);
  values[0] = 1;
  values[1] = -2;
  values[3] = 3;
  values[39] = 1;  // the second block: element 7, 1 bit
  const std::vector<std::byte> stream = Encode("cuszp:fixed", values, 0.5f);
  EXPECT_EQ(stream[0], std::byte{2});
  EXPECT_EQ(stream[1], std::byte{1});
  EXPECT_EQ(stream[2], std::byte{0});
  const std::vector<uint8_t> want = {0x40, 0, 0, 0,  // signs: element 1
                                     0x90, 0, 0, 0,  // lowest bits: elements 0 and 3
                                     0x50, 0, 0, 0,  // next bits: elements 1 and 3
                                     0,    0, 0, 0,  // the second block
                                     0x01, 0, 0, 0};
  EXPECT_EQ(Payload(stream, 1024), want);
}

TEST(Cuszp, PlainByHand) {
  // Codes 2, 3, 1 and zeros: differences 2, 1, -2, -1.
  std::vector<float> values(32, 0.0f);
  values[0] = 2;
  values[1] = 3;
  values[2] = 1;
  const std::vector<std::byte> stream = Encode("cuszp:plain", values, 0.5f);
  EXPECT_EQ(stream[0], std::byte{2});
  const std::vector<uint8_t> want = {0x30, 0, 0, 0, 0x50, 0, 0, 0, 0xa0, 0, 0, 0};
  EXPECT_EQ(Payload(stream, 1024), want);
}

TEST(Cuszp, OutlierByHand) {
  // Codes -300, -299, -299, ...: v0 = -300 needs 2 bytes, the others 1 bit.
  std::vector<float> values(32, -299.0f);
  values[0] = -300;
  const std::vector<std::byte> stream = Encode("cuszp:outlier", values, 0.5f);
  EXPECT_EQ(stream[0], std::byte{0x80 | 1 << 5 | 1});
  const std::vector<uint8_t> want = {0x2c, 0x01, 0x80, 0, 0, 0, 0x40, 0, 0, 0};
  EXPECT_EQ(Payload(stream, 1024), want);
  // All the same: no planes at all.
  const std::vector<std::byte> constant =
      Encode("cuszp:outlier", std::vector<float>(32, 5.0f), 0.5f);
  EXPECT_EQ(constant[0], std::byte{0x80});
  EXPECT_EQ(Payload(constant, 1024), (std::vector<uint8_t>{5, 0, 0, 0, 0}));
  // Where it saves nothing the block is plain.
  std::vector<float> steps(32, 1.0f);
  for (size_t i = 1; i < steps.size(); i += 2) steps[i] = 2;
  EXPECT_EQ(Encode("cuszp:outlier", steps, 0.5f), Encode("cuszp:plain", steps, 0.5f));
}

TEST(Cuszp, RoundsHalvesAsItsKernelsDo) {
  // trunc(d + 0.5), one less below -0.5: 0.5 becomes 1, -0.5 becomes 0, -1.5 becomes -2.
  const std::vector<float> values = {0.5f, -0.5f, 1.5f, -1.5f, 0.49f, -0.51f};
  const std::vector<std::byte> stream = Encode("cuszp:fixed", values, 0.5f);
  std::vector<float> decoded(values.size());
  ASSERT_TRUE(FindCodec("cuszp:fixed").value()->Decode(stream, 1, 6, 0.5f, decoded.data()));
  EXPECT_EQ(decoded, (std::vector<float>{1, 0, 2, -2, 0, -1}));
}

// The format once more, one bit at a time.
class BitwiseEncoder {
 public:
  explicit BitwiseEncoder(int mode) : mode_(mode) {}

  std::vector<uint8_t> Encode(const std::vector<float>& values, float bound) {
    std::vector<uint8_t> rates((values.size() + 32767) / 32768 * 1024);
    std::vector<uint8_t> payloads;
    for (size_t block = 0; block * 32 < values.size(); ++block) {
      int v[32] = {};
      int before = 0;
      for (size_t i = 0; i < 32 && block * 32 + i < values.size(); ++i) {
        const float d = values[block * 32 + i] * (0.5f / bound);
        int q = static_cast<int>(d + 0.5f);
        if (d < -0.5f) --q;
        v[i] = mode_ == 0 ? q : q - before;
        before = q;
      }
      rates[block] = Block(v, &payloads);
    }
    rates.insert(rates.end(), payloads.begin(), payloads.end());
    return rates;
  }

 private:
  static int Width(const int* v, int from) {
    int width = 0;
    for (int i = from; i < 32; ++i) {
      while ((std::abs(v[i]) >> width) != 0) ++width;
    }
    return width;
  }
  static void Bits(const int* v, int from, int width, std::vector<uint8_t>* out) {
    for (int byte = 0; byte < 4; ++byte) {
      int signs = 0;
      for (int j = 0; j < 8; ++j) signs = signs * 2 + (v[8 * byte + j] < 0);
      out->push_back(static_cast<uint8_t>(signs));
    }
    for (int plane = 0; plane < width; ++plane) {
      for (int byte = 0; byte < 4; ++byte) {
        int bits = 0;
        for (int j = 0; j < 8; ++j) {
          const int i = 8 * byte + j;
          bits = bits * 2 + (i >= from ? (std::abs(v[i]) >> plane) % 2 : 0);
        }
        out->push_back(static_cast<uint8_t>(bits));
      }
    }
  }
  uint8_t Block(const int* v, std::vector<uint8_t>* out) const {
    const int width = Width(v, 0);
    const int others = Width(v, 1);
    int bytes = 1;
    while (bytes < 4 && (std::abs(v[0]) >> (8 * bytes)) != 0) ++bytes;
    const int plain = width == 0 ? 0 : 4 + 4 * width;
    if (mode_ != 2 || plain <= 4 + 4 * others + bytes) {
      if (width > 0) Bits(v, 0, width, out);
      return static_cast<uint8_t>(width);
    }
    for (int i = 0; i < bytes; ++i) out->push_back(static_cast<uint8_t>(std::abs(v[0]) >> (8 * i)));
    Bits(v, 1, others, out);
    return static_cast<uint8_t>(128 + (bytes - 1) * 32 + others);
  }

  int mode_;
};

TEST(Cuszp, StreamsAreThoseOfASecondEncoder) {
  const char* const names[] = {"cuszp:fixed", "cuszp:plain", "cuszp:outlier"};
  for (int mode = 0; mode < 3; ++mode) {
    for (const size_t count : {1, 31, 32, 33, 1000, 32768, 40000}) {
      for (const float bound : {1e-6f, 1e-4f, 0.004f, 0.02f}) {
        std::vector<float> values = MakeWeights(Law::kStudentRows, 1, count, count);
        for (size_t i = 0; i < values.size(); i += 37) values[i] += 0.7f;  // something to be apart
        const std::vector<uint8_t> want = BitwiseEncoder(mode).Encode(values, bound);
        EXPECT_EQ(Payload(Encode(names[mode], values, bound), 0), want)
            << names[mode] << " " << count << " " << bound;
      }
    }
  }
}

TEST(Cuszp, WhatHasNoCodeIsRefused) {
  const Codec* const codec = FindCodec("cuszp:plain").value();
  for (const std::vector<float>& values :
       {std::vector<float>{0, NAN}, {0, INFINITY}, {1e10f}, {-2.1e9f, 2.1e9f}}) {
    const auto encoded = codec->Encode({values, 1, values.size()}, 0.5f, 0);
    ASSERT_FALSE(encoded.has_value());
    EXPECT_EQ(encoded.error().code, ErrorCode::kUnsupported);
  }
  EXPECT_FALSE(codec->Encode({std::vector<float>{1}, 1, 1}, 0, 0).has_value());
}

}  // namespace
}  // namespace ebb
