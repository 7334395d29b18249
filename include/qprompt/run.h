// Room `run`: protocols, recipes, the runner and its database. Learned prompts are scored from the
// bytes of their files only.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "qprompt/artifact.h"
#include "qprompt/base.h"
#include "qprompt/clip.h"
#include "qprompt/dataset.h"
#include "qprompt/eval.h"
#include "qprompt/features.h"
#include "qprompt/report.h"
#include "qprompt/train.h"

namespace qprompt {

/// The experiments of a database, or the one that is named (kUsage when there is none).
/// `published` names a file of published numbers in place of the recorded ones; empty: those.
std::vector<Experiment> read_results(const std::string& database, const std::string& experiment,
                                     const std::string& published);

}  // namespace qprompt
