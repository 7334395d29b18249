#include "report/comparison.h"

#include <iostream>

#include "cli/app.h"
#include "experiment/store.h"

namespace qprompt::cli {
namespace {

enum class Format { kText, kMarkdown, kCsv, kJson };

struct ReportCommand {
  std::string database, experiment, published, html, against;
  DataOptions data;
  Format format = Format::kText;
};

std::string tables_text(const std::vector<Experiment>& experiments, const ReportCommand& options) {
  std::string out;
  for (const Experiment& e : experiments) {
    const bool markdown = options.format == Format::kMarkdown;
    const auto shown = [&](const Table& table) {
      return "\n" + (markdown ? to_markdown(table) : to_text(table));
    };
    out += cat(out.empty() ? "" : "\n", markdown ? "## " : "", e.heading.title,
               markdown ? "\n\n" : "\n", protocols()[size_t(e.heading.protocol)], ", ",
               e.cells.size(), " of ", e.planned, " cells finished\n");
    for (const std::string& failure : e.failures) out += "failed: " + failure + "\n";
    for (const PaperTable& table : paper_tables(e)) {
      out += shown(layout(table));
    }
    for (const ComparisonTable& one : layout(comparisons(e, options.against))) {
      out += shown(one.table) + one.note + "\n";
    }
    for (const Table& table : score_tables(e)) out += shown(table);
    if (!e.published.source.empty()) out += "\nPublished: " + e.published.source + "\n";
  }
  return out;
}

std::string results_text(const std::vector<Experiment>& experiments, const ReportCommand& options,
                         Format format) {
  if (format == Format::kJson) return results_json(experiments, options.against) + "\n";
  if (format == Format::kCsv) return to_csv(long_table(experiments));
  return tables_text(experiments, options);
}

/// The images behind the results, where --data leads to them. Those of some sets may be elsewhere.
std::vector<Pictures> pictures_of(const std::vector<Experiment>& experiments,
                                  const DataOptions& data, Log& log) {
  std::vector<Pictures> out;
  if (data.root.empty()) return out;
  for (const Experiment& e : experiments) {
    for (const std::string& set : e.heading.datasets) {
      DataOptions one = data;
      if (one.dataset.empty() && find_dataset(set) != nullptr) one.dataset = set;
      try {
        Log quiet;
        out.push_back({set, load_split(one, quiet)});
      } catch (const Error& error) {
        log.warn(cat("no pictures of ", set, ": ", error.what()));
      }
    }
  }
  return out;
}

void run_report(const ReportCommand& options, const Session& session) {
  Log log = make_log(session);
  const std::string database = options.database.empty() ? default_store_path("") : options.database;
  const std::vector<Experiment> experiments =
      read_results(database, options.experiment, options.published);
  if (!options.html.empty()) {
    const ResultsPage page{page_facts(session, ""), options.against,
                           pictures_of(experiments, options.data, log)};
    write_file_atomic(options.html, results_html(experiments, page));
    log.note("wrote '" + options.html + "'");
  }
  std::cout << results_text(experiments, options, session.json ? Format::kJson : options.format)
            << std::flush;
  if (!std::cout) fail(ErrorKind::kPath, "cannot write to standard output");
}

}  // namespace

void add_report(Command& program, Session& session) {
  auto options = std::make_shared<ReportCommand>();
  Command& command =
      program.add_command("report", "the tables and the page of what commands have finished");
  command.add_argument("database",
                       "the SQLite file; default: the one in the cache, which commands share",
                       options->database);
  command.add_text("experiment", "only the one of this name", options->experiment);
  command.add_text("published", "TOML file of published numbers, in place of the recipe's",
                   options->published);
  command.add_text("against",
                   "what the other methods are compared with; default: the first that learns",
                   options->against);
  command.add_text("data", "for the page: the images, of which confused ones are shown",
                   options->data.root);
  command.add_text("dataset", "for the page: the name of the data set below --data",
                   options->data.dataset);
  command.add_text("html", "also write one page with figures and classes", options->html);
  command.add({choice_field("format", "text, markdown, csv or json", options->format,
                            {"text", "markdown", "csv", "json"})});
  command.on_run([options, &session] { run_report(*options, session); });
}

}  // namespace qprompt::cli
