// SQLite behind Result: a database, statements, transactions. Errors name the file, and say of a
// full disk that it is one.
//
// Not thread-safe: one thread uses a database and its statements.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/error.h"

struct sqlite3;
struct sqlite3_stmt;

namespace ebb {

using Blob = std::vector<std::byte>;
// NULL, an integer, a double (one that is not finite is stored as NULL), text, bytes.
using SqlValue = std::variant<std::monostate, int64_t, double, std::string, Blob>;

class SqlDatabase;

// A prepared statement. Must not outlive its database.
class SqlStatement {
 public:
  SqlStatement(SqlStatement&& other) noexcept;
  SqlStatement& operator=(SqlStatement&&) = delete;
  ~SqlStatement();

  // Parameters from the first on; forgets earlier ones.
  [[nodiscard]] Status Bind(std::span<const SqlValue> values);
  // True while there is a row; afterwards the statement can be bound again.
  [[nodiscard]] Result<bool> Step();
  // Bind and Step for statements without rows.
  [[nodiscard]] Status Run(std::span<const SqlValue> values);

  // Of the current row.
  int64_t Integer(int column) const;
  double Real(int column) const;  // NaN for NULL
  bool IsNull(int column) const;
  std::string Text(int column) const;
  std::span<const std::byte> Bytes(int column) const;  // valid until the next Step
  int columns() const;
  std::string_view Name(int column) const;
  SqlValue Value(int column) const;

 private:
  friend class SqlDatabase;
  SqlStatement(SqlDatabase& database, sqlite3_stmt* statement)
      : database_(&database), statement_(statement) {}

  SqlDatabase* database_;
  sqlite3_stmt* statement_;
};

class SqlDatabase {
 public:
  enum class Mode { kRead, kWrite };

  // kWrite creates a file that is not there; kRead refuses one that is not there (kNotFound). kRead
  // works in a folder that may not be written, too, if the last writer has ended in good order.
  [[nodiscard]] static Result<std::unique_ptr<SqlDatabase>> Open(const std::string& path,
                                                                 Mode mode);
  ~SqlDatabase();
  SqlDatabase(const SqlDatabase&) = delete;
  SqlDatabase& operator=(const SqlDatabase&) = delete;

  const std::string& path() const { return path_; }
  bool InTransaction() const;

  // One or several statements without results.
  [[nodiscard]] Status Execute(const char* sql);
  [[nodiscard]] Result<SqlStatement> Prepare(std::string_view sql);
  // The first column of the first row as an integer.
  [[nodiscard]] Result<int64_t> Query(std::string_view sql);

  // The last failure as an error.
  [[nodiscard]] tl::unexpected<Error> Failure(int code) const;

 private:
  SqlDatabase(std::string path, sqlite3* handle) : path_(std::move(path)), handle_(handle) {}

  static Result<std::unique_ptr<SqlDatabase>> OpenWith(const std::string& path,
                                                       const std::string& name, int flags);

  std::string path_;
  sqlite3* handle_;
};

// Everything until Commit, or nothing.
class SqlTransaction {
 public:
  [[nodiscard]] static Result<SqlTransaction> Begin(SqlDatabase& database);
  // For reading alone: all statements until its end see the database as the first one did. Inside
  // of another transaction it is a part of that.
  [[nodiscard]] static Result<SqlTransaction> BeginRead(SqlDatabase& database);
  SqlTransaction(SqlTransaction&& other) noexcept
      : database_(std::exchange(other.database_, nullptr)) {}
  SqlTransaction& operator=(SqlTransaction&&) = delete;
  ~SqlTransaction();
  [[nodiscard]] Status Commit();

 private:
  explicit SqlTransaction(SqlDatabase* database) : database_(database) {}
  SqlDatabase* database_;
};

}  // namespace ebb
