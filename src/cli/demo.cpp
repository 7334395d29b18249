#include <cstdlib>
#include <filesystem>

#include "cli/base_to_new_table.h"
#include "cli/experiment.h"
#include "experiment/recipe.h"

namespace qprompt::cli {
namespace fs = std::filesystem;

std::string demo_folder() {
  std::vector<std::string> places;
  if (const char* named = std::getenv("QPROMPT_DEMO"); named != nullptr) places.push_back(named);
  std::error_code error;
  const fs::path program = fs::read_symlink("/proc/self/exe", error);
  if (!error) {
    places.push_back((program.parent_path() / ".." / "share" / "qprompt" / "demo").string());
  }
  places.push_back(QPROMPT_DEMO_SOURCE);
  for (const std::string& place : places) {
    if (fs::exists(fs::path(place) / "clip")) return fs::weakly_canonical(place).string();
  }
  std::string looked;
  for (const std::string& place : places) looked += "\n  " + place;
  fail(ErrorKind::kPath, "the demo's files were not found; looked in:", looked,
       "\nset QPROMPT_DEMO to the folder 'assets/demo' of the sources");
}

namespace {

/// The recipe that pins the demo's settings: installed beside its files, else among the sources'.
std::string demo_recipe(const std::string& folder) {
  const fs::path installed = fs::path(folder) / "demo.toml";
  if (fs::exists(installed)) return installed.string();
  return (fs::path(folder) / ".." / ".." / "recipes" / "demo.toml").lexically_normal().string();
}

void run_demo(ExperimentOptions& options, const Session& session) {
  Log log = make_log(session);
  const std::string folder = demo_folder();
  RecipeRequest request;
  request.recipe = demo_recipe(folder);
  request.clip = folder + "/clip/model.safetensors";
  request.folders["garments"] = folder + "/data";
  request.threads = session.threads;
  const Recipe recipe = read_recipe(request);
  use_threads(options, session, recipe.threads);
  const Clip clip = open_clip({recipe.clip, recipe.vocab}, session, log);
  const auto planner = matrix_planner(matrix_of(recipe), log);
  const Experimented run = run_experiment(clip, *planner, options, features_of(recipe), session);
  if (run.printed_by_parent) return;
  const BaseToNew shown{run.results, run.folders, "garments"};
  Table table = base_to_new_table(shown);
  table.title = "Fashion-MNIST in colours, 16 shots, mean ± std of seeds 1 to 3\n" + table.title;
  print_result(session, table, base_to_new_json(shown));
  check_failures(run.results);
}

}  // namespace

void add_demo(Command& program, Session& session) {
  auto options = std::make_shared<ExperimentOptions>();
  Command& command = program.add_command(
      "demo", "the main job on the embedded model and images, in a minute or two");
  add_experiment_options(command, *options);
  command.on_run([options, &session] { run_demo(*options, session); });
}

}  // namespace qprompt::cli
