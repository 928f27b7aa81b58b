#include "stats/special.h"

#include <cmath>
#include <limits>
#include <numbers>

namespace ebb {

double NormalCdf(double x) { return 0.5 * std::erfc(-x / std::numbers::sqrt2); }

double NormalQuantile(double p) {
  if (!(p >= 0 && p <= 1)) return std::numeric_limits<double>::quiet_NaN();
  if (p == 0 || p == 1) return (p == 0 ? -1 : 1) * std::numeric_limits<double>::infinity();
  if (p == 0.5) return 0;
  if (p > 0.5) return -NormalQuantile(1 - p);
  // A first guess to 4.5e-4 (Abramowitz and Stegun 26.2.23), then Newton's method, which doubles
  // the digits each time.
  const double t = std::sqrt(-2 * std::log(p));
  double x = -(t - (2.515517 + t * (0.802853 + t * 0.010328)) /
                       (1 + t * (1.432788 + t * (0.189269 + t * 0.001308))));
  for (int i = 0; i < 4; ++i) {
    const double density = std::exp(-x * x / 2) / std::sqrt(2 * std::numbers::pi);
    if (density == 0) break;
    x -= (NormalCdf(x) - p) / density;
  }
  return x;
}

double BinomialHalfCdf(int64_t k, int64_t n) {
  if (k < 0) return 0;
  if (k >= n) return 1;
  // The shorter tail, so that small probabilities keep their digits.
  if (2 * k >= n) return 1 - BinomialHalfCdf(n - k - 1, n);
  const auto count = static_cast<double>(n);
  const auto last = static_cast<double>(k);
  // The largest term by logarithms; the smaller ones relative to it: C(n, i-1) = C(n, i) i/(n-i+1).
  const double log_term = std::lgamma(count + 1) - std::lgamma(last + 1) -
                          std::lgamma(count - last + 1) - count * std::numbers::ln2;
  double sum = 1;
  double term = 1;
  for (int64_t i = k; i > 0 && term > 1e-18 * sum; --i) {
    term *= static_cast<double>(i) / static_cast<double>(n - i + 1);
    sum += term;
  }
  return std::exp(log_term) * sum;
}

}  // namespace ebb
