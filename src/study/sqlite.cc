#include "study/sqlite.h"

#include <sqlite3.h>
#include <sys/stat.h>

#include <cctype>
#include <cmath>
#include <limits>
#include <utility>

namespace ebb {

SqlStatement::SqlStatement(SqlStatement&& other) noexcept
    : database_(other.database_), statement_(std::exchange(other.statement_, nullptr)) {}

SqlStatement::~SqlStatement() { sqlite3_finalize(statement_); }

Status SqlStatement::Bind(std::span<const SqlValue> values) {
  sqlite3_reset(statement_);
  sqlite3_clear_bindings(statement_);
  for (size_t i = 0; i < values.size(); ++i) {
    const int at = static_cast<int>(i) + 1;
    int code = SQLITE_OK;
    if (const auto* integer = std::get_if<int64_t>(&values[i])) {
      code = sqlite3_bind_int64(statement_, at, *integer);
    } else if (const auto* real = std::get_if<double>(&values[i])) {
      code = std::isfinite(*real) ? sqlite3_bind_double(statement_, at, *real)
                                  : sqlite3_bind_null(statement_, at);
    } else if (const auto* text = std::get_if<std::string>(&values[i])) {
      code = sqlite3_bind_text64(statement_, at, text->data(), text->size(), SQLITE_TRANSIENT,
                                 SQLITE_UTF8);
    } else if (const auto* blob = std::get_if<Blob>(&values[i])) {
      code = blob->empty() ? sqlite3_bind_zeroblob(statement_, at, 0)
                           : sqlite3_bind_blob64(statement_, at, blob->data(), blob->size(),
                                                 SQLITE_TRANSIENT);
    }
    if (code != SQLITE_OK) return database_->Failure(code);
  }
  return {};
}

Result<bool> SqlStatement::Step() {
  const int code = sqlite3_step(statement_);
  if (code == SQLITE_ROW) return true;
  const int reset = sqlite3_reset(statement_);
  if (code == SQLITE_DONE) return false;
  return database_->Failure(reset == SQLITE_OK ? code : reset);
}

Status SqlStatement::Run(std::span<const SqlValue> values) {
  EBB_TRY(Bind(values));
  EBB_TRY_ASSIGN([[maybe_unused]] const bool row, Step());
  if (row) sqlite3_reset(statement_);
  return {};
}

int64_t SqlStatement::Integer(int column) const { return sqlite3_column_int64(statement_, column); }

double SqlStatement::Real(int column) const {
  return IsNull(column) ? std::numeric_limits<double>::quiet_NaN()
                        : sqlite3_column_double(statement_, column);
}

bool SqlStatement::IsNull(int column) const {
  return sqlite3_column_type(statement_, column) == SQLITE_NULL;
}

std::string SqlStatement::Text(int column) const {
  const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
  if (text == nullptr) return {};
  return {text, static_cast<size_t>(sqlite3_column_bytes(statement_, column))};
}

std::span<const std::byte> SqlStatement::Bytes(int column) const {
  const void* bytes = sqlite3_column_blob(statement_, column);
  if (bytes == nullptr) return {};
  return {static_cast<const std::byte*>(bytes),
          static_cast<size_t>(sqlite3_column_bytes(statement_, column))};
}

int SqlStatement::columns() const { return sqlite3_column_count(statement_); }

std::string_view SqlStatement::Name(int column) const {
  const char* name = sqlite3_column_name(statement_, column);
  return name == nullptr ? "" : name;
}

SqlValue SqlStatement::Value(int column) const {
  switch (sqlite3_column_type(statement_, column)) {
    case SQLITE_INTEGER:
      return Integer(column);
    case SQLITE_FLOAT:
      return Real(column);
    case SQLITE_TEXT:
      return Text(column);
    case SQLITE_BLOB: {
      const auto bytes = Bytes(column);
      return Blob(bytes.begin(), bytes.end());
    }
    default:
      return std::monostate();
  }
}

namespace {

// A path as a URI of SQLite: what means something in a URI is escaped.
std::string UriOf(const std::string& path, const char* parameters) {
  std::string uri = "file:";
  for (const char c : path) {
    const bool plain = std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '/' || c == '.' ||
                       c == '-' || c == '_';
    uri += plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return uri + "?" + parameters;
}

}  // namespace

Result<std::unique_ptr<SqlDatabase>> SqlDatabase::Open(const std::string& path, Mode mode) {
  if (mode == Mode::kWrite) {
    return OpenWith(path, path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
  }
  auto database = OpenWith(path, path, SQLITE_OPEN_READONLY);
  if (database || database.error().code != ErrorCode::kUnsupported) return database;
  // Reading in WAL mode makes files beside the database, which may not be written here. Nothing
  // writes it and all is in the file itself, if there is no log beside it.
  struct stat log = {};
  if (stat((path + "-wal").c_str(), &log) == 0 && log.st_size > 0) {
    return MakeError(ErrorCode::kIo, path,
                     "its folder may not be written, and {}-wal holds what is not yet in it: copy "
                     "both to another folder and read them there",
                     path);
  }
  return OpenWith(path, UriOf(path, "immutable=1"), SQLITE_OPEN_READONLY | SQLITE_OPEN_URI);
}

Result<std::unique_ptr<SqlDatabase>> SqlDatabase::OpenWith(const std::string& path,
                                                           const std::string& name, int flags) {
  sqlite3* handle = nullptr;
  const int code = sqlite3_open_v2(name.c_str(), &handle, flags, nullptr);
  std::unique_ptr<SqlDatabase> database(new SqlDatabase(path, handle));
  if (code != SQLITE_OK) return database->Failure(code);
  sqlite3_extended_result_codes(handle, 1);
  sqlite3_busy_timeout(handle, 10000);
  // Reads a page, so that a file that is no database is known at once.
  EBB_TRY(database->Query("SELECT COUNT(*) FROM sqlite_master"));
  return database;
}

SqlDatabase::~SqlDatabase() { sqlite3_close_v2(handle_); }

bool SqlDatabase::InTransaction() const { return sqlite3_get_autocommit(handle_) == 0; }

Status SqlDatabase::Execute(const char* sql) {
  const int code = sqlite3_exec(handle_, sql, nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return Failure(code);
  return {};
}

Result<SqlStatement> SqlDatabase::Prepare(std::string_view sql) {
  sqlite3_stmt* statement = nullptr;
  const int code =
      sqlite3_prepare_v2(handle_, sql.data(), static_cast<int>(sql.size()), &statement, nullptr);
  if (code != SQLITE_OK) return Failure(code);
  return SqlStatement(*this, statement);
}

Result<int64_t> SqlDatabase::Query(std::string_view sql) {
  EBB_TRY_ASSIGN(SqlStatement statement, Prepare(sql));
  EBB_TRY_ASSIGN(const bool row, statement.Step());
  return row ? statement.Integer(0) : 0;
}

tl::unexpected<Error> SqlDatabase::Failure(int code) const {
  const char* text = handle_ == nullptr ? sqlite3_errstr(code) : sqlite3_errmsg(handle_);
  switch (code & 0xff) {
    case SQLITE_FULL:
      return MakeError(ErrorCode::kIo, path_,
                       "the disk is full: make room and run again; all that was written is kept");
    case SQLITE_IOERR:
      return MakeError(ErrorCode::kIo, path_,
                       "{}; the disk may be full: see to it and run again; all that was written "
                       "is kept",
                       text);
    case SQLITE_NOTADB:
      return MakeError(ErrorCode::kCorrupt, path_, "it is no SQLite database");
    case SQLITE_CORRUPT:
      return MakeError(ErrorCode::kCorrupt, path_, "the database is damaged: {}", text);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return MakeError(ErrorCode::kIo, path_, "another process holds it: wait for its end");
    case SQLITE_READONLY:
      return MakeError(ErrorCode::kUnsupported, path_, "it, or its folder, may not be written: {}",
                       text);
    case SQLITE_CANTOPEN:
      return MakeError(ErrorCode::kUnsupported, path_,
                       "cannot open the database, or files beside it: {}; is there such a folder, "
                       "and may it be written?",
                       text);
    default:
      return MakeError(ErrorCode::kIo, path_, "{}", text);
  }
}

Result<SqlTransaction> SqlTransaction::Begin(SqlDatabase& database) {
  EBB_TRY(database.Execute("BEGIN IMMEDIATE"));
  return SqlTransaction(&database);
}

Result<SqlTransaction> SqlTransaction::BeginRead(SqlDatabase& database) {
  if (database.InTransaction()) return SqlTransaction(nullptr);
  EBB_TRY(database.Execute("BEGIN"));
  return SqlTransaction(&database);
}

SqlTransaction::~SqlTransaction() {
  if (database_ != nullptr) static_cast<void>(database_->Execute("ROLLBACK"));
}

Status SqlTransaction::Commit() {
  if (database_ == nullptr) return {};
  EBB_TRY(database_->Execute("COMMIT"));
  database_ = nullptr;
  return {};
}

}  // namespace ebb
