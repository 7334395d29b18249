// The options that choose and train a prompt; shared by `train`, `base-to-new` and `demo`.
#pragma once

#include "cli/app.h"
#include "method/preset.h"

namespace qprompt::cli {

/// Method, bits, shots and recipe as the user gave them.
struct RunOptions {
  ModelOptions model;
  ImagesOptions images;
  NamedTexts given;               ///< options of methods and training, as they were given
  std::string methods = "qcoop";  ///< words, with commas where several are allowed
  std::string bits;               ///< likewise; empty: 1
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
/// Methods × bits with the options that were given; throws kUsage on an unknown method, bits
/// outside 1 … 8 and options that serve none of the methods.
std::vector<Variant> make_variants(const RunOptions& options);
/// The same over each method's published settings for what is at hand, which are noted.
std::vector<Variant> make_variants(const RunOptions& options, const Situation& situation, Log& log);

/// K, 0 for "all"; throws kUsage.
int64_t parse_shots(const std::string& text);

/// The few-shot draw (or the explicit sample) of a split, cut to a half.
Split draw_training(const Split& split, const RunOptions& options, uint64_t seed, Log& log);

}  // namespace qprompt::cli
