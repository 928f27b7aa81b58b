#include "grade/extract_places.h"

#include <algorithm>
#include <vector>

#include "base/json.h"
#include "grade/answer.h"
#include "grade/math_text.h"

namespace ebb {
namespace {

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
    return Box{name - 1, close, content};
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

// The raw text of the value of the top-level key "answer" of a valid JSON object.
std::optional<std::string_view> RawAnswer(std::string_view object) {
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
      if (value && key == "answer") return TrimSpace(object.substr(start, i - start));
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
    const auto raw = RawAnswer(object);
    if (!raw) return std::nullopt;
    return std::string(*raw);
  }
  return std::nullopt;
}

void EraseCalculatorMarks(std::string* text) {
  std::string out;
  size_t at = 0;
  while (at < text->size()) {
    const size_t open = text->find("<<", at);
    const size_t close = open == kNone ? kNone : text->find(">>", open);
    if (close == kNone) break;
    const size_t line = text->find('\n', open);
    if (close - open > 200 || line < close) {
      out.append(*text, at, open + 2 - at);
      at = open + 2;
      continue;
    }
    out.append(*text, at, open - at);
    at = close + 2;
  }
  out.append(*text, std::min(at, text->size()));
  *text = std::move(out);
}

// The first line that begins another question, behind text that already says something.
size_t RunOnStart(std::string_view text) {
  constexpr std::string_view kMarks[] = {
      "q:",        "question:",     "question ",    "problem:",    "problem ",        "user:",
      "human:",    "instruction:",  "### question", "### problem", "### instruction", "**question",
      "**problem", "next question", "input:"};
  bool said = false;
  for (size_t line = 0; line < text.size();) {
    const size_t end = std::min(text.find('\n', line), text.size());
    const std::string start =
        LowerAscii(TrimSpace(text.substr(line, std::min<size_t>(end - line, 24))));
    for (const std::string_view mark : kMarks) {
      if (!said || !start.starts_with(mark)) continue;
      // "Question 2", but not "Question marks are ..".
      if (mark.back() == ' ' && (start.size() <= mark.size() || !IsDigit(start[mark.size()])))
        continue;
      return line;
    }
    const std::string_view content = text.substr(line, end - line);
    said = said || std::any_of(content.begin(), content.end(), IsDigit) ||
           content.find("boxed") != kNone || LowerAscii(content).find("answer") != kNone;
    line = end + 1;
  }
  return text.size();
}

}  // namespace

std::optional<std::string> LastBoxed(std::string_view text) {
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
  return joined;
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
    // "#### Step 3" is a heading, unless words are asked for.
    const bool words = expected == ExpectedAnswer::kText || expected == ExpectedAnswer::kChoice;
    if (!words && ParseAnswer(rest).kind == AnswerKind::kText) continue;
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

std::string OwnAnswerText(std::string_view output) {
  if (const size_t thought = output.rfind("</think>"); thought != kNone) {
    output.remove_prefix(thought + std::string_view("</think>").size());
  }
  for (const std::string_view end : {"<|", "</s>", "<eos>", "[EOS]", "[end of text]"}) {
    // A token at the very start ends nothing.
    const size_t found = output.find(end, 1);
    if (found != kNone) output = output.substr(0, found);
  }
  std::string text(output);
  EraseCalculatorMarks(&text);
  text.resize(RunOnStart(text));
  constexpr std::string_view kMinus = "\u2212";
  std::string out;
  for (size_t at = 0; at < text.size();) {
    const size_t found = text.find(kMinus, at);
    out.append(text, at, std::min(found, text.size()) - at);
    if (found == kNone) break;
    out += '-';
    at = found + kMinus.size();
  }
  return out;
}

}  // namespace ebb
