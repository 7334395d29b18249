// SQLite as values: connection, statement, transaction. Private to the room.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "experiment/store.h"

struct sqlite3;
struct sqlite3_stmt;

namespace qprompt {

class Statement;

/// One open database file. Other processes may use it at the same time: a lock is waited for.
class Database {
 public:
  /// Opens the file, checks that it is qprompt's and of this schema, and makes the schema in a new
  /// one. Throws kPath (missing, unwritable) or kContent (another program's, damaged, another
  /// schema).
  Database(const std::string& path, StoreMode mode);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  Statement prepare(std::string_view sql);
  void run(const char* sql);
  const std::string& path() const { return path_; }
  [[noreturn]] void fail_sqlite(std::string_view doing, int code) const;
  sqlite3* handle() const { return handle_; }

 private:
  void check_schema(StoreMode mode);
  std::string path_;
  sqlite3* handle_ = nullptr;
};

/// A prepared statement; parameters are bound in order.
class Statement {
 public:
  Statement(Database& database, std::string_view sql);
  Statement& bind(int64_t value);
  Statement& bind(double value);
  Statement& bind(const std::string& value);
  Statement& bind_blob(const std::string& bytes);
  /// The next row; false at the end.
  bool step();
  /// Runs a statement that gives no rows.
  void execute();
  int64_t integer(int column) const;
  double real(int column) const;
  std::string text(int column) const;  ///< of a blob too
  bool is_null(int column) const;

 private:
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const;
  };
  Database& database_;
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
  int bound_ = 0;
};

/// All or nothing. A writer takes the write lock at once, so that two never wait for each other;
/// what a reader reads is of one moment.
class Transaction {
 public:
  enum class Kind { kWrites, kReads };
  explicit Transaction(Database& database, Kind kind = Kind::kWrites);
  ~Transaction();
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  void commit();

 private:
  Database& database_;
  bool open_ = true;
};

}  // namespace qprompt
