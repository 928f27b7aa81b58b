#include "stats/crossed.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <optional>

#include "stats/special.h"

namespace ebb {
namespace {

// What the draws of an arm say of the variance among them.
struct DrawVariance {
  double of_means = 0;  // var(m)
  double rest = 0;      // MS_rest
  double draws = 0;
};

double MeanOf(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return sum / static_cast<double>(values.size());
}

// With n - 1 below.
double VarianceOf(const std::vector<double>& values) {
  const double mean = MeanOf(values);
  double squares = 0;
  for (const double value : values) squares += (value - mean) * (value - mean);
  return squares / static_cast<double>(values.size() - 1);
}

std::vector<double> MeanOverDraws(const DrawValues& values) {
  std::vector<double> means(values.front().size());
  for (const std::vector<double>& row : values) {
    for (size_t i = 0; i < row.size(); ++i) means[i] += row[i];
  }
  for (double& mean : means) mean /= static_cast<double>(values.size());
  return means;
}

std::optional<DrawVariance> VarianceAmongDraws(const CrossedArm& arm) {
  const DrawValues& values = arm.values;
  if (arm.fixed || values.size() < 2) return std::nullopt;
  const std::vector<double> item_means = MeanOverDraws(values);
  std::vector<double> draw_means;
  for (const std::vector<double>& row : values) draw_means.push_back(MeanOf(row));
  const double mean = MeanOf(draw_means);
  DrawVariance variance;
  variance.draws = static_cast<double>(values.size());
  variance.of_means = VarianceOf(draw_means);
  double squares = 0;
  for (size_t s = 0; s < values.size(); ++s) {
    for (size_t i = 0; i < item_means.size(); ++i) {
      const double rest = values[s][i] - item_means[i] - draw_means[s] + mean;
      squares += rest * rest;
    }
  }
  const auto items = static_cast<double>(item_means.size());
  variance.rest = squares / ((variance.draws - 1) * (items - 1));
  return variance;
}

Status CheckArms(const CrossedArm& first, const CrossedArm& second) {
  const bool there = !first.values.empty() && !second.values.empty();
  const size_t items = there ? first.values.front().size() : 0;
  if (items < 2) {
    return MakeError(ErrorCode::kInvalidArgument, "crossed comparison",
                     "it takes at least two items");
  }
  for (const CrossedArm* arm : {&first, &second}) {
    for (const std::vector<double>& row : arm->values) {
      if (row.size() != items) {
        return MakeError(ErrorCode::kInvalidArgument, "crossed comparison",
                         "{} and {} values are not of the same items", items, row.size());
      }
      if (!std::all_of(row.begin(), row.end(), [](double v) { return std::isfinite(v); })) {
        return MakeError(ErrorCode::kInvalidArgument, "crossed comparison",
                         "a value is not finite");
      }
    }
  }
  return {};
}

}  // namespace

Result<CrossedDifference> CompareCrossed(const CrossedArm& first, const CrossedArm& second,
                                         double confidence) {
  EBB_TRY(CheckArms(first, second));
  if (!(confidence > 0 && confidence < 1)) {
    return MakeError(ErrorCode::kInvalidArgument, "crossed comparison",
                     "a confidence of {} is not between 0 and 1", confidence);
  }
  const std::array<const CrossedArm*, 2> arms = {&first, &second};
  const std::array<std::optional<DrawVariance>, 2> own = {VarianceAmongDraws(first),
                                                          VarianceAmongDraws(second)};
  if (!own[0] && !own[1]) {
    return MakeError(ErrorCode::kInvalidArgument, "crossed comparison",
                     "neither arm has several draws");
  }
  const std::vector<double> x = MeanOverDraws(first.values);
  const std::vector<double> y = MeanOverDraws(second.values);
  std::vector<double> d(x.size());
  for (size_t i = 0; i < d.size(); ++i) d[i] = x[i] - y[i];
  const auto items = static_cast<double>(d.size());

  // An arm of one draw borrows the other's variance, so that one estimate stands for both arms.
  std::array<double, 2> weight = {0, 0};  // of own[k]: the sum of 1 / S of the arms that use it
  for (size_t k = 0; k < 2; ++k) {
    if (arms[k]->fixed) continue;
    weight[own[k] ? k : 1 - k] += 1 / static_cast<double>(arms[k]->values.size());
  }
  const double by_items = VarianceOf(d) / items;
  double by_draws = 0;
  double twice = 0;
  double below = by_items * by_items / (items - 1);
  double least_freedom = items - 1;
  for (size_t k = 0; k < 2; ++k) {
    if (weight[k] == 0) continue;
    const double draws_term = weight[k] * own[k]->of_means;
    const double rest_term = weight[k] * own[k]->rest / items;
    const double draws_freedom = own[k]->draws - 1;
    by_draws += draws_term;
    twice += rest_term;
    below += draws_term * draws_term / draws_freedom +
             rest_term * rest_term / (draws_freedom * (items - 1));
    least_freedom = std::min(least_freedom, draws_freedom);
  }
  const double variance = std::max({by_items + by_draws - twice, by_items, by_draws});

  CrossedDifference result;
  result.difference = MeanOf(d);
  result.standard_error = std::sqrt(variance);
  result.freedom = below > 0 ? std::max(variance * variance / below, least_freedom) : least_freedom;
  const double reach = StudentTQuantile((1 + confidence) / 2, result.freedom);
  result.interval = {result.difference - reach * result.standard_error,
                     result.difference + reach * result.standard_error};
  if (variance > 0) {
    result.p_value = StudentTTwoSided(result.difference / result.standard_error, result.freedom);
  }
  return result;
}

Result<DrawValues> LineariseRatio(const DrawValues& above, const DrawValues& below) {
  double sum_above = 0;
  double sum_below = 0;
  double values = 0;
  bool same = above.size() == below.size();
  for (size_t s = 0; same && s < above.size(); ++s) {
    same = above[s].size() == below[s].size();
    for (size_t i = 0; same && i < above[s].size(); ++i) {
      if (!(below[s][i] >= 0) || !std::isfinite(above[s][i])) {
        return MakeError(ErrorCode::kInvalidArgument, "ratio",
                         "{} over {} is not a part of a ratio", above[s][i], below[s][i]);
      }
      sum_above += above[s][i];
      sum_below += below[s][i];
      values += 1;
    }
  }
  if (!same) {
    return MakeError(ErrorCode::kInvalidArgument, "ratio",
                     "numerators and denominators do not pair up");
  }
  if (!(sum_below > 0)) {
    return MakeError(ErrorCode::kInvalidArgument, "ratio", "all denominators are 0");
  }
  const double ratio = sum_above / sum_below;
  const double scale = values / sum_below;
  DrawValues linear = above;
  for (size_t s = 0; s < above.size(); ++s) {
    for (size_t i = 0; i < above[s].size(); ++i) {
      linear[s][i] = ratio + (above[s][i] - ratio * below[s][i]) * scale;
    }
  }
  return linear;
}

}  // namespace ebb
