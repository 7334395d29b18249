// Several processes of one command. Private to the room.
#pragma once

#include <string>

#include "base/observer.h"
#include "experiment/run.h"
#include "experiment/store.h"

namespace qprompt {

/// Starts `options.jobs` processes and waits until every cell is done or failed. One that dies is
/// replaced.
void run_side_by_side(const std::string& experiment, Store& store, const RunOptions& options,
                      Observer& observer);

}  // namespace qprompt
