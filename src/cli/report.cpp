#include "qprompt/report.h"

#include <iostream>

#include "cli/app.h"
#include "experiment/store.h"
#include "qprompt/run.h"

namespace qprompt::cli {
namespace {

enum class Format { kText, kMarkdown, kCsv, kJson };

struct ReportCommand {
  std::string database, experiment, published, html;
  Format format = Format::kText;
};

std::string tables_text(const std::vector<Experiment>& experiments, Format format) {
  std::string out;
  for (const Experiment& e : experiments) {
    const bool markdown = format == Format::kMarkdown;
    out += cat(out.empty() ? "" : "\n", markdown ? "## " : "", e.title, markdown ? "\n\n" : "\n");
    out += cat(protocol_names()[static_cast<size_t>(e.protocol)], ", ", e.cells.size(), " of ",
               e.planned, " cells finished\n");
    for (const std::string& failure : e.failures) out += "failed: " + failure + "\n";
    for (const PaperTable& table : paper_tables(e)) {
      out += cat("\n", markdown ? to_markdown(layout(table)) : to_text(layout(table)));
    }
    if (!e.published.source.empty()) out += "\nPublished: " + e.published.source + "\n";
  }
  return out;
}

std::string results_text(const std::vector<Experiment>& experiments, Format format) {
  if (format == Format::kJson) return results_json(experiments) + "\n";
  if (format == Format::kCsv) return to_csv(long_table(experiments));
  return tables_text(experiments, format);
}

void run_report(const ReportCommand& options, const Session& session) {
  Log log = make_log(session);
  const std::string database =
      options.database.empty() ? default_store_path("") : options.database;
  const std::vector<Experiment> experiments =
      read_results(database, options.experiment, options.published);
  if (!options.html.empty()) {
    write_file_atomic(options.html, results_html(experiments));
    log.note("wrote '" + options.html + "'");
  }
  std::cout << results_text(experiments, session.json ? Format::kJson : options.format)
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
  command.add_text("html", "also write one page with figures and classes", options->html);
  command.add({choice_field("format", "text, markdown, csv or json", options->format,
                            {"text", "markdown", "csv", "json"})});
  command.on_run([options, &session] { run_report(*options, session); });
}

}  // namespace qprompt::cli
