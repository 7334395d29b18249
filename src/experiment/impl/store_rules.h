// What both stores hold to. Private to the room.
#pragma once

#include <string>

#include "experiment/store.h"

namespace qprompt {

/// A training that ends its process this often within one invocation is given up.
inline constexpr int64_t kDeathsOfOneCommand = 2;
inline constexpr const char* kDeadly = "the process died while it worked on this, twice";
/// The id whose bytes are the names of the experiments.
inline constexpr const char* kExperimentsId = "experiments";

/// What makes two cells of two plans the same: training and everything wanted of it.
std::string entry_id(const Entry& entry);
/// The cell with nothing done.
CellOutcome describe_entry(const Entry& entry);
/// Enters a score under the names that the experiment has for its list.
void add_score(CellOutcome& cell, const WantedScore& wanted, ScoredList score);
/// Throws kInternal for the store's own id, and for an empty one.
void check_blob_id(const std::string& id);
/// Throws kUsage; `names` has one a line, `where` is what holds them.
[[noreturn]] void refuse_unknown(const std::string& experiment, const std::string& names,
                                 const std::string& where);

}  // namespace qprompt
