// What a model says and then takes back, supposes, or says that it cannot tell.
#include <gtest/gtest.h>

#include "unit/grade/judge.h"

namespace ebb {
namespace {

TEST(TakenBackTest, CorrectionsReplaceAClause) {
  Judge(
      {
          {"6", "The answer is 5. Sorry, I made a mistake: it should be 6."},
          {"21", "The answer is 20... no wait, 21."},
          {"6", "The answer is 5 — wait, no, 6."},
          {"B", "The answer is (A). Actually, it should be (B)."},
          {"5", "The answer is 5. Wait, let me check that once more. Yes, it is right."},
          {"5", "The answer is 5. No, there is no other solution."},
          {"5", "The answer is 5. A common mistake is to say 6."},
          {"5", "The answer is 5. It is wrong to add 6 here."},
          {"D", "The answer is D. Option B is wrong."},
      },
      true);
  Judge(
      {
          {"5", "The answer is 5. Sorry, I made a mistake: it should be 6."},
          {"5", "The answer is 5 (incorrect)."},
          {"5", "The answer is 5, which is wrong."},
          {"5", "The answer is 5. That's wrong."},
          {"5", "The answer is 5. That’s incorrect."},
          {"20", "The answer is 20... no wait, 21."},
          {"A", "The answer is A. Wait, no, B."},
          {"5", "The answer is 5. Actually 6."},
      },
      false);
}

TEST(TakenBackTest, SuppositionsCommitToNothing) {
  Judge(
      {
          {"6", "Suppose the answer is 5. Contradiction. Hence 6."},
          {"5", "If all is right, the answer is 5."},
          {"5", "Let us see whether the answer is 5: 2 + 3 = 5. It is. So 5."},
      },
      true);
  Judge(
      {
          {"5", "Suppose the answer is 5. Contradiction. Hence 6."},
          {"5", "Can the answer be 5? It is 6."},
          {"5", "At first I thought the answer is 5, but it is 6."},
          {"5", "The answer is > 5."},
          {"5", "If the answer is 5, then twice it is 10, not 12. So it is 6."},
      },
      false);
}

TEST(TakenBackTest, SemicolonsListLikeCommas) {
  Judge(
      {
          {"5, 6", "The answer is 5; 6."},
          {"(2, 1)", "So (2, 1)."},
          {"1234", "It is large (1,234)."},
          {"7, 9", "Answer: $7$; $9$"},
          {"5", "The answer is 5; we are done."},
          {"5", "The answer is 5; 2 + 3 = 5."},
          {"5", "The answer is 5; 6 is one too many."},
          {"16", "So 4 + 4 = 8; 8 * 2 = 16."},
      },
      true);
  Judge(
      {
          {"5", "The answer is 5; 6."},
          {"5", "The answer is 5; 6; 8"},
          {"5", "The answer is 5; and 6."},
          {"5", "Answer: x = 5; x = 6"},
          {"7", "Answer: $7$; $9$"},
          {"5", "Answer: 5; no, 6."},
          {"-4", "The solutions are the answer: -4; -9."},
          {"1, 2", "So (2; 1)."},
          {"1, 2", "So (2, 1)."},
          {"(2, 1)", "So -(2, 1)."},
          {"(2, 1)", "The answer is $-(2, 1)$."},
      },
      false);
}

TEST(TakenBackTest, OpinionsOfOthersAreNoAnswers) {
  Judge(
      {
          {"6", "One might think the answer is 5, but it is 6."},
          {"6", "Some say the answer is 5. It is 6."},
          {"6", "Many people would guess that the answer is 5; it is 6."},
          {"6", "You may believe that the correct answer is 5. In truth it is 6."},
          {"6", "It may seem that the answer is 5, but it is 6."},
          {"6", "The naive answer is 5, but it is 6."},
          {"6", "Tom claims that \"the answer is 5\", but it is 6."},
          {"5", "I think the answer is 5."},
          {"5", "We can say that the answer is 5."},
          {"5", "I'd say the answer is 5."},
          {"5", "I’d say the answer is 5."},
          {"5", "As we said, the answer is 5."},
          {"5", "I would guess that the answer is 5."},
          {"5", "Needless to say, the answer is 5."},
          {"5", "It seems that the answer is 5."},
          {"5", "One can safely say that the answer is 5."},
          {"5", "This leads me to believe that the answer is 5."},
          {"5", "Some say it is 6. The answer is 5."},
      },
      true);
  Judge(
      {
          {"5", "One might think the answer is 5, but it is 6."},
          {"5", "Some say the answer is 5. It is 6."},
          {"5", "Many people would guess that the answer is 5; it is 6."},
          {"5", "You may believe that the correct answer is 5. In truth it is 6."},
          {"5", "It may seem that the answer is 5, but it is 6."},
          {"5", "The naive answer is 5, but it is 6."},
          {"5", "The book says the answer is 5."},
          {"5", "People often say “the answer is 5”. It is 6."},
          {"5", "Some say the answer is 5. Others say the answer is 6."},
          {"5", "Tom says: the answer is 5. It is 6."},
          {"5", "Tom claims that \"the answer is 5\", but it is 6."},
          {"A", "One might think the answer is A, but it is B."},
          {"x + 1", "One could think that the answer is $x + 1$, but it is $x + 2$."},
      },
      false);
}

TEST(TakenBackTest, AnswersOfOthersAreNoAnswers) {
  Judge(
      {
          {"6", "The student's answer is 5. The right one is 6."},
          {"6", "Tom's answer is 5, which is off by one; it is 6."},
          {"6", "Anna’s final answer was 5, but it is 6."},
          {"6", "The students' answer is 5. It is 6."},
          {"6", "Their answer is 5, but it is 6."},
          {"5", "My answer is 5."},
          {"5", "Our final answer is 5."},
          {"5", "Your answer: 5"},
          {"5", "Here's the answer: 5"},
          {"5", "That’s it. The answer is 5."},
          {"5", "The problem's answer is 5."},
          {"5", "Tom's correct answer is 5."},
          {"5", "In Tom's case the answer is 5."},
      },
      true);
  Judge(
      {
          {"5", "The student's answer is 5. The right one is 6."},
          {"5", "Tom's answer is 5, which is off by one; it is 6."},
          {"5", "Anna’s final answer was 5, but it is 6."},
          {"5", "The students' answer is 5. It is 6."},
          {"5", "Their answer is 5, but it is 6."},
          {"5", "Tom's answer: 5. He forgot one, so it is 6."},
          {"5", "Tom's answer is 5. Anna's answer is 6."},
          {"A", "The student's answer is A. The right one is B."},
      },
      false);
}

TEST(TakenBackTest, QuestionsWithNoBehindThem) {
  Judge(
      {
          {"6", "Is the answer 5? No. It is 6."},
          {"6", "Could it be 5? No, it is 6."},
          {"5", "Is the answer 5? Yes."},
          {"5", "What is the answer? 5"},
          {"5", "How many are left? 5."},
          {"5", "So 5 remain. Are any left over? No."},
          {"5", "The answer is 5. Is 6 possible? No."},
          {"B", "Is it A? No. So it is B."},
      },
      true);
  Judge(
      {
          {"5", "Is the answer 5? No."},
          {"5", "Is the answer 5? No. It is 6."},
          {"5", "Is it 5? No."},
          {"5", "Could it be $5$?\nNo, it could not."},
          {"5", "Is the answer perhaps 5? Not at all."},
          {"5", "Could the answer be **5**? Nope."},
          {"5", "Is it 5, then? Surely not."},
          {"5", "Is the answer 5?"},
          {"A", "Is the answer A? No."},
          {"x + 1", "Is the answer $x + 1$? No."},
      },
      false);
}

TEST(TakenBackTest, AnswersUnderConditionsAreNotOneNumber) {
  Judge(
      {
          {"5", "The answer is 5 when n = 2."},
          {"5", "The answer is 5 if x > 0 and if y > 0."},
          {"5", "The answer is 5 for all n."},
          {"5", "The answer is 5 when we add 2 and 3."},
          {"5", "When n = 2, the answer is 5."},
          {"5", "The answer is 5 because it is 2 for Tom and 3 for Anna."},
      },
      true);
  Judge(
      {
          {"5", "The answer is 5 when n=2 and 7 when n=3."},
          {"7", "The answer is 5 when n=2 and 7 when n=3."},
          {"5", "The answer is 5 if n is even, 7 if n is odd."},
          {"5", "The answer is 5 for even n and 7 for odd n."},
          {"5", "The answer is $5$ when $n = 2$ and $7$ when $n = 3$."},
          {"5", "The answer is 5 apples for Tom and 7 apples for Anna."},
          {"5", "The answer is 5 when n = 2; it is 7 when n = 3."},
          {"5", "When n = 2 the answer is 5, and when n = 3 it is 7."},
          {"5", "It is 5 if n = 2 and 7 if n = 3."},
          {"5", "The answer is 5 when n = 2 and it's 7 when n = 3."},
          {"5", "The answer is 5 for n = 2, and for n = 3, 7."},
          {"5", "The answer is 5 in case n = 2 and 7 in case n = 3."},
          {"5", "The answer is 5 on Monday and 7 on Tuesday."},
          {"5", "The answer is 5 (n = 2) or 7 (n = 3)."},
          {"x", "The answer is $x$ when $x > 0$ and $-x$ when $x < 0$."},
      },
      false);
}

TEST(TakenBackTest, NoAnswerIsNotTheLastNumber) {
  Judge(
      {
          {"5", "With 5 apples alone, the answer cannot be determined."},
          {"5", "For 5 it has no value. The answer is undefined."},
          {"5", "Answer: unknown. 5 is a prime."},
          {"18", R"({"answer": null, "guess": 18})"},
      },
      false);
  Judge({{R"(\text{undefined})", "For 5 it has no value. The answer is undefined."}}, true);
}

TEST(TakenBackTest, ThoughtsThatWereCutOffAreNoAnswers) {
  Judge(
      {
          {"12", R"(<think>The answer is \boxed{12})"},
          {"12", "<think>3 * 4 = 12. So the answer is 12.\n"},
      },
      false);
  Judge(
      {
          {"12", "<think>Perhaps 10?</think><answer>12</answer>"},
          {"12", "The answer is <answer>12</answer>"},
          {"x + 1", "<answer>$x+1$</answer>"},
      },
      true);
}

TEST(TakenBackTest, BoxesWithTheirSurroundings) {
  Judge(
      {
          {"18", R"(Bill is on the $\boxed{18}$th floor.)"},
          {"3", R"(There are $\boxed{3}$ two-digit primes.)"},
          {"240", R"(He has $\boxed{240}$ five-dollar bills.)"},
          {"9", R"(There are $\boxed{9}$ zeroes at the end.)"},
          {"-256", R"(So $a = -\\boxed{256}$.)"},  // escaped twice
      },
      true);
  Judge(
      {
          {"256", R"(So $a = -\\boxed{256}$.)"},
          {"x + 1", R"(It is $\boxed{x + 1}^2$.)"},
          {"3", R"(There are $\boxed{3}$ tens.)"},
          {"3", R"(There are $\boxed{3}$ hundred.)"},
      },
      false);
}

TEST(TakenBackTest, SpacedDollarsHoldMathematics) {
  Judge(
      {
          {"x + 1", "So we get $ x + 1 = x + 1 $."},
          {"(1, 2)", "So the point is $ (1, 2) $."},
          {R"(\begin{pmatrix}1\\2\end{pmatrix})", R"(It is $ \begin{pmatrix}1\\2\end{pmatrix} $.)"},
      },
      true);
  Judge({{"5", "It costs $ 5 and $ 6 more, in all $ 11 "}}, false);
}

}  // namespace
}  // namespace ebb
