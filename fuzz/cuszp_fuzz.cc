// Any bytes as a stream of cuSZp's format, and any float32s through its encoder and back.
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>

#include "peers/peers.h"

namespace {

void Check(bool condition) {
  if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace ebb;
  // The mode, the number of values, the bound.
  if (size < 7) return 0;
  const auto mode = static_cast<CuszpMode>(data[0] % 3);
  uint16_t count;
  float bound;
  std::memcpy(&count, data + 1, 2);
  std::memcpy(&bound, data + 3, 4);
  if (!(bound > 0) || !std::isfinite(bound)) return 0;
  const std::unique_ptr<Codec> codec = MakeCuszpCodec(mode);
  const auto* input = reinterpret_cast<const std::byte*>(data) + 7;
  const size_t left = size - 7;
  {
    // Region A of 1024 zeros would have to be guessed: it is the input's beginning, filled up.
    std::vector<std::byte> stream((count + 32767) / 32768 * 1024);
    const size_t rates = std::min<size_t>(left, (count + 31) / 32);
    if (rates > 0) std::memcpy(stream.data(), input, rates);
    stream.insert(stream.end(), input + rates, input + left);
    std::vector<float> decoded(count);
    (void)codec->Decode(stream, 1, count, bound, decoded.data());
  }
  std::vector<float> values(left / 4);
  if (!values.empty()) std::memcpy(values.data(), input, values.size() * 4);
  const auto encoded = codec->Encode({values, 1, values.size()}, bound, 0);
  if (!encoded) return 0;
  std::vector<float> decoded(values.size());
  Check(codec->Decode(encoded->stream, 1, values.size(), bound, decoded.data()).has_value());
  for (size_t i = 0; i < values.size(); ++i) {
    // The bound and what rounding adds to it: to the quotient, to the code and to the product.
    const double slack = double{bound} * 1e-6 + std::abs(double{values[i]}) * 1e-6 + 1e-44;
    const bool overflow = std::isinf(decoded[i]) && std::abs(values[i]) + bound > 3.4e38f;
    Check(overflow || std::abs(double{decoded[i]} - double{values[i]}) <= double{bound} + slack);
  }
  return 0;
}
