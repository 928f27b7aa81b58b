// The letter of a choice that prose commits to.
#include <algorithm>

#include "grade/math_text.h"
#include "grade/prose.h"
#include "grade/prose_parts.h"

namespace ebb {
namespace {

using namespace prose_parts;

constexpr size_t kNone = std::string_view::npos;

// Whether only "or", "and", a comma or a slash stands between two letters of a choice.
bool JoinsLetters(std::string_view between) {
  bool joined = false;
  for (size_t at = 0; at < between.size();) {
    const std::string_view word = LettersAt(between, at);
    const bool conjunction = word == "or" || word == "and" || word == "nor";
    const bool command = word == "text" || word == "quad" || word == "textbf" || word == "both";
    if (!word.empty() && !conjunction && !command) return false;
    if (word.empty() && std::string_view(" ().,:;*$\\{}/&").find(between[at]) == kNone)
      return false;
    joined = joined || conjunction || between[at] == ',' || between[at] == '/' ||
             between[at] == '&' || between[at] == '(';
    at += std::max<size_t>(1, word.size());
  }
  return joined;
}

// A and I may be words: an article before a word in small letters, "I think".
bool IsLetterWord(std::string_view text, size_t at, bool leads) {
  const char c = text[at];
  if (c != 'A' && c != 'I') return false;
  if (at + 2 >= text.size() || text[at + 1] != ' ') return false;
  const std::string_view next = LettersAt(text, at + 2);
  if (next.empty() || next[0] < 'a') return false;
  if (c == 'I') return true;
  // "The answer is A because ..": no article stands there.
  for (const std::string_view word :
       {"or", "and", "because", "since", "as", "is", "not", "but", "with", "for"}) {
    if (next == word) return false;
  }
  return !leads;
}

}  // namespace

std::optional<std::string> ChosenLetter(std::string_view text, bool first) {
  text = TrimSpace(text);
  size_t chosen = kNone;  // the letter
  size_t from = kNone;    // the first of those that are joined with it
  bool denied = false;
  bool settled = false;  // only a letter that is joined with the chosen one counts any more
  for (size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    // A denial holds up to the end of its clause.
    if (c == ',' || c == '.' || c == ';' || c == '\n' || StartsWithWord(text.substr(at), "but")) {
      denied = false;
    }
    const bool word_start = at == 0 || !WordByte(text[at - 1]);
    for (const std::string_view word : {"not", "non", "cannot", "can't", "isn't", "neither"}) {
      if (word_start && StartsWithWord(text.substr(at), word)) denied = true;
    }
    if (text.substr(at).starts_with("n't") || text.substr(at).starts_with("不")) denied = true;
    if (c < 'A' || c > 'J' || !word_start || denied) continue;
    const char next = at + 1 < text.size() ? text[at + 1] : '.';
    if (WordByte(next) || next == '\'' || IsLetterWord(text, at, first && at == 0)) continue;
    if (TakenBack(text.substr(at + 1))) continue;
    const bool joined = chosen != kNone && at - chosen < 24 &&
                        JoinsLetters(text.substr(chosen + 1, at - chosen - 1));
    if (settled && !joined) break;
    if (!joined) from = at;
    chosen = at;
    settled = settled || first || (at <= 2 && std::string_view(").:,").find(next) != kNone);
  }
  if (chosen == kNone) return std::nullopt;
  return std::string(text.substr(from, chosen + 1 - from));
}

}  // namespace ebb
