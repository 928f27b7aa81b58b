#include "grade/grade.h"

#include "grade/math_text.h"

namespace ebb {
namespace {

// Whether what stands behind a choice's letter names another letter or takes the choice back.
bool AnotherLetter(std::string_view rest) {
  std::string_view word_before;
  bool first = true;
  for (size_t at = 0; at < rest.size();) {
    size_t end = at;
    while (end < rest.size() && (IsLetter(rest[end]) || IsDigit(rest[end]))) ++end;
    if (end == at) {
      ++at;
      continue;
    }
    const std::string_view word = rest.substr(at, end - at);
    for (const std::string_view denial : {"not", "wrong", "incorrect", "false"}) {
      if (word == denial) return true;
    }
    const bool letter = word.size() == 1 && word[0] >= 'A' && word[0] <= 'J';
    const bool bracket = at > 0 && rest[at - 1] == '(' && end < rest.size() && rest[end] == ')';
    const bool joined = word_before == "or" || word_before == "and";
    const auto letter_at = [&](size_t i) { return i < rest.size() && IsLetter(rest[i]); };
    const bool alone = !(letter_at(end + 1) && letter_at(end + 2));  // not "A dog"
    if (letter && (bracket || (alone && (first || joined)))) return true;
    word_before = word;
    first = false;
    at = end;
  }
  return false;
}

// "C", "(C)", "(C) Cecile", "C) 15", "C. 15", "C Cecile": the letter; \0 for other answers. "A" and
// "I" before a word are words.
char ChoiceLetter(std::string_view raw) {
  raw = StripWrapping(raw);
  if (raw.size() > kMaxAnswerBytes) return '\0';
  std::string plain = CleanMath(raw);
  constexpr std::string_view kText = "\\text";
  for (size_t at = plain.find(kText); at != std::string::npos; at = plain.find(kText)) {
    plain.erase(at, kText.size());
  }
  std::erase_if(plain, [](char c) { return c == '{' || c == '}'; });
  std::string_view text = TrimSpace(plain);
  const bool bracket = text.starts_with('(');
  if (bracket) text.remove_prefix(1);
  if (text.empty() || text[0] < 'A' || text[0] > 'J') return '\0';
  const char letter = text[0];
  text.remove_prefix(1);
  if (AnotherLetter(text)) return '\0';
  if (bracket) {
    const bool closed = text.starts_with(')') && (text.size() == 1 || text[1] == ' ');
    return closed ? letter : '\0';
  }
  if (text.empty()) return letter;
  if (text.size() > 2 && (text[0] == ')' || text[0] == '.' || text[0] == ':') && text[1] == ' ') {
    return letter;
  }
  const bool word = text.size() > 2 && text[0] == ' ' && text[1] >= 'A' && text[1] <= 'Z';
  return word && letter != 'A' && letter != 'I' ? letter : '\0';
}

ExpectedAnswer ExpectedOf(const Answer& answer) {
  const Answer* value = &answer;
  if (value->kind == AnswerKind::kAssignment) value = &value->parts[0];
  if (value->kind == AnswerKind::kText) return ExpectedAnswer::kText;
  // e^2 and 3 + 4i are constants, but they are not written in digits alone.
  const bool number = value->kind == AnswerKind::kValue && VariablesOf(value->value).empty() &&
                      ExactValue(value->value).has_value();
  return number ? ExpectedAnswer::kNumber : ExpectedAnswer::kMath;
}

// Whether a text is a solution of several sentences, and not an answer.
bool SeveralSentences(std::string_view text) {
  int words = 0;
  int sentences = 0;
  for (size_t at = 0; at < text.size(); ++at) {
    if (IsSpace(text[at]) && at > 0 && !IsSpace(text[at - 1])) ++words;
    // "St. Louis" and "a.m." end no sentence: it takes four words.
    if ((text[at] == '.' || text[at] == '!' || text[at] == '?') && words >= 3 &&
        (at + 1 == text.size() || IsSpace(text[at + 1]))) {
      ++sentences;
      words = 0;
    }
  }
  return sentences > 1 || (sentences == 1 && words >= 4);
}

}  // namespace

Result<GoldAnswer> GoldAnswer::FromText(std::string_view text) {
  GoldAnswer gold;
  gold.text_ = ExtractGold(text);
  if (SeveralSentences(gold.text_)) {
    return MakeError(ErrorCode::kInvalidArgument, "gold",
                     "it has several sentences and no \"####\", \\boxed or \"answer is\": give the "
                     "answer alone");
  }
  gold.answer_ = ParseAnswer(gold.text_);
  if (gold.answer_.kind == AnswerKind::kEmpty) {
    return MakeError(ErrorCode::kInvalidArgument, "gold", "there is no answer in it");
  }
  gold.choice_ = ChoiceLetter(gold.text_);
  gold.expected_ = gold.choice_ != '\0' ? ExpectedAnswer::kChoice : ExpectedOf(gold.answer_);
  return gold;
}

GradeResult GoldAnswer::Grade(std::string_view output, AnswerFormat format) const {
  Extraction extraction = ExtractAnswer(output, format, expected_);
  GradeResult result;
  result.tier = extraction.tier;
  result.in_format = extraction.in_format;
  result.extracted = std::move(extraction.text);
  if (result.tier == ExtractionTier::kNone) return result;
  const char chosen = choice_ != '\0' ? ChoiceLetter(result.extracted) : '\0';
  if (chosen != '\0') {
    result.equal = chosen == choice_;
    result.rule = CompareRule::kChoice;
  } else {
    const Comparison comparison = CompareAnswers(answer_, ParseAnswer(result.extracted));
    result.equal = comparison.equal;
    result.rule = comparison.rule;
  }
  result.ica = result.equal && result.in_format;
  return result;
}

}  // namespace ebb
