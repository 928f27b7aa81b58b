// nf4: NormalFloat with 4 bits (Dettmers et al., QLoRA, 2023, appendix E): 16 levels at quantiles
// of the normal law, scaled by the largest magnitude of a group of 64 values. It knows no error
// bound.
//
// A group is the scale as float32, then 32 bytes of two codes each, the earlier element in the high
// half: 4.5 bits a weight. The last group is filled up with zeros; groups run over the ends of
// rows.
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "base/bytes.h"
#include "base/checked.h"
#include "peers/peers.h"

namespace ebb {
namespace {

constexpr size_t kGroup = 64;
constexpr size_t kGroupBytes = 4 + kGroup / 2;

constexpr std::array<float, 16> kLevels = {
    -1.0f,
    -0.6961928009986877f,
    -0.5250730514526367f,
    -0.39491748809814453f,
    -0.28444138169288635f,
    -0.18477343022823334f,
    -0.09105003625154495f,
    0.0f,
    0.07958029955625534f,
    0.16093020141124725f,
    0.24611230194568634f,
    0.33791524171829224f,
    0.44070982933044434f,
    0.5626170039176941f,
    0.7229568362236023f,
    1.0f,
};
constexpr uint32_t kZeroLevel = 7;

// The nearest level to a value in [-1, 1]; NaN is 0.
uint32_t NearestLevel(float value) {
  if (std::isnan(value)) return kZeroLevel;
  uint32_t code = 0;
  for (size_t i = 0; i + 1 < kLevels.size(); ++i) {
    code += value > (kLevels[i] + kLevels[i + 1]) / 2 ? 1 : 0;
  }
  return code;
}

class Nf4Codec final : public Codec {
 public:
  const CodecInfo& info() const override {
    static const CodecInfo kInfo = {
        "nf4", false, true,
        "NormalFloat of QLoRA, groups of 64 with a float32 scale; 4.5 bits a weight",
        CodecKind::kFixedWidth};
    return kInfo;
  }

  Result<EncodedArray> Encode(const ArrayView& array, float, uint64_t) const override {
    EncodedArray encoded;
    const size_t groups = DivideRoundingUp(array.values.size(), kGroup);
    encoded.stream.resize(groups * kGroupBytes);
    for (size_t g = 0; g < groups; ++g) {
      const auto values =
          array.values.subspan(g * kGroup, std::min(kGroup, array.values.size() - g * kGroup));
      float scale = 0;
      for (const float value : values) {
        const float magnitude = std::fabs(value);
        if (magnitude <= std::numeric_limits<float>::max()) scale = std::max(scale, magnitude);
      }
      std::byte* const to = encoded.stream.data() + g * kGroupBytes;
      StoreLe(to, scale);
      std::array<uint32_t, kGroup> codes;
      codes.fill(kZeroLevel);
      for (size_t i = 0; i < values.size(); ++i) {
        codes[i] = scale == 0 ? kZeroLevel : NearestLevel(values[i] / scale);
      }
      for (size_t i = 0; i < kGroup; i += 2) {
        to[4 + i / 2] = static_cast<std::byte>(codes[i] << 4 | codes[i + 1]);
      }
    }
    return encoded;
  }

  Status Decode(std::span<const std::byte> stream, uint64_t rows, uint64_t cols, float,
                float* out) const override {
    const uint64_t elements = rows * cols;
    const size_t groups = DivideRoundingUp(elements, kGroup);
    if (stream.size() != groups * kGroupBytes) {
      return MakeError(ErrorCode::kCorrupt, "stream", "has {} bytes; {} values take {}",
                       stream.size(), elements, groups * kGroupBytes);
    }
    for (uint64_t i = 0; i < elements; ++i) {
      const std::byte* const group = stream.data() + i / kGroup * kGroupBytes;
      const auto pair = static_cast<uint32_t>(group[4 + i % kGroup / 2]);
      out[i] = kLevels[i % 2 == 0 ? pair >> 4 : pair & 15] * LoadLe<float>(group);
    }
    return {};
  }
};

}  // namespace

std::unique_ptr<Codec> MakeNf4Codec() { return std::make_unique<Nf4Codec>(); }

}  // namespace ebb
