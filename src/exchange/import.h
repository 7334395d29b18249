// A public trainer's checkpoint becomes a prompt. What the checkpoint does not say comes from
// options, then from the trainer's log; each fact is returned with its source.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/observer.h"
#include "exchange/trainer_checkpoint.h"
#include "exchange/trainer_log.h"
#include "qprompt/artifact.h"
#include "qprompt/clip.h"

namespace qprompt {

struct ImportOptions {
  std::string checkpoint;        ///< path
  std::string log;               ///< path; empty: looked for beside the checkpoint; "none": no log
  std::string trainer = "auto";  ///< one of `trainer_names`
  std::optional<std::string> words, position, classes, dataset;  ///< over what a log says
  std::optional<int64_t> shots;                                  ///< 0: all
  std::optional<uint64_t> seed;
  std::vector<std::string> class_names;  ///< in the order of training; of a class-specific context
  int64_t plain_bits = 16;               ///< 16 or 32: how values are stored that are not halves
  std::string clip_name;                 ///< for messages
};

/// One thing that the file says, and where it came from: "option", "checkpoint", a log's path, ….
struct ImportedFact {
  std::string name;
  std::variant<std::string, uint64_t> value;
  std::string from;
};

/// A checkpoint and its log as they were read, before a model is looked at.
struct TrainerRun {
  TrainerLog log;
  TrainerCheckpoint checkpoint;
  std::vector<ImportedFact> facts;
  Findings findings;
};
/// Throws kPath, kContent and kUsage as `read_trainer_checkpoint` and `read_trainer_log` do.
TrainerRun open_trainer_run(const ImportOptions& options);

struct ImportedPrompt {
  TrainedPrompt prompt;
  std::vector<ImportedFact> facts;
  Findings findings;
};
/// Throws kContent where the run contradicts the model, kUsage where something is missing that only
/// an option can say.
ImportedPrompt import_prompt(const Clip& clip, const TrainerRun& run, const ImportOptions& options);

}  // namespace qprompt
