// Answers, right and wrong, by what makes their notation hard to read.
#include <gtest/gtest.h>

#include "unit/grade/judge.h"

namespace ebb {
namespace {

TEST(HardNotationsTest, Roundings) {
  Judge(
      {
          {"3.33", R"(\boxed{10/3 \approx 3.33})"},
          {"3.14", R"(\boxed{x \approx 3.14})"},
          {"3.14", R"(\boxed{\approx 3.14})"},
          {"3.14", "approximately 3.14"},
          {"3.14", "The answer is about 3.14."},
          {R"(\pi)", R"(The answer is $\pi \approx 3.14$.)"},
          {"0.67", R"(\boxed{\frac{2}{3} \approx 0.67})"},
      },
      true);
  Judge(
      {
          {"6", R"(\boxed{5 \approx 6})"},
          {"3.4", R"(\boxed{10/3 \approx 3.4})"},
          {"3.34", R"(\boxed{10/3 \approx 3.34})"},
          {"3", R"(\boxed{x \approx 3.14})"},
          {"3.14", R"(\boxed{\pi})"},
          {"3.14159", "The answer is about 3.14"},
          {R"(\pi)", "The answer is approximately 3.14"},
          {"0.7", R"(\boxed{\frac{2}{3} \approx 0.67})"},
          {"1", R"(\boxed{\frac{2}{3} \approx 0.67})"},
          {"100", R"(\boxed{149 \approx 100})"},
          {"100", R"(\boxed{95 \approx 100})"},
          {"1000", R"(\boxed{1499 \approx 1000})"},
          {"3.15", R"(\boxed{\pi \approx 3.15})"},
      },
      false);
}

TEST(HardNotationsTest, SemicolonsInBrackets) {
  Judge(
      {
          {"(1;2)", R"(\boxed{(1,2)})"},
          {"1;2", R"(\boxed{2;1})"},
      },
      true);
  Judge(
      {
          {"(1;2)", R"(\boxed{(2;1)})"},
          {"[1;2]", R"(\boxed{[2;1]})"},
          {"(1;2;3)", R"(\boxed{(1;3;2)})"},
          {"((1;2);3)", R"(\boxed{((2;1);3)})"},
      },
      false);
}

TEST(HardNotationsTest, GoldBoxes) {
  Judge(
      {
          {R"(Hence $x=\boxed 5$.)", "5"},
          {R"(Hence $x=\boxed5$.)", "5"},
          {R"(Hence $x=\fbox{5}$.)", "5"},
          {R"(Hence $x=\fbox{$5$}$.)", "5"},
          {R"(So \boxed{\frac{1}{2}})", "0.5"},
          {R"(So $\boxed \frac{1}{2}$)", "0.5"},
          {R"(So \boxed {5})", "5"},
          {R"(\boxed 5)", R"(\boxed{5})"},
      },
      true);
  Judge(
      {
          {R"(Hence $x=\boxed 5$.)", "6"},
      },
      false);
}

TEST(HardNotationsTest, CurrenciesAndUnits) {
  Judge(
      {
          {R"(-90^\circ)", R"(\boxed{-90^\circ})"},
          {R"(-90^\circ)", R"(\boxed{-90})"},
          {R"(90^\circ)", R"(\boxed{90 degrees})"},
          {R"(90^\circ)", R"(\boxed{90°})"},
          {R"(90^{\circ})", R"(\boxed{90\degree})"},
          {"$5", R"(\boxed{\$5})"},
          {"$5", R"(\boxed{5})"},
          {"5", "€5"},
          {"€5", R"(\boxed{€5})"},
          {"€5", R"(\boxed{5 €})"},
          {"€5", R"(\boxed{5€})"},
          {"£5", R"(\boxed{\pounds 5})"},
          {"£5", R"(\boxed{5 GBP})"},
          {"5", R"(\boxed{5 EUR})"},
          {"5 km/h", R"(\boxed{5 kph})"},
          {"5 cm^2", R"(\boxed{5 \text{ cm}^2})"},
          {"5", R"(\boxed{5 \text{ cm}^2})"},
          {"5", R"(\boxed{5\ \mathrm{cm}^2})"},
          {"5", R"(\boxed{5 square meters})"},
          {"50", R"(\boxed{50\%})"},
          {R"(50\%)", R"(\boxed{50})"},
          {"20", R"(\boxed{20^\circ C})"},
          {"20", R"(\boxed{20°C})"},
          {"20", "It is 20 °C."},
          {"20", "The answer is 20°C."},
          {"20", "The answer is 20°."},
      },
      true);
  Judge(
      {
          {"$5", R"(\boxed{€5})"},
          {R"(\$5)", R"(\boxed{£5})"},
          {"5 km/h", R"(\boxed{5 mph})"},
          {R"(5\text{ km/h})", R"(\boxed{5\text{ mph}})"},
          {R"(-90^\circ)", R"(\boxed{90^\circ})"},
          {R"(90^\circ)", R"(\boxed{\frac{\pi}{2}})"},
          {"5 cm^2", R"(\boxed{5 cm})"},
          {"5 cm^2", R"(\boxed{5 cm^3})"},
          {R"(50\%)", R"(\boxed{0.5})"},
      },
      false);
}

TEST(HardNotationsTest, AmbiguousNotations) {
  Judge(
      {
          {"1234", R"(\boxed{1,234})"},
          {R"(\pm 5)", R"(\boxed{5, -5})"},
          {"5,-5", R"(\boxed{\pm 5})"},
          {"5,-5", R"(\boxed{x = \pm 5})"},
          {R"(x=\pm5)", R"(\boxed{5,-5})"},
          {R"(\tanh(100))", R"(\boxed{\tanh(100)})"},
          {"1", R"(\boxed{0.\overline{9}})"},
          {"1/2x", R"(\boxed{1/2x})"},
          {"3 1/2", R"(\boxed{3.5})"},
          {R"(3\frac{1}{2})", R"(\boxed{7/2})"},
          {"x^{23}", R"(\boxed{x^{23}})"},
          {"x^2+3", R"(\boxed{x^2 + 3})"},
          {R"(\frac{1}{2})", R"(\boxed{\frac12})"},
      },
      true);
  Judge(
      {
          {R"(3\sqrt{2})", R"(\boxed{sqrt23})"},
          {R"(\sqrt{2}3)", R"(\boxed{sqrt23})"},
          {"2e-1", R"(\boxed{2e - 1 + 0})"},
          {"0.2", R"(\boxed{2e-1})"},
          {"x^{5/2}", R"(\boxed{x^2\frac12})"},
          {"1,234", R"(\boxed{1, 234})"},
          {"1234", R"(\boxed{1, 234})"},
          {"(1,2),(-1,-2)", R"(\boxed{(\pm1,\pm2)})"},
          {"(1,2),(-1,2),(1,-2),(-1,-2)", R"(\boxed{\pm(1,2)})"},
          {"AB", R"(\boxed{ab})"},
          {"ab", R"(\boxed{AB})"},
          {"1", R"(\boxed{\tanh(100)})"},
          {"1", R"(\boxed{\tanh(30)})"},
          {"0", R"(\boxed{e^{-1000}})"},
          {"1", R"(\boxed{1+10^{-200}})"},
          {"1", R"(\boxed{0.9999999999999999999999999})"},
          {"1/2x", R"(\boxed{x/2})"},
          {"1/(2x)", R"(\boxed{1/2x})"},
          {"2 1", R"(\boxed{21})"},
          {R"(3\frac{1}{2})", R"(\boxed{3/2})"},
          {R"(\sin 2x)", R"(\boxed{x\sin 2})"},
          {R"(\frac{1}{23})", R"(\boxed{\frac123})"},
      },
      false);
}

TEST(HardNotationsTest, SumsFactorialsAndTinyPowers) {
  Judge(
      {
          {"18", "The answer is 18!"},
          {"18", "So the answer is $18$!"},
          {"18", "The answer is **18**!"},
          {"18", "So she makes 18 dollars!"},
          {"18", "So she has 18! Great."},
          {"18", R"(\boxed{18}!)"},
          {"18", "The answer is **18!**"},
          {"120", "The answer is $5!$."},
          {"120", R"(\boxed{5!})"},
          {"120", "5!"},
          {"5 m/s", R"(\boxed{5 m/s})"},
          {"5", R"(\boxed{5 meters per second})"},
          {"5", R"(\boxed{5 seconds})"},
          {"5 miles per hour", R"(\boxed{5\text{ mph}})"},
          {"5", R"(\boxed{5 EUR})"},
          {"0", R"(\boxed{\sin(\pi)})"},
          {R"(\sqrt{2})", R"(\boxed{2^{0.5}})"},
          {"60", "(9 * $4) + (8 * $3) = $60"},
          {"60", "Total = $36 + $24 = $60"},
          {"60", "9 * $4 + 8 * $3 = 36 + 24 = $60."},
          {"60", "12 x $5 = $60"},
          {"60", "5 * 12 = 60 eggs"},
          {"60", "5 days * 12 eggs/day = 60 eggs"},
          {"60", "5 boxes x 12 = 60"},
          {"60", "The total cost is (5 x $12) = $60."},
          {"60", "$5 + $55 = $60 total"},
          {"60", "20% of 300 = 60"},
          {"60", "300 * 20% = 60"},
          {"60", "300 * .2 = $60.00"},
          {"60", "120/2 = 60 miles"},
          {"60", "That's $120 / 2 = $60 each."},
          {"60", "5 hours * $12/hour = $60"},
          {"60", "x = 60 dollars"},
      },
      true);
  Judge(
      {
          {"120", "The answer is 5!"},
          {"5", R"(\boxed{5!})"},
          {"0", R"(\boxed{10^{-50}})"},
          {"0", R"(\boxed{\sin(10^{-50})})"},
          {"0", R"(\boxed{e^{-100}})"},
          {"0", R"(\boxed{e^{-200}})"},
          {"0", R"(\boxed{e^{-2000}})"},
          {"1", R"(\boxed{1+e^{-2000}})"},
          {"1", R"(\boxed{1+e^{-200}})"},
          {"1", R"(\boxed{\tanh(1000)})"},
          {"0", R"(\boxed{\pi^{-1000}})"},
          {"0", R"(\boxed{2^{-1000.5}})"},
          {"24", "$24 + $40 = $64"},
          {"40", "$24 + $40 = $64"},
          {"60", "2x = 60"},
      },
      false);
}

TEST(HardNotationsTest, ChangedAnswers) {
  Judge(
      {
          {"6", "It is a 2x3 matrix."},
          {"3", "The answer is 2x3 = 6."},
          {"5", "The answer is 5 more than 10."},
          {"0", "The answer is 0x1F."},
          {"18", "She makes $1800 every day."},
          {"18", "The answer is 0.18."},
          {"18", R"(\boxed{1800\%})"},
          {"18", "So the total is 18 hundred."},
          {"1/2", R"(50\%)"},
          {"0.5", R"(\boxed{50\%})"},
          {"3,5", "The solutions are 3."},
          {"3,5", R"(\boxed{3})"},
          {"3,5", R"(\boxed{3} or \boxed{-5})"},
          {"[1,2)", R"(\boxed{(1,2]})"},
          {"[1,2)", R"(\boxed{[1,2]})"},
          {"(1,2)", "The answer is [1,2]."},
          {"(3,-4)", "$(3,4)$"},
          {"-7", "So we find 7."},
          {"-7", "So we find that x = 7"},
          {"7", "So x - 7"},
          {"x+1", R"(\boxed{x-1})"},
          {R"(\frac{3}{4})", R"(\boxed{\frac{4}{3}})"},
          {"{1,2,3}", R"(\boxed{\{1,2\}})"},
          {R"(\{1,2,3\})", R"(The answer is \{1,2\}.)"},
          {"(1,2,3)", R"(\boxed{(1,3,2)})"},
          {R"(\begin{pmatrix} 1 \\ 2 \end{pmatrix})",
           R"(\boxed{\begin{pmatrix} 1 & 2 \end{pmatrix}})"},
          {"18", "Between 17 and 18."},
          {"18", "She makes about 17 or 18."},
          {"18", "The answer is 18.5."},
          {"18", "The answer is 18 1/2"},
          {"18", "The answer is 180."},
          {"18", "The answer is 1,800."},
          {"18", R"(\boxed{18,000})"},
          {"18", "18 - 5"},
          {"18", "18k"},
          {"18", "$18k"},
          {"18", "18 x 2 = 36"},
          {"18", "18/2"},
          {"18", "the answer is 18 - 3"},
          {"18", "It is not 18. It is 17."},
          {"18", "If she had 18 then it would be 17."},
          {"3/5", "The ratio is 3:5"},
          {"5:30 PM", R"(\boxed{5:30 \text{ AM}})"},
      },
      false);
}

}  // namespace
}  // namespace ebb
