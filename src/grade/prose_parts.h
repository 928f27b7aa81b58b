// What the files that read prose share.
#pragma once

#include <algorithm>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

#include "grade/extract.h"
#include "grade/math_text.h"

namespace ebb::prose_parts {

[[nodiscard]] inline bool WordByte(char c) { return IsLetter(c) || IsDigit(c) || c == '_'; }
[[nodiscard]] inline bool OneOf(std::string_view word,
                                std::initializer_list<std::string_view> words) {
  return std::find(words.begin(), words.end(), word) != words.end();
}
[[nodiscard]] bool Ordinal(std::string_view letters);  // th, st, nd, rd
[[nodiscard]] std::string_view LettersAt(std::string_view text, size_t at);
[[nodiscard]] size_t SkipSpaces(std::string_view text, size_t at);

// The end of the sentence that starts at `at`: the line's end, or a full stop that a space follows.
[[nodiscard]] size_t SentenceEnd(std::string_view text, size_t at);

// Without the marks of bold text and code and the delimiters \( \) \[ \] of mathematics.
[[nodiscard]] std::string PlainProse(std::string_view text);

// The bytes of the mathematics at the start of a text, up to the first word; `numbers_only`:
// without letters.
[[nodiscard]] size_t MathRunSize(std::string_view text, bool numbers_only);

// Whether a number, a bracket, a command or a letter of mathematics (not of a word) stands at `at`.
[[nodiscard]] bool StartsMath(std::string_view text, size_t at);

// An answer together with what stands behind it and makes another answer of it: a power, a scale
// ("5 million"), a second part ("5 or 6", "2 hours and 30 minutes"), its unit, words that compute
// ("5 plus 6"). What it adds up to need not be an answer any more: then it is none.
struct Continued {
  std::string text;
  size_t size = 0;  // bytes of `rest` that went into it
};
[[nodiscard]] Continued WithContinuation(std::string answer, std::string_view rest);

// Whether a number stands at `at`, in digits or words.
[[nodiscard]] bool NumberAt(std::string_view text, size_t at);

// Words that say in which case an answer holds: when, if, for, on.
[[nodiscard]] bool IsCondition(std::string_view word);

// Whether a sentence gives another answer for another case. Behind a `condition` at `at`: "5 when
// n = 2 and 7 when n = 3"; without one, at a joiner: "5, and when n = 3 it is 7".
[[nodiscard]] bool HasOtherCase(std::string_view sentence, size_t at, std::string_view condition);

// Whether the number or segment at `at` has a sign before it that is not part of it.
[[nodiscard]] bool NegatedBefore(std::string_view text, size_t at);

// The word, with its apostrophes, that ends just before `at`.
[[nodiscard]] std::string_view WordBefore(std::string_view text, size_t at);

// Whether the words behind an answer take it back: "is wrong", "is not the right answer".
[[nodiscard]] bool TakenBack(std::string_view rest);

// Whether the words before `at` say that what follows is not the answer: not, isn't, more than.
[[nodiscard]] bool DeniedBefore(std::string_view text, size_t at);

// Whether a text starts with a word, whatever its case.
[[nodiscard]] bool StartsWithWord(std::string_view text, std::string_view word);

// Behind words that stand between "is" and the answer: about, therefore.
[[nodiscard]] size_t SkipFillers(std::string_view text, size_t at);

// Whether a sentence behind "the answer is" does not give it: "not 5", "more than 5".
[[nodiscard]] bool GivesNoAnswer(std::string_view sentence);

// Whether a sentence behind "the answer" says that there is none to give: undefined, cannot be
// determined. No other number of the output is the answer then.
[[nodiscard]] bool CommitsToNothing(std::string_view sentence);

// Whether the words before the cue "answer" at `at` say that what follows is wrong, or what
// somebody else holds for the answer: "I doubt that the", "some say the", "Tom's". `lower`: in
// small letters.
[[nodiscard]] bool DoubtedBefore(std::string_view lower, size_t at);

// Whether the cue at `at` stands in a question, "is the answer 5?", that no "yes" follows.
[[nodiscard]] bool AsksWhether(std::string_view lower, size_t at);

// With spaces for the sentences that ask and that "no" follows: "Is it 5? No."
[[nodiscard]] std::string WithoutDeniedQuestions(std::string_view text);

struct Retraction {
  size_t end = 0;         // the index behind its words; 0: there is none
  bool admitted = false;  // it says that what was said is wrong; else only "wait", "no", "actually"
};
// The last retraction in `text` behind `at`.
[[nodiscard]] Retraction RetractionBehind(std::string_view text, size_t at);

// The answer that a clause commits to; bold text in bold text only to a small `depth`.
[[nodiscard]] std::optional<std::string> CommittedIn(std::string_view text, ExpectedAnswer expected,
                                                     int depth = 0);

}  // namespace ebb::prose_parts
