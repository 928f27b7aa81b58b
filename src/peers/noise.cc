// noise:normal and noise:uniform: no codecs, but what studies put in their place: every finite
// weight plus an independent draw from N(0, e) (standard deviation e, so 32 % of the draws exceed
// e) or from U(-e, e). The "stream" is the perturbed values themselves: it has no size.
//
// Draw i depends on the seed and i alone, so that a part of an array could be drawn by itself; the
// same seed gives the same noise. Sums are rounded to float32 and cut to the finite range.
#include <cmath>
#include <cstring>
#include <limits>
#include <numbers>

#include "peers/peers.h"

namespace ebb {
namespace {

// Stafford's thirteenth mixer, the finalizer of SplitMix64 (Steele, Lea and Flood, 2014): a
// bijection of 64 bits whose outputs for consecutive inputs pass for independent.
uint64_t Mix(uint64_t x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

// Draw `i` of a seed, uniform in (0, 1).
double UniformDraw(uint64_t seed, uint64_t i) {
  constexpr uint64_t kGoldenRatio = 0x9e3779b97f4a7c15u;
  const uint64_t bits = Mix(Mix(seed + kGoldenRatio) + (i + 1) * kGoldenRatio);
  return (static_cast<double>(bits >> 11) + 0.5) * 0x1p-53;
}

// Draws `i` of the standard normal law come in pairs (Box and Muller, 1958).
double NormalDraw(uint64_t seed, uint64_t i) {
  const uint64_t pair = i & ~uint64_t{1};
  const double radius = std::sqrt(-2 * std::log(UniformDraw(seed, pair)));
  const double angle = 2 * std::numbers::pi * UniformDraw(seed, pair + 1);
  return radius * (i % 2 == 0 ? std::cos(angle) : std::sin(angle));
}

class NoiseCodec final : public Codec {
 public:
  explicit NoiseCodec(NoiseLaw law)
      : law_(law),
        info_{law == NoiseLaw::kNormal ? "noise:normal" : "noise:uniform", false, true,
              law == NoiseLaw::kNormal
                  ? "adds draws from N(0, e) to simulate a codec; no size, and no bound"
                  : "adds draws from U(-e, e) to simulate a codec; no size",
              CodecKind::kNoise} {}

  const CodecInfo& info() const override { return info_; }

  Result<EncodedArray> Encode(const ArrayView& array, float bound, uint64_t seed) const override {
    EncodedArray encoded;
    encoded.stream.resize(array.values.size_bytes());
    for (size_t i = 0; i < array.values.size(); ++i) {
      float value = array.values[i];
      if (std::isfinite(value) && bound > 0) {
        const double draw =
            law_ == NoiseLaw::kNormal ? NormalDraw(seed, i) : 2 * UniformDraw(seed, i) - 1;
        constexpr double kMost = std::numeric_limits<float>::max();
        const double sum = double{value} + double{bound} * draw;
        value = static_cast<float>(std::min(std::max(sum, -kMost), kMost));
      }
      std::memcpy(encoded.stream.data() + i * sizeof(float), &value, sizeof(float));
    }
    return encoded;
  }

  Status Decode(std::span<const std::byte> stream, uint64_t rows, uint64_t cols, float,
                float* out) const override {
    if (stream.size() / sizeof(float) != rows * cols || stream.size() % sizeof(float) != 0) {
      return MakeError(ErrorCode::kCorrupt, "stream", "has {} bytes for {} values", stream.size(),
                       rows * cols);
    }
    if (!stream.empty()) std::memcpy(out, stream.data(), stream.size());
    return {};
  }

 private:
  NoiseLaw law_;
  CodecInfo info_;
};

}  // namespace

std::unique_ptr<Codec> MakeNoiseCodec(NoiseLaw law) { return std::make_unique<NoiseCodec>(law); }

}  // namespace ebb
