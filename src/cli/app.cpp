#include "cli/app.h"

#include <unistd.h>

#include <filesystem>
#include <iostream>

namespace qprompt::cli {

Log make_log(const Session& session) {
  return Log(std::cerr, session.quiet, ::isatty(STDERR_FILENO) != 0);
}

void add_model_options(CLI::App& command, ModelOptions& options, bool required) {
  command
      .add_option("--clip", options.clip,
                  "the CLIP: OpenAI's .pt, a Hugging Face or OpenCLIP folder, a .safetensors, or a "
                  "model's name (ViT-B/16, org/name)")
      ->required(required);
  command.add_option("--vocab", options.vocab,
                     "its vocabulary, where it does not lie beside the model");
  command.add_option("--activation", options.activation,
                     "quick_gelu or gelu, where a checkpoint does not say it");
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

void add_data_options(CLI::App& command, ImagesOptions& options) {
  command
      .add_option("--data", options.data.root,
                  "a folder with a sub-folder a class, or with --dataset the root of CoOp's layout")
      ->required();
  command.add_option("--dataset", options.data.dataset,
                     "a data set of CoOp's layout, for example dtd or OxfordFlowers");
  command.add_flag("--partial", options.data.partial,
                   "go on with those images of the data set that are there");
}

void add_classes_option(CLI::App& command, ImagesOptions& options) {
  add_fields(command,
             {choice_field("classes", "all classes, or the base or new half: all, base, new",
                           options.half, {"all", "base", "new"})});
}

void add_cache_options(CLI::App& command, ImagesOptions& options) {
  command.add_option("--cache", options.cache,
                     "folder of cached image features; default: " + default_cache_folder() +
                         "; none: keep nothing");
  command.add_flag("--exif-orientation", options.exif_orientation,
                   "turn images as their EXIF data says (CLIP and CoOp do not)");
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

void add_fields(CLI::App& command, const Fields& fields) {
  for (const Field& field : fields) {
    const auto parse = [field](const std::string& text) {
      try {
        field.parse(text);
      } catch (const Error& e) {
        fail(ErrorKind::kUsage, "--", field.name, ": ", e.what());
      }
    };
    command.add_option_function<std::string>("--" + field.name, parse, field.help)
        ->default_str(field.print());
  }
}

std::vector<std::string> split_commas(const std::string& text) {
  std::vector<std::string> pieces;
  std::stringstream stream(text);
  for (std::string piece; std::getline(stream, piece, ',');) {
    if (!piece.empty()) pieces.push_back(piece);
  }
  return pieces;
}

std::vector<std::string> read_labels(const std::string& text) {
  constexpr int64_t kMaxLabels = 64 << 20;
  std::vector<std::string> labels;
  if (std::filesystem::is_regular_file(text)) {
    std::stringstream stream(read_file(text, kMaxLabels));
    for (std::string line; std::getline(stream, line);) {
      if (!line.empty() && line.back() == '\r') line.pop_back();
      if (!line.empty()) labels.push_back(line);
    }
  } else if (text.find('/') != std::string::npos && text.find(',') == std::string::npos) {
    fail(ErrorKind::kPath, "--labels: there is no file '", text, "'");
  } else {
    labels = split_commas(text);
  }
  if (labels.empty()) {
    fail(ErrorKind::kUsage, "--labels '", text,
         "' names no class; give a file with one name a line, or names with commas between");
  }
  return labels;
}

void print_result(const Session& session, const Table& table, const std::string& json) {
  std::cout << (session.json ? json + "\n" : to_text(table)) << std::flush;
  if (!std::cout) fail(ErrorKind::kPath, "cannot write to standard output");
}

}  // namespace qprompt::cli
