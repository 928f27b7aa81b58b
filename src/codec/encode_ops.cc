#include "codec/encode_ops.h"

#include <algorithm>
#include <cstring>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "codec/encode_ops.cc"
#include <hwy/foreach_target.h>  // IWYU pragma: keep
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace ebb {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

constexpr uint32_t kClip = 32767;

ValueScan Scan(const int32_t* values, size_t count, int shift) {
  const hn::ScalableTag<int32_t> di;
  const hn::RebindToUnsigned<decltype(di)> du;
  const size_t lanes = hn::Lanes(di);
  // A lane's sum stays below 2^31 for this many vectors.
  constexpr size_t kSafeVectors = 65536;
  const auto clip = hn::Set(du, kClip);
  auto any = hn::Zero(du);
  ValueScan scan;
  size_t i = 0;
  while (i + lanes <= count) {
    auto sum = hn::Zero(du);
    for (size_t n = 0; n < kSafeVectors && i + lanes <= count; ++n, i += lanes) {
      const auto v = hn::LoadU(di, values + i);
      const auto magnitude = hn::BitCast(du, hn::Xor(v, hn::BroadcastSignBit(v)));
      any = hn::Or(any, magnitude);
      sum = hn::Add(sum, hn::Min(hn::ShiftRightSame(magnitude, shift), clip));
    }
    HWY_ALIGN uint32_t parts[hn::MaxLanes(du)];
    hn::Store(sum, du, parts);
    for (size_t lane = 0; lane < lanes; ++lane) scan.clipped_sum += parts[lane];
  }
  HWY_ALIGN uint32_t parts[hn::MaxLanes(du)];
  hn::Store(any, du, parts);
  for (size_t lane = 0; lane < lanes; ++lane) scan.any_bits |= parts[lane];
  for (; i < count; ++i) {
    const auto magnitude = static_cast<uint32_t>(values[i] ^ (values[i] >> 31));
    scan.any_bits |= magnitude;
    scan.clipped_sum += std::min(magnitude >> shift, kClip);
  }
  return scan;
}

void Narrow(const int32_t* values, size_t count, int raw_bits, int8_t* tokens) {
  const hn::ScalableTag<int32_t> di;
  const hn::Rebind<int8_t, decltype(di)> d8;
  const size_t lanes = hn::Lanes(di);
  size_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    const auto token = hn::ShiftRightSame(hn::LoadU(di, values + i), raw_bits);
    hn::StoreU(hn::DemoteTo(d8, token), d8, tokens + i);
  }
  for (; i < count; ++i) tokens[i] = static_cast<int8_t>(values[i] >> raw_bits);
}

size_t Wider(const int32_t* values, size_t count, int bits) {
  const hn::ScalableTag<int32_t> di;
  const size_t lanes = hn::Lanes(di);
  // Magnitudes have 31 bits at most, so that comparing them as signed numbers is right.
  const auto largest = hn::Set(di, static_cast<int32_t>((uint32_t{1} << bits) - 1));
  size_t wider = 0;
  size_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    const auto v = hn::LoadU(di, values + i);
    wider += hn::CountTrue(di, hn::Gt(hn::Xor(v, hn::BroadcastSignBit(v)), largest));
  }
  for (; i < count; ++i) wider += static_cast<uint32_t>(values[i] ^ (values[i] >> 31)) >> bits != 0;
  return wider;
}

void Bins(const int32_t* values, size_t count, int shift, int half_bins, uint16_t* bins) {
  const hn::ScalableTag<int32_t> di;
  const hn::Rebind<uint16_t, decltype(di)> d16;
  const size_t lanes = hn::Lanes(di);
  const auto low = hn::Set(di, -half_bins);
  const auto high = hn::Set(di, half_bins - 1);
  const auto middle = hn::Set(di, half_bins);
  size_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    const auto shifted = hn::ShiftRightSame(hn::LoadU(di, values + i), shift);
    const auto bin = hn::Add(hn::Max(low, hn::Min(shifted, high)), middle);
    hn::StoreU(hn::DemoteTo(d16, bin), d16, bins + i);
  }
  for (; i < count; ++i) {
    bins[i] = static_cast<uint16_t>(std::clamp(values[i] >> shift, -half_bins, half_bins - 1) +
                                    half_bins);
  }
}

// The low bits of each value as T.
template <typename T>
void Low(const int32_t* values, size_t count, T* low) {
  const hn::ScalableTag<int32_t> di;
  const hn::Rebind<T, decltype(di)> d;
  const size_t lanes = hn::Lanes(di);
  const auto mask = hn::Set(di, (1 << (8 * sizeof(T))) - 1);
  size_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    hn::StoreU(hn::DemoteTo(d, hn::And(hn::LoadU(di, values + i), mask)), d, low + i);
  }
  for (; i < count; ++i) low[i] = static_cast<T>(values[i]);
}
void Low8(const int32_t* values, size_t count, uint8_t* low) { Low(values, count, low); }
void Low16(const int32_t* values, size_t count, uint16_t* low) { Low(values, count, low); }

void Rotate(const uint8_t* words, size_t count, uint16_t offset, int32_t* values) {
  const hn::ScalableTag<int32_t> di;
  const hn::Rebind<int16_t, decltype(di)> d16;
  const hn::RebindToUnsigned<decltype(d16)> du16;
  const size_t lanes = hn::Lanes(di);
  const auto offsets = hn::Set(du16, offset);
  constexpr size_t kTile = 1024;
  HWY_ALIGN uint16_t tile[kTile];  // files align tensors to bytes only
  for (size_t first = 0; first < count; first += kTile) {
    const size_t tile_count = std::min(kTile, count - first);
    std::memcpy(tile, words + 2 * first, 2 * tile_count);
    size_t i = 0;
    for (; i + lanes <= tile_count; i += lanes) {
      const auto word = hn::LoadU(du16, tile + i);
      const auto rotated = hn::Or(hn::Add(word, word), hn::ShiftRight<15>(word));
      hn::StoreU(hn::PromoteTo(di, hn::BitCast(d16, hn::Sub(rotated, offsets))), di,
                 values + first + i);
    }
    for (; i < tile_count; ++i) {
      const auto rotated = static_cast<uint16_t>(tile[i] << 1 | tile[i] >> 15);
      values[first + i] = static_cast<int16_t>(static_cast<uint16_t>(rotated - offset));
    }
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace ebb
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace ebb {

HWY_EXPORT(Scan);
HWY_EXPORT(Narrow);
HWY_EXPORT(Wider);
HWY_EXPORT(Bins);
HWY_EXPORT(Low8);
HWY_EXPORT(Low16);
HWY_EXPORT(Rotate);

ValueScan ScanValues(std::span<const int32_t> values, int shift) {
  return HWY_DYNAMIC_DISPATCH(Scan)(values.data(), values.size(), shift);
}

void MakeTokens(std::span<const int32_t> values, int raw_bits, int8_t* tokens) {
  HWY_DYNAMIC_DISPATCH(Narrow)(values.data(), values.size(), raw_bits, tokens);
}

size_t CountWider(std::span<const int32_t> values, int bits) {
  return HWY_DYNAMIC_DISPATCH(Wider)(values.data(), values.size(), bits);
}

void MakeBins(std::span<const int32_t> values, int shift, int half_bins, uint16_t* bins) {
  HWY_DYNAMIC_DISPATCH(Bins)(values.data(), values.size(), shift, half_bins, bins);
}

void LowBytes(std::span<const int32_t> values, uint8_t* low) {
  HWY_DYNAMIC_DISPATCH(Low8)(values.data(), values.size(), low);
}

void LowHalves(std::span<const int32_t> values, uint16_t* low) {
  HWY_DYNAMIC_DISPATCH(Low16)(values.data(), values.size(), low);
}

void RotateWords(const void* words, size_t count, uint16_t offset, int32_t* values) {
  HWY_DYNAMIC_DISPATCH(Rotate)(static_cast<const uint8_t*>(words), count, offset, values);
}

}  // namespace ebb
#endif  // HWY_ONCE
