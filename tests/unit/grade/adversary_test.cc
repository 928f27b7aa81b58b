// Wrong answers that look right, and right ones that look odd: what careless grading gets wrong.
#include <fmt/format.h>
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

bool Boxed(const std::string& gold, const std::string& answer) {
  return GradeText(gold, fmt::format("\\boxed{{{}}}", answer)).ica;
}

const std::vector<Pair>& WrongInTheBox() {
  static const std::vector<Pair> pairs = {
      // Numbers side by side are no product.
      {"10", "2 5"},
      {"2", "1 2"},
      {"5", R"(1 \quad 5)"},
      {"24", "2 3 4"},
      {"30", R"(5 \& 6)"},
      {"3/2", "3 1 / 2"},
      {"0", "70 000"},
      {"70", "70 000"},
      {"0", "1.000.000"},
      {"1", "1.000.000"},
      {"0.36", "1.2.3"},
      {"6", R"(\frac{1}{2} 12)"},
      {"0", "0x1F"},
      {"0", "0b101"},
      {"0", "0o17"},
      {"0.6", "0.1(6)"},
      {"0.1", "0.1(6)"},
      {"2x", "x2"},
      {R"(\sqrt3)", "√12.5"},
      {R"(5\sqrt{12})", "√12.5"},
      {R"(3\sqrt2)", "sqrt23"},
      {"x^{5/2}", R"(x^2\frac{1}{2})"},
      {"0.2", "2e-1"},
      {"1,234", "1, 234"},
      {"(1,2),(-1,-2)", R"((\pm1,\pm2))"},
      {"AB", "ab"},
      {"Aa", "aa"},
      {"1", R"(\tanh(100))"},
      {"1", R"(\cos(10^{-45}))"},
      {"1", R"(\cos(2\pi+10^{-45}))"},
      {"1", R"(\cosh(10^{-45}))"},
      // Words that change a number.
      {"5", "5 hundreds"},
      {"5", "5 thousands"},
      {"5", "5 millions"},
      {"5", "5 dozens"},
      {"5", "5 tens"},
      {"5", "5 twelfths"},
      {"5", "5 sixteenths"},
      {"5", "5 twenty-fifths"},
      {"7", "seven twelfths"},
      {"20", "twenty five"},
      {"100", "one hundred twenty"},
      {"1000", "one thousand two hundred"},
      {"5", "five point five"},
      {"1", "one in four"},
      {"5", "5 below zero"},
      {"5", R"(5\text{x})"},
      {"5", R"(\$5\text{M})"},
      {"5", R"(5\text{K})"},
      {"5", R"(5\text{ bn})"},
      {"5", R"(5\text{ lakh})"},
      {"5", R"(5\text{ quadrillion})"},
      {"5", R"(5\text{ pi})"},
      {"0.3", R"(0.3\text{ repeating})"},
      {"1011", R"(1011\text{ in binary})"},
      {"11", R"(11\text{ hex})"},
      {"3", R"(3\text{ out of } 4)"},
      {"5", "5 doubled"},
      // Signs that are not ASCII.
      {"3", "3⅛"},
      {"10", "10⁻³"},
      {"2", "2ⁿ"},
      {"1011", "1011₂"},
      {"5", "5百"},
      {"5", "5万"},
      {"5", "5万元"},
      {"$5", "5¢"},
      {"5", "5‰"},
      {"5", "5٠"},
      {"3", "3∛8"},
      // Names.
      {"5", "-x = 5"},
      {"5", "-AB=5"},
      {"[0,1]", R"(-x \in [0,1])"},
      {"(x-1)(x+2)=0", "0"},
      {"(x+y)(x-y)=5", "5"},
      {"xy=6", "6"},
      {R"(\sin(2x)=1)", "1"},
      {R"(\log x=1)", "1"},
      {"10", "(2x) = 10"},
      {"10", "(x-3) = 10"},
      {"6", "x(x+1) = 6"},
      {"5", "x^{-1}=5"},
      {"(1,2)", "(y,x)=(1,2)"},
      {"(y,x)=(1,2)", "(1,2)"},
      // A choice of two.
      {"C", "(C) or (D)"},
      {"C", "C. or D"},
      {"C", "C and D"},
      {"C", "C, D"},
      {"C", "(C) (D)"},
      {"C", R"(\text{(C) and (D)})"},
      {"C", "(C) is wrong"},
      // Roundings.
      {"6", R"(5 \approx 6)"},
      {"5", R"(4 \approx 5)"},
      {"2", R"(1.4 \approx 2)"},
      {"3.4", R"(\frac{10}{3} \approx 3.4)"},
      {"0", R"(0.4 \approx 0)"},
      {"1500", R"(1.6 \approx 1.5e3)"},
      // Order.
      {"(1;2)", "(2;1)"},
      {"[1;2]", "[2;1]"},
      {"1,2", "(2;1)"},
      {"(1,2)", "(2;1)"},
      // Currencies and units.
      {"$5", "€5"},
      {"$5", "¥5"},
      {"$5", "£5"},
      {"€5", "$5"},
      {R"(\$5)", R"(5\text{ euros})"},
      {"60 km/h", "60 mph"},
      {"60 mph", "60 km/h"},
      {"-90%", R"(-90^\circ)"},
      {"90%", R"(90^\circ)"},
      {"5 m", R"(5\text{ m/s}^2\text{ x})"},
  };
  return pairs;
}

const std::vector<Pair>& RightInTheBox() {
  static const std::vector<Pair> pairs = {
      {"5", R"(5\text{ cm})"},
      {"5", "5 dollars"},
      {"-5", "-5"},
      {"-5", "–5"},
      {"1/1000", "10^{-3}"},
      {"10^{-3}", "0.001"},
      {"10^{-3}", "10⁻³"},
      {"10^{12}", "10¹²"},
      {"2x", "2x"},
      {"2x", "2 x"},
      {R"(3\pi)", "3π"},
      {R"(3\pi)", R"(\pi \cdot 3)"},
      {"[0,1]", R"(x \in [0,1])"},
      {"2x+1", "f(x) = 2x+1"},
      {"f(x) = 2x+1", "2x+1"},
      {"3.5", R"(3\frac12)"},
      {"3/2", "1 1/2"},
      {"25/8", "3⅛"},
      {"5/2", R"(2\frac12)"},
      {"6", "(2)(3)"},
      {"6", "2(3)"},
      {"6", R"(\frac{1}{2}(12))"},
      {"500", "5 hundred"},
      {"500", "5 hundreds"},
      {"5000000", "$5 million"},
      {"60", "5 dozens"},
      {"25", "twenty-five"},
      {"25", "twenty five"},
      {"120", "one hundred twenty"},
      {"120", "one hundred and twenty"},
      {"1200", "one thousand two hundred"},
      {"1234567", "one million two hundred thirty-four thousand five hundred and sixty-seven"},
      {"2/3", "two thirds"},
      {"1/2", "one half"},
      {"12", "twelve eggs"},
      {"5", "5 apples"},
      {"5", "5 red apples"},
      {"5", R"(5\text{ months})"},
      {"5", R"(5\text{ teeth})"},
      {"5", R"(5\text{ points})"},
      {"5", R"(5\text{ g})"},
      {"5", R"(5\text{ L})"},
      {"20", R"(20^\circ\text{C})"},
      {"5", "5页"},
      {"5", "5 años"},
      {"5 cents", "5¢"},
      {"€5", "€5"},
      {"€5", "5 euros"},
      {R"(5\text{ euros})", "€5"},
      {"£5", "5 pounds"},
      {"60 mph", "60 miles per hour"},
      {"60 km/h", "60 kilometers per hour"},
      {"$5", "$5 per hour"},
      {"$5", "5 dollars per hour"},
      {"60", "60 mph"},
      {R"(-90^\circ)", "-90"},
      {"AB=5", "5"},
      {"5", "AB = 5"},
      {"5", R"(\overline{AB} = 5)"},
      {"24", "[ABC] = 24"},
      {"1/4", R"(P(A) = \frac14)"},
      {"10", "f(3) = 10"},
      {"3", "f^{-1}(10) = 3"},
      {"5", "x_1 = 5"},
      {"5", R"(\text{Area} = 5)"},
      {"5", "total cost = 5"},
      {"6", R"(\gcd(12, 18) = 6)"},
      {"(1,2)", "(x,y)=(1,2)"},
      {"(1,2)", R"((r,\theta)=(1,2))"},
      {"(1,2)", "(1;2)"},
      {"10/3", R"(\frac{10}{3} \approx 3.33)"},
      {"3.33", R"(\frac{10}{3} \approx 3.33)"},
      {"3.3", R"(\frac{10}{3} \approx 3.3)"},
      {"0.66", R"(\frac23 \approx 0.66)"},
      {"3", R"(\frac{10}{3} \approx 3)"},
      {R"(\sqrt{12.5})", "√12.5"},
      {"1500", "1.5e3"},
      {"1500", "1.5E3"},
      {"1000000", "1e6"},
      {"2x_1", "2x₁"},
      {"1011_2", "1011₂"},
      {"YES", "yes"},
      {"Paris", "paris"},
      {"C", "(C)"},
      {"C", "C."},
      {"C", "(C) Cecile"},
      {"C", R"(\textbf{(C) } 15)"},
      {"1", R"(\tan 45^\circ)"},
      {"1", R"(\sin(\pi/2))"},
      {"-1", R"(\cos\pi)"},
      {R"(\frac{1}{1+e^{-2}})", R"(\frac{e^2}{e^2+1})"},
  };
  return pairs;
}

TEST(AdversaryTest, RefusesWrongBoxes) {
  for (const Pair& pair : WrongInTheBox()) {
    EXPECT_FALSE(Boxed(pair.gold, pair.answer)) << pair.gold << "  |  " << pair.answer;
  }
}

TEST(AdversaryTest, AcceptsRightBoxes) {
  for (const Pair& pair : RightInTheBox()) {
    EXPECT_TRUE(Boxed(pair.gold, pair.answer)) << pair.gold << "  |  " << pair.answer;
  }
}

TEST(AdversaryTest, EveryGoldEqualsItself) {
  for (const auto* pairs : {&WrongInTheBox(), &RightInTheBox()}) {
    for (const Pair& pair : *pairs) {
      EXPECT_TRUE(Boxed(pair.gold, pair.gold)) << pair.gold;
      const Answer answer = ParseAnswer(pair.answer);
      EXPECT_TRUE(CompareAnswers(answer, ParseAnswer(pair.answer)).equal) << pair.answer;
    }
  }
}

// (a) A space in or between the numbers of an answer: never their product, nor what it was.
TEST(AdversaryTest, NoSpaceMultipliesNumbers) {
  for (const char* first : {"2", "3", "12", "0.5", "40", R"(\frac{1}{2})", "x^2", R"(\sqrt{4})"}) {
    for (const char* second : {"5", "12", "0.5", "07", ".5"}) {
      for (const char* space : {" ", "  ", R"(\ )", R"(\quad )", R"(\;)", "~", R"(\&)"}) {
        const std::string joined = fmt::format("{}{}{}", first, space, second);
        const std::string product = fmt::format("{}*{}", first, second);
        EXPECT_FALSE(Boxed(product, joined)) << joined;
        EXPECT_FALSE(Boxed(first, joined)) << joined;
        EXPECT_FALSE(Boxed(second, joined)) << joined;
        EXPECT_TRUE(Boxed(joined, joined)) << joined;
      }
    }
  }
  for (const std::string number : {"25", "1234", "7000", "12.5", "1000000"}) {
    for (size_t i = 1; i < number.size(); ++i) {
      const std::string spaced = fmt::format("{} {}", number.substr(0, i), number.substr(i));
      EXPECT_FALSE(Boxed(number, spaced)) << spaced;
      EXPECT_FALSE(Boxed(fmt::format("{}*{}", number.substr(0, i), number.substr(i)), spaced))
          << spaced;
      EXPECT_FALSE(GradeText(number, fmt::format("The answer is {}.", spaced)).equal) << spaced;
      if (number[i - 1] == '.') continue;  // the end of a sentence
      EXPECT_FALSE(GradeText(number.substr(0, i), fmt::format("The answer is {}.", spaced)).equal)
          << spaced;
    }
  }
}

const std::vector<std::string>& Changes() {
  static const std::vector<std::string> changes = {
      " hundred",  " hundreds",   " thousand",   " thousands",
      " million",  " millions",   " billion",    " billions",
      " trillion", " trillions",  " dozen",      " dozens",
      " half",     " halves",     " third",      " thirds",
      " quarter",  " quarters",   " fifths",     " sixths",
      " sevenths", " eighths",    " ninths",     " tenths",
      " twelfths", " twentieths", " hundredths", " thousandths",
      " five",     " twelve",     " twenty",     " squared",
      " cubed",    " factorial",  " point five", " pi",
      "⅛",         "½",           "⅕",           "²",
      "³",         "⁻¹",          "ⁿ",           "₂",
      "π",         "百",          "千",          "万",
      "億",        "‰",           "∞",           "√2",
      "!!",        "^2",          "i",           "x",
      "e5",        " x",          "_2",          " or 6",
      " and 6",    ", 6",         " + 1",        " to 6",
      " times 2",  " out of 10"};
  return changes;
}

// (b) What stands behind a number and makes another of it.
TEST(AdversaryTest, EveryChangeOfANumberIsSeen) {
  for (const std::string number : {"5", "18", "-7", "2.5", "120"}) {
    for (const std::string& change : Changes()) {
      const std::string changed = number + change;
      EXPECT_FALSE(Boxed(number, changed)) << changed;
      for (const auto& [before, after] :
           {std::pair("The answer is ", "."), std::pair("So it is ", "."),
            std::pair("Answer: ", ""), std::pair("So she has ", ""),
            std::pair("**Answer:** ", " apples")}) {
        const std::string output = fmt::format("{}{}{}", before, changed, after);
        const GradeResult result = GradeText(number, output);
        EXPECT_FALSE(result.equal) << output << "  |  " << result.extracted;
      }
      for (const auto& [open, close] :
           {std::pair("$", "$"), std::pair("**", "**"), std::pair("\\(", "\\)")}) {
        if (change == "!!") continue;  // **5**!! is 5, and joy
        for (const char* before : {"The answer is ", "So it is "}) {
          const std::string output =
              fmt::format("{}{}{}{}{}.", before, open, number, close, change);
          const GradeResult result = GradeText(number, output);
          EXPECT_FALSE(result.equal) << output << "  |  " << result.extracted;
        }
      }
    }
  }
}

// (c) What is wrong in a box is wrong in prose, too.
TEST(AdversaryTest, ProseAcceptsNothingThatABoxRefuses) {
  for (const Pair& pair : WrongInTheBox()) {
    const std::string answer = pair.answer;
    if (answer[0] == '$') continue;
    for (const std::string& output :
         {fmt::format("The answer is {}.", answer), fmt::format("The answer is ${}$.", answer),
          fmt::format("So ${}$.", answer), fmt::format("So {}.", answer),
          fmt::format("Answer: {}", answer), fmt::format("The answer is **{}**.", answer)}) {
      const GradeResult result = GradeText(pair.gold, output);
      EXPECT_FALSE(result.equal) << pair.gold << "  |  " << output << "  |  " << result.extracted;
    }
  }
  for (const Pair& pair : RightInTheBox()) {
    const std::string answer = pair.answer;
    // Amounts of money and choices do not stand between dollars.
    if (answer[0] == '$' || std::string_view(pair.gold) == "C") continue;
    for (const std::string& output : {fmt::format("The answer is ${}$ or $71$.", answer),
                                      fmt::format("So $71$ or ${}$.", answer),
                                      fmt::format("The answer is ${}$ and $71$.", answer),
                                      fmt::format("So ${}$, $71$.", answer)}) {
      const GradeResult result = GradeText(pair.gold, output);
      EXPECT_FALSE(result.equal) << pair.gold << "  |  " << output << "  |  " << result.extracted;
    }
  }
}

}  // namespace
}  // namespace ebb
