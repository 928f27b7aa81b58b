// Clauses that say what the answer is.
#include "grade/prose.h"

#include <algorithm>
#include <vector>

#include "grade/math_text.h"
#include "grade/prose_parts.h"

namespace ebb {
namespace {

using namespace prose_parts;

constexpr size_t kNone = std::string_view::npos;
constexpr size_t kMaxClauses = 32;
constexpr size_t kMaxConnectorDistance = 100;

// What joins "answer" with what it is: the index behind it, kNone if nothing does.
struct Connector {
  size_t end = kNone;
  bool denied = false;  // it says what the answer is not
};

// Words that may stand between: the final answer therefore must be ..
bool Modifies(std::string_view word) {
  for (const std::string_view modifier :
       {"final",   "correct", "here",   "would",  "will",     "must",      "should",   "has",
        "to",      "then",    "so",     "hence",  "thus",     "therefore", "now",      "simply",
        "clearly", "indeed",  "also",   "in",     "fact",     "finally",   "choice",   "option",
        "key",     "text",    "textbf", "mathbf", "boxed",    "finale",    "correcta", "correcte",
        "of",      "for",     "this",   "the",    "question", "problem"}) {
    if (word == modifier) return true;
  }
  return false;
}

bool DeniesOrDoubts(std::string_view word) {
  for (const std::string_view denial :
       {"not", "cannot", "never", "depends", "depend", "whether", "can't", "unless", "neither"}) {
    if (word == denial) return true;
  }
  return word.ends_with("n't");
}

// "the answer to how many there are is 5": between, any words may stand.
bool IsQuestion(std::string_view first) { return first == "to" || first == "for" || first == "of"; }

Connector ConnectorBehind(std::string_view lower, size_t at) {
  constexpr std::string_view kWords[] = {"is", "are", "was", "be", "equals", "est", "es", "ist"};
  constexpr std::string_view kSigns[] = {":", "=", "：", "是", "为", "→", "->"};
  const size_t limit = std::min(lower.size(), at + kMaxConnectorDistance);
  const size_t start = at;
  Connector connector;
  std::string_view first;
  bool between = false;  // words that are no modifiers
  while (at < limit && lower[at] != '\n') {
    const std::string_view rest = lower.substr(at);
    if (rest.starts_with("不")) connector.denied = true;
    for (const std::string_view sign : kSigns) {
      if (!rest.starts_with(sign)) continue;
      connector.end = between ? kNone : at + sign.size();
      return connector;
    }
    if (rest[0] == '(') {
      const size_t close = rest.find(')');
      if (close == kNone || close > kMaxConnectorDistance) return {};
      at += close + 1;
      continue;
    }
    if (!IsLetter(rest[0])) {
      if (std::string_view(" *_\"'`#{}\\").find(rest[0]) == kNone &&
          static_cast<unsigned char>(rest[0]) < 0x80) {
        return {kNone, connector.denied};
      }
      ++at;
      continue;
    }
    size_t end = at;
    while (end < lower.size() && (IsLetter(lower[end]) || lower[end] == '\'')) ++end;
    const std::string_view word = lower.substr(at, end - at);
    if (DeniesOrDoubts(word)) {
      connector.denied = true;
    } else if (std::find(std::begin(kWords), std::end(kWords), word) != std::end(kWords)) {
      connector.end = connector.denied ? kNone : end;
      return connector;
    } else if (!Modifies(word)) {
      between = true;
      if (!connector.denied && !IsQuestion(first)) return {};
    }
    if (first.empty()) first = word;
    at = end;
  }
  // A heading: "## Answer" and the answer on the next line.
  const std::string_view rest = lower.substr(start, at - start);
  const bool heading = std::all_of(
      rest.begin(), rest.end(), [](char c) { return std::string_view(" *_#}").find(c) != kNone; });
  if (heading && at < lower.size()) connector.end = at;
  return connector;
}

struct Clause {
  size_t start = 0;     // of its content
  bool denied = false;  // it only says what the answer is not
};

// "A:" and "A2:" at the start of a line: the index behind it, or 0.
size_t LetterCueEnd(std::string_view lower, size_t at) {
  if (at > 0 && lower[at - 1] != '\n') return 0;
  if (lower[at] != 'a') return 0;
  size_t end = at + 1;
  while (end < lower.size() && IsDigit(lower[end])) ++end;
  return end < lower.size() && lower[end] == ':' ? end + 1 : 0;
}

// The clauses, in order.
std::vector<Clause> Clauses(std::string_view text) {
  constexpr std::string_view kCues[] = {"answer",  "ans",      "答案",     "réponse", "respuesta",
                                        "antwort", "risposta", "resposta", "ответ"};
  std::string lower = LowerAscii(text);
  for (size_t at = lower.find("’"); at != kNone; at = lower.find("’", at))
    lower.replace(at, 3, "'  ");
  std::vector<Clause> clauses;
  for (size_t at = 0; at < lower.size(); ++at) {
    if (const size_t end = LetterCueEnd(lower, at); end > 0) {
      clauses.push_back({end, false});
      continue;
    }
    if (at > 0 && WordByte(lower[at - 1])) continue;
    for (const std::string_view cue : kCues) {
      if (!std::string_view(lower).substr(at).starts_with(cue)) continue;
      size_t end = at + cue.size();
      if (end < lower.size() && lower[end] == 's') ++end;
      if (end < lower.size() && IsLetter(lower[end])) break;
      if (at >= 3 && lower.compare(at - 3, 3, "to ") == 0) break;  // to answer this, ..
      const Connector connector = ConnectorBehind(lower, end);
      const bool doubted = DoubtedBefore(lower, at);
      if (connector.denied || AsksWhether(lower, at) || (doubted && connector.end != kNone)) {
        clauses.push_back({end, true});
      } else if (connector.end != kNone) {
        clauses.push_back({connector.end, false});
      }
      break;
    }
  }
  return clauses;
}

// Blanks a clause from `at` to the end of its sentence, or to "but", ", so" or ", it".
std::string WithoutClause(std::string_view text, size_t at) {
  std::string out(text);
  size_t end = SentenceEnd(text, at);
  for (const std::string_view word : {" but ", " however", " whereas ", ", so ", ", it ", "; "}) {
    end = std::min(end, text.find(word, at));
  }
  std::fill(out.begin() + static_cast<ptrdiff_t>(at), out.begin() + static_cast<ptrdiff_t>(end),
            ' ');
  return out;
}

// Whether a retraction behind a clause takes it back: it says so, or it says "wait" and gives
// another answer in the `rest`.
bool TakesBack(const Retraction& retraction, std::string_view rest, ExpectedAnswer expected) {
  if (retraction.end == 0 || retraction.admitted) return retraction.admitted;
  switch (expected) {
    case ExpectedAnswer::kText:
      return false;
    case ExpectedAnswer::kChoice:
      return ChosenLetter(rest, false).has_value();
    case ExpectedAnswer::kNumber:
    case ExpectedAnswer::kMath:
      return FinalMath(rest, expected).has_value() || LastNumber(rest).has_value();
  }
  return false;
}

}  // namespace

std::optional<std::string> LastClause(std::string_view text, ExpectedAnswer expected,
                                      std::string* denied) {
  const std::vector<Clause> clauses = Clauses(text);
  if (denied != nullptr) *denied = std::string(text);
  for (size_t tries = 0; tries < kMaxClauses && tries < clauses.size(); ++tries) {
    const Clause& clause = clauses[clauses.size() - 1 - tries];
    std::string_view content = text.substr(clause.start);
    // What follows on the line; if nothing does, the next lines' first.
    size_t skip = 0;
    while (skip < content.size() && (IsSpace(content[skip]) || content[skip] == ':')) ++skip;
    content.remove_prefix(skip);
    // Long outputs: a clause is a sentence.
    content = content.substr(0, 2 * kMaxAnswerBytes);
    const size_t start = SkipFillers(content, 0);
    const size_t sentence = SentenceEnd(content, 0);
    const bool asks = sentence < content.size() && content[sentence] == '?';
    // "is > 5", but not "=> 5" and a quotation on the next line.
    const bool bounds = content.starts_with('>') && text[clause.start - 1] != '=' &&
                        text.substr(clause.start, skip).find('\n') == kNone;
    const bool refused = clause.denied || asks || bounds || GivesNoAnswer(content) ||
                         GivesNoAnswer(content.substr(std::min(start, content.size())));
    const bool words = expected == ExpectedAnswer::kText;
    if (!words && tries == 0 && denied != nullptr && CommitsToNothing(content)) {
      denied->clear();
      return std::nullopt;
    }
    if (refused && denied != nullptr) *denied = WithoutClause(*denied, clause.start + skip);
    if (refused) continue;
    auto answer = CommittedIn(content, expected);
    if (!answer) continue;
    if (denied == nullptr) return answer;
    const Retraction retraction = RetractionBehind(text, clause.start + skip);
    if (!TakesBack(retraction, text.substr(retraction.end), expected)) return answer;
    *denied = std::string(text.substr(retraction.end));
    return std::nullopt;
  }
  return std::nullopt;
}

}  // namespace ebb
