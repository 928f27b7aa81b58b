// Which answer an output commits to, and by which rule it is found.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/file.h"
#include "base/json.h"
#include "grade/grade.h"

namespace ebb {
namespace {

GradeResult GradeText(const std::string& gold, const std::string& output,
                      AnswerFormat format = AnswerFormat::kBoxed) {
  const Result<GoldAnswer> answer = GoldAnswer::FromText(gold);
  EXPECT_TRUE(answer.has_value()) << gold;
  return answer ? answer->Grade(output, format) : GradeResult{};
}

struct Case {
  std::string gold;
  std::string output;
  bool equal;
  bool in_format;    // boxed
  std::string tier;  // empty: any
};

TEST(GradeTest, FindsTheOneCommittedAnswer) {
  const std::vector<Case> cases = {
      {"18", "She makes 9*2 = $18 every day. The answer is 18.", true, false, "clause"},
      {"18", "The answer is $18.", true, false, "clause"},
      {"18", "The answer is $18$ dollars.", true, false, "clause"},
      {"18", R"(The answer is \$18.)", true, false, "clause"},
      {"18", "**Answer:** 18", true, false, "clause"},
      {"18", "## Final Answer\n18", true, false, "clause"},
      {"18", "### Answer:\n\n$$18$$", true, false, "clause"},
      {"18", "Final answer: **18 dollars**", true, false, "clause"},
      {"18", R"(So the final answer is \boxed{18}.)", true, true, "format"},
      {"18", R"(I get \boxed{17}. Wait, redo: \boxed{18}.)", true, true, "format"},
      {"17", R"(I get \boxed{17}. Wait, redo: \boxed{18}.)", false, true, "format"},
      {"18", R"(\boxed{18} and then \boxed{)", true, true, "format"},
      {"18", R"(\boxed{18} and then \boxed{})", true, true, "format"},
      {"18", "#### 18", true, false, "other_format"},
      {"18", R"({"answer": 18})", true, false, "other_format"},
      {"18", "She has 18 eggs and eats 5. So 13 left.", false, false, "last_number"},
      {"13", "She has 18 eggs and eats 5. So 13 left.", true, false, "last_number"},
      {"18", "The answer is 18.\n\nQ: Next one has 5 dogs?\nA: The answer is 7.", true, false,
       "clause"},
      {"18", "It is 18.\n\nQuestion: Next has 5 dogs?\n7", true, false, "last_number"},
      {"18", "\\boxed{18}\n\nQuestion: foo?\n\\boxed{7}", true, true, "format"},
      {"18", "Question: How many?\nAnswer: 18", true, false, "clause"},
      {"-5", "The answer is -5.", true, false, "clause"},
      {"5", "The answer is -5.", false, false, "clause"},
      {"5", "The answer is negative 5.", false, false, "clause"},
      {"-5", "The answer is negative 5.", true, false, "clause"},
      {"5", "10 - 5", true, false, "whole"},
      {"5", "we have 10 -5", true, false, "last_number"},
      {"5", "It is -5", false, false, "last_number"},
      {"5", "It is −5", false, false, "last_number"},
      {"5", "The answer is not 5.", false, false, ""},
      {"5", "It isn't 5.", false, false, ""},
      {"6", "The answer is not 5 but 6.", true, false, "last_number"},
      {"5", "The answer is 6, not 5.", false, false, "clause"},
      {"5", "The answer is 5 and 6", false, false, "clause"},
      {"5", "The answer is 5 or 6", false, false, "clause"},
      {"5", "The answer is 5 to 6", false, false, "clause"},
      {"2", "The answer is 2 hours and 30 minutes.", false, false, "clause"},
      {"2", "The answer is 2 and a half", false, false, "clause"},
      {"2.5", "The answer is 2 1/2 hours", true, false, "clause"},
      {"5000000", "The answer is 5 million.", true, false, "clause"},
      {"5", "The answer is 5 million.", false, false, "clause"},
      {"5", "The answer is 5th", false, false, ""},
      {"30", "They meet at 5:30", false, false, "last_number"},
      {"3", "1. First do 3.\n2. Then", true, false, "last_number"},
      {"12", "The answer is twelve.", true, false, "clause"},
      {"12", "The answer is 3 * 4 = 12 eggs", true, false, "clause"},
      {"18", "The answer is 18 (9 * 2).", true, false, "clause"},
      {"1234", "The answer is 1,234 apples.", true, false, "clause"},
      {"1234.5", "So it is $1,234.50.", true, false, "last_number"},
      {"25", "That is 25% of it.", true, false, "last_number"},
      {"0.25", "That is 25% of it.", false, false, "last_number"},
      {"3/4", "So she ate 3/4 of it.", true, false, "last_number"},
      {"4", "So she ate 3/4 of it.", false, false, "last_number"},
      {"3/4", R"(So $\frac{3}{4}$.)", true, false, "final_math"},
      {"x^2+1", "Thus we find\n\n$$f(x) = x^2+1$$", true, false, "final_math"},
      {"x^2+1", "The final answer is $x^2 + 1$. I hope it is correct.", true, false, "clause"},
      {"[0,1)", R"(Therefore the solution is $x \in [0,1)$.)", true, false, "final_math"},
      {"[0,1)", "Therefore the solution is $[0,1]$.", false, false, "final_math"},
      {"2,3", "The answer is $2$ and $3$.", true, false, "clause"},
      {"2,3", R"(\boxed{2} and \boxed{3})", true, true, "format"},
      {"3", R"(\boxed{2} and \boxed{3})", false, true, "format"},
      {"4", "\\boxed{4}\n\\boxed{4}\n\\boxed{4}", true, true, "format"},
      {"Monday", "The answer is Monday.", true, false, "clause"},
      {"Monday", R"(\boxed{\text{Monday}})", true, true, "format"},
      {"Evelyn", "It must be **Evelyn**.", true, false, "final_math"},
      {"(3,4)", "so the point is $(3,4)$", true, false, "final_math"},
      {"(3,4)", "The answer is (3, 4).", true, false, "clause"},
      {"C", "The answer is (C).", true, false, "clause"},
      {"C", "The answer is C: 15", true, false, "clause"},
      {"C", R"(\boxed{\textbf{(C)}\ 15})", true, true, "format"},
      {"B", R"(\boxed{C})", false, true, "format"},
      {"5", R"(<think>maybe \boxed{7}</think>\boxed{5})", true, true, "format"},
      {"5", R"(\boxed{5}<|im_end|> \boxed{6})", true, true, "format"},
      {"5", "boxed{5}", true, false, ""},
      {"5", "", false, false, "none"},
      {"5", "no idea", false, false, "none"},
      {"9", "\\boxed{N}\nThe answer is 9.", true, false, "clause"},
      {"10", "Answer: She has $10 left after 3 days.", true, false, "clause"},
      {"18", "A: 18\n", true, false, "clause"},
      {"5", R"(\boxed{5 apples})", true, true, "format"},
      {"5", R"(\boxed{x = 5})", true, true, "format"},
      {"7", "The sum is $3+4$, i.e. $7$.", true, false, "final_math"},
      {"16", "x = 2 gives x^4 = 16", true, false, "last_number"},
      {"5", "5 apples", true, false, "whole"},
      {"109200000", "$109.2 million", true, false, ""},
      {"20", "He pays $5 and $10 and in total $20.", true, false, "last_number"},
      {"6", "the answer is 6 < 7", false, false, ""},
      {"70", "It increased to 70 000", false, false, ""},
      {"5", "Let x=5. We know $x$ is the number.", true, false, "last_number"},
      {"3", R"(The answer is $\frac{6}{2}$)", true, false, "clause"},
      {"-3", R"(The answer is $-\frac{6}{2}$)", true, false, "clause"},
      {"1/2", R"(**Probability = \(\frac{1}{2}\)**)", true, false, ""},
      {"40", "Answer: 40\n\nExplanation: 5 * 8 = 40, so 8 groups of 5", true, false, "clause"},
      {"5", R"(The answer is: \[5\])", true, false, "clause"},
      {"5", "\\[\n\\boxed{5}\n\\]", true, true, "format"},
      {"36", "The answer is 36 since 6*6=36", true, false, "clause"},
      {"2", "So the answer is $2$, because $3-1=2$ and not $4$.", true, false, "clause"},
      {"60", "Therefore, 60% of them", true, false, "last_number"},
      {"12", "Her age is 12 years.", true, false, "last_number"},
      {"5", "5 - 3 of", false, false, ""},
      {"5/6", R"(\boxed{5/6 \text{ of the cake}})", true, true, "format"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.gold + "  |  " + c.output);
    const GradeResult result = GradeText(c.gold, c.output);
    EXPECT_EQ(result.equal, c.equal) << result.extracted;
    EXPECT_EQ(result.in_format, c.in_format);
    EXPECT_EQ(result.ica, c.equal && c.in_format);
    if (!c.tier.empty()) {
      EXPECT_EQ(ExtractionTierName(result.tier), c.tier);
    }
  }
}

TEST(GradeTest, KeepsWhatBelongsToANumberInProse) {
  const auto extracted = [](const char* output) { return GradeText("7", output).extracted; };
  EXPECT_EQ(extracted("The answer is 5 cents."), "5 cents");
  EXPECT_EQ(extracted("The answer is 12 feet and 3 inches."), "12 feet and 3 inches");
  EXPECT_EQ(extracted("It takes 5 and a half hours"), "5 and a half");
  EXPECT_EQ(extracted("It is 3 quarters full"), "3 quarters");
  EXPECT_EQ(extracted("It costs 2.5 million dollars"), "2.5 million dollars");
  EXPECT_EQ(extracted("It weighs 5kg"), "5kg");
  EXPECT_EQ(extracted("There are 5 in total"), "5");
  EXPECT_EQ(extracted("see x2, 3D, the 4th and a_5"), "");
  EXPECT_EQ(extracted("born on 12/03/2020"), "");
  EXPECT_EQ(extracted("so forty-two? No: 41"), "41");
  EXPECT_EQ(extracted("The answer is forty-two."), "forty-two");
}

TEST(GradeTest, AsksForTheFormat) {
  const char* outputs[] = {"so \\boxed{18}", "so\n#### 18", "so\n{\"answer\": 18}"};
  for (int wrote = 0; wrote < 3; ++wrote) {
    for (int asked = 0; asked < 3; ++asked) {
      const GradeResult result = GradeText("18", outputs[wrote], static_cast<AnswerFormat>(asked));
      EXPECT_TRUE(result.equal);
      EXPECT_EQ(result.in_format, wrote == asked);
      EXPECT_EQ(result.ica, wrote == asked);
      EXPECT_EQ(result.tier,
                wrote == asked ? ExtractionTier::kFormat : ExtractionTier::kOtherFormat);
    }
  }
}

TEST(GradeTest, TheAskedFormatComesBeforeAnother) {
  const std::string output = "\\boxed{1}\n#### 2\n{\"answer\": 3}\nThe answer is 4.";
  EXPECT_EQ(GradeText("9", output, AnswerFormat::kBoxed).extracted, "1");
  EXPECT_EQ(GradeText("9", output, AnswerFormat::kHash).extracted, "2");
  EXPECT_EQ(GradeText("9", output, AnswerFormat::kJson).extracted, "3");
}

TEST(GradeTest, HashNeedsFourHashesAndAnAnswer) {
  const auto in_format = [](const char* output) {
    return GradeText("18", output, AnswerFormat::kHash).in_format;
  };
  EXPECT_TRUE(in_format("#### 18"));
  EXPECT_TRUE(in_format("####18"));
  EXPECT_TRUE(in_format("so #### $18 dollars"));
  EXPECT_TRUE(in_format("#### 18\n####"));
  EXPECT_FALSE(in_format("### 18"));
  EXPECT_FALSE(in_format("##### 18"));
  EXPECT_FALSE(in_format("#### Step 3: add them"));
  EXPECT_FALSE(in_format("#### N"));
}

TEST(GradeTest, JsonIsParsedAsJson) {
  const auto extracted = [](const char* output) {
    const GradeResult result = GradeText("18", output, AnswerFormat::kJson);
    return result.in_format ? result.extracted : std::string("not in the format");
  };
  EXPECT_EQ(extracted(R"({"answer": 18})"), "18");
  EXPECT_EQ(extracted(R"(```json {"steps": ["a", {"b": 1}], "answer": 18.50} ```)"), "18.50");
  EXPECT_EQ(extracted(R"({"answer": "1/2"})"), "1/2");
  EXPECT_EQ(extracted(R"({"answer": 1} {"answer": 2})"), "2");
  EXPECT_EQ(extracted(R"({"answer": 123456789012345678901234567890})"),
            "123456789012345678901234567890");
  EXPECT_EQ(extracted(R"({"note": "}", "answer": 7})"), "7");
  EXPECT_EQ(extracted(R"({"answer": [18]})"), "not in the format");
  EXPECT_EQ(extracted(R"({"answer": null})"), "not in the format");
  EXPECT_EQ(extracted(R"({'answer': 18})"), "not in the format");
  EXPECT_EQ(extracted(R"({"answer": 18)"), "not in the format");
  EXPECT_EQ(extracted(R"({"result": {"answer": 18}, "x": 1})"), "18");
}

TEST(GradeTest, GoldAnswersComeFromSolutions) {
  const auto gold = [](const char* text) { return GoldAnswer::FromText(text)->text(); };
  EXPECT_EQ(gold("She has 3 + 4 = <<3+4=7>>7.\n#### 1,234"), "1,234");
  EXPECT_EQ(gold(R"(Hence $x = \boxed{\frac{1}{2}}$.)"), R"(\frac{1}{2})");
  EXPECT_EQ(gold("18"), "18");
  EXPECT_EQ(gold(R"(\boxed{2} and \boxed{3})"), "2, 3");
  for (const char* empty : {"", " \n", "...", "$$"}) {
    const auto none = GoldAnswer::FromText(empty);
    ASSERT_FALSE(none.has_value()) << empty;
    EXPECT_EQ(none.error().code, ErrorCode::kInvalidArgument);
  }
}

TEST(GradeTest, ChoicesAreLetters) {
  EXPECT_TRUE(GradeText("C", "thinking about it I think the correct answer is C").equal);
  EXPECT_TRUE(GradeText("B", "It's not A because of that, therefore I think it's B").equal);
  EXPECT_TRUE(GradeText("(D) Alina", "D. it can't be A or B").equal);
  EXPECT_FALSE(GradeText("(A) Cecile", "C").equal);
  EXPECT_FALSE(GradeText("A", "It is not A.").equal);
  EXPECT_FALSE(GradeText("A", "A triangle has three sides").equal);
}

TEST(GradeTest, TheShippedTasksSolutionsAreRightInTheirFormats) {
  const auto text =
      ReadTextFile(std::string(EBB_SOURCE_DIR) + "/models/ebb-arith/heldout.jsonl", 1 << 22);
  ASSERT_TRUE(text.has_value());
  size_t items = 0;
  for (size_t start = 0; start < text->size(); ++items) {
    const size_t end = std::min(text->find('\n', start), text->size());
    const auto row = ParseJson(std::string_view(*text).substr(start, end - start), "heldout");
    ASSERT_TRUE(row.has_value());
    start = end + 1;
    const auto format = AnswerFormatFromName((*row)["format"].get<std::string>());
    ASSERT_TRUE(format.has_value());
    const std::string gold = (*row)["answer"].dump();
    const std::string solution = (*row)["solution"];
    EXPECT_TRUE(GradeText(gold, solution, *format).ica) << solution;
    EXPECT_FALSE(GradeText(gold + "0", solution, *format).equal) << solution;
    EXPECT_FALSE(GradeText("-" + gold, solution, *format).equal) << solution;
  }
  EXPECT_EQ(items, 500u);
}

}  // namespace
}  // namespace ebb
