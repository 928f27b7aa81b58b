// The study file: which model, which data, which cells, and what is compared. docs/study.md
// describes every field.
//
// Thread-safety: pure functions and plain values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "engine/sampler.h"
#include "eval/task_items.h"

namespace ebb {

// One data set and how its questions are put.
struct DataSetSpec {
  std::string name;
  Task task = Task::kArith;
  std::string file;          // as the process can open it
  std::string file_written;  // as it stands in the study file: from that file's folder on
  int64_t limit = 0;
  AnswerFormat format = AnswerFormat::kBoxed;
  bool chat = true;
  int64_t new_tokens = 256;
  int64_t batch = 32;
  int64_t kl_items = 0;
  SamplingOptions sampling;
  std::string prompt_template;  // a file; empty: the built-in template
  std::string shots;            // likewise: none
};

// What an experiment's statistics are.
enum class Contrast { kBaseline, kLayers, kCodecs, kNull, kSeeds };
[[nodiscard]] std::string_view ContrastName(Contrast comparison);
[[nodiscard]] std::optional<Contrast> ContrastFromName(std::string_view name);

// "steps >= 3": on a field of an item's row in the data.
struct ItemFilter {
  enum class Relation : uint8_t { kEqual, kAtLeast, kAtMost };
  std::string text;
  std::string field;
  Relation relation = Relation::kEqual;
  double value = 0;

  [[nodiscard]] static Result<ItemFilter> Parse(std::string_view text);
  // False for a row without such a number.
  [[nodiscard]] bool Accepts(std::string_view json_row) const;
};

// A text of the study file.
struct WrittenText {
  std::string text;
  int64_t line = 0;
};

struct ExperimentSpec {
  std::string name;
  std::string about;
  std::string data;
  bool kl = true;
  bool inside = false;
  bool accuracy = false;
  std::vector<WrittenText> codecs;
  std::vector<WrittenText> bounds;
  std::vector<WrittenText> layers;   // empty: all
  std::vector<WrittenText> experts;  // empty: all
  std::vector<uint64_t> seeds = {0};
  std::vector<std::vector<WrittenText>> inject;
  std::optional<ItemFilter> where;
  Contrast compare = Contrast::kBaseline;
  int64_t line = 0;  // in the study file
};

struct StudyFile {
  std::string path;
  std::string text;
  std::string model;          // as the process can open it
  std::string model_written;  // as it stands in the file
  std::string database;       // as the process can open it
  std::vector<DataSetSpec> data;
  std::vector<ExperimentSpec> experiments;
};

// Where `path` leads that stands in `file`: relative ones start at the file's folder.
[[nodiscard]] std::string PathFromFile(const std::string& file, const std::string& path);

// A mistake is kInvalidArgument and names file, line and field.
// A folder means its study.toml.
[[nodiscard]] Result<StudyFile> ReadStudyFile(const std::string& path);

// The same from text; relative paths in it start at `path`'s folder.
[[nodiscard]] Result<StudyFile> ParseStudyFile(std::string_view text, const std::string& path);

}  // namespace ebb
