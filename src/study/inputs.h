// What a study works on, read and checked before any work: the model's description, the data, the
// prompts, the cells, and hashes that tell whether two processes (or a database) mean the same.
//
// Immutable once made; may be read from many threads.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "arch/model_config.h"
#include "base/error.h"
#include "engine/engine.h"
#include "eval/likelihood.h"
#include "eval/prompt.h"
#include "eval/task_items.h"
#include "study/cells.h"
#include "study/study_file.h"

namespace ebb {

// One data set, ready to be asked.
struct StudyData {
  DataSetSpec spec;
  std::vector<TaskItem> items;
  std::vector<std::string> rows;  // the JSON lines
  std::vector<ItemTokens> tokens;
  std::vector<ScoredText> texts;
  std::vector<std::string> stops;
  std::string data_hash;
  std::string template_hash;
  int64_t kl_items = 0;  // divergence is measured on the first so many
};

struct StudyInputs {
  StudyFile file;
  ModelConfig config;
  std::string model_hash;
  uint64_t model_bytes = 0;  // of its files
  std::vector<StudyData> data;
  StudyCells cells;
  EngineLimits limits;  // what an engine must be opened with

  // 64 bits of all that results depend on, as 16 hexadecimal digits.
  std::string Fingerprint() const;
};

[[nodiscard]] Result<StudyInputs> LoadStudyInputs(StudyFile file);

// docs/study.md says which bytes count. `bytes` gets the files' size.
[[nodiscard]] Result<std::string> HashModel(const std::string& path, uint64_t* bytes);

// The non-blank lines of a JSON Lines text, at most `limit` (0: all).
[[nodiscard]] std::vector<std::string> DataRows(std::string_view jsonl, int64_t limit);

}  // namespace ebb
