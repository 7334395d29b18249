#include <filesystem>

#include "cli/experiment.h"
#include "experiment/recipe.h"

namespace qprompt::cli {
namespace {

struct RunCommand {
  RecipeRequest request;
  ExperimentOptions experiment;
  bool dry = false;
};

std::string cost(const PlannedCell& cell) {
  return cell.seconds < 0 ? "?" : duration(cell.seconds);
}

/// The recipe with its model open.
struct OpenedRecipe {
  Recipe recipe;
  Clip clip;
  std::unique_ptr<Planner> planner;
};

OpenedRecipe open_recipe(const RunCommand& options, const Session& session, Log& log) {
  Recipe recipe = read_recipe(options.request);
  if (recipe.clip.empty()) {
    fail(ErrorKind::kUsage, "there is no model; name it with --clip, or as clip = \"…\" in '",
         recipe.path, "'");
  }
  use_threads(options.experiment, session, recipe.threads);
  Clip clip = open_clip({recipe.clip, recipe.vocab}, session, log);
  auto planner = matrix_planner(matrix_of(recipe), log);
  return {std::move(recipe), std::move(clip), std::move(planner)};
}

void print_plan(const RunCommand& options, const Session& session, Log& log) {
  const OpenedRecipe opened = open_recipe(options, session, log);
  const std::string path = options.experiment.database.empty()
                               ? default_store_path(opened.recipe.cache)
                               : options.experiment.database;
  const auto store =
      std::filesystem::exists(path) ? sqlite_store(path, StoreMode::kReadOnly) : nullptr;
  LogObserver observer(log);
  qprompt::RunOptions run_options;
  run_options.features = features_of(opened.recipe);
  run_options.device = session.device;
  run_options.dtype = session.dtype;
  const std::vector<PlannedCell> cells =
      estimate(opened.clip, *opened.planner, store.get(), run_options, observer);
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

void print_totals(const Session& session, const Experimented& run) {
  const Results& results = run.results;
  const int64_t done = results.count(CellState::kDone), failed = results.count(CellState::kFailed);
  const Table table{
      "",
      {"database", "experiment", "cells", "done", "failed"},
      {{run.database, results.heading.name, cat(results.cells.size()), cat(done), cat(failed)}}};
  const Json json{{"database", run.database},
                  {"experiment", results.heading.name},
                  {"cells", results.cells.size()},
                  {"done", done},
                  {"failed", failed},
                  {"failures", results.failures()}};
  print_result(session, table, json);
}

void run_recipe_command(RunCommand& options, const Session& session) {
  Log log = make_log(session);
  RecipeRequest& request = options.request;
  request.threads = session.threads;
  if (options.dry) return print_plan(options, session, log);
  const OpenedRecipe opened = open_recipe(options, session, log);
  options.experiment.cache = opened.recipe.cache;
  const Experimented run = run_experiment(opened.clip, *opened.planner, options.experiment,
                                          features_of(opened.recipe), session);
  if (run.printed_by_parent) return;
  print_totals(session, run);
  check_failures(run.results);
}

}  // namespace

void add_run(Command& program, Session& session) {
  auto options = std::make_shared<RunCommand>();
  Command& command = program.add_command(
      "run", "run a recipe: methods × data sets × shots × seeds × bits, into one database");
  RecipeRequest& request = options->request;
  command.add_argument("recipe", "TOML file, see docs/recipes.md", request.recipe).require();
  command.add_text("clip", "the CLIP, in place of the recipe's", request.clip);
  command.add_text("vocab", "its vocabulary, where it is not beside it", request.vocab);
  command.add_text("data", "root of CoOp's layout, in place of the recipe's", request.data);
  command.add_text("cache", "folder of cached image features; none: keep nothing", request.cache);
  add_experiment_options(command, options->experiment);
  command.add_flag("dry-run", "list the cells with their estimated cost", options->dry);
  command.on_run([options, &session] { run_recipe_command(*options, session); });
}

}  // namespace qprompt::cli
