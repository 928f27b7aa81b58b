// Clauses that say what others hold for the answer, or that only ask for it.
#include <algorithm>

#include "grade/math_text.h"
#include "grade/prose_parts.h"

namespace ebb::prose_parts {
namespace {

constexpr size_t kNone = std::string_view::npos;
// Hostile texts have questions without end: only so much of each is looked at.
constexpr size_t kMaxQuestionBytes = 400;
constexpr size_t kMaxReplyBytes = 48;
constexpr size_t kMaxReportBytes = 64;

size_t StartOf(std::string_view text, std::string_view word) {
  return static_cast<size_t>(word.data() - text.data());
}

bool IsOpinion(std::string_view word) {
  return OneOf(word, {"think",   "thinks",  "say",      "says",     "said",   "claim",   "claims",
                      "claimed", "believe", "believes", "believed", "guess",  "guesses", "guessed",
                      "expect",  "expects", "argue",    "argues",   "argued", "seem",    "appear"});
}

// Whether "tom's" before an answer names a person rather than what is asked.
bool IsPersons(std::string_view possessive) {
  if (OneOf(possessive, {"his", "her", "their"})) return true;
  if (possessive.ends_with("s'")) return possessive.size() > 2;
  if (!possessive.ends_with("'s")) return false;
  possessive.remove_suffix(2);
  return !possessive.empty() &&
         !OneOf(possessive, {"it", "here", "that", "there", "what", "let", "problem", "question",
                             "exercise", "puzzle", "riddle", "equation", "task", "today"});
}

// The word before `at`, with the apostrophe that LowerAscii and Clauses leave of "tom’s".
std::string WordWithApostrophe(std::string_view lower, size_t at, size_t* start) {
  constexpr std::string_view kApostrophe = "'  ";
  // Bold text and quotations may open here: they say "the answer is 5".
  while (at > 0 && std::string_view(" *\"").find(lower[at - 1]) != kNone &&
         !lower.substr(0, at).ends_with(kApostrophe)) {
    --at;
  }
  if (lower.substr(0, at).ends_with("“")) at -= 3;
  std::string_view word = WordBefore(lower, at);
  *start = StartOf(lower, word);
  const std::string_view before = lower.substr(0, *start);
  if (word.size() > 2 || !before.ends_with(kApostrophe)) return std::string(word);
  const std::string end(word);
  word = WordBefore(lower, *start - 2);
  *start = StartOf(lower, word);
  return std::string(word) + end;
}

// "I would ", "we can ", "leads me to ", "one can safely ": whether the words before an opinion at
// `at` make it the author's own.
bool OwnOpinion(std::string_view lower, size_t at) {
  for (int words = 0; words < 8; ++words) {
    size_t start = at;
    const std::string word = WordWithApostrophe(lower, at, &start);
    if (word.empty()) return false;
    if (OneOf(word, {"i", "we", "me", "us", "i'd", "i'm", "i'll", "we'd", "we'll", "can"})) {
      return true;
    }
    at = start;
  }
  return false;
}

// "Tom says: ", "she thought, ", but not "as we said, ".
bool ReportsBefore(std::string_view lower, size_t at) {
  const size_t near = at - std::min(at, kMaxReportBytes);
  const std::string_view before = TrimSpace(lower.substr(near, at - near));
  if (!before.ends_with(':') && !before.ends_with(',')) return false;
  const size_t mark = StartOf(lower, before) + before.size() - 1;
  const std::string_view word = WordBefore(lower, mark);
  return OneOf(word, {"says", "said", "claims", "claimed", "thinks", "thought", "believes",
                      "believed", "guesses", "guessed", "answers", "answered", "replies"}) &&
         !OwnOpinion(lower, StartOf(lower, word));
}

// Whether a question is denied by the words at `at`: "no", or a short sentence like "surely not".
bool SaysNo(std::string_view text, size_t at) {
  const std::string_view reply = text.substr(at, kMaxReplyBytes);
  if (OneOf(LowerAscii(LettersAt(reply, 0)), {"no", "nope", "not", "wrong", "incorrect"})) {
    return true;
  }
  return reply.substr(0, SentenceEnd(reply, 0)).ends_with(" not");
}

// Where the sentence that ends at `end` begins.
size_t SentenceStart(std::string_view text, size_t end) {
  size_t at = end;
  while (at > 0 && end - at < kMaxQuestionBytes) {
    const char c = text[at - 1];
    if (c == '\n') break;
    if ((c == '.' || c == '!' || c == '?') && at < text.size() && IsSpace(text[at])) break;
    --at;
  }
  return at;
}

}  // namespace

bool DoubtedBefore(std::string_view lower, size_t at) {
  bool thinks = false;
  bool correct = false;
  for (int words = 0; words < 6; ++words) {
    size_t start = at;
    const std::string word = WordWithApostrophe(lower, at, &start);
    if (OneOf(word, {"wrong", "incorrect", "doubt", "impossible", "unlikely", "thought", "if",
                     "suppose", "supposing", "assume", "assuming", "whether", "naive", "tempting",
                     "intuitive", "initial", "previous", "earlier", "common"})) {
      return true;
    }
    if (thinks)
      return word == "not" || word == "cannot" || word == "never" || word.ends_with("n't");
    if (word.empty() && ReportsBefore(lower, start)) return true;
    // Tom's correct answer is the answer, Tom's answer is Tom's.
    if (!correct && IsPersons(word)) return true;
    if (IsOpinion(word) && !OwnOpinion(lower, start)) return true;
    thinks = word == "think" || word == "sure";
    correct = correct || word == "correct" || word == "right";
    const bool passes = thinks || correct || OneOf(word, {"the", "that", "final", "own", "first"});
    if (!passes) return false;
    at = start;
  }
  return false;
}

bool AsksWhether(std::string_view lower, size_t at) {
  const size_t end = SentenceEnd(lower.substr(0, at + kMaxQuestionBytes), at);
  if (end >= lower.size() || lower[end] != '?') return false;
  const std::string_view reply = lower.substr(end + 1, kMaxReplyBytes);
  const size_t next = reply.find_first_not_of(" \n*\"");
  if (next != kNone && OneOf(LettersAt(reply, next), {"yes", "indeed", "correct", "right"})) {
    return false;
  }
  for (int words = 0; words < 4; ++words) {
    const std::string_view word = WordBefore(lower, at);
    if (OneOf(word, {"is", "was", "are", "can", "could", "may", "might", "would", "should"})) {
      return true;
    }
    if (!OneOf(word, {"the", "final", "correct", "right", "that"})) return false;
    at = StartOf(lower, word);
  }
  return false;
}

std::string WithoutDeniedQuestions(std::string_view text) {
  std::string out(text);
  for (size_t mark = text.find('?'); mark != kNone; mark = text.find('?', mark + 1)) {
    size_t next = mark + 1;
    while (next < text.size() && next - mark < kMaxReplyBytes &&
           std::string_view(" \n*\"?").find(text[next]) != kNone) {
      ++next;
    }
    if (!SaysNo(text, next)) continue;
    const size_t start = SentenceStart(text, mark);
    std::fill(out.begin() + static_cast<ptrdiff_t>(start),
              out.begin() + static_cast<ptrdiff_t>(mark), ' ');
  }
  return out;
}

}  // namespace ebb::prose_parts
