#include "codec/bound.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

namespace ebb {
namespace {

TEST(ErrorBound, ParsesWhatItPrints) {
  EXPECT_EQ(ParseErrorBound("rel:0.2").value(), ErrorBound::Relative(0.2));
  EXPECT_EQ(ParseErrorBound("abs:1e-3").value(), ErrorBound::Absolute(1e-3));
  EXPECT_EQ(ParseErrorBound("lossless").value(), ErrorBound::Lossless());
  for (const char* text : {"rel:0.2", "abs:0.001", "lossless", "rel:0", "abs:1e-30"}) {
    EXPECT_EQ(ParseErrorBound(text).value().ToString(), text);
  }
}

TEST(ErrorBound, RefusesWhatIsNone) {
  for (const char* text : {"", "rel", "rel:", "rel:x", "rel:-1", "abs:nan", "abs:inf", "0.2",
                           "rel:0.2x", "LOSSLESS", "abs:1e999"}) {
    EXPECT_FALSE(ParseErrorBound(text).has_value()) << text;
  }
}

TEST(ErrorBound, OnlyZeroIsLossless) {
  EXPECT_TRUE(ErrorBound::Lossless().IsLossless());
  EXPECT_TRUE(ErrorBound::Relative(0).IsLossless());
  EXPECT_FALSE(ErrorBound::Absolute(1e-30).IsLossless());
  EXPECT_FALSE(ErrorBound::Like("rtn4").IsLossless());
  EXPECT_EQ(ErrorBound::Like("rtn4").ToString(), "like:rtn4");
}

TEST(MagnitudeSum, CountsFiniteWeightsOnly) {
  constexpr float kInf = std::numeric_limits<float>::infinity();
  const std::vector<float> weights = {1, -2, kInf, NAN, -kInf, 3, 0, 0, 0, -4};
  MagnitudeSum sum;
  sum.Add(weights);
  EXPECT_EQ(sum.count, 7u);
  EXPECT_EQ(sum.sum, 10.0);
  EXPECT_EQ(MagnitudeSum{}.Mean(), 0.0);
}

TEST(AbsoluteBound, IsRoundedDownAndFinite) {
  // 0.1 as float32 lies above 0.1, so the bound must be the float below it.
  EXPECT_EQ(AbsoluteBound(ErrorBound::Absolute(0.1), 0), std::nextafter(0.1f, 0.0f));
  EXPECT_EQ(AbsoluteBound(ErrorBound::Absolute(0.25), 0), 0.25f);
  EXPECT_EQ(AbsoluteBound(ErrorBound::Relative(0.5), 3.0), 1.5f);
  EXPECT_EQ(AbsoluteBound(ErrorBound::Relative(0.5), 0.0), 0.0f);
  EXPECT_EQ(AbsoluteBound(ErrorBound::Lossless(), 3.0), 0.0f);
  EXPECT_EQ(AbsoluteBound(ErrorBound::Absolute(1e300), 0), std::numeric_limits<float>::max());
  EXPECT_EQ(AbsoluteBound(ErrorBound::Absolute(1e-60), 0), 0.0f);
}

TEST(BoundScope, NamesRoundTrip) {
  for (const char* name : {"expert", "tensor", "row"}) {
    EXPECT_EQ(BoundScopeName(ParseBoundScope(name).value()), name);
  }
  EXPECT_FALSE(ParseBoundScope("matrix").has_value());
}

}  // namespace
}  // namespace ebb
