#include <filesystem>
#include <iostream>

#include "base/files.h"
#include "base/names.h"
#include "base/runtime.h"
#include "base/text.h"
#include "cli/app.h"
#include "qprompt/dataset.h"
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
  double reject = 0;    ///< least probability of an answer, 0 … 1
  std::string copy_to;  ///< folder with a folder a class; empty: no copies
  bool exif_orientation = false, null_separated = false, csv = false;
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

Classifier make_classifier(const ClassifyCommand& options, const Clip& clip, Log& log) {
  if (options.prompt.empty()) {
    const auto templates = options.templates.empty()
                               ? std::vector<std::string>{default_template("")}
                               : read_templates(options.templates, "--template");
    return Classifier(clip, templates, choose_classes(options.labels, {}, log));
  }
  const TrainedPrompt prompt = read_prompt(options.prompt);
  check_belongs(clip, prompt, options.prompt);
  return Classifier(clip, prompt, choose_classes(options.labels, prompt.class_names, log));
}

/// A running command.
struct Classification {
  const ClassifyCommand& options;
  const Session& session;
  const Clip& clip;
  const Classifier& classifier;
  Log& log;
  int64_t done = 0, failed = 0, rejected = 0;
};

void print_json(const std::string& path, const std::vector<Answer>& answers, bool rejected) {
  Json line{{"path", path}, {"predictions", Json::array()}};
  for (const Answer& answer : answers) {
    line["predictions"].push_back(
        {{"class", answer.name}, {"label", answer.label}, {"probability", answer.probability}});
  }
  if (rejected) line["rejected"] = true;
  print_json_line(line);
}

void print_answers(const Classification& run, const std::string& path,
                   const std::vector<Answer>& answers, bool rejected) {
  if (run.session.json) return print_json(path, answers, rejected);
  if (run.options.csv) {
    for (size_t rank = 0; rank < answers.size(); ++rank) {
      std::cout << csv_cell(path) << ',' << rank + 1 << ',' << csv_cell(answers[rank].name) << ','
                << answers[rank].label << ',' << answers[rank].probability << ','
                << (rejected ? "yes" : "no") << ",\r\n";
    }
    return;
  }
  std::cout << printable(path) << (rejected ? "  (rejected)" : "") << '\n';
  for (const Answer& answer : answers) {
    std::cout << "  " << percent(100 * answer.probability) << " %  " << printable(answer.name)
              << '\n';
  }
}

void print_failure(const Classification& run, const std::string& path, const std::string& error) {
  if (run.session.json) return print_json_line({{"path", path}, {"error", error}});
  if (run.options.csv) std::cout << csv_cell(path) << ",,,,,," << csv_cell(error) << "\r\n";
}

/// A class's name as a folder's: nothing that leads elsewhere, is hidden, or is too long.
std::string folder_name(const std::string& class_name) {
  std::string name;
  for (char c : printable(class_name).substr(0, 200)) name += c == '/' || c == '\\' ? '_' : c;
  if (name.empty() || name[0] == '.') name = "_" + name;
  return name;
}

/// Copies beside others of the same name, never over them: "a.jpg", "a-2.jpg", …
void copy_image(const std::string& path, const fs::path& folder) {
  constexpr int64_t kMaxImage = int64_t{4} << 30;
  make_folder(folder.string());
  const std::string bytes = read_file(path, kMaxImage);
  const fs::path file = fs::path(path).filename();
  for (int number = 1;; ++number) {
    const std::string name =
        number == 1 ? file.string()
                    : cat(file.stem().string(), "-", number, file.extension().string());
    const std::string target = (folder / name).string();
    std::error_code error;
    if (!fs::exists(fs::symlink_status(target, error))) return write_file_atomic(target, bytes);
    // The same image again, as when the command is repeated, is there already.
    if (fs::is_regular_file(target, error) && fs::file_size(target, error) == bytes.size() &&
        read_file(target, kMaxImage) == bytes) {
      return;
    }
  }
}

void take_answers(Classification& run, const std::string& path,
                  const std::vector<Answer>& answers) {
  const bool rejected = answers.front().probability < run.options.reject;
  ++run.done;
  run.rejected += rejected ? 1 : 0;
  print_answers(run, path, answers, rejected);
  if (run.options.copy_to.empty()) return;
  const std::string folder = rejected ? "_rejected" : folder_name(answers.front().name);
  copy_image(path, fs::path(run.options.copy_to) / folder);
}

/// Answers in the order of `paths`; files that cannot be read are reported and counted.
void classify_files(Classification& run, const std::vector<std::string>& paths) {
  FeatureOptions features;
  features.decode.exif_orientation = run.options.exif_orientation;
  features.threads = runtime_info().threads;
  features.prompts = run.classifier.image_prompts();
  encode_files(run.clip, paths, features, [&](size_t i, const FileFeatures& file) {
    if (file.features.defined()) {
      const auto answers =
          run.classifier.classify_features(file.features.unsqueeze(0), run.options.top);
      return take_answers(run, paths[i], answers.front());
    }
    if (file.kind != ErrorKind::kContent && file.kind != ErrorKind::kPath) {
      fail(file.kind, file.error);
    }
    ++run.failed;
    run.log.warn(cat("skipped: ", file.error));
    print_failure(run, paths[i], file.error);
  });
}

void classify_inputs(Classification& run) {
  std::vector<std::string> files;
  const auto classify_waiting = [&] {
    classify_files(run, files);
    files.clear();
  };
  for (const std::string& input : run.options.inputs) {
    // Answers for what came before are out when a folder or standard input turns out unreadable.
    std::error_code ignored;
    if (input == "-" || fs::is_directory(input, ignored)) classify_waiting();
    if (input != "-") {
      expand(input, files, run.log);
      continue;
    }
    PathStream paths(std::cin, run.options.null_separated);
    for (std::string path; paths.next(path);) {
      classify_files(run, {path});  // one at a time: a pipe gets each answer at once
      std::cout << std::flush;
    }
  }
  classify_waiting();
}

void run_classify(const ClassifyCommand& options, const Session& session) {
  Log log = make_log(session);
  if (options.labels.empty() && options.prompt.empty()) choose_classes("", {}, log);
  if (options.csv && session.json) fail(ErrorKind::kUsage, "give --csv or --json, not both");
  const Clip clip = open_clip(options.model, session, log);
  const Classifier classifier = make_classifier(options, clip, log);
  Classification run{options, session, clip, classifier, log};
  if (options.csv) std::cout << "path,rank,class,label,probability,rejected,error\r\n";
  classify_inputs(run);
  log.note(cat(run.done, " images classified, ", run.failed, " skipped",
               options.reject > 0 ? cat(", ", run.rejected, " rejected") : ""));
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
  command.add_text("template",
                   "template with {} where there is no prompt, or a file with one a line; several "
                   "are averaged",
                   options->templates);
  command.add_text("labels",
                   "the classes: a file with one a line, or names with commas between; default: "
                   "those that the prompt keeps",
                   options->labels);
  command.add_number("top", "answers an image", options->top, {1, 1'000'000});
  command.add(number_field("reject",
                           "images whose best answer is less probable (0 to 1) are marked rejected",
                           options->reject, {0, 1}));
  command.add_flag("csv", "results as CSV on standard output", options->csv);
  command.add_text("copy-to",
                   "copy each image to a folder of its class (or _rejected) below this folder",
                   options->copy_to);
  command
      .add_flag("null", "paths on standard input end in NUL, as 'find -print0' writes them",
                options->null_separated)
      .short_name('0');
  command.add_flag("exif-orientation", "turn images as their EXIF data says",
                   options->exif_orientation);
  command
      .add_argument("images", "image files, folders, or - for paths on standard input, one a line",
                    options->inputs)
      .require();
  command.on_run([options, &session] { run_classify(*options, session); });
}

}  // namespace qprompt::cli
