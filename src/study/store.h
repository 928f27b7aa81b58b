// A study's database: created for one study, refused to any other, and added to item by item.
//
// Not thread-safe; used by rank 0 alone.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "model/observer.h"
#include "study/inputs.h"
#include "study/sqlite.h"
#include "study/wire.h"

namespace ebb {

class StudyStore {
 public:
  // Creates the database of a study, or opens the one that is there. One of another schema version,
  // model, data or prompts is refused (kInvalidArgument) in a line that says what differs. Writes
  // the study's cells and experiments into it; what it has of other cells stays. Where model and
  // data lie may change.
  [[nodiscard]] static Result<std::unique_ptr<StudyStore>> Open(const StudyInputs& inputs);

  SqlDatabase& database() { return *database_; }

  // The database's number of a cell of the inputs.
  int64_t cell_id(size_t cell) const { return cell_ids_[cell]; }

  // One transaction; rows that are there already stay as they are.
  [[nodiscard]] Status Add(const std::vector<ResultRow>& rows);

  // Which experts a cell perturbs.
  [[nodiscard]] Status AddExperts(size_t cell, const std::vector<std::vector<ExpertKey>>& experts);

  // Which items of a cell are there (kKl, kInside, kAnswer), by number; which blocks (kRouter, with
  // a data set's index as `id`).
  [[nodiscard]] Result<std::vector<uint8_t>> Present(ResultTable table, int64_t id, size_t count);

  // What the routers selected on a data set.
  [[nodiscard]] Status ReadSelections(size_t data, SelectionCounter* counter);

  // The version and SIMD target (ThisProgram) of the last run that had others than this program
  // has; nothing if none had.
  [[nodiscard]] Result<std::optional<std::string>> OtherProgram();

  [[nodiscard]] Status BeginRun(int ranks, int workers, const std::string& host);
  [[nodiscard]] Status AddTiming(int rank, int64_t worker, int64_t cell_id, UnitKind kind,
                                 int64_t items, double seconds);
  [[nodiscard]] Status AddLoss(int rank, const std::string& host, const std::string& reason);

 private:
  explicit StudyStore(std::unique_ptr<SqlDatabase> database) : database_(std::move(database)) {}

  Status Prepare(const StudyInputs& inputs);
  Status CheckStudy(const StudyInputs& inputs);
  Status WriteStudy(const StudyInputs& inputs);
  Status WriteData(const StudyInputs& inputs);
  Status WriteCells(const StudyInputs& inputs);
  Status WriteExperiments(const StudyInputs& inputs);

  std::unique_ptr<SqlDatabase> database_;
  std::vector<SqlStatement> inserts_;  // by ResultTable
  std::vector<int64_t> cell_ids_;
  int64_t run_id_ = 0;
};

// What a study's database says of its model's shape, in the table "study": key and value.
[[nodiscard]] std::vector<std::pair<std::string, std::string>> ShapeFacts(
    const ModelConfig& config);

// Opens a study's database for reading; one of another schema version is refused.
[[nodiscard]] Result<std::unique_ptr<SqlDatabase>> OpenStudyDatabase(const std::string& path);

// 64 bits of the compared content as 16 hexadecimal digits: equal for equal content, in whatever
// order it was written.
[[nodiscard]] Result<std::string> ContentHash(SqlDatabase& database);

}  // namespace ebb
