#include "qprompt/run.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <thread>

#include "cli/app.h"

namespace qprompt::cli {
namespace {

struct RunCommand {
  RunRequest request;
  int64_t jobs = 1;
  bool dry = false;
  std::string worker;  ///< the parent's invocation, in a child
};

int64_t cores() { return std::max<int64_t>(1, std::thread::hardware_concurrency()); }

std::string program_path() {
  std::error_code error;
  const auto path = std::filesystem::read_symlink("/proc/self/exe", error);
  if (error) fail(ErrorKind::kInternal, "cannot tell where this program is; run without --jobs");
  return path.string();
}

/// This command once more, as one of its processes.
std::vector<std::string> worker_command(const RunCommand& options, int64_t threads) {
  const RunRequest& r = options.request;
  std::vector<std::string> command{program_path(), "run",       r.recipe,     "--db",
                                   r.database,     "--device",  r.device,     "--dtype",
                                   r.dtype,        "--threads", cat(threads), "--quiet"};
  const auto add = [&](const char* name, const std::string& value) {
    if (!value.empty()) command.insert(command.end(), {name, value});
  };
  add("--out", r.out);
  add("--clip", r.clip);
  add("--vocab", r.vocab);
  add("--data", r.data);
  add("--cache", r.cache);
  command.insert(command.end(),
                 {"--worker", cat(::getpid(), "-",
                                  std::chrono::system_clock::now().time_since_epoch().count())});
  return command;
}

std::string counted(int64_t count, const char* one, const char* many) {
  return cat(count, " ", count == 1 ? one : many);
}

/// How many processes, each with its fixed threads: as many as were asked for, but no more than the
/// cores carry; 0 asks for that many.
int64_t job_count(int64_t asked, int64_t threads, Log& log) {
  const int64_t fit = std::max<int64_t>(1, cores() / threads);
  if (asked > fit) {
    log.warn(cat("--jobs ", asked, " with ", counted(threads, "thread", "threads"),
                 " a cell is more than ", counted(cores(), "core carries", "cores carry"),
                 " and would be slower; ", counted(fit, "process is", "processes are"), " used"));
  }
  return asked == 0 ? fit : std::min(asked, fit);
}

std::string cost(const PlannedCell& cell) {
  return cell.seconds < 0 ? "?" : duration(cell.seconds);
}

void print_plan(const RunCommand& options, const Session& session, Log& log) {
  const std::vector<PlannedCell> cells = plan_run(options.request, log);
  Table table{"", {"cell", "state", "images", "steps", "estimate"}, {}};
  Json json{{"cells", Json::array()}};
  double total = 0;
  int64_t open = 0;
  for (const PlannedCell& cell : cells) {
    table.rows.push_back({cell.name, cell.state, cell.encode == 0 ? "" : cat(cell.encode),
                          cell.steps == 0 ? "" : cat(cell.steps), cost(cell)});
    Json row{{"cell", cell.name},
             {"state", cell.state},
             {"images", cell.encode},
             {"steps", cell.steps},
             {"seconds", nullptr}};
    if (cell.seconds >= 0) row["seconds"] = cell.seconds;
    if (!cell.unknown_why.empty()) row["unknown"] = cell.unknown_why;
    json["cells"].push_back(std::move(row));
    if (cell.state != "done") ++open;
    total += std::max(0.0, cell.seconds);
    if (!cell.unknown_why.empty()) log.warn(cell.name + ": " + cell.unknown_why);
  }
  table.rows.push_back(
      {cat(open, " of ", cells.size(), " cells to do"), "", "", "", duration(total)});
  json["seconds"] = total;
  print_result(session, table, json);
}

void print_totals(const RunCommand& options, const Session& session, const RunTotals& totals) {
  const Table table{
      "",
      {"database", "cells", "done", "failed"},
      {{options.request.database, cat(totals.planned), cat(totals.done), cat(totals.failed)}}};
  const Json json{{"database", options.request.database},
                  {"cells", totals.planned},
                  {"done", totals.done},
                  {"failed", totals.failed},
                  {"failures", totals.failures}};
  print_result(session, table, json);
  if (totals.failed == 0) return;
  for (const std::string& failure : totals.failures) std::cerr << "failed: " << failure << '\n';
  fail(ErrorKind::kContent, totals.failed, " of ", totals.planned,
       " cells failed; the others are done. Run again with --retry to try them once more");
}

void run_recipe_command(RunCommand& options, const Session& session) {
  Log log = make_log(session);
  RunRequest& request = options.request;
  request.device = session.device;
  request.dtype = session.dtype;
  request.threads = session.threads;
  if (request.database.empty()) {
    request.database = std::filesystem::path(request.recipe).stem().string() + ".db";
  }
  if (options.dry) return print_plan(options, session, log);
  if (!options.worker.empty()) return work_for_parent(request, options.worker, log);
  request.cell_log = [&session] { return make_log(session); };
  const int64_t threads = cell_threads(request);
  const int64_t jobs = job_count(options.jobs, threads, log);
  print_totals(options, session,
               jobs == 1 ? run_recipe(request, log)
                         : run_side_by_side(request, worker_command(options, threads), jobs, log));
}

}  // namespace

void add_run(Command& program, Session& session) {
  auto options = std::make_shared<RunCommand>();
  Command& command = program.add_command(
      "run", "run a recipe: methods × data sets × shots × seeds × bits, into one database");
  RunRequest& request = options->request;
  command.add_argument("recipe", "TOML file, see docs/recipes.md", request.recipe).require();
  command.add_text("db", "SQLite file of the results; default: the recipe's name + .db, here",
                   request.database);
  command.add_text("out",
                   "folder for prompts and checkpoints; default: the database's name + .runs",
                   request.out);
  command.add_text("clip", "the CLIP, in place of the recipe's", request.clip);
  command.add_text("vocab", "its vocabulary, where it is not beside it", request.vocab);
  command.add_text("data", "root of CoOp's layout, in place of the recipe's", request.data);
  command.add_text("cache", "folder of cached image features; none: keep nothing", request.cache);
  command.add_number("jobs",
                     "processes side by side, each with the recipe's threads; at most, and with 0: "
                     "as many as the cores carry",
                     options->jobs, {0, 1024});
  command.add_flag("dry-run", "list the cells with their estimated cost", options->dry);
  command.add_flag("retry", "try cells again that failed", request.retry);
  command.add_text("worker", "", options->worker).hide();
  command.on_run([options, &session] { run_recipe_command(*options, session); });
}

}  // namespace qprompt::cli
