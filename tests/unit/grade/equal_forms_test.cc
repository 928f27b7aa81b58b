// Forms of one answer, and the wrong answers that are next to them.
#include <gtest/gtest.h>

#include "unit/grade/judge.h"

namespace ebb {
namespace {

TEST(EqualFormsTest, AnApplicationIsNoProduct) {
  Judge(
      {
          {"f(2) < f(1) < f(4)", R"(\boxed{f(2) < f(1) < f(4)})"},
          {"I(0) e^{-t}", R"(\boxed{I(0)e^{-t}})"},
          {"2f(3)", R"(\boxed{f(3) + f(3)})"},
          {"n(n+1)", R"(\boxed{n^2 + n})"},
      },
      true);
  Judge(
      {
          {"f(2) < f(1) < f(4)", R"(\boxed{f(2) < f(1) < f(5)})"},
          {"I(0) e^{-t}", R"(\boxed{I(0) e^{t}})"},  // both would be zero
          {"f(x) + f(y)", R"(\boxed{f(x + y)})"},
          {"f(0)", R"(\boxed{0})"},
          {"f(2)", R"(\boxed{2f})"},
      },
      false);
}

TEST(EqualFormsTest, EquationsSideBySideAreAList) {
  Judge(
      {
          {R"(a = 2 \quad b = 3)", R"(\boxed{a = 2, b = 3})"},
          {"a = 2, b = 3", R"(\boxed{a=2 \quad b=3})"},
          {"a = 2, b = 3", "The answer is $a=2$, $b=3$."},
          {"5", "\\boxed{x = 2 + 3\n= 5}"},
          {"13", "2x = 26\nx = 13"},
      },
      true);
  Judge(
      {
          {R"(a = 2 \quad b = 3)", R"(\boxed{a = 9 \quad b = 3})"},
          {R"(y = \frac{x}{1-x} \quad y = -x)", R"(\boxed{y = \frac{x}{1+x} \quad y = -x})"},
          {"3", R"(\boxed{a = 2 \quad b = 3})"},
          {"3", R"(\boxed{a = 2 b = 3})"},
          {"3", "\\boxed{a = 2\nb = 3}"},
          {"$y_1 = 1 - x$\n$y_2 = x$", "\\boxed{$y_1 = 1 + x$\n$y_2 = x$}"},
      },
      false);
}

TEST(EqualFormsTest, Expressions) {
  Judge(
      {
          {R"(\frac{9}{2a})", R"(\boxed{\frac{9}{2}a^{-1}})"},
          {R"(\frac{1}{x^3})", R"(\boxed{x^{-3}})"},
          {R"(\frac{n(n+1)}{2})", R"(\boxed{\binom{n+1}{2}})"},
          {"120", R"(\boxed{\frac{10!}{3!7!}})"},
          {R"(32,\! 348)", R"(\boxed{32348})"},
          {R"(f(x) = \begin{cases}x & x > 0\\ -x & x \le 0\end{cases})",
           R"(\boxed{f(x)=\begin{cases}x&x>0\\-x&x\le0\end{cases}})"},
      },
      true);
  Judge(
      {
          {R"(\frac{9}{2a})", R"(\boxed{-\frac{9}{2}a^{-1}})"},
          {R"(\frac{9}{2a})", R"(\boxed{\frac{9}{2}a})"},
          {R"(\frac{n(n+1)}{2})", R"(\boxed{\binom{n}{2}})"},
          {"120", R"(\boxed{\frac{10!}{3!8!}})"},
          {"9, 500", R"(\boxed{9 500})"},
      },
      false);
}

TEST(EqualFormsTest, PointsAndRoots) {
  Judge(
      {
          {"(3, -2)", R"(\boxed{x = 3, y = -2})"},
          {"(3, -2)", R"(\boxed{y = -2 \text{ and } x = 3})"},
          {"x = 1, y = -2", R"(\boxed{(x, y) = (1, -2)})"},
          {"x = 1, y = -2", R"(\boxed{(1, -2)})"},
          {"2, 3", R"(\boxed{x_1 = 2, x_2 = 3})"},
          {"x_1 = 2, x_2 = 3", R"(\boxed{3, 2})"},
          {"5", R"(Then $2x = 10 \Rightarrow x = 5$.)"},
          {"5", R"(\boxed{2x = 10 \implies x = 5})"},
      },
      true);
  Judge(
      {
          {"(3, -2)", R"(\boxed{x = -2, y = 3})"},
          {"(3, -2)", R"(\boxed{x = 3, y = 2})"},
          {"(3, -2)", R"(\boxed{x = 3, x = -2})"},
          {"[3, 4]", R"(\boxed{x = 3, y = 4})"},
          {"x = 1, y = -2", R"(\boxed{(-2, 1)})"},
          {"x = 1, y = -2", R"(\boxed{(a, b) = (1, -2)})"},
          {"x = 1, y = -2", R"(\boxed{(1, -2, 0)})"},
          {"2, 3", R"(\boxed{x_1 = 2, x_2 = 2})"},
          {"2, 3", R"(\boxed{a_1 = 3, a_2 = 2})"},
          {"x_1 = 2, x_2 = 3", R"(\boxed{x_1 = 3, x_2 = 2})"},
          {"10", R"(\boxed{2x = 10 \implies x = 5})"},
      },
      false);
}

TEST(EqualFormsTest, IntervalsAndSets) {
  Judge(
      {
          {R"(x \in [-2, 7])", R"(\boxed{-2 \le x \le 7})"},
          {"x > 5", R"(\boxed{x \in (5, \infty)})"},
          {R"((-\infty, -2) \cup (3, \infty))", R"(\boxed{x < -2 \text{ or } x > 3})"},
          {R"([0, 2] \cup [4, 6])", R"(\boxed{[4, 6] \bigcup [0, 2]})"},
          {R"(\mathbb{R})", R"(\boxed{(-\infty, \infty)})"},
          {R"(\emptyset)", R"(\boxed{\{ \}})"},
      },
      true);
  Judge(
      {
          {R"(x \in [-2, 7])", R"(\boxed{-2 < x \le 7})"},
          {R"(x \in [-2, 7])", R"(\boxed{-2 \le y \le 7})"},
          {"x > 5", R"(\boxed{x \in [5, \infty)})"},
          {R"((-\infty, -2) \cup (3, \infty))", R"(\boxed{x < -2 \text{ and } x > 3})"},
          {R"((-\infty, -2) \cup (3, \infty))", R"(\boxed{x \le -2 \text{ or } x > 3})"},
          {R"((-\infty, -2) \cup (3, \infty))", R"(\boxed{x < -2 \text{ or } y > 3})"},
          {R"((-\infty, -2) \cap (3, \infty))", R"(\boxed{x < -2 \text{ or } x > 3})"},
          {R"(\mathbb{R})", R"(\boxed{[0, \infty)})"},
          {R"(\emptyset)", R"(\boxed{\{0\}})"},
      },
      false);
}

}  // namespace
}  // namespace ebb
