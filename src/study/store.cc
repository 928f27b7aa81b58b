#include "study/store.h"

#include <array>
#include <chrono>

#include "base/file.h"
#include "base/hash.h"
#include "base/version.h"
#include "grade/extract.h"
#include "grade/grade.h"
#include "study/program.h"
#include "study/schema.h"

namespace ebb {
namespace {

// A transaction's body, and its end.
template <typename Body>
Status InTransaction(SqlDatabase& database, const Body& body) {
  EBB_TRY_ASSIGN(SqlTransaction transaction, SqlTransaction::Begin(database));
  EBB_TRY(body());
  return transaction.Commit();
}

Status CheckVersion(SqlDatabase& database) {
  EBB_TRY_ASSIGN(const int64_t application, database.Query("PRAGMA application_id"));
  EBB_TRY_ASSIGN(const int64_t version, database.Query("PRAGMA user_version"));
  if (application != kStudyApplicationId) {
    return MakeError(ErrorCode::kInvalidArgument, database.path(),
                     "it is no database of a study: name another file");
  }
  if (version != kStudySchemaVersion) {
    return MakeError(ErrorCode::kInvalidArgument, database.path(),
                     "it has version {} of the study's schema, this program version {}: use the "
                     "program that made it, or name another file",
                     version, kStudySchemaVersion);
  }
  return {};
}

std::string GoldText(const TaskItem& item) {
  const auto gold = GoldAnswer::FromText(item.gold);
  return gold ? gold->text() : item.gold;
}

std::vector<std::pair<std::string, std::string>> StudyFacts(const StudyInputs& inputs) {
  auto facts = ShapeFacts(inputs.config);
  facts.emplace_back("schema_version", fmt::format("{}", kStudySchemaVersion));
  facts.emplace_back("model", inputs.file.model_written);
  facts.emplace_back("model_hash", inputs.model_hash);
  facts.emplace_back("config", inputs.file.text);
  return facts;
}

// What a row of the table "data" says otherwise than data set `d` of a study; empty if nothing.
std::string Difference(const SqlStatement& stored, int64_t d, const StudyData& data) {
  const std::string what = fmt::format("data \"{}\"", data.spec.name);
  if (stored.Text(12) != data.spec.name) {
    return fmt::format("{} stands where \"{}\" did: it has another data set", what,
                       stored.Text(12));
  }
  if (stored.Integer(6) != d) return what + " is in another place";
  if (stored.Text(0) != TaskName(data.spec.task)) return what + " is of another task";
  if (stored.Text(1) != data.data_hash) return what + " has other items";
  if (stored.Text(11) != AnswerFormatName(data.spec.format)) {
    return what + " is graded by another format";
  }
  if (stored.Text(2) != data.template_hash || stored.Integer(3) != int64_t{data.spec.chat}) {
    return what + " is asked by other prompts";
  }
  if (stored.Integer(4) != data.spec.new_tokens) return what + " allows answers of another length";
  if (stored.Integer(5) != data.kl_items) return what + " has another kl_items";
  const SamplingOptions& sampling = data.spec.sampling;
  if (stored.Real(7) != sampling.temperature || stored.Integer(8) != sampling.top_k ||
      stored.Real(9) != sampling.top_p ||
      stored.Integer(10) != static_cast<int64_t>(sampling.seed)) {
    return what + " is sampled otherwise";
  }
  return "";
}

}  // namespace

std::vector<std::pair<std::string, std::string>> ShapeFacts(const ModelConfig& config) {
  const MoeConfig& moe = config.moe;
  const auto number = [](int64_t value) { return fmt::format("{}", value); };
  return {{"architecture", std::string(ArchitectureName(config.architecture))},
          {"num_layers", number(config.num_layers)},
          {"first_moe_layer", number(moe.first_dense_layers)},
          {"num_experts", number(moe.num_experts)},
          {"experts_per_token", number(moe.experts_per_token)},
          {"expert_weights", number(3 * moe.intermediate_size * config.hidden_size)}};
}

Result<std::unique_ptr<SqlDatabase>> OpenStudyDatabase(const std::string& path) {
  if (!FileExists(path)) {
    return MakeError(ErrorCode::kNotFound, path,
                     "there is no such database: ebb study run makes it");
  }
  EBB_TRY_ASSIGN(auto database, SqlDatabase::Open(path, SqlDatabase::Mode::kRead));
  EBB_TRY(CheckVersion(*database));
  return database;
}

Result<std::unique_ptr<StudyStore>> StudyStore::Open(const StudyInputs& inputs) {
  EBB_TRY_ASSIGN(auto database, SqlDatabase::Open(inputs.file.database, SqlDatabase::Mode::kWrite));
  std::unique_ptr<StudyStore> store(new StudyStore(std::move(database)));
  EBB_TRY(store->Prepare(inputs));
  return store;
}

Status StudyStore::Prepare(const StudyInputs& inputs) {
  EBB_TRY_ASSIGN(const int64_t tables, database_->Query("SELECT COUNT(*) FROM sqlite_master"));
  if (tables > 0) {
    EBB_TRY(CheckVersion(*database_));
    EBB_TRY(CheckStudy(inputs));
  }
  // A commit is safe from a killed process at once, and from a power failure within seconds.
  EBB_TRY(database_->Execute("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL"));
  EBB_TRY(InTransaction(*database_, [&]() -> Status {
    if (tables == 0) {
      EBB_TRY(database_->Execute(kStudySchema));
      EBB_TRY(database_->Execute(fmt::format("PRAGMA application_id = {}; PRAGMA user_version = {}",
                                             kStudyApplicationId, kStudySchemaVersion)
                                     .c_str()));
    }
    EBB_TRY(WriteStudy(inputs));
    EBB_TRY(WriteData(inputs));
    EBB_TRY(WriteCells(inputs));
    return WriteExperiments(inputs);
  }));
  constexpr std::array<std::string_view, kResultTables> kInserts = {
      "INSERT OR IGNORE INTO router VALUES(?,?,?,?,?)",
      "INSERT OR IGNORE INTO error VALUES(?,?,?,?,?,?,?,?,?)",
      "INSERT OR IGNORE INTO kl VALUES(?,?,?,?,?,?,?,?)",
      "INSERT OR IGNORE INTO inside VALUES(?,?,?,?,?,?,?)",
      "INSERT OR IGNORE INTO answer VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?)"};
  for (const std::string_view sql : kInserts) {
    EBB_TRY_ASSIGN(SqlStatement insert, database_->Prepare(sql));
    inserts_.push_back(std::move(insert));
  }
  return {};
}

Status StudyStore::CheckStudy(const StudyInputs& inputs) {
  const auto refuse = [&](const std::string& what) {
    return MakeError(ErrorCode::kInvalidArgument, database_->path(),
                     "{} than the study it was made for: name another database in {}", what,
                     inputs.file.path);
  };
  EBB_TRY_ASSIGN(SqlStatement fact, database_->Prepare("SELECT value FROM study WHERE key = ?"));
  const std::array<SqlValue, 1> key = {std::string("model_hash")};
  EBB_TRY(fact.Bind(key));
  EBB_TRY_ASSIGN(const bool found, fact.Step());
  if (!found || fact.Text(0) != inputs.model_hash) {
    return refuse(fmt::format("{} is another model", inputs.file.model));
  }
  // By number and by name: rows of results hold the number, people and cells the name.
  EBB_TRY_ASSIGN(SqlStatement stored,
                 database_->Prepare("SELECT task, data_hash, template_hash, chat, new_tokens, "
                                    "kl_items, data_id, temperature, top_k, top_p, sampling_seed, "
                                    "format, name FROM data WHERE data_id = ? OR name = ?"));
  for (size_t d = 0; d < inputs.data.size(); ++d) {
    EBB_TRY(
        stored.Bind(std::array<SqlValue, 2>{static_cast<int64_t>(d), inputs.data[d].spec.name}));
    while (true) {
      EBB_TRY_ASSIGN(const bool is_there, stored.Step());
      if (!is_there) break;
      const std::string difference = Difference(stored, static_cast<int64_t>(d), inputs.data[d]);
      if (!difference.empty()) return refuse(difference);
    }
  }
  return {};
}

Status StudyStore::WriteStudy(const StudyInputs& inputs) {
  EBB_TRY_ASSIGN(SqlStatement insert,
                 database_->Prepare("INSERT OR REPLACE INTO study VALUES(?,?)"));
  for (const auto& [key, value] : StudyFacts(inputs)) {
    EBB_TRY(insert.Run(std::array<SqlValue, 2>{key, value}));
  }
  return {};
}

Status StudyStore::WriteData(const StudyInputs& inputs) {
  EBB_TRY_ASSIGN(SqlStatement insert,
                 database_->Prepare("INSERT INTO data VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)"));
  EBB_TRY_ASSIGN(SqlStatement insert_item,
                 database_->Prepare("INSERT INTO item VALUES(?,?,?,?,?,?,?,?,?)"));
  EBB_TRY_ASSIGN(SqlStatement find, database_->Prepare("SELECT 1 FROM data WHERE data_id = ?"));
  EBB_TRY_ASSIGN(SqlStatement move,
                 database_->Prepare("UPDATE data SET file = ? WHERE data_id = ?"));
  for (size_t d = 0; d < inputs.data.size(); ++d) {
    const StudyData& data = inputs.data[d];
    const auto id = static_cast<int64_t>(d);
    const auto items = static_cast<int64_t>(data.items.size());
    EBB_TRY(find.Bind(std::array<SqlValue, 1>{id}));
    EBB_TRY_ASSIGN(const bool is_there, find.Step());
    if (is_there) {  // and is the same: CheckStudy
      EBB_TRY_ASSIGN([[maybe_unused]] const bool more, find.Step());
      EBB_TRY(move.Run(std::array<SqlValue, 2>{data.spec.file_written, id}));
      continue;
    }
    EBB_TRY(insert.Run(std::array<SqlValue, 15>{
        id, data.spec.name, std::string(TaskName(data.spec.task)), data.spec.file_written,
        data.data_hash, data.template_hash, int64_t{data.spec.chat},
        std::string(AnswerFormatName(data.spec.format)), data.spec.new_tokens,
        data.spec.sampling.temperature, data.spec.sampling.top_k, data.spec.sampling.top_p,
        static_cast<int64_t>(data.spec.sampling.seed), items, data.kl_items}));
    for (size_t i = 0; i < data.items.size(); ++i) {
      const TaskItem& item = data.items[i];
      EBB_TRY(insert_item.Run(std::array<SqlValue, 9>{
          id, static_cast<int64_t>(i), item.id, PromptHash(data.tokens[i].prompt),
          static_cast<int64_t>(data.tokens[i].prompt_ids.size()),
          static_cast<int64_t>(data.tokens[i].solution_ids.size()), GoldText(item),
          std::string(AnswerFormatName(item.format)), data.rows[i]}));
    }
  }
  return {};
}

Status StudyStore::WriteCells(const StudyInputs& inputs) {
  EBB_TRY_ASSIGN(SqlStatement find, database_->Prepare("SELECT cell_id FROM cell WHERE key = ?"));
  EBB_TRY_ASSIGN(SqlStatement update,
                 database_->Prepare("UPDATE cell SET measures_kl = ?, measures_inside = ?, "
                                    "measures_accuracy = ? WHERE cell_id = ?"));
  EBB_TRY_ASSIGN(SqlStatement insert,
                 database_->Prepare("INSERT INTO cell VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?)"));
  EBB_TRY_ASSIGN(int64_t next, database_->Query("SELECT COALESCE(MAX(cell_id), -1) + 1 FROM cell"));
  for (const Cell& cell : inputs.cells.cells) {
    EBB_TRY(find.Bind(std::array<SqlValue, 1>{cell.key}));
    EBB_TRY_ASSIGN(const bool found, find.Step());
    if (found) {
      const int64_t id = find.Integer(0);
      cell_ids_.push_back(id);
      EBB_TRY_ASSIGN([[maybe_unused]] const bool more, find.Step());
      EBB_TRY(update.Run(std::array<SqlValue, 4>{int64_t{cell.kl}, int64_t{cell.inside},
                                                 int64_t{cell.accuracy}, id}));
      continue;
    }
    EBB_TRY(insert.Run(std::array<SqlValue, 14>{
        next, static_cast<int64_t>(cell.data), cell.key, int64_t{cell.baseline()}, cell.Label(),
        cell.codec, cell.bound, cell.rate ? SqlValue(*cell.rate) : SqlValue(std::monostate()),
        cell.layers, cell.experts, static_cast<int64_t>(cell.seed), int64_t{cell.kl},
        int64_t{cell.inside}, int64_t{cell.accuracy}}));
    cell_ids_.push_back(next++);
  }
  return {};
}

Status StudyStore::WriteExperiments(const StudyInputs& inputs) {
  EBB_TRY(database_->Execute("DELETE FROM experiment; DELETE FROM experiment_cell"));
  EBB_TRY_ASSIGN(SqlStatement insert,
                 database_->Prepare("INSERT INTO experiment VALUES(?,?,?,?,?,?)"));
  EBB_TRY_ASSIGN(SqlStatement insert_cell,
                 database_->Prepare("INSERT INTO experiment_cell VALUES(?,?,?,?)"));
  for (size_t e = 0; e < inputs.file.experiments.size(); ++e) {
    const ExperimentSpec& experiment = inputs.file.experiments[e];
    const auto id = static_cast<int64_t>(e);
    int64_t data = 0;
    while (inputs.file.data[static_cast<size_t>(data)].name != experiment.data) ++data;
    EBB_TRY(insert.Run(std::array<SqlValue, 6>{
        id, experiment.name, experiment.about, data, std::string(ContrastName(experiment.compare)),
        experiment.where ? experiment.where->text : std::string()}));
    for (const CellOfExperiment& member : inputs.cells.experiments[e]) {
      std::array<SqlValue, 4> row = {id, cell_ids_[member.cell], member.arm, std::monostate()};
      if (member.against) row[3] = *member.against;
      EBB_TRY(insert_cell.Run(row));
    }
  }
  return {};
}

Status StudyStore::Add(const std::vector<ResultRow>& rows) {
  return InTransaction(*database_, [&]() -> Status {
    for (const ResultRow& row : rows) {
      EBB_TRY(inserts_[static_cast<size_t>(row.table)].Run(row.values));
    }
    return {};
  });
}

Status StudyStore::AddExperts(size_t cell, const std::vector<std::vector<ExpertKey>>& experts) {
  EBB_TRY_ASSIGN(SqlStatement insert,
                 database_->Prepare("INSERT OR IGNORE INTO cell_expert VALUES(?,?,?)"));
  for (const std::vector<ExpertKey>& keys : experts) {
    for (const ExpertKey& key : keys) {
      EBB_TRY(insert.Run(std::array<SqlValue, 3>{cell_ids_[cell], int64_t{key.layer.value},
                                                 int64_t{key.expert.value}}));
    }
  }
  return {};
}

Result<std::vector<uint8_t>> StudyStore::Present(ResultTable table, int64_t id, size_t count) {
  const char* sql =
      table == ResultTable::kRouter   ? "SELECT DISTINCT block FROM router WHERE data_id = ?"
      : table == ResultTable::kKl     ? "SELECT item FROM kl WHERE cell_id = ?"
      : table == ResultTable::kInside ? "SELECT DISTINCT item FROM inside WHERE cell_id = ?"
                                      : "SELECT item FROM answer WHERE cell_id = ?";
  EBB_TRY_ASSIGN(SqlStatement select, database_->Prepare(sql));
  EBB_TRY(select.Bind(std::array<SqlValue, 1>{id}));
  std::vector<uint8_t> present(count);
  while (true) {
    EBB_TRY_ASSIGN(const bool row, select.Step());
    if (!row) return present;
    const auto number = static_cast<uint64_t>(select.Integer(0));
    if (number < count) present[number] = 1;
  }
}

Status StudyStore::ReadSelections(size_t data, SelectionCounter* counter) {
  EBB_TRY_ASSIGN(SqlStatement select,
                 database_->Prepare("SELECT layer, expert, SUM(selections) FROM router WHERE "
                                    "data_id = ? GROUP BY layer, expert"));
  EBB_TRY(select.Bind(std::array<SqlValue, 1>{static_cast<int64_t>(data)}));
  while (true) {
    EBB_TRY_ASSIGN(const bool row, select.Step());
    if (!row) return {};
    const ExpertKey key = {{static_cast<int32_t>(select.Integer(0))},
                           {static_cast<int32_t>(select.Integer(1))}};
    counter->Add(key, static_cast<uint64_t>(select.Integer(2)));
  }
}

Result<std::optional<std::string>> StudyStore::OtherProgram() {
  // Versions before the target was written stand alone: of those nothing more is known.
  EBB_TRY_ASSIGN(SqlStatement select, database_->Prepare("SELECT version FROM run WHERE version "
                                                         "NOT IN (?, ?) ORDER BY run_id DESC"));
  EBB_TRY(select.Bind(std::array<SqlValue, 2>{ThisProgram(), std::string(kVersion)}));
  EBB_TRY_ASSIGN(const bool found, select.Step());
  return found ? std::optional<std::string>(select.Text(0)) : std::nullopt;
}

Status StudyStore::BeginRun(int ranks, int workers, const std::string& host) {
  EBB_TRY_ASSIGN(run_id_, database_->Query("SELECT COALESCE(MAX(run_id), 0) + 1 FROM run"));
  const int64_t now = std::chrono::duration_cast<std::chrono::seconds>(
                          std::chrono::system_clock::now().time_since_epoch())
                          .count();
  EBB_TRY_ASSIGN(SqlStatement insert, database_->Prepare("INSERT INTO run VALUES(?,?,?,?,?,?)"));
  return insert.Run(
      std::array<SqlValue, 6>{run_id_, now, int64_t{ranks}, int64_t{workers}, host, ThisProgram()});
}

Status StudyStore::AddTiming(int rank, int64_t worker, int64_t cell_id, UnitKind kind,
                             int64_t items, double seconds) {
  EBB_TRY_ASSIGN(SqlStatement insert,
                 database_->Prepare("INSERT INTO timing VALUES(?,?,?,?,?,?,?)"));
  return insert.Run(std::array<SqlValue, 7>{run_id_, int64_t{rank}, worker, cell_id,
                                            std::string(UnitKindName(kind)), items, seconds});
}

Status StudyStore::AddLoss(int rank, const std::string& host, const std::string& reason) {
  EBB_TRY_ASSIGN(SqlStatement insert, database_->Prepare("INSERT INTO loss VALUES(?,?,?,?)"));
  return insert.Run(std::array<SqlValue, 4>{run_id_, int64_t{rank}, host, reason});
}

Result<std::string> ContentHash(SqlDatabase& database) {
  std::string all;
  const auto add = [&](const void* bytes, size_t size) {
    all.append(static_cast<const char*>(bytes), size);
  };
  uint64_t hash = 0;
  for (const ComparedTable& table : kComparedTables) {
    // Every table has a key in its first columns; its rows by key are its content, whatever was
    // written first.
    EBB_TRY_ASSIGN(
        const int64_t columns,
        database.Query(fmt::format("SELECT COUNT(*) FROM pragma_table_info('{}')", table.name)));
    std::string order = "1, 2";
    for (int64_t c = 3; c <= std::min<int64_t>(columns, 4); ++c) order += fmt::format(", {}", c);
    EBB_TRY_ASSIGN(SqlStatement select,
                   database.Prepare(fmt::format("SELECT * FROM {} {} ORDER BY {}", table.name,
                                                table.where, order)));
    while (true) {
      EBB_TRY_ASSIGN(const bool row, select.Step());
      if (!row) break;
      all = fmt::format("{:016x}{}", hash, table.name);
      for (int c = 0; c < select.columns(); ++c) {
        if (select.Name(c) == table.ignored) continue;
        const SqlValue value = select.Value(c);
        all += fmt::format("|{}:", value.index());
        if (const auto* integer = std::get_if<int64_t>(&value)) add(integer, sizeof(*integer));
        if (const auto* real = std::get_if<double>(&value)) add(real, sizeof(*real));
        if (const auto* text = std::get_if<std::string>(&value)) add(text->data(), text->size());
        if (const auto* blob = std::get_if<Blob>(&value)) add(blob->data(), blob->size());
      }
      hash = Xxh3(std::as_bytes(std::span(all.data(), all.size())));
    }
  }
  return fmt::format("{:016x}", hash);
}

}  // namespace ebb
