#include "codec/value_groups.h"

#include <bit>
#include <numeric>

#include "base/checked.h"
#include "codec/chunk_plan.h"
#include "codec/encode_ops.h"

namespace ebb {

uint32_t ChooseUnit(uint64_t elements, uint32_t row_elements, uint32_t streams) {
  constexpr uint32_t kSmallestRowUnit =
      256;  // shorter units cost more to switch between than they gain
  constexpr uint32_t kPlainUnit = 2048;
  uint64_t unit = kPlainUnit;
  if (row_elements > 0) {
    const uint64_t whole_rows = std::lcm(uint64_t{row_elements}, uint64_t{kLanes});
    if (whole_rows <= 4096 || (row_elements % kLanes == 0 && row_elements <= kMaxUnit)) {
      unit = whole_rows *
             DivideRoundingUp(kSmallestRowUnit, std::min<uint64_t>(whole_rows, kSmallestRowUnit));
    }
  }
  // Every stream should have some units.
  const uint64_t largest = std::max<uint64_t>(kLanes, elements / (streams * 4) / kLanes * kLanes);
  return static_cast<uint32_t>(std::min(unit, largest));
}

int HistogramShift(std::span<const int32_t> values, int median_bits, int max_fold) {
  std::array<uint32_t, 33> by_bits{};
  const size_t stride = std::max<size_t>(1, values.size() / 4096);
  uint32_t sampled = 0;
  for (size_t i = 0; i < values.size(); i += stride, ++sampled) {
    ++by_bits[static_cast<size_t>(std::bit_width(Magnitude(values[i])))];
  }
  uint32_t below = 0;
  int median = 0;
  while (below + by_bits[static_cast<size_t>(median)] <= sampled / 2) {
    below += by_bits[static_cast<size_t>(median++)];
  }
  return std::clamp(median - median_bits, 0, kMaxRawBits - max_fold);
}

UnitGroups::UnitGroups(std::span<const int32_t> values, int shift, uint32_t unit,
                       uint32_t streams) {
  const auto full = static_cast<uint32_t>(values.size() / unit);
  std::vector<uint64_t> magnitude;
  for (size_t first = 0; first < values.size(); first += unit) {
    const ValueScan scan =
        ScanValues(values.subspan(first, std::min<size_t>(unit, values.size() - first)), shift);
    magnitude.push_back(scan.clipped_sum);
    magnitude_bits_.push_back(static_cast<uint32_t>(std::bit_width(scan.any_bits)));
  }
  order_.resize(full);
  std::iota(order_.begin(), order_.end(), 0);
  std::stable_sort(order_.begin(), order_.end(),
                   [&](uint32_t a, uint32_t b) { return magnitude[a] < magnitude[b]; });
  for (uint64_t g = 0; g <= kMaxClassGroups; ++g) {
    const uint64_t at =
        g == kMaxClassGroups ? full : g * full / kMaxClassGroups / streams * streams;
    ends_[g] = static_cast<uint32_t>(at);
  }
}

BitCounts CountMagnitudeBits(std::span<const int32_t> values, uint32_t unit,
                             std::span<const uint32_t> unit_bits) {
  BitCounts counts{};
  for (size_t u = 0; u < unit_bits.size(); ++u) {
    const size_t first = u * unit;
    const auto run = values.subspan(first, std::min<size_t>(unit, values.size() - first));
    // Of those with more than 7 bits, those with more than 8, ...: few units need many looks.
    uint64_t wider = run.size();
    for (uint32_t bits = 7; bits < unit_bits[u] && wider > 0; ++bits) {
      const uint64_t still_wider = CountWider(run, static_cast<int>(bits));
      counts[bits] += wider - still_wider;
      wider = still_wider;
    }
    counts[std::max(7u, unit_bits[u])] += wider;
  }
  return counts;
}

uint64_t CountAbove(const BitCounts& by_bits, int bits) {
  return std::accumulate(by_bits.begin() + std::min(bits + 1, 33), by_bits.end(), uint64_t{0});
}

int ChooseCodeBits(const BitCounts& by_bits, double total_bits) {
  constexpr double kTolerated = 0.003;
  for (const int bits : {7, 15}) {
    if (static_cast<double>(CountAbove(by_bits, bits)) * kExceptionBits <=
        kTolerated * total_bits) {
      return bits;
    }
  }
  return 31;
}

}  // namespace ebb
