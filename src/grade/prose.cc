#include "grade/prose.h"

#include <algorithm>
#include <array>
#include <vector>

#include "grade/answer.h"
#include "grade/math_text.h"
#include "grade/prose_parts.h"
#include "grade/units.h"
#include "grade/word_numbers.h"

namespace ebb {
namespace {

using namespace prose_parts;

constexpr size_t kNone = std::string_view::npos;
constexpr size_t kMaxClauses = 32;
constexpr size_t kMaxConnectorDistance = 100;
constexpr size_t kMaxParagraphBytes = 16384;  // of a last paragraph, its end

bool WordByte(char c) { return IsLetter(c) || IsDigit(c) || c == '_'; }

bool HasDigit(std::string_view text) { return std::any_of(text.begin(), text.end(), IsDigit); }

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

// Segments that only "and", "or" or a comma joins are one list; `end` becomes their end.
std::string JoinedSegments(std::string_view text, Segment segment, size_t* end) {
  std::string joined(segment.inside);
  *end = segment.end;
  for (int count = 0; count < 32; ++count) {
    size_t next = *end;
    while (next < text.size() && (IsSpace(text[next]) || text[next] == ',')) ++next;
    for (const std::string_view word : {"and ", "or "}) {
      if (text.substr(std::min(next, text.size())).starts_with(word)) next += word.size();
    }
    if (next == *end || next >= text.size()) break;
    const Segment more = SegmentAt(text, next);
    if (more.end == 0 || more.bold) break;
    joined += ", ";
    joined += more.inside;
    *end = more.end;
  }
  return joined;
}

// The rest of the sentence behind `at`, without marks.
std::string RestOfSentence(std::string_view text, size_t at) {
  return PlainProse(text.substr(at, SentenceEnd(text, at) - at));
}

bool StartsWithWord(std::string_view text, std::string_view word) {
  return LowerAscii(text.substr(0, word.size())) == word &&
         (text.size() == word.size() || !IsLetter(text[word.size()]));
}

// What a clause says of the answer without giving it.
bool GivesNoAnswer(std::string_view sentence) {
  for (const std::string_view word :
       {"not", "never", "no longer", "less", "more", "greater", "fewer", "between", "at least", "at most",
        "over", "under", "above", "below", "unknown", "unclear", "either 0"}) {
    if (StartsWithWord(sentence, word)) return true;
  }
  return false;
}

// The answer that stands at the start of a clause's words; nothing if it starts with other words.
std::optional<std::string> LeadingAnswer(std::string_view sentence, ExpectedAnswer expected) {
  const WordNumber words = ScanWordNumber(sentence);
  const std::string_view behind = LettersAt(sentence, SkipSpaces(sentence, words.size));
  if (words.size > 0 && behind != "of") {
    return WithContinuation(std::string(sentence.substr(0, words.size)),
                            sentence.substr(words.size))
        .text;
  }
  const std::string_view run = LeadingMath(sentence, expected);
  if (run.empty()) return std::nullopt;
  std::string full = WithContinuation(std::string(run), sentence.substr(run.size())).text;
  const bool number = HasDigit(run) || run.find("\\pi") != kNone || run.find("π") != kNone;
  if (expected == ExpectedAnswer::kNumber) {
    if (number) return full;
  } else if (IsAnswerOf(run, expected)) {
    return full;
  }
  return std::nullopt;
}

// What a clause commits to.
std::optional<std::string> CommittedIn(std::string_view text, ExpectedAnswer expected,
                                       int depth = 0) {
  if (GivesNoAnswer(TrimSpace(text)) || depth > 3) return std::nullopt;
  const size_t at = SkipFillers(text, 0);
  if (at >= text.size()) return std::nullopt;
  const Segment segment = SegmentAt(text, at);
  if (segment.end > 0 && !segment.bold) {
    size_t end = 0;
    std::string joined = JoinedSegments(text, segment, &end);
    if (expected == ExpectedAnswer::kChoice) {
      return ChosenLetter(joined + RestOfSentence(text, end), true);
    }
    if (IsAnswerOf(joined, expected)) {
      return WithContinuation(std::move(joined), RestOfSentence(text, end)).text;
    }
  }
  if (segment.end > 0 && segment.bold && expected != ExpectedAnswer::kChoice) {
    if (auto inside = CommittedIn(segment.inside, expected, depth + 1)) {
      if (expected == ExpectedAnswer::kText) return inside;
      return WithContinuation(std::move(*inside), RestOfSentence(text, segment.end)).text;
    }
    if (expected == ExpectedAnswer::kText) return std::string(segment.inside);
  }
  const std::string plain = PlainProse(text.substr(at, SentenceEnd(text, at) - at));
  const std::string_view sentence = TrimSpace(plain);
  if (GivesNoAnswer(sentence)) return std::nullopt;
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
  if (auto answer = LeadingAnswer(sentence, expected)) return answer;
  if (expected == ExpectedAnswer::kNumber) return NumberOf(sentence);
  if (IsAnswerOf(sentence, expected)) return std::string(sentence);
  return FinalMath(sentence, expected);
}

// What joins "answer" with what it is: the index behind it, kNone if nothing does.
struct Connector {
  size_t end = kNone;
  bool denied = false;  // it says what the answer is not
};

// Words that may stand between: the final answer therefore must be ..
bool Modifies(std::string_view word) {
  for (const std::string_view modifier :
       {"final", "correct", "here",    "would",  "will",   "must",     "should",  "has",
        "to",    "then",    "so",      "hence",  "thus",   "therefore", "now",    "simply",
        "clearly", "indeed", "also",   "in",     "fact",   "finally",  "choice",  "option",
        "key",   "text",    "textbf",  "mathbf", "boxed",  "finale",   "correcta", "correcte",
        "of",    "for",     "this",    "the",    "question", "problem"}) {
    if (word == modifier) return true;
  }
  return false;
}

bool DeniesOrDoubts(std::string_view word) {
  for (const std::string_view denial : {"not", "cannot", "never", "depends", "depend", "whether",
                                        "can't", "unless", "neither"}) {
    if (word == denial) return true;
  }
  return word.ends_with("n't");
}

// "the answer to how many there are is 5": between, any words may stand.
bool IsQuestion(std::string_view first) {
  return first == "to" || first == "for" || first == "of";
}

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

// "I doubt that the answer ..", "the wrong answer ..": what stands before the cue at `at`.
bool DoubtedBefore(std::string_view lower, size_t at) {
  bool thinks = false;
  for (int words = 0; words < 6; ++words) {
    const std::string_view word = WordBefore(lower, at);
    for (const std::string_view doubt : {"wrong", "incorrect", "doubt", "impossible", "unlikely"}) {
      if (word == doubt) return true;
    }
    if (thinks) return DeniesOrDoubts(word);
    thinks = word == "think" || word == "sure";
    const bool passes = thinks || word == "the" || word == "that" || word == "final" ||
                        word == "correct" || word == "right";
    if (!passes) return false;
    at = static_cast<size_t>(word.data() - lower.data());
  }
  return false;
}

// The clauses, in order.
std::vector<Clause> Clauses(std::string_view text) {
  constexpr std::string_view kCues[] = {"answer",  "ans",      "答案",     "réponse", "respuesta",
                                        "antwort", "risposta", "resposta", "ответ"};
  std::string lower = LowerAscii(text);
  for (size_t at = lower.find("’"); at != kNone; at = lower.find("’", at)) lower.replace(at, 3, "'  ");
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
      if (connector.denied || (doubted && connector.end != kNone)) {
        clauses.push_back({end, true});
      } else if (connector.end != kNone) {
        clauses.push_back({connector.end, false});
      }
      break;
    }
  }
  return clauses;
}

// Blanks a clause from `at` to the end of its sentence, or to "but" or ", so".
std::string WithoutClause(std::string_view text, size_t at) {
  std::string out(text);
  size_t end = SentenceEnd(text, at);
  for (const std::string_view word : {" but ", ", so ", "; "}) {
    end = std::min(end, text.find(word, at));
  }
  std::fill(out.begin() + static_cast<ptrdiff_t>(at), out.begin() + static_cast<ptrdiff_t>(end),
            ' ');
  return out;
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
    const bool refused = clause.denied || GivesNoAnswer(content) ||
                         GivesNoAnswer(content.substr(std::min(start, content.size())));
    if (refused && tries == 0 && denied != nullptr) {
      *denied = WithoutClause(text, clause.start + skip);
    }
    if (refused) continue;
    if (auto answer = CommittedIn(content, expected)) return answer;
  }
  return std::nullopt;
}

namespace {

struct PlacedSegment {
  size_t start = 0;
  Segment segment;
};

// Whether only "and", "or" and commas, at least one of them, stand between two segments.
bool Joins(std::string_view between) {
  if (between.size() > 24) return false;
  bool joined = false;
  for (size_t at = 0; at < between.size();) {
    const std::string_view word = LettersAt(between, at);
    if (word == "and" || word == "or") {
      joined = true;
    } else if (!word.empty() || (!IsSpace(between[at]) && between[at] != ',' && between[at] != ';')) {
      return false;
    }
    joined = joined || between[at] == ',' || between[at] == ';';
    at += std::max<size_t>(1, word.size());
  }
  return joined;
}

// Whether a comma behind the segment at `start` ends a condition: "Since $x > 0$, $x = 3$".
bool IsCondition(std::string_view text, size_t start, std::string_view between) {
  if (between.find_first_not_of(" ,\n") != kNone) return false;
  const std::string_view word = WordBefore(text, start);
  for (const std::string_view condition : {"Since", "since", "As", "Because", "because", "If", "if",
                                           "When", "when", "Given", "For", "With", "At", "Let"}) {
    if (word == condition) return true;
  }
  return false;
}

// A sign, a factor or a letter that stands before a segment and belongs to it: 2$\pi$, -$5$.
std::string PrefixOf(std::string_view text, size_t start) {
  if (NegatedBefore(text, start)) return "-";
  size_t at = start;
  while (at > 0 && (IsDigit(text[at - 1]) || text[at - 1] == '.' || text[at - 1] == ',')) --at;
  if (at < start && IsDigit(text[start - 1])) return std::string(text.substr(at, start - at));
  const bool letter = start > 0 && IsLetter(text[start - 1]) && (start < 2 || !IsLetter(text[start - 2]));
  return letter ? std::string(text.substr(start - 1, 1)) : "";
}

std::vector<PlacedSegment> SegmentsOf(std::string_view text) {
  std::vector<PlacedSegment> segments;
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
    segments.push_back({at, segment});
    at = segment.end;
  }
  return segments;
}

// The answer in one segment; nothing if there is none.
std::optional<std::string> InSegment(const Segment& segment, ExpectedAnswer expected) {
  if (segment.bold && expected != ExpectedAnswer::kChoice) {
    return CommittedIn(segment.inside, expected, 2);
  }
  if (expected == ExpectedAnswer::kChoice) return ChosenLetter(segment.inside, true);
  if (IsAnswerOf(segment.inside, expected)) return std::string(segment.inside);
  return std::nullopt;
}

}  // namespace

std::optional<std::string> FinalMath(std::string_view text, ExpectedAnswer expected) {
  text = TrimSpace(text);
  const size_t paragraph = text.rfind("\n\n");
  if (paragraph != kNone) text = text.substr(paragraph + 2);
  if (text.size() > kMaxParagraphBytes) text.remove_prefix(text.size() - kMaxParagraphBytes);
  const std::vector<PlacedSegment> segments = SegmentsOf(text);
  size_t last = segments.size();
  for (size_t tries = 0; tries < 16 && last > 0; ++tries) {
    // All segments that are joined with the last one are one answer.
    size_t first = last - 1;
    while (first > 0) {
      const PlacedSegment& before = segments[first - 1];
      const std::string_view between =
          text.substr(before.segment.end, segments[first].start - before.segment.end);
      if (!Joins(between) || IsCondition(text, before.start, between)) break;
      --first;
    }
    std::string joined;
    bool answers = false;
    for (size_t i = first; i < last; ++i) {
      const auto inside = InSegment(segments[i].segment, expected);
      answers = answers || inside.has_value();
      joined += i > first ? ", " : "";
      joined += inside ? *inside : std::string(segments[i].segment.inside);
    }
    const size_t start = segments[first].start;
    const Segment& final_segment = segments[last - 1].segment;
    const size_t end = final_segment.end;
    // Behind a counter of Chinese other words follow without a space.
    const bool counted = static_cast<unsigned char>(final_segment.inside.back()) >= 0x80;
    last = first;
    if (!answers || DeniedBefore(text, start)) continue;
    const bool words = expected == ExpectedAnswer::kText || expected == ExpectedAnswer::kChoice;
    if (words || counted) return joined;
    return WithContinuation(PrefixOf(text, start) + joined, RestOfSentence(text, end)).text;
  }
  return std::nullopt;
}

namespace {

// Whether only "or", "and", a comma or a slash stands between two letters of a choice.
bool JoinsLetters(std::string_view between) {
  bool joined = false;
  for (size_t at = 0; at < between.size();) {
    const std::string_view word = LettersAt(between, at);
    const bool conjunction = word == "or" || word == "and" || word == "nor";
    const bool command = word == "text" || word == "quad" || word == "textbf" || word == "both";
    if (!word.empty() && !conjunction && !command) return false;
    if (word.empty() && std::string_view(" ().,:;*$\\{}/&").find(between[at]) == kNone) return false;
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
  for (const std::string_view word : {"or", "and", "because", "since", "as", "is", "not", "but",
                                      "with", "for"}) {
    if (next == word) return false;
  }
  return !leads;
}

}  // namespace

std::optional<std::string> ChosenLetter(std::string_view text, bool first) {
  text = TrimSpace(text);
  size_t chosen = kNone;    // the letter
  size_t from = kNone;      // the first of those that are joined with it
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
