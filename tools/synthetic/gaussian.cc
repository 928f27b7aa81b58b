#include "synthetic/gaussian.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "base/float16.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "synthetic/gaussian.cc"
#include <hwy/foreach_target.h>  // IWYU pragma: keep
#include <hwy/highway.h>

#ifndef EBB_SYNTHETIC_GAUSSIAN_ONCE
#define EBB_SYNTHETIC_GAUSSIAN_ONCE
namespace ebb {
namespace {

constexpr uint32_t kMultiplier0 = 0xD2511F53;
constexpr uint32_t kMultiplier1 = 0xCD9E8D57;
constexpr uint32_t kWeyl0 = 0x9E3779B9;
constexpr uint32_t kWeyl1 = 0xBB67AE85;
constexpr int kRounds = 10;

// Segments are numbered by the exponent and the first kSegmentBits bits of float(u) + 1/2, which is
// in [1/2, 2^31].
constexpr int kSegmentBits = 5;
constexpr int kRestBits = 23 - kSegmentBits;
constexpr uint32_t kFirstSegment = 0x3f000000u >> kRestBits;  // of 1/2
constexpr size_t kSegments = (32u << kSegmentBits) + 1;       // and 2^31 itself

struct QuantileTable {
  std::array<float, kSegments> start;  // the quantile where the segment begins
  std::array<float, kSegments> slope;  // for each unit of the rest bits
};

// Words that are made at a time: they stay in the first-level cache.
constexpr size_t kBlockWords = 1024;

}  // namespace
}  // namespace ebb
#endif

HWY_BEFORE_NAMESPACE();
namespace ebb {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

#if HWY_TARGET == HWY_SCALAR

void FillWords(uint64_t key, uint64_t first_counter, uint32_t* HWY_RESTRICT to) {
  for (uint64_t i = 0; i < kBlockWords / 4; ++i) {
    const uint64_t counter = first_counter + i;
    const auto words =
        Philox({static_cast<uint32_t>(key), static_cast<uint32_t>(key >> 32)},
               {static_cast<uint32_t>(counter), static_cast<uint32_t>(counter >> 32), 0, 0});
    std::memcpy(to + 4 * i, words.data(), sizeof(words));
  }
}

#else

// Words 0 to 3 of the counters first_counter, first_counter + 1, ...: kBlockWords in all. Each
// 64-bit lane holds one word of one counter in its low half; the high half is whatever the products
// left.
void FillWords(uint64_t key, uint64_t first_counter, uint32_t* HWY_RESTRICT to) {
  const hn::ScalableTag<uint64_t> d;
  const hn::Repartition<uint32_t, decltype(d)> d32;
  const auto multiplier0 = hn::BitCast(d32, hn::Set(d, uint64_t{kMultiplier0}));
  const auto multiplier1 = hn::BitCast(d32, hn::Set(d, uint64_t{kMultiplier1}));
  const auto low = hn::Set(d, uint64_t{0xffffffff});
  for (size_t i = 0; i < kBlockWords / 4; i += hn::Lanes(d)) {
    auto x0 = hn::Iota(d, first_counter + i);
    auto x1 = hn::ShiftRight<32>(x0);
    auto x2 = hn::Zero(d);
    auto x3 = hn::Zero(d);
    auto key0 = static_cast<uint32_t>(key);
    auto key1 = static_cast<uint32_t>(key >> 32);
    for (int round = 0; round < kRounds; ++round) {
      const auto p0 = hn::MulEven(hn::BitCast(d32, x0), multiplier0);
      const auto p1 = hn::MulEven(hn::BitCast(d32, x2), multiplier1);
      x0 = hn::Xor(hn::Xor(hn::ShiftRight<32>(p1), x1), hn::Set(d, uint64_t{key0}));
      x2 = hn::Xor(hn::Xor(hn::ShiftRight<32>(p0), x3), hn::Set(d, uint64_t{key1}));
      x1 = p1;
      x3 = p0;
      key0 += kWeyl0;
      key1 += kWeyl1;
    }
    const auto words01 = hn::Or(hn::And(x0, low), hn::ShiftLeft<32>(x1));
    const auto words23 = hn::Or(hn::And(x2, low), hn::ShiftLeft<32>(x3));
    hn::StoreInterleaved2(words01, words23, d, reinterpret_cast<uint64_t*>(to) + 2 * i);
  }
}

#endif

// kBlockWords words to scaled normal numbers in bf16.
void WordsToBf16(const uint32_t* HWY_RESTRICT words, const QuantileTable& table, float scale,
                 uint16_t* HWY_RESTRICT to) {
  const hn::ScalableTag<float> d;
  const hn::RebindToUnsigned<decltype(d)> du;
  const hn::RebindToSigned<decltype(d)> di;
  const hn::Rebind<uint16_t, decltype(d)> d16;
  const auto sign_bit = hn::Set(du, 0x80000000u);
  const auto rest_mask = hn::Set(du, (1u << kRestBits) - 1);
  for (size_t i = 0; i < kBlockWords; i += hn::Lanes(d)) {
    const auto word = hn::LoadU(du, words + i);
    const auto u = hn::BitCast(di, hn::AndNot(sign_bit, word));
    const auto bits = hn::BitCast(du, hn::Add(hn::ConvertTo(d, u), hn::Set(d, 0.5f)));
    const auto segment =
        hn::BitCast(di, hn::Sub(hn::ShiftRight<kRestBits>(bits), hn::Set(du, kFirstSegment)));
    const auto rest = hn::ConvertTo(d, hn::BitCast(di, hn::And(bits, rest_mask)));
    const auto quantile = hn::Add(hn::GatherIndex(d, table.start.data(), segment),
                                  hn::Mul(hn::GatherIndex(d, table.slope.data(), segment), rest));
    const auto value = hn::BitCast(du, hn::Mul(quantile, hn::Set(d, scale)));
    // To the nearest bf16, ties to even. Nothing here is infinite or NaN.
    const auto odd = hn::And(hn::ShiftRight<16>(value), hn::Set(du, 1u));
    const auto rounded = hn::Add(hn::Add(value, hn::Set(du, 0x7fffu)), odd);
    const auto half =
        hn::Xor(hn::ShiftRight<16>(rounded), hn::ShiftRight<16>(hn::And(word, sign_bit)));
    hn::StoreU(hn::DemoteTo(d16, hn::BitCast(di, half)), d16, to + i);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace ebb
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace ebb {

HWY_EXPORT(FillWords);
HWY_EXPORT(WordsToBf16);

namespace {

QuantileTable MakeTable() {
  QuantileTable table;
  const auto quantile_of = [](size_t segment) {
    const auto bits = static_cast<uint32_t>((kFirstSegment + segment) << kRestBits);
    return NormalUpperQuantile(std::ldexp(double{std::bit_cast<float>(bits)}, -32));
  };
  for (size_t s = 0; s + 1 < kSegments; ++s) {
    const double start = quantile_of(s);
    table.start[s] = static_cast<float>(start);
    table.slope[s] = static_cast<float>(std::ldexp(quantile_of(s + 1) - start, -kRestBits));
  }
  table.start[kSegments - 1] = 0;
  table.slope[kSegments - 1] = 0;
  return table;
}

const QuantileTable& Table() {
  static const QuantileTable table = MakeTable();
  return table;
}

}  // namespace

std::array<uint32_t, 4> Philox(std::array<uint32_t, 2> key, std::array<uint32_t, 4> counter) {
  for (int round = 0; round < kRounds; ++round) {
    const uint64_t p0 = uint64_t{kMultiplier0} * counter[0];
    const uint64_t p1 = uint64_t{kMultiplier1} * counter[2];
    counter = {static_cast<uint32_t>(p1 >> 32) ^ counter[1] ^ key[0], static_cast<uint32_t>(p1),
               static_cast<uint32_t>(p0 >> 32) ^ counter[3] ^ key[1], static_cast<uint32_t>(p0)};
    key[0] += kWeyl0;
    key[1] += kWeyl1;
  }
  return counter;
}

double NormalUpperQuantile(double p) {
  double low = 0;
  double high = 40;
  for (int i = 0; i < 100 && low < high; ++i) {
    const double middle = (low + high) / 2;
    (std::erfc(middle * M_SQRT1_2) / 2 > p ? low : high) = middle;
  }
  return p >= 0.5 ? 0 : (low + high) / 2;
}

float NormalAt(uint64_t key, uint64_t place) {
  const uint64_t counter = place / 4;
  const uint32_t word = Philox(
      {static_cast<uint32_t>(key), static_cast<uint32_t>(key >> 32)},
      {static_cast<uint32_t>(counter), static_cast<uint32_t>(counter >> 32), 0, 0})[place % 4];
  const auto bits = std::bit_cast<uint32_t>(static_cast<float>(word & 0x7fffffffu) + 0.5f);
  const uint32_t segment = (bits >> kRestBits) - kFirstSegment;
  const auto rest = static_cast<float>(bits & ((1u << kRestBits) - 1));
  const float quantile = Table().start[segment] + Table().slope[segment] * rest;
  return word >> 31 != 0 ? -quantile : quantile;
}

void FillNormalBf16(uint64_t key, uint64_t first, float scale, std::span<uint16_t> to) {
  alignas(64) std::array<uint32_t, kBlockWords> words;
  alignas(64) std::array<uint16_t, kBlockWords> halves;
  const auto fill_words = HWY_DYNAMIC_DISPATCH(FillWords);
  const auto to_bf16 = HWY_DYNAMIC_DISPATCH(WordsToBf16);
  while (!to.empty()) {
    const size_t skip = first % 4;
    const size_t count = std::min(to.size(), kBlockWords - skip);
    fill_words(key, first / 4, words.data());
    to_bf16(words.data(), Table(), scale, halves.data());
    std::memcpy(to.data(), halves.data() + skip, count * sizeof(uint16_t));
    first += count;
    to = to.subspan(count);
  }
}

}  // namespace ebb
#endif  // HWY_ONCE
