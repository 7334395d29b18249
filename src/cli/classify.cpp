#include <filesystem>
#include <iostream>
#include <nlohmann/json.hpp>

#include "cli/app.h"
#include "qprompt/dataset.h"
#include "qprompt/eval.h"

namespace qprompt::cli {
namespace fs = std::filesystem;
namespace {

using Json = nlohmann::ordered_json;

struct ClassifyCommand {
  ModelOptions model;
  std::string prompt;
  std::vector<std::string> templates;
  std::string labels;
  std::vector<std::string> inputs;
  int64_t top = 5;
  bool exif_orientation = false;
};

/// Files stay as given; folders give the images in them, at any depth, in name order.
void expand(const std::string& input, std::vector<std::string>& paths, Log& log) {
  std::error_code error;
  if (!fs::is_directory(input, error)) {
    paths.push_back(input);
    return;
  }
  const FoundImages found = find_images(input, log);
  if (found.paths.empty()) fail(ErrorKind::kPath, "the folder '", input, "' holds no image");
  paths.insert(paths.end(), found.paths.begin(), found.paths.end());
}

Classifier make_classifier(const ClassifyCommand& options, const Clip& clip) {
  if (options.prompt.empty()) {
    const std::vector<std::string> templates = options.templates.empty()
                                                   ? std::vector<std::string>{default_template("")}
                                                   : options.templates;
    return Classifier(clip, templates, read_labels(options.labels));
  }
  const TrainedPrompt prompt = read_prompt(options.prompt);
  check_belongs(clip, prompt, options.prompt);
  const bool own = options.labels.empty() && !prompt.class_names.empty();
  return Classifier(clip, prompt, own ? prompt.class_names : read_labels(options.labels));
}

void print_answers(const Session& session, const std::string& path,
                   const std::vector<Answer>& answers) {
  if (session.json) {
    Json line{{"path", path}, {"predictions", Json::array()}};
    for (const Answer& answer : answers) {
      line["predictions"].push_back(
          {{"class", answer.name}, {"label", answer.label}, {"probability", answer.probability}});
    }
    std::cout << line.dump(-1, ' ', false, Json::error_handler_t::replace) << '\n';
    return;
  }
  std::cout << path << '\n';
  for (const Answer& answer : answers) {
    std::cout << "  " << percent(100 * answer.probability) << " %  " << answer.name << '\n';
  }
}

/// A running command.
struct Run {
  const ClassifyCommand& options;
  const Session& session;
  const Clip& clip;
  const Classifier& classifier;
  Log& log;
  int64_t done = 0, failed = 0;
};

/// Answers in the order of `paths`; files that cannot be read are reported and counted.
void classify_files(Run& run, const std::vector<std::string>& paths) {
  FeatureOptions features;
  features.decode.exif_orientation = run.options.exif_orientation;
  features.threads = runtime_info().threads;
  features.prompts = run.classifier.image_prompts();
  encode_files(run.clip, paths, features, [&](size_t i, const FileFeatures& file) {
    if (file.features.defined()) {
      const auto answers =
          run.classifier.classify_features(file.features.unsqueeze(0), run.options.top);
      print_answers(run.session, paths[i], answers.front());
      ++run.done;
      return;
    }
    if (file.kind != ErrorKind::kContent && file.kind != ErrorKind::kPath) {
      fail(file.kind, file.error);
    }
    ++run.failed;
    run.log.warn(cat("skipped: ", file.error));
    if (!run.session.json) return;
    const Json line{{"path", paths[i]}, {"error", file.error}};
    std::cout << line.dump(-1, ' ', false, Json::error_handler_t::replace) << '\n';
  });
}

void run_classify(const ClassifyCommand& options, const Session& session) {
  Log log = make_log(session);
  if (options.labels.empty() && options.prompt.empty()) {
    fail(ErrorKind::kUsage, "give the classes with --labels FILE or --labels a,b,c");
  }
  const Clip clip = open_clip(options.model, session, log);
  const Classifier classifier = make_classifier(options, clip);
  Run run{options, session, clip, classifier, log};
  std::vector<std::string> files;
  const auto classify_waiting = [&] {
    classify_files(run, files);
    files.clear();
  };
  for (const std::string& input : options.inputs) {
    // Answers for what came before are out when a folder or standard input turns out unreadable.
    if (input == "-" || fs::is_directory(input)) classify_waiting();
    if (input == "-") {
      for (std::string path; std::getline(std::cin, path);) {
        if (path.empty()) continue;
        classify_files(run, {path});  // one at a time: a pipe gets each answer at once
        std::cout << std::flush;
      }
      continue;
    }
    expand(input, files, log);
  }
  classify_waiting();
  log.note(cat(run.done, " images classified, ", run.failed, " skipped"));
  if (run.done == 0 && run.failed > 0) {
    fail(ErrorKind::kContent, "none of the ", run.failed, " images could be read");
  }
}

}  // namespace

void add_classify(CLI::App& app, Session& session) {
  auto options = std::make_shared<ClassifyCommand>();
  CLI::App* command = app.add_subcommand("classify", "name what images show");
  add_model_options(*command, options->model);
  command->add_option("--prompt", options->prompt,
                      "a .qprompt file; without one, hand-written templates are used");
  command
      ->add_option("--template", options->templates,
                   "template with {} where there is no prompt; several are averaged")
      ->allow_extra_args(false);
  command->add_option("--labels", options->labels,
                      "the classes: a file with one a line, or names with commas between");
  command->add_option("--top", options->top, "answers an image")
      ->check(CLI::Range(1, 1'000'000))
      ->capture_default_str();
  command->add_flag("--exif-orientation", options->exif_orientation,
                    "turn images as their EXIF data says");
  command
      ->add_option("images", options->inputs,
                   "image files, folders, or - for paths on standard input, one a line")
      ->required();
  command->final_callback([options, &session] { run_classify(*options, session); });
}

}  // namespace qprompt::cli
