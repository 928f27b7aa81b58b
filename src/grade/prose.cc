#include "grade/prose.h"

#include <algorithm>
#include <array>
#include <vector>

#include "grade/answer.h"
#include "grade/math_text.h"
#include "grade/number_scan.h"
#include "grade/units.h"

namespace ebb {
namespace {

constexpr size_t kNone = std::string_view::npos;
constexpr size_t kMaxClauses = 32;
constexpr size_t kMaxConnectorDistance = 100;
constexpr size_t kMaxParagraphBytes = 16384;  // of a last paragraph, its end

bool WordByte(char c) { return IsLetter(c) || IsDigit(c) || c == '_'; }

bool HasDigit(std::string_view text) { return std::any_of(text.begin(), text.end(), IsDigit); }

// The end of the sentence that starts at `at`: the line's end, or a full stop that a space follows.
size_t SentenceEnd(std::string_view text, size_t at) {
  for (; at < text.size(); ++at) {
    const char c = text[at];
    if (c == '\n') return at;
    if (text.substr(at).starts_with("。")) return at;
    const bool stop = c == '.' || c == '!' || c == '?';
    if (stop && (at + 1 == text.size() || IsSpace(text[at + 1]) || text[at + 1] == '"')) return at;
  }
  return text.size();
}

// The mathematics or bold text that opens at `at`.
struct Segment {
  size_t end = 0;  // 0: none opens there
  std::string_view inside;
  bool bold = false;
};

Segment SegmentAt(std::string_view text, size_t at) {
  constexpr std::pair<std::string_view, std::string_view> kPairs[] = {
      {"$$", "$$"}, {"\\[", "\\]"}, {"\\(", "\\)"}, {"$", "$"}, {"**", "**"}};
  for (const auto& [open, close] : kPairs) {
    if (!text.substr(at).starts_with(open)) continue;
    if (at > 0 && text[at] == '$' && text[at - 1] == '\\') continue;
    const size_t start = at + open.size();
    const std::string_view near = text.substr(0, start + kMaxAnswerBytes);
    size_t end = near.find(close, start);
    while (end != kNone && end > 0 && close[0] == '$' && text[end - 1] == '\\') {
      end = near.find(close, end + 1);
    }
    if (end == kNone || end == start) continue;
    const std::string_view inside = text.substr(start, end - start);
    if (open == "$") {
      // A dollar of mathematics touches what it encloses; an amount of money does not end so.
      const bool digit_follows = end + 1 < text.size() && IsDigit(text[end + 1]);
      if (IsSpace(inside.front()) || IsSpace(inside.back()) || digit_follows) continue;
      if (inside.find('\n') != kNone) continue;
    }
    if (open == "**" && inside.find('\n') != kNone) continue;
    return {end + close.size(), inside, open == "**"};
  }
  return {};
}

bool IsAnswerOf(std::string_view text, ExpectedAnswer expected) {
  const Answer answer = ParseAnswer(text);
  switch (expected) {
    case ExpectedAnswer::kNumber: {
      const Answer* value = &answer;
      if (value->kind == AnswerKind::kAssignment) value = &value->parts[0];
      return (HasDigit(text) || text.find("\\pi") != kNone) && value->kind != AnswerKind::kText &&
             value->kind != AnswerKind::kEmpty;
    }
    case ExpectedAnswer::kMath:
      return answer.kind != AnswerKind::kText && answer.kind != AnswerKind::kEmpty;
    case ExpectedAnswer::kText:
    case ExpectedAnswer::kChoice:
      return answer.kind != AnswerKind::kEmpty;
  }
  return false;
}

// Words that stand between "is" and the answer.
size_t SkipFillers(std::string_view text, size_t at) {
  constexpr std::string_view kFillers[] = {
      "approximately", "about", "just",     "simply", "exactly", "equal", "to",      "therefore",
      "thus",          "that",  "clearly",  "indeed", "also",    "now",   "roughly", "then",
      "actually",      "only",  "probably", "for",    "sure",    "the",   "option",  "choice"};
  while (at < text.size()) {
    if (IsSpace(text[at]) || std::string_view("*_\"`:>").find(text[at]) != kNone) {
      if (text.substr(at).starts_with("**") && SegmentAt(text, at).end > 0) return at;
      ++at;
      continue;
    }
    size_t end = at;
    while (end < text.size() && IsLetter(text[end])) ++end;
    const std::string word = LowerAscii(text.substr(at, end - at));
    if (std::find(std::begin(kFillers), std::end(kFillers), word) == std::end(kFillers)) return at;
    at = end;
  }
  return at;
}

// Segments that only "and", "or" or a comma joins are one list.
std::string JoinedSegments(std::string_view text, Segment segment) {
  std::string joined(segment.inside);
  size_t at = segment.end;
  for (int count = 0; count < 32; ++count) {
    size_t next = at;
    while (next < text.size() && (IsSpace(text[next]) || text[next] == ',')) ++next;
    for (const std::string_view word : {"and ", "or "}) {
      if (text.substr(std::min(next, text.size())).starts_with(word)) next += word.size();
    }
    if (next == at || next >= text.size()) break;
    const Segment more = SegmentAt(text, next);
    if (more.end == 0 || more.bold) break;
    joined += ", ";
    joined += more.inside;
    at = more.end;
  }
  return joined;
}

// The one number with a currency sign, if there is just one; else the last number.
std::optional<std::string> NumberOf(std::string_view clause) {
  std::optional<std::string> money;
  int amounts = 0;
  for (size_t at = 0; at < clause.size(); ++at) {
    if (clause[at] != '$') continue;
    ++amounts;
    size_t start = at + 1;
    if (start < clause.size() && IsDigit(clause[start])) {
      const auto number = ScanNumber(clause, start);
      if (number)
        money = LastNumber(clause.substr(0, std::min(clause.size(), start + number->size)));
      continue;
    }
    start = at;
    while (start > 0 && clause[start - 1] == ' ') --start;
    if (start > 0 && IsDigit(clause[start - 1])) money = LastNumber(clause.substr(0, start));
  }
  if (amounts == 1 && money) return money;
  return LastNumber(clause);
}

bool StartsWithWord(std::string_view text, std::string_view word) {
  return LowerAscii(text.substr(0, word.size())) == word &&
         (text.size() == word.size() || !IsLetter(text[word.size()]));
}

// What a clause commits to.
std::optional<std::string> CommittedIn(std::string_view text, ExpectedAnswer expected,
                                       int depth = 0) {
  if (StartsWithWord(TrimSpace(text), "not") || depth > 3) return std::nullopt;
  size_t at = SkipFillers(text, 0);
  if (at >= text.size()) return std::nullopt;
  const Segment segment = SegmentAt(text, at);
  if (segment.end > 0 && !segment.bold) {
    const std::string joined = JoinedSegments(text, segment);
    if (expected == ExpectedAnswer::kChoice) return ChosenLetter(joined, true);
    if (IsAnswerOf(joined, expected)) return joined;
  }
  if (segment.end > 0 && segment.bold) {
    if (auto inside = CommittedIn(segment.inside, expected, depth + 1)) return inside;
    if (expected == ExpectedAnswer::kText) return std::string(segment.inside);
  }
  const std::string_view sentence = TrimSpace(text.substr(at, SentenceEnd(text, at) - at));
  for (const std::string_view word : {"not", "less", "more", "greater", "fewer", "between"}) {
    if (StartsWithWord(sentence, word)) return std::nullopt;
  }
  switch (expected) {
    case ExpectedAnswer::kChoice:
      return ChosenLetter(sentence, true);
    case ExpectedAnswer::kText:
      if (sentence.empty() || sentence.size() > 200) return std::nullopt;
      return std::string(sentence);
    case ExpectedAnswer::kMath:
    case ExpectedAnswer::kNumber:
      break;
  }
  const std::string_view run = LeadingMath(text.substr(at), expected);
  if (!run.empty() &&
      (expected == ExpectedAnswer::kMath ? IsAnswerOf(run, expected) : HasDigit(run))) {
    return std::string(run);
  }
  if (expected == ExpectedAnswer::kMath) {
    if (IsAnswerOf(sentence, expected)) return std::string(sentence);
    return FinalMath(sentence, expected);
  }
  const size_t word_end = std::find_if_not(sentence.begin(), sentence.end(),
                                           [](char c) { return IsLetter(c) || c == '-'; }) -
                          sentence.begin();
  if (NumberWord(sentence.substr(0, word_end)) >= 0)
    return std::string(sentence.substr(0, word_end));
  return NumberOf(sentence);
}

// The index behind the word that joins "answer" with what it is; kNone if there is none.
size_t ConnectorEnd(std::string_view lower, size_t at) {
  constexpr std::string_view kWords[] = {"is", "are", "was", "be", "equals", "est", "es", "ist"};
  constexpr std::string_view kSigns[] = {":", "=", "：", "是", "为", "→", "->"};
  const size_t limit = std::min(lower.size(), at + kMaxConnectorDistance);
  const size_t start = at;
  for (; at < limit; ++at) {
    if (lower[at] == '\n') break;
    if (lower[at] == '.' && at + 1 < lower.size() && IsSpace(lower[at + 1])) return kNone;
    for (const std::string_view sign : kSigns) {
      if (lower.substr(at).starts_with(sign)) return at + sign.size();
    }
    if (at > 0 && WordByte(lower[at - 1])) continue;
    for (const std::string_view word : kWords) {
      if (!lower.substr(at).starts_with(word)) continue;
      const size_t end = at + word.size();
      if (end < lower.size() && (WordByte(lower[end]) || lower[end] == '\'')) continue;
      return end;
    }
  }
  // A heading: "## Answer" and the answer on the next line.
  const std::string_view rest = lower.substr(start, at - start);
  const bool heading = std::all_of(
      rest.begin(), rest.end(), [](char c) { return std::string_view(" *_#}").find(c) != kNone; });
  return heading && at < lower.size() ? at : kNone;
}

// Where the clauses' contents start, in order.
std::vector<size_t> ClauseStarts(std::string_view text) {
  constexpr std::string_view kCues[] = {"answer",  "ans",      "答案",     "réponse", "respuesta",
                                        "antwort", "risposta", "resposta", "ответ"};
  const std::string lower = LowerAscii(text);
  std::vector<size_t> starts;
  for (size_t at = 0; at < lower.size(); ++at) {
    const bool line_start = at == 0 || lower[at - 1] == '\n';
    if (line_start && lower.compare(at, 2, "a:") == 0) {
      starts.push_back(at + 2);
      continue;
    }
    if (at > 0 && WordByte(lower[at - 1])) continue;
    for (const std::string_view cue : kCues) {
      if (!std::string_view(lower).substr(at).starts_with(cue)) continue;
      size_t end = at + cue.size();
      if (end < lower.size() && lower[end] == 's') ++end;
      if (end < lower.size() && IsLetter(lower[end])) break;
      if (at >= 3 && lower.compare(at - 3, 3, "to ") == 0) break;  // to answer this, ..
      const size_t content = ConnectorEnd(lower, end);
      if (content != kNone) starts.push_back(content);
      break;
    }
  }
  return starts;
}

}  // namespace

std::optional<std::string> LastClause(std::string_view text, ExpectedAnswer expected) {
  std::vector<size_t> starts = ClauseStarts(text);
  for (size_t tries = 0; tries < kMaxClauses && tries < starts.size(); ++tries) {
    const size_t start = starts[starts.size() - 1 - tries];
    std::string_view content = text.substr(start);
    // What follows on the line; if nothing does, the next lines' first.
    size_t skip = 0;
    while (skip < content.size() && (IsSpace(content[skip]) || content[skip] == ':')) ++skip;
    content.remove_prefix(skip);
    // Long outputs: a clause is a sentence.
    content = content.substr(0, 2 * kMaxAnswerBytes);
    if (auto answer = CommittedIn(content, expected)) return answer;
  }
  return std::nullopt;
}

std::optional<std::string> FinalMath(std::string_view text, ExpectedAnswer expected) {
  text = TrimSpace(text);
  const size_t paragraph = text.rfind("\n\n");
  if (paragraph != kNone) text = text.substr(paragraph + 2);
  if (text.size() > kMaxParagraphBytes) text.remove_prefix(text.size() - kMaxParagraphBytes);
  std::vector<Segment> segments;
  for (size_t at = 0; at < text.size();) {
    if (text[at] != '$' && text[at] != '\\' && text[at] != '*') {
      ++at;
      continue;
    }
    const Segment segment = SegmentAt(text, at);
    if (segment.end == 0) {
      ++at;
      continue;
    }
    segments.push_back(segment);
    at = segment.end;
  }
  for (size_t tries = 0; tries < 16 && tries < segments.size(); ++tries) {
    const Segment& segment = segments[segments.size() - 1 - tries];
    if (!segment.bold) {
      if (expected == ExpectedAnswer::kChoice) {
        if (auto letter = ChosenLetter(segment.inside, true)) return letter;
      } else if (IsAnswerOf(segment.inside, expected)) {
        return std::string(segment.inside);
      }
      continue;
    }
    if (auto inside = CommittedIn(segment.inside, expected, 2)) return inside;
  }
  return std::nullopt;
}

std::optional<std::string> ChosenLetter(std::string_view text, bool first) {
  text = TrimSpace(text);
  std::optional<std::string> chosen;
  bool denied = false;
  for (size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    // A denial holds up to the end of its clause.
    if (c == ',' || c == '.' || c == ';' || c == '\n' || StartsWithWord(text.substr(at), "but")) {
      denied = false;
    }
    const bool word_start = at == 0 || !WordByte(text[at - 1]);
    for (const std::string_view word : {"not", "non", "cannot", "can't", "isn't"}) {
      if (word_start && StartsWithWord(text.substr(at), word)) denied = true;
    }
    if (text.substr(at).starts_with("n't") || text.substr(at).starts_with("不")) denied = true;
    if (c < 'A' || c > 'J' || !word_start || denied) continue;
    const char next = at + 1 < text.size() ? text[at + 1] : '.';
    if (WordByte(next) || next == '\'') continue;
    // "A" and "I" may be words: a letter stands before a word that goes on in small letters.
    const bool article = (c == 'A' || c == 'I') && next == ' ' && at + 2 < text.size() &&
                         text[at + 2] >= 'a' && text[at + 2] <= 'z';
    if (article) continue;
    chosen = std::string(1, c);
    const bool leads = at <= 2 && std::string_view(").:,").find(next) != kNone;
    if (first || leads) return chosen;
  }
  return chosen;
}

}  // namespace ebb
