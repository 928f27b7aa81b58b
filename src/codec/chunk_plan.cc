#include "codec/chunk_plan.h"

#include <algorithm>
#include <numeric>

#include "base/checked.h"
#include "codec/value_groups.h"

namespace ebb {
namespace {

constexpr int kEscapeIndex = TokenIndex(kEscapeToken);

constexpr int kBins = 1024;
constexpr int kHalfBins = kBins / 2;
// The median magnitude has 4 bits of bins.
constexpr int kMedianBits = 4;
// A token is at least 1 / 2^kMaxFold of a bin: then all clipped values are beyond the tokens
// anyway.
constexpr int kMaxFold = 4;
using Histogram = Histograms<kBins>::Histogram;

// Lanes cost 8 bits each beyond what they carry; four streams decode fastest.
int ChooseStreamsLog2(uint64_t elements) {
  if (elements >= 96 * 1024) return 2;
  if (elements >= 48 * 1024) return 1;
  return 0;
}

// Token counts when `fold` bits of a bin number become raw. What no token has, and the outermost
// bins, which hold all that lies beyond, are escaped.
std::array<uint64_t, 64> Fold(const Histogram& histogram, int fold) {
  std::array<uint64_t, 64> counts{};
  uint64_t known = 0;
  const int each = 1 << fold;
  for (int token = kMinToken; token <= kMaxToken; ++token) {
    const int first = kHalfBins + token * each;
    uint64_t count = 0;
    for (int b = first; b < std::min(first + each, kBins - 1); ++b) {
      count += histogram[static_cast<size_t>(b)];
    }
    counts[static_cast<size_t>(TokenIndex(token))] = count;
    known += count;
  }
  static_assert(kHalfBins + (kMinToken << kMaxFold) > 0);
  const uint64_t all = std::accumulate(histogram.begin(), histogram.end(), uint64_t{0});
  counts[kEscapeIndex] = all - known;
  return counts;
}

using Coded = TableCost<SlotCounts>;

// Without the bits of the table.
Coded CodeWith(const Histogram& histogram, int fold, bool needs_zero) {
  std::array<uint64_t, 64> counts = Fold(histogram, fold);
  if (needs_zero) ++counts[TokenIndex(0)];
  const SlotCounts table = NormaliseCounts(counts);
  return {table, CodedBits(counts, table)};
}

double TableBits(const SlotCounts& table) { return 8.0 * (table.last - table.first + 4); }

}  // namespace

ChunkPlan PlanChunk(std::span<const int32_t> values, uint32_t row_elements, bool codes) {
  ChunkPlan plan;
  plan.streams_log2 = ChooseStreamsLog2(values.size());
  const uint32_t streams = 1u << plan.streams_log2;
  plan.unit = ChooseUnit(values.size(), row_elements, streams);

  const int shift = HistogramShift(values, kMedianBits, kMaxFold);
  const UnitGroups groups(values, shift, plan.unit, streams);
  const auto histograms = CountValues<kBins>(values, shift, plan.unit, groups);
  const std::array<uint64_t, 33> by_bits =
      CountMagnitudeBits(values, plan.unit, groups.magnitude_bits());
  double best_bits = 0;
  Coded best{};
  for (int fold = 0; fold <= kMaxFold; ++fold) {
    const int raw_bits = shift + fold;
    const auto exceptions = static_cast<double>(CountAbove(by_bits, raw_bits + 7));
    const Coded coded = CodeWith(histograms.all, fold, exceptions > 0);
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
  if (needs_zero) best = CodeWith(histograms.all, fold, true);
  plan.tables = {best.table};
  const auto units = static_cast<uint32_t>(DivideRoundingUp(values.size(), plan.unit));
  if (units > 2 * streams) {
    auto choice =
        ChooseClasses<SlotCounts>(groups, histograms, units, best.bits + TableBits(best.table),
                                  [&](const Histogram& histogram) -> Coded {
                                    const Coded coded = CodeWith(histogram, fold, needs_zero);
                                    return {coded.table, coded.bits + TableBits(coded.table)};
                                  });
    if (!choice.tables.empty()) {
      plan.tables = std::move(choice.tables);
      plan.class_of_unit = std::move(choice.class_of_unit);
    }
  }
  return plan;
}

}  // namespace ebb
