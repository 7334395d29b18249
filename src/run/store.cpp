#include "run/store.h"

#include <unistd.h>

#include <ctime>
#include <nlohmann/json.hpp>

#include "qprompt/version.h"
#include "qprompt/weights.h"

namespace qprompt::run {
namespace {

using Json = nlohmann::ordered_json;

/// A cell that ends its process this often within one command is given up.
constexpr int64_t kDeathsOfOneCommand = 2;

std::string json_text(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string utc_now() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  ::gmtime_r(&now, &parts);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
}

std::string host_name() {
  char name[256] = "";
  ::gethostname(name, sizeof name - 1);
  return name;
}

/// Class indices as little-endian 16-bit numbers.
std::string pack_indices(const std::vector<int64_t>& indices) {
  std::string bytes;
  bytes.reserve(2 * indices.size());
  for (const int64_t i : indices) {
    bytes.push_back(static_cast<char>(i & 0xff));
    bytes.push_back(static_cast<char>((i >> 8) & 0xff));
  }
  return bytes;
}

void register_experiment(Database& database, const Plan& plan) {
  const Recipe& recipe = plan.recipe;
  Json methods = Json::array(), sets = Json::array();
  for (const MethodSpec& method : recipe.methods) methods.push_back(method.label);
  for (const SetSpec& set : recipe.source) sets.push_back(set.name);
  for (const SetSpec& set : recipe.sets) {
    if (recipe.source.empty() || set.name != recipe.source[0].name) sets.push_back(set.name);
  }
  database.prepare("INSERT OR REPLACE INTO experiments VALUES(?,?,?,?,?,?,?,?)")
      .bind(recipe.name)
      .bind(recipe.title)
      .bind(protocol_names()[static_cast<size_t>(recipe.protocol)])
      .bind(json_text(methods))
      .bind(json_text(sets))
      .bind(json_text(recipe.shots))
      .bind(recipe.text)
      .bind(recipe.published)
      .execute();
  database.prepare("DELETE FROM members WHERE experiment = ?").bind(recipe.name).execute();
}

void register_cell(Database& database, const Plan& plan, size_t ordinal) {
  const Cell& cell = plan.cells[ordinal];
  database.prepare("INSERT OR IGNORE INTO cells VALUES(?,?,?,?,?,?,?,?,?,'waiting','','')")
      .bind(cell.key)
      .bind(kind_name(cell.kind))
      .bind(cell.method.label)
      .bind(cell.set.name)
      .bind(cell.shots)
      .bind(static_cast<int64_t>(cell.seed))
      .bind(cell.method.bits)
      .bind(plan.recipe.threads)
      .bind(cell.configuration)
      .execute();
  database.prepare("INSERT INTO members VALUES(?,?,?)")
      .bind(plan.recipe.name)
      .bind(static_cast<int64_t>(ordinal))
      .bind(cell.key)
      .execute();
  for (const std::string& need : cell.needs) {
    database.prepare("INSERT OR IGNORE INTO needs VALUES(?,?)").bind(cell.key).bind(need).execute();
  }
}

/// What dead processes held waits again, unless it is what they died of.
void take_back(Database& database, const std::string& experiment, const Identity& self) {
  std::vector<std::pair<std::string, std::string>> held;  // cell, owner
  Statement running = database.prepare(
      "SELECT key, owner FROM cells JOIN members ON cell = key "
      "WHERE experiment = ? AND state = 'running'");
  running.bind(experiment);
  while (running.step()) held.emplace_back(running.text(0), running.text(1));
  for (const auto& [key, owner] : held) {
    if (owner == self.owner || LifeSign::alive(self.folder, owner)) continue;
    database.prepare("UPDATE attempts SET outcome = 'died' WHERE cell = ? AND outcome = 'running'")
        .bind(key)
        .execute();
    Statement deaths = database.prepare(
        "SELECT count(*) FROM attempts WHERE cell = ? AND invocation = ? AND outcome = 'died'");
    deaths.bind(key).bind(self.invocation);
    const bool deadly = deaths.step() && deaths.integer(0) >= kDeathsOfOneCommand;
    database.prepare("UPDATE cells SET state = ?, error = ?, owner = '' WHERE key = ?")
        .bind(std::string(deadly ? "failed" : "waiting"))
        .bind(std::string(deadly ? "the process died while it worked on this, twice" : ""))
        .bind(key)
        .execute();
  }
}

std::string next_cell(Database& database, const std::string& experiment) {
  Statement next = database.prepare(
      "SELECT key FROM cells c JOIN members ON cell = key WHERE experiment = ? AND "
      "state = 'waiting' AND NOT EXISTS(SELECT 1 FROM needs n JOIN cells r ON r.key = n.need "
      "WHERE n.cell = c.key AND r.state IN ('waiting', 'running')) ORDER BY ordinal LIMIT 1");
  next.bind(experiment);
  return next.step() ? next.text(0) : "";
}

void end_attempt(Database& database, const Claim& claim, const Usage& usage, const char* outcome) {
  database
      .prepare(
          "UPDATE attempts SET seconds = ?, peak_memory_bytes = ?, warnings = ?, outcome = ? "
          "WHERE id = ?")
      .bind(usage.seconds)
      .bind(peak_memory_bytes())
      .bind(json_text(usage.warnings))
      .bind(std::string(outcome))
      .bind(claim.attempt)
      .execute();
}

void store_score(Database& database, const Claim& claim, int64_t position,
                 const StoredScore& stored) {
  Json classes = Json::array();
  for (const auto& one : stored.score.classes) classes.push_back(one.name);
  constexpr size_t kMaxClasses = 65536;  // what 16 bits hold
  if (classes.size() > kMaxClasses) {
    fail(ErrorKind::kContent, "'", stored.dataset, "' has ", classes.size(),
         " classes; the database holds results of at most ", kMaxClasses);
  }
  const std::string names = json_text(classes), truth = pack_indices(stored.truth);
  Digest digest;
  for (const std::string* part : {&stored.dataset, &stored.half, &names, &truth}) {
    digest.update_text(*part);
  }
  database.prepare("INSERT OR IGNORE INTO test_lists VALUES(?,?,?,?,?)")
      .bind(digest.hex())
      .bind(stored.dataset)
      .bind(stored.half)
      .bind(names)
      .bind_blob(truth)
      .execute();
  database.prepare("INSERT INTO scores VALUES(?,?,?,?,?,?,?)")
      .bind(claim.key)
      .bind(position)
      .bind(digest.hex())
      .bind(stored.score.total)
      .bind(stored.score.correct)
      .bind(stored.score.failed)
      .bind_blob(pack_indices(stored.score.predictions))
      .execute();
}

/// Whether the claim still stands: it does not when this process was taken for dead.
bool still_mine(Database& database, const Claim& claim) {
  Statement mine = database.prepare("SELECT outcome FROM attempts WHERE id = ?");
  mine.bind(claim.attempt);
  return mine.step() && mine.text(0) == "running";
}

}  // namespace

void register_plan(Database& database, const Plan& plan, bool retry) {
  Transaction transaction(database);
  register_experiment(database, plan);
  for (size_t i = 0; i < plan.cells.size(); ++i) register_cell(database, plan, i);
  if (retry) {
    database
        .prepare(
            "UPDATE cells SET state = 'waiting', error = '' WHERE state = 'failed' AND key IN "
            "(SELECT cell FROM members WHERE experiment = ?)")
        .bind(plan.recipe.name)
        .execute();
  }
  transaction.commit();
}

std::optional<Claim> claim_cell(Database& database, const std::string& experiment,
                                const Identity& self) {
  Transaction transaction(database);
  take_back(database, experiment, self);
  const std::string key = next_cell(database, experiment);
  if (key.empty()) {
    transaction.commit();
    return std::nullopt;
  }
  database.prepare("UPDATE cells SET state = 'running', owner = ? WHERE key = ?")
      .bind(self.owner)
      .bind(key)
      .execute();
  database
      .prepare(
          "INSERT INTO attempts(cell, owner, invocation, host, pid, started, seconds, "
          "peak_memory_bytes, encoded, resumed_epoch, warnings, outcome) "
          "VALUES(?,?,?,?,?,?,0,0,0,0,'[]','running')")
      .bind(key)
      .bind(self.owner)
      .bind(self.invocation)
      .bind(host_name())
      .bind(static_cast<int64_t>(::getpid()))
      .bind(utc_now())
      .execute();
  Statement id = database.prepare("SELECT last_insert_rowid()");
  id.step();
  const Claim claim{key, id.integer(0)};
  transaction.commit();
  return claim;
}

void finish_cell(Database& database, const Claim& claim, const Plan& plan, const Outcome& outcome,
                 const Usage& usage) {
  Transaction transaction(database);
  if (!still_mine(database, claim)) return;
  const RuntimeInfo runtime = runtime_info();
  database.prepare("INSERT OR REPLACE INTO runs VALUES(?,?,?,?,?,?,?,?,?,?,?)")
      .bind(claim.key)
      .bind(outcome.prompt)
      .bind(outcome.prompt_digest)
      .bind(outcome.payload_bytes)
      .bind(outcome.file_bytes)
      .bind(plan.fingerprint)
      .bind(outcome.data_digest)
      .bind(outcome.record)
      .bind(std::string(kVersion))
      .bind(runtime.torch)
      .bind(runtime.blas)
      .execute();
  for (size_t i = 0; i < outcome.scores.size(); ++i) {
    store_score(database, claim, static_cast<int64_t>(i), outcome.scores[i]);
  }
  database.prepare("UPDATE cells SET state = 'done', error = '', owner = '' WHERE key = ?")
      .bind(claim.key)
      .execute();
  database.prepare("UPDATE attempts SET encoded = ?, resumed_epoch = ? WHERE id = ?")
      .bind(outcome.encoded)
      .bind(outcome.resumed_epoch)
      .bind(claim.attempt)
      .execute();
  end_attempt(database, claim, usage, "done");
  transaction.commit();
}

void fail_cell(Database& database, const Claim& claim, const std::string& error,
               const Usage& usage) {
  Transaction transaction(database);
  if (!still_mine(database, claim)) return;
  database.prepare("UPDATE cells SET state = 'failed', error = ?, owner = '' WHERE key = ?")
      .bind(error)
      .bind(claim.key)
      .execute();
  end_attempt(database, claim, usage, "failed");
  transaction.commit();
}

Progress progress_of(Database& database, const std::string& experiment) {
  Statement counts = database.prepare(
      "SELECT count(*), coalesce(sum(state = 'done'), 0), coalesce(sum(state = 'failed'), 0) "
      "FROM cells JOIN members ON cell = key WHERE experiment = ?");
  counts.bind(experiment);
  counts.step();
  return {counts.integer(0), counts.integer(1), counts.integer(2)};
}

std::vector<std::string> failures_of(Database& database, const std::string& experiment) {
  Statement rows = database.prepare(
      "SELECT label, dataset, shots, seed, kind, error FROM cells JOIN members ON cell = key "
      "WHERE experiment = ? AND state = 'failed' ORDER BY ordinal");
  rows.bind(experiment);
  std::vector<std::string> out;
  while (rows.step()) {
    std::string name = rows.text(0) + ", " + rows.text(1);
    if (rows.text(4) == "prompt") {
      name += cat(", ", shots_name(rows.integer(2)), " shots, seed ", rows.integer(3));
    }
    out.push_back(name + ": " + rows.text(5));
  }
  return out;
}

std::map<std::string, std::string> states_of(Database& database) {
  Statement rows = database.prepare("SELECT key, state FROM cells");
  std::map<std::string, std::string> out;
  while (rows.step()) out[rows.text(0)] = rows.text(1);
  return out;
}

}  // namespace qprompt::run
