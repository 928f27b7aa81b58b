// The few distribution functions that the statistics need. Pure, thread-safe.
#pragma once

#include <cstdint>

namespace ebb {

// P(Z <= x) of the standard normal distribution.
[[nodiscard]] double NormalCdf(double x);

// The inverse of NormalCdf for p in (0, 1), to about 1e-15 (relative); -inf and +inf at 0 and 1,
// NaN outside.
[[nodiscard]] double NormalQuantile(double p);

// P(X <= k) for X binomial with n trials of probability 1/2, exact to rounding; n up to 10^6.
[[nodiscard]] double BinomialHalfCdf(int64_t k, int64_t n);

// P(|T| >= |t|) of Student's t distribution with `freedom` > 0 degrees, not necessarily whole:
// I_x(freedom / 2, 1 / 2) at x = freedom / (freedom + t^2), the regularised incomplete beta
// function by its continued fraction (DLMF 8.17.22), to about 1e-12 (relative). NaN for other
// arguments.
[[nodiscard]] double StudentTTwoSided(double t, double freedom);

// The t below which a share p in (0, 1) lies, to about 1e-12; NaN outside.
[[nodiscard]] double StudentTQuantile(double p, double freedom);

}  // namespace ebb
