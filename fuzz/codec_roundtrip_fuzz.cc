// Any float32s under any bound: what is decoded keeps the bound in the last bit.
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "codec/weights_codec.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace ebb;
  if (size < 10) return 0;
  float bound;
  uint16_t row;
  std::memcpy(&bound, data, 4);
  std::memcpy(&row, data + 4, 2);
  if (!(bound >= 0) || !std::isfinite(bound)) return 0;
  std::vector<float> weights((size - 6) / 4);
  std::memcpy(weights.data(), data + 6, weights.size() * 4);
  // Long inputs are rare; repeat what there is to reach classes and several streams.
  const size_t given = weights.size();
  for (size_t i = 0; i < given * (data[4] & 15); ++i) weights.push_back(weights[i % given]);

  WeightsEncoder encoder;
  std::vector<std::byte> bytes;
  encoder.EncodeBounded(weights, {{&bound, 1}, 0}, row, &bytes);
  const size_t stored = bytes.size();
  bytes.resize(stored + kChunkSlackBytes);
  const Result<ChunkView> chunk = ParseChunk(std::span<const std::byte>(bytes).first(stored));
  if (!chunk) std::abort();
  std::vector<float> decoded(weights.size());
  if (!DecodeFloats(*chunk, decoded.data())) std::abort();
  for (size_t i = 0; i < weights.size(); ++i) {
    const bool same = std::bit_cast<uint32_t>(decoded[i]) == std::bit_cast<uint32_t>(weights[i]);
    const bool within = std::abs(double{decoded[i]} - double{weights[i]}) <= double{bound};
    if (!same && !within) std::abort();
  }
  return 0;
}
