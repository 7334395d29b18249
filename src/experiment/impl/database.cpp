#include "experiment/impl/database.h"

#include <sqlite3.h>

#include <filesystem>

#include "base/runtime.h"
#include "qprompt/base.h"

namespace qprompt {
namespace {

constexpr int64_t kApplication = 0x51505254;  // "QPRT", in the header of the file
constexpr int64_t kSchema = 2;
constexpr int kWaitMilliseconds = 120'000;

// `experiments` to `blobs` say what was asked for and what came of it: the same however often a run
// was interrupted. `attempts` says how it went, and is the lease of what is under way;
// `circumstances` says where a training was done.
constexpr const char* kTables = R"sql(
CREATE TABLE experiments(
  place BIGINT PRIMARY KEY, name TEXT NOT NULL UNIQUE, title TEXT NOT NULL, protocol TEXT NOT NULL,
  methods TEXT NOT NULL, datasets TEXT NOT NULL, shots TEXT NOT NULL, recipe TEXT NOT NULL,
  published TEXT NOT NULL);
CREATE TABLE cells(
  experiment TEXT NOT NULL, ordinal BIGINT NOT NULL, key TEXT NOT NULL, kind TEXT NOT NULL,
  label TEXT NOT NULL, dataset TEXT NOT NULL, shots BIGINT NOT NULL, seed BIGINT NOT NULL,
  bits BIGINT NOT NULL, training TEXT NOT NULL, configuration TEXT NOT NULL, state TEXT NOT NULL,
  error TEXT NOT NULL, PRIMARY KEY(experiment, ordinal));
CREATE INDEX cells_of_training ON cells(training);
CREATE TABLE needs(
  experiment TEXT NOT NULL, ordinal BIGINT NOT NULL, training TEXT NOT NULL,
  PRIMARY KEY(experiment, ordinal, training));
CREATE TABLE wanted_scores(
  experiment TEXT NOT NULL, ordinal BIGINT NOT NULL, position BIGINT NOT NULL, score TEXT NOT NULL,
  dataset TEXT NOT NULL, half TEXT NOT NULL, epoch BIGINT NOT NULL,
  PRIMARY KEY(experiment, ordinal, position));
CREATE TABLE wanted_blobs(
  experiment TEXT NOT NULL, ordinal BIGINT NOT NULL, blob TEXT NOT NULL,
  PRIMARY KEY(experiment, ordinal, blob));
CREATE TABLE trainings(
  id TEXT PRIMARY KEY, prompt_digest TEXT NOT NULL, payload_bytes BIGINT NOT NULL,
  file_bytes BIGINT NOT NULL);
CREATE TABLE test_lists(
  digest TEXT PRIMARY KEY, classes TEXT NOT NULL, truth BLOB NOT NULL);
CREATE TABLE scores(
  id TEXT PRIMARY KEY, training TEXT NOT NULL, test_list TEXT NOT NULL, total BIGINT NOT NULL,
  correct BIGINT NOT NULL, failed BIGINT NOT NULL, predictions BLOB NOT NULL,
  confidences BLOB NOT NULL, base_scores BLOB NOT NULL);
CREATE TABLE blobs(id TEXT PRIMARY KEY, bytes BLOB NOT NULL);
CREATE TABLE circumstances(
  training TEXT PRIMARY KEY, seconds DOUBLE PRECISION NOT NULL, machine TEXT NOT NULL);
CREATE TABLE attempts(
  id INTEGER PRIMARY KEY, experiment TEXT NOT NULL, ordinal BIGINT NOT NULL, training TEXT NOT NULL,
  host TEXT NOT NULL, machine TEXT NOT NULL, pid BIGINT NOT NULL, pid_started BIGINT NOT NULL,
  invocation TEXT NOT NULL, started TEXT NOT NULL, expires DOUBLE PRECISION NOT NULL,
  seconds DOUBLE PRECISION NOT NULL, peak_memory_bytes BIGINT NOT NULL, encoded BIGINT NOT NULL,
  resumed_epoch BIGINT NOT NULL, warnings TEXT NOT NULL, outcome TEXT NOT NULL);
CREATE INDEX attempts_of_training ON attempts(training);
CREATE UNIQUE INDEX one_holds_a_training ON attempts(training) WHERE outcome = 'running';
)sql";

}  // namespace

Database::Database(const std::string& path, StoreMode mode) : path_(path) {
  if (mode == StoreMode::kReadOnly && !std::filesystem::is_regular_file(path)) {
    fail(ErrorKind::kPath, "there is no database '", path,
         "'; 'qprompt run' and 'qprompt base-to-new' make one");
  }
  // A reader opens for writing too where it may: it must undo what a killed writer left half done.
  const int write = SQLITE_OPEN_READWRITE | (mode == StoreMode::kCreate ? SQLITE_OPEN_CREATE : 0);
  int code = sqlite3_open_v2(path.c_str(), &handle_, write, nullptr);
  if (code != SQLITE_OK && mode == StoreMode::kReadOnly) {
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

void Database::check_schema(StoreMode mode) {
  const auto pragma = [&](const char* name) {
    Statement statement = prepare(std::string("PRAGMA ") + name);
    return statement.step() ? statement.integer(0) : 0;
  };
  const auto empty = [&] {
    Statement statement = prepare("SELECT count(*) FROM sqlite_master");
    return statement.step() && statement.integer(0) == 0;
  };
  if (mode == StoreMode::kCreate && empty()) {
    Transaction transaction(*this);
    if (empty()) {  // another process may have been first
      run(kTables);
      run(cat("PRAGMA application_id = ", kApplication).c_str());
      run(cat("PRAGMA user_version = ", kSchema).c_str());
    }
    transaction.commit();
  }
  if (pragma("application_id") != kApplication) {
    fail(ErrorKind::kContent, "'", path_, "' is an SQLite database, but not one of qprompt's");
  }
  const int64_t schema = pragma("user_version");
  if (schema == kSchema) return;
  if (schema < kSchema) {
    fail(ErrorKind::kContent, "'", path_, "' is a database of schema ", schema,
         ", which 'qprompt run' of version 0.1 wrote; this qprompt keeps results in schema ",
         kSchema,
         ". Print it with that version, or run its recipe again into another file (--db FILE)");
  }
  fail(ErrorKind::kContent, "'", path_, "' has schema ", schema, ", of a later qprompt; this one ",
       "reads schema ", kSchema, ". Use that version, or another file (--db FILE)");
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

bool Statement::is_null(int column) const {
  return sqlite3_column_type(statement_.get(), column) == SQLITE_NULL;
}

double Statement::real(int column) const { return sqlite3_column_double(statement_.get(), column); }

std::string Statement::text(int column) const {
  const auto* bytes = static_cast<const char*>(sqlite3_column_blob(statement_.get(), column));
  const auto size = static_cast<size_t>(sqlite3_column_bytes(statement_.get(), column));
  return bytes == nullptr ? std::string() : std::string(bytes, size);
}

Transaction::Transaction(Database& database, Kind kind) : database_(database) {
  database_.run(kind == Kind::kWrites ? "BEGIN IMMEDIATE" : "BEGIN");
}

Transaction::~Transaction() {
  if (open_) sqlite3_exec(database_.handle(), "ROLLBACK", nullptr, nullptr, nullptr);
}

void Transaction::commit() {
  database_.run("COMMIT");
  open_ = false;
}

}  // namespace qprompt
