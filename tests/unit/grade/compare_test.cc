// When answers are equal, and when they must not be.
#include "grade/compare.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace ebb {
namespace {

struct Pair {
  std::string gold;
  std::string predicted;
};

const std::vector<Pair>& EqualPairs() {
  static const std::vector<Pair> pairs = {
      {R"(\frac{1}{2})", "0.5"},
      {"1/2", R"(\frac12)"},
      {"0.5", ".5"},
      {"1,234", "1234"},
      {R"(1,\!000)", "1000"},
      {"1{,}000", "1000"},
      {"$18", "18"},
      {R"(\$18.00)", "18"},
      {"25%", "25"},
      {R"(25\%)", "25%"},
      {"3 1/2", "7/2"},
      {R"(3\frac{1}{2})", "3.5"},
      {R"(-3\frac12)", "-7/2"},
      {"(1,2)", "(1, 2)"},
      {"(1,2)", R"(\left(1,2\right))"},
      {"1,2", "2, 1"},
      {"1, 2 and 3", "3,2,1"},
      {R"(\{1,2\})", "2,1"},
      {"[0,1)", "[0, 1)"},
      {R"((-\infty,2)\cup(3,\infty))", R"((3,\infty) \cup (-\infty, 2))"},
      {R"((-\infty, 2])", "(-∞,2]"},
      {"(-oo,2]", R"((-\infty,2])"},
      {R"(\begin{pmatrix}1&2\\3&4\end{pmatrix})",
       R"(\begin{bmatrix} 1 & 2 \\ 3 & 4 \\ \end{bmatrix})"},
      {R"(\begin{pmatrix}1\\2\end{pmatrix})", R"(\left(\begin{array}{c}1\\2\end{array}\right))"},
      {"y=2x+1", "2x-y+1=0"},
      {"y=2x+1", "y = 1 + 2x"},
      {"x=5", "5"},
      {"5", "x=5"},
      {"5", "x = 5"},
      {"2x+1", "f(x)=2x+1"},
      {"f(x)=2x+1", "1+2x"},
      {"(x-2)(x+2)", "x^2-4"},
      {R"(\frac{\sqrt{3}}{2})", R"(\sqrt{3}/2)"},
      {R"(\frac{1}{\sqrt2})", R"(\frac{\sqrt{2}}{2})"},
      {R"(2\sqrt{5})", R"(\sqrt{20})"},
      {R"(\sqrt{8})", "2√2"},
      {"1011_2", "1011_{2}"},
      {"1011_2", R"(1011_{\text{two}})"},
      {R"(\text{Monday})", "monday"},
      {"Evelyn", R"(\text{Evelyn})"},
      {R"(2 \pm \sqrt{3})", R"(2+\sqrt{3}, 2-\sqrt{3})"},
      {R"(\frac{1\pm\sqrt5}{2})", R"(\frac{1-\sqrt5}{2},\frac{1+\sqrt5}{2})"},
      {R"(x = \pm 2)", "2, -2"},
      {"x=1,x=2", "1,2"},
      {"x=1 or x=2", "1,2"},
      {R"(30^\circ)", "30"},
      {R"(30^\circ)", "30 degrees"},
      {R"(10\text{ cm})", "10"},
      {R"(10\text{ cm})", "10 cm"},
      {R"(\pi/2)", R"(\frac{\pi}{2})"},
      {R"(\frac{3}{4}i)", R"(\frac34i)"},
      {"3+4i", "4i+3"},
      {R"(e^{i\pi})", "-1"},
      {"2^{10}", "1024"},
      {"1.5e3", "1500"},
      {R"(1.5\times10^3)", "1500"},
      {R"(0.\overline{3})", "1/3"},
      {R"(0.1\overline{6})", R"(\frac16)"},
      {"x>5", "5<x"},
      {"1<x<3", "3>x>1"},
      {R"(x\ge2)", R"(2 \leq x)"},
      {"2x>4", "x>2"},
      {"5!", "120"},
      {R"(\binom{5}{2})", "10"},
      {R"(\log_2 8)", "3"},
      {R"(\sin 30^\circ)", "1/2"},
      {R"(\sin\frac{\pi}{6})", "0.5"},
      {"3:4", "3 : 4"},
      {"a+b", "b+a"},
      {R"(\frac{x+1}{2})", R"(\frac{x}{2}+\frac12)"},
      {R"(\sqrt[3]{27})", "3"},
      {"|-3|", "3"},
      {R"(\lfloor 2.5\rfloor)", "2"},
      {"p - q", "-q+p"},
      {R"(-\frac{1}{2})", "-0.5"},
      {R"(\frac{-1}{2})", R"(-\frac{1}{2})"},
      {"12", R"(\boxed{12})"},
      {"12", "$12$"},
      {"12", "12."},
      {"12", "**12**"},
      {"5", "five"},
      {"5 million", "5,000,000"},
      {"2500000", "2.5 million"},
      {"(x,y)=(1,2)", "(1,2)"},
      {"(1,2)", "(x,y)=(1,2)"},
      {"[0,1]", R"(x\in[0,1])"},
      {R"(\text{(C)})", "C"},
      {"C", "(C)"},
      {R"(4\pi r^2)", R"(4 \pi \cdot r^{2})"},
      {R"(\tan^2 x + 1)", R"(\sec^2 x)"},
      {R"(\ln 8)", R"(3\ln 2)"},
      {"(3,4,5)", "(3,4,5)"},
      {R"(\frac{10}{3})", R"(\frac{10}{3} \approx 3.33)"},
      {"3.33", R"(\frac{10}{3} \approx 3.33)"},
      {"6-5i", "6 - 5i"},
      {"x^3+3x-6", "x^3 + 3x - 6"},
      {R"(\emptyset)", "∅"},
      {R"(2k\pi)", R"(2\pi k)"},
      {R"(18\sqrt{3}\text{ cm}^2)", R"(18\sqrt3)"},
      {R"(\$32,\!348)", "32348"},
      {"5.00", "5"},
      {"-0", "0"},
      {"1e3", "1000"},
      {"2/4", "1/2"},
      {R"(\dfrac{7}{3})", R"(\frac{7}{3})"},
      {R"(3\cdot 2^{5})", "96"},
      {R"(\frac{n(n+1)}{2})", R"(\frac{n^2+n}{2})"},
      {"(-1)^n", "(-1)^{n}"},
      {"n!", "n!"},
      {"x=2,y=3", "y=3, x=2"},
      {R"(\left[-2,\infty\right))", R"([-2, \infty))"},
      {R"(\mathbf{v})", R"(\mathbf{v})"},
      {"10^{9^9}", "10^{9^{9}}"},
      {R"(\mathbb{R})", R"(\mathbb{R})"},
      {R"((0,9)\cup(9,36))", R"((9,36)\cup(0,9))"},
      {"12 inches", "12 in"},
      {"6 feet", "6 ft"},
      {R"(\text{2 hours})", "2"},
      {"$2$ and $3$", "2,3"},
      {"yes", "Yes."},
      {"AB = 5", "5"},
      {"5", R"(AB=5\text{ cm})"},
      {"7", "a+b=7"},
      {R"(\frac{a}{b})", "a/b"},
      {R"(\cos\theta=\frac12)", "1/2"},
      {R"(\frac12)", R"(\cos\theta=\frac12)"},
      {R"(\begin{pmatrix} -1/2 \\ 0.5\end{pmatrix})",
       R"(\begin{pmatrix}-\frac12\\ \frac12\end{pmatrix})"},
      {R"(\frac{3}{5})", R"(\dfrac{3}{5})"},
      {"14", R"(14\text{ square units})"},
      {R"(\text{east})", R"(\text{East})"},
      {"(6,31,-1)", "(6, 31, -1)"},
      {R"(\left( 3, \frac{\pi}{2} \right))", R"((3,\pi/2))"},
      {"p - q", "p-q"},
      {R"(\frac{14}{3})", R"(4\frac{2}{3})"},
      {"[-2,7]", R"(-2 \le x \le 7)"},
      {"6 - 5i", "-5i+6"},
      {R"(x \in [-2,7])", "[-2,7]"},
      {R"((3,\infty))", R"(\left(3,\infty\right))"},
      {"42", "forty-two"},
      {R"(\begin{pmatrix} -18 \\ -49 \\ 96 \end{pmatrix})",
       R"(\begin{pmatrix}-18\\-49\\96\end{pmatrix})"},
      {R"(\pi)", R"(\pi)"},
      {R"(16\sqrt{3})", R"(16 \sqrt 3)"},
      {"4343_6", "4343_6"},
      {R"(\frac{1}{576})", "1/576"},
      {R"(5.4 \text{ cents})", "5.4"},
      {"x^3 + 3x - 6", "x^{3}+3x-6"},
      {"2220_5", "2220_{5}"},
      {R"(3\sqrt{13})", R"(3 \sqrt{13})"},
      {R"(\$1.50)", "1.5"},
      {"1{,}008{,}016", "1,008,016"},
      {R"(11\sqrt2)", R"(11\sqrt{2})"},
      {R"(80 \text{ cm}^2)", "80"},
      {R"(12\%)", "12"},
      {"A", "A"},
      {R"(\text{Navin})", "Navin"},
      {R"((2,5)\cup(5,\infty))", R"((2,5) \cup (5, \infty))"},
      {R"(-\frac{\pi}{6})", R"(\frac{-\pi}{6})"},
      {R"(\frac{270}{7}\text{ degrees})", R"(\frac{270}7)"},
      {"10:45 a.m.", "10:45 a.m."},
      {"1,-2", "-2,1"},
      {R"(\frac{9}{256})", "9/256"},
      {"y^4-2y^3+7y^2+y-5", "y^4 - 2y^3 + 7y^2 + y - 5"},
      {R"(36^\circ)", "36"},
      {R"(\sin x + \cos x)", R"(\cos x+\sin x)"},
      {"2x^2(1+4x^3)", "2x^2+8x^5"},
      {R"(\frac{\sqrt{21}}{5})", R"(\sqrt{21}/5)"},
      {R"((-\infty, -5] \cup [5, \infty))", R"((-\infty,-5]\cup[5,\infty))"},
      {R"(1\pm\sqrt{19})", R"(1+\sqrt{19},1-\sqrt{19})"},
      {R"(\sqrt{3} + \sqrt{5})", R"(\sqrt5+\sqrt3)"},
      {"60 degrees", R"(60^\circ)"},
      {"e^{2}", "e^2"},
      {"-2,-1", "{-1,-2}"},
      {"3n^2-3n+1", "1-3n+3n^2"},
      {R"(\frac{1}{(x-1)(x+1)})", R"(\frac{1}{x^2-1})"},
      {"9.00", "9"},
      {"$32", "32 dollars"},
      {"2 hours", "2"},
      {"16x^{10}", "16 x^{10}"},
      {"f(x) = x^2", "x^2"},
      {"x=3", "3"},
      {"2^{2/3}", R"(\sqrt[3]{4})"},
      {R"(\cot x)", R"(\frac{\cos x}{\sin x})"},
      {"1 + 2i", "2i + 1"},
      {R"(\{2, -3\})", "-3, 2"},
      {"1.0e6", "1000000"},
      {"3,5,7", "3, 5, 7"},
      {R"(\text{Yes})", "yes"},
      {"-1", "-1.0"},
      {R"(\ln 2)", R"(\log_e 2)"},
      {"(x-3)^2 + (y+1)^2 = 25", "x^2-6x+y^2+2y=15"},
      {"3x + 4y - 5 = 0", "-3x-4y+5=0"},
      {R"(\frac{x}{2} + y = 1)", "x+2y=2"},
      {R"(x \ge 3)", "x>=3"},
      {"1/3", R"(.\overline{3})"},
      {R"(\frac{5}{13})", R"(+\frac{5}{13})"},
      {"0", "0.0"},
      {R"(\begin{bmatrix}1&0\\0&1\end{bmatrix})", R"(\begin{pmatrix}1&0\\0&1\end{pmatrix})"},
      {R"(2\pi)", "2π"},
      {R"(5\sqrt{2})", "5√2"},
      {"x^2 y", "yx^2"},
      {R"(\text{(B)})", "B"},
      {R"(\text{even})", "Even"},
      {R"(12\text{ cm}^3)", R"(12 \text{ cm}^{3})"},
      {R"(\angle A = 30^\circ)", "30"},
      {"n = 7", "7"},
      {"7", "n=7"},
      {"10.0%", "10%"},
      {"-$5", "$-5"},
      {"1 1/2", "1.5"},
  };
  return pairs;
}

const std::vector<Pair>& UnequalPairs() {
  static const std::vector<Pair> pairs = {
      {"25", "0.25"},
      {"0.25", "25%"},
      {"25%", "0.25"},
      {"1/4", "25%"},
      {"0.5", "50"},
      {"5", "500"},
      {"12", "-12"},
      {"(1,2)", "(2,1)"},
      {"(1,2)", "[1,2]"},
      {"[0,1)", "(0,1)"},
      {"[0,1)", "[0,1]"},
      {"(0,1]", "[0,1)"},
      {"1,2,3", "1,2"},
      {"1,2", "1,2,3"},
      {"1,1,2", "1,2"},
      {R"(\{1,2\})", "(1,2)"},
      {R"(\{1,2\})", "[1,2]"},
      {"(1,2)", "1,2"},
      {R"((-\infty,2)\cup(3,\infty))", R"((-\infty,2]\cup(3,\infty))"},
      {R"((-\infty,2)\cup(3,\infty))", R"((-\infty,2))"},
      {R"((-\infty,2))", R"((\infty,2))"},
      {R"((-\infty,2))", R"((-\infty,-2))"},
      {"y=2x+1", "y=2x-1"},
      {"y=2x+1", "2x+1"},
      {"x=5", "y=5"},
      {"5", "2x=10"},
      {"5", "2x=5"},
      {R"(3\frac{1}{2})", "3/2"},
      {R"(3\frac12)", "1.5"},
      {"x>5", "x<5"},
      {"x>5", R"(x\ge5)"},
      {"x>5", "-x>-5"},
      {"1011_2", "1011"},
      {"1011_2", "1011_3"},
      {"1011_2", "11"},
      {"1011", "1011_2"},
      {"no", "on"},
      {"act", "cat"},
      {"x", "X"},
      {"x+1", "x-1"},
      {"2x", "2"},
      {"2x", "x"},
      {"5m", "5"},
      {"2h", "2"},
      {R"(5\text{ cm})", R"(5\text{ m})"},
      {"5 hours", "5 minutes"},
      {"$50", "50 cents"},
      {"5", "5 million"},
      {"5", "5 dozen"},
      {"2.5", "2 hours and 30 minutes"},
      {"2", "2 hours and 30 minutes"},
      {"3.14", R"(\pi)"},
      {"0.333", "1/3"},
      {"0.3333333333333333333333333333", "1/3"},
      {R"(\sqrt2)",
       "1."
       "4142135623730950488016887242096980785696718753769480731766797379907324784621070388503875343"
       "276415727350138462309122970249248360558507372126441214970999358314132226659275055927"},
      {"x", "x+10^{-40}"},
      {"x", "x+10^{-400}"},
      {R"(\sqrt2)", R"(\sqrt2+10^{-95})"},
      {R"(\sqrt2)", R"(\sqrt{2}+10^{-60})"},
      {"10^{9^9}", "10^{9^8}"},
      {"1", "10^{9^9}"},
      {R"(\begin{pmatrix}1&2\\3&4\end{pmatrix})", R"(\begin{pmatrix}1&2&3&4\end{pmatrix})"},
      {R"(\begin{pmatrix}1&2\\3&4\end{pmatrix})", R"(\begin{vmatrix}1&2\\3&4\end{vmatrix})"},
      {R"(\begin{pmatrix}1&2\\3&4\end{pmatrix})", R"(\begin{pmatrix}1&2\\3&-4\end{pmatrix})"},
      {R"(\begin{pmatrix}1\\2\end{pmatrix})", "(1,2)"},
      {R"(\frac{1}{2}x)", "1/2x"},
      {R"(\frac{1}{2x})", "1/2x"},
      {"3", "3 quarters"},
      {"2", "2 thirds"},
      {"5", "5 squared"},
      {"3:4", "4:3"},
      {"3:4", "3/4"},
      {R"(2\pm\sqrt3)", R"(2+\sqrt3)"},
      {R"(\pm 2)", "2"},
      {"2", R"(\pm 2)"},
      {"x=1,y=2", "2,1"},
      {"x=1,y=2", "x=2,y=1"},
      {"(x,y)=(1,2)", "(2,1)"},
      {"1 < x < 3", "1 < x"},
      {"x=5", "x=-5"},
      {R"(\{5\})", "5"},
      {"a dog", "a cat"},
      {"[5]", "5"},
      {"1,234", "1.234"},
      {"1,234", "234"},
      {R"(\sqrt{x^2})", "x"},
      {"|x|", "x"},
      {R"(\log x)", R"(\ln x)"},
      {"12", "12, 13"},
      {"12", "12 or 13"},
      {"5", "5x"},
      {"x^2", "2x"},
      {"2^3", "3^2"},
      {"", "5"},
      {"5", ""},
      {"0", "-"},
      {"1/0", "2/0"},
      {"-5", "5"},
      {R"(-\frac{1}{2})", R"(\frac{1}{2})"},
      {R"(30^\circ)", R"(\pi/6)"},
      {"5%", "5 dollars"},
      {"x+y=5", "5"},
      {"4.5", "45"},
      {"100", "1"},
      {"1", "100%"},
      {"100%", "1"},
      {"150%", "1.5"},
      {"1,000", "1"},
      {"1000", "1,00"},
      {"0.1", ".01"},
      {"(1,2),(3,4)", "(1,2)"},
      {"(1,2),(3,4)", "(1,4),(3,2)"},
      {R"(3\frac{5}{2})", "5.5"},
      {R"(3\frac{5}{2})", "7.5"},
      {"6", "3!!"},
      {"Monday", "Tuesday"},
      {"5 am", "5 pm"},
      {"x^{100}", "100x"},
      {"e", "2.718"},
      {"i", "-i"},
      {"3+4i", "3-4i"},
      {"(3,4)", R"(\langle 3,4\rangle)"},
      {"5", "5 - 3"},
      {"8", "5+2"},
      {"y=2x", "y=2x+0.0000001"},
      {"(6,31,-1)", "(6,-1,31)"},
      {"(6,31,-1)", "(6,31,1)"},
      {"(6,31,-1)", "(6,31)"},
      {"x^3+3x-6", "x^3+3x+6"},
      {"x^3+3x-6", "-x^3-3x+6"},
      {"4343_6", "4343_5"},
      {R"(80 \text{ cm}^2)", R"(80\text{ cm}^3)"},
      {R"(12\%)", "0.12"},
      {R"(12\%)", "1200"},
      {"0.12", "12%"},
      {R"(\frac{1}{2})", "2"},
      {R"(\frac{1}{2})", R"(-\frac12)"},
      {R"((-\infty,-5]\cup[5,\infty))", R"((-\infty,-5)\cup[5,\infty))"},
      {R"((-\infty,-5]\cup[5,\infty))", R"((-\infty,-5])"},
      {R"((-\infty,-5]\cup[5,\infty))", R"((-\infty,5]\cup[5,\infty))"},
      {R"((-\infty,-5]\cup[5,\infty))", R"((-\infty,-5]\cap[5,\infty))"},
      {"10:45 a.m.", "10:45 p.m."},
      {"10:45", "10:54"},
      {"1,-2", "1,2"},
      {"1,-2", "1,-2,-2"},
      {"1,-2", "1"},
      {"5 cents", "5 dollars"},
      {"9", "9.5"},
      {"9", "9.000000000000000000001"},
      {"3n^2", "3n^3"},
      {"f(x)=x^2", "f(x)=-x^2"},
      {"f(x)=x^2", "g(y)=y^2"},
      {"x<3", "x>3"},
      {"x<3", "x=3"},
      {"x<3", "3"},
      {R"(x \ge 3)", "x > 3"},
      {R"(1\pm\sqrt{19})", R"(1+\sqrt{19})"},
      {R"(1\pm\sqrt{19})", R"(-1\pm\sqrt{19})"},
      {R"(\sin x)", R"(\cos x)"},
      {R"(\sin 30)", R"(\sin 30^\circ)"},
      {"2^{2/3}", R"(\sqrt{4})"},
      {"east", "west"},
      {"A", "B"},
      {"A", "a"},
      {"AB", "BA"},
      {"1 + 2i", "1 - 2i"},
      {"1+2i", "2+i"},
      {R"(\begin{pmatrix}1\\2\end{pmatrix})", R"(\begin{pmatrix}1&2\end{pmatrix})"},
      {R"(\begin{pmatrix}1\\2\end{pmatrix})", R"(\begin{pmatrix}2\\1\end{pmatrix})"},
      {"2.5", "2,5"},
      {"1,000", "1.000"},
      {"12", "1 2"},
      {"12", "1,2"},
      {"1234", "1,2,3,4"},
      {"3x+4y=5", "3x+4y=-5"},
      {"3x+4y=5", "3x-4y=5"},
      {"y=x^2", "y=-x^2"},
      {"(x-3)^2 + (y+1)^2 = 25", "(x-3)^2 + (y+1)^2 = 5"},
      {"5", "5.0000000000000000000000000000000000000000000000000000000000001"},
      {"16", "2^4!"},
      {"0", "0.001"},
      {"0", ""},
      {"0", R"(\emptyset)"},
      {"0", "-"},
      {"1", "-(-1)^2"},
      {"4", "-2^2"},
      {"x", "x^{1.0001}"},
      {"-2", "2-"},
      {"2", "--2-"},
      {"(1,2)", "{1,2}"},
      {"{1,2}", "{1}"},
      {"[1,2]", "{1,2}"},
      {"(1,2]", "[2,1)"},
      {"5", "5, 5"},
      {"-5", "5-"},
      {"$5", "5 cents"},
      {"(0,1)", "(0,1,)"},
      {"(0,1)", "(0,1"},
      {"(0,1)", "0,1)"},
      {"2/3", "2:3"},
      {"1/2", "1//2"},
      {"12 inches", "12 feet"},
      {"yes", "no"},
      {"true", "false"},
      {"x^2", "x2"},
      {R"(3\sqrt{2})", R"(\sqrt[3]{2})"},
      {R"(3\sqrt2)", R"(\sqrt{32})"},
      {"25", "2 5"},
      {"3/4", "3 4"},
      {"1.5", "1 5"},
      {"10", "1e10"},
      {"1e-3", "1e3"},
      {"infinity", "-infinity"},
      {R"(\infty)", R"(-\infty)"},
      {R"((-\infty,\infty))", R"((\infty,-\infty))"},
      {R"(\frac{a}{b})", R"(\frac{b}{a})"},
      {"a^b", "b^a"},
      {"a-b", "b-a"},
      {"a/b/c", "a/(b/c)"},
      {R"(\log_2 3)", R"(\log_3 2)"},
      {R"(\binom{5}{2})", R"(\binom{5}{4})"},
      {"x=2,y=3", "x=3,y=2"},
      {"x=2,y=3", "x=2"},
      {"x=2 or x=3", "x=2"},
      {"4!", "4"},
      {"|x|", "x"},
      {R"(\lfloor x \rfloor)", "x"},
      {R"(\lfloor 2.7 \rfloor)", "2.7"},
      {R"(0.\overline{3})", "0.3"},
      {R"(0.\overline{12})", "0.12"},
      {"2 1/2", "21/2"},
      {R"(2\frac{1}{2})", R"(\frac{21}{2})"},
      {"5 million", "5 billion"},
      {"50", "50 million"},
      {"10^3", "10^{-3}"},
      {"1011_2", "-1011_2"},
      {"AB_{16}", "BA_{16}"},
      {"(1,2),(3,4)", "(1,2),(4,3)"},
      {"(1,2),(3,4)", "1,2,3,4"},
      {"3:4:5", "3:4"},
      {"x>1", "x>1,x<5"},
      {"1<x<5", R"(1<x\le5)"},
      {"1<x<5", "1>x>5"},
      {"1<x<5", "-1<x<5"},
      {"5", "5%%"},
      {"5", "$5%"},
  };
  return pairs;
}

bool Equal(const std::string& gold, const std::string& predicted) {
  return CompareAnswers(ParseAnswer(gold), ParseAnswer(predicted)).equal;
}

TEST(CompareTest, AcceptsTheSameAnswerWrittenOtherwise) {
  for (const Pair& pair : EqualPairs()) {
    EXPECT_TRUE(Equal(pair.gold, pair.predicted)) << pair.gold << "  |  " << pair.predicted;
  }
}

TEST(CompareTest, RefusesWhatIsNotTheSame) {
  for (const Pair& pair : UnequalPairs()) {
    EXPECT_FALSE(Equal(pair.gold, pair.predicted)) << pair.gold << "  |  " << pair.predicted;
  }
}

TEST(CompareTest, EveryAnswerEqualsItself) {
  for (const auto* pairs : {&EqualPairs(), &UnequalPairs()}) {
    for (const Pair& pair : *pairs) {
      for (const std::string& text : {pair.gold, pair.predicted}) {
        const Answer answer = ParseAnswer(text);
        const bool something = answer.kind != AnswerKind::kEmpty;
        EXPECT_EQ(CompareAnswers(answer, ParseAnswer(text)).equal, something) << text;
      }
    }
  }
}

// Answers of all kinds for the mutations below; none is zero or symmetric about it.
const std::vector<std::string>& Answers() {
  static const std::vector<std::string> answers = {
      "18",
      "1,234",
      "0.25",
      "25%",
      "$18.50",
      "7/12",
      R"(\frac{7}{12})",
      R"(3\frac{1}{2})",
      R"(2\sqrt{3})",
      R"(\frac{\pi}{6})",
      R"(x^2+3x+5)",
      R"((3, -4))",
      "[2, 5)",
      R"((-\infty, 2])",
      R"((-\infty, 2) \cup [3, \infty))",
      R"(\{1, 2, 5\})",
      "2, 3, 7",
      R"(\begin{pmatrix} 1 & 2 \\ 3 & 4 \end{pmatrix})",
      "y = 2x + 7",
      "x > 5",
      R"(1 < x \le 3)",
      R"(3 + 4i)",
      R"(10 \text{ cm})",
      "1011_2",
      "3:4",
      R"(30^\circ)",
      R"(\frac{x+1}{x-3})",
      "x = 3, y = 4",
  };
  return answers;
}

// `text` with the first `from` at or behind `at` replaced.
std::string Replaced(std::string text, size_t at, size_t size, const std::string& with) {
  return text.replace(at, size, with);
}

TEST(CompareTest, RefusesEveryChangedBracket) {
  for (const std::string& answer : Answers()) {
    if (answer.find("\\begin") != std::string::npos || answer.find("frac") != std::string::npos)
      continue;
    for (size_t i = 0; i < answer.size(); ++i) {
      const size_t kind = std::string("()[]").find(answer[i]);
      if (kind == std::string::npos) continue;
      const std::string changed = Replaced(answer, i, 1,
                                           std::string(1,
                                                       "[]("
                                                       ")"[kind]));
      EXPECT_FALSE(Equal(answer, changed)) << answer << "  |  " << changed;
      EXPECT_FALSE(Equal(changed, answer)) << answer << "  |  " << changed;
    }
  }
}

TEST(CompareTest, RefusesEveryFlippedSign) {
  for (const std::string& answer : Answers()) {
    for (size_t i = 0; i < answer.size(); ++i) {
      const char c = answer[i];
      std::string changed;
      if (c == '+') changed = Replaced(answer, i, 1, "-");
      if (c == '-') changed = Replaced(answer, i, 1, "+");
      // A number at the start of something gets a minus.
      const bool number = c >= '0' && c <= '9' &&
                          (i == 0 || std::string(" ([{$").find(answer[i - 1]) != std::string::npos);
      const bool index = i > 1 && (answer[i - 2] == '_' || answer[i - 2] == '^');
      if (number && !index) changed = Replaced(answer, i, 0, "-");
      if (changed.empty()) continue;
      EXPECT_FALSE(Equal(answer, changed)) << answer << "  |  " << changed;
      EXPECT_FALSE(Equal(changed, answer)) << answer << "  |  " << changed;
    }
  }
}

TEST(CompareTest, RefusesEveryHundredfoldAndHundredth) {
  for (const std::string& answer : Answers()) {
    for (size_t i = 0; i < answer.size(); ++i) {
      const bool digit = answer[i] >= '0' && answer[i] <= '9';
      const bool last =
          digit && (i + 1 == answer.size() || answer[i + 1] < '0' || answer[i + 1] > '9');
      const bool point = answer.find('.') != std::string::npos;
      const bool thousands = answer.find(",2") != std::string::npos;
      if (!last || point || thousands) continue;
      size_t start = i;
      while (start > 0 && answer[start - 1] >= '0' && answer[start - 1] <= '9') --start;
      const std::string number = answer.substr(start, i + 1 - start);
      const std::string hundredth =
          std::string(3 - std::min<size_t>(2, number.size()), '0') + number;
      const std::string divided =
          hundredth.substr(0, hundredth.size() - 2) + "." + hundredth.substr(hundredth.size() - 2);
      for (const std::string& with : {number + "00", divided}) {
        const std::string changed = Replaced(answer, start, number.size(), with);
        EXPECT_FALSE(Equal(answer, changed)) << answer << "  |  " << changed;
        EXPECT_FALSE(Equal(changed, answer)) << answer << "  |  " << changed;
      }
    }
  }
  for (const auto& [a, b] :
       {Pair{"25%", "0.25"}, Pair{"25%", "2500"}, Pair{"25%", "1/4"}, Pair{"0.5", "50%"},
        Pair{"1,234", "123,400"}, Pair{"0.25", "25"}, Pair{"$18.50", "1850"}}) {
    EXPECT_FALSE(Equal(a, b)) << a << "  |  " << b;
    EXPECT_FALSE(Equal(b, a)) << a << "  |  " << b;
  }
}

TEST(CompareTest, RefusesEveryDroppedOrAddedElement) {
  for (const std::string& answer : Answers()) {
    if (answer == "1,234") continue;
    for (size_t i = 0; i < answer.size(); ++i) {
      if (answer[i] != ',') continue;
      size_t end = i + 1;
      while (end < answer.size() && std::string(",)]\\").find(answer[end]) == std::string::npos)
        ++end;
      const std::string dropped = Replaced(answer, i, end - i, "");
      const std::string doubled = Replaced(answer, i, 0, answer.substr(i, end - i));
      for (const std::string& changed : {dropped, doubled}) {
        EXPECT_FALSE(Equal(answer, changed)) << answer << "  |  " << changed;
        EXPECT_FALSE(Equal(changed, answer)) << answer << "  |  " << changed;
      }
    }
  }
}

TEST(CompareTest, NoTwoDifferentAnswersAreEqual) {
  const auto& answers = Answers();
  for (size_t i = 0; i < answers.size(); ++i) {
    for (size_t j = 0; j < answers.size(); ++j) {
      // A plain fraction and the same in LaTeX are both in the list.
      const bool same = i == j || (i + j == 11 && (i == 5 || i == 6));
      EXPECT_EQ(Equal(answers[i], answers[j]), same) << answers[i] << "  |  " << answers[j];
    }
  }
}

TEST(CompareTest, SaysByWhichRule) {
  const auto rule = [](const char* gold, const char* predicted) {
    return CompareRuleName(CompareAnswers(ParseAnswer(gold), ParseAnswer(predicted)).rule);
  };
  EXPECT_EQ(rule("5", "5"), "literal");
  EXPECT_EQ(rule("5", "5.0"), "number");
  EXPECT_EQ(rule("x+y", "y+x"), "expression");
  EXPECT_EQ(rule("(1,2)", "(1,3)"), "tuple");
  EXPECT_EQ(rule("[1,2)", "[1,2]"), "interval");
  EXPECT_EQ(rule(R"(\{1,2\})", "2,1"), "set");
  EXPECT_EQ(rule("1,2", "2,1"), "list");
  EXPECT_EQ(rule("y=2x", "2x-y=0"), "equation");
  EXPECT_EQ(rule("x>2", "2<x"), "inequality");
  EXPECT_EQ(rule("11_2", "11_3"), "base");
  EXPECT_EQ(rule("3:4", "3:5"), "ratio");
  EXPECT_EQ(rule("yes", "Yes"), "text");
  EXPECT_EQ(rule("5", "(1,2)"), "mismatch");
  EXPECT_EQ(rule("5", ""), "none");
}

}  // namespace
}  // namespace ebb
