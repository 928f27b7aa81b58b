#include "study/status.h"

#include <algorithm>
#include <map>

namespace ebb {
namespace {

struct CellProgress {
  int64_t kl = 0;  // items to measure
  int64_t answers = 0;
  int64_t kl_done = 0;
  int64_t answers_done = 0;

  int64_t items() const { return kl + answers; }
  int64_t items_done() const { return kl_done + answers_done; }
};

using Cells =
    std::map<int64_t, CellProgress>;  // of all cells that an experiment names, and baselines

Result<Cells> ReadCells(SqlDatabase& database) {
  Cells cells;
  EBB_TRY_ASSIGN(
      SqlStatement select,
      database.Prepare("SELECT cell_id, measures_kl * kl_items, measures_accuracy * items FROM "
                       "cell JOIN data USING(data_id) WHERE (baseline = 1 AND data_id IN (SELECT "
                       "data_id FROM experiment)) OR cell_id IN (SELECT cell_id FROM "
                       "experiment_cell)"));
  while (true) {
    EBB_TRY_ASSIGN(const bool row, select.Step());
    if (!row) break;
    cells[select.Integer(0)] = {select.Integer(1), select.Integer(2), 0, 0};
  }
  const auto count = [&](const char* sql, int64_t CellProgress::*done) -> Status {
    EBB_TRY_ASSIGN(SqlStatement counts, database.Prepare(sql));
    while (true) {
      EBB_TRY_ASSIGN(const bool row, counts.Step());
      if (!row) return {};
      const auto found = cells.find(counts.Integer(0));
      if (found != cells.end()) found->second.*done = counts.Integer(1);
    }
  };
  // An item is done where all is there that was asked for.
  EBB_TRY(count(
      "SELECT cell_id, COUNT(*) FROM kl JOIN cell USING(cell_id) WHERE measures_inside = 0 OR "
      "EXISTS (SELECT 1 FROM inside WHERE inside.cell_id = kl.cell_id AND inside.item = "
      "kl.item) GROUP BY cell_id",
      &CellProgress::kl_done));
  EBB_TRY(
      count("SELECT cell_id, COUNT(*) FROM answer GROUP BY cell_id", &CellProgress::answers_done));
  for (auto& [id, cell] : cells) {
    cell.kl_done = std::min(cell.kl_done, cell.kl);
    cell.answers_done = std::min(cell.answers_done, cell.answers);
  }
  return cells;
}

// Seconds of one worker for an item of a kind; absent before the first.
Result<std::optional<double>> SecondsAnItem(SqlDatabase& database, const char* kind) {
  EBB_TRY_ASSIGN(SqlStatement select,
                 database.Prepare("SELECT SUM(seconds), SUM(items) FROM timing WHERE kind = ?"));
  const std::vector<SqlValue> values = {std::string(kind)};
  EBB_TRY(select.Bind(values));
  EBB_TRY_ASSIGN(const bool row, select.Step());
  if (!row || select.Integer(1) == 0) return std::optional<double>();
  return std::optional<double>(select.Real(0) / static_cast<double>(select.Integer(1)));
}

Status EstimateTime(SqlDatabase& database, const Cells& cells, StudyStatus* status) {
  double kl = 0;
  double answers = 0;
  for (const auto& [id, cell] : cells) {
    kl += static_cast<double>(cell.kl - cell.kl_done);
    answers += static_cast<double>(cell.answers - cell.answers_done);
  }
  EBB_TRY_ASSIGN(const auto kl_seconds, SecondsAnItem(database, "kl"));
  EBB_TRY_ASSIGN(const auto answer_seconds, SecondsAnItem(database, "accuracy"));
  if ((kl > 0 && !kl_seconds) || (answers > 0 && !answer_seconds)) return {};
  const double work = kl * kl_seconds.value_or(0) + answers * answer_seconds.value_or(0);
  status->seconds_left = work / static_cast<double>(std::max<int64_t>(1, status->workers));
  return {};
}

}  // namespace

Result<StudyStatus> ReadStudyStatus(SqlDatabase& database) {
  StudyStatus status;
  EBB_TRY_ASSIGN(const SqlTransaction snapshot, SqlTransaction::BeginRead(database));
  EBB_TRY_ASSIGN(const Cells cells, ReadCells(database));
  for (const auto& [id, cell] : cells) {
    ++status.cells;
    status.cells_done += cell.items_done() == cell.items() ? 1 : 0;
    status.items += cell.items();
    status.items_done += cell.items_done();
  }
  EBB_TRY_ASSIGN(SqlStatement select,
                 database.Prepare("SELECT experiment_id, name, cell_id FROM experiment JOIN "
                                  "experiment_cell USING(experiment_id) ORDER BY 1, 3"));
  int64_t last = -1;
  while (true) {
    EBB_TRY_ASSIGN(const bool row, select.Step());
    if (!row) break;
    if (select.Integer(0) != last) {
      last = select.Integer(0);
      status.experiments.push_back({});
      status.experiments.back().name = select.Text(1);
    }
    ExperimentStatus& experiment = status.experiments.back();
    const auto found = cells.find(select.Integer(2));
    if (found == cells.end()) {
      return MakeError(ErrorCode::kCorrupt, database.path(),
                       "the table experiment_cell names a cell that is not there");
    }
    const CellProgress& cell = found->second;
    ++experiment.cells;
    experiment.cells_done += cell.items_done() == cell.items() ? 1 : 0;
    experiment.items += cell.items();
    experiment.items_done += cell.items_done();
  }
  EBB_TRY_ASSIGN(status.runs, database.Query("SELECT COUNT(*) FROM run"));
  EBB_TRY_ASSIGN(status.lost_ranks, database.Query("SELECT COUNT(*) FROM loss"));
  EBB_TRY_ASSIGN(status.workers, database.Query("SELECT COUNT(*) FROM (SELECT DISTINCT rank, "
                                                "worker FROM timing WHERE run_id = (SELECT "
                                                "MAX(run_id) FROM timing))"));
  EBB_TRY_ASSIGN(SqlStatement seconds, database.Prepare("SELECT TOTAL(seconds) FROM timing"));
  EBB_TRY_ASSIGN([[maybe_unused]] const bool row, seconds.Step());
  status.work_seconds = seconds.Real(0);
  EBB_TRY(EstimateTime(database, cells, &status));
  return status;
}

}  // namespace ebb
