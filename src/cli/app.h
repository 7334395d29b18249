// What the commands share: common options, opening of models and data, output.
#pragma once

#include <CLI/CLI.hpp>
#include <memory>
#include <string>
#include <vector>

#include "qprompt/base.h"
#include "qprompt/clip.h"
#include "qprompt/dataset.h"
#include "qprompt/features.h"
#include "qprompt/report.h"
#include "qprompt/train.h"

namespace qprompt::cli {

/// The options that every command takes.
struct Session {
  int64_t threads = 0;  ///< 0: all cores
  std::string device = "cpu";
  std::string dtype = "float32";
  uint64_t seed = 1;
  bool quiet = false;
  bool json = false;
};

/// The log of a command: standard error, with bars when that is a terminal.
Log make_log(const Session& session);

/// Where the model is.
struct ModelOptions {
  std::string clip;
  std::string vocab;
  std::string activation;
};
void add_model_options(CLI::App& command, ModelOptions& options, bool required = true);
Clip open_clip(const ModelOptions& options, const Session& session, Log& log);

/// Where the images are, and how they are read.
struct ImagesOptions {
  DataOptions data;
  Half half = Half::kAll;
  std::string cache;
  bool exif_orientation = false;
};
void add_data_options(CLI::App& command, ImagesOptions& options);
void add_classes_option(CLI::App& command, ImagesOptions& options);
void add_cache_options(CLI::App& command, ImagesOptions& options);
Split open_split(const ImagesOptions& options, const Session& session, Log& log);
/// Where splits made for want of a published one are kept; empty with `--cache none`.
std::string split_cache(const ImagesOptions& options);
FeatureOptions feature_options(const ImagesOptions& options);

/// One command-line option a field: same name, help and default. The fields live as long as the
/// app.
void add_fields(CLI::App& command, const Fields& fields);

/// "a,b,c", or the lines of a file of that name. Throws kUsage when there are none.
std::vector<std::string> read_labels(const std::string& text);
/// Splits at commas; drops empty pieces.
std::vector<std::string> split_commas(const std::string& text);

/// The table on standard output, or the JSON text when `--json` was given.
void print_result(const Session& session, const Table& table, const std::string& json);

/// The folder of the demo's model and images: $QPROMPT_DEMO, beside the installed program, or in
/// the source tree that the program was built from.
std::string demo_folder();

void add_train(CLI::App& app, Session& session);
void add_eval(CLI::App& app, Session& session);
void add_zero_shot(CLI::App& app, Session& session);
void add_base_to_new(CLI::App& app, Session& session);
void add_demo(CLI::App& app, Session& session);
void add_classify(CLI::App& app, Session& session);
void add_import(CLI::App& app, Session& session);
void add_quantize(CLI::App& app, Session& session);
void add_inspect(CLI::App& app, Session& session);
void add_encode(CLI::App& app, Session& session);
void add_tokenize(CLI::App& app, Session& session);
void add_data(CLI::App& app, Session& session);
void add_run(CLI::App& app, Session& session);
void add_report(CLI::App& app, Session& session);
void add_study(CLI::App& app, Session& session);

}  // namespace qprompt::cli
