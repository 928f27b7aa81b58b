// What of an output the model said itself and as its answer.
#include <algorithm>
#include <utility>

#include "grade/extract_places.h"
#include "grade/math_text.h"

namespace ebb {
namespace {

constexpr size_t kNone = std::string_view::npos;

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

// <answer>5</answer> says what "Answer: 5" on a line of its own does.
std::string WithoutAnswerTags(std::string_view text) {
  constexpr std::pair<std::string_view, std::string_view> kTags[] = {{"<answer>", "\nAnswer: "},
                                                                     {"</answer>", "\n"}};
  std::string out;
  for (size_t at = 0; at < text.size();) {
    const auto tag = std::find_if(std::begin(kTags), std::end(kTags), [&](const auto& pair) {
      return text[at] == '<' && text.substr(at).starts_with(pair.first);
    });
    if (tag == std::end(kTags)) {
      out += text[at++];
      continue;
    }
    out += tag->second;
    at += tag->first.size();
  }
  return out;
}

// "q2:", "question 3", "## user" in small letters, without what marks a heading or bold text.
bool BeginsQuestion(std::string_view line, bool heading) {
  constexpr std::string_view kMarks[] = {
      "q:",        "question:", "problem:",      "user:",  "human:",       "instruction:",
      "exercise:", "input:",    "next question", "[inst]", "instructions:"};
  for (const std::string_view mark : kMarks) {
    if (line.starts_with(mark)) return true;
  }
  constexpr std::string_view kHeadings[] = {"question", "problem",  "instruction", "user",
                                            "human",    "exercise", "example",     "input"};
  for (const std::string_view mark : kHeadings) {
    if (!line.starts_with(mark)) continue;
    std::string_view rest = line.substr(mark.size());
    if (!rest.empty() && IsLetter(rest[0])) continue;
    rest = TrimSpace(rest);
    // "Question 2", "### User", but not "Question marks are ..".
    if (!rest.empty() && IsDigit(rest[0])) return true;
    if (heading && (rest.empty() || rest[0] == ':' || rest[0] == '*')) return true;
  }
  size_t digits = 1;
  if (line.empty() || line[0] != 'q') return false;
  while (digits < line.size() && IsDigit(line[digits])) ++digits;
  return digits > 1 && digits < line.size() && std::string_view(":.)").find(line[digits]) != kNone;
}

// Whether a line already says something that may be the answer.
bool SaysSomething(std::string_view line, ExpectedAnswer expected) {
  if (expected == ExpectedAnswer::kText || expected == ExpectedAnswer::kChoice) {
    return !TrimSpace(line).empty();
  }
  if (expected == ExpectedAnswer::kMath && line.find_first_of("$\\=") != kNone) return true;
  return std::any_of(line.begin(), line.end(), IsDigit) || line.find("boxed") != kNone ||
         LowerAscii(line).find("answer") != kNone;
}

// The first line that begins another question, behind text that already says something.
size_t RunOnStart(std::string_view text, ExpectedAnswer expected) {
  bool said = false;
  for (size_t line = 0; line < text.size();) {
    const size_t end = std::min(text.find('\n', line), text.size());
    std::string_view start = text.substr(line, std::min<size_t>(end - line, 40));
    while (!start.empty() && std::string_view("#*- \t").find(start[0]) != kNone) {
      start.remove_prefix(1);
    }
    const bool heading = text[line] == '#' || text[line] == '*';
    if (said && BeginsQuestion(LowerAscii(TrimSpace(start)), heading)) return line;
    said = said || SaysSomething(text.substr(line, end - line), expected);
    line = end + 1;
  }
  return text.size();
}

// The first special token, <|name|>, or one that is cut off at the end.
size_t SpecialTokenStart(std::string_view text) {
  for (size_t at = text.find("<|"); at != kNone; at = text.find("<|", at + 1)) {
    size_t end = at + 2;
    while (end < text.size() && (IsLetter(text[end]) || IsDigit(text[end]) || text[end] == '_')) {
      ++end;
    }
    const bool closed = end > at + 2 && text.substr(end).starts_with("|>");
    const bool cut_off = end == text.size() || (end > at + 2 && text.substr(end) == "|");
    if (at > 0 && (closed || cut_off)) return at;  // a token at the very start ends nothing
  }
  return text.size();
}

// Whether the last character of `text`, or the last word, says that a dash may be a minus sign.
bool MinusMayFollow(std::string_view text, bool apart) {
  if (!apart) return text.empty() || !IsDigit(text.back());
  text = TrimSpace(text);
  return text.ends_with("=") || text.ends_with(" is") || text.ends_with(" are");
}

// Dashes that are minus signs become "-": before a number or mathematics, not between two numbers.
std::string WithMinusSigns(std::string_view text) {
  constexpr std::string_view kDashes[] = {"\u2212", "\u2013", "\u2010", "\u2011", "\uFF0D"};
  std::string out;
  for (size_t at = 0; at < text.size();) {
    size_t size = 0;
    if (static_cast<unsigned char>(text[at]) >= 0xE2) {
      for (const std::string_view dash : kDashes) {
        if (text.substr(at).starts_with(dash)) size = dash.size();
      }
    }
    if (size == 0) {
      out += text[at++];
      continue;
    }
    size_t next = at + size;
    while (next < text.size() && text[next] == ' ') ++next;
    const bool apart = next > at + size;
    const bool number = next < text.size() &&
                        (IsDigit(text[next]) || std::string_view("$\\.").find(text[next]) != kNone);
    const bool minus =
        text.substr(at).starts_with(kDashes[0]) || (number && MinusMayFollow(out, apart));
    if (minus) {
      out += '-';
    } else {
      out += text.substr(at, size);
    }
    at += size;
  }
  return out;
}

}  // namespace

std::string OwnAnswerText(std::string_view output, ExpectedAnswer expected) {
  if (const size_t thought = output.rfind("</think>"); thought != kNone) {
    output.remove_prefix(thought + std::string_view("</think>").size());
  }
  // A thought without an end was cut off before its answer.
  output = output.substr(0, output.find("<think>"));
  for (const std::string_view end :
       {"</s>", "<eos>", "<\uFF5C", "[EOS]", "[end of text]", "[INST]"}) {
    // A token at the very start ends nothing.
    const size_t found = output.find(end, 1);
    if (found != kNone) output = output.substr(0, found);
  }
  output = output.substr(0, SpecialTokenStart(output));
  std::string text(output);
  EraseCalculatorMarks(&text);
  text = WithoutAnswerTags(text);
  text.resize(RunOnStart(text, expected));
  return WithMinusSigns(text);
}

}  // namespace ebb
