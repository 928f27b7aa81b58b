#include "codec/chunk_plan.h"

#include <algorithm>
#include <bit>
#include <numeric>

#include "base/checked.h"
#include "codec/encode_ops.h"

namespace ebb {
namespace {

constexpr int kEscapeIndex = TokenIndex(kEscapeToken);
constexpr double kExceptionBits = 64;
constexpr int kMaxClassGroups = kMaxClasses;  // finest division of the units that is tried

// Histogram of v >> shift, clipped: the two outermost bins also hold all that lies beyond.
constexpr int kBins = 1024;
constexpr int kHalfBins = kBins / 2;
// A token is at least 1 / 2^kMaxFold of a bin: then all clipped values are beyond the tokens
// anyway.
constexpr int kMaxFold = 4;
using Histogram = std::array<uint64_t, kBins>;

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

// Lanes cost 8 bits each beyond what they carry; four streams decode fastest.
int ChooseStreamsLog2(uint64_t elements) {
  if (elements >= 96 * 1024) return 2;
  if (elements >= 48 * 1024) return 1;
  return 0;
}

// How wide values are, from a sample: the shift that leaves the median magnitude about 4 bits.
int HistogramShift(std::span<const int32_t> values) {
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
  return std::clamp(median - 4, 0, kMaxRawBits - kMaxFold);
}

// Counts v >> shift, clipped. Four histograms in turn, because neighbouring equal values would wait
// for each other's increments.
class Counter {
 public:
  explicit Counter(int shift) : shift_(shift) {}

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
    return static_cast<size_t>(std::clamp((v >> shift_) + kHalfBins, 0, kBins - 1));
  }

  int shift_;
  std::array<std::array<uint32_t, kBins>, 4> parts_{};
};

// Token counts when `fold` bits of a bin number become raw.
std::array<uint64_t, 64> Fold(const Histogram& histogram, int fold) {
  std::array<uint64_t, 64> counts{};
  for (int b = 0; b < kBins; ++b) {
    const uint64_t count = histogram[static_cast<size_t>(b)];
    if (count == 0) continue;
    const int token = (b - kHalfBins) >> fold;
    const bool known = b != 0 && b != kBins - 1 && token >= kMinToken && token <= kMaxToken;
    counts[static_cast<size_t>(known ? TokenIndex(token) : kEscapeIndex)] += count;
  }
  return counts;
}

struct Coded {
  SlotCounts table;
  double bits;
};

Coded CodeWith(const Histogram& histogram, int fold, bool needs_zero) {
  std::array<uint64_t, 64> counts = Fold(histogram, fold);
  if (needs_zero) ++counts[TokenIndex(0)];
  const SlotCounts table = NormaliseCounts(counts);
  return {table, CodedBits(counts, table)};
}

// How many values have each number of magnitude bits, given how wide each unit's widest is. Units
// of at most 7 bits (all of them, mostly) are not looked at again: no question is asked about fewer
// bits.
std::array<uint64_t, 33> CountMagnitudeBits(std::span<const int32_t> values, uint32_t unit,
                                            std::span<const uint32_t> unit_bits) {
  std::array<uint64_t, 33> counts{};
  for (size_t u = 0; u < unit_bits.size(); ++u) {
    const size_t first = u * unit;
    const auto run = values.subspan(first, std::min<size_t>(unit, values.size() - first));
    if (unit_bits[u] <= 7) {
      counts[7] += run.size();
      continue;
    }
    for (const int32_t v : run) ++counts[static_cast<size_t>(std::bit_width(Magnitude(v)))];
  }
  return counts;
}

uint64_t CountAbove(const std::array<uint64_t, 33>& by_bits, int bits) {
  return std::accumulate(by_bits.begin() + std::min(bits + 1, 33), by_bits.end(), uint64_t{0});
}

// Full units by rising mean magnitude, cut into groups of neighbours; each group but the last has a
// multiple of `streams` units.
class UnitGroups {
 public:
  UnitGroups(std::span<const int32_t> values, int shift, uint32_t unit, uint32_t streams) {
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

double TableBits(const SlotCounts& table) { return 8.0 * (table.last - table.first + 4); }

// Tries 2, 4 and 8 classes of neighbouring groups against the one table in `plan`, and keeps the
// cheapest.
void ChooseClasses(const UnitGroups& groups,
                   const std::array<Histogram, kMaxClassGroups>& histograms,
                   const Histogram& partial, int fold, bool needs_zero, double one_table_bits,
                   uint32_t units, ChunkPlan* plan) {
  double best_bits = one_table_bits;
  for (int classes = 2; classes <= kMaxClasses; classes *= 2) {
    const auto groups_each = static_cast<size_t>(kMaxClassGroups / classes);
    std::vector<SlotCounts> tables;
    double bits = ClassBits(classes) * static_cast<double>(units);
    for (size_t c = 0; c < static_cast<size_t>(classes); ++c) {
      Histogram sum{};
      for (size_t g = c * groups_each; g < (c + 1) * groups_each; ++g) {
        for (size_t b = 0; b < kBins; ++b) sum[b] += histograms[g][b];
      }
      // The partial unit, if there is one, belongs to the middle class.
      if (c == static_cast<size_t>(classes) / 2) {
        for (size_t b = 0; b < kBins; ++b) sum[b] += partial[b];
      }
      if (std::all_of(sum.begin(), sum.end(), [](uint64_t n) { return n == 0; }))
        sum[kHalfBins] = 1;
      const Coded coded = CodeWith(sum, fold, needs_zero);
      bits += coded.bits + TableBits(coded.table);
      tables.push_back(coded.table);
    }
    if (bits >= best_bits) continue;
    best_bits = bits;
    plan->tables = std::move(tables);
    plan->class_of_unit.assign(units, static_cast<uint8_t>(classes / 2));
    for (size_t g = 0; g < kMaxClassGroups; ++g) {
      for (const uint32_t unit : groups.Group(g)) {
        plan->class_of_unit[unit] = static_cast<uint8_t>(g / groups_each);
      }
    }
  }
}

// The smallest code size that costs little: codes beyond it become exceptions. Codes of one byte
// are decoded and multiplied about twice as fast as those of two.
int ChooseCodeBits(const std::array<uint64_t, 33>& by_bits, double total_bits) {
  constexpr double kTolerated = 0.003;
  for (const int bits : {7, 15}) {
    if (static_cast<double>(CountAbove(by_bits, bits)) * kExceptionBits <=
        kTolerated * total_bits) {
      return bits;
    }
  }
  return 31;
}

}  // namespace

ChunkPlan PlanChunk(std::span<const int32_t> values, uint32_t row_elements, bool codes) {
  ChunkPlan plan;
  plan.streams_log2 = ChooseStreamsLog2(values.size());
  const uint32_t streams = 1u << plan.streams_log2;
  plan.unit = ChooseUnit(values.size(), row_elements, streams);

  const int shift = HistogramShift(values);
  const UnitGroups groups(values, shift, plan.unit, streams);
  Counter counter(shift);
  counter.Add(values.subspan(values.size() / plan.unit * plan.unit));
  const Histogram partial = counter.Take();
  Histogram all = partial;
  std::array<Histogram, kMaxClassGroups> histograms;
  for (size_t g = 0; g < kMaxClassGroups; ++g) {
    for (const uint32_t unit : groups.Group(g)) {
      counter.Add(values.subspan(size_t{unit} * plan.unit, plan.unit));
    }
    histograms[g] = counter.Take();
    for (size_t b = 0; b < kBins; ++b) all[b] += histograms[g][b];
  }

  const std::array<uint64_t, 33> by_bits =
      CountMagnitudeBits(values, plan.unit, groups.magnitude_bits());
  double best_bits = 0;
  Coded best{};
  for (int fold = 0; fold <= kMaxFold; ++fold) {
    const int raw_bits = shift + fold;
    const auto exceptions = static_cast<double>(CountAbove(by_bits, raw_bits + 7));
    const Coded coded = CodeWith(all, fold, exceptions > 0);
    const double bits =
        coded.bits + raw_bits * static_cast<double>(values.size()) + exceptions * kExceptionBits;
    if (fold > 0 && bits >= best_bits) continue;
    best_bits = bits;
    best = coded;
    plan.raw_bits = raw_bits;
  }
  plan.max_magnitude_bits = plan.raw_bits + 7;
  if (codes) {
    const int code_bits = ChooseCodeBits(by_bits, best_bits);
    plan.max_magnitude_bits = std::min(plan.max_magnitude_bits, code_bits);
    plan.code_bytes = (code_bits + 1) / 8;
  }
  const int fold = plan.raw_bits - shift;
  const bool needs_zero = CountAbove(by_bits, plan.max_magnitude_bits) > 0;
  plan.adds_exceptions = needs_zero;
  if (needs_zero) best = CodeWith(all, fold, true);
  plan.tables = {best.table};
  const auto units = static_cast<uint32_t>(DivideRoundingUp(values.size(), plan.unit));
  if (units > 2 * streams) {
    ChooseClasses(groups, histograms, partial, fold, needs_zero, best.bits + TableBits(best.table),
                  units, &plan);
  }
  return plan;
}

}  // namespace ebb
