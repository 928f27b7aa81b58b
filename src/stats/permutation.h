// A test by flipping signs. Pure, thread-safe; the same on every machine.
#pragma once

#include <cstdint>
#include <span>

#include "base/error.h"

namespace ebb {

inline constexpr int64_t kSignFlips = 10000;

// Two-sided p-value that paired differences are as likely to be negative as positive: the share of
// `flips` random choices of signs whose sum is at least as far from 0 as the given one, with the
// given one counted among them, (1 + hits) / (1 + flips) (Phipson and Smyth, Stat. Appl. Genet.
// Mol. Biol. 9, 2010), so that it is never below 1 / (1 + flips). Differences in any unit, finite,
// at least one; 1 .. 10^7 flips.
[[nodiscard]] Result<double> SignFlipTest(std::span<const double> differences,
                                          int64_t flips = kSignFlips, uint64_t seed = 1);

}  // namespace ebb
