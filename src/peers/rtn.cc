// rtn8, rtn4, rtn3, rtn2: round to nearest in groups of 32 values with one float16 scale a group,
// as llama.cpp's Q8_0 and Q4_0 store weights (theirs byte for byte; 3 and 2 bits after the same
// pattern). They know no error bound: the error is what it is, and is reported.
//
// A group is the scale d, then 32 codes of b bits packed from the lowest bit on. 8 bits: signed,
// d = max|w| / 127, w' = q d. Fewer: unsigned, d = the value of largest magnitude / -2^(b-1), and
// w' = (q - 2^(b-1)) d, so that this value is hit and the other end is cut by one step. In 4 bits
// the element i < 16 is the low half of byte i, element i + 16 its high half. The last group is
// filled up with zeros; groups run over the ends of rows.
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "base/bytes.h"
#include "base/checked.h"
#include "base/float16.h"
#include "codec/statistics.h"
#include "peers/peers.h"
#include "peers/rtn_error.h"

namespace ebb {
namespace {

constexpr size_t kGroup = kRtnGroup;
constexpr float kMaxFloat16 = 65504;

constexpr size_t GroupBytes(int bits) { return 2 + kGroup * static_cast<size_t>(bits) / 8; }

// Where the code of element i stands among the 32 of its group.
constexpr size_t PlaceOf(size_t i, int bits) {
  if (bits != 4) return i;
  return i < kGroup / 2 ? 2 * i : 2 * (i - kGroup / 2) + 1;
}

// The value of largest magnitude; infinities and NaN do not count.
float ExtremeOf(const std::array<float, kGroup>& group) {
  float extreme = 0;
  for (const float value : group) {
    const float magnitude = std::fabs(value);
    if (magnitude <= std::numeric_limits<float>::max() && magnitude > std::fabs(extreme)) {
      extreme = value;
    }
  }
  return extreme;
}

// Any float to an integer in [low, high]; NaN to `nan`.
int32_t ClampToInt(float value, int32_t low, int32_t high, int32_t nan) {
  if (std::isnan(value)) return nan;
  return static_cast<int32_t>(std::clamp(value, static_cast<float>(low), static_cast<float>(high)));
}

template <int kBits>
void EncodeGroup(const std::array<float, kGroup>& group, std::byte* to,
                 std::array<int32_t, kGroup>* codes) {
  constexpr int32_t kHalf = 1 << (kBits - 1);
  const float extreme = ExtremeOf(group);
  const float scale = kBits == 8 ? std::fabs(extreme) / 127 : extreme / -kHalf;
  const float inverse = scale == 0 ? 0 : 1 / scale;
  // A scale that float16 cannot hold is cut to its largest: large errors, but finite ones.
  StoreLe(to, F32ToF16(std::clamp(scale, -kMaxFloat16, kMaxFloat16)));
  std::byte* const packed = to + 2;
  std::fill_n(packed, GroupBytes(kBits) - 2, std::byte{0});
  for (size_t i = 0; i < kGroup; ++i) {
    const float scaled = group[i] * inverse;
    const int32_t code =
        kBits == 8 ? ClampToInt(std::round(scaled), -127, 127, 0)
                   : ClampToInt(scaled + static_cast<float>(kHalf) + 0.5f, 0, 2 * kHalf - 1, kHalf);
    (*codes)[i] = code;
    const size_t bit = PlaceOf(i, kBits) * kBits;
    const uint32_t shifted = (static_cast<uint32_t>(code) & ((1u << kBits) - 1)) << (bit % 8);
    packed[bit / 8] |= static_cast<std::byte>(shifted & 255);
    if (bit % 8 + kBits > 8) packed[bit / 8 + 1] |= static_cast<std::byte>(shifted >> 8);
  }
}

template <int kBits>
void DecodeGroup(const std::byte* from, size_t count, float* out) {
  constexpr int32_t kHalf = 1 << (kBits - 1);
  const float scale = F16ToF32(LoadLe<uint16_t>(from));
  const std::byte* const packed = from + 2;
  for (size_t i = 0; i < count; ++i) {
    const size_t bit = PlaceOf(i, kBits) * kBits;
    uint32_t window = static_cast<uint32_t>(packed[bit / 8]);
    if (bit % 8 + kBits > 8) window |= static_cast<uint32_t>(packed[bit / 8 + 1]) << 8;
    const uint32_t code = (window >> (bit % 8)) & ((1u << kBits) - 1);
    const int32_t level =
        kBits == 8 ? static_cast<int8_t>(code) : static_cast<int32_t>(code) - kHalf;
    out[i] = static_cast<float>(level) * scale;
  }
}

template <int kBits>
class RtnCodec final : public Codec {
 public:
  const CodecInfo& info() const override {
    static const CodecInfo kInfo = {
        fmt::format("rtn{}", kBits), false, true,
        fmt::format("round to nearest, groups of 32 with a float16 scale{}; {} bits a weight",
                    kBits == 8   ? " (Q8_0)"
                    : kBits == 4 ? " (Q4_0)"
                                 : "",
                    kBits + 0.5),
        CodecKind::kFixedWidth};
    return kInfo;
  }

  Result<EncodedArray> Encode(const ArrayView& array, float, uint64_t) const override {
    EncodedArray encoded;
    const size_t groups = DivideRoundingUp(array.values.size(), kGroup);
    encoded.stream.resize(groups * GroupBytes(kBits));
    CodeHistogram histogram;
    for (size_t g = 0; g < groups; ++g) {
      const auto values =
          array.values.subspan(g * kGroup, std::min(kGroup, array.values.size() - g * kGroup));
      std::array<float, kGroup> group{};
      std::copy(values.begin(), values.end(), group.begin());
      std::array<int32_t, kGroup> codes;
      EncodeGroup<kBits>(group, encoded.stream.data() + g * GroupBytes(kBits), &codes);
      histogram.Add(std::span<const int32_t>(codes).first(values.size()));
    }
    encoded.entropy_bits_per_weight = histogram.EntropyBits();
    return encoded;
  }

  Status Decode(std::span<const std::byte> stream, uint64_t rows, uint64_t cols, float,
                float* out) const override {
    const uint64_t elements = rows * cols;
    const size_t groups = DivideRoundingUp(elements, kGroup);
    if (stream.size() != groups * GroupBytes(kBits)) {
      return MakeError(ErrorCode::kCorrupt, "stream", "has {} bytes; {} values take {}",
                       stream.size(), elements, groups * GroupBytes(kBits));
    }
    for (size_t g = 0; g < groups; ++g) {
      const size_t count = std::min<uint64_t>(kGroup, elements - g * kGroup);
      DecodeGroup<kBits>(stream.data() + g * GroupBytes(kBits), count, out + g * kGroup);
    }
    return {};
  }

  Result<double> SquaredError(const ArrayView& array) const override {
    const std::span<const float> values = array.values;
    std::array<double, kRtnErrorLanes> sums{};
    size_t at = 0;
    while (at < values.size()) {
      at += kGroup * AddRtnErrors(kBits, values.subspan(at), sums.data());
      if (at < values.size()) {
        const size_t count = std::min(kGroup, values.size() - at);
        AddCarefully(values.subspan(at, count), &sums);
        at += count;
      }
    }
    double sum = 0;
    for (const double part : sums) sum += part;
    return sum;
  }

 private:
  // One group by way of its bytes.
  static void AddCarefully(std::span<const float> values,
                           std::array<double, kRtnErrorLanes>* sums) {
    std::array<float, kGroup> group{};
    std::copy(values.begin(), values.end(), group.begin());
    std::array<int32_t, kGroup> codes;
    std::array<std::byte, GroupBytes(kBits)> bytes;
    EncodeGroup<kBits>(group, bytes.data(), &codes);
    std::array<float, kGroup> decoded;
    DecodeGroup<kBits>(bytes.data(), kGroup, decoded.data());
    for (size_t i = 0; i < values.size(); ++i) {
      if (!std::isfinite(values[i])) continue;
      const double error = static_cast<double>(decoded[i]) - static_cast<double>(values[i]);
      (*sums)[i % kRtnErrorLanes] += error * error;
    }
  }
};

}  // namespace

std::unique_ptr<Codec> MakeRtnCodec(int bits) {
  switch (bits) {
    case 8:
      return std::make_unique<RtnCodec<8>>();
    case 4:
      return std::make_unique<RtnCodec<4>>();
    case 3:
      return std::make_unique<RtnCodec<3>>();
    default:
      EBB_CHECK(bits == 2);
      return std::make_unique<RtnCodec<2>>();
  }
}

}  // namespace ebb
