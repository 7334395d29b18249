#include <algorithm>
#include <cmath>
#include <map>

#include "base/statistics.h"
#include "report/paper.h"

namespace qprompt {
namespace {

using Seeds = std::map<uint64_t, double>;  // seed → percent

/// Which numbers are meant.
struct Question {
  std::string method, trained_on, tested_on, half;
  int64_t shots = 0;
};

/// Zero-shot CLIP has one result, whatever the shots.
Seeds seeds_of(const Experiment& experiment, const Question& question) {
  Seeds out;
  for (const CellOutcome& cell : experiment.cells) {
    if (cell.label != question.method || cell.dataset != question.trained_on) continue;
    if (cell.payload_bytes > 0 && cell.shots != question.shots) continue;
    for (const ScoredList& test : cell.scores) {
      if (test.dataset == question.tested_on && test.half == question.half) {
        out[cell.seed] = test.accuracy();
      }
    }
  }
  return out;
}

Measure measure(const Seeds& seeds) {
  Measure out;
  if (seeds.empty()) return out;
  std::vector<double> values;
  for (const auto& [seed, value] : seeds) values.push_back(value);
  const Spread s = spread(values);
  out.mean = s.mean;
  out.deviation = s.deviation;
  out.seeds = static_cast<int64_t>(values.size());
  return out;
}

/// The average over data sets for each seed; empty unless every set has the same seeds, since an
/// average over some of them compares with nothing.
Seeds average(const std::vector<Seeds>& sets) {
  Seeds out;
  for (const Seeds& set : sets) {
    if (set.size() != sets[0].size()) return {};
    for (const auto& [seed, value] : set) {
      if (sets[0].count(seed) == 0) return {};
      out[seed] += value / static_cast<double>(sets.size());
    }
  }
  return out;
}

/// H over the seeds that have both.
Measure harmonic(const Seeds& base, const Seeds& fresh) {
  std::vector<double> b, n;
  for (const auto& [seed, value] : base) {
    const auto other = fresh.find(seed);
    if (other == fresh.end()) continue;
    b.push_back(value);
    n.push_back(other->second);
  }
  if (b.empty()) return {};
  const Spread h = harmonic_spread(b, n);
  return {h.mean, {}, h.deviation, static_cast<int64_t>(b.size())};
}

const PublishedMethod* published_of(const Experiment& experiment, const std::string& method) {
  const auto found = experiment.published.methods.find(method);
  return found == experiment.published.methods.end() ? nullptr : &found->second;
}

/// Puts the published values beside the measures, from `first` on.
void add_published(const Experiment& experiment, const std::string& set, PaperRow& row,
                   const std::vector<size_t>& places) {
  const PublishedMethod* method = published_of(experiment, row.method);
  if (method == nullptr) return;
  row.published_bytes = method->bytes;
  const auto values = method->values.find(set);
  if (values == method->values.end()) return;
  for (size_t i = 0; i < places.size() && i < row.measures.size(); ++i) {
    if (places[i] < values->second.size()) {
      row.measures[i].published = values->second[places[i]];
    }
  }
}

/// An average of other data sets than the published one's compares with nothing.
bool average_compares(const Experiment& experiment, size_t sets) {
  return experiment.published.average_over == static_cast<int64_t>(sets);
}

PaperRow empty_row(const Experiment& experiment, const std::string& method) {
  PaperRow row{method, 0, -1, {}};
  for (const CellOutcome& cell : experiment.cells) {
    if (cell.label == method) row.bytes = std::max(row.bytes, cell.payload_bytes);
  }
  return row;
}

PaperTable base_to_new_table(const Experiment& e, const std::vector<std::string>& sets,
                             const std::string& name) {
  const int64_t shots = e.heading.shots.empty() ? 0 : e.heading.shots.front();
  PaperTable table{name, {"base %", "new %", "H %"}, {}};
  for (const std::string& method : e.heading.methods) {
    std::vector<Seeds> base, fresh;
    for (const std::string& set : sets) {
      base.push_back(seeds_of(e, {method, set, set, "base", shots}));
      fresh.push_back(seeds_of(e, {method, set, set, "new", shots}));
    }
    const Seeds b = average(base), n = average(fresh);
    PaperRow row = empty_row(e, method);
    row.measures = {measure(b), measure(n), harmonic(b, n)};
    if (sets.size() == 1) add_published(e, sets[0], row, {0, 1, 2});
    if (sets.size() > 1 && average_compares(e, sets.size())) {
      add_published(e, "average", row, {0, 1, 2});
    }
    table.rows.push_back(std::move(row));
  }
  return table;
}

PaperTable few_shot_table(const Experiment& e, const std::vector<std::string>& sets,
                          const std::string& name) {
  static const std::vector<int64_t> kPublishedShots{1, 2, 4, 8, 16};
  PaperTable table{name, {}, {}};
  std::vector<size_t> places;
  for (const int64_t shots : e.heading.shots) {
    table.columns.push_back(shots == 0 ? "all"
                                       : std::to_string(shots) + (shots == 1 ? " shot" : " shots"));
    places.push_back(
        static_cast<size_t>(std::find(kPublishedShots.begin(), kPublishedShots.end(), shots) -
                            kPublishedShots.begin()));
  }
  for (const std::string& method : e.heading.methods) {
    PaperRow row = empty_row(e, method);
    for (const int64_t shots : e.heading.shots) {
      std::vector<Seeds> all;
      for (const std::string& set : sets)
        all.push_back(seeds_of(e, {method, set, set, "all", shots}));
      row.measures.push_back(measure(average(all)));
    }
    if (sets.size() == 1) add_published(e, sets[0], row, places);
    if (sets.size() > 1 && average_compares(e, sets.size())) {
      add_published(e, "average", row, places);
    }
    table.rows.push_back(std::move(row));
  }
  return table;
}

/// Trained on the first data set, tested on all of them.
PaperTable transfer_table(const Experiment& e) {
  const int64_t shots = e.heading.shots.empty() ? 0 : e.heading.shots.front();
  PaperTable table{
      "trained on " + (e.heading.datasets.empty() ? "nothing" : e.heading.datasets[0]), {}, {}};
  for (const std::string& set : e.heading.datasets) table.columns.push_back(set);
  table.columns.push_back("average of the others");
  for (const std::string& method : e.heading.methods) {
    PaperRow row = empty_row(e, method);
    std::vector<Seeds> targets;
    for (const std::string& set : e.heading.datasets) {
      const Seeds seeds = seeds_of(e, {method, e.heading.datasets[0], set, "all", shots});
      PaperRow one{method, 0, -1, {measure(seeds)}};
      add_published(e, set, one, {0});
      row.published_bytes = one.published_bytes;
      row.measures.push_back(one.measures[0]);
      if (set != e.heading.datasets[0]) targets.push_back(seeds);
    }
    PaperRow one{method, 0, -1, {measure(average(targets))}};
    if (average_compares(e, targets.size())) add_published(e, "average", one, {0});
    row.measures.push_back(one.measures[0]);
    table.rows.push_back(std::move(row));
  }
  return table;
}

}  // namespace

std::vector<PaperTable> paper_tables(const Experiment& e) {
  if (e.heading.protocol == Protocol::kCrossDataset || e.heading.protocol == Protocol::kDomain) {
    return {transfer_table(e)};
  }
  const auto make = e.heading.protocol == Protocol::kBaseToNew ? base_to_new_table : few_shot_table;
  std::vector<PaperTable> tables;
  if (e.heading.datasets.size() > 1) {
    tables.push_back(
        make(e, e.heading.datasets,
             "average of " + std::to_string(e.heading.datasets.size()) + " data sets"));
  }
  for (const std::string& set : e.heading.datasets) tables.push_back(make(e, {set}, set));
  return tables;
}

Table layout(const PaperTable& paper) {
  Table table{paper.title, {"method", "bytes"}, {}};
  table.header.insert(table.header.end(), paper.columns.begin(), paper.columns.end());
  for (const PaperRow& row : paper.rows) {
    std::vector<std::string> ours{row.method, std::to_string(row.bytes)};
    std::vector<std::string> theirs{
        "  published",
        row.published_bytes < 0 ? "" : std::to_string(std::llround(row.published_bytes))};
    std::vector<std::string> difference{"  difference", ""};
    bool compared = false;
    for (const Measure& m : row.measures) {
      ours.push_back(m.mean ? percent(*m.mean, m.seeds > 1 ? m.deviation : -1) : "-");
      theirs.push_back(m.published ? percent(*m.published) : "");
      difference.push_back(m.mean && m.published ? signed_number(*m.mean - *m.published) : "");
      compared = compared || m.published.has_value();
    }
    table.rows.push_back(std::move(ours));
    if (!compared) continue;
    table.rows.push_back(std::move(theirs));
    table.rows.push_back(std::move(difference));
  }
  return table;
}

std::vector<ClassCounts> class_counts(const Experiment& experiment) {
  std::vector<ClassCounts> out;
  for (const CellOutcome& cell : experiment.cells) {
    for (const ScoredList& test : cell.scores) {
      auto found = std::find_if(out.begin(), out.end(), [&](const ClassCounts& one) {
        return one.method == cell.label && one.dataset == test.dataset && one.half == test.half &&
               one.shots == cell.shots && one.names == *test.classes;
      });
      if (found == out.end()) {
        const std::vector<int64_t> zeros(test.classes->size(), 0);
        out.push_back({cell.label,
                       test.dataset,
                       test.half,
                       cell.shots,
                       0,
                       *test.classes,
                       zeros,
                       zeros,
                       zeros,
                       {}});
        found = std::prev(out.end());
      }
      ++found->seeds;
      for (size_t i = 0; i < test.predictions.size(); ++i) {
        const int64_t truth = (*test.truth)[i], predicted = test.predictions[i];
        ++found->total[static_cast<size_t>(truth)];
        ++found->predicted[static_cast<size_t>(predicted)];
        if (truth == predicted) ++found->correct[static_cast<size_t>(truth)];
        ++found->hits[{truth, predicted}];
      }
    }
  }
  return out;
}

}  // namespace qprompt
