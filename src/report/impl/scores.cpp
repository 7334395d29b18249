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
  std::vector<uint8_t> base_right, new_right;  ///< among all classes
  std::vector<float> base_scores, new_scores;  ///< largest probability of a base class
  std::vector<uint8_t> base_own, new_own;      ///< among the own half's classes
};

std::optional<Joint> joint_of(const CellOutcome& cell, const std::string& dataset) {
  const ScoredList *all = scored(cell, dataset, "all"), *base = scored(cell, dataset, "base"),
                   *fresh = scored(cell, dataset, "new");
  if (all == nullptr || base == nullptr || fresh == nullptr) return {};
  if (all->base_scores.size() != all->predictions.size() ||
      all->total != base->total + fresh->total) {
    return {};
  }
  Joint out;
  const auto base_classes = static_cast<int64_t>(base->classes->size());
  for (size_t i = 0; i < all->predictions.size(); ++i) {
    const bool is_base = (*all->truth)[i] < base_classes;
    (is_base ? out.base_right : out.new_right).push_back(all->predictions[i] == (*all->truth)[i]);
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
    return {{"macro-F1, all", f1_over("all")}, {"ECE, all", error_over("all")}};
  }
  return {
      {"macro-F1, base", f1_over("base")},
      {"macro-F1, new", f1_over("new")},
      {"ECE, base", error_over("base")},
      {"ECE, new", error_over("new")},
      {"joint, base", of_joint([](const Joint& j) { return percent_right(j.base_right); })},
      {"joint, new", of_joint([](const Joint& j) { return percent_right(j.new_right); })},
      {"joint H", of_joint([](const Joint& j) {
         return harmonic_mean(percent_right(j.base_right), percent_right(j.new_right));
       })},
      {"ECE, joint", error_over("all")},
      {"OpenworldAUC", of_joint([](const Joint& j) {
         return openworld_auc({j.base_own, j.base_scores}, {j.new_own, j.new_scores});
       })},
  };
}

}  // namespace

std::vector<OtherScore> other_scores(const Experiment& e) {
  std::vector<OtherScore> out;
  const std::vector<ScoreColumn> columns = columns_of(e.heading.protocol);
  for (const std::string& dataset : e.heading.datasets) {
    for (const int64_t shots : e.heading.shots) {
      for (const std::string& method : e.heading.methods) {
        for (const ScoreColumn& column : columns) {
          std::vector<double> values;
          for (const CellOutcome& cell : e.cells) {
            if (cell.label != method || (cell.kind == "prompt" && cell.shots != shots)) continue;
            if (const auto value = column.number(cell, dataset)) values.push_back(*value);
          }
          if (values.empty()) continue;
          out.push_back({method, dataset, shots, column.name, spread(values),
                         static_cast<int64_t>(values.size())});
        }
      }
    }
  }
  return out;
}

std::vector<Table> score_tables(const Experiment& e) {
  std::vector<Table> out;
  std::vector<std::string> titles, names;
  const std::vector<OtherScore> scores = other_scores(e);
  for (const ScoreColumn& column : columns_of(e.heading.protocol)) {
    const bool has = std::any_of(scores.begin(), scores.end(),
                                 [&](const OtherScore& s) { return s.name == column.name; });
    if (has) names.push_back(column.name);
  }
  for (const OtherScore& score : scores) {
    const std::string title = cat(
        "Other scores in %, ", score.dataset, ", ",
        score.shots == 0 ? "all images" : cat(score.shots, score.shots == 1 ? " shot" : " shots"));
    if (out.empty() || out.back().title != title) {
      out.push_back({title, {"method"}, {}});
      out.back().header.insert(out.back().header.end(), names.begin(), names.end());
    }
    auto& rows = out.back().rows;
    if (rows.empty() || rows.back()[0] != score.method) {
      rows.push_back(std::vector<std::string>(names.size() + 1, "-"));
      rows.back()[0] = score.method;
    }
    const auto place = std::find(names.begin(), names.end(), score.name) - names.begin();
    rows.back()[static_cast<size_t>(place) + 1] =
        percent(score.value.mean, score.seeds > 1 ? score.value.deviation : -1);
  }
  return out;
}

}  // namespace qprompt
