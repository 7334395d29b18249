// Experiments as reports read them.
#include <sstream>

#include "experiment/store.h"
#include "qprompt/base.h"
#include "report/paper.h"

namespace qprompt {

Experiment experiment_of(const Results& results, const std::string& where) {
  Experiment out{results.heading,
                 {},
                 results.planned(),
                 results.failures(),
                 parse_published(results.heading.published, where + ": published numbers")};
  for (const CellOutcome& cell : results.cells) {
    if (cell.state == CellState::kDone && cell.kind != "images") out.cells.push_back(cell);
  }
  return out;
}

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
