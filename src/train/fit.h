// A whole run: from images to a `.qprompt` file and its record.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "learner/learner.h"
#include "qprompt/artifact.h"
#include "qprompt/clip.h"
#include "qprompt/dataset.h"
#include "qprompt/features.h"
#include "train/options.h"

namespace qprompt {

struct FitOptions {
  TrainOptions train;
  MethodOptions method;
  FeatureOptions features;
  /// V augmented views an image, epoch e reading view e mod V; 0: the test view.
  int64_t views = 0;
  int64_t pixel_memory_mb = 2048;  ///< for decoded images where the image tower learns, MiB
  int64_t shots = 0;               ///< for the record: how `split` was drawn; 0: all images
  Half half = Half::kAll;          ///< for the record: what `split` was cut to
  std::string device = "cpu", dtype = "float32";  ///< of the CLIP, for the record
  std::string out;  ///< folder for prompt.qprompt, run.json, checkpoint; empty: write nothing
  /// Writes the classes' names into the file, so that it needs no labels. A prompt that is bound to
  /// its classes has them anyway.
  bool store_class_names = true;
  bool keep_finished = true;  ///< take a finished run of the same settings from `out` as it is
  bool overwrite = false;     ///< replace what `out` holds of a run with other settings
  /// For the record: the words of the command, and where model and data lie.
  std::vector<std::string> command;
  std::string clip_path, data_path;
};
/// Every option that the method has a use for: those of its row, of training, views, of the
/// quantizer where values are quantized and pixel-memory where pixels are read.
Fields fit_fields(FitOptions& options);
/// The options that decide the bytes of a prompt, "name=value" a line: what an identity is made of.
/// Folders, device, threads and how often a checkpoint is written are not in it.
std::string deciding_options(const FitOptions& options);

struct FitResult {
  TrainedPrompt prompt;  ///< read back from the bytes that were written
  std::string path;      ///< of the prompt; empty when nothing was written
  int64_t file_bytes = 0;
  std::string digest;  ///< of the file's bytes, as the record has it
  double seconds = 0;  ///< features and training
  bool kept = false;   ///< a finished run was taken as it is
  Findings findings;   ///< what was left out, shortened or taken for granted
};
/// Learns a prompt on `split.train` and writes it with its run record (`run.json`). `split` is
/// already drawn and cut; with `Selection::kValidation` its `val` chooses the epoch. Resumes from
/// `out` after a kill. `options.train.observer` is told of features, steps, epochs and findings.
/// The folder is locked meanwhile. A finished run of the same settings is kept as it is; kUsage,
/// with what differs, where `out` holds one of other settings, or a prompt that its record does not
/// describe, unless `overwrite`. Throws kContent on fewer than two classes, `stopped` when the
/// observer says so.
FitResult fit_prompt(const Clip& clip, const Split& split, const FitOptions& options);
/// The same with the progress and the findings on a log, unless there is an observer.
FitResult fit_prompt(const Clip& clip, const Split& split, const FitOptions& options, Log& log);

}  // namespace qprompt
