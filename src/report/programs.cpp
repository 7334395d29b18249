// Results for programs: CSV and JSON.
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "qprompt/report.h"

namespace qprompt {
namespace {

using Json = nlohmann::ordered_json;

std::string number(double value) { return Json(value).dump(); }

Json measure_json(const std::string& column, const Measure& m) {
  Json out{{"column", column}, {"mean", nullptr}, {"std", nullptr}, {"seeds", m.seeds}};
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

Json table_json(const PaperTable& table) {
  Json out{{"title", table.title}, {"rows", Json::array()}};
  for (const PaperRow& row : table.rows) {
    Json line{{"method", row.method}, {"bytes", row.bytes}, {"values", Json::array()}};
    if (row.published_bytes >= 0) line["published_bytes"] = row.published_bytes;
    for (size_t c = 0; c < row.measures.size(); ++c) {
      line["values"].push_back(measure_json(table.columns[c], row.measures[c]));
    }
    out["rows"].push_back(std::move(line));
  }
  return out;
}

Json counts_json(const ClassCounts& counts) {
  Json out{{"method", counts.method},   {"dataset", counts.dataset}, {"half", counts.half},
           {"shots", counts.shots},     {"seeds", counts.seeds},     {"classes", Json::array()},
           {"confusion", Json::array()}};
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
          out.rows.push_back({e.name, table.title, row.method, std::to_string(row.bytes),
                              table.columns[c], m.mean ? number(*m.mean) : "",
                              m.mean ? number(m.deviation) : "", std::to_string(m.seeds),
                              m.published ? number(*m.published) : "",
                              m.mean && m.published ? number(*m.mean - *m.published) : ""});
        }
      }
    }
  }
  return out;
}

std::string results_json(const std::vector<Experiment>& experiments) {
  Json out = Json::array();
  for (const Experiment& e : experiments) {
    Json one{{"experiment", e.name},
             {"title", e.title},
             {"protocol", protocol_names()[static_cast<size_t>(e.protocol)]},
             {"planned", e.planned},
             {"done", e.cells.size()},
             {"failures", e.failures},
             {"published_source", e.published.source},
             {"tables", Json::array()},
             {"per_class", Json::array()}};
    for (const PaperTable& table : paper_tables(e)) one["tables"].push_back(table_json(table));
    for (const ClassCounts& counts : class_counts(e)) {
      one["per_class"].push_back(counts_json(counts));
    }
    out.push_back(std::move(one));
  }
  return out.dump(2, ' ', false, Json::error_handler_t::replace);
}

}  // namespace qprompt
