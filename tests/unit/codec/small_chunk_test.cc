// Layout 2: its tables, and a chunk of it that is read for ever.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <numeric>
#include <random>

#include "base/hash.h"
#include "codec/small_table.h"
#include "codec/weights_codec.h"
#include "testing/weights.h"

namespace ebb {
namespace {

uint32_t SumOfSlots(const SmallCounts& table) {
  return std::accumulate(table.slots.begin(), table.slots.end(), 0u);
}

TEST(SmallTable, SlotsAddUpForAnyCounts) {
  std::mt19937_64 random(3);
  for (int trial = 0; trial < 2000; ++trial) {
    std::vector<uint64_t> counts(1 + random() % 600);
    for (uint64_t& count : counts) count = random() % 3 ? 0 : uint64_t{1} << (random() % 40);
    counts[random() % counts.size()] = 1;
    const uint64_t beyond = random() % 2 ? 0 : random() % 100000;
    const SmallCounts table = NormaliseSmallCounts(counts, -300, beyond);
    ASSERT_EQ(SumOfSlots(table), 4096u);
    ASSERT_GE(table.count, 1);
    ASSERT_LE(table.count, 255);
    ASSERT_TRUE(std::isfinite(SmallCodedBits(counts, -300, beyond, table)));
    std::vector<std::byte> bytes;
    AppendSmallTable(table, &bytes);
    SmallCounts again;
    ASSERT_EQ(ReadSmallTable(bytes, &again), bytes.size());
    ASSERT_EQ(again.first, table.first);
    ASSERT_EQ(again.count, table.count);
    ASSERT_EQ(again.slots, table.slots);
    for (size_t size = 0; size < bytes.size(); ++size) {
      ASSERT_EQ(ReadSmallTable(std::span(bytes).first(size), &again), 0u);
    }
  }
}

TEST(SmallTable, WrongSumsAreRefused) {
  SmallCounts table;
  table.count = 2;
  table.slots[0] = 4000;
  for (const uint16_t second : {0, 95, 97, 4096}) {
    table.slots[1] = second;
    std::vector<std::byte> bytes;
    AppendSmallTable(table, &bytes);
    SmallCounts again;
    EXPECT_EQ(ReadSmallTable(bytes, &again), 0u) << second;
  }
}

// What the file below holds: classes, escapes, exceptions, raw bits, a partial unit.
std::vector<float> GoldenWeights() {
  std::vector<float> weights = MakeWeights(Law::kStudentRows, 24, 256, 3);
  weights[5] = std::numeric_limits<float>::quiet_NaN();
  weights[100] = 1000;
  for (size_t i = weights.size() / 2; i < weights.size(); ++i) weights[i] *= 16;
  weights.resize(weights.size() - 13);
  return weights;
}

// The file is never changed. It was written by the first version of layout 2.
TEST(SmallChunk, TheGoldenChunkDecodesForEver) {
  const std::string path = std::string(EBB_SOURCE_DIR) + "/tests/golden/format/v1_layout2.chunk";
  if (std::getenv("EBB_WRITE_GOLDEN") != nullptr) {
    const float bound = 0.0005f;
    std::vector<std::byte> bytes;
    WeightsEncoder(CodecSetting::kLayout2)
        .EncodeBounded(GoldenWeights(), {{&bound, 1}, 0}, 256, &bytes);
    std::ofstream(path, std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes.data()),
               static_cast<std::streamsize>(bytes.size()));
  }
  std::ifstream file(path, std::ios::binary);
  const std::string content{std::istreambuf_iterator<char>(file), {}};
  const auto stored = std::as_bytes(std::span(content));
  std::vector<std::byte> bytes(stored.begin(), stored.end());
  const size_t size = bytes.size();
  bytes.resize(size + kChunkSlackBytes);
  const ChunkView chunk = ParseChunk(std::span<const std::byte>(bytes).first(size)).value();
  EXPECT_EQ(chunk.header.layout, 2);
  EXPECT_GT(chunk.header.classes, 1);
  EXPECT_GT(chunk.header.raw_bits, 0);
  EXPECT_GT(chunk.header.exceptions, 0u);
  EXPECT_NE(chunk.streams[0].escapes_begin, chunk.streams[0].escapes_end);
  EXPECT_NE(chunk.partial_elements(), 0u);
  std::vector<float> weights(chunk.header.elements);
  ASSERT_TRUE(DecodeFloats(chunk, weights.data()).has_value());
  EXPECT_EQ(fmt::format("{:016x}", Xxh3(std::as_bytes(std::span(weights)))), "84989e89128443cd");
}

}  // namespace
}  // namespace ebb
