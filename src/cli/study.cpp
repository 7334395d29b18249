#include "report/study.h"

#include <charconv>
#include <filesystem>
#include <iostream>
#include <set>

#include "cli/app.h"
#include "cli/experiment.h"

namespace qprompt::cli {
namespace fs = std::filesystem;
namespace {

struct StudyCommand {
  ModelOptions model;
  ImagesOptions images;
  StudyOptions study;
  std::string shots = "16";
  std::string out = "study";  ///< folder of the page and the tables
  ExperimentOptions experiment;
};

/// A list with commas between as one option, without doubles.
template <class Value, class Parse>
Field list_field(const std::string& name, const std::string& help, std::vector<Value>& target,
                 Parse parse_one) {
  return {name, help,
          [&target] {
            std::string text;
            for (const Value& value : target) text += cat(text.empty() ? "" : ",", value);
            return text;
          },
          [&target, parse_one](const std::string& text) {
            std::vector<Value> values;
            std::set<Value> seen;
            for (const std::string& piece : split_commas(text)) {
              const Value value = parse_one(piece);
              if (seen.insert(value).second) values.push_back(value);
            }
            if (values.empty()) fail(ErrorKind::kUsage, "'", text, "' names nothing");
            target = std::move(values);
          }};
}

template <class Value>
Value parse_number(const std::string& text, Value low, Value high) {
  Value value{};
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || stop != end || !(value >= low && value <= high)) {
    fail(ErrorKind::kUsage, "'", text, "' is not a number from ", low, " to ", high);
  }
  return value;
}

template <class Value>
Field numbers_field(const std::string& name, const std::string& help, std::vector<Value>& target,
                    Bounds bounds) {
  return list_field(name, help, target, [bounds](const std::string& text) {
    return parse_number<Value>(text, static_cast<Value>(bounds.low),
                               static_cast<Value>(bounds.high));
  });
}

Field parts_field(std::vector<StudyPart>& parts) {
  return {"parts", "what to study, with commas between",
          [&parts] {
            std::string text;
            for (const StudyPart part : parts) {
              text += (text.empty() ? "" : ",") + study_part_names()[static_cast<size_t>(part)];
            }
            return text;
          },
          [&parts](const std::string& text) {
            std::set<StudyPart> chosen;  // in the order of the page
            for (const std::string& name : split_commas(text)) {
              chosen.insert(static_cast<StudyPart>(parse_choice(name, study_part_names())));
            }
            if (chosen.empty()) fail(ErrorKind::kUsage, "no part is named");
            parts.assign(chosen.begin(), chosen.end());
          }};
}

Fields study_fields(StudyOptions& study) {
  Fields fields{
      parts_field(study.parts),
      numbers_field("seeds", "seeds with commas between", study.seeds, {0, 1e15}),
      numbers_field("noise", "deviations of the noise on CoOp's context", study.noise, {0, 1e6}),
      numbers_field("bits", "bits of a value, 1 to 8", study.bits, {1, 8}),
      numbers_field("grid-bits", "bits for which t and T_KL are varied", study.grid_bits, {1, 8}),
      numbers_field("intervals", "values of t", study.intervals, {0, 1e9}),
      numbers_field("thresholds", "values of T_KL", study.thresholds, {0, 1e9})};
  // The quantizer's own fields show only where quantization is on. What the study varies itself is
  // not for the user.
  study.fit.train.quantization = Quantization::kAware;
  const std::set<std::string> varied{"noise", "bits", "normalise", "schedule"};
  for (Field& field : fit_fields(study.fit)) {
    if (varied.count(field.name) == 0) fields.push_back(std::move(field));
  }
  return fields;
}

int64_t parse_study_shots(const std::string& text) {
  try {
    return text == "all" ? 0 : parse_number<int64_t>(text, 1, 1'000'000);
  } catch (const Error& e) {
    fail(ErrorKind::kUsage, "--shots: ", e.what(), ", nor 'all'");
  }
}

/// The demo's model and images where none are named. Returns the threads that suit them.
int64_t choose_data(StudyCommand& options) {
  if (options.model.clip.empty() != options.images.data.root.empty()) {
    fail(ErrorKind::kUsage, "give both --clip and --data, or neither for the demo's");
  }
  if (!options.model.clip.empty()) return 0;
  const std::string demo = demo_folder();
  options.study.title = "Fashion-MNIST in colours (the demo's)";
  options.model.clip = demo + "/clip/model.safetensors";
  options.images.data.root = demo + "/data";
  return 1;  // as for the demo: a second one costs more than it brings to so small a model
}

void write_study(const StudyCommand& options, const StudyResult& result, const Session& session,
                 Log& log) {
  const auto path = [&](const std::string& name) {
    return (fs::path(options.out) / name).string();
  };
  make_folder(options.out);
  for (const auto& [name, table] : study_csv(result)) write_file_atomic(path(name), to_csv(table));
  write_file_atomic(path("study.json"), study_json(result) + "\n");
  write_file_atomic(path("study.html"),
                    study_html(result, page_facts(session, "CLIP " + result.fingerprint)));
  log.note("wrote '" + path("study.html") + "'");
}

void run_study_command(StudyCommand& options, const Session& session) {
  Log log = make_log(session);
  StudyOptions& study = options.study;
  use_threads(options.experiment, session, choose_data(options));
  study.fit.shots = parse_study_shots(options.shots);
  if (study.templates.empty()) study.templates = {default_template(options.images.data.dataset)};
  const Split split = open_split(options.images, session, log);
  const Clip clip = open_clip(options.model, session, log);
  options.experiment.cache = options.images.cache;
  const auto planner = study_planner(study, split, log);
  const Experimented run =
      run_experiment(clip, *planner, options.experiment, feature_options(options.images), session);
  if (run.printed_by_parent) return;
  check_failures(run.results);
  StudyResult result = study_result(study, run.results, *run.store);
  result.fingerprint = to_hex(clip.fingerprint());
  write_study(options, result, session, log);
  if (session.json) {
    std::cout << study_json(result) << '\n';
  } else {
    bool first = true;
    for (const Table& table : study_tables(result)) {
      std::cout << (first ? "" : "\n") << to_text(table);
      first = false;
    }
  }
  std::cout << std::flush;
  if (!std::cout) fail(ErrorKind::kPath, "cannot write to standard output");
}

}  // namespace

void add_study(Command& program, Session& session) {
  auto options = std::make_shared<StudyCommand>();
  Command& command = program.add_command(
      "study", "the paper's figures and tables on any data, as one page; default: the demo's data");
  add_model_options(command, options->model, false);
  add_data_options(command, options->images);
  command.find("data").require(false);
  add_cache_options(command, options->images);
  command.add_text("shots", "training images a class, or all", options->shots);
  command.add(study_fields(options->study));
  command.add_text("template", "zero-shot template; several are averaged",
                   options->study.templates);
  command.add_text("out", "folder of the page and the tables", options->out);
  add_experiment_options(command, options->experiment, false);
  command.on_run([options, &session] { run_study_command(*options, session); });
}

}  // namespace qprompt::cli
