// Any bytes decode to data or to an error: nothing is read or written outside, nothing loops.
#include <gtest/gtest.h>

#include <random>

#include "base/bytes.h"
#include "codec/chunk_decoder.h"
#include "codec/weights_codec.h"
#include "testing/guarded_buffer.h"
#include "testing/weights.h"

namespace ebb {
namespace {

// A chunk with all parts: classes, escapes, exceptions, raw bits.
std::vector<std::byte> SmallChunk(CodecSetting setting) {
  std::vector<float> weights = MakeWeights(Law::kStudentRows, 24, 128, 3);
  weights[5] = std::numeric_limits<float>::quiet_NaN();
  weights[100] = 1000;
  weights[200] = 40;
  for (size_t i = 1536; i < weights.size(); ++i) weights[i] *= 8;
  weights.resize(weights.size() - 13);
  const float bound = 0.0007f;
  WeightsEncoder encoder(setting);
  std::vector<std::byte> bytes;
  encoder.EncodeBounded(weights, {{&bound, 1}, 0}, 128, &bytes);
  const ChunkView chunk = ParseChunk(bytes).value();
  EXPECT_GT(chunk.header.classes, 1);
  EXPECT_GT(chunk.header.exceptions, 0u);
  EXPECT_GT(chunk.header.raw_bits, 0);
  EXPECT_NE(chunk.streams[0].escapes_begin, chunk.streams[0].escapes_end);
  return bytes;
}

// Decodes with every decoder into exactly sized, guarded output.
void DecodeAll(std::span<const std::byte> bytes) {
  const GuardedBuffer guarded(bytes, kChunkSlackBytes);
  const Result<ChunkView> chunk = ParseChunk(guarded.bytes());
  if (!chunk) {
    EXPECT_EQ(chunk.error().code, ErrorCode::kCorrupt);
    return;
  }
  const size_t n = chunk->header.elements;
  if (n > 100000) return;  // bounded by the format; not worth the time here
  const GuardedBuffer out(std::vector<std::byte>(n * 4), 0);
  for (const ChunkDecoder* decoder : AvailableChunkDecoders()) {
    (void)decoder->to_int32(*chunk, reinterpret_cast<int32_t*>(out.bytes().data()));
  }
  std::vector<float> floats(n);
  if (chunk->header.map == ValueMap::kCodes) {
    (void)DecodeFloats(*chunk, floats.data());
    std::vector<uint16_t> halves(n);
    (void)DecodeBf16(*chunk, halves.data());
  }
}

// By layout.
class ChunkCorrupt : public testing::TestWithParam<CodecSetting> {};
INSTANTIATE_TEST_SUITE_P(Layouts, ChunkCorrupt,
                         testing::Values(CodecSetting::kFast, CodecSetting::kLayout2));

TEST_P(ChunkCorrupt, EveryTruncationIsRefused) {
  const std::vector<std::byte> bytes = SmallChunk(GetParam());
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(ParseChunk(std::span(bytes).first(size)).has_value()) << size;
    // With the header's size made to fit, later checks must see it.
    std::vector<std::byte> cut(bytes.begin(), bytes.begin() + static_cast<ptrdiff_t>(size));
    if (size >= kChunkHeaderBytes) StoreLe(cut.data() + 28, static_cast<uint32_t>(size));
    DecodeAll(cut);
  }
}

TEST_P(ChunkCorrupt, EveryBitFlipIsBounded) {
  const std::vector<std::byte> bytes = SmallChunk(GetParam());
  for (size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    std::vector<std::byte> flipped = bytes;
    flipped[bit / 8] ^= static_cast<std::byte>(1u << (bit % 8));
    DecodeAll(flipped);
  }
}

TEST_P(ChunkCorrupt, DamagedStreamsAreNoticed) {
  const std::vector<std::byte> bytes = SmallChunk(GetParam());
  const ChunkView chunk = ParseChunk(bytes).value();
  const auto first = static_cast<size_t>(chunk.streams[0].bytes_begin - bytes.data());
  std::vector<float> floats(chunk.header.elements);
  size_t noticed = 0;
  constexpr size_t kTrials = 200;
  for (size_t i = 0; i < kTrials; ++i) {
    std::vector<std::byte> damaged = bytes;
    damaged[first + i] ^= std::byte{0x10};
    const GuardedBuffer guarded(damaged, kChunkSlackBytes);
    noticed += !DecodeFloats(ParseChunk(guarded.bytes()).value(), floats.data()).has_value();
  }
  EXPECT_GT(noticed, kTrials * 9 / 10);  // checksums find the rest
}

TEST_P(ChunkCorrupt, AllDecodersAgreeOnWhatIsDamaged) {
  const std::vector<std::byte> bytes = SmallChunk(GetParam());
  std::mt19937_64 random(9);
  for (int trial = 0; trial < 300; ++trial) {
    std::vector<std::byte> damaged = bytes;
    const size_t at = kChunkHeaderBytes + random() % (damaged.size() - kChunkHeaderBytes);
    damaged[at] ^= static_cast<std::byte>(1u << (random() % 8));
    const GuardedBuffer guarded(damaged, kChunkSlackBytes);
    const Result<ChunkView> chunk = ParseChunk(guarded.bytes());
    if (!chunk) continue;
    std::vector<int32_t> out(chunk->header.elements);
    const bool sound = ScalarChunkDecoder().to_int32(*chunk, out.data());
    const std::vector<int32_t> want = out;
    for (const ChunkDecoder* decoder : AvailableChunkDecoders()) {
      EXPECT_EQ(decoder->to_int32(*chunk, out.data()), sound) << decoder->name;
      if (sound) {
        EXPECT_EQ(out, want) << decoder->name;
      }
    }
  }
}

TEST_P(ChunkCorrupt, RandomBytesAreRefusedOrBounded) {
  std::mt19937_64 random(13);
  for (int trial = 0; trial < 5000; ++trial) {
    std::vector<std::byte> bytes(32 + random() % 600);
    for (std::byte& b : bytes) b = static_cast<std::byte>(random());
    // A header that passes, so that what follows is reached.
    ChunkHeader header;
    header.layout = GetParam() == CodecSetting::kFast ? 1 : 2;
    header.table_log2 = header.layout == 1 ? 8 : 12;
    header.map = static_cast<ValueMap>(random() % 3);
    header.streams_log2 = static_cast<uint8_t>(random() % 3);
    header.classes = static_cast<uint8_t>(1 + random() % 3);
    header.raw_bits = static_cast<uint8_t>(random() % 3);
    header.elements = static_cast<uint32_t>(1 + random() % 400);
    header.unit = 64 * static_cast<uint32_t>(1 + random() % 3);
    header.exceptions = static_cast<uint32_t>(random() % 2);
    header.bytes = static_cast<uint32_t>(bytes.size());
    std::memcpy(bytes.data(), &header, sizeof(header));
    DecodeAll(bytes);
  }
}

}  // namespace
}  // namespace ebb
