// What the commands share: common options, opening of models and data, output.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/json.h"
#include "cli/command.h"
#include "qprompt/base.h"
#include "qprompt/clip.h"
#include "qprompt/dataset.h"
#include "qprompt/features.h"
#include "qprompt/train.h"
#include "report/table.h"

namespace qprompt::cli {

using Json = JsonValue;

/// The options that every command takes.
struct Session {
  int64_t threads = 0;  ///< 0: all cores
  std::string device = "cpu";
  std::string dtype = "float32";
  uint64_t seed = 1;
  bool quiet = false;
  bool json = false;
  std::string config;              ///< file of settings
  std::vector<std::string> words;  ///< the command line, for records
};

/// The log of a command: standard error, with bars when that is a terminal.
Log make_log(const Session& session);

/// Where the model is.
struct ModelOptions {
  std::string clip;
  std::string vocab;
  std::string activation;
};
void add_model_options(Command& command, ModelOptions& options, bool required = true);
Clip open_clip(const ModelOptions& options, const Session& session, Log& log);

/// Where the images are, and how they are read.
struct ImagesOptions {
  DataOptions data;
  Half half = Half::kAll;
  std::string cache;
  bool exif_orientation = false;
};
void add_data_options(Command& command, ImagesOptions& options);
void add_classes_option(Command& command, ImagesOptions& options);
void add_cache_options(Command& command, ImagesOptions& options);
Split open_split(const ImagesOptions& options, const Session& session, Log& log);
/// Where splits made for want of a published one are kept; empty with `--cache none`.
std::string split_cache(const ImagesOptions& options);
FeatureOptions feature_options(const ImagesOptions& options);

/// The classes of --labels, or without it those that a prompt has `stored`. Throws kUsage when
/// there are none; says so where there is only one.
std::vector<std::string> choose_classes(const std::string& labels,
                                        const std::vector<std::string>& stored, Log& log);
/// Splits at commas; drops empty pieces.
std::vector<std::string> split_commas(const std::string& text);

/// The table on standard output, or the JSON text when `--json` was given.
void print_result(const Session& session, const Table& table, const Json& json);
/// One line of JSON on standard output.
void print_json_line(const Json& json);

/// What a page says of its making: date, model, command, version.
std::vector<std::pair<std::string, std::string>> page_facts(const Session& session,
                                                            const std::string& model);

/// The folder of the demo's model and images: $QPROMPT_DEMO, beside the installed program, or in
/// the source tree that the program was built from.
std::string demo_folder();

void add_train(Command& program, Session& session);
void add_eval(Command& program, Session& session);
void add_zero_shot(Command& program, Session& session);
void add_base_to_new(Command& program, Session& session);
void add_demo(Command& program, Session& session);
void add_classify(Command& program, Session& session);
void add_import(Command& program, Session& session);
void add_quantize(Command& program, Session& session);
void add_inspect(Command& program, Session& session);
void add_encode(Command& program, Session& session);
void add_tokenize(Command& program, Session& session);
void add_data(Command& program, Session& session);
void add_run(Command& program, Session& session);
void add_report(Command& program, Session& session);
void add_study(Command& program, Session& session);

}  // namespace qprompt::cli
