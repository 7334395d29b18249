// The page of results: tables, curves over shots, classes and what is taken for what.
#include <algorithm>
#include <cmath>
#include <filesystem>

#include "qprompt/base.h"
#include "report/chart.h"
#include "report/comparison.h"
#include "report/impl/thumbnail.h"
#include "report/page.h"
#include "report/paper.h"

namespace qprompt {
namespace {

constexpr size_t kShownConfusions = 30, kPicturedConfusions = 8;
constexpr int64_t kShots = 3, kPictureSide = 56;
constexpr size_t kMatrixClasses = 64;  // a larger matrix shows nothing

Chart shots_chart(const PaperTable& table, const std::string& id) {
  Chart chart{id,
              cat("Accuracy by training images a class, ", table.title,
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
  std::string out =
      cat("<svg class=\"matrix\" viewBox=\"0 0 ", n * cell, " ", n * cell, "\" width=\"", n * cell,
          "\" role=\"img\" aria-label=\"confusion matrix\">\n");
  for (const auto& [pair, images] : counts.hits) {
    const auto truth = static_cast<size_t>(pair.first), predicted = size_t(pair.second);
    const double share = double(images) / double(std::max<int64_t>(1, counts.total[truth]));
    out += cat("<rect class=\"", truth == predicted ? "hit" : "missed", "\" x=\"", cell * predicted,
               "\" y=\"", cell * truth, "\" width=\"", cell, "\" height=\"", cell,
               "\" fill-opacity=\"", std::lround(12 + 88 * share), "%\"><title>",
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

struct Confusion {
  int64_t images, truth, predicted;
};
/// The most frequent ones first.
std::vector<Confusion> confusions_of(const ClassCounts& counts, size_t most) {
  std::vector<Confusion> all;
  for (const auto& [pair, images] : counts.hits) {
    if (pair.first != pair.second) all.push_back({images, pair.first, pair.second});
  }
  std::stable_sort(all.begin(), all.end(),
                   [](const auto& a, const auto& b) { return a.images > b.images; });
  if (all.size() > most) all.resize(most);
  return all;
}

Table confusion_table(const ClassCounts& counts) {
  Table table{"most frequent confusions", {"class", "taken for", "images", "of"}, {}};
  for (const Confusion& c : confusions_of(counts, kShownConfusions)) {
    const auto truth = static_cast<size_t>(c.truth);
    table.rows.push_back({counts.names[truth], counts.names[size_t(c.predicted)], cat(c.images),
                          cat(counts.total[truth])});
  }
  return table;
}

/// Images of the first draw that are taken for another class, up to kShots of each of the most
/// frequent confusions. Empty where the images at hand are not those that were scored.
std::string confusion_pictures(const Experiment& e, const ClassCounts& counts,
                               const std::vector<Pictures>& pictures) {
  const ScoredList* list = nullptr;
  for (const CellOutcome& cell : e.cells) {
    for (const ScoredList& one : cell.scores) {
      const bool meant = cell.label == counts.method && cell.shots == counts.shots &&
                         one.dataset == counts.dataset && one.half == counts.half;
      if (meant && list == nullptr) list = &one;
    }
  }
  const auto found = std::find_if(pictures.begin(), pictures.end(),
                                  [&](const Pictures& p) { return p.dataset == counts.dataset; });
  if (list == nullptr || found == pictures.end()) return "";
  const Half half = counts.half == "base"  ? Half::kBase
                    : counts.half == "new" ? Half::kNew
                                           : Half::kAll;
  const Split split = select_half(found->split, half);
  bool same = split.test.size() == list->truth->size();
  for (size_t i = 0; same && i < split.test.size(); ++i) {
    same = split.test[i].label == (*list->truth)[i];
  }
  if (!same) return "";
  std::string out;
  for (const Confusion& confusion : confusions_of(counts, kPicturedConfusions)) {
    std::string row;
    int64_t shown = 0;
    for (size_t i = 0; i < split.test.size() && shown < kShots; ++i) {
      if ((*list->truth)[i] != confusion.truth || list->predictions[i] != confusion.predicted) {
        continue;
      }
      const auto path = std::filesystem::path(split.image_root) / split.test[i].path;
      const std::string uri = report::thumbnail(path.string(), kPictureSide);
      if (uri.empty()) continue;
      row += cat("<img alt=\"", html_escape(counts.names[size_t(confusion.truth)]), "\" width=\"",
                 kPictureSide, "\" height=\"", kPictureSide, "\" src=\"", uri, "\">");
      ++shown;
    }
    if (row.empty()) continue;
    out += cat("<figure class=\"pictures\">", row, "<figcaption>",
               html_escape(counts.names[size_t(confusion.truth)]), " taken for ",
               html_escape(counts.names[size_t(confusion.predicted)]), "</figcaption></figure>\n");
  }
  return out.empty() ? "" : "<div class=\"figures\">\n" + out + "</div>\n";
}

std::string class_section(const Experiment& e, const ClassCounts& counts,
                          const std::vector<Pictures>& pictures) {
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
  out += confusion_pictures(e, counts, pictures);
  return out + "</details>\n";
}

std::string experiment_section(const Experiment& e, size_t number, const ResultsPage& page) {
  std::string out = "<h2>" + html_escape(e.heading.title) + "</h2>\n" +
                    html_paragraph(cat(protocols()[static_cast<size_t>(e.heading.protocol)], "; ",
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
  for (const ComparisonTable& one : layout(comparisons(e, page.against))) {
    out += html_table(one.table) + html_paragraph(one.note);
  }
  for (const Table& table : score_tables(e)) out += html_table(table);
  out += "<h3>Results of each class</h3>\n";
  for (const ClassCounts& counts : class_counts(e)) {
    out += class_section(e, counts, page.pictures);
  }
  return out;
}

}  // namespace

std::string results_html(const std::vector<Experiment>& experiments, const ResultsPage& page) {
  std::string body = html_paragraph(
      "Accuracy in percent; mean ± population standard deviation over seeds; bytes of the stored "
      "prompt.");
  size_t number = 0;
  for (const Experiment& e : experiments) body += experiment_section(e, ++number, page);
  return html_page({"qprompt results", page.facts}, body);
}

}  // namespace qprompt
