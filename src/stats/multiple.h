// Many tests at once: p-values adjusted so that each can be held against the level by itself.
//
// Both return the adjusted values in the order of the input, each in [0, 1] and never below its
// p-value. p-values outside [0, 1] or NaN are kInvalidArgument; no p-values give none. Pure,
// thread-safe.
#pragma once

#include <span>
#include <vector>

#include "base/error.h"

namespace ebb {

// Holm's step-down method (Scand. J. Stat. 6, 1979): bounds the chance of even one false finding,
// whatever the dependence. For the planned contrasts.
[[nodiscard]] Result<std::vector<double>> HolmAdjusted(std::span<const double> p_values);

// Benjamini and Hochberg's step-up method (J. R. Stat. Soc. B 57, 1995): bounds the expected share
// of false findings among the findings, for independent or positively dependent tests. For the map.
[[nodiscard]] Result<std::vector<double>> BenjaminiHochbergAdjusted(
    std::span<const double> p_values);

}  // namespace ebb
