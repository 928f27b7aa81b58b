// Outputs with their gold answers, all of them right or all wrong.
#pragma once

#include <gtest/gtest.h>

#include <vector>

#include "grade/grade.h"

namespace ebb {

struct Pair {
  const char* gold;
  const char* output;
};

inline void Judge(const std::vector<Pair>& pairs, bool right) {
  for (const Pair& pair : pairs) {
    const Result<GoldAnswer> gold = GoldAnswer::FromText(pair.gold);
    ASSERT_TRUE(gold.has_value()) << pair.gold;
    const GradeResult result = gold->Grade(pair.output, AnswerFormat::kBoxed);
    EXPECT_EQ(result.equal, right)
        << pair.gold << "  |  " << pair.output << "  |  " << result.extracted;
  }
}

}  // namespace ebb
