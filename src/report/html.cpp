// One page that opens from disk: no script, no outside part.
#include <algorithm>

#include "qprompt/base.h"
#include "qprompt/report.h"
#include "report/svg.h"

namespace qprompt {
namespace {

constexpr size_t kShownConfusions = 30;
constexpr const char* kStyle =
    "body{font:15px/1.45 sans-serif;max-width:70em;margin:2em auto;padding:0 1em;color:#222;"
    "background:#fff}table{border-collapse:collapse;margin:.6em 0 1.4em}caption{text-align:left;"
    "font-weight:bold;padding:.3em 0}td,th{padding:.15em .8em;border-bottom:1px solid #ddd;"
    "text-align:right;white-space:pre}td:first-child,th:first-child{text-align:left}"
    "tr.note td{color:#777;border-bottom-color:#eee}.failed{color:#b00}details{margin:.3em 0}"
    "svg text{font:12px sans-serif}.chart{margin:.5em}.chart .grid{stroke:#ddd}"
    ".matrix .back{fill:#f6f6f6}.wide{overflow-x:auto}"
    "@media(prefers-color-scheme:dark){body{color:#ddd;background:#181818}svg text{fill:#ddd}"
    "td,th{border-color:#444}.matrix .back{fill:#222}.chart .grid{stroke:#444}}"
    // Figures of gnuplot bring their own colours and sizes, for a white ground.
    ".figures{display:flex;flex-wrap:wrap;gap:1em}figure{flex:1 1 28em;max-width:36em;margin:0;"
    "background:#fff;color:#222}figure svg{width:100%;height:auto;display:block}"
    "figure svg text{font:inherit;fill:inherit}figcaption{font-size:13px;padding:.2em .8em}";

report::Chart chart_of(const PaperTable& table) {
  report::Chart chart{table.title + ", accuracy %", table.columns, {}};
  for (const PaperRow& row : table.rows) {
    report::Chart::Series series{row.method, {}, {}};
    for (const Measure& m : row.measures) {
      series.values.push_back(m.mean);
      series.deviations.push_back(m.deviation);
    }
    chart.series.push_back(std::move(series));
  }
  return chart;
}

std::string share(int64_t part, int64_t whole) {
  return whole == 0 ? "-" : percent(100.0 * double(part) / double(whole));
}

Table class_table(const ClassCounts& counts) {
  Table table{"", {"class", "images", "correct", "accuracy (recall) %", "precision %"}, {}};
  for (size_t c = 0; c < counts.names.size(); ++c) {
    table.rows.push_back({counts.names[c], cat(counts.total[c]), cat(counts.correct[c]),
                          share(counts.correct[c], counts.total[c]),
                          share(counts.correct[c], counts.predicted[c])});
  }
  return table;
}

Table confusion_table(const ClassCounts& counts) {
  struct Confusion {
    int64_t images, truth, predicted;
  };
  std::vector<Confusion> all;
  for (const auto& [pair, images] : counts.hits) {
    if (pair.first != pair.second) all.push_back({images, pair.first, pair.second});
  }
  std::stable_sort(all.begin(), all.end(),
                   [](const auto& a, const auto& b) { return a.images > b.images; });
  Table table{
      cat("most frequent confusions, ", std::min(all.size(), kShownConfusions), " of ", all.size()),
      {"class", "taken for", "images", "of"},
      {}};
  for (size_t i = 0; i < std::min(all.size(), kShownConfusions); ++i) {
    const auto truth = static_cast<size_t>(all[i].truth);
    table.rows.push_back({counts.names[truth], counts.names[size_t(all[i].predicted)],
                          cat(all[i].images), cat(counts.total[truth])});
  }
  return table;
}

std::string class_section(const ClassCounts& counts) {
  int64_t total = 0, correct = 0;
  for (const int64_t n : counts.total) total += n;
  for (const int64_t n : counts.correct) correct += n;
  std::string title = cat(counts.method, ", ", counts.dataset, ", ", counts.half, " classes");
  if (counts.shots > 0) title += cat(", ", counts.shots, counts.shots == 1 ? " shot" : " shots");
  title += cat(": ", share(correct, total), " % of ", total, " images");
  if (counts.seeds > 1) title += cat(" (", counts.seeds, " seeds together)");
  std::string out = "<details><summary>" + html_escape(title) + "</summary>\n";
  out += html_table(class_table(counts)) + html_table(confusion_table(counts));
  if (counts.names.size() <= report::kMatrixClasses) {
    out += "<p>Confusion: true class down, predicted class across, in the table's order.</p>\n" +
           report::confusion_matrix(counts);
  }
  return out + "</details>\n";
}

std::string experiment_section(const Experiment& e) {
  std::string out = "<h2>" + html_escape(e.title) + "</h2>\n<p>" +
                    html_escape(cat(protocol_names()[static_cast<size_t>(e.protocol)], "; ",
                                    e.cells.size(), " of ", e.planned, " cells finished")) +
                    "</p>\n";
  for (const std::string& failure : e.failures) {
    out += "<p class=\"failed\">failed: " + html_escape(failure) + "</p>\n";
  }
  std::string charts;
  for (const PaperTable& table : paper_tables(e)) {
    out += html_table(layout(table));
    if (e.protocol == Protocol::kFewShot) charts += report::line_chart(chart_of(table));
  }
  if (!e.published.source.empty()) {
    out += "<p>Published numbers: " + html_escape(e.published.source) + "</p>\n";
  }
  if (!charts.empty()) out += "<h3>Accuracy over shots</h3>\n" + charts;
  out += "<h3>Results of each class</h3>\n";
  for (const ClassCounts& counts : class_counts(e)) out += class_section(counts);
  return out;
}

}  // namespace

std::string html_escape(const std::string& text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string html_table(const Table& table) {
  std::string out =
      "<div class=\"wide\"><table><caption>" + html_escape(table.title) + "</caption>\n<thead><tr>";
  for (const std::string& cell : table.header) out += "<th>" + html_escape(cell) + "</th>";
  out += "</tr></thead>\n<tbody>\n";
  for (const auto& row : table.rows) {
    const bool note = !row.empty() && row[0].rfind("  ", 0) == 0;
    out += note ? "<tr class=\"note\">" : "<tr>";
    for (const std::string& cell : row) out += "<td>" + html_escape(cell) + "</td>";
    out += "</tr>\n";
  }
  return out + "</tbody></table></div>\n";
}

std::string html_page(const std::string& title, const std::string& body) {
  return "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
         "<meta name=\"viewport\" content=\"width=device-width\"><title>" +
         html_escape(title) + "</title><style>" + kStyle + "</style></head>\n<body>\n" + body +
         "</body></html>\n";
}

std::string results_html(const std::vector<Experiment>& experiments) {
  std::string body =
      "<h1>qprompt results</h1>\n"
      "<p>Accuracy in percent; mean ± population standard deviation over seeds; bytes of the "
      "stored prompt.</p>\n";
  for (const Experiment& e : experiments) body += experiment_section(e);
  return html_page("qprompt results", body);
}

}  // namespace qprompt
