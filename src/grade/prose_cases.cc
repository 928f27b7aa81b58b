// Answers that hold in one case only, with another answer for another case.
#include <algorithm>

#include "grade/math_text.h"
#include "grade/prose_parts.h"
#include "grade/units.h"
#include "grade/word_numbers.h"

namespace ebb::prose_parts {
namespace {

constexpr size_t kNone = std::string_view::npos;
constexpr int kMaxJoiners = 8;

// Behind "and it is".
size_t SkipLead(std::string_view text, size_t at) {
  at = SkipSpaces(text, at);
  for (int i = 0; i < 4; ++i) {
    const std::string_view word = LettersAt(text, at);
    if (!OneOf(word, {"and", "or", "but", "while", "it", "is", "s", "to"})) break;
    at = SkipSpaces(text, at + word.size());
    if (at < text.size() && text[at] == '\'') ++at;
  }
  return at;
}

// Whether "is" or a comma leads to a number behind `at`: "when n = 3 it is 7", "for n = 3, 7".
bool GivesNumber(std::string_view text, size_t at) {
  for (const std::string_view lead : {" is ", "'s ", ", "}) {
    const size_t found = text.find(lead, at);
    if (found != kNone && NumberAt(text, found + lead.size())) return true;
  }
  return false;
}

// Behind a joiner: "it is 7 apples when", or "when n = 3 it is 7".
bool CaseAt(std::string_view text, size_t at, std::string_view condition) {
  at = SkipLead(text, at);
  if (OneOf(LettersAt(text, at), {"when", "if", "for"})) return GivesNumber(text, at);
  if (condition.empty() || !NumberAt(text, at)) return false;
  at += StartsMath(text, at) ? MathRunSize(text.substr(at), false)
                             : ScanWordNumber(text.substr(at)).size;
  for (int words = 0; words < 3; ++words) {
    while (at < text.size() && (text[at] == '$' || text[at] == ' ')) ++at;
    const std::string_view word = LettersAt(text, at);
    if (word == condition || word == "otherwise") return true;
    at += word.size();
  }
  return false;
}

}  // namespace

bool NumberAt(std::string_view text, size_t at) {
  return StartsMath(text, at) || NumberWord(LettersAt(text, at)) >= 0;
}

bool IsCondition(std::string_view word) {
  return OneOf(word, {"when", "if", "for", "where", "in", "on", "at", "with", "under"});
}

bool HasOtherCase(std::string_view sentence, size_t at, std::string_view condition) {
  int joiners = 0;
  for (; at < sentence.size() && joiners < kMaxJoiners; ++at) {
    const char c = sentence[at];
    const bool word = IsLetter(c) && (at == 0 || !IsLetter(sentence[at - 1]));
    const std::string_view joiner = word ? LettersAt(sentence, at) : std::string_view();
    const bool joins = c == ',' || c == ';' || OneOf(joiner, {"and", "or", "but", "while"});
    if (joins && CaseAt(sentence, at + std::max<size_t>(1, joiner.size()), condition)) return true;
    if (condition.empty()) return false;
    joiners += joins ? 1 : 0;
  }
  return false;
}

}  // namespace ebb::prose_parts
