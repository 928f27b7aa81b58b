#include "stats/special.h"

#include <cmath>
#include <limits>
#include <numbers>

namespace ebb {
namespace {

// The continued fraction of DLMF 8.17.22 by Lentz's method; converges fast for x below
// (a + 1) / (a + b + 2).
double BetaFraction(double a, double b, double x) {
  constexpr double kTiny = 1e-300;
  const auto away = [](double value) { return std::abs(value) < kTiny ? kTiny : value; };
  double c = 1;
  double d = 1 / away(1 - (a + b) * x / (a + 1));
  double fraction = d;
  for (int m = 1; m < 20000; ++m) {
    const auto k = static_cast<double>(m);
    const double even = k * (b - k) * x / ((a + 2 * k - 1) * (a + 2 * k));
    d = 1 / away(1 + even * d);
    c = away(1 + even / c);
    fraction *= d * c;
    const double odd = -(a + k) * (a + b + k) * x / ((a + 2 * k) * (a + 2 * k + 1));
    d = 1 / away(1 + odd * d);
    c = away(1 + odd / c);
    fraction *= d * c;
    if (std::abs(d * c - 1) < 1e-15) break;
  }
  return fraction;
}

// I_x(a, b), where y = 1 - x, which the caller knows to all digits.
double IncompleteBeta(double a, double b, double x, double y) {
  if (x <= 0) return 0;
  if (y <= 0) return 1;
  if (x > (a + 1) / (a + b + 2)) return 1 - IncompleteBeta(b, a, y, x);
  const double log_front = std::lgamma(a + b) - std::lgamma(a) - std::lgamma(b) + a * std::log(x) +
                           b * std::log(y) - std::log(a);
  return std::exp(log_front) * BetaFraction(a, b, x);
}

}  // namespace

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

double StudentTTwoSided(double t, double freedom) {
  if (!(freedom > 0) || std::isnan(t)) return std::numeric_limits<double>::quiet_NaN();
  if (std::isinf(t)) return 0;
  const double square = t * t;
  const double all = freedom + square;
  return IncompleteBeta(freedom / 2, 0.5, freedom / all, square / all);
}

double StudentTQuantile(double p, double freedom) {
  if (!(p > 0 && p < 1) || !(freedom > 0)) return std::numeric_limits<double>::quiet_NaN();
  if (p < 0.5) return -StudentTQuantile(1 - p, freedom);
  const double tail = 2 * (1 - p);
  double low = 0;
  double high = 1;
  while (StudentTTwoSided(high, freedom) > tail && high < 1e150) {
    low = high;
    high *= 2;
  }
  for (int i = 0; i < 200; ++i) {
    const double middle = (low + high) / 2;
    if (middle <= low || middle >= high) break;
    (StudentTTwoSided(middle, freedom) > tail ? low : high) = middle;
  }
  return (low + high) / 2;
}

}  // namespace ebb
