// A format, a gold answer, a zero byte and a model's output. Grading must end in bounded time; an
// answer that parses equals itself; ICA implies PIA; and a plain gold answer in a box is right.
#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

#include "grade/grade.h"
#include "grade/math_text.h"

namespace ebb {
namespace {

void CheckSelf(std::string_view text) {
  const Answer answer = ParseAnswer(text);
  if (answer.kind == AnswerKind::kEmpty) return;
  EBB_CHECK(CompareAnswers(answer, answer).equal);
  EBB_CHECK(CompareAnswers(answer, ParseAnswer(text)).equal);
}

// Text that cannot be mistaken for a box, a placeholder or the end of an output.
bool Plain(std::string_view text) {
  const auto allowed = [](char c) {
    return IsDigit(c) || std::string_view("xyab+-*/^=(), .[]%").find(c) != std::string_view::npos;
  };
  return std::all_of(text.begin(), text.end(), allowed) &&
         std::any_of(text.begin(), text.end(), IsDigit);
}

void FuzzGrade(std::string_view input) {
  if (input.empty()) return;
  const auto format = static_cast<AnswerFormat>(static_cast<uint8_t>(input[0]) % 3);
  input.remove_prefix(1);
  const size_t end = std::min(input.find('\0'), input.size());
  const std::string_view gold_text = input.substr(0, end);
  const std::string_view output = input.substr(std::min(end + 1, input.size()));
  CheckSelf(gold_text);
  CheckSelf(output);
  const Result<GoldAnswer> gold = GoldAnswer::FromText(gold_text);
  if (!gold) {
    EBB_CHECK(!gold.error().message.empty());
    return;
  }
  const GradeResult result = gold->Grade(output, format);
  EBB_CHECK(result.ica == (result.equal && result.in_format));
  EBB_CHECK(!result.equal || !result.extracted.empty());
  EBB_CHECK((result.tier == ExtractionTier::kNone) == result.extracted.empty());
  EBB_CHECK(result.in_format == (result.tier == ExtractionTier::kFormat));
  if (Plain(gold->text())) {
    EBB_CHECK(gold->Grade("\\boxed{" + gold->text() + "}", AnswerFormat::kBoxed).ica);
  }
}

}  // namespace
}  // namespace ebb

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  ebb::FuzzGrade({reinterpret_cast<const char*>(data), size});
  return 0;
}
