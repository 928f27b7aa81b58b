#include "grade/extract_places.h"

#include <algorithm>
#include <vector>

#include "base/json.h"
#include "grade/answer.h"
#include "grade/math_text.h"
#include "grade/prose.h"
#include "grade/prose_parts.h"
#include "grade/units.h"
#include "grade/word_numbers.h"

namespace ebb {
namespace {

using namespace prose_parts;

constexpr size_t kNone = std::string_view::npos;
constexpr int kMaxTries = 256;

// The end of the group that opens at text[open], which is "{"; escaped braces do not count.
size_t GroupEnd(std::string_view text, size_t open) {
  const size_t limit = std::min(text.size(), open + kMaxAnswerBytes);
  int depth = 0;
  for (size_t i = open; i < limit; ++i) {
    if (text[i] == '\\') {
      ++i;
    } else if (text[i] == '{') {
      ++depth;
    } else if (text[i] == '}' && --depth == 0) {
      return i + 1;
    }
  }
  return kNone;
}

struct Box {
  size_t start = 0;
  size_t end = 0;
  std::string_view content;
};

struct Boxes {
  size_t start = 0;
  size_t end = 0;
  std::string content;
};

// What a prompt shows for an answer, and a model repeats, is not one.
bool Placeholder(std::string_view content) {
  content = TrimSpace(content);
  return content.empty() || content == "N" || content == "..." || content == "\\ldots" ||
         content == "answer" || content == "\\text{answer}" || content == "?" ||
         content == "your answer";
}

// The last good box that ends at or before `end`.
std::optional<Box> BoxBefore(std::string_view text, size_t end) {
  size_t from = end;
  for (int tries = 0; tries < kMaxTries && from > 0; ++tries) {
    const size_t name = text.substr(0, from).rfind("boxed");
    if (name == kNone) return std::nullopt;
    from = name;
    size_t open = name + std::string_view("boxed").size();
    while (open < text.size() && text[open] == ' ') ++open;
    if (open >= text.size() || text[open] != '{') continue;
    if (name == 0 || text[name - 1] != '\\') continue;
    const size_t close = GroupEnd(text, open);
    if (close == kNone || close > end) continue;
    const std::string_view content = text.substr(open + 1, close - open - 2);
    if (Placeholder(content)) continue;
    size_t start = name - 1;
    while (start > 0 && text[start - 1] == '\\') --start;  // escaped twice: \\boxed
    return Box{start, close, content};
  }
  return std::nullopt;
}

// Whether nothing but "and", "or" and commas, at least one of them, stands between two boxes.
bool OnlyJoins(std::string_view between) {
  if (between.size() > 64) return false;
  bool joined = false;
  std::string word;
  for (size_t i = 0; i <= between.size(); ++i) {
    const char c = i < between.size() ? between[i] : ' ';
    if (IsLetter(c)) {
      word += c;
      continue;
    }
    if (word == "and" || word == "or") {
      joined = true;
    } else if (!word.empty() && word != "text" && word != "quad" && word != "qquad") {
      return false;
    }
    word.clear();
    joined = joined || c == ',' || c == ';';
    if (!IsSpace(c) && std::string_view("$,;\\{}()[]").find(c) == kNone) return false;
  }
  return joined;
}

// The raw text of the value of the top-level key `wanted` of a valid JSON object.
std::optional<std::string_view> RawMember(std::string_view object, std::string_view wanted) {
  int depth = 0;
  std::string_view key;
  bool value = false;  // behind the colon of the key
  size_t start = 0;
  for (size_t i = 0; i < object.size(); ++i) {
    const char c = object[i];
    if (c == '"') {
      const size_t open = i++;
      while (i < object.size() && object[i] != '"') i += object[i] == '\\' ? 2 : 1;
      if (depth == 1 && !value) key = object.substr(open + 1, i - open - 1);
    } else if (c == '{' || c == '[') {
      ++depth;
    } else if ((c == ',' && depth == 1) || ((c == '}' || c == ']') && --depth == 0)) {
      if (value && key == wanted) return TrimSpace(object.substr(start, i - start));
      value = false;
    } else if (c == ':' && depth == 1) {
      value = true;
      start = i + 1;
    }
  }
  return std::nullopt;
}

std::optional<std::string> JsonAnswerAt(std::string_view text, size_t open) {
  const std::string_view rest = text.substr(open, kMaxAnswerBytes);
  // Strings may hold braces, so the end is found by trying: the object ends at one of the next
  // closing braces.
  size_t close = 0;
  for (int tries = 0; tries < 16; ++tries) {
    close = rest.find('}', close);
    if (close == kNone) return std::nullopt;
    const std::string_view object = rest.substr(0, ++close);
    const Result<Json> json = ParseJson(object, "answer");
    if (!json) continue;
    const auto found = json->find("answer");
    if (found == json->end()) return std::nullopt;
    if (found->is_string()) return found->get<std::string>();
    if (!found->is_number()) return std::nullopt;
    return RawJsonNumber(object, "answer");
  }
  return std::nullopt;
}

// "#### Step 3", "#### 2. Add them": a heading, not an answer.
bool IsHeading(std::string_view line, std::string_view behind) {
  const std::string lower = LowerAscii(line.substr(0, 24));
  for (const std::string_view word : {"step", "part", "case", "method", "question", "problem",
                                      "solution", "example", "option", "stage", "approach"}) {
    if (lower.starts_with(word)) return true;
  }
  if (line.ends_with(':') || std::none_of(line.begin(), line.end(), IsDigit)) return true;
  size_t digits = 0;
  while (digits < line.size() && IsDigit(line[digits])) ++digits;
  const bool item = digits > 0 && digits + 2 < line.size() &&
                    (line[digits] == '.' || line[digits] == ')') && line[digits + 1] == ' ';
  const bool says = lower.find(" is") != std::string::npos || line.find('=') != kNone ||
                    lower.find("answer") != std::string::npos;
  return item || (!TrimSpace(behind).empty() && !says);
}

// The last box, or boxes that only "and", "or" or a comma joins, and their contents.
std::optional<Boxes> LastBoxes(std::string_view text) {
  const auto last = BoxBefore(text, text.size());
  if (!last) return std::nullopt;
  std::vector<std::string_view> contents = {TrimSpace(last->content)};
  size_t start = last->start;
  while (contents.size() < 32) {
    const auto previous = BoxBefore(text, start);
    if (!previous || !OnlyJoins(text.substr(previous->end, start - previous->end))) break;
    contents.push_back(TrimSpace(previous->content));
    start = previous->start;
  }
  std::string joined;
  for (size_t i = contents.size(); i-- > 0;) {
    const bool repeated = std::find(contents.begin() + static_cast<ptrdiff_t>(i) + 1,
                                    contents.end(), contents[i]) != contents.end();
    if (repeated) continue;
    joined += joined.empty() ? "" : ", ";
    joined += contents[i];
  }
  return Boxes{start, last->end, std::move(joined)};
}

// With what is written against the boxes and changes them: -\boxed{5}, 10\boxed{5}, \boxed{5}^2,
// \boxed{5} million. Other words behind them say nothing.
std::string WithSurroundings(std::string_view text, const Boxes& boxes) {
  std::string content = boxes.content;
  size_t digits = boxes.start;
  while (digits > 0 && IsDigit(text[digits - 1])) --digits;
  if (NegatedBefore(text, boxes.start)) {
    content = "-(" + content + ")";
  } else if (digits < boxes.start) {
    content.insert(0, std::string(text.substr(digits, boxes.start - digits)) + " ");
  }
  const std::string rest =
      PlainProse(text.substr(boxes.end, SentenceEnd(text, boxes.end) - boxes.end));
  const size_t next = rest.find_first_not_of(" $");
  // 3 + \boxed{2} = 5 fills a gap.
  if (next == kNone || std::string_view("=+-*/<>,:([").find(rest[next]) != kNone) return content;
  // \boxed{x + 1}^2 is a power of all that is in the box.
  if (rest[next] == '^' && content.find(',') == std::string::npos) content = "(" + content + ")";
  const std::string_view word = LettersAt(rest, next);
  if (Ordinal(word) && rest.find(' ') > next) return content;  // the \boxed{18}th floor
  // Words that could be a part of the number; "two-digit numbers" or "zeros" are counted by it.
  const bool counted = NumberWord(word) >= 0 || word.starts_with("zero");
  const bool joins = word == "and" || word == "or" || word == "to";
  const size_t second = SkipSpaces(rest, next + word.size());
  const bool changes =
      joins ? IsDigit(rest[second]) || IsNumberWord(LettersAt(rest, second)) ||
                  rest.find("a half") == second
            : ScaleWord(word) != 1 || ChangesNumber(word) || (IsNumberWord(word) && !counted);
  const bool attached = rest.find(' ') > next;
  if (!word.empty() && !attached && !changes) return content;
  return WithContinuation(std::move(content), rest).text;
}

}  // namespace

std::optional<std::string> LastBoxed(std::string_view text) {
  const auto boxes = LastBoxes(text);
  if (!boxes) return std::nullopt;
  return boxes->content;
}

std::optional<std::string> LastBoxedInText(std::string_view text) {
  const auto boxes = LastBoxes(text);
  if (!boxes) return std::nullopt;
  return WithSurroundings(text, *boxes);
}

std::optional<std::string> LastHash(std::string_view text, ExpectedAnswer expected) {
  size_t from = text.size();
  for (int tries = 0; tries < kMaxTries && from > 0; ++tries) {
    const size_t mark = text.substr(0, from).rfind("####");
    if (mark == kNone) return std::nullopt;
    from = mark;
    if (mark > 0 && text[mark - 1] == '#') {  // five and more: a heading
      while (from > 0 && text[from - 1] == '#') --from;
      continue;
    }
    const size_t start = mark + 4;
    const size_t end = std::min(text.find('\n', start), text.size());
    const std::string_view rest = TrimSpace(text.substr(start, end - start));
    if (rest.empty() || Placeholder(rest) || rest.size() > kMaxAnswerBytes) continue;
    // "#### Step 3" is a heading, unless words are asked for; anything else decides.
    const bool words = expected == ExpectedAnswer::kText || expected == ExpectedAnswer::kChoice;
    const bool text_only = !words && ParseAnswer(rest).kind == AnswerKind::kText;
    if (text_only && IsHeading(rest, text.substr(end))) continue;
    if (text_only) {
      if (auto clause = LastClause(rest, expected)) return clause;  // "#### The answer is 18"
    }
    return std::string(rest);
  }
  return std::nullopt;
}

std::optional<std::string> LastJson(std::string_view text) {
  size_t from = text.size();
  for (int tries = 0; tries < 16 && from > 0; ++tries) {
    const size_t key = text.substr(0, from).rfind("\"answer\"");
    if (key == kNone) return std::nullopt;
    from = key;
    size_t open = key;
    for (int objects = 0; objects < 8; ++objects) {
      if (open == 0) break;
      open = text.substr(0, open).rfind('{');
      if (open == kNone || key - open > kMaxAnswerBytes) break;
      if (auto answer = JsonAnswerAt(text, open)) {
        if (Placeholder(*answer)) break;
        return answer;
      }
    }
  }
  return std::nullopt;
}

std::optional<std::string> RawJsonNumber(std::string_view object, std::string_view key) {
  const auto raw = RawMember(object, key);
  if (!raw || raw->empty() || !(IsDigit((*raw)[0]) || (*raw)[0] == '-')) return std::nullopt;
  std::string number(*raw);
  std::replace(number.begin(), number.end(), 'e', 'E');
  return number;
}

std::optional<std::string> GoldBox(std::string_view solution) {
  std::optional<std::string> found = LastBoxed(solution);
  size_t last = BoxBefore(solution, solution.size()).value_or(Box{}).start;
  for (const std::string_view command : {"\\fbox", "\\boxed"}) {
    for (size_t at = solution.find(command, last); at != kNone;
         at = solution.find(command, at + 1)) {
      const size_t open = at + command.size();
      if (open >= solution.size() || (found && at <= last)) continue;
      std::string_view content;
      if (solution[open] == '{') {
        const size_t end = GroupEnd(solution, open);
        if (end != kNone) content = solution.substr(open + 1, end - open - 2);
      } else if (solution[open] == ' ' || IsDigit(solution[open])) {
        content = TrimSpace(solution.substr(open, 64));
        content = content.substr(0, content.find_first_of(" $\n"));
        while (content.ends_with('.') || content.ends_with(',')) content.remove_suffix(1);
      }
      if (Placeholder(content)) continue;
      found = std::string(TrimSpace(content));
      last = at;
    }
  }
  return found;
}

}  // namespace ebb
