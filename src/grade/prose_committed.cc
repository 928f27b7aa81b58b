// What a sentence commits to, and the last mathematics of a text.
#include <algorithm>
#include <vector>

#include "grade/answer.h"
#include "grade/math_text.h"
#include "grade/prose.h"
#include "grade/prose_parts.h"
#include "grade/word_numbers.h"

namespace ebb {
namespace {

using namespace prose_parts;

constexpr size_t kNone = std::string_view::npos;
constexpr size_t kMaxParagraphBytes = 16384;  // of a last paragraph, its end

bool HasDigit(std::string_view text) { return std::any_of(text.begin(), text.end(), IsDigit); }

// The mathematics or bold text that opens at `at`.
struct Segment {
  size_t end = 0;  // 0: none opens there
  std::string_view inside;
  bool bold = false;
};

// Whether what stands between two dollars is no prose between two amounts of money: $ x = 5 $, but
// not $ 5 and $ 6.
bool SurelyMath(std::string_view inside) {
  for (size_t at = 0; at < inside.size(); ++at) {
    const size_t letters = LettersAt(inside, at).size();
    const char before = at > 0 ? inside[at - 1] : ' ';
    if (letters > 1 && before != '\\' && before != '{') return false;
    at += letters;
  }
  return inside.find_first_of("\\=^(") != kNone;
}

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
      const bool spaced = IsSpace(inside.front()) && IsSpace(inside.back());
      if (spaced && !SurelyMath(inside)) continue;
      if (!spaced && (IsSpace(inside.front()) || IsSpace(inside.back()) || digit_follows)) continue;
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

// Segments that only "and", "or", a comma or a semicolon joins are one list; `end` becomes their
// end.
std::string JoinedSegments(std::string_view text, Segment segment, size_t* end) {
  std::string joined(segment.inside);
  *end = segment.end;
  for (int count = 0; count < 32; ++count) {
    size_t next = *end;
    while (next < text.size() && (IsSpace(text[next]) || text[next] == ',' || text[next] == ';'))
      ++next;
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

}  // namespace

namespace prose_parts {

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

bool StartsWithWord(std::string_view text, std::string_view word) {
  return LowerAscii(text.substr(0, word.size())) == word &&
         (text.size() == word.size() || !IsLetter(text[word.size()]));
}

bool GivesNoAnswer(std::string_view sentence) {
  for (const std::string_view word :
       {"not", "never", "no longer", "less", "more", "greater", "fewer", "between", "at least",
        "at most", "over", "under", "above", "below", "unknown", "unclear", "either 0"}) {
    if (StartsWithWord(sentence, word)) return true;
  }
  return false;
}

std::optional<std::string> CommittedIn(std::string_view text, ExpectedAnswer expected, int depth) {
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

}  // namespace prose_parts

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
    } else if (!word.empty() ||
               (!IsSpace(between[at]) && between[at] != ',' && between[at] != ';')) {
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
  const bool letter =
      start > 0 && IsLetter(text[start - 1]) && (start < 2 || !IsLetter(text[start - 2]));
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

}  // namespace ebb
