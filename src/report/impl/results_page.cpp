// The page of results: tables, curves over shots, classes and what is taken for what.
#include <algorithm>
#include <cmath>

#include "qprompt/base.h"
#include "report/chart.h"
#include "report/comparison.h"
#include "report/page.h"
#include "report/paper.h"

namespace qprompt {
namespace {

constexpr size_t kShownConfusions = 30;
constexpr size_t kMatrixClasses = 64;  // a larger matrix shows nothing

Chart shots_chart(const PaperTable& table, const std::string& id) {
  Chart chart{id, cat("Accuracy by training images a class, ", table.title,
                      "; bars: ± one deviation over the seeds."),
              "", "accuracy, %", Marks::kJoinedPoints};
  chart.places = table.columns;
  for (const PaperRow& row : table.rows) {
    Series series{row.method};
    for (size_t c = 0; c < row.measures.size(); ++c) {
      const Measure& m = row.measures[c];
      if (m.mean) series.marks.push_back({double(c), *m.mean, m.deviation});
    }
    chart.series.push_back(std::move(series));
  }
  return chart;
}

/// True class down, predicted class across; strong is many.
std::string confusion_matrix(const ClassCounts& counts) {
  const size_t n = counts.names.size(), cell = n <= 24 ? 14 : 8;
  std::string out = cat("<svg class=\"matrix\" viewBox=\"0 0 ", n * cell, " ", n * cell,
                        "\" width=\"", n * cell,
                        "\" role=\"img\" aria-label=\"confusion matrix\">\n");
  for (const auto& [pair, images] : counts.hits) {
    const auto truth = static_cast<size_t>(pair.first), predicted = size_t(pair.second);
    const double share = double(images) / double(std::max<int64_t>(1, counts.total[truth]));
    out += cat("<rect class=\"", truth == predicted ? "hit" : "missed", "\" x=\"",
               cell * predicted, "\" y=\"", cell * truth, "\" width=\"", cell, "\" height=\"",
               cell, "\" fill-opacity=\"", std::lround(12 + 88 * share), "%\"><title>",
               html_escape(counts.names[truth]), " as ", html_escape(counts.names[predicted]), ": ",
               images, " of ", counts.total[truth], "</title></rect>");
  }
  return out + "</svg>\n";
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
  if (counts.names.size() <= kMatrixClasses) {
    out += "<p>Confusion: true class down, predicted class across, in the table's order.</p>\n" +
           confusion_matrix(counts);
  }
  return out + "</details>\n";
}

std::string experiment_section(const Experiment& e, size_t number, const std::string& against) {
  std::string out = "<h2>" + html_escape(e.heading.title) + "</h2>\n" +
                    html_paragraph(cat(protocol_names()[static_cast<size_t>(e.heading.protocol)], "; ",
                                       e.cells.size(), " of ", e.planned, " cells finished"));
  for (const std::string& failure : e.failures) {
    out += "<p class=\"failed\">failed: " + html_escape(failure) + "</p>\n";
  }
  std::string charts;
  size_t place = 0;
  for (const PaperTable& table : paper_tables(e)) {
    out += html_table(layout(table));
    if (e.heading.protocol != Protocol::kFewShot) continue;
    charts += draw(shots_chart(table, cat("shots-", number, "-", ++place)));
  }
  if (!e.published.source.empty()) out += html_paragraph("Published: " + e.published.source);
  if (!charts.empty()) {
    out += "<h3>Accuracy over shots</h3>\n<div class=\"figures\">\n" + charts + "</div>\n";
  }
  for (const ComparisonTable& one : layout(comparisons(e, against))) {
    out += html_table(one.table) + html_paragraph(one.note);
  }
  for (const Table& table : score_tables(e)) out += html_table(table);
  out += "<h3>Results of each class</h3>\n";
  for (const ClassCounts& counts : class_counts(e)) out += class_section(counts);
  return out;
}

}  // namespace

std::string results_html(const std::vector<Experiment>& experiments,
                         const std::vector<std::pair<std::string, std::string>>& facts,
                         const std::string& against) {
  std::string body = html_paragraph(
      "Accuracy in percent; mean ± population standard deviation over seeds; bytes of the stored "
      "prompt.");
  size_t number = 0;
  for (const Experiment& e : experiments) body += experiment_section(e, ++number, against);
  return html_page({"qprompt results", facts}, body);
}

}  // namespace qprompt
