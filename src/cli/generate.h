// Completions and manual pages, made of the tree of commands.
#pragma once

#include <string>

#include "cli/command.h"

namespace qprompt::cli {

std::string bash_completion(const Command& program);
std::string zsh_completion(const Command& program);
std::string fish_completion(const Command& program);

/// A page for man(1) of the program, with its commands named, or of a command with all options.
std::string manual_page(const Command& program, const Command& command);

/// `completion SHELL` and `man [CMD]`, which print one text, or with --out DIR write all.
void add_completion(Command& program);
void add_manual(Command& program);

}  // namespace qprompt::cli
