#include "codec/small_plan.h"

#include <algorithm>
#include <numeric>

#include "base/checked.h"
#include "codec/value_groups.h"

namespace ebb {
namespace {

constexpr int kBins = 4096;
constexpr int kHalfBins = kBins / 2;
// The median magnitude has 6 bits of bins: tokens of that width already fill a table.
constexpr int kMedianBits = 6;
constexpr int kMaxFold = 5;
constexpr int kEscapedMagnitudeBits = 15;  // an escape holds a token of 16 bits

using Counter = ValueCounter<kBins>;
using Histogram = Counter::Histogram;

// One stream suffices: its four vectors of lanes already keep a core busy.
constexpr uint32_t kStreams = 1;

// Token counts when `fold` bits of a bin number become raw. The outermost bins, which hold all that
// lies beyond, stand apart.
struct TokenCounts {
  std::vector<uint64_t> counts;
  int first;
  uint64_t beyond;

  TokenCounts(const Histogram& histogram, int fold)
      : counts(kBins >> fold),
        first(-kHalfBins >> fold),
        beyond(histogram.front() + histogram.back()) {
    for (size_t b = 1; b + 1 < kBins; ++b) counts[b >> fold] += histogram[b];
  }
  uint64_t& OfZero() { return counts[static_cast<size_t>(-first)]; }
};

struct Coded {
  SmallCounts table;
  double bits;  // the table's own included
};

Coded CodeWith(const Histogram& histogram, int fold, bool needs_zero) {
  TokenCounts tokens(histogram, fold);
  if (needs_zero) ++tokens.OfZero();
  const SmallCounts table = NormaliseSmallCounts(tokens.counts, tokens.first, tokens.beyond);
  std::vector<std::byte> bytes;
  AppendSmallTable(table, &bytes);
  return {table, SmallCodedBits(tokens.counts, tokens.first, tokens.beyond, table) +
                     8.0 * static_cast<double>(bytes.size())};
}

void AddTo(Histogram* sum, const Histogram& part) {
  for (size_t b = 0; b < kBins; ++b) (*sum)[b] += part[b];
}

// The values' histograms: of each group of units, of the partial unit, of all.
struct Histograms {
  std::vector<Histogram> groups;
  Histogram partial;
  Histogram all;
};

Histograms CountValues(std::span<const int32_t> values, int shift, uint32_t unit,
                       const UnitGroups& groups) {
  Counter counter(shift);
  counter.Add(values.subspan(values.size() / unit * unit));
  Histograms histograms;
  histograms.partial = counter.Take();
  histograms.all = histograms.partial;
  for (size_t g = 0; g < kMaxClassGroups; ++g) {
    for (const uint32_t u : groups.Group(g)) {
      counter.Add(values.subspan(size_t{u} * unit, unit));
    }
    histograms.groups.push_back(counter.Take());
    AddTo(&histograms.all, histograms.groups.back());
  }
  return histograms;
}

// Tries 2, 4 and 8 classes of neighbouring groups against the one table in `plan`, and keeps the
// cheapest.
void ChooseClasses(const UnitGroups& groups, const Histograms& histograms, int fold,
                   bool needs_zero, double one_table_bits, uint32_t units, SmallPlan* plan) {
  double best_bits = one_table_bits;
  for (int classes = 2; classes <= kMaxClasses; classes *= 2) {
    const auto groups_each = static_cast<size_t>(kMaxClassGroups / classes);
    std::vector<SmallCounts> tables;
    double bits = ClassBits(classes) * static_cast<double>(units);
    for (size_t c = 0; c < static_cast<size_t>(classes); ++c) {
      Histogram sum{};
      for (size_t g = c * groups_each; g < (c + 1) * groups_each; ++g) {
        AddTo(&sum, histograms.groups[g]);
      }
      // The partial unit, if there is one, belongs to the middle class.
      if (c == static_cast<size_t>(classes) / 2) AddTo(&sum, histograms.partial);
      if (std::all_of(sum.begin(), sum.end(), [](uint64_t n) { return n == 0; })) {
        sum[kHalfBins] = 1;
      }
      const Coded coded = CodeWith(sum, fold, needs_zero);
      bits += coded.bits;
      tables.push_back(coded.table);
    }
    if (bits >= best_bits) continue;
    best_bits = bits;
    plan->small_tables = std::move(tables);
    plan->plan.class_of_unit.assign(units, static_cast<uint8_t>(classes / 2));
    for (size_t g = 0; g < kMaxClassGroups; ++g) {
      for (const uint32_t unit : groups.Group(g)) {
        plan->plan.class_of_unit[unit] = static_cast<uint8_t>(g / groups_each);
      }
    }
  }
}

}  // namespace

SmallPlan PlanSmallChunk(std::span<const int32_t> values, uint32_t row_elements, bool codes) {
  SmallPlan small;
  ChunkPlan& plan = small.plan;
  plan.streams_log2 = 0;
  plan.unit = ChooseUnit(values.size(), row_elements, kStreams);
  const int shift = HistogramShift(values, kMedianBits, kMaxFold);
  const UnitGroups groups(values, shift, plan.unit, kStreams);
  const Histograms histograms = CountValues(values, shift, plan.unit, groups);
  const BitCounts by_bits = CountMagnitudeBits(values, plan.unit, groups.magnitude_bits());

  const auto exceptions_at = [&](int raw_bits) {
    return CountAbove(by_bits, std::min(31, raw_bits + kEscapedMagnitudeBits));
  };
  double best_bits = 0;
  Coded best{};
  for (int fold = 0; fold <= kMaxFold; ++fold) {
    const int raw_bits = shift + fold;
    const uint64_t exceptions = exceptions_at(raw_bits);
    const Coded coded = CodeWith(histograms.all, fold, exceptions > 0);
    const double bits = coded.bits + raw_bits * static_cast<double>(values.size()) +
                        static_cast<double>(exceptions) * kExceptionBits;
    if (fold > 0 && bits >= best_bits) continue;
    best_bits = bits;
    best = coded;
    plan.raw_bits = raw_bits;
  }
  plan.max_magnitude_bits = std::min(31, plan.raw_bits + kEscapedMagnitudeBits);
  if (codes) {
    const int code_bits = ChooseCodeBits(by_bits, best_bits);
    plan.max_magnitude_bits = std::min(plan.max_magnitude_bits, code_bits);
    plan.code_bytes = (code_bits + 1) / 8;
  }
  const int fold = plan.raw_bits - shift;
  plan.adds_exceptions = CountAbove(by_bits, plan.max_magnitude_bits) > 0;
  if (plan.adds_exceptions) best = CodeWith(histograms.all, fold, true);
  small.small_tables = {best.table};
  const auto units = static_cast<uint32_t>(DivideRoundingUp(values.size(), plan.unit));
  if (units > 2) {
    ChooseClasses(groups, histograms, fold, plan.adds_exceptions, best.bits, units, &small);
  }
  return small;
}

}  // namespace ebb
