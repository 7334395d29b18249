// The store in an SQLite file. What several processes decide together, they decide in one
// transaction that takes the write lock first.
#include "experiment/impl/sqlite_store.h"

#include <ctime>
#include <utility>

#include "base/runtime.h"
#include "experiment/impl/packing.h"
#include "qprompt/weights.h"

namespace qprompt {
namespace {

std::string utc_now() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  ::gmtime_r(&now, &parts);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
}

/// Cells of these states that have all they want become done.
constexpr const char* kMarkDone =
    "UPDATE cells SET state = 'done', error = '' WHERE state <> 'done' AND "
    "EXISTS(SELECT 1 FROM trainings t WHERE t.id = cells.training) AND "
    "NOT EXISTS(SELECT 1 FROM wanted_scores w WHERE w.experiment = cells.experiment AND "
    "w.ordinal = cells.ordinal AND NOT EXISTS(SELECT 1 FROM scores s WHERE s.id = w.score)) AND "
    "NOT EXISTS(SELECT 1 FROM wanted_blobs w WHERE w.experiment = cells.experiment AND "
    "w.ordinal = cells.ordinal AND NOT EXISTS(SELECT 1 FROM blobs b WHERE b.id = w.blob)) AND ";

}  // namespace

SqliteStore::SqliteStore(const std::string& path, StoreMode mode, StoreClock clock)
    : database_(path, mode), clock_(std::move(clock)) {}

double SqliteStore::now() const {
  if (clock_) return clock_();
  Statement statement = database_.prepare("SELECT (julianday('now') - 2440587.5) * 86400.0");
  return statement.step() ? statement.real(0) : 0;
}

void SqliteStore::enter_heading(const Heading& heading) {
  database_
      .prepare(
          "INSERT INTO experiments SELECT coalesce(max(place), 0) + 1, ?,'','','','','','','' "
          "FROM experiments WHERE true ON CONFLICT(name) DO NOTHING")
      .bind(heading.name)
      .execute();
  database_
      .prepare(
          "UPDATE experiments SET title = ?, protocol = ?, methods = ?, datasets = ?, shots = ?, "
          "recipe = ?, published = ? WHERE name = ?")
      .bind(heading.title)
      .bind(protocols().at(static_cast<size_t>(heading.protocol)))
      .bind(pack_list(heading.methods))
      .bind(pack_list(heading.datasets))
      .bind(pack_list(heading.shots))
      .bind(heading.recipe)
      .bind(heading.published)
      .bind(heading.name)
      .execute();
}

void SqliteStore::enter_cell(const std::string& experiment, int64_t ordinal, const Entry& entry,
                             const std::string& error) {
  database_.prepare("INSERT INTO cells VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?)")
      .bind(experiment)
      .bind(ordinal)
      .bind(entry_id(entry))
      .bind(entry.kind)
      .bind(entry.label)
      .bind(entry.dataset)
      .bind(entry.shots)
      .bind(static_cast<int64_t>(entry.seed))
      .bind(entry.bits)
      .bind(entry.training)
      .bind(entry.configuration)
      .bind(std::string(error.empty() ? "waiting" : "failed"))
      .bind(error)
      .execute();
  for (const std::string& need : entry.after) {
    database_.prepare("INSERT INTO needs VALUES(?,?,?) ON CONFLICT DO NOTHING")
        .bind(experiment)
        .bind(ordinal)
        .bind(need)
        .execute();
  }
  int64_t position = 0;
  for (const WantedScore& score : entry.scores) {
    database_.prepare("INSERT INTO wanted_scores VALUES(?,?,?,?,?,?,?)")
        .bind(experiment)
        .bind(ordinal)
        .bind(position++)
        .bind(score.id)
        .bind(score.dataset)
        .bind(score.half)
        .bind(score.epoch)
        .execute();
  }
  for (const std::string& blob : entry.blobs) {
    database_.prepare("INSERT INTO wanted_blobs VALUES(?,?,?) ON CONFLICT DO NOTHING")
        .bind(experiment)
        .bind(ordinal)
        .bind(blob)
        .execute();
  }
}

void SqliteStore::plan(const Heading& heading, std::span<const Entry> cells, bool retry) {
  const std::lock_guard lock(mutex_);
  Transaction transaction(database_);
  std::map<std::string, std::string> failed;  // key → error
  Statement rows =
      database_.prepare("SELECT key, error FROM cells WHERE experiment = ? AND state = 'failed'");
  rows.bind(heading.name);
  while (rows.step()) failed[rows.text(0)] = rows.text(1);
  enter_heading(heading);
  for (const char* table : {"cells", "needs", "wanted_scores", "wanted_blobs"}) {
    database_.prepare(cat("DELETE FROM ", table, " WHERE experiment = ?"))
        .bind(heading.name)
        .execute();
  }
  int64_t ordinal = 0;
  for (const Entry& entry : cells) {
    std::string error = entry.error;
    if (!retry && error.empty()) {
      if (const auto before = failed.find(entry_id(entry)); before != failed.end()) {
        error = before->second;
      }
    }
    enter_cell(heading.name, ordinal++, entry, error);
  }
  database_.prepare(cat(kMarkDone, "experiment = ?")).bind(heading.name).execute();
  transaction.commit();
}

void SqliteStore::take_back(const std::string& experiment, const std::string& invocation) {
  std::vector<std::pair<int64_t, std::string>> lost;  // attempt, training
  const double time = now();
  Statement running = database_.prepare(
      "SELECT id, training, host, pid, pid_started, expires FROM attempts WHERE "
      "outcome = 'running' AND training IN (SELECT training FROM cells WHERE experiment = ?)");
  running.bind(experiment);
  while (running.step()) {
    const Worker owner{running.text(2), "", running.integer(3), running.integer(4), ""};
    if (running.real(5) < time || is_gone(owner)) {
      lost.emplace_back(running.integer(0), running.text(1));
    }
  }
  for (const auto& [attempt, training] : lost) {
    database_.prepare("UPDATE attempts SET outcome = 'died' WHERE id = ?").bind(attempt).execute();
    Statement deaths = database_.prepare(
        "SELECT count(*) FROM attempts WHERE training = ? AND invocation = ? AND outcome = 'died'");
    deaths.bind(training).bind(invocation);
    if (!deaths.step() || deaths.integer(0) < kDeathsOfOneCommand) continue;
    database_
        .prepare(
            "UPDATE cells SET state = 'failed', error = ? WHERE experiment = ? AND training = ? "
            "AND state = 'waiting'")
        .bind(std::string(kDeadly))
        .bind(experiment)
        .bind(training)
        .execute();
  }
}

std::optional<Claim> SqliteStore::claim(const std::string& experiment, const Worker& worker,
                                        double lease_seconds) {
  const std::lock_guard lock(mutex_);
  Transaction transaction(database_);
  take_back(experiment, worker.invocation);
  Statement next = database_.prepare(
      "SELECT ordinal, training FROM cells c WHERE experiment = ? AND state = 'waiting' AND "
      "NOT EXISTS(SELECT 1 FROM attempts a WHERE a.training = c.training AND "
      "a.outcome = 'running') AND "
      "NOT EXISTS(SELECT 1 FROM needs n JOIN cells r ON r.experiment = n.experiment AND "
      "r.training = n.training WHERE n.experiment = c.experiment AND n.ordinal = c.ordinal AND "
      "r.state = 'waiting') ORDER BY ordinal LIMIT 1");
  next.bind(experiment);
  if (!next.step()) {
    transaction.commit();
    return std::nullopt;
  }
  Claim claim{experiment, next.integer(0), next.text(1), 0};
  Statement attempt = database_.prepare(
      "INSERT INTO attempts(experiment, ordinal, training, host, machine, pid, pid_started, "
      "invocation, started, expires, seconds, peak_memory_bytes, encoded, resumed_epoch, warnings, "
      "outcome) VALUES(?,?,?,?,?,?,?,?,?,?,0,0,0,0,'[]','running') RETURNING id");
  attempt.bind(experiment)
      .bind(claim.cell)
      .bind(claim.training)
      .bind(worker.host)
      .bind(worker.machine)
      .bind(worker.pid)
      .bind(worker.pid_started)
      .bind(worker.invocation)
      .bind(utc_now())
      .bind(now() + lease_seconds);
  if (attempt.step()) claim.attempt = attempt.integer(0);
  attempt.execute();
  transaction.commit();
  return claim;
}

bool SqliteStore::holds(const Claim& claim) {
  Statement mine = database_.prepare("SELECT outcome FROM attempts WHERE id = ? AND training = ?");
  mine.bind(claim.attempt).bind(claim.training);
  return mine.step() && mine.text(0) == "running";
}

bool SqliteStore::renew(const Claim& claim, double lease_seconds) {
  const std::lock_guard lock(mutex_);
  Transaction transaction(database_);
  const double time = now();
  Statement renewed = database_.prepare(
      "UPDATE attempts SET expires = ? WHERE id = ? AND training = ? AND outcome = 'running' AND "
      "expires >= ? RETURNING id");
  renewed.bind(time + lease_seconds).bind(claim.attempt).bind(claim.training).bind(time);
  const bool held = renewed.step();
  renewed.execute();
  transaction.commit();
  return held;
}

void SqliteStore::end_attempt(const Claim& claim, const char* outcome) {
  database_.prepare("UPDATE attempts SET outcome = ? WHERE id = ?")
      .bind(std::string(outcome))
      .bind(claim.attempt)
      .execute();
}

void SqliteStore::release(const Claim& claim) {
  const std::lock_guard lock(mutex_);
  Transaction transaction(database_);
  if (!holds(claim)) return;
  end_attempt(claim, "released");
  transaction.commit();
}

void SqliteStore::fail(const Claim& claim, const std::string& why) {
  const std::lock_guard lock(mutex_);
  Transaction transaction(database_);
  if (!holds(claim)) return;
  database_
      .prepare(
          "UPDATE cells SET state = 'failed', error = ? WHERE experiment = ? AND training = ? AND "
          "state = 'waiting'")
      .bind(why)
      .bind(claim.experiment)
      .bind(claim.training)
      .execute();
  end_attempt(claim, "failed");
  transaction.commit();
}

void SqliteStore::keep_score(const Claim& claim, const NewScore& score) {
  const ScoredList& list = score.list;
  constexpr size_t kMaxClasses = 65536;  // what 16 bits hold
  if (list.classes->size() > kMaxClasses) {
    qprompt::fail(ErrorKind::kContent, "'", list.dataset, "' has ", list.classes->size(),
                  " classes; a store holds results of at most ", kMaxClasses);
  }
  const std::string names = pack_list(*list.classes), truth = pack_indices(*list.truth);
  Digest digest;
  digest.update_text(names);
  digest.update_text(truth);
  database_.prepare("INSERT INTO test_lists VALUES(?,?,?) ON CONFLICT DO NOTHING")
      .bind(digest.hex())
      .bind(names)
      .bind_blob(truth)
      .execute();
  database_.prepare("INSERT INTO scores VALUES(?,?,?,?,?,?,?,?,?) ON CONFLICT DO NOTHING")
      .bind(score.id)
      .bind(claim.training)
      .bind(digest.hex())
      .bind(list.total)
      .bind(list.correct)
      .bind(list.failed)
      .bind_blob(pack_indices(list.predictions))
      .bind_blob(pack_floats(list.confidences))
      .bind_blob(pack_floats(list.base_scores))
      .execute();
}

void SqliteStore::finish(const Claim& claim, const Outcome& outcome) {
  const std::lock_guard lock(mutex_);
  Transaction transaction(database_);
  if (!holds(claim)) return;
  database_.prepare("INSERT INTO trainings VALUES(?,?,?,?) ON CONFLICT DO NOTHING")
      .bind(claim.training)
      .bind(outcome.prompt_digest)
      .bind(outcome.payload_bytes)
      .bind(outcome.file_bytes)
      .execute();
  database_.prepare("INSERT INTO circumstances VALUES(?,?,?) ON CONFLICT DO NOTHING")
      .bind(claim.training)
      .bind(outcome.seconds)
      .bind(outcome.machine)
      .execute();
  for (const NewScore& score : outcome.scores) keep_score(claim, score);
  for (const std::string& id : outcome.spent) {
    database_.prepare("DELETE FROM blobs WHERE id = ?").bind(id).execute();
  }
  database_
      .prepare(
          "UPDATE attempts SET seconds = ?, peak_memory_bytes = ?, encoded = ?, resumed_epoch = ?, "
          "warnings = ? WHERE id = ?")
      .bind(outcome.took)
      .bind(outcome.peak_memory_bytes)
      .bind(outcome.encoded)
      .bind(outcome.resumed_epoch)
      .bind(pack_list(outcome.warnings))
      .bind(claim.attempt)
      .execute();
  end_attempt(claim, "done");
  database_.prepare(cat(kMarkDone, "training = ?")).bind(claim.training).execute();
  transaction.commit();
}

void SqliteStore::put(const std::string& id, std::string_view bytes) {
  check_blob_id(id);
  const std::lock_guard lock(mutex_);
  if (bytes.empty()) {
    database_.prepare("DELETE FROM blobs WHERE id = ?").bind(id).execute();
    return;
  }
  database_
      .prepare("INSERT INTO blobs VALUES(?,?) ON CONFLICT(id) DO UPDATE SET bytes = excluded.bytes")
      .bind(id)
      .bind_blob(std::string(bytes))
      .execute();
}

std::string SqliteStore::get(const std::string& id) const {
  const std::lock_guard lock(mutex_);
  if (id == kExperimentsId) return names();
  Statement row = database_.prepare("SELECT bytes FROM blobs WHERE id = ?");
  row.bind(id);
  return row.step() ? row.text(0) : std::string();
}

std::unique_ptr<Store> sqlite_store(const std::string& path, StoreMode mode, StoreClock clock) {
  return std::make_unique<SqliteStore>(path, mode, std::move(clock));
}

}  // namespace qprompt
