// What the two files of Evaluator share.
#pragma once

#include <utility>

#include "grade/evaluator.h"

namespace ebb::evaluator_parts {

// Beyond 2^kMaxLog2, up or down, values are given up.
inline constexpr double kMaxLog2 = 300000;

inline const Real& Pi() {
  static const Real pi = boost::multiprecision::acos(Real(-1));
  return pi;
}

inline MathValue Exact(Rational q) {
  MathValue value;
  value.q = std::move(q);
  return value;
}

inline void SetReal(Real re, MathValue* value) {
  value->exact = false;
  value->re = std::move(re);
  value->im = 0;
}

inline void SetComplex(Real re, Real im, MathValue* value) {
  SetReal(std::move(re), value);
  value->im = std::move(im);
}

inline bool IsZero(const MathValue& value) {
  return value.exact ? value.q == 0 : value.re == 0 && value.im == 0;
}

inline bool IsReal(const MathValue& value) { return value.exact || value.im == 0; }

}  // namespace ebb::evaluator_parts
