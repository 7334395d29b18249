// The run record `run.json`. Private to the room.
#pragma once

#include <string>

#include "train/fit.h"
#include "train/train.h"

namespace qprompt::train {

/// How the image features were had.
struct FeatureUse {
  int64_t encoded = 0;  ///< views that the image tower encoded; the others came from the cache
  int64_t views = 0;    ///< views in all
  double seconds = 0;
};

struct RecordSource {
  const Clip& clip;
  const Split& split;
  const FitOptions& options;
  const TrainResult& run;
  const FeatureUse& use;
  const std::string& key;
};
/// Writes `run.json` into the run's folder, atomically, after the prompt itself.
void write_record(const RecordSource& source, const FitResult& result);

/// Of the bytes of a `.qprompt` file, for the record.
std::string prompt_digest(const std::string& bytes);

/// True, with `result` filled, when the folder holds a finished run of this key whose prompt is the
/// one that the record describes. Throws kPath where it cannot be read just now: it may be sound.
bool finished_run(const FitOptions& options, const std::string& key, FitResult& result);

/// Throws kUsage, with what differs, where writing `path` would end something that is not this
/// run's: a run of other settings, or a prompt that the record does not describe.
void check_replaceable(const FitOptions& options, const std::string& key, const std::string& path);

}  // namespace qprompt::train
