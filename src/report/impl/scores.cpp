// Scores beside accuracy, from the predictions that are kept.
#include <algorithm>
#include <functional>

#include "base/statistics.h"
#include "eval/metrics.h"
#include "qprompt/base.h"
#include "report/comparison.h"

namespace qprompt {
namespace {

/// A number of one cell on one data set; empty where it cannot be had.
using Number = std::function<std::optional<double>(const CellOutcome&, const std::string&)>;
struct ScoreColumn {
  std::string name;
  Number number;
};

const ScoredList* scored(const CellOutcome& cell, const std::string& dataset,
                         const std::string& half) {
  for (const ScoredList& list : cell.scores) {
    if (list.dataset == dataset && list.half == half && list.total > 0) return &list;
  }
  return nullptr;
}

std::vector<uint8_t> right_of(const ScoredList& list) {
  std::vector<uint8_t> out;
  for (size_t i = 0; i < list.predictions.size(); ++i) {
    out.push_back(list.predictions[i] == (*list.truth)[i]);
  }
  return out;
}

Number f1_over(const std::string& half) {
  return [half](const CellOutcome& cell, const std::string& dataset) -> std::optional<double> {
    const ScoredList* list = scored(cell, dataset, half);
    if (list == nullptr) return {};
    return macro_f1(*list->truth, list->predictions);
  };
}

Number error_over(const std::string& half) {
  return [half](const CellOutcome& cell, const std::string& dataset) -> std::optional<double> {
    const ScoredList* list = scored(cell, dataset, half);
    if (list == nullptr || list->confidences.size() != list->predictions.size()) return {};
    return calibration_error(list->confidences, right_of(*list));
  };
}

/// The test images of both halves, told apart among all classes, beside each half's own result.
struct Joint {
  std::vector<uint8_t> base_right, new_right;    ///< among all classes
  std::vector<float> base_scores, new_scores;    ///< largest probability of a base class
  std::vector<uint8_t> base_own, new_own;        ///< among the own half's classes
};

std::optional<Joint> joint_of(const CellOutcome& cell, const std::string& dataset) {
  const ScoredList *all = scored(cell, dataset, "all"), *base = scored(cell, dataset, "base"),
                   *fresh = scored(cell, dataset, "new");
  if (all == nullptr || base == nullptr || fresh == nullptr) return {};
  if (all->base_scores.size() != all->predictions.size() || all->total != base->total + fresh->total) {
    return {};
  }
  Joint out;
  const auto base_classes = static_cast<int64_t>(base->classes->size());
  for (size_t i = 0; i < all->predictions.size(); ++i) {
    const bool is_base = (*all->truth)[i] < base_classes;
    (is_base ? out.base_right : out.new_right)
        .push_back(all->predictions[i] == (*all->truth)[i]);
    (is_base ? out.base_scores : out.new_scores).push_back(all->base_scores[i]);
  }
  out.base_own = right_of(*base);
  out.new_own = right_of(*fresh);
  if (out.base_own.size() != out.base_right.size()) return {};
  return out;
}

double percent_right(const std::vector<uint8_t>& right) {
  double sum = 0;
  for (const uint8_t one : right) sum += one;
  return right.empty() ? 0 : 100 * sum / double(right.size());
}

Number of_joint(double (*number)(const Joint&)) {
  return [number](const CellOutcome& cell, const std::string& dataset) -> std::optional<double> {
    const auto joint = joint_of(cell, dataset);
    if (!joint) return {};
    return number(*joint);
  };
}

std::vector<ScoreColumn> columns_of(Protocol protocol) {
  if (protocol != Protocol::kBaseToNew) {
    return {{"macro-F1, all %", f1_over("all")}, {"ECE, all %", error_over("all")}};
  }
  return {
      {"macro-F1, base %", f1_over("base")},
      {"macro-F1, new %", f1_over("new")},
      {"ECE, base %", error_over("base")},
      {"ECE, new %", error_over("new")},
      {"joint, base %", of_joint([](const Joint& j) { return percent_right(j.base_right); })},
      {"joint, new %", of_joint([](const Joint& j) { return percent_right(j.new_right); })},
      {"joint H %", of_joint([](const Joint& j) {
         return harmonic_mean(percent_right(j.base_right), percent_right(j.new_right));
       })},
      {"ECE, joint %", error_over("all")},
      {"OpenworldAUC %", of_joint([](const Joint& j) {
         return openworld_auc({j.base_own, j.base_scores}, {j.new_own, j.new_scores});
       })},
  };
}

/// Without the columns that no row has.
Table without_empty(const Table& table) {
  Table out{table.title, {}, std::vector<std::vector<std::string>>(table.rows.size())};
  for (size_t c = 0; c < table.header.size(); ++c) {
    const bool has = std::any_of(table.rows.begin(), table.rows.end(),
                                 [&](const auto& row) { return row[c] != "-"; });
    if (!has) continue;
    out.header.push_back(table.header[c]);
    for (size_t r = 0; r < table.rows.size(); ++r) out.rows[r].push_back(table.rows[r][c]);
  }
  return out;
}

/// Means of a column over the seeds of a method; "-" where no cell has it.
std::string cell_text(const Experiment& e, const std::string& method, const std::string& dataset,
                      int64_t shots, const ScoreColumn& column) {
  std::vector<double> values;
  for (const CellOutcome& cell : e.cells) {
    if (cell.label != method || (cell.kind == "prompt" && cell.shots != shots)) continue;
    if (const auto value = column.number(cell, dataset)) values.push_back(*value);
  }
  if (values.empty()) return "-";
  const Spread s = spread(values);
  return percent(s.mean, values.size() > 1 ? s.deviation : -1);
}

}  // namespace

std::vector<Table> score_tables(const Experiment& e) {
  const std::vector<ScoreColumn> columns = columns_of(e.heading.protocol);
  std::vector<Table> out;
  for (const std::string& dataset : e.heading.datasets) {
    for (const int64_t shots : e.heading.shots) {
      Table table{cat("Other scores, ", dataset, ", ", shots_name(shots),
                      shots == 1 ? " shot" : shots == 0 ? " images" : " shots"),
                  {"method"},
                  {}};
      for (const ScoreColumn& column : columns) table.header.push_back(column.name);
      for (const std::string& method : e.heading.methods) {
        std::vector<std::string> row{method};
        for (const ScoreColumn& column : columns) {
          row.push_back(cell_text(e, method, dataset, shots, column));
        }
        const bool any = std::any_of(row.begin() + 1, row.end(),
                                     [](const std::string& text) { return text != "-"; });
        if (any) table.rows.push_back(std::move(row));
      }
      if (!table.rows.empty()) out.push_back(without_empty(table));
    }
  }
  return out;
}

}  // namespace qprompt
