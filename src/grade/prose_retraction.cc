// Clauses that commit to no answer, or are taken back by what follows them.
#include <algorithm>

#include "grade/math_text.h"
#include "grade/prose.h"
#include "grade/prose_parts.h"

namespace ebb::prose_parts {
namespace {

constexpr size_t kNone = std::string_view::npos;

// Whether a sentence, or a part of one, begins at `at`.
bool BeginsPart(std::string_view text, size_t at) {
  while (at > 0 && (text[at - 1] == ' ' || text[at - 1] == '*')) --at;
  if (at == 0) return false;
  return text[at - 1] == '\n' || std::string_view(".!?,;(-").find(text[at - 1]) != kNone ||
         static_cast<unsigned char>(text[at - 1]) >= 0x80;  // a dash, an ellipsis
}

// "Wait, I ..", "no, ..", but not "wait times" and "no apples": the bytes of the interjection.
size_t InterjectionSize(std::string_view text, size_t at) {
  const std::string_view word = LettersAt(text, at);
  if (!OneOf(word, {"wait", "oops", "sorry", "hmm", "no", "actually", "correction"})) return 0;
  const size_t next = SkipSpaces(text, at + word.size());
  const bool number = next < text.size() && IsDigit(text[next]);
  const bool punctuated = next < text.size() && !IsLetter(text[next]) && !number;
  const std::string_view second = LettersAt(text, next);
  const bool goes_on =
      OneOf(second, {"i", "it", "that", "this", "no", "actually", "the", "wait"}) ||
      (number && word == "actually");
  return punctuated || (goes_on && (word != "no" || second == "wait")) ? word.size() : 0;
}

// Whether the words before "wrong" or "mistake" at `at` say it of what was just said: "that is",
// "I made a", but not "option B is".
bool AdmittedBefore(std::string_view lower, size_t at) {
  const std::string_view before = lower.substr(0, at);
  for (const std::string_view words :
       {"that is ", "that's ", "that’s ", "that was ", "this is ", "it is ", "it's ", "it’s ",
        "which is ", "i was ", "made a ", "made an ", "my ", "("}) {
    if (before.ends_with(words)) return true;
  }
  return false;
}

}  // namespace

bool CommitsToNothing(std::string_view sentence) {
  size_t at = SkipFillers(sentence, 0);
  if (StartsWithWord(sentence.substr(std::min(at, sentence.size())), "be")) at += 2;
  at = SkipFillers(sentence, at);
  if (at >= sentence.size()) return false;
  for (const std::string_view word :
       {"undefined", "undetermined", "indeterminate", "unknown", "impossible", "null",
        "nonexistent", "not defined", "not known", "not determined", "not possible",
        "does not exist"}) {
    if (StartsWithWord(sentence.substr(at), word)) return true;
  }
  for (const std::string_view denial :
       {"cannot be ", "can't be ", "can not be ", "could not be "}) {
    if (LowerAscii(sentence.substr(at, denial.size())) != denial) continue;
    const std::string_view verb = LettersAt(sentence, at + denial.size());
    if (OneOf(verb,
              {"determined", "found", "known", "computed", "calculated", "given", "obtained"})) {
      return true;
    }
  }
  return false;
}

Retraction RetractionBehind(std::string_view text, size_t at) {
  const std::string lower = LowerAscii(text);
  Retraction found;
  for (const std::string_view word : {"mistake", "error", "wrong", "incorrect", "scratch that"}) {
    for (size_t i = lower.find(word, at); i != kNone; i = lower.find(word, i + 1)) {
      const bool said = AdmittedBefore(lower, i) && lower.compare(i + word.size(), 4, " to ") != 0;
      if (said || word == "scratch that") {
        found = {std::max(found.end, i + word.size()), true};
      }
    }
  }
  for (size_t i = std::max(at + 1, found.end); i < lower.size(); ++i) {
    if (!IsLetter(lower[i]) || IsLetter(lower[i - 1]) || !BeginsPart(lower, i)) continue;
    const size_t size = InterjectionSize(lower, i);
    if (size > 0) found.end = i + size;
  }
  return found;
}

}  // namespace ebb::prose_parts
