#include "report/comparison.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <map>

#include "base/statistics.h"
#include "qprompt/base.h"

namespace qprompt {
namespace {

using Cells = std::map<uint64_t, const CellOutcome*>;  // by seed

constexpr int64_t kManyDraws = 10;

/// The finished cells of a method on a data set. Zero-shot CLIP has one, whatever the shots.
Cells cells_of(const Experiment& e, const std::string& method, const std::string& dataset,
               int64_t shots) {
  Cells out;
  for (const CellOutcome& cell : e.cells) {
    if (cell.label != method || cell.dataset != dataset) continue;
    if (cell.kind == "prompt" && cell.shots != shots) continue;
    out[cell.seed] = &cell;
  }
  return out;
}

bool learns(const Cells& cells) {
  return !cells.empty() && cells.begin()->second->kind == "prompt";
}

const ScoredList* list_of(const CellOutcome& cell, const std::string& dataset,
                          const std::string& half) {
  for (const ScoredList& list : cell.scores) {
    if (list.dataset == dataset && list.half == half) return &list;
  }
  return nullptr;
}

struct Pair {
  const CellOutcome *first = nullptr, *second = nullptr;
};
/// Draws that both have; what learns nothing stands for each of the other's.
std::vector<Pair> pairs_of(const Cells& first, const Cells& second) {
  std::vector<Pair> out;
  for (const auto& [seed, cell] : learns(first) ? first : second) {
    const auto a = learns(first) ? first.find(seed) : first.begin();
    const auto b = learns(second) ? second.find(seed) : second.begin();
    if (a != first.end() && b != second.end()) out.push_back({a->second, b->second});
  }
  return out;
}

std::vector<uint8_t> hits_of(const ScoredList& list) {
  std::vector<uint8_t> out;
  for (size_t i = 0; i < list.predictions.size(); ++i) {
    out.push_back(list.predictions[i] == (*list.truth)[i]);
  }
  return out;
}

/// Accuracies of both methods over the draws.
struct Paired {
  std::vector<double> first, second;
};

Paired paired_accuracies(const std::vector<Pair>& pairs, const std::string& dataset,
                         const std::string& half) {
  Paired out;
  for (const Pair& pair : pairs) {
    const ScoredList* a = list_of(*pair.first, dataset, half);
    const ScoredList* b = list_of(*pair.second, dataset, half);
    if (a == nullptr || b == nullptr) continue;
    out.first.push_back(a->accuracy());
    out.second.push_back(b->accuracy());
  }
  return out;
}

PairedHits paired_hits(const std::vector<Pair>& pairs, const std::string& dataset,
                       const std::string& half) {
  PairedHits out;
  for (const Pair& pair : pairs) {
    out.first.push_back(hits_of(*list_of(*pair.first, dataset, half)));
    out.second.push_back(hits_of(*list_of(*pair.second, dataset, half)));
  }
  return out;
}

Difference difference_of(const std::string& classes, const Paired& values) {
  Difference out;
  out.classes = classes;
  out.draws = static_cast<int64_t>(values.first.size());
  out.mean = spread(values.second).mean - spread(values.first).mean;
  if (out.draws > 1) out.over_draws = paired_t(values.first, values.second);
  return out;
}

/// H of each draw's own; its mean is the difference of H of the averages, as tables print it.
Difference difference_of_h(const Paired& base, const Paired& fresh) {
  Paired own;
  for (size_t i = 0; i < base.first.size(); ++i) {
    own.first.push_back(harmonic_mean(base.first[i], fresh.first[i]));
    own.second.push_back(harmonic_mean(base.second[i], fresh.second[i]));
  }
  Difference out = difference_of("H", own);
  out.mean = harmonic_spread(base.second, fresh.second).mean -
             harmonic_spread(base.first, fresh.first).mean;
  return out;
}

const std::vector<std::string>& halves_of(Protocol protocol) {
  static const std::vector<std::string> kTwo{"base", "new"}, kAll{"all"};
  return protocol == Protocol::kBaseToNew ? kTwo : kAll;
}

/// Test lists that a cell may lack make a pair useless.
void drop_incomplete(std::vector<Pair>& pairs, const std::string& dataset,
                     const std::vector<std::string>& halves) {
  std::erase_if(pairs, [&](const Pair& pair) {
    return std::any_of(halves.begin(), halves.end(), [&](const std::string& half) {
      const ScoredList* a = list_of(*pair.first, dataset, half);
      const ScoredList* b = list_of(*pair.second, dataset, half);
      return a == nullptr || b == nullptr || a->predictions.size() != b->predictions.size() ||
             a->predictions.empty() || *a->truth != *b->truth;
    });
  });
}

std::vector<Difference> on_one_set(const Experiment& e, std::vector<Pair> pairs,
                                   const std::string& dataset) {
  const std::vector<std::string>& halves = halves_of(e.heading.protocol);
  drop_incomplete(pairs, dataset, halves);
  if (pairs.empty()) return {};
  std::vector<Difference> out;
  std::vector<PairedHits> hits;
  std::vector<Paired> accuracies;
  for (const std::string& half : halves) {
    accuracies.push_back(paired_accuracies(pairs, dataset, half));
    hits.push_back(paired_hits(pairs, dataset, half));
    out.push_back(difference_of(half, accuracies.back()));
    out.back().of_first_draw = mcnemar(hits.back().first[0], hits.back().second[0]);
  }
  if (halves.size() == 2) out.push_back(difference_of_h(accuracies[0], accuracies[1]));
  const std::vector<Interval> intervals = paired_bootstrap(hits, {});
  for (size_t i = 0; i < out.size(); ++i) out[i].over_images = intervals[i];
  return out;
}

/// The averages over data sets, draw by draw; empty unless all sets have the same draws.
std::vector<Difference> on_average(const Experiment& e,
                                   const std::vector<std::vector<Pair>>& pairs) {
  const std::vector<std::string>& halves = halves_of(e.heading.protocol);
  std::vector<Paired> averages;
  for (const std::string& half : halves) {
    Paired sum;
    for (size_t d = 0; d < pairs.size(); ++d) {
      const Paired one = paired_accuracies(pairs[d], e.heading.datasets[d], half);
      if (one.first.empty() || (d > 0 && one.first.size() != sum.first.size())) return {};
      sum.first.resize(one.first.size(), 0);
      sum.second.resize(one.first.size(), 0);
      for (size_t i = 0; i < one.first.size(); ++i) {
        sum.first[i] += one.first[i] / double(pairs.size());
        sum.second[i] += one.second[i] / double(pairs.size());
      }
    }
    averages.push_back(std::move(sum));
  }
  std::vector<Difference> out;
  for (size_t h = 0; h < halves.size(); ++h) out.push_back(difference_of(halves[h], averages[h]));
  if (halves.size() == 2) out.push_back(difference_of_h(averages[0], averages[1]));
  return out;
}

std::string default_rival(const Experiment& e) {
  for (const std::string& method : e.heading.methods) {
    const bool learned = std::any_of(e.cells.begin(), e.cells.end(), [&](const CellOutcome& cell) {
      return cell.label == method && cell.kind == "prompt";
    });
    if (learned) return method;
  }
  return "";
}

std::string interval_text(const std::optional<Interval>& interval) {
  if (!interval) return "-";
  return cat(signed_number(interval->low), " … ", signed_number(interval->high));
}

std::string p_text(double p) {
  char text[32];
  std::snprintf(text, sizeof text, p < 0.001 ? "%.1e" : "%.3f", p);
  return text;
}

void add_rows(const Comparison& comparison, Table& table) {
  for (const Difference& d : comparison.differences) {
    const auto& t = d.over_draws;
    table.rows.push_back({comparison.method, d.classes, signed_number(d.mean),
                          interval_text(t ? std::optional(t->interval) : std::nullopt),
                          t ? p_text(t->p) : "-", interval_text(d.over_images),
                          d.of_first_draw ? p_text(d.of_first_draw->p) : "-",
                          t ? percent(t->visible) : "-"});
  }
}

/// What the draws of a table could show.
std::string note_of(const std::vector<const Comparison*>& rows) {
  int64_t fewest = INT64_MAX;
  double widest = 0;
  for (const Comparison* row : rows) {
    for (const Difference& d : row->differences) {
      fewest = std::min(fewest, d.draws);
      if (d.over_draws) widest = std::max(widest, d.over_draws->visible);
    }
  }
  std::string note =
      "Differences in percent points, 95 % intervals: t over draws; bootstrap over draws and "
      "images, 2000 resamples. McNemar is of the first draw. Smaller true differences than those "
      "in the last column could not be seen: four of five repeats would show it. No correction for "
      "multiple comparisons.";
  if (fewest < 2) {
    return note + " There is one draw: what another draw would give is unknown.";
  }
  if (fewest < kManyDraws) {
    note += cat(" There are only ", fewest, " draws: differences below ", percent(widest),
                " could not be seen in every row.");
  }
  return note;
}

}  // namespace

std::vector<Comparison> comparisons(const Experiment& e, const std::string& against) {
  const std::string rival = against.empty() ? default_rival(e) : against;
  const auto& methods = e.heading.methods;
  if (!against.empty() && std::count(methods.begin(), methods.end(), against) == 0) {
    std::string known;
    for (const std::string& method : methods) known += (known.empty() ? "" : ", ") + method;
    fail(ErrorKind::kUsage, "'", e.heading.name, "' has no method '", against,
         "'; it has: ", known);
  }
  const Protocol protocol = e.heading.protocol;
  if (rival.empty() || (protocol != Protocol::kBaseToNew && protocol != Protocol::kFewShot)) {
    return {};
  }
  std::vector<Comparison> out;
  for (const int64_t shots : e.heading.shots) {
    for (const std::string& method : methods) {
      if (method == rival) continue;
      std::vector<std::vector<Pair>> pairs;
      std::vector<Comparison> sets;
      for (const std::string& set : e.heading.datasets) {
        pairs.push_back(pairs_of(cells_of(e, rival, set, shots), cells_of(e, method, set, shots)));
        sets.push_back({method, rival, set, shots, on_one_set(e, pairs.back(), set)});
      }
      if (sets.size() > 1) {
        out.push_back({method, rival, cat("average of ", sets.size(), " data sets"), shots,
                       on_average(e, pairs)});
      }
      out.insert(out.end(), sets.begin(), sets.end());
    }
  }
  std::erase_if(out, [](const Comparison& c) { return c.differences.empty(); });
  return out;
}

std::vector<ComparisonTable> layout(const std::vector<Comparison>& comparisons) {
  std::vector<std::pair<std::string, std::vector<const Comparison*>>> groups;
  for (const Comparison& c : comparisons) {
    const std::string title =
        cat("Compared with ", c.against, ", ", c.dataset, ", ",
            c.shots == 0 ? "all images" : cat(c.shots, c.shots == 1 ? " shot" : " shots"));
    auto found = std::find_if(groups.begin(), groups.end(),
                              [&](const auto& group) { return group.first == title; });
    if (found == groups.end()) found = groups.insert(groups.end(), {title, {}});
    found->second.push_back(&c);
  }
  std::vector<ComparisonTable> out;
  for (const auto& [title, rows] : groups) {
    ComparisonTable one{{title,
                         {"method", "classes", "difference", "t interval", "p", "bootstrap",
                          "McNemar p", "could see"},
                         {}},
                        note_of(rows)};
    for (const Comparison* row : rows) add_rows(*row, one.table);
    out.push_back(std::move(one));
  }
  return out;
}

}  // namespace qprompt
