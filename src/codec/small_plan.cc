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

using Histogram = Histograms<kBins>::Histogram;

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

using Coded = TableCost<SmallCounts>;

Coded CodeWith(const Histogram& histogram, int fold, bool needs_zero) {
  TokenCounts tokens(histogram, fold);
  if (needs_zero) ++tokens.OfZero();
  const SmallCounts table = NormaliseSmallCounts(tokens.counts, tokens.first, tokens.beyond);
  std::vector<std::byte> bytes;
  AppendSmallTable(table, &bytes);
  return {table, SmallCodedBits(tokens.counts, tokens.first, tokens.beyond, table) +
                     8.0 * static_cast<double>(bytes.size())};
}

}  // namespace

SmallPlan PlanSmallChunk(std::span<const int32_t> values, uint32_t row_elements, bool codes) {
  SmallPlan small;
  ChunkPlan& plan = small.plan;
  plan.streams_log2 = 0;
  plan.unit = ChooseUnit(values.size(), row_elements, kStreams);
  const int shift = HistogramShift(values, kMedianBits, kMaxFold);
  const UnitGroups groups(values, shift, plan.unit, kStreams);
  const auto histograms = CountValues<kBins>(values, shift, plan.unit, groups);
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
    auto choice = ChooseClasses<SmallCounts>(
        groups, histograms, units, best.bits, [&](const Histogram& histogram) {
          return CodeWith(histogram, fold, plan.adds_exceptions);
        });
    if (!choice.tables.empty()) {
      small.small_tables = std::move(choice.tables);
      plan.class_of_unit = std::move(choice.class_of_unit);
    }
  }
  return small;
}

}  // namespace ebb
