// Results for programs: CSV and JSON.
#include "base/json.h"
#include "base/text.h"
#include "report/comparison.h"
#include "report/paper.h"

namespace qprompt {
namespace {

std::string exact_number(double value) { return JsonValue(value).text(); }

JsonValue measure_json(const std::string& column, const Measure& m) {
  JsonValue out{{"column", column}, {"mean", nullptr}, {"std", nullptr}, {"seeds", m.seeds}};
  if (m.mean) {
    out["mean"] = *m.mean;
    out["std"] = m.deviation;
  }
  if (m.published) {
    out["published"] = *m.published;
    if (m.mean) out["difference"] = *m.mean - *m.published;
  }
  return out;
}

JsonValue table_json(const PaperTable& table) {
  JsonValue out{{"title", table.title}, {"rows", JsonValue::array()}};
  for (const PaperRow& row : table.rows) {
    JsonValue line{{"method", row.method}, {"bytes", row.bytes}, {"values", JsonValue::array()}};
    if (row.published_bytes >= 0) line["published_bytes"] = row.published_bytes;
    for (size_t c = 0; c < row.measures.size(); ++c) {
      line["values"].push_back(measure_json(table.columns[c], row.measures[c]));
    }
    out["rows"].push_back(std::move(line));
  }
  return out;
}

JsonValue counts_json(const ClassCounts& counts) {
  JsonValue out{{"method", counts.method},
                {"dataset", counts.dataset},
                {"half", counts.half},
                {"shots", counts.shots},
                {"seeds", counts.seeds},
                {"classes", JsonValue::array()},
                {"confusion", JsonValue::array()}};
  for (size_t c = 0; c < counts.names.size(); ++c) {
    out["classes"].push_back({{"class", counts.names[c]},
                              {"total", counts.total[c]},
                              {"correct", counts.correct[c]},
                              {"predicted", counts.predicted[c]}});
  }
  for (const auto& [pair, images] : counts.hits) {
    if (pair.first != pair.second) {
      out["confusion"].push_back(
          {{"true", pair.first}, {"predicted", pair.second}, {"images", images}});
    }
  }
  return out;
}

JsonValue interval_json(const Interval& interval) {
  return std::vector<double>{interval.low, interval.high};
}

JsonValue difference_json(const Difference& d) {
  JsonValue out{{"classes", d.classes}, {"draws", d.draws}, {"difference", d.mean}};
  if (d.over_draws) {
    out["t"] = d.over_draws->t;
    out["p"] = d.over_draws->p;
    out["t_interval"] = interval_json(d.over_draws->interval);
    out["visible"] = d.over_draws->visible;
  }
  if (d.over_images) out["bootstrap_interval"] = interval_json(*d.over_images);
  if (d.of_first_draw) {
    out["mcnemar"] = {{"only_first", d.of_first_draw->only_first},
                      {"only_second", d.of_first_draw->only_second},
                      {"p", d.of_first_draw->p}};
  }
  return out;
}

JsonValue comparison_json(const Comparison& comparison) {
  JsonValue out{{"method", comparison.method},
                {"against", comparison.against},
                {"dataset", comparison.dataset},
                {"shots", comparison.shots},
                {"differences", JsonValue::array()}};
  for (const Difference& d : comparison.differences) {
    out["differences"].push_back(difference_json(d));
  }
  return out;
}

JsonValue scores_json(const OtherScore& score) {
  return {{"method", score.method}, {"dataset", score.dataset}, {"shots", score.shots},
          {"score", score.name},    {"mean", score.value.mean}, {"std", score.value.deviation},
          {"seeds", score.seeds}};
}

}  // namespace

std::string to_csv(const Table& table) {
  std::string out;
  const auto line = [&](const std::vector<std::string>& cells) {
    for (size_t c = 0; c < cells.size(); ++c) out += (c ? "," : "") + csv_cell(cells[c]);
    out += "\r\n";
  };
  line(table.header);
  for (const auto& row : table.rows) line(row);
  return out;
}

Table long_table(const std::vector<Experiment>& experiments) {
  Table out{"",
            {"experiment", "table", "method", "bytes", "column", "mean", "std", "seeds",
             "published", "difference"},
            {}};
  for (const Experiment& e : experiments) {
    for (const PaperTable& table : paper_tables(e)) {
      for (const PaperRow& row : table.rows) {
        for (size_t c = 0; c < row.measures.size(); ++c) {
          const Measure& m = row.measures[c];
          out.rows.push_back({e.heading.name, table.title, row.method, std::to_string(row.bytes),
                              table.columns[c], m.mean ? exact_number(*m.mean) : "",
                              m.mean ? exact_number(m.deviation) : "", std::to_string(m.seeds),
                              m.published ? exact_number(*m.published) : "",
                              m.mean && m.published ? exact_number(*m.mean - *m.published) : ""});
        }
      }
    }
  }
  return out;
}

std::string results_json(const std::vector<Experiment>& experiments, const std::string& against) {
  JsonValue out = JsonValue::array();
  for (const Experiment& e : experiments) {
    JsonValue one{{"experiment", e.heading.name},
                  {"title", e.heading.title},
                  {"protocol", protocols()[static_cast<size_t>(e.heading.protocol)]},
                  {"planned", e.planned},
                  {"done", e.cells.size()},
                  {"failures", e.failures},
                  {"published_source", e.published.source},
                  {"tables", JsonValue::array()},
                  {"comparisons", JsonValue::array()},
                  {"scores", JsonValue::array()},
                  {"per_class", JsonValue::array()}};
    for (const PaperTable& table : paper_tables(e)) one["tables"].push_back(table_json(table));
    for (const Comparison& comparison : comparisons(e, against)) {
      one["comparisons"].push_back(comparison_json(comparison));
    }
    for (const OtherScore& score : other_scores(e)) one["scores"].push_back(scores_json(score));
    for (const ClassCounts& counts : class_counts(e)) {
      one["per_class"].push_back(counts_json(counts));
    }
    out.push_back(std::move(one));
  }
  return out.text(2);
}

}  // namespace qprompt
