#include "cli/app.h"

#include <unistd.h>

#include <filesystem>
#include <iostream>

#include "base/names.h"
#include "base/runtime.h"
#include "qprompt/version.h"
#include "report/page.h"

namespace qprompt::cli {

Log make_log(const Session& session) {
  return Log(std::cerr, session.quiet, ::isatty(STDERR_FILENO) != 0);
}

void add_model_options(Command& command, ModelOptions& options, bool required) {
  command
      .add_text("clip",
                "the CLIP: OpenAI's .pt, a Hugging Face or OpenCLIP folder, a .safetensors, or a "
                "model's name (ViT-B/16, org/name)",
                options.clip)
      .require(required);
  command.add_text("vocab", "its vocabulary, where it does not lie beside the model",
                   options.vocab);
  command.add_text("activation", "quick_gelu or gelu, where a checkpoint does not say it",
                   options.activation);
}

Clip open_clip(const ModelOptions& options, const Session& session, Log& log) {
  const double started = now_seconds();
  Clip clip =
      Clip::load(options.clip, {options.vocab, session.device, session.dtype, options.activation});
  if (clip.config().activation_assumed) {
    log.note(
        "the checkpoint does not say its activation: OpenAI's quick_gelu is assumed "
        "(--activation gelu for models that OpenCLIP trained without it)");
  }
  log.note(cat("loaded '", options.clip, "' in ", duration(now_seconds() - started)));
  return clip;
}

void add_data_options(Command& command, ImagesOptions& options) {
  command
      .add_text("data",
                "a folder with a sub-folder a class, or with --dataset the root of CoOp's layout",
                options.data.root)
      .require();
  command.add_text("dataset", "a data set of CoOp's layout, for example dtd or OxfordFlowers",
                   options.data.dataset);
  command.add_flag("partial", "go on with those images of the data set that are there",
                   options.data.partial);
}

void add_classes_option(Command& command, ImagesOptions& options) {
  command.add({choice_field("classes", "all classes, or the base or new half: all, base, new",
                            options.half, class_subsets())});
}

void add_cache_options(Command& command, ImagesOptions& options) {
  command.add_text("cache",
                   "folder of cached image features; default: " + default_cache_folder() +
                       "; none: keep nothing",
                   options.cache);
  command.add_flag("exif-orientation", "turn images as their EXIF data says (CLIP and CoOp do not)",
                   options.exif_orientation);
}

Split open_split(const ImagesOptions& options, const Session& session, Log& log) {
  DataOptions data = options.data;
  data.seed = session.seed;
  data.cache = split_cache(options);
  return load_split(data, log);
}

std::string split_cache(const ImagesOptions& options) {
  if (options.cache == "none") return "";
  return options.cache.empty() ? default_cache_folder() : options.cache;
}

FeatureOptions feature_options(const ImagesOptions& options) {
  FeatureOptions features;
  features.cache = options.cache;
  features.decode.exif_orientation = options.exif_orientation;
  features.threads = runtime_info().threads;
  return features;
}

std::vector<std::string> split_commas(const std::string& text) {
  std::vector<std::string> pieces;
  std::stringstream stream(text);
  for (std::string piece; std::getline(stream, piece, ',');) {
    if (!piece.empty()) pieces.push_back(piece);
  }
  return pieces;
}

std::vector<std::string> choose_classes(const std::string& labels,
                                        const std::vector<std::string>& stored, Log& log) {
  if (labels.empty() && stored.empty()) {
    fail(ErrorKind::kUsage,
         "nothing says the classes; give them with --labels FILE (one a line) or "
         "--labels a,b,c");
  }
  const std::vector<std::string> names = labels.empty() ? stored : read_labels(labels, "--labels");
  if (names.size() == 1) {
    log.warn(cat("'", names[0], "' is the only class, so every image is it, with 100 %"));
  }
  return names;
}

std::vector<std::pair<std::string, std::string>> page_facts(const Session& session,
                                                            const std::string& model) {
  std::string command = "qprompt";
  for (const std::string& word : session.words) command += " " + word;
  return {{"date", date_and_time()},
          {"model", model},
          {"command", command},
          {"version", cat("qprompt ", kVersion)}};
}

void print_result(const Session& session, const Table& table, const Json& json) {
  if (session.json) return print_json_line(json);
  std::cout << to_text(table) << std::flush;
  if (!std::cout) fail(ErrorKind::kPath, "cannot write to standard output");
}

void print_json_line(const Json& json) {
  std::cout << json.text() << '\n' << std::flush;
  if (!std::cout) fail(ErrorKind::kPath, "cannot write to standard output");
}

}  // namespace qprompt::cli
