// Experiments of a database as room `report` knows them.
#include <sstream>

#include "experiment/recipe.h"
#include "experiment/store.h"
#include "qprompt/run.h"

namespace qprompt {
namespace {

Experiment experiment_of(const Results& results, const std::string& database) {
  const Heading& heading = results.heading;
  Experiment e;
  e.name = heading.name;
  e.title = heading.title;
  e.protocol = heading.protocol;
  e.methods = heading.methods;
  e.datasets = heading.datasets;
  e.shots = heading.shots;
  e.planned = results.planned();
  e.failures = results.failures();
  e.published = parse_published(heading.published, database + ": published numbers");
  for (const CellOutcome& cell : results.cells) {
    if (cell.state != CellState::kDone || cell.kind == "images") continue;
    CellResult one{cell.label, cell.dataset, cell.shots, cell.seed, cell.payload_bytes, {}};
    for (const ScoredList& list : cell.scores) {
      one.tests.push_back({list.dataset, list.half, list.total, list.correct, list.failed,
                           list.classes, list.truth, list.predictions});
    }
    e.cells.push_back(std::move(one));
  }
  return e;
}

}  // namespace

std::vector<Experiment> read_results(const std::string& database, const std::string& experiment,
                                     const std::string& published) {
  const auto store = sqlite_store(database, StoreMode::kReadOnly);
  std::vector<Experiment> all;
  std::istringstream names(experiment.empty() ? store->get("experiments") : experiment);
  for (std::string name; std::getline(names, name);) {
    all.push_back(experiment_of(store->results(name, Detail::kAll), database));
  }
  if (!published.empty()) {
    constexpr int64_t kMaxBytes = 1 << 20;
    const Published given = parse_published(read_file(published, kMaxBytes), published);
    for (Experiment& e : all) e.published = given;
  }
  return all;
}

}  // namespace qprompt
