// What planning a chunk looks at, whatever its layout: units by scale, histograms of values,
// widths.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "codec/chunk.h"
#include "codec/encode_ops.h"

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
    constexpr size_t kTile = 1024;
    std::array<uint16_t, kTile> bins;
    for (size_t first = 0; first < values.size(); first += kTile) {
      const auto tile = values.subspan(first, std::min(kTile, values.size() - first));
      MakeBins(tile, shift_, kBins / 2, bins.data());
      size_t i = 0;
      for (; i + 4 <= tile.size(); i += 4) {
        for (size_t part = 0; part < 4; ++part) ++parts_[part][bins[i + part]];
      }
      for (; i < tile.size(); ++i) ++parts_[0][bins[i]];
    }
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

// The values' histograms: of each group of units, of the partial unit, of all.
template <int kBins>
struct Histograms {
  using Histogram = typename ValueCounter<kBins>::Histogram;

  std::vector<Histogram> groups;
  Histogram partial;
  Histogram all;

  static void AddTo(Histogram* sum, const Histogram& part) {
    for (size_t b = 0; b < kBins; ++b) (*sum)[b] += part[b];
  }
};

template <int kBins>
Histograms<kBins> CountValues(std::span<const int32_t> values, int shift, uint32_t unit,
                              const UnitGroups& groups) {
  ValueCounter<kBins> counter(shift);
  counter.Add(values.subspan(values.size() / unit * unit));
  Histograms<kBins> histograms;
  histograms.partial = counter.Take();
  histograms.all = histograms.partial;
  for (size_t g = 0; g < kMaxClassGroups; ++g) {
    for (const uint32_t u : groups.Group(g)) {
      counter.Add(values.subspan(size_t{u} * unit, unit));
    }
    histograms.groups.push_back(counter.Take());
    Histograms<kBins>::AddTo(&histograms.all, histograms.groups.back());
  }
  return histograms;
}

// A table, and the bits that coding some values with it takes, its own included.
template <typename Table>
struct TableCost {
  Table table;
  double bits;
};

// Classes of units, each with its table; none if one table for all is best.
template <typename Table>
struct ClassChoice {
  std::vector<Table> tables;
  std::vector<uint8_t> class_of_unit;
};

// Tries 2, 4 and 8 classes of neighbouring groups against one table that takes `one_table_bits`,
// and takes the cheapest. `cost_of(histogram)` gives the TableCost of its values.
template <typename Table, int kBins, typename CostOf>
ClassChoice<Table> ChooseClasses(const UnitGroups& groups, const Histograms<kBins>& histograms,
                                 uint32_t units, double one_table_bits, const CostOf& cost_of) {
  using Histogram = typename Histograms<kBins>::Histogram;
  ClassChoice<Table> choice;
  double best_bits = one_table_bits;
  for (int classes = 2; classes <= kMaxClasses; classes *= 2) {
    const auto groups_each = static_cast<size_t>(kMaxClassGroups / classes);
    std::vector<Table> tables;
    double bits = ClassBits(classes) * static_cast<double>(units);
    for (size_t c = 0; c < static_cast<size_t>(classes); ++c) {
      Histogram sum{};
      for (size_t g = c * groups_each; g < (c + 1) * groups_each; ++g) {
        Histograms<kBins>::AddTo(&sum, histograms.groups[g]);
      }
      // The partial unit, if there is one, belongs to the middle class.
      if (c == static_cast<size_t>(classes) / 2) {
        Histograms<kBins>::AddTo(&sum, histograms.partial);
      }
      if (std::all_of(sum.begin(), sum.end(), [](uint64_t n) { return n == 0; })) {
        sum[kBins / 2] = 1;
      }
      const TableCost<Table> cost = cost_of(sum);
      bits += cost.bits;
      tables.push_back(cost.table);
    }
    if (bits >= best_bits) continue;
    best_bits = bits;
    choice.tables = std::move(tables);
    choice.class_of_unit.assign(units, static_cast<uint8_t>(classes / 2));
    for (size_t g = 0; g < kMaxClassGroups; ++g) {
      for (const uint32_t unit : groups.Group(g)) {
        choice.class_of_unit[unit] = static_cast<uint8_t>(g / groups_each);
      }
    }
  }
  return choice;
}

// Indexed by a number of bits.
using BitCounts = std::array<uint64_t, 33>;

// How many values have each number of magnitude bits, given how wide each unit's widest is. Numbers
// up to 7 are all counted as 7: no question is asked about fewer bits.
[[nodiscard]] BitCounts CountMagnitudeBits(std::span<const int32_t> values, uint32_t unit,
                                           std::span<const uint32_t> unit_bits);
[[nodiscard]] uint64_t CountAbove(const BitCounts& by_bits, int bits);

// The smallest code size that costs little: codes beyond it become exceptions. Codes of one byte
// are decoded and multiplied about twice as fast as those of two.
[[nodiscard]] int ChooseCodeBits(const BitCounts& by_bits, double total_bits);

}  // namespace ebb
