// What planning a chunk looks at, whatever its layout: units by scale, histograms of values,
// widths.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "codec/chunk.h"

namespace ebb {

inline constexpr double kExceptionBits = 64;
// The finest division of the units that is tried.
inline constexpr int kMaxClassGroups = kMaxClasses;

// How many elements a unit has: whole matrix rows where there are rows.
[[nodiscard]] uint32_t ChooseUnit(uint64_t elements, uint32_t row_elements, uint32_t streams);

// How wide values are, from a sample: the shift that leaves the median magnitude about
// `median_bits` bits, so that up to `max_fold` bits more may become raw.
[[nodiscard]] int HistogramShift(std::span<const int32_t> values, int median_bits, int max_fold);

// Counts v >> shift, clipped: the two outermost bins also hold all that lies beyond. Four
// histograms in turn, because neighbouring equal values would wait for each other's increments.
template <int kBins>
class ValueCounter {
 public:
  using Histogram = std::array<uint64_t, kBins>;

  explicit ValueCounter(int shift) : shift_(shift) {}

  void Add(std::span<const int32_t> values) {
    size_t i = 0;
    for (; i + 4 <= values.size(); i += 4) {
      for (size_t part = 0; part < 4; ++part) ++parts_[part][Bin(values[i + part])];
    }
    for (; i < values.size(); ++i) ++parts_[0][Bin(values[i])];
  }

  // What was added since the last call.
  Histogram Take() {
    Histogram sum;
    for (size_t b = 0; b < kBins; ++b) {
      sum[b] = uint64_t{parts_[0][b]} + parts_[1][b] + parts_[2][b] + parts_[3][b];
    }
    parts_ = {};
    return sum;
  }

 private:
  size_t Bin(int32_t v) const {
    return static_cast<size_t>(std::clamp(v >> shift_, -kBins / 2, kBins / 2 - 1) + kBins / 2);
  }

  int shift_;
  std::array<std::array<uint32_t, kBins>, 4> parts_{};
};

// Full units by rising mean magnitude, cut into groups of neighbours; each group but the last has a
// multiple of `streams` units.
class UnitGroups {
 public:
  UnitGroups(std::span<const int32_t> values, int shift, uint32_t unit, uint32_t streams);

  std::span<const uint32_t> Group(size_t g) const {
    return std::span(order_).subspan(ends_[g], ends_[g + 1] - ends_[g]);
  }

  // Of each unit, the partial one included: the bits of its largest magnitude.
  std::span<const uint32_t> magnitude_bits() const { return magnitude_bits_; }

 private:
  std::vector<uint32_t> magnitude_bits_;
  std::vector<uint32_t> order_;
  std::array<uint32_t, kMaxClassGroups + 1> ends_{};
};

using BitCounts = std::array<uint64_t, 33>;

// How many values have each number of magnitude bits, given how wide each unit's widest is. Units
// of at most 7 bits (all of them, mostly) are not looked at again: no question is asked about fewer
// bits.
[[nodiscard]] BitCounts CountMagnitudeBits(std::span<const int32_t> values, uint32_t unit,
                                           std::span<const uint32_t> unit_bits);
[[nodiscard]] uint64_t CountAbove(const BitCounts& by_bits, int bits);

// The smallest code size that costs little: codes beyond it become exceptions. Codes of one byte
// are decoded and multiplied about twice as fast as those of two.
[[nodiscard]] int ChooseCodeBits(const BitCounts& by_bits, double total_bits);

}  // namespace ebb
