#include <charconv>

#include "cli/base_to_new_table.h"
#include "cli/experiment.h"
#include "cli/method.h"
#include "experiment/matrix.h"
#include "experiment/published.h"
#include "train/option_door.h"

namespace qprompt::cli {
namespace {

struct BaseToNewCommand : RunOptions {
  std::string seeds = "1,2,3";
  std::vector<std::string> templates;
  std::string published;  ///< TOML file of published numbers, for the report
  ExperimentOptions experiment;
};

std::vector<uint64_t> parse_seeds(const std::string& text) {
  std::vector<uint64_t> seeds;
  for (const std::string& piece : split_commas(text)) {
    uint64_t seed = 0;
    const auto [end, error] = std::from_chars(piece.data(), piece.data() + piece.size(), seed);
    if (error != std::errc() || end != piece.data() + piece.size()) {
      fail(ErrorKind::kUsage, "--seeds: '", piece, "' is not a whole number");
    }
    seeds.push_back(seed);
  }
  if (seeds.empty()) fail(ErrorKind::kUsage, "--seeds names no seed; give for example 1,2,3");
  return seeds;
}

Matrix matrix_from(const BaseToNewCommand& options, const std::vector<Variant>& variants) {
  Matrix matrix;
  matrix.heading.title = "Base-to-new, " + options.images.data.root;
  matrix.methods.push_back({"zero-shot CLIP", options.templates, nullptr});
  for (const Variant& variant : variants) {
    const FitOptions fit = variant.fit;
    matrix.methods.push_back(
        {variant.name, {}, [fit](const std::string&, int64_t) { return fit; }});
  }
  if (!options.published.empty()) {
    constexpr int64_t kMaxBytes = 1 << 20;
    matrix.heading.published = read_file(options.published, kMaxBytes);
    parse_published(matrix.heading.published, options.published);
  }
  matrix.shots = {parse_shots(options.shots)};
  matrix.seeds = parse_seeds(options.seeds);
  return matrix;
}

void base_to_new_command(BaseToNewCommand& options, const Session& session) {
  Log log = make_log(session);
  use_threads(options.experiment, session, 0);
  matrix_from(options, make_variants(options));  // what is wrong is said before anything is read
  const Split split = open_split(options.images, session, log);
  const Clip clip = open_clip(options.model, session, log);
  const Situation situation =
      situation_of(clip, split, Protocol::kBaseToNew, parse_shots(options.shots));
  Matrix matrix = matrix_from(options, make_variants(options, situation, log));
  const DatasetInfo* known = find_dataset(options.images.data.dataset);
  matrix.sets.push_back({known == nullptr ? split.name : known->config,
                         [&](Log&) { return split; },
                         options.sample,
                         {default_template(options.images.data.dataset)}});
  options.experiment.cache = options.images.cache;
  const auto planner = matrix_planner(std::move(matrix), log);
  const Experimented run =
      run_experiment(clip, *planner, options.experiment, feature_options(options.images), session);
  if (run.printed_by_parent) return;
  const BaseToNew table{run.results, run.folders, split.name};
  print_result(session, base_to_new_table(table), base_to_new_json(table));
  log.note(cat("experiment '", run.results.heading.name, "' in '", run.database, "'"));
  check_failures(run.results);
}

}  // namespace

void add_base_to_new(Command& program, Session& session) {
  auto options = std::make_shared<BaseToNewCommand>();
  Command& command = program.add_command(
      "base-to-new", "train on the base classes, score base and new ones, over several seeds");
  add_run_options(command, *options);
  command.find("method").describe("as in train; several with commas between");
  command.find("bits").describe("bits of a quantized value; several with commas");
  command.add_text("seeds", "seeds with commas between", options->seeds);
  command.add_text("template", "zero-shot template; several are averaged", options->templates);
  command.add_text("published", "TOML file of published numbers that 'report' prints beside ours",
                   options->published);
  add_experiment_options(command, options->experiment);
  command.on_run([options, &session] { base_to_new_command(*options, session); });
}

}  // namespace qprompt::cli
