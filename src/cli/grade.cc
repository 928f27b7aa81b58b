// ebb grade: are the answers in a file of model outputs right, and in the format asked for?
#include "grade/grade.h"

#include <memory>
#include <vector>

#include "base/file.h"
#include "cli/command.h"
#include "cli/text_input.h"
#include "grade/extract_places.h"

namespace ebb {
namespace {

constexpr uint64_t kMaxFileBytes = uint64_t{1} << 30;

struct Options {
  std::string input;
  std::string format;
  bool json = false;
};

struct Item {
  std::string gold;
  std::string prediction;
  AnswerFormat format = AnswerFormat::kBoxed;
};

// A gold answer may be a number, too: {"gold": 18}. It is taken as it is written in the line, with
// all its digits.
Result<std::string> TextField(const Json& row, std::string_view line, const char* key,
                              const std::string& where) {
  const auto found = row.find(key);
  if (found == row.end() || !found->is_number()) return GetString(row, key, where);
  if (auto raw = RawJsonNumber(line, key)) return *raw;
  return MakeError(ErrorCode::kInvalidArgument, fmt::format("{}: {}", where, key),
                   "the number cannot be read exactly; write it as a string");
}

// --format counts for every row; without it a row's own "format", and boxed for rows without one.
Result<AnswerFormat> FormatOf(const Options& options, const Json& row, const std::string& where) {
  if (!options.format.empty()) return *AnswerFormatFromName(options.format);
  EBB_TRY_ASSIGN(const std::string name, GetString(row, "format", where, "boxed"));
  const auto format = AnswerFormatFromName(name);
  if (!format) {
    return MakeError(ErrorCode::kInvalidArgument, where + ": format",
                     "\"{}\" is not one of boxed, hash, json", name);
  }
  return *format;
}

Result<GradeResult> GradeLine(const Options& options, std::string_view line,
                              const std::string& where) {
  EBB_TRY_ASSIGN(const Json row, ParseJson(line, where));
  if (!row.is_object()) {
    return MakeError(ErrorCode::kCorrupt, where, "not an object with \"gold\" and \"prediction\"");
  }
  EBB_TRY_ASSIGN(const std::string gold_text, TextField(row, line, "gold", where));
  EBB_TRY_ASSIGN(const std::string prediction, GetString(row, "prediction", where));
  EBB_TRY_ASSIGN(const AnswerFormat format, FormatOf(options, row, where));
  const Result<GoldAnswer> gold = GoldAnswer::FromText(gold_text);
  if (!gold) return tl::unexpected(Error(gold.error()).In(where));
  return gold->Grade(prediction, format);
}

OrderedJson RowJson(const GradeResult& row) {
  OrderedJson json;
  json["equal"] = row.equal;
  json["in_format"] = row.in_format;
  json["ica"] = row.ica;
  json["extracted"] = nullptr;
  if (row.tier != ExtractionTier::kNone) json["extracted"] = row.extracted;
  json["tier"] = ExtractionTierName(row.tier);
  json["rule"] = CompareRuleName(row.rule);
  return json;
}

Result<int> Run(const Options& options) {
  std::string text;
  if (options.input == "-") {
    EBB_TRY_ASSIGN(text, TextOrStdin(std::nullopt));
  } else {
    EBB_TRY_ASSIGN(text, ReadTextFile(options.input, kMaxFileBytes));
  }
  std::vector<GradeResult> rows;
  size_t line_number = 0;
  for (size_t start = 0; start < text.size();) {
    const size_t end = std::min(text.find('\n', start), text.size());
    const std::string_view line = std::string_view(text).substr(start, end - start);
    start = end + 1;
    ++line_number;
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    const std::string where = fmt::format("{}:{}", options.input, line_number);
    EBB_TRY_ASSIGN(GradeResult row, GradeLine(options, line, where));
    rows.push_back(std::move(row));
  }
  size_t right = 0;
  size_t compliant = 0;
  size_t in_format = 0;
  for (const GradeResult& row : rows) {
    right += row.equal ? 1 : 0;
    compliant += row.ica ? 1 : 0;
    in_format += row.in_format ? 1 : 0;
  }
  const auto rate = [&](size_t count) {
    return static_cast<double>(count) / static_cast<double>(rows.size());
  };
  if (options.json) {
    OrderedJson json;
    json["items"] = rows.size();
    json["pia"] = FiniteOrNull(rate(right));
    json["ica"] = FiniteOrNull(rate(compliant));
    json["format_rate"] = FiniteOrNull(rate(in_format));
    json["rows"] = OrderedJson::array();
    for (const GradeResult& row : rows) json["rows"].push_back(RowJson(row));
    PrintJson(json);
    return kExitDone;
  }
  if (rows.empty()) {
    fmt::print("no items\n");
    return kExitDone;
  }
  fmt::print("{} items\n", rows.size());
  fmt::print("PIA (right, wherever the answer stands)  {:.4f}  {}\n", rate(right), right);
  fmt::print("ICA (right and in the format)            {:.4f}  {}\n", rate(compliant), compliant);
  fmt::print("in the format                            {:.4f}  {}\n", rate(in_format), in_format);
  return kExitDone;
}

}  // namespace

void AddGrade(CLI::App& app, CommandBody& body) {
  CLI::App* command = app.add_subcommand("grade", "Grade model outputs against gold answers");
  const auto options = std::make_shared<Options>();
  command
      ->add_option("IN.jsonl", options->input,
                   "One object a line with \"gold\" and \"prediction\"; - reads stdin")
      ->required();
  command
      ->add_option("--format", options->format,
                   "The format that was asked for (default: a row's own \"format\", else boxed)")
      ->check(CLI::IsMember({"boxed", "hash", "json"}));
  AddJsonFlag(*command, &options->json);
  command->callback([options, &body] { body = [options] { return Run(*options); }; });
}

}  // namespace ebb
