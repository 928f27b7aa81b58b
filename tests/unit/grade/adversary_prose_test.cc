// Wrong answers in prose that look right, and right ones that look odd.
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "grade/grade.h"

namespace ebb {
namespace {

struct Pair {
  const char* gold;
  const char* answer;
};

GradeResult GradeText(const std::string& gold, const std::string& output,
                      AnswerFormat format = AnswerFormat::kBoxed) {
  const Result<GoldAnswer> answer = GoldAnswer::FromText(gold);
  EXPECT_TRUE(answer.has_value()) << gold;
  return answer ? answer->Grade(output, format) : GradeResult{};
}

const std::vector<Pair>& WrongInProse() {
  static const std::vector<Pair> pairs = {
      {"2", "The answer is two hundred."},
      {"1", "The answer is one hundred."},
      {"1", "The answer is one half."},
      {"2", "The answer is two thirds."},
      {"20", "The answer is twenty five."},
      {"5", "The answer is 5x+3."},
      {"5", "The answer is 5 x."},
      {"2", "The answer is 2^n."},
      {"2", "The answer is 2pi."},
      {"2", "The answer is 2 pi."},
      {"7", "The answer is 7i."},
      {"3", "The answer is 3 + 4i."},
      {"7", "The answer is 3 + 4i."},
      {"5", "The answer is 5 x 10^3."},
      {"3", "The answer is 3 x 4 = 12."},
      {"1/2", "The answer is 1/2 x."},
      {"5", "The answer is 5 plus 6."},
      {"5", "The answer is 5 times 6."},
      {"5", "The answer is 5 times x."},
      {"20", "The answer is 20 minus 5, which is 15."},
      {"3", "The answer is 3 out of 4."},
      {"1", "The answer is 1 in 4."},
      {"1", "The answer is one in four."},
      {"5", "The answer is 5 less than 10"},
      {"5", "The answer is 5 squared."},
      {"5", "The answer is 5 hundreds."},
      {"5", "The answer is 5 with a remainder of 3."},
      {"5", "The answer is 5 apples and 6 oranges."},
      {"5", "The answer is 5 or six."},
      {"5", "The answer is 5 or more."},
      {"5", "The answer is 5, or 6."},
      {"5", "The answer is 5 in base 7."},
      {"5", "The answer is 5 below zero."},
      {"5", "Answer: She has $5 million left after 3 days."},
      {"(3,4)", "The answer is (3,4) and (5,6)."},
      {"(3,4)", "The answer is $(3,4)$ and $(5,6)$."},
      {R"(\sqrt{2})", "The answer is sqrt(2) or -sqrt(2)."},
      {R"(\sqrt{2})", R"(The answer is $\sqrt2$ or $-\sqrt2$.)"},
      {"x+1", "The answer is x+1 or x-1."},
      {R"(\pi)", R"(The answer is \pi squared.)"},
      {"2.5", "The answer is $2.5$ million."},
      {"5", "The answer is $5$ or 6."},
      {"5", "The answer is $5$ times $6$."},
      {"5", "The answer is $5$ and a half."},
      {"5", "The answer is **5** million."},
      {"5", "The answer is **5** or **6**."},
      {"5", "The answer is $5$x."},
      {"5", "The answer is -$5$."},
      // Signs.
      {"5", "The answer is –5."},
      {"5", "It is –5."},
      {"5", "Thus x = - 5."},
      {"1/2", R"(Thus x = - \frac{1}{2}.)"},
      {"5", "It is – 5."},
      {"5", "So it is -$5$."},
      {"5", "The answer is minus 5."},
      {"5", "The answer is negative five."},
      // Cues that commit to nothing.
      {"7", "To find the answer, we compute 3 + 4 = 7. Then 7 * 2 = 14. So Tom has 14."},
      {"5", "Let's answer the question step by step: 5 apples are eaten, so 9 are left."},
      {"5", "The answer depends on whether x is 5 or not."},
      {"5", "The answer cannot be 5."},
      {"5", "The answer can't be 5."},
      {"5", "The answer is not equal to 5."},
      {"5", "The answer is not $5$."},
      {"5", "It is not $5$."},
      {"5", "The answer isn't 5."},
      {"5", "The answer will never be 5."},
      {"5", "The answer is more than 5."},
      {"5", "The answer is at least 5."},
      {"6", "The answer is between 5 and 6."},
      {"5", "答案不是5"},
      // Choices.
      {"B", "The answer is A because B is wrong."},
      {"A", "The answer is A or B."},
      {"B", "The answer is A or B."},
      {"B", "The answer is B or C."},
      {"C", "The answer is B or C."},
      {"B", "The answer is either B or C."},
      {"C", "The answer is either B or C."},
      {"B", "The answer is B and D."},
      {"D", "The answer is B and D."},
      {"C", "It is B or C."},
      {"C", "I think it is (B) or (C)."},
      {"C", "The answer is $B$ or $C$."},
      // What follows the answer is another question's.
      {"7", "The answer is 18.\n\nQ2: And then?\nA2: The answer is 7."},
      {"7", "The answer is 18.\n\n## Question 2\nThe answer is 7."},
      {"7", "The answer is 18.\n\nExercise 2: Add.\nThe answer is 7."},
      {"7", "The answer is 18.\n\nExample 2: Add.\nThe answer is 7."},
      {"7", "The answer is 18.\n\n### User\nAdd.\nThe answer is 7."},
      {"7", "The answer is 18.\n\n[INST] Add. [/INST]\nThe answer is 7."},
      {"Tuesday", "It is Monday.\n\nQuestion: What day?\nAnswer: Tuesday"},
      {"C", "(B)\n\nQuestion: Which?\nAnswer: (C)"},
      // The last mathematics.
      {"5", "Therefore the solutions are $x=3$ and $x=5$."},
      {R"(-\sqrt2)", R"(So $x=\sqrt2$ or $x=-\sqrt2$.)"},
      {R"(-\sqrt2)", R"(So $x=\sqrt2$, $x=-\sqrt2$.)"},
      {"5", "So it is $5$ million."},
      {"5", "So it is **5** million."},
      {"5", "So it is **3** or **5**."},
      // The last number.
      {"2", "It is √2."},
      {"2", R"(Thus x = \sqrt{2}.)"},
      {"5", "It is 5 x 10^3."},
      {"3", "It is 5 x 10^3."},
      {"3", "It is 3⅛."},
      {"10", "It is 10⁻³."},
      {"2", "It is 2π."},
      {"5", "It costs 5万元"},
      {"$5", "It costs €5."},
      {"6", "It is 5 or 6."},
      {"4", "It is 3 + 4."},
      {"3", "She had 3. So it is 10^3."},
      {"3", "She had 3. So it is 2x."},
      {"5", "So x > 5."},
      {"30", "It takes 2 hours and 30 minutes."},
      // Signs that look like special tokens.
      {"0", R"(Since 0<|x-2|<1 we get \boxed{5})"},
  };
  return pairs;
}

const std::vector<Pair>& RightInProse() {
  static const std::vector<Pair> pairs = {
      {"5", "The answer is 5 apples."},
      {"5", "So $x=5$."},
      {"5", "The answer is 5."},
      {"5", "The answer is 5, because 2 + 3 = 5."},
      {"5", "The answer is 5 since 2 and 3 make 5."},
      {"5", "The answer is 5 dollars."},
      {"5", "The answer is 5 dollars and nothing else."},
      {"5", "The answer is 5 days."},
      {"5", "The answer is 5 times."},
      {"5", "The answer is 5 m."},
      {"5", "The answer is 5 a day."},
      {"5", "The answer is 5 (2 + 3)."},
      {"5", "The answer is 5 in total."},
      {"5", "The answer is 5, and we are done."},
      {"5", "The answer is 5 - this is because 2 + 3 = 5."},
      {"5", "The answer is **5**."},
      {"5", "The answer is **5** apples."},
      {"5", "The answer is $5$ apples."},
      {"5", "The answer is: $$5$$"},
      {"5", "The final answer is x = 5."},
      {"5", "The answer to the question is 5."},
      {"5", "The correct answer would be 5."},
      {"5", "The answer must be 5."},
      {"5", "The answer to how many apples she has is 5."},
      {"5", "Answer: 5"},
      {"5", "**Answer**: 5"},
      {"5", "Answer (in dollars): 5"},
      {"5", "答案是5"},
      {"5", "答案：5"},
      {"-5", "The answer is -5."},
      {"-5", "The answer is –5."},
      {"-5", "The answer is minus 5."},
      {"-5", "Thus x = - 5."},
      {"-1/2", R"(Thus x = - \frac{1}{2}.)"},
      {"-5", "So it is -$5$."},
      {"200", "The answer is two hundred."},
      {"200", "The answer is two hundred apples."},
      {"1/2", "The answer is one half."},
      {"25", "The answer is twenty five."},
      {"5x+3", "The answer is 5x+3."},
      {R"(2\pi)", "The answer is 2π."},
      {"3+4i", "The answer is 3 + 4i."},
      {"12", "The answer is 3 x 4 = 12."},
      {"5000", "The answer is 5 x 10^3."},
      {"5000", "It is 5 x 10^3."},
      {"2500000", "The answer is $2.5$ million."},
      {"5000000", "The answer is **5** million."},
      {"5000000", "So it is $5$ million."},
      {"(3,4),(5,6)", "The answer is (3,4) and (5,6)."},
      {R"(\pm\sqrt{2})", "The answer is sqrt(2) or -sqrt(2)."},
      {"3,5", "Therefore the solutions are $x=3$ and $x=5$."},
      {"14", "To find the answer, we compute 3 + 4 = 7. Then 7 * 2 = 14. So Tom has 14."},
      {"9", "Let's answer the question step by step: 5 apples are eaten, so 9 are left."},
      {"6", "The answer is not 5 but 6."},
      {"6", "The answer cannot be 5. It is 6."},
      {"A", "The answer is A because B is wrong."},
      {"A", "The answer is A."},
      {"B", "The answer is (B) and not (C)."},
      {"B", "The answer is option B, not A or C."},
      {"C", "I think it is C."},
      {"18", "The answer is 18.\n\nQ2: And then?\nA2: The answer is 7."},
      {"Monday", "It is **Monday**.\n\nQuestion: What day?\nAnswer: Tuesday"},
      {"5", R"(Since 0<|x-2|<1 we get \boxed{5})"},
      {"5", "The answer is 5<|im_end|>"},
      {"5", "The answer is 5<|im_e"},
      {R"(\sqrt2)", "It is √2."},
      {R"(\sqrt2)", R"(Thus x = \sqrt{2}.)"},
      {R"(2\pi)", "It is 2π."},
      {"25/8", "It is 3⅛."},
      {"7", "It is 3 + 4."},
      {"$5", "So she pays $5."},
      {"€5", "It costs €5."},
      {"13", "She has 13 apples left."},
      {"13", "So 16 - 3 = 13."},
      {"13", "She sells 16 - 3 = 13 eggs a day."},
  };
  return pairs;
}

TEST(AdversaryProseTest, RefusesWrongProse) {
  for (const Pair& pair : WrongInProse()) {
    const GradeResult result = GradeText(pair.gold, pair.answer);
    EXPECT_FALSE(result.equal) << pair.gold << "  |  " << pair.answer << "  |  "
                               << result.extracted;
  }
}

TEST(AdversaryProseTest, AcceptsRightProse) {
  for (const Pair& pair : RightInProse()) {
    const GradeResult result = GradeText(pair.gold, pair.answer);
    EXPECT_TRUE(result.equal) << pair.gold << "  |  " << pair.answer << "  |  " << result.extracted;
  }
}

TEST(AdversaryProseTest, TheLastHashDecides) {
  const auto hash = [](const char* gold, const char* output) {
    return GradeText(gold, output, AnswerFormat::kHash).equal;
  };
  EXPECT_FALSE(hash("17", "#### 17\nWait, redo.\n#### So it is 18"));
  EXPECT_TRUE(hash("18", "#### Step 1\n#### 18"));
  EXPECT_TRUE(hash("18", "#### 18\n#### Step 2"));
  EXPECT_TRUE(hash("18", "#### 18\n#### Check:\n"));
}

TEST(AdversaryProseTest, GoldBoxesOfEverySpellingAreFound) {
  const auto gold = [](const char* text) { return GoldAnswer::FromText(text)->text(); };
  EXPECT_EQ(gold(R"(Hence $x = \boxed 5$.)"), "5");
  EXPECT_EQ(gold(R"(Hence $x = \fbox{5}$.)"), "5");
  EXPECT_EQ(gold(R"(First \boxed{3}, then \fbox{5}.)"), "5");
  const auto none = GoldAnswer::FromText(
      "First we add the two numbers. Then we multiply the sum by three and get 15 apples.");
  ASSERT_FALSE(none.has_value());
  EXPECT_EQ(none.error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(gold("10:45 a.m."), "10:45 a.m.");
  EXPECT_EQ(gold("St. Louis"), "St. Louis");
}

}  // namespace
}  // namespace ebb
