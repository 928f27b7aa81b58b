// Any bytes as streams of rtn8, rtn4, rtn3, rtn2 and nf4, and any float32s through them and back.
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>

#include "peers/peers.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace ebb;
  if (size < 3) return 0;
  const int bits[] = {8, 4, 3, 2};
  const std::unique_ptr<Codec> codec =
      data[0] % 5 == 4 ? MakeNf4Codec() : MakeRtnCodec(bits[data[0] % 5]);
  uint16_t count;
  std::memcpy(&count, data + 1, 2);
  const auto* input = reinterpret_cast<const std::byte*>(data) + 3;
  std::vector<float> values((size - 3) / 4);
  if (!values.empty()) std::memcpy(values.data(), input, values.size() * 4);
  const auto encoded = codec->Encode({values, 1, values.size()}, 1, 0);
  if (!encoded) std::abort();
  std::vector<float> decoded(values.size());
  if (!codec->Decode(encoded->stream, 1, values.size(), 1, decoded.data())) std::abort();
  for (const float value : decoded) {
    if (!std::isfinite(value)) std::abort();
  }
  // The stream that fits `count` values, whatever its bytes: it must decode, and no other size.
  decoded.resize(count);
  const size_t fits = codec->Encode({decoded, 1, count}, 1, 0).value().stream.size();
  std::vector<std::byte> stream(input, input + size - 3);
  if (stream.size() != fits && codec->Decode(stream, 1, count, 1, decoded.data())) std::abort();
  stream.resize(fits);
  if (!codec->Decode(stream, 1, count, 1, decoded.data())) std::abort();
  return 0;
}
