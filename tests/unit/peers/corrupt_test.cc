// Any bytes decode to data or to an error: every truncation of a small stream, every flipped bit,
// and random bytes, from a buffer that ends at an unmapped page.
#include <gtest/gtest.h>

#include <random>

#include "peers/codecs.h"
#include "testing/guarded_buffer.h"
#include "testing/weights.h"

namespace ebb {
namespace {

class CorruptStreamTest : public ::testing::TestWithParam<const Codec*> {
 protected:
  void SetUp() override {
    if (!GetParam()->info().available)
      GTEST_SKIP() << GetParam()->info().name << " is not here: see `ebb codec list`";
  }
  // Each decode of a foreign codec starts a process.
  bool foreign() const { return GetParam()->info().name.starts_with("sz3"); }

  Status Decode(std::span<const std::byte> stream, uint64_t rows, uint64_t cols) {
    const GuardedBuffer guarded(stream, 0);
    std::vector<float> out(rows * cols);
    return GetParam()->Decode(guarded.bytes(), rows, cols, 0.01f, out.data());
  }
  // Two rows; enough values for every codec.
  std::vector<std::byte> Stream(uint64_t cols) {
    const std::vector<float> values = MakeWeights(Law::kLaplace, 2, cols);
    return GetParam()->Encode({values, 2, cols}, 0.01f, 1).value().stream;
  }
};

TEST_P(CorruptStreamTest, EveryTruncationIsAnError) {
  const uint64_t cols = foreign() ? 600 : 75;
  const std::vector<std::byte> stream = Stream(cols);
  EXPECT_TRUE(Decode(stream, 2, cols).has_value());
  const size_t step = foreign() ? 23 : 1;
  for (size_t size = 0; size < stream.size(); size += step) {
    const Status status = Decode(std::span(stream).first(size), 2, cols);
    // SZ3 does not notice all that is missing at its end.
    if (!foreign()) {
      ASSERT_FALSE(status.has_value()) << size;
      EXPECT_EQ(status.error().code, ErrorCode::kCorrupt);
    }
  }
  if (foreign()) return;
  std::vector<std::byte> longer = stream;
  longer.resize(longer.size() + 8);
  EXPECT_FALSE(Decode(longer, 2, cols).has_value());
}

TEST_P(CorruptStreamTest, EveryFlippedBitIsDataOrAnError) {
  const uint64_t cols = foreign() ? 600 : 75;
  std::vector<std::byte> stream = Stream(cols);
  const size_t step = foreign() ? 61 : 1;
  for (size_t bit = 0; bit < stream.size() * 8; bit += step) {
    stream[bit / 8] ^= static_cast<std::byte>(1 << (bit % 8));
    (void)Decode(stream, 2, cols);
    stream[bit / 8] ^= static_cast<std::byte>(1 << (bit % 8));
  }
}

TEST_P(CorruptStreamTest, RandomBytesAndOtherShapesAreDataOrAnError) {
  std::mt19937_64 random(3);
  const std::vector<std::byte> stream = Stream(foreign() ? 600 : 75);
  for (int i = 0; i < (foreign() ? 30 : 2000); ++i) {
    std::vector<std::byte> bytes(random() % 3000);
    for (std::byte& byte : bytes) byte = static_cast<std::byte>(random() % (1 + random() % 256));
    (void)Decode(bytes, 1 + random() % 4, random() % 2000);
    (void)Decode(stream, random() % 4, random() % 200);
  }
}

std::vector<const Codec*> AllCodecs() {
  std::vector<const Codec*> codecs;
  for (const auto& codec : Codecs()) codecs.push_back(codec.get());
  return codecs;
}

INSTANTIATE_TEST_SUITE_P(All, CorruptStreamTest, ::testing::ValuesIn(AllCodecs()),
                         [](const auto& info) {
                           std::string name = info.param->info().name;
                           for (char& c : name) c = c == ':' || c == '-' ? '_' : c;
                           return name;
                         });

}  // namespace
}  // namespace ebb
