#include "run/database.h"

#include <sqlite3.h>

#include <filesystem>

#include "qprompt/base.h"

namespace qprompt::run {
namespace {

constexpr int64_t kApplication = 0x51505254;  // "QPRT", in the header of the file
constexpr int64_t kSchema = 1;
constexpr int kWaitMilliseconds = 120'000;

// `cells`, `runs`, `test_lists` and `scores` say what was asked for and what came of it; they are
// the same however often a run was interrupted. `attempts` says how it went.
constexpr const char* kTables = R"sql(
CREATE TABLE experiments(
  name TEXT PRIMARY KEY, title TEXT NOT NULL, protocol TEXT NOT NULL, methods TEXT NOT NULL,
  datasets TEXT NOT NULL, shots TEXT NOT NULL, recipe TEXT NOT NULL, published TEXT NOT NULL);
CREATE TABLE cells(
  key TEXT PRIMARY KEY, kind TEXT NOT NULL, label TEXT NOT NULL, dataset TEXT NOT NULL,
  shots INTEGER NOT NULL, seed INTEGER NOT NULL, bits INTEGER NOT NULL, threads INTEGER NOT NULL,
  configuration TEXT NOT NULL, state TEXT NOT NULL, error TEXT NOT NULL, owner TEXT NOT NULL);
CREATE TABLE members(
  experiment TEXT NOT NULL, ordinal INTEGER NOT NULL, cell TEXT NOT NULL,
  PRIMARY KEY(experiment, ordinal));
CREATE TABLE needs(cell TEXT NOT NULL, need TEXT NOT NULL, PRIMARY KEY(cell, need));
CREATE TABLE runs(
  cell TEXT PRIMARY KEY, prompt TEXT NOT NULL, prompt_digest TEXT NOT NULL,
  payload_bytes INTEGER NOT NULL, file_bytes INTEGER NOT NULL, fingerprint TEXT NOT NULL,
  data_digest TEXT NOT NULL, record TEXT NOT NULL, qprompt TEXT NOT NULL, torch TEXT NOT NULL,
  blas TEXT NOT NULL);
CREATE TABLE test_lists(
  digest TEXT PRIMARY KEY, dataset TEXT NOT NULL, half TEXT NOT NULL, classes TEXT NOT NULL,
  truth BLOB NOT NULL);
CREATE TABLE scores(
  cell TEXT NOT NULL, position INTEGER NOT NULL, test_list TEXT NOT NULL, total INTEGER NOT NULL,
  correct INTEGER NOT NULL, failed INTEGER NOT NULL, predictions BLOB NOT NULL,
  PRIMARY KEY(cell, position));
CREATE TABLE attempts(
  id INTEGER PRIMARY KEY, cell TEXT NOT NULL, owner TEXT NOT NULL, invocation TEXT NOT NULL,
  host TEXT NOT NULL, pid INTEGER NOT NULL, started TEXT NOT NULL, seconds REAL NOT NULL,
  peak_memory_bytes INTEGER NOT NULL, encoded INTEGER NOT NULL, resumed_epoch INTEGER NOT NULL,
  warnings TEXT NOT NULL, outcome TEXT NOT NULL);
CREATE INDEX attempts_of_cell ON attempts(cell);
)sql";

}  // namespace

Database::Database(const std::string& path, Mode mode) : path_(path) {
  if (mode == Mode::kReadOnly && !std::filesystem::is_regular_file(path)) {
    fail(ErrorKind::kPath, "there is no database '", path, "'; 'qprompt run' makes one");
  }
  // A reader opens for writing too where it may: it must undo what a killed writer left half done.
  const int write = SQLITE_OPEN_READWRITE | (mode == Mode::kCreate ? SQLITE_OPEN_CREATE : 0);
  int code = sqlite3_open_v2(path.c_str(), &handle_, write, nullptr);
  if (code != SQLITE_OK && mode == Mode::kReadOnly) {
    sqlite3_close(handle_);
    code = sqlite3_open_v2(path.c_str(), &handle_, SQLITE_OPEN_READONLY, nullptr);
  }
  try {
    if (code != SQLITE_OK) fail_sqlite("open", code);
    sqlite3_busy_timeout(handle_, kWaitMilliseconds);
    // Hostile files: no code of theirs runs, and damage is found where it is read.
    sqlite3_db_config(handle_, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
    sqlite3_db_config(handle_, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
    sqlite3_db_config(handle_, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, nullptr);
    sqlite3_db_config(handle_, SQLITE_DBCONFIG_ENABLE_VIEW, 0, nullptr);
    sqlite3_extended_result_codes(handle_, 1);
    check_schema(mode);
  } catch (...) {
    sqlite3_close(handle_);
    throw;
  }
}

Database::~Database() { sqlite3_close(handle_); }

void Database::check_schema(Mode mode) {
  const auto pragma = [&](const char* name) {
    Statement statement = prepare(std::string("PRAGMA ") + name);
    return statement.step() ? statement.integer(0) : 0;
  };
  const auto empty = [&] {
    Statement statement = prepare("SELECT count(*) FROM sqlite_master");
    return statement.step() && statement.integer(0) == 0;
  };
  if (mode == Mode::kCreate && empty()) {
    Transaction transaction(*this);
    if (empty()) {  // another process may have been first
      run(kTables);
      run(cat("PRAGMA application_id = ", kApplication).c_str());
      run(cat("PRAGMA user_version = ", kSchema).c_str());
    }
    transaction.commit();
  }
  if (pragma("application_id") != kApplication) {
    fail(ErrorKind::kContent, "'", path_, "' is an SQLite database, but not one of 'qprompt run'");
  }
  if (const int64_t schema = pragma("user_version"); schema != kSchema) {
    fail(ErrorKind::kContent, "'", path_, "' has schema ", schema, "; this qprompt reads schema ",
         kSchema);
  }
}

void Database::fail_sqlite(std::string_view doing, int code) const {
  const std::string why = handle_ == nullptr ? sqlite3_errstr(code) : sqlite3_errmsg(handle_);
  const int kind = code & 0xff;
  if (kind == SQLITE_NOTADB || kind == SQLITE_CORRUPT) {
    fail(ErrorKind::kContent, "'", path_, "' is no database, or a damaged one (", why, ")");
  }
  if (kind == SQLITE_CANTOPEN || kind == SQLITE_READONLY || kind == SQLITE_FULL ||
      kind == SQLITE_IOERR || kind == SQLITE_PERM || kind == SQLITE_BUSY) {
    fail(ErrorKind::kPath, "cannot ", doing, " the database '", path_, "': ", why);
  }
  if (kind == SQLITE_ERROR || kind == SQLITE_MISMATCH || kind == SQLITE_CONSTRAINT) {
    fail(ErrorKind::kContent, "the database '", path_, "' is not as it should be: ", why);
  }
  fail(ErrorKind::kInternal, "cannot ", doing, " the database '", path_, "': ", why);
}

Statement Database::prepare(std::string_view sql) { return Statement(*this, sql); }

void Database::run(const char* sql) {
  const int code = sqlite3_exec(handle_, sql, nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) fail_sqlite("change", code);
}

void Statement::Finalize::operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }

Statement::Statement(Database& database, std::string_view sql) : database_(database) {
  sqlite3_stmt* made = nullptr;
  const int code = sqlite3_prepare_v2(database.handle(), sql.data(), static_cast<int>(sql.size()),
                                      &made, nullptr);
  statement_.reset(made);
  if (code != SQLITE_OK) database_.fail_sqlite("read", code);
}

Statement& Statement::bind(int64_t value) {
  sqlite3_bind_int64(statement_.get(), ++bound_, value);
  return *this;
}

Statement& Statement::bind(double value) {
  sqlite3_bind_double(statement_.get(), ++bound_, value);
  return *this;
}

Statement& Statement::bind(const std::string& value) {
  sqlite3_bind_text64(statement_.get(), ++bound_, value.data(), value.size(), SQLITE_TRANSIENT,
                      SQLITE_UTF8);
  return *this;
}

Statement& Statement::bind_blob(const std::string& bytes) {
  sqlite3_bind_blob64(statement_.get(), ++bound_, bytes.data(), bytes.size(), SQLITE_TRANSIENT);
  return *this;
}

bool Statement::step() {
  const int code = sqlite3_step(statement_.get());
  if (code == SQLITE_ROW) return true;
  if (code != SQLITE_DONE) database_.fail_sqlite("use", code);
  return false;
}

void Statement::execute() {
  while (step()) {
  }
}

int64_t Statement::integer(int column) const {
  return sqlite3_column_int64(statement_.get(), column);
}

double Statement::real(int column) const { return sqlite3_column_double(statement_.get(), column); }

std::string Statement::text(int column) const {
  const auto* bytes = static_cast<const char*>(sqlite3_column_blob(statement_.get(), column));
  const auto size = static_cast<size_t>(sqlite3_column_bytes(statement_.get(), column));
  return bytes == nullptr ? std::string() : std::string(bytes, size);
}

Transaction::Transaction(Database& database) : database_(database) {
  database_.run("BEGIN IMMEDIATE");
}

Transaction::~Transaction() {
  if (open_) sqlite3_exec(database_.handle(), "ROLLBACK", nullptr, nullptr, nullptr);
}

void Transaction::commit() {
  database_.run("COMMIT");
  open_ = false;
}

}  // namespace qprompt::run
