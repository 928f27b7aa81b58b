// Answers in prose, right and wrong, by what makes them hard to find.
#include <gtest/gtest.h>

#include "unit/grade/judge.h"

namespace ebb {
namespace {

TEST(HardProseTest, SignsInProse) {
  Judge(
      {
          {"-5", "The answer is –5."},
          {"-5", "The answer is - 5."},
          {"-5", "So x = - 5."},
          {"-5", "So we get −5."},
          {"-5", R"(\boxed{– 5})"},
          {"5", "The total is 5 – which is what we wanted."},
          {"5", "Answer - 5"},
          {"5", "Answer – 5"},
          {"7", "10 – 3 = 7"},
          {"-5", "The answer is $-5$."},
          {"-5", "The answer is $-$5."},
          {"5", "He has 12-7=5"},
          {"-2", "So y = 5 - 7 = -2"},
          {"-5", "Total: –$5"},
          {"-5", "Total: -$5"},
          {"5", "Therefore:\n- 5 apples"},
      },
      true);
  Judge(
      {
          {"5", "The answer is –5."},
          {"5", "The answer is - 5."},
          {"5", "So we get −5."},
          {"5", R"(\boxed{- 5})"},
          {"-7", "So 10 – 3 = 7"},
          {"-3", "So it is 10 – 3."},
          {"2", "So y = 5 - 7 = -2"},
          {"5", "Total: –$5"},
      },
      false);
}

TEST(HardProseTest, BarsAreNoSpecialTokens) {
  Judge(
      {
          {"5", R"(Since |x|<|y|, we get \boxed{5})"},
          {"5", "If a<|b|, then the answer is 5."},
          {"5", "The answer is 5.<|endoftext|>The answer is 7"},
          {"5", R"(\boxed{5}<|eot_id|><|start_header_id|>user<|end_header_id|>\boxed{7})"},
          {"|x|<|y|", R"(\boxed{|x|<|y|})"},
          {"5", "The answer is 5</s> The answer is 7"},
          {"5", "The answer is 5.<｜end▁of▁sentence｜>The answer is 7"},
      },
      true);
  Judge(
      {
          {"0", R"(Since 0<|x|<|y|, we get \boxed{5})"},
          {"7", "The answer is 5.<|endoftext|>The answer is 7"},
          {"5", "|x|<|5|"},
      },
      false);
}

TEST(HardProseTest, DenialsAndConnectors) {
  Judge(
      {
          {"7", "The answer is not 5. The answer is 7."},
          {"7", "The answer is not 5; it is 7."},
          {"5", "The answer here is 5."},
          {"5", "The answer, then, is 5."},
          {"5", "The answer to this problem is 5."},
          {"5", "The answer in dollars is 5."},
          {"5", "The answer is therefore 5."},
          {"5", "The answer is thus 5."},
          {"5", "The answer is simply 5."},
          {"5", "The answer is exactly 5."},
          {"5", "the answer comes out to be 5"},
          {"5", "The answer = 5"},
          {"5", "The answer equals 5"},
          {"5", "The answer that we were looking for is 5."},
          {"5", "The answer we get is 5."},
          {"5", "Hence, the answer is: 5"},
          {"5", "The answer is, of course, 5."},
          {"5", "Answer is 5"},
          {"5", "Ans: 5"},
          {"5", "Ans. 5"},
          {"5", "ANSWER: 5"},
          {"5", "The answer is: **5**"},
          {"5", "The final answer is:\n\n5"},
          {"5", "My answer is 5."},
          {"5", "5 is the answer."},
          {"5", "So the answer would be 5."},
          {"5", "So the answer should be 5."},
      },
      true);
  Judge(
      {
          {"5", "The answer is not 5"},
          {"5", "The answer is not 5."},
          {"5", "The answer is definitely not 5."},
          {"5", "The answer is clearly not equal to 5."},
          {"5", "The answer is no longer 5."},
          {"5", "The answer should not be 5."},
          {"5", "The answer isn't $5$."},
          {"5", "The answer can never be 5"},
          {"5", "5 is not the answer"},
          {"5", "5 is the wrong answer."},
          {"5", "5 is an incorrect answer."},
          {"5", "The wrong answer is 5."},
          {"5", "Wrong answer: 5"},
          {"5", "It is impossible that the answer is 5."},
          {"5", "I doubt that the answer is 5."},
          {"5", "I don't think the answer is 5."},
          {"5", "The answer may be 5 or 7."},
      },
      false);
}

TEST(HardProseTest, RunOns) {
  Judge(
      {
          {"5", "The answer is 5.\n\nQ2: What is 3+4?\nA2: 7"},
          {"5", "The answer is 5.\n\n## Question\nWhat is 3+4? The answer is 7."},
          {"5", "The answer is 5.[INST] What is 3+4? [/INST] The answer is 7."},
          {"5", "\\boxed{5}\n\n### Instruction:\nWhat?\n### Response:\n\\boxed{7}"},
          {"5", "\\boxed{5}\n\nUser: what is 3+4?\nAssistant: \\boxed{7}"},
          {"5", "\\boxed{5}\n\nHuman: what is 3+4?\n\\boxed{7}"},
          {"5", "\\boxed{5}\n\nProblem 2.\n\\boxed{7}"},
          {"5", "\\boxed{5}\n\n**Question 2:** what?\n\\boxed{7}"},
          {"5", "## Question\nHow many?\n## Answer\n5"},
          {"5", "Problem: find x.\nSolution: x=5.\nThe answer is 5."},
          {"5", "Question: What do we need? Then we compute 2+3.\nThe answer is 5."},
          {"5", "The question asks how many.\nExample: 2 apples.\nThe answer is 5."},
          {"5", "Let me think.\n\nProblem: we need x.\n\nx=5. The answer is 5."},
          {R"(\text{Monday})", "The answer is Monday."},
          {R"(\text{Monday})", R"(\boxed{Monday})"},
          {"Monday", R"(\boxed{\text{Monday}})"},
          {R"(\text{Evelyn})", "**Evelyn**"},
          {R"(5 \text{ cm})", R"(\boxed{5})"},
          {R"(5\text{ cm})", R"(\boxed{5\text{ cm}})"},
          {R"(\text{June 20})", R"(\boxed{\text{June 20}})"},
          {R"(\text{(C)})", R"(\boxed{C})"},
          {R"(\text{east})", R"(\boxed{\text{east}})"},
          {R"(\text{odd})", R"(The function is $\text{odd}$.)"},
      },
      true);
  Judge(
      {
          {"7", "The answer is 5.\n\nQ2: What is 3+4?\nA2: 7"},
          {"7", "The answer is 5.\n\n## Question\nWhat is 3+4? The answer is 7."},
          {"7", "The answer is 5.\n[INST] What is 3+4? [/INST] The answer is 7."},
          {"7", "\\boxed{5}\n\nProblem 2. What is 3+4\n\\boxed{7}"},
      },
      false);
}

TEST(HardProseTest, JoinedFinalMath) {
  Judge(
      {
          {"2,3", "Therefore the solutions are $2$ and $3$."},
          {"3", "With $a = 2$ and $b = 1$ we get $a + b = 3$."},
          {"3", "Since $x > 0$, $x = 3$."},
          {"3", "Since $x = -3$ is negative, $x = 3$."},
      },
      true);
  Judge(
      {
          {"3", "Therefore the solutions are $2$ and $3$."},
          {"3", "So $x = 2$, or $x = 3$."},
          {"3", "Thus $x=2$; $x=3$."},
          {"3", "Thus $2$, $3$"},
          {"3", "Thus **2** and **3**."},
      },
      false);
}

TEST(HardProseTest, PartsOfMathematicsAreNoNumbers) {
  Judge(
      {
          {"2000", "It is 2 × 10^3."},
          {"8", "it is 2^3 = 8"},
          {"5", "It is 5!\n"},
      },
      true);
  Judge(
      {
          {"2", R"(So the length is \sqrt{2}.)"},
          {"3", "So it is x10^3."},
          {"3", "So it is 5x10^3"},
          {"3", "It is 2 × 10^3."},
          {"3", "It is 2 × 10³."},
          {"3", "It is 2*10^3"},
          {"2", "We get sqrt(2)."},
          {"2", "We get √2"},
          {"2", "We get 3√2."},
          {"2", "We get cube root of 2"},
          {"2", "We get the square root of 2."},
          {"2", "We get log 2"},
          {"2", "We get log(2)."},
          {"2", R"(We get $\log_2 x$)"},
          {"2", "x^2"},
          {"2", "It is n!/2"},
          {"3", "it is 2^3"},
          {"2", "It is x_2"},
          {"2", R"(It is \frac{x}{2}.)"},
          {"2", "It is H2O2"},
          {"2", "It is n choose 2."},
          {"2", "It is C(5,2)."},
          {"2", "It is f(2)."},
      },
      false);
}

TEST(HardProseTest, LastHashes) {
  Judge(
      {
          {"18", "#### 17\nWait, that is wrong.\n#### 18"},
          {"18", "#### 18 apples"},
          {"18", "#### $18"},
          {"18", "#### $18.00"},
          {"18", "#### 18."},
          {"18", "#### **18**"},
          {"18", R"(#### \boxed{18})"},
          {"18", "#### The answer is 18"},
          {"18", "#### Answer: 18"},
          {"18", "####18"},
          {"1200", "#### 1,200"},
      },
      true);
  Judge(
      {
          {"17", "#### 17\nWait, that is wrong.\n#### 18"},
          {"17", "#### 17\nWait, redo. #### 18 apples"},
          {"17", "#### 17\n#### So it is 18"},
          {"1", "#### 1,200"},
      },
      false);
}

TEST(HardProseTest, DoubtsAndSurroundings) {
  Judge(
      {
          {"5", "It is not hard to see that the answer is 5."},
          {"5", "I don't think so. The answer is 5."},
          {"5", "This is wrong. The answer is 5."},
          {"5", "The wrong answer is 7. The right answer is 5."},
          {"5", "The answer is not 7, it is 5."},
          {"5", "I am sure the answer is 5."},
          {"5", "I think that the answer is 5."},
          {"5", "I'm not 100% sure, but the answer is 5."},
          {"5", "Without doubt, the answer is 5."},
          {"5", "7 is wrong. So it is 5."},
          {"5", "5 is the right answer."},
          {"5", "5 is correct."},
          {"5", R"(\boxed{5}.)"},
          {"5", R"(\boxed{5}, and we are done.)"},
          {"5", R"(\boxed{5} and that is all.)"},
          {"-5", R"(= -\boxed{5})"},
          {"5", R"(15 = 20 - \boxed{15}, so the answer is \boxed{5})"},
          {"5", R"(So \(x = \boxed{5}\) is the answer)"},
          {"5", R"($$\boxed{5}$$ where 5 is the number of apples)"},
          {"5", R"($x=\boxed{5}$ and $y=3$ is given)"},
          {"2", "The square root of 4 is 2."},
          {"5", "20% of 25 is 5."},
          {"5", "20% of 25 = 5"},
          {"5", "20% of $25 is $5."},
          {"5", "1/5 of 25 = 5"},
          {"5", "3 out of 8 are red, so 5 are blue."},
          {"0.2", "1 in 5 = 0.2"},
          {"120", "It is 5! = 120"},
          {"120", "It is 5! = 120."},
          {"18", "#### So the answer is 18."},
          {"18", "#### 18 dollars per day"},
      },
      true);
  Judge(
      {
          {"5", "I'm not sure the answer is 5."},
          {"7", "The answer 7 is wrong."},
          {"5", "(5) is incorrect."},
          {"5", R"(\boxed{5} million)"},
          {"5", R"(\boxed{5}^2)"},
          {"5", R"(-\boxed{5})"},
          {"5", R"(10\boxed{5})"},
          {"25", R"(12\boxed{5})"},
          {"5", R"(\boxed{5}x)"},
          {"5", R"(\boxed{5} or 6)"},
          {"5", R"(\boxed{5} and a half)"},
          {"5", R"(\boxed{5} hundred)"},
          {"5", R"(minus \boxed{5})"},
          {"5", R"(= - \boxed{5})"},
          {"25", "20% of 25"},
          {"20", "20% of 25"},
          {"5", "5 less than 10 is x"},
          {"5", "It is 5! = 120."},
          {"5", "It is 5! ways"},
          {"3", "Thus, for $x = 2$, $x = 3$."},
          {"3", "The equation holds for $x = 2$ and $x = 3$."},
          {"3", "Solutions: $x = 2$, $x = 3$."},
          {"2", "She has 5 apples, 2 of which are red: 5 - 2 = 3."},
      },
      false);
}

}  // namespace
}  // namespace ebb
