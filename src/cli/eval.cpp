#include "qprompt/eval.h"

#include <algorithm>
#include <iostream>
#include <map>

#include "base/names.h"
#include "base/text.h"
#include "cli/app.h"
#include "eval/metrics.h"

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

/// Two classes of which the first was taken for the second.
struct Confusion {
  int64_t images = 0, truth = 0, predicted = 0;
};

/// What the predictions of one classifier come to, beside accuracy; in percent.
struct Quality {
  double top5 = 0, macro_f1 = 0, calibration_error = 0;
  std::vector<Confusion> confusions;  ///< the worst pairs first
};

Quality quality_of(const Scored& one, const Bench& bench) {
  constexpr size_t kWorstPairs = 10;
  const Score& score = one.score;
  std::vector<int64_t> truth;
  std::vector<uint8_t> right;
  std::map<std::pair<int64_t, int64_t>, int64_t> pairs;
  for (size_t i = 0; i < score.predictions.size(); ++i) {
    const auto item = static_cast<size_t>(bench.test.features.kept[i]);
    truth.push_back(bench.test.split.test[item].label);
    right.push_back(truth.back() == score.predictions[i] ? 1 : 0);
    if (right.back() == 0) ++pairs[{truth.back(), score.predictions[i]}];
  }
  Quality out{score.total == 0 ? 0 : 100.0 * double(score.among_five) / double(score.total),
              macro_f1(truth, score.predictions),
              calibration_error(score.confidences, right),
              {}};
  for (const auto& [pair, images] : pairs) {
    out.confusions.push_back({images, pair.first, pair.second});
  }
  std::stable_sort(out.confusions.begin(), out.confusions.end(),
                   [](const Confusion& a, const Confusion& b) { return a.images > b.images; });
  if (out.confusions.size() > kWorstPairs) out.confusions.resize(kWorstPairs);
  return out;
}

std::string confusion_text(const Quality& quality, const Bench& bench) {
  constexpr size_t kShown = 5;
  const auto& names = bench.test.split.class_names;
  Table table{"taken for another class", {"class", "taken for", "images"}, {}};
  for (size_t i = 0; i < std::min(kShown, quality.confusions.size()); ++i) {
    const Confusion& pair = quality.confusions[i];
    table.rows.push_back(
        {names[size_t(pair.truth)], names[size_t(pair.predicted)], cat(pair.images)});
  }
  return table.rows.empty() ? "" : "\n" + to_text(table);
}

Json score_json(const Scored& one, const Bench& bench, const Quality& quality, bool per_class) {
  const auto& names = bench.test.split.class_names;
  Json out{{"name", one.name},
           {"accuracy", one.score.accuracy()},
           {"top5", quality.top5},
           {"macro_f1", quality.macro_f1},
           {"calibration_error", quality.calibration_error},
           {"correct", one.score.correct},
           {"total", one.score.total},
           {"failed", one.score.failed}};
  out["confusions"] = Json::array();
  for (const Confusion& pair : quality.confusions) {
    out["confusions"].push_back({{"true", names[size_t(pair.truth)]},
                                 {"predicted", names[size_t(pair.predicted)]},
                                 {"images", pair.images}});
  }
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

void write_predictions(const std::string& path, const Bench& bench,
                       const std::vector<Scored>& all) {
  std::string csv = "classifier,path,label,class,predicted_label,predicted_class\n";
  for (const Scored& one : all) {
    for (size_t i = 0; i < one.score.predictions.size(); ++i) {
      const Item& item = bench.test.split.test[static_cast<size_t>(bench.test.features.kept[i])];
      const int64_t predicted = one.score.predictions[i];
      csv += cat(csv_cell(one.name), ',', csv_cell(item.path), ',', item.label, ',',
                 csv_cell(bench.test.split.class_names[size_t(item.label)]), ',', predicted, ',',
                 csv_cell(bench.test.split.class_names[size_t(predicted)]), '\n');
    }
  }
  write_file_atomic(path, csv);
}

void report(const EvalCommand& options, const Session& session, const Bench& bench,
            const std::vector<Scored>& all) {
  Table table{cat(bench.test.split.name, ", ", half_name(options.images.half), " classes (",
                  bench.test.split.class_names.size(), ")"),
              {"classifier", "payload", "images", "skipped", "accuracy %", "top-5 %", "macro-F1 %",
               "calibration error %"},
              {}};
  Json json{{"data", bench.test.split.name},
            {"classes", half_name(options.images.half)},
            {"n_classes", bench.test.split.class_names.size()}};
  std::string details;
  for (const Scored& one : all) {
    const Quality quality = quality_of(one, bench);
    table.rows.push_back({one.name, one.bytes, cat(one.score.total), cat(one.score.failed),
                          percent(one.score.accuracy()), percent(quality.top5),
                          percent(quality.macro_f1), percent(quality.calibration_error)});
    json["results"].push_back(score_json(one, bench, quality, options.per_class));
    details += confusion_text(quality, bench);
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
  options.templates = options.templates.empty()
                          ? std::vector<std::string>{default_template(options.images.data.dataset)}
                          : read_templates(options.templates, "--template");
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
  Command& command = add_scoring(program, "zero-shot",
                                 "score hand-written templates on the test images", *options);
  command.add_text("template",
                   "a text with {} for the class name; several are averaged; default: the data "
                   "set's own",
                   options->templates);
  command.on_run([options, &session] { run_zero_shot(*options, session); });
}

}  // namespace qprompt::cli
