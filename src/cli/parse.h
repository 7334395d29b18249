// From words to a command whose options are set.
#pragma once

#include <string>
#include <vector>

#include "cli/command.h"
#include "cli/settings.h"

namespace qprompt::cli {

/// Sets the options of `program` and of the command that `arguments` (without the program's name)
/// choose: from the command line, else from the environment (QPROMPT_ and the option's name), else
/// from `settings`.
/// Returns the chosen command, or `program` where none was named. `help CMD` is `CMD --help`; where
/// help was asked for it is left in `help_text`, and no option is set.
/// Throws Error(kUsage), with the nearest known word where one is unknown.
Command& parse(Command& program, const std::vector<std::string>& arguments,
               const Settings& settings, std::string& help_text);

/// "QPROMPT_CHECKPOINT_SECONDS" for "checkpoint-seconds".
std::string environment_name(const std::string& option);

}  // namespace qprompt::cli
