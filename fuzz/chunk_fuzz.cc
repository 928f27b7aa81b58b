// Any bytes as a chunk of the codec: every decoder gives data or an error, and all agree.
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "codec/chunk_decoder.h"
#include "codec/weights_codec.h"

namespace {

constexpr uint32_t kMaxElements = 1 << 16;  // enough to reach everything, and fast

void Check(bool condition) {
  if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace ebb;
  // The sizes in the header follow from the input, so that the fuzzer need not guess them.
  const auto* input = reinterpret_cast<const std::byte*>(data);
  std::vector<std::byte> bytes(input, input + size);
  bytes.resize(size + kChunkSlackBytes);
  if (size >= kChunkHeaderBytes) {
    const auto stored = static_cast<uint32_t>(size);
    std::memcpy(bytes.data() + offsetof(ChunkHeader, bytes), &stored, sizeof(stored));
  }
  const Result<ChunkView> chunk = ParseChunk(std::span<const std::byte>(bytes).first(size));
  if (!chunk || chunk->header.elements > kMaxElements) return 0;
  std::vector<int32_t> want(chunk->header.elements);
  const bool sound = ScalarChunkDecoder().to_int32(*chunk, want.data());
  for (const ChunkDecoder* decoder : AvailableChunkDecoders()) {
    std::vector<int32_t> got(chunk->header.elements);
    Check(decoder->to_int32(*chunk, got.data()) == sound);
    if (sound) Check(got == want);
    std::vector<int16_t> narrow(chunk->header.elements);
    Check(decoder->to_int16(*chunk, narrow.data()) == sound);
    std::vector<int8_t> bytes_out(chunk->header.elements);
    Check(decoder->to_int8(*chunk, bytes_out.data()) == sound);
  }
  if (chunk->header.map == ValueMap::kCodes) {
    std::vector<float> floats(chunk->header.elements);
    Check(DecodeFloats(*chunk, floats.data()).has_value() == sound);
    std::vector<uint16_t> halves(chunk->header.elements);
    Check(DecodeBf16(*chunk, halves.data()).has_value() == sound);
  } else if (chunk->header.map == ValueMap::kWords16) {
    std::vector<uint16_t> words(chunk->header.elements);
    Check(DecodeWords(*chunk, words.data()).has_value() == sound);
  } else {
    std::vector<uint32_t> words(chunk->header.elements);
    Check(DecodeWords(*chunk, words.data()).has_value() == sound);
  }
  return 0;
}
