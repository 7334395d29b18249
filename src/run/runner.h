// The loop of a worker. Private to the room.
#pragma once

#include <string>

#include "run/plan.h"

namespace qprompt::run {

/// A recipe with its model open.
struct Opened {
  Clip clip;
  Plan plan;
};
/// Reads the recipe, sets the threads of a cell, opens the model, makes the plan.
Opened open_run(const RunRequest& request, Log& log);

/// Claims and does cells until none is left.
void work(const Opened& opened, const RunRequest& request, const std::string& invocation, Log& log);

RunTotals totals_of(const RunRequest& request, const std::string& experiment);

/// Has the kernel end this process when its parent ends, so that nobody works unseen.
void end_with_parent();

}  // namespace qprompt::run
