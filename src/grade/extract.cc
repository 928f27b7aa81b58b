#include "grade/extract.h"

#include <algorithm>
#include <array>

#include "grade/answer.h"
#include "grade/extract_places.h"
#include "grade/math_text.h"
#include "grade/prose.h"
#include "grade/prose_parts.h"

namespace ebb {
namespace {

constexpr std::string_view kFormatNames[] = {"boxed", "hash", "json"};
constexpr std::string_view kTierNames[] = {"none",  "format",     "other_format", "clause",
                                           "whole", "final_math", "last_number"};
constexpr size_t kMaxWholeBytes = 300;

std::optional<std::string> Place(std::string_view text, AnswerFormat format,
                                 ExpectedAnswer expected) {
  switch (format) {
    case AnswerFormat::kBoxed:
      if (expected == ExpectedAnswer::kText || expected == ExpectedAnswer::kChoice) {
        return LastBoxed(text);
      }
      return LastBoxedInText(text);
    case AnswerFormat::kHash:
      return LastHash(text, expected);
    case AnswerFormat::kJson:
      return LastJson(text);
  }
  return std::nullopt;
}

// Whether some of the answer is only words.
bool HasWords(const Answer& answer) {
  if (answer.kind == AnswerKind::kText) return true;
  return std::any_of(answer.parts.begin(), answer.parts.end(), HasWords);
}

// The output itself, if it is an answer and nothing else.
std::optional<std::string> Whole(std::string_view text, ExpectedAnswer expected) {
  text = TrimSpace(text);
  if (text.empty() || text.size() > kMaxWholeBytes) return std::nullopt;
  if (expected == ExpectedAnswer::kChoice) return std::nullopt;
  const Answer answer = ParseAnswer(text);
  if (answer.kind == AnswerKind::kEmpty) return std::nullopt;
  // Lines of a computation: the last of them answers.
  const bool lines = StripWrapping(text).find('\n') != std::string_view::npos;
  if (lines && expected == ExpectedAnswer::kNumber) return std::nullopt;
  if (expected != ExpectedAnswer::kText && HasWords(answer)) return std::nullopt;
  return std::string(text);
}

// Whether "x" between two digits multiplies: apart, as in "5 x 10^3", or before a result, as in
// "10x6=60". A matrix may be 2x3, and 0x1F is 31.
bool MultipliesWithX(std::string_view text, size_t x, size_t left, size_t right) {
  if (!IsDigit(text[left]) || right >= text.size() || !IsDigit(text[right])) return false;
  if (left + 1 < x && x + 1 < right) return true;
  size_t end = right;
  while (end < text.size() && (IsDigit(text[end]) || text[end] == '.')) ++end;
  while (end < text.size() && text[end] == ' ') ++end;
  return end < text.size() && text[end] == '=';
}

// "5 x 10^3" and "3 x 4 = 12" with a sign for the letter.
std::string WithTimesSigns(std::string text) {
  for (size_t at = 1; at + 1 < text.size(); ++at) {
    if (text[at] != 'x' && text[at] != 'X') continue;
    size_t left = at - 1;
    while (left > 0 && (text[left] == ' ' || text[left] == '$')) --left;
    size_t right = at + 1;
    while (right < text.size() && (text[right] == ' ' || text[right] == '$')) ++right;
    if (MultipliesWithX(text, at, left, right)) text[at] = '*';
  }
  return text;
}

Extraction Found(ExtractionTier tier, std::string text) {
  return {tier, std::move(text), tier == ExtractionTier::kFormat};
}

}  // namespace

std::string_view AnswerFormatName(AnswerFormat format) {
  return kFormatNames[static_cast<size_t>(format)];
}

std::optional<AnswerFormat> AnswerFormatFromName(std::string_view name) {
  for (size_t i = 0; i < std::size(kFormatNames); ++i) {
    if (name == kFormatNames[i]) return static_cast<AnswerFormat>(i);
  }
  return std::nullopt;
}

std::string_view ExtractionTierName(ExtractionTier tier) {
  return kTierNames[static_cast<size_t>(tier)];
}

Extraction ExtractAnswer(std::string_view output, AnswerFormat format, ExpectedAnswer expected) {
  const std::string own = OwnAnswerText(output, expected);
  const std::string& text = own;
  if (auto found = Place(text, format, expected)) {
    return Found(ExtractionTier::kFormat, std::move(*found));
  }
  for (const AnswerFormat other :
       {AnswerFormat::kBoxed, AnswerFormat::kHash, AnswerFormat::kJson}) {
    if (other == format) continue;
    if (auto found = Place(text, other, expected)) {
      return Found(ExtractionTier::kOtherFormat, std::move(*found));
    }
  }
  std::string prose = WithTimesSigns(own);
  // "No" may be the answer in words, to a question that is repeated.
  if (expected != ExpectedAnswer::kText) prose = prose_parts::WithoutDeniedQuestions(prose);
  std::string rest;  // without what is denied
  if (auto found = LastClause(prose, expected, &rest)) {
    return Found(ExtractionTier::kClause, std::move(*found));
  }
  // Almost any short output could be words and nothing else, so these come last.
  const bool words = expected == ExpectedAnswer::kText;
  auto whole = Whole(rest, expected);
  if (whole && !words) return Found(ExtractionTier::kWhole, std::move(*whole));
  if (auto found = FinalMath(rest, expected)) {
    return Found(ExtractionTier::kFinalMath, std::move(*found));
  }
  if (whole) return Found(ExtractionTier::kWhole, std::move(*whole));
  auto last = expected == ExpectedAnswer::kChoice ? ChosenLetter(rest, false) : LastNumber(rest);
  if (last) return Found(ExtractionTier::kLastNumber, std::move(*last));
  return {};
}

std::string ExtractGold(std::string_view solution) {
  const size_t mark = solution.rfind("####");
  if (mark != std::string_view::npos) {
    const std::string_view rest = TrimSpace(solution.substr(mark + 4));
    if (!rest.empty()) return std::string(rest.substr(0, rest.find('\n')));
  }
  if (auto boxed = GoldBox(solution)) return *boxed;
  if (solution.find("answer is") != std::string_view::npos) {
    if (auto clause = LastClause(solution, ExpectedAnswer::kText)) return *clause;
  }
  return std::string(TrimSpace(solution));
}

}  // namespace ebb
