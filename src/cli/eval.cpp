#include "qprompt/eval.h"

#include <iostream>

#include "cli/app.h"
#include "qprompt/run.h"

namespace qprompt::cli {
namespace {

/// What a scoring command was asked for.
struct EvalCommand {
  ModelOptions model;
  ImagesOptions images;
  std::vector<std::string> prompts;    ///< files of `eval`
  std::vector<std::string> templates;  ///< of `zero-shot`
  bool per_class = false;
  std::string predictions;
};

/// One scored classifier.
struct Scored {
  std::string name;
  std::string bytes;
  Score score;
};

/// The model and the test images, encoded once for all that is scored without rows in that tower.
struct Bench {
  Clip clip;
  TestSet test;
};

Bench open_bench(const EvalCommand& options, const Session& session, Log& log) {
  const Split split = open_split(options.images, session, log);
  Clip clip = open_clip(options.model, session, log);
  TestSet test =
      open_test_set(clip, split, options.images.half, feature_options(options.images), log);
  return {std::move(clip), std::move(test)};
}

Json score_json(const Scored& one, bool per_class) {
  Json out{{"name", one.name},
           {"accuracy", one.score.accuracy()},
           {"correct", one.score.correct},
           {"total", one.score.total},
           {"failed", one.score.failed}};
  if (!per_class) return out;
  for (const auto& c : one.score.classes) {
    out["per_class"].push_back({{"class", c.name},
                                {"total", c.total},
                                {"correct", c.correct},
                                {"predicted", c.predicted}});
  }
  return out;
}

Table per_class_table(const Scored& one) {
  Table table{one.name, {"class", "images", "correct", "recall", "precision"}, {}};
  for (const auto& c : one.score.classes) {
    const auto share = [&](int64_t of) {
      return of == 0 ? std::string("-") : percent(100.0 * double(c.correct) / double(of));
    };
    table.rows.push_back(
        {c.name, cat(c.total), cat(c.correct), share(c.total), share(c.predicted)});
  }
  return table;
}

std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (char c : text) out += c == '"' ? std::string("\"\"") : std::string(1, c);
  return out + "\"";
}

void write_predictions(const std::string& path, const Bench& bench,
                       const std::vector<Scored>& all) {
  std::string csv = "classifier,path,label,class,predicted_label,predicted_class\n";
  for (const Scored& one : all) {
    for (size_t i = 0; i < one.score.predictions.size(); ++i) {
      const Item& item = bench.test.split.test[static_cast<size_t>(bench.test.features.kept[i])];
      const int64_t predicted = one.score.predictions[i];
      csv += cat(quoted(one.name), ',', quoted(item.path), ',', item.label, ',',
                 quoted(bench.test.split.class_names[size_t(item.label)]), ',', predicted, ',',
                 quoted(bench.test.split.class_names[size_t(predicted)]), '\n');
    }
  }
  write_file_atomic(path, csv);
}

void report(const EvalCommand& options, const Session& session, const Bench& bench,
            const std::vector<Scored>& all) {
  Table table{cat(bench.test.split.name, ", ", half_name(options.images.half), " classes (",
                  bench.test.split.class_names.size(), ")"),
              {"classifier", "payload", "images", "skipped", "accuracy %"},
              {}};
  Json json{{"data", bench.test.split.name},
            {"classes", half_name(options.images.half)},
            {"n_classes", bench.test.split.class_names.size()}};
  std::string details;
  for (const Scored& one : all) {
    table.rows.push_back({one.name, one.bytes, cat(one.score.total), cat(one.score.failed),
                          percent(one.score.accuracy())});
    json["results"].push_back(score_json(one, options.per_class));
    if (options.per_class) details += "\n" + to_text(per_class_table(one));
  }
  if (!options.predictions.empty()) write_predictions(options.predictions, bench, all);
  print_result(session, table, json);
  if (!session.json) std::cout << details;
}

void run_eval(const EvalCommand& options, const Session& session) {
  Log log = make_log(session);
  std::vector<TrainedPrompt> prompts;
  for (const std::string& path : options.prompts) prompts.push_back(read_prompt(path));
  const Bench bench = open_bench(options, session, log);
  std::vector<Scored> all;
  for (size_t i = 0; i < prompts.size(); ++i) {
    check_belongs(bench.clip, prompts[i], options.prompts[i]);
    all.push_back({options.prompts[i], cat(prompts[i].payload_bytes(), " B"),
                   score_prompt(bench.clip, prompts[i], bench.test)});
  }
  report(options, session, bench, all);
}

void run_zero_shot(EvalCommand options, const Session& session) {
  Log log = make_log(session);
  if (options.templates.empty()) {
    options.templates = {default_template(options.images.data.dataset)};
  }
  const Bench bench = open_bench(options, session, log);
  const std::string name = options.templates.size() == 1
                               ? "zero-shot '" + options.templates[0] + "'"
                               : cat("zero-shot, ", options.templates.size(), " templates");
  report(options, session, bench,
         {{name, "0 B", score_templates(bench.clip, options.templates, bench.test)}});
}

Command& add_scoring(Command& program, const char* name, const char* help, EvalCommand& options) {
  Command& command = program.add_command(name, help);
  add_model_options(command, options.model);
  add_data_options(command, options.images);
  add_classes_option(command, options.images);
  add_cache_options(command, options.images);
  command.add_flag("per-class", "results of each class as well", options.per_class);
  command.add_text("predictions", "CSV file for every prediction", options.predictions);
  return command;
}

}  // namespace

void add_eval(Command& program, Session& session) {
  auto options = std::make_shared<EvalCommand>();
  Command& command = add_scoring(program, "eval", "score prompts on the test images", *options);
  command.add_text("prompt", "one or several .qprompt files", options->prompts).require();
  command.on_run([options, &session] { run_eval(*options, session); });
}

void add_zero_shot(Command& program, Session& session) {
  auto options = std::make_shared<EvalCommand>();
  Command& command =
      add_scoring(program, "zero-shot", "score hand-written templates on the test images", *options);
  command.add_text("template",
                   "a text with {} for the class name; several are averaged; default: the data "
                   "set's own",
                   options->templates);
  command.on_run([options, &session] { run_zero_shot(*options, session); });
}

}  // namespace qprompt::cli
