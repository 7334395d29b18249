// The loop of a worker.
#include "experiment/run.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <thread>

#include "experiment/impl/attempt.h"
#include "experiment/impl/execute.h"
#include "experiment/impl/side_by_side.h"
#include "experiment/impl/store_rules.h"
#include "qprompt/weights.h"

namespace qprompt {
namespace {

constexpr auto kWait = std::chrono::milliseconds(100);

/// Cells and entries of what the planner handed out so far, then the cells that encode its images.
struct PlannedMatrix {
  std::vector<Cell> cells;
  std::vector<Entry> entries;
};

PlannedMatrix make_matrix(const Clip& clip, const std::vector<Cell>& planned,
                          const RunOptions& options) {
  const FeatureOptions& features = options.features;
  PlannedMatrix matrix{planned, {}};
  for (Cell& cell : images_cells(planned, features)) matrix.cells.push_back(std::move(cell));
  for (const Cell& cell : matrix.cells) matrix.entries.push_back(entry_of(clip, cell, features));
  for (size_t i = 0; i < planned.size(); ++i) {
    if (!planned[i].error.empty()) continue;
    for (size_t j = planned.size(); j < matrix.cells.size(); ++j) {
      const std::string& dataset = matrix.cells[j].dataset;
      const bool reads = planned[i].dataset == dataset ||
                         std::any_of(planned[i].tests.begin(), planned[i].tests.end(),
                                     [&](const TestList& list) { return list.dataset == dataset; });
      if (reads) matrix.entries[i].after.push_back(matrix.entries[j].training);
    }
  }
  return matrix;
}

/// Stops for a lost lease, and else when the one behind it says so.
class CellObserver final : public Observer {
 public:
  CellObserver(Observer& behind, const Heartbeat& heartbeat)
      : behind_(behind), heartbeat_(heartbeat) {}
  Stop step(std::string_view what, int64_t done, int64_t total) override {
    return heartbeat_.lost() ? Stop::kLeaseLost : behind_.step(what, done, total);
  }
  void epoch(const EpochReport& report) override { behind_.epoch(report); }
  void finding(const Finding& finding) override { behind_.finding(finding); }

 private:
  Observer& behind_;
  const Heartbeat& heartbeat_;
};

/// The place of a claim's cell; the plan may have grown since.
size_t place_of(const PlannedMatrix& matrix, const Claim& claim) {
  const auto at = static_cast<size_t>(claim.cell);
  if (at < matrix.entries.size() && matrix.entries[at].training == claim.training) return at;
  for (size_t i = 0; i < matrix.entries.size(); ++i) {
    if (matrix.entries[i].training == claim.training) return i;
  }
  fail(ErrorKind::kContent, "'", claim.experiment,
       "' was planned anew by another process with other cells; run this one again");
}

/// A process at work on one experiment.
struct Working {
  Workshop& workshop;
  Store& store;
  const RunOptions& options;
  Observer& observer;
};

void do_cell(const Working& working, const Cell& cell, const Claim& claim) {
  Store& store = working.store;
  try {
    Outcome outcome;
    {
      Heartbeat heartbeat(store, claim, working.options.lease_seconds);
      CellObserver watching(working.observer, heartbeat);
      outcome = working.workshop.execute(cell, claim, heartbeat, watching);
    }
    store.finish(claim, outcome);
  } catch (const std::bad_alloc&) {
    store.fail(claim, "out of memory");
  } catch (const Error& error) {
    if (!can_go_on(error)) return store.fail(claim, error.what());
    store.release(claim);
    throw;
  } catch (const std::exception& error) {
    store.fail(claim, error.what());
  }
}

void work(const Working& working, const PlannedMatrix& matrix, const std::string& experiment) {
  Store& store = working.store;
  const Worker self = Worker::self(working.options.invocation);
  for (;;) {
    const auto claim = store.claim(experiment, self, working.options.lease_seconds);
    const Results now = store.results(experiment, Detail::kStates);
    if (!claim) {
      if (now.open() == 0) return;
      ask(&working.observer, "waiting for other processes", 0, now.open());
      std::this_thread::sleep_for(kWait);
      continue;
    }
    const size_t place = place_of(matrix, *claim);
    const auto total = static_cast<int64_t>(now.cells.size());
    const std::string name = cell_name(describe_entry(matrix.entries[place]));
    if (working.observer.step(name, total - now.open(), total) != Stop::kNo) {
      store.release(*claim);
      ask(&working.observer, name, total - now.open(), total);
    }
    do_cell(working, matrix.cells[place], *claim);
  }
}

/// What a planner is shown: its own cells.
Results shown(Results results) {
  std::erase_if(results.cells, [](const CellOutcome& cell) { return cell.kind == "images"; });
  return results;
}

/// For experiments that nobody named: the same for the same cells.
std::string name_of_plan(const Heading& heading, const std::vector<Entry>& entries) {
  Digest digest;
  for (const Entry& entry : entries) digest.update_text(entry_id(entry));
  constexpr size_t kDigits = 8;
  return protocols()[static_cast<size_t>(heading.protocol)] + "-" + digest.hex().substr(0, kDigits);
}

}  // namespace

Results run(const Clip& clip, Planner& planner, Store& store, const RunOptions& options,
            Observer& observer) {
  Heading heading = planner.heading();
  Workshop workshop(clip, store, options);
  ListDigests digests(options.features);
  std::vector<Cell> planned;
  Results results;
  bool first = true;
  for (;; first = false) {
    std::vector<Cell> more = planner.next(shown(results));
    if (more.empty() && !first) return results;
    for (Cell& cell : more) {
      use_run_options(options, digests, cell);
      planned.push_back(std::move(cell));
    }
    const PlannedMatrix matrix = make_matrix(clip, planned, options);
    if (heading.name.empty()) heading.name = name_of_plan(heading, matrix.entries);
    const bool child = !options.invocation.empty();
    if (!child || !first) store.plan(heading, matrix.entries, options.retry && first);
    const bool apart = !child && options.jobs > 1 && !options.worker_command.empty();
    if (apart) run_side_by_side(heading.name, store, options, observer);
    if (!apart) work({workshop, store, options, observer}, matrix, heading.name);
    results = store.results(heading.name, Detail::kAll);
  }
}

}  // namespace qprompt
