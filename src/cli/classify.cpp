#include <algorithm>
#include <filesystem>
#include <iostream>

#include "cli/app.h"
#include "qprompt/eval.h"

namespace qprompt::cli {
namespace fs = std::filesystem;
namespace {

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
void expand(const std::string& input, std::vector<std::string>& paths) {
  std::error_code error;
  if (!fs::is_directory(input, error)) {
    paths.push_back(input);
    return;
  }
  std::vector<std::string> found;
  for (fs::recursive_directory_iterator it(input, error), end; !error && it != end;
       it.increment(error)) {
    if (it->is_regular_file(error) && has_image_extension(it->path().string())) {
      found.push_back(it->path().string());
    }
  }
  if (error) fail(ErrorKind::kPath, "cannot read the folder '", input, "': ", error.message());
  if (found.empty()) {
    fail(ErrorKind::kPath, "the folder '", input, "' holds no .jpg, .png or .webp image");
  }
  std::sort(found.begin(), found.end());
  paths.insert(paths.end(), found.begin(), found.end());
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
    print_json_line(line);
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
    print_json_line(line);
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
    expand(input, files);
  }
  classify_waiting();
  log.note(cat(run.done, " images classified, ", run.failed, " skipped"));
  if (run.done == 0 && run.failed > 0) {
    fail(ErrorKind::kContent, "none of the ", run.failed, " images could be read");
  }
}

}  // namespace

void add_classify(Command& program, Session& session) {
  auto options = std::make_shared<ClassifyCommand>();
  Command& command = program.add_command("classify", "name what images show");
  add_model_options(command, options->model);
  command.add_text("prompt", "a .qprompt file; without one, hand-written templates are used",
                   options->prompt);
  command.add_text("template", "template with {} where there is no prompt; several are averaged",
                   options->templates);
  command.add_text("labels", "the classes: a file with one a line, or names with commas between",
                   options->labels);
  command.add_number("top", "answers an image", options->top, {1, 1'000'000});
  command.add_flag("exif-orientation", "turn images as their EXIF data says",
                   options->exif_orientation);
  command
      .add_argument("images", "image files, folders, or - for paths on standard input, one a line",
                    options->inputs)
      .require();
  command.on_run([options, &session] { run_classify(*options, session); });
}

}  // namespace qprompt::cli
