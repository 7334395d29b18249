#include <algorithm>
#include <chrono>
#include <filesystem>
#include <thread>

#include "run/execute.h"
#include "run/runner.h"
#include "run/store.h"

namespace qprompt::run {
namespace fs = std::filesystem;
namespace {

constexpr auto kPoll = std::chrono::milliseconds(100);

std::string out_folder(const RunRequest& request) {
  return request.out.empty() ? request.database + ".runs" : request.out;
}

/// The same folder for every process that has the database open, whatever its path is called.
std::string life_folder(const RunRequest& request) {
  return fs::weakly_canonical(request.database).string() + ".workers";
}

void do_cell(Database& database, Workshop& workshop, const Plan& plan, const Claim& claim,
             const RunRequest& request) {
  const auto cell = std::find_if(plan.cells.begin(), plan.cells.end(),
                                 [&](const Cell& one) { return one.key == claim.key; });
  if (cell == plan.cells.end()) {
    fail(ErrorKind::kContent, "'", plan.recipe.name, "' in '", database.path(),
         "' was planned anew by another process with another recipe; run this one again");
  }
  const double started = now_seconds();
  Log log = request.cell_log ? request.cell_log() : Log();
  const auto usage = [&] { return Usage{now_seconds() - started, log.warnings()}; };
  Outcome outcome;
  try {
    outcome = workshop.execute(*cell, log);
  } catch (const std::bad_alloc&) {
    fail_cell(database, claim, "out of memory", usage());
    return;
  } catch (const std::exception& e) {
    fail_cell(database, claim, e.what(), usage());
    return;
  }
  finish_cell(database, claim, plan, outcome, usage());
}

std::string name_of(const Plan& plan, const std::string& key) {
  for (const Cell& cell : plan.cells) {
    if (cell.key == key) return cell.name;
  }
  return key;
}

}  // namespace

Opened open_run(const RunRequest& request, Log& log) {
  Recipe recipe = read_recipe(request);
  if (recipe.clip.empty()) {
    fail(ErrorKind::kUsage, "there is no model; name it with --clip, or as clip = \"…\" in '",
         request.recipe, "'");
  }
  configure_runtime(recipe.threads);
  const double started = now_seconds();
  Clip clip = Clip::load(recipe.clip, {recipe.vocab, request.device, request.dtype});
  log.note(cat("loaded '", recipe.clip, "' in ", duration(now_seconds() - started)));
  Plan plan = make_plan(std::move(recipe), request, to_hex(clip.fingerprint()));
  return {std::move(clip), std::move(plan)};
}

void work(const Opened& opened, const RunRequest& request, const std::string& invocation,
          Log& log) {
  Database database(request.database, Database::Mode::kCreate);
  const LifeSign life(life_folder(request));
  const Identity self{life_folder(request), life.name(),
                      invocation.empty() ? life.name() : invocation};
  Workshop workshop(opened.clip, opened.plan, out_folder(request));
  const std::string& experiment = opened.plan.recipe.name;
  for (;;) {
    const auto claim = claim_cell(database, experiment, self);
    const Progress progress = progress_of(database, experiment);
    if (!claim) {
      if (progress.open() == 0) return;
      std::this_thread::sleep_for(kPoll);  // others hold what is left, or what it needs
      continue;
    }
    log.note(cat("[", progress.done + progress.failed + 1, "/", progress.planned, "] ",
                 name_of(opened.plan, claim->key)));
    do_cell(database, workshop, opened.plan, *claim, request);
  }
}

RunTotals totals_of(const RunRequest& request, const std::string& experiment) {
  Database database(request.database, Database::Mode::kReadOnly);
  const Progress progress = progress_of(database, experiment);
  return {progress.planned, progress.done, progress.failed, failures_of(database, experiment)};
}

}  // namespace qprompt::run

namespace qprompt {

RunTotals run_recipe(const RunRequest& request, Log& log) {
  const run::Opened opened = run::open_run(request, log);
  {
    run::Database database(request.database, run::Database::Mode::kCreate);
    run::register_plan(database, opened.plan, request.retry);
  }
  run::work(opened, request, "", log);
  return run::totals_of(request, opened.plan.recipe.name);
}

void work_for_parent(const RunRequest& request, const std::string& invocation, Log& log) {
  run::end_with_parent();
  run::work(run::open_run(request, log), request, invocation, log);
}

int64_t cell_threads(const RunRequest& request) { return run::read_recipe(request).threads; }

}  // namespace qprompt
