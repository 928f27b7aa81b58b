#include "study/study_file.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <filesystem>
#include <span>

#include "base/file.h"
#include "base/json.h"
#include "study/toml_table.h"

namespace ebb {
namespace {

constexpr uint64_t kMaxFileBytes = uint64_t{16} << 20;
constexpr int64_t kMany = int64_t{1} << 30;

struct NamedContrast {
  Contrast comparison;
  std::string_view name;
};
constexpr std::array<NamedContrast, 5> kContrasts = {{{Contrast::kBaseline, "baseline"},
                                                      {Contrast::kLayers, "layers"},
                                                      {Contrast::kCodecs, "codecs"},
                                                      {Contrast::kNull, "null"},
                                                      {Contrast::kSeeds, "seeds"}}};

std::string_view Trimmed(std::string_view text) {
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.front()))) {
    text.remove_prefix(1);
  }
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back()))) {
    text.remove_suffix(1);
  }
  return text;
}

int64_t DefaultNewTokens(Task task) {
  switch (task) {
    case Task::kArith:
      return 160;
    case Task::kMath:
      return 1024;
    default:
      return 512;
  }
}

Result<DataSetSpec> ReadData(TomlTable& table) {
  DataSetSpec data;
  EBB_TRY_ASSIGN(data.name, table.Text("name"));
  table.Rename(fmt::format("data \"{}\"", data.name));
  if (data.name.empty() || data.name.find_first_of("|,\n") != std::string::npos) {
    return table.Mistake("name", "it must not be empty, nor hold | or commas");
  }
  EBB_TRY_ASSIGN(const std::string task, table.Text("task"));
  const auto named = TaskFromName(task);
  if (!named || IsLikelihoodTask(*named)) {
    return table.Mistake("task",
                         fmt::format("\"{}\" is no task; there are: gsm8k, math, arith", task));
  }
  data.task = *named;
  EBB_TRY_ASSIGN(data.file_written, table.Text("file"));
  if (data.file_written.empty()) return table.Mistake("file", "it is empty");
  data.file = PathFromFile(table.file(), data.file_written);
  EBB_TRY_ASSIGN(data.limit, table.Integer("limit", 0, kMany, 0));
  EBB_TRY_ASSIGN(const std::string format, table.Text("format", "boxed"));
  const auto answer_format = AnswerFormatFromName(format);
  if (!answer_format) return table.Mistake("format", "it must be boxed, hash or json");
  data.format = *answer_format;
  EBB_TRY_ASSIGN(data.chat, table.Flag("chat", true));
  EBB_TRY_ASSIGN(data.new_tokens,
                 table.Integer("new_tokens", 1, kMany, DefaultNewTokens(data.task)));
  EBB_TRY_ASSIGN(data.batch, table.Integer("batch", 1, 4096, 32));
  EBB_TRY_ASSIGN(data.kl_items, table.Integer("kl_items", 0, kMany, 0));
  EBB_TRY_ASSIGN(data.sampling.temperature, table.Number("temperature", 0, 100, 0));
  EBB_TRY_ASSIGN(data.sampling.top_k, table.Integer("top_k", 0, kMany, 0));
  EBB_TRY_ASSIGN(data.sampling.top_p, table.Number("top_p", 0, 1, 1));
  EBB_TRY_ASSIGN(const int64_t seed, table.Integer("sampling_seed", 0, INT64_MAX, 0));
  data.sampling.seed = static_cast<uint64_t>(seed);
  EBB_TRY_ASSIGN(data.prompt_template, table.Text("template", ""));
  EBB_TRY_ASSIGN(data.shots, table.Text("shots", ""));
  for (std::string* path : {&data.prompt_template, &data.shots}) {
    if (!path->empty()) *path = PathFromFile(table.file(), *path);
  }
  EBB_TRY(table.Finish());
  return data;
}

Status ReadMeasures(TomlTable& table, ExperimentSpec* experiment) {
  EBB_TRY_ASSIGN(const auto measures, table.Texts("measure"));
  if (measures.empty()) return {};
  experiment->kl = false;
  for (const auto& [measure, line] : measures) {
    if (measure == "kl") {
      experiment->kl = true;
    } else if (measure == "inside") {
      experiment->kl = experiment->inside = true;
    } else if (measure == "accuracy") {
      experiment->accuracy = true;
    } else {
      return table.Mistake("measure", fmt::format("\"{}\" is no measure; there are: kl, inside, "
                                                  "accuracy",
                                                  measure));
    }
  }
  return {};
}

Result<ExperimentSpec> ReadExperiment(TomlTable& table) {
  ExperimentSpec experiment;
  EBB_TRY_ASSIGN(experiment.name, table.Text("name"));
  table.Rename(fmt::format("experiment \"{}\"", experiment.name));
  if (experiment.name.empty()) return table.Mistake("name", "it must not be empty");
  experiment.line = table.line();
  EBB_TRY_ASSIGN(experiment.about, table.Text("about", ""));
  EBB_TRY_ASSIGN(experiment.data, table.Text("data"));
  EBB_TRY(ReadMeasures(table, &experiment));
  EBB_TRY_ASSIGN(experiment.codecs, table.Texts("codecs"));
  EBB_TRY_ASSIGN(experiment.bounds, table.Texts("bounds"));
  EBB_TRY_ASSIGN(experiment.layers, table.Texts("layers"));
  EBB_TRY_ASSIGN(experiment.experts, table.Texts("experts"));
  EBB_TRY_ASSIGN(experiment.seeds, table.Seeds("seeds", {0}));
  EBB_TRY_ASSIGN(experiment.inject, table.TextLists("inject"));
  EBB_TRY_ASSIGN(const std::string where, table.Text("where", ""));
  if (!where.empty()) {
    auto filter = ItemFilter::Parse(where);
    if (!filter) return table.Mistake("where", filter.error().message);
    experiment.where = std::move(*filter);
  }
  EBB_TRY_ASSIGN(const std::string compare, table.Text("compare", "baseline"));
  const auto comparison = ContrastFromName(compare);
  if (!comparison) {
    return table.Mistake(
        "compare", fmt::format("\"{}\" is no comparison; there are: baseline, layers, codecs, "
                               "null, seeds",
                               compare));
  }
  experiment.compare = *comparison;
  if (experiment.codecs.empty() && experiment.inject.empty()) {
    return table.Mistake("codecs", "name a codec here, or cells with inject");
  }
  // Two draws of noise do differ: what must agree is the mean of several with that of others.
  const size_t seeds = experiment.seeds.size();
  if (experiment.compare == Contrast::kSeeds && (seeds % 2 != 0 || seeds < 4)) {
    return table.Mistake("seeds", "compare = \"seeds\" needs an even number of them, at least 4");
  }
  EBB_TRY(table.Finish());
  return experiment;
}

Status CheckNames(const TomlTable& document, const StudyFile& study) {
  std::set<std::string> data;
  for (const DataSetSpec& set : study.data) {
    if (!data.insert(set.name).second) {
      return document.Mistake("data", fmt::format("\"{}\" is there twice", set.name));
    }
  }
  std::set<std::string> names;
  for (const ExperimentSpec& experiment : study.experiments) {
    const std::string where =
        fmt::format("{}, line {}, experiment \"{}\"", study.path, experiment.line, experiment.name);
    if (!names.insert(experiment.name).second) {
      return MakeError(ErrorCode::kInvalidArgument, where + ", name", "it is there twice");
    }
    if (!data.contains(experiment.data)) {
      return MakeError(ErrorCode::kInvalidArgument, where + ", data", "there is no data set \"{}\"",
                       experiment.data);
    }
  }
  if (study.data.empty()) return document.Mistake("data", "a study needs a [[data]] table");
  if (study.experiments.empty()) {
    return document.Mistake("experiment", "a study needs an [[experiment]] table");
  }
  return {};
}

}  // namespace

std::string PathFromFile(const std::string& file, const std::string& path) {
  const std::filesystem::path given(path);
  if (given.is_absolute()) return path;
  return (std::filesystem::path(file).parent_path() / given).lexically_normal().string();
}

std::string_view ContrastName(Contrast comparison) {
  for (const NamedContrast& named : kContrasts) {
    if (named.comparison == comparison) return named.name;
  }
  return "";
}

std::optional<Contrast> ContrastFromName(std::string_view name) {
  for (const NamedContrast& named : kContrasts) {
    if (named.name == name) return named.comparison;
  }
  return std::nullopt;
}

Result<ItemFilter> ItemFilter::Parse(std::string_view text) {
  ItemFilter filter;
  filter.text = text;
  const size_t at = text.find_first_of("=<>");
  const auto bad = [&] {
    return MakeError(ErrorCode::kInvalidArgument, "",
                     "\"{}\" is not understood; write it as in \"steps >= 3\" (==, >=, <=)", text);
  };
  if (at == std::string_view::npos || at + 2 > text.size() || text[at + 1] != '=') return bad();
  filter.relation = text[at] == '='   ? Relation::kEqual
                    : text[at] == '>' ? Relation::kAtLeast
                                      : Relation::kAtMost;
  filter.field = Trimmed(text.substr(0, at));
  const std::string_view number = Trimmed(text.substr(at + 2));
  const auto [end, error] =
      std::from_chars(number.data(), number.data() + number.size(), filter.value);
  if (filter.field.empty() || error != std::errc() || end != number.data() + number.size() ||
      !std::isfinite(filter.value)) {
    return bad();
  }
  return filter;
}

bool ItemFilter::Accepts(std::string_view json_row) const {
  const auto row = ParseJson(json_row, "");
  if (!row || !row->is_object()) return false;
  const auto found = row->find(field);
  if (found == row->end() || !found->is_number()) return false;
  const auto number = found->get<double>();
  switch (relation) {
    case Relation::kEqual:
      return number == value;
    case Relation::kAtLeast:
      return number >= value;
    case Relation::kAtMost:
      return number <= value;
  }
  return false;
}

Result<StudyFile> ParseStudyFile(std::string_view text, const std::string& path) {
  const toml::parse_result parsed = toml::parse(text, path);
  if (!parsed) {
    const toml::parse_error& error = parsed.error();
    return MakeError(ErrorCode::kInvalidArgument,
                     fmt::format("{}, line {}", path, error.source().begin.line), "{}",
                     error.description());
  }
  StudyFile study;
  study.path = path;
  study.text = text;
  TomlTable document(parsed.table(), path, "");
  EBB_TRY_ASSIGN(const int64_t version, document.Integer("version", 1, kMany, 0));
  if (version != 1) {
    return document.Mistake("version", version == 0 ? "it is missing; this is version 1"
                                                    : "this program reads version 1");
  }
  EBB_TRY_ASSIGN(study.model_written, document.Text("model"));
  EBB_TRY_ASSIGN(const std::string database, document.Text("database"));
  if (study.model_written.empty()) return document.Mistake("model", "it is empty");
  if (database.empty()) return document.Mistake("database", "it is empty");
  study.model = PathFromFile(path, study.model_written);
  study.database = PathFromFile(path, database);
  EBB_TRY_ASSIGN(const auto data, document.Tables("data"));
  for (const toml::table* entry : data) {
    TomlTable table(*entry, path, "data");
    EBB_TRY_ASSIGN(DataSetSpec set, ReadData(table));
    study.data.push_back(std::move(set));
  }
  EBB_TRY_ASSIGN(const auto experiments, document.Tables("experiment"));
  for (const toml::table* entry : experiments) {
    TomlTable table(*entry, path, "experiment");
    EBB_TRY_ASSIGN(ExperimentSpec experiment, ReadExperiment(table));
    study.experiments.push_back(std::move(experiment));
  }
  EBB_TRY(document.Finish());
  EBB_TRY(CheckNames(document, study));
  return study;
}

Result<StudyFile> ReadStudyFile(const std::string& path) {
  if (IsDirectory(path)) {
    return ReadStudyFile((std::filesystem::path(path) / "study.toml").string());
  }
  if (!FileExists(path)) {
    return MakeError(ErrorCode::kNotFound, path,
                     "there is no such study file: ebb study init writes one");
  }
  constexpr std::string_view kDatabaseHead("SQLite format 3");
  EBB_TRY_ASSIGN(const File file, File::OpenForReading(path));
  std::string head(std::min<uint64_t>(file.size_bytes(), kDatabaseHead.size()), '\0');
  EBB_TRY(file.ReadAt(0, std::as_writable_bytes(std::span(head))));
  if (head == kDatabaseHead) {
    return MakeError(ErrorCode::kInvalidArgument, path,
                     "it is a database, not a study file: name the .toml that was run");
  }
  EBB_TRY_ASSIGN(const std::string text, ReadTextFile(path, kMaxFileBytes));
  if (text.find('\0') != std::string::npos) {
    return MakeError(ErrorCode::kInvalidArgument, path, "it is no study file, which is TOML text");
  }
  return ParseStudyFile(text, path);
}

}  // namespace ebb
