#include "codec/encode_ops.h"

#include <algorithm>

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

}  // namespace HWY_NAMESPACE
}  // namespace ebb
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace ebb {

HWY_EXPORT(Scan);
HWY_EXPORT(Narrow);

ValueScan ScanValues(std::span<const int32_t> values, int shift) {
  return HWY_DYNAMIC_DISPATCH(Scan)(values.data(), values.size(), shift);
}

void MakeTokens(std::span<const int32_t> values, int raw_bits, int8_t* tokens) {
  HWY_DYNAMIC_DISPATCH(Narrow)(values.data(), values.size(), raw_bits, tokens);
}

}  // namespace ebb
#endif  // HWY_ONCE
