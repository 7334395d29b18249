// Reads what the file holds, distrusting all of it.
#include <algorithm>

#include "experiment/impl/packing.h"
#include "experiment/impl/sqlite_store.h"

namespace qprompt {

std::string SqliteStore::damaged() const { return "the database '" + database_.path() + "'"; }

std::string SqliteStore::names() const {
  Statement rows = database_.prepare("SELECT name FROM experiments ORDER BY place");
  std::string out;
  while (rows.step()) out += rows.text(0) + "\n";
  return out;
}

Heading SqliteStore::read_heading(const std::string& experiment) const {
  Statement row = database_.prepare(
      "SELECT title, protocol, methods, datasets, shots, recipe, published FROM experiments "
      "WHERE name = ?");
  row.bind(experiment);
  if (!row.step()) refuse_unknown(experiment, names(), "'" + database_.path() + "'");
  const auto& known = protocols();
  const auto protocol = std::find(known.begin(), known.end(), row.text(1));
  if (protocol == known.end()) {
    qprompt::fail(ErrorKind::kContent, damaged(), " is damaged: unknown protocol '", row.text(1),
                  "'");
  }
  return {experiment,
          row.text(0),
          static_cast<Protocol>(protocol - known.begin()),
          unpack_texts(row.text(2), damaged()),
          unpack_texts(row.text(3), damaged()),
          unpack_numbers(row.text(4), damaged()),
          row.text(5),
          row.text(6)};
}

Results SqliteStore::results(const std::string& experiment, Detail detail) const {
  const std::lock_guard lock(mutex_);
  const Transaction moment(database_, Transaction::Kind::kReads);
  Results out{read_heading(experiment), {}};
  Statement rows = database_.prepare(
      "SELECT kind, label, dataset, shots, seed, bits, state, error, c.training, prompt_digest, "
      "payload_bytes, file_bytes, seconds, ordinal, key, EXISTS(SELECT 1 FROM attempts a WHERE "
      "a.training = c.training AND a.outcome = 'running') FROM cells c "
      "LEFT JOIN trainings t ON t.id = c.training "
      "LEFT JOIN circumstances m ON m.training = c.training WHERE experiment = ? ORDER BY ordinal");
  rows.bind(experiment);
  while (rows.step()) {
    CellOutcome cell;
    cell.key = rows.text(14);
    cell.kind = rows.text(0);
    cell.label = rows.text(1);
    cell.dataset = rows.text(2);
    cell.shots = rows.integer(3);
    cell.seed = static_cast<uint64_t>(rows.integer(4));
    cell.bits = rows.integer(5);
    cell.error = rows.text(7);
    cell.training = rows.text(8);
    cell.prompt_digest = rows.text(9);
    cell.payload_bytes = rows.integer(10);
    cell.file_bytes = rows.integer(11);
    cell.seconds = rows.real(12);
    const std::string state = rows.text(6);
    if (state == "done") cell.state = CellState::kDone;
    if (state == "failed") cell.state = CellState::kFailed;
    if (state == "waiting" && rows.integer(15) != 0) cell.state = CellState::kRunning;
    if (rows.integer(13) != static_cast<int64_t>(out.cells.size())) {
      qprompt::fail(ErrorKind::kContent, damaged(), " is damaged: a cell is missing");
    }
    out.cells.push_back(std::move(cell));
  }
  if (detail == Detail::kAll) read_scores(experiment, out);
  return out;
}

const SqliteStore::KeptList& SqliteStore::kept_list(const std::string& digest) const {
  const auto found = lists_.find(digest);
  if (found != lists_.end()) return found->second;
  Statement row = database_.prepare("SELECT classes, truth FROM test_lists WHERE digest = ?");
  row.bind(digest);
  if (!row.step()) {
    qprompt::fail(ErrorKind::kContent, damaged(), " is damaged: a test list is missing");
  }
  KeptList list;
  list.classes =
      std::make_shared<const std::vector<std::string>>(unpack_texts(row.text(0), damaged()));
  list.truth = std::make_shared<const std::vector<int64_t>>(
      unpack_indices(row.text(1), list.classes->size(), damaged()));
  return lists_.emplace(digest, std::move(list)).first->second;
}

void SqliteStore::read_scores(const std::string& experiment, Results& results) const {
  Statement rows = database_.prepare(
      "SELECT w.ordinal, w.dataset, w.half, w.epoch, s.test_list, s.total, s.correct, s.failed, "
      "s.predictions, s.confidences, s.base_scores FROM wanted_scores w JOIN scores s ON s.id = "
      "w.score "
      "WHERE w.experiment = ? ORDER BY w.ordinal, w.position");
  rows.bind(experiment);
  while (rows.step()) {
    const auto ordinal = static_cast<size_t>(rows.integer(0));
    if (ordinal >= results.cells.size()) {
      qprompt::fail(ErrorKind::kContent, damaged(), " is damaged: a score has no cell");
    }
    const KeptList& list = kept_list(rows.text(4));
    ScoredList score;
    score.total = rows.integer(5);
    score.correct = rows.integer(6);
    score.failed = rows.integer(7);
    score.classes = list.classes;
    score.truth = list.truth;
    score.predictions = unpack_indices(rows.text(8), list.classes->size(), damaged());
    score.confidences = unpack_floats(rows.text(9), damaged());
    score.base_scores = unpack_floats(rows.text(10), damaged());
    int64_t hits = 0;
    for (size_t i = 0; i < std::min(score.predictions.size(), list.truth->size()); ++i) {
      hits += score.predictions[i] == (*list.truth)[i];
    }
    if (score.predictions.size() != list.truth->size() || hits != score.correct ||
        score.confidences.size() != score.predictions.size() ||
        score.total != static_cast<int64_t>(list.truth->size())) {
      qprompt::fail(ErrorKind::kContent, damaged(),
                    " is damaged: a score does not match its predictions");
    }
    add_score(results.cells[ordinal], {"", rows.text(1), rows.text(2), rows.integer(3)}, score);
  }
}

}  // namespace qprompt
