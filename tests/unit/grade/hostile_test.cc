// Outputs that try to exhaust time, stack or memory: all end quickly, and none is right.
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <vector>

#include "grade/grade.h"

namespace ebb {
namespace {

std::string Repeated(const std::string& what, size_t bytes) {
  std::string text;
  text.reserve(bytes + what.size());
  while (text.size() < bytes) text += what;
  return text;
}

// Generous, for sanitizers on a busy machine; what is not bounded takes minutes.
constexpr double kLimitSeconds = 20;

double Seconds(const auto& action) {
  const auto start = std::chrono::steady_clock::now();
  action();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

TEST(HostileTest, OutputsOfAnyShapeAreReadInLinearTime) {
  for (const char* unit : {"(",
                           "{",
                           "\\boxed{",
                           "\\boxed{1}",
                           "{\"answer\":",
                           "{\"answer\": \"a",
                           "####\n",
                           "#",
                           "the answer is ",
                           "1",
                           "1,",
                           "1,111",
                           "$1 $",
                           "$$",
                           "**",
                           "\\(",
                           "<<",
                           "\n",
                           "-",
                           " ",
                           "\\frac{1",
                           "A:\n",
                           "\xFF",
                           "1/",
                           "\\",
                           "1\nQ:",
                           "not ",
                           " $",
                           "answer ",
                           "\\{"}) {
    const std::string output = Repeated(unit, 300000);
    for (const char* gold : {"5", "x^2", "Monday", "C"}) {
      const auto answer = GoldAnswer::FromText(gold);
      ASSERT_TRUE(answer.has_value());
      GradeResult result;
      EXPECT_LT(Seconds([&] { result = answer->Grade(output, AnswerFormat::kBoxed); }),
                kLimitSeconds)
          << unit;
      EXPECT_FALSE(result.equal) << unit;
    }
  }
}

TEST(HostileTest, HugeValuesAreGivenUp) {
  const std::string nines(5000, '9');
  const std::vector<std::pair<std::string, std::string>> pairs = {
      {"10^{9^9}", "10^{9^8}"},
      {"9^9^9^9^9^9", "9^9^9^9^9"},
      {"10^9^9", "1"},
      {"2^{100000000}", "2^{100000001}"},
      {"0^{-1}", "0^{-2}"},
      {"1/0", "2/0"},
      {"1e400", "1e399"},
      {"1e999999", "1e999998"},
      {nines, nines + "8"},
      {"800!!", "801!!"},
      {"1000000!", "1000001!"},
      {R"(\binom{100000}{50000})", R"(\binom{100000}{50001})"},
      {R"(\sin(10^{50}))", R"(\sin(10^{51}))"},
      {R"(\ln(0))", R"(\ln(-1))"},
      {"e^{e^{e^{e^{e}}}}", "e^{e^{e^{e}}}"},
      {Repeated("(", 2000) + "1", Repeated("(", 1999) + "1"},
      {Repeated("\\sqrt{", 3000) + "2", "2"},
      {Repeated("1\\frac{", 3000), "1"},
      {Repeated("\\pm ", 3000) + "1", "1"},
      {Repeated("x=", 3000) + "1", "2"},
      {Repeated("(x+1)^{99}", 3000), Repeated("(x+1)^{98}", 3000)},
      {Repeated("\\sin(x+1)+", 3000) + "1", Repeated("\\sin(x+1)+", 3000) + "2"},
      {Repeated("\\{", 3000), "1"},
      {"0.\\overline{" + std::string(399, '1') + "}",
       "0.\\overline{" + std::string(398, '1') + "2}"},
  };
  for (const auto& [gold, predicted] : pairs) {
    bool equal = true;
    bool self = false;
    const double seconds = Seconds([&, &gold = gold, &predicted = predicted] {
      equal = CompareAnswers(ParseAnswer(gold), ParseAnswer(predicted)).equal;
      self = CompareAnswers(ParseAnswer(gold), ParseAnswer(gold)).equal;
    });
    EXPECT_LT(seconds, kLimitSeconds) << gold.substr(0, 40);
    EXPECT_FALSE(equal) << gold.substr(0, 40);
    EXPECT_TRUE(self) << gold.substr(0, 40);
  }
}

TEST(HostileTest, LongListsAreMatchedWithinTheBudget) {
  std::string list;
  std::string backwards;
  for (int i = 2; i < 190; ++i) {
    list += (i > 2 ? ", " : "") + ("\\sqrt{" + std::to_string(i) + "}");
    backwards = "\\sqrt{" + std::to_string(i) + "}" + (i > 2 ? ", " : "") + backwards;
  }
  EXPECT_LT(Seconds([&] { (void)CompareAnswers(ParseAnswer(list), ParseAnswer(backwards)).equal; }),
            kLimitSeconds);
}

// No tolerance is wide enough to take a near miss for the value.
TEST(HostileTest, NearMissesAreMisses) {
  const auto equal = [](const std::string& a, const std::string& b) {
    return CompareAnswers(ParseAnswer(a), ParseAnswer(b)).equal;
  };
  for (const int digits : {10, 30, 50, 70, 90, 120, 300}) {
    const std::string tiny = "10^{-" + std::to_string(digits) + "}";
    EXPECT_FALSE(equal("1/3", "1/3+" + tiny)) << digits;
    EXPECT_FALSE(equal("x", "x+" + tiny)) << digits;
    EXPECT_FALSE(equal("\\sqrt{2}", "\\sqrt{2}+" + tiny)) << digits;
    EXPECT_FALSE(equal("\\pi", "\\pi+" + tiny + "\\sqrt{3}")) << digits;
    EXPECT_FALSE(equal("1/3", "0." + std::string(static_cast<size_t>(digits), '3'))) << digits;
  }
}

}  // namespace
}  // namespace ebb
