// The options that choose and train a prompt; shared by `train`, `base-to-new` and `demo`.
#pragma once

#include "cli/app.h"

namespace qprompt::cli {

/// Method, bits, shots and recipe as the user gave them.
struct RunOptions {
  ModelOptions model;
  ImagesOptions images;
  FitOptions fit;
  std::string methods = "qcoop";  ///< "coop", "qcoop", with commas where several are allowed
  std::string bits = "1";         ///< likewise
  std::string shots = "16";       ///< a number or "all"
  bool post_training = false;
  std::string sample;  ///< file with an explicit list of training items
};

/// Adds all options of a training run to the command.
void add_run_options(Command& command, RunOptions& options);

/// One thing to train: a method at a number of bits.
struct Variant {
  std::string name;  ///< "CoOp", "QCoOp 1 bit"
  FitOptions fit;
};
/// Methods × bits; throws kUsage on an unknown method or bits outside 1 … 8.
std::vector<Variant> make_variants(const RunOptions& options);

/// K, 0 for "all"; throws kUsage.
int64_t parse_shots(const std::string& text);

/// The few-shot draw (or the explicit sample) of a split, cut to a half.
Split draw_training(const Split& split, const RunOptions& options, uint64_t seed, Log& log);

}  // namespace qprompt::cli
