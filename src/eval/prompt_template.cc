#include "eval/prompt_template.h"

#include "base/json.h"

namespace ebb {
namespace {

constexpr std::string_view kQuestion = "{question}";
constexpr std::string_view kInstruction = "{instruction}";
constexpr std::string_view kAnswer = "{answer}";

// Puts texts into their places in one pass, so that a question which spells a place stays as it is.
std::string Fill(std::string_view form,
                 std::initializer_list<std::pair<std::string_view, std::string_view>> places) {
  std::string filled;
  while (!form.empty()) {
    bool found = false;
    for (const auto& [place, text] : places) {
      if (!form.starts_with(place)) continue;
      if (text.empty() && place == kInstruction) {
        filled.erase(filled.find_last_not_of(" \t\r\n") + 1);
      }
      filled.append(text);
      form.remove_prefix(place.size());
      found = true;
      break;
    }
    if (found) continue;
    filled.push_back(form.front());
    form.remove_prefix(1);
  }
  return filled;
}

Status ReadText(const Json& json, const char* key, const std::string& where,
                std::string_view needed, std::string* text) {
  EBB_TRY_ASSIGN(*text, GetString(json, key, where, *text));
  if (needed.empty() || text->find(needed) != std::string::npos) return {};
  return MakeError(ErrorCode::kInvalidArgument, fmt::format("{}: {}", where, key),
                   "there is no {} in it", needed);
}

Status ReadInstructions(const Json& json, const std::string& where, PromptTemplate* read) {
  if (!json.is_object()) {
    return MakeError(ErrorCode::kInvalidArgument, where, "it is not an object");
  }
  for (const auto& [key, value] : json.items()) {
    const auto format = AnswerFormatFromName(key);
    if (!format || !value.is_string()) {
      return MakeError(ErrorCode::kInvalidArgument, where + ": " + key,
                       "here stand texts for boxed, hash and json");
    }
    read->instructions[static_cast<size_t>(*format)] = value.get<std::string>();
  }
  return {};
}

Status ReadStops(const Json& json, const std::string& where, PromptTemplate* read) {
  read->stops.emplace();
  for (const Json& stop : json) {
    if (!stop.is_string() || stop.get_ref<const std::string&>().empty()) break;
    read->stops->push_back(stop.get<std::string>());
  }
  if (json.is_array() && read->stops->size() == json.size()) return {};
  return MakeError(ErrorCode::kInvalidArgument, where, "it is not a list of texts");
}

}  // namespace

std::string_view FormatInstruction(AnswerFormat format) {
  switch (format) {
    case AnswerFormat::kBoxed:
      return "Please reason step by step, and put your final answer within \\boxed{}.";
    case AnswerFormat::kHash:
      return "Please reason step by step, and end with your final answer on a line of its own, as "
             "#### ANSWER.";
    case AnswerFormat::kJson:
      return "Please reason step by step, and end with your final answer as {\"answer\": ANSWER}.";
  }
  return "";
}

std::string PromptTemplate::Question(const std::string& asked, AnswerFormat format,
                                     bool asks_format) const {
  std::string_view instruction;
  if (!asks_format) {
    const auto& own = instructions[static_cast<size_t>(format)];
    instruction = own ? std::string_view(*own) : FormatInstruction(format);
  }
  return Fill(question, {{kQuestion, asked}, {kInstruction, instruction}});
}

std::string PromptTemplate::Plain(const std::string& asked) const {
  return Fill(plain, {{kQuestion, asked}});
}

std::string PromptTemplate::Answer(const std::string& solution) const {
  return Fill(answer, {{kAnswer, solution}});
}

Result<PromptTemplate> ParsePromptTemplate(std::string_view text, const std::string& where) {
  EBB_TRY_ASSIGN(const Json json, ParseJson(text, where));
  if (!json.is_object()) {
    return MakeError(ErrorCode::kInvalidArgument, where, "it is not a JSON object");
  }
  PromptTemplate read;
  for (const auto& [key, value] : json.items()) {
    const std::string at = where + ": " + key;
    if (key == "system") {
      EBB_TRY(ReadText(json, "system", where, "", &read.system));
    } else if (key == "question") {
      EBB_TRY(ReadText(json, "question", where, kQuestion, &read.question));
    } else if (key == "plain") {
      EBB_TRY(ReadText(json, "plain", where, kQuestion, &read.plain));
    } else if (key == "answer") {
      EBB_TRY(ReadText(json, "answer", where, kAnswer, &read.answer));
    } else if (key == "separator") {
      EBB_TRY(ReadText(json, "separator", where, "", &read.separator));
    } else if (key == "instructions") {
      EBB_TRY(ReadInstructions(value, at, &read));
    } else if (key == "stops") {
      EBB_TRY(ReadStops(value, at, &read));
    } else {
      return MakeError(ErrorCode::kInvalidArgument, at,
                       "no such key; there are: system, question, plain, answer, separator, "
                       "instructions, stops");
    }
  }
  return read;
}

}  // namespace ebb
