#include "study/inputs.h"

#include <algorithm>

#include "base/file.h"
#include "base/hash.h"
#include "checkpoint/checkpoint.h"
#include "eval/accuracy.h"
#include "text/model_files.h"

namespace ebb {
namespace {

constexpr uint64_t kMaxDataBytes = uint64_t{1} << 30;
constexpr uint64_t kWholeFileBytes = uint64_t{64} << 20;  // larger files are sampled
constexpr uint64_t kBlockBytes = uint64_t{64} << 10;
constexpr uint64_t kBlocks = 1024;

std::string Hex(uint64_t hash) { return fmt::format("{:016x}", hash); }

std::string HashText(std::string_view text) {
  return Hex(Xxh3(std::as_bytes(std::span(text.data(), text.size()))));
}

// Adds the hashes of a file's bytes to `text`.
Status HashFile(const File& file, std::string* text) {
  std::vector<std::byte> bytes;
  const auto add = [&](uint64_t offset, uint64_t size) -> Status {
    bytes.resize(size);
    EBB_TRY(file.ReadAt(offset, bytes));
    *text += Hex(Xxh3(bytes));
    return {};
  };
  if (file.size_bytes() <= kWholeFileBytes) return add(0, file.size_bytes());
  for (uint64_t b = 0; b < kBlocks; ++b) {
    EBB_TRY(add((file.size_bytes() - kBlockBytes) / (kBlocks - 1) * b, kBlockBytes));
  }
  return add(file.size_bytes() - kBlockBytes, kBlockBytes);
}

// `graded`: answers are measured, not only divergence.
Result<StudyData> LoadData(const DataSetSpec& spec, bool graded, const SideFiles& side_files,
                           const Tokenizer& tokenizer, int64_t max_positions) {
  StudyData data;
  data.spec = spec;
  EBB_TRY_ASSIGN(const std::string text, ReadTextFile(spec.file, kMaxDataBytes));
  EBB_TRY_ASSIGN(data.items, ParseTaskItems(text, spec.file, spec.task, spec.format, spec.limit));
  if (graded) EBB_TRY(CheckGold(data.items));
  data.rows = DataRows(text, spec.limit);
  EBB_CHECK(data.rows.size() == data.items.size());
  PromptTemplate texts;
  if (!spec.prompt_template.empty()) {
    EBB_TRY_ASSIGN(const std::string json, ReadTextFile(spec.prompt_template, kMaxDataBytes));
    EBB_TRY_ASSIGN(texts, ParsePromptTemplate(json, spec.prompt_template));
  }
  std::vector<TaskItem> shots;
  if (!spec.shots.empty()) {
    // Read as for likelihood: an example needs a solution, not an answer to grade against.
    EBB_TRY_ASSIGN(shots, ReadTaskItems(spec.shots, Task::kKl, spec.format, 0));
  }
  EBB_TRY_ASSIGN(const PromptMaker prompts,
                 PromptMaker::Create(side_files, tokenizer, spec.chat, std::move(texts), shots));
  data.stops = prompts.stops();
  std::string all_rows;
  std::string all_prompts;
  for (const std::string& stop : data.stops) all_prompts += stop + "\n";
  for (size_t i = 0; i < data.items.size(); ++i) {
    EBB_TRY_ASSIGN(ItemTokens tokens, prompts.Make(data.items[i]));
    all_rows += data.rows[i] + "\n";
    all_prompts += PromptHash(tokens.prompt) + "\n";
    data.texts.push_back(MakeScoredText(data.items[i].id, tokens, false, max_positions));
    data.tokens.push_back(std::move(tokens));
  }
  data.data_hash = HashText(all_rows);
  data.template_hash = HashText(all_prompts);
  data.kl_items = static_cast<int64_t>(data.items.size());
  if (spec.kl_items > 0) data.kl_items = std::min(data.kl_items, spec.kl_items);
  return data;
}

Result<EngineLimits> Limits(const StudyInputs& inputs) {
  EngineLimits limits;
  for (const StudyData& data : inputs.data) {
    AccuracyOptions options;
    options.new_tokens = data.spec.new_tokens;
    options.batch = data.spec.batch;
    auto answers = AccuracyLimits(inputs.config, data.items, data.tokens, options);
    if (!answers) return tl::unexpected(Error(answers.error()).In(data.spec.file));
    // Twice: of the cell and of what it is compared with.
    const EngineLimits texts =
        LikelihoodLimits(inputs.config, data.texts,
                         2 * std::min(data.spec.batch, static_cast<int64_t>(data.items.size())));
    for (const EngineLimits& part : {*answers, texts}) {
      limits.max_positions = std::max(limits.max_positions, part.max_positions);
      limits.max_sequences = std::max(limits.max_sequences, part.max_sequences);
      limits.max_output_rows = std::max(limits.max_output_rows, part.max_output_rows);
    }
  }
  return limits;
}

// A filter that accepts nothing would leave an experiment without any figure.
Status CheckFilters(const StudyInputs& inputs) {
  for (const ExperimentSpec& experiment : inputs.file.experiments) {
    if (!experiment.where) continue;
    const auto data = std::find_if(inputs.data.begin(), inputs.data.end(), [&](const StudyData& d) {
      return d.spec.name == experiment.data;
    });
    if (data == inputs.data.end()) continue;
    const bool any = std::any_of(data->rows.begin(), data->rows.end(), [&](const std::string& row) {
      return experiment.where->Accepts(row);
    });
    if (any) continue;
    return MakeError(ErrorCode::kInvalidArgument,
                     fmt::format("{}, line {}, experiment \"{}\", where", inputs.file.path,
                                 experiment.line, experiment.name),
                     "no item of {} has a field \"{}\" for which \"{}\" holds: see its name and "
                     "values in {}",
                     experiment.data, experiment.where->field, experiment.where->text,
                     data->spec.file);
  }
  return {};
}

}  // namespace

std::vector<std::string> DataRows(std::string_view jsonl, int64_t limit) {
  std::vector<std::string> rows;
  while (!jsonl.empty() && (limit == 0 || static_cast<int64_t>(rows.size()) < limit)) {
    const size_t end = std::min(jsonl.find('\n'), jsonl.size());
    const std::string_view line = jsonl.substr(0, end);
    jsonl.remove_prefix(std::min(end + 1, jsonl.size()));
    if (line.find_first_not_of(" \t\r") != std::string_view::npos) rows.emplace_back(line);
  }
  return rows;
}

Result<std::string> HashModel(const std::string& path, uint64_t* bytes) {
  std::vector<std::string> names = {""};  // a single file may be renamed
  if (IsDirectory(path)) {
    EBB_TRY_ASSIGN(names, CheckpointFileNames(path));
  }
  std::string text;
  *bytes = 0;
  for (const std::string& name : names) {
    EBB_TRY_ASSIGN(const File file, File::OpenForReading(name.empty() ? path : path + "/" + name));
    text += name;
    text += fmt::format(" {} ", file.size_bytes());
    EBB_TRY(HashFile(file, &text));
    *bytes += file.size_bytes();
  }
  return HashText(text);
}

std::string StudyInputs::Fingerprint() const {
  std::string all = model_hash;
  for (const StudyData& set : data) all += " " + set.data_hash + " " + set.template_hash;
  return HashText(all + "\n" + file.text);
}

Result<StudyInputs> LoadStudyInputs(StudyFile file) {
  StudyInputs inputs;
  inputs.file = std::move(file);
  EBB_TRY_ASSIGN(const ModelFiles files, OpenModelFiles(inputs.file.model));
  inputs.config = files.source->config();
  EBB_TRY_ASSIGN(const auto tokenizer, LoadTokenizer(files.source->side_files()));
  EBB_TRY_ASSIGN(inputs.cells, ExpandCells(inputs.file, inputs.config));
  for (size_t d = 0; d < inputs.file.data.size(); ++d) {
    const bool graded =
        std::any_of(inputs.cells.cells.begin(), inputs.cells.cells.end(),
                    [&](const Cell& cell) { return cell.data == d && cell.accuracy; });
    EBB_TRY_ASSIGN(StudyData data, LoadData(inputs.file.data[d], graded, files.source->side_files(),
                                            *tokenizer, inputs.config.max_positions));
    inputs.data.push_back(std::move(data));
  }
  EBB_TRY(CheckFilters(inputs));
  EBB_TRY_ASSIGN(inputs.limits, Limits(inputs));
  EBB_TRY_ASSIGN(inputs.model_hash, HashModel(inputs.file.model, &inputs.model_bytes));
  return inputs;
}

}  // namespace ebb
