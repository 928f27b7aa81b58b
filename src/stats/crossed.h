// Two conditions on the same items, of which at least one was drawn several times: is the
// difference more than other items and other draws would give?
//
// Items and draws (noise seeds) are both samples, and they are crossed: a draw's error acts on all
// items at once. A test over items alone takes the luck of the draw for an effect (Clark, J. Verbal
// Learn. Verbal Behav. 12, 1973: "the language-as-fixed-effect fallacy"); here both count.
//
// Model: x[s][i] = mean + item i + draw s + item-by-draw rest. With n items, S draws of an arm,
// d[i] the difference of the two arms' means over draws, m[s] an arm's mean over items of draw s:
//
//     difference = mean of d
//     V_items    = var(d) / n                        items, and each arm's rest once
//     V_draws    = sum over arms var(m) / S          draws, and each arm's rest again
//     R          = sum over arms MS_rest / (n S)     the rest, which both contain
//     V          = max(V_items + V_draws - R, V_items, V_draws)
//     freedom    = V^2 / sum over the terms of term^2 / (its degrees of freedom)  (Satterthwaite,
//                  Biometrics Bull. 2, 1946), not below the smallest of these
//     t          = difference / sqrt(V)
//
// which is the t form of Clark's quasi-F ratio (for two conditions F' = t^2). A fixed arm (the
// unperturbed model) has no draws: its terms are 0. An arm of one draw has no variance of its own
// and is taken to have the other arm's: the question is then whether it differs from the other arm
// by more than one further draw would. Draws of the two arms count as independent; where they share
// noise, V is too large and the test conservative.
//
// Pure and thread-safe. Units are those of the values.
#pragma once

#include <span>
#include <vector>

#include "base/error.h"
#include "stats/proportions.h"

namespace ebb {

// Values of the same items under one or several draws: [draw][item].
using DrawValues = std::vector<std::vector<double>>;

struct CrossedArm {
  const DrawValues& values;
  bool fixed = false;  // it could not have come out otherwise: no draw
};

struct CrossedDifference {
  double difference = 0;      // first - second
  double standard_error = 0;  // sqrt(V)
  double freedom = 0;
  double p_value = 1;  // two-sided, Student's t; 1 if V = 0
  Interval interval;   // difference -+ t_{(1 + confidence) / 2} sqrt(V)
};

// kInvalidArgument: fewer than two items, rows of other lengths, values that are not finite, no arm
// of several draws that is not fixed.
[[nodiscard]] Result<CrossedDifference> CompareCrossed(const CrossedArm& first,
                                                       const CrossedArm& second,
                                                       double confidence = 0.95);

// A ratio of sums as a mean of values: z[s][i] = r + (above[s][i] - r below[s][i]) / mean(below),
// where r = sum(above) / sum(below) (linearisation, Cochran, Sampling Techniques, 1977, 6.3). The
// mean of z is r, a draw's mean its own ratio (where all draws have the same denominators), and the
// variance of z over items is that of the ratio to first order. Denominators must be at least 0,
// and not all of them 0.
[[nodiscard]] Result<DrawValues> LineariseRatio(const DrawValues& above, const DrawValues& below);

}  // namespace ebb
