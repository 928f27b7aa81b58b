// The tables of a study's database; docs/study.md says what stands in them.
#pragma once

#include <array>
#include <string_view>

namespace ebb {

inline constexpr int kStudySchemaVersion = 1;
inline constexpr int kStudyApplicationId = 0x45626253;  // "EbbS"

inline constexpr char kStudySchema[] = R"sql(
CREATE TABLE study(key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE data(data_id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, task TEXT NOT NULL,
  file TEXT NOT NULL, data_hash TEXT NOT NULL, template_hash TEXT NOT NULL, chat INTEGER NOT NULL,
  format TEXT NOT NULL, new_tokens INTEGER NOT NULL, temperature REAL NOT NULL,
  top_k INTEGER NOT NULL, top_p REAL NOT NULL, sampling_seed INTEGER NOT NULL, items INTEGER NOT NULL, kl_items INTEGER NOT NULL);
CREATE TABLE item(data_id INTEGER NOT NULL, item INTEGER NOT NULL, id TEXT NOT NULL,
  prompt_hash TEXT NOT NULL, prompt_tokens INTEGER NOT NULL, solution_tokens INTEGER NOT NULL,
  gold TEXT NOT NULL, format TEXT NOT NULL, row TEXT NOT NULL,
  PRIMARY KEY(data_id, item)) WITHOUT ROWID;
CREATE TABLE router(data_id INTEGER NOT NULL, block INTEGER NOT NULL, layer INTEGER NOT NULL,
  expert INTEGER NOT NULL, selections INTEGER NOT NULL,
  PRIMARY KEY(data_id, block, layer, expert)) WITHOUT ROWID;
CREATE TABLE cell(cell_id INTEGER PRIMARY KEY, data_id INTEGER NOT NULL, key TEXT NOT NULL UNIQUE,
  baseline INTEGER NOT NULL, label TEXT NOT NULL, codec TEXT NOT NULL, bound TEXT NOT NULL,
  rate REAL, layers TEXT NOT NULL, experts TEXT NOT NULL, seed INTEGER NOT NULL,
  measures_kl INTEGER NOT NULL, measures_inside INTEGER NOT NULL,
  measures_accuracy INTEGER NOT NULL);
CREATE TABLE cell_expert(cell_id INTEGER NOT NULL, layer INTEGER NOT NULL, expert INTEGER NOT NULL,
  PRIMARY KEY(cell_id, layer, expert)) WITHOUT ROWID;
CREATE TABLE error(cell_id INTEGER NOT NULL, position INTEGER NOT NULL, spec TEXT NOT NULL,
  experts INTEGER NOT NULL, weights INTEGER NOT NULL, coded_bytes INTEGER, bits_per_weight REAL,
  rmse_over_mean_abs REAL, max_error_over_bound REAL,
  PRIMARY KEY(cell_id, position)) WITHOUT ROWID;
CREATE TABLE experiment(experiment_id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE,
  about TEXT NOT NULL, data_id INTEGER NOT NULL, compare TEXT NOT NULL, item_filter TEXT NOT NULL);
CREATE TABLE experiment_cell(experiment_id INTEGER NOT NULL, cell_id INTEGER NOT NULL,
  arm INTEGER NOT NULL, against INTEGER, PRIMARY KEY(experiment_id, cell_id)) WITHOUT ROWID;
CREATE TABLE kl(cell_id INTEGER NOT NULL, item INTEGER NOT NULL, tokens INTEGER NOT NULL,
  sum_kl REAL, max_kl REAL, agreements INTEGER NOT NULL, sum_nll REAL, token_kl BLOB NOT NULL,
  PRIMARY KEY(cell_id, item)) WITHOUT ROWID;
CREATE TABLE inside(cell_id INTEGER NOT NULL, item INTEGER NOT NULL, layer INTEGER NOT NULL,
  tokens INTEGER NOT NULL, sum_drift REAL, flips INTEGER, sum_carried REAL,
  PRIMARY KEY(cell_id, item, layer)) WITHOUT ROWID;
CREATE TABLE answer(cell_id INTEGER NOT NULL, item INTEGER NOT NULL, tokens INTEGER NOT NULL,
  stop_reason TEXT NOT NULL, text TEXT NOT NULL, tier TEXT NOT NULL, extracted TEXT,
  rule TEXT NOT NULL, pia INTEGER NOT NULL, ica INTEGER NOT NULL, in_format INTEGER NOT NULL,
  truncated INTEGER NOT NULL, empty INTEGER NOT NULL, looping INTEGER NOT NULL,
  PRIMARY KEY(cell_id, item)) WITHOUT ROWID;
CREATE TABLE run(run_id INTEGER PRIMARY KEY, started INTEGER NOT NULL, ranks INTEGER NOT NULL,
  workers INTEGER NOT NULL, host TEXT NOT NULL, version TEXT NOT NULL);
CREATE TABLE timing(run_id INTEGER NOT NULL, rank INTEGER NOT NULL, worker INTEGER NOT NULL,
  cell_id INTEGER NOT NULL, kind TEXT NOT NULL, items INTEGER NOT NULL, seconds REAL NOT NULL);
CREATE TABLE loss(run_id INTEGER NOT NULL, rank INTEGER NOT NULL, host TEXT NOT NULL,
  reason TEXT NOT NULL);
)sql";

// The tables whose content follows from the study alone. Of it, where model and data lie, and the
// study file's text, may differ between studies that mean the same.
struct ComparedTable {
  std::string_view name;
  std::string_view where = "";    // which rows
  std::string_view ignored = "";  // a column
};
inline constexpr std::array<ComparedTable, 12> kComparedTables = {
    {{"study", "WHERE key NOT IN ('config', 'model')"},
     {"data", "", "file"},
     {"item"},
     {"router"},
     {"cell"},
     {"cell_expert"},
     {"error"},
     {"experiment"},
     {"experiment_cell"},
     {"kl"},
     {"inside"},
     {"answer"}}};

}  // namespace ebb
