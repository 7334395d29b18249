#include <algorithm>
#include <filesystem>
#include <iostream>

#include "cli/generate.h"

namespace qprompt::cli {
namespace {

/// A command with the words that lead to it: "train", "data check".
struct Reached {
  std::string path;
  const Command* command;
};

void reach(const Command& command, const std::string& path, std::vector<Reached>& all) {
  all.push_back({path, &command});
  for (const auto& below : command.commands()) {
    reach(*below, path.empty() ? below->name() : path + " " + below->name(), all);
  }
}

std::vector<Reached> every_command(const Command& program) {
  std::vector<Reached> all;
  reach(program, "", all);
  return all;
}

std::string words_of(const Command& program, const Command& command) {
  std::string words;
  for (const auto& below : command.commands()) words += " " + below->name();
  for (const Command* source : {&command, &program}) {
    for (const auto& option : source->options()) {
      if (!option->positional() && !option->hidden) words += " --" + option->name;
    }
    if (&command == &program) break;
  }
  return words.substr(words.empty() ? 0 : 1) + " --help";
}

/// Single quotes, with those within taken out of them: for every shell.
std::string shell_quoted(const std::string& text) {
  std::string out = "'";
  for (char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

std::string fish_quoted(const std::string& text) {
  std::string out = "'";
  for (char c : text) {
    if (c == '\'' || c == '\\') out += '\\';
    out += c;
  }
  return out + "'";
}

/// The walk along the words to the command that they reach, as shell code; bash and zsh read it.
std::string walk(const std::vector<Reached>& all, const std::string& words) {
  std::string out = "  for word in " + words + "; do\n    case \"$path $word\" in\n";
  for (const auto& [path, command] : all) {
    if (!path.empty()) out += "      " + shell_quoted(" " + path) + ") path=' " + path + "' ;;\n";
  }
  return out + "    esac\n  done\n";
}

std::string choose_words(const Command& program, const std::vector<Reached>& all,
                         const std::string& variable) {
  std::string out = "  case \"$path\" in\n";
  for (const auto& [path, command] : all) {
    out += "    '" + (path.empty() ? "" : " " + path) + "') " + variable + "=" +
           shell_quoted(words_of(program, *command)) + " ;;\n";
  }
  return out + "  esac\n";
}

}  // namespace

std::string bash_completion(const Command& program) {
  const auto all = every_command(program);
  return "# bash completion for qprompt: made by 'qprompt completion bash'\n"
         "_qprompt() {\n  local cur=${COMP_WORDS[COMP_CWORD]} path= word known=\n" +
         walk(all, "\"${COMP_WORDS[@]:1:COMP_CWORD-1}\"") + choose_words(program, all, "known") +
         "  COMPREPLY=($(compgen -W \"$known\" -- \"$cur\"))\n}\n"
         "complete -o default -F _qprompt qprompt\n";
}

std::string zsh_completion(const Command& program) {
  const auto all = every_command(program);
  return "#compdef qprompt\n# zsh completion for qprompt: made by 'qprompt completion zsh'\n"
         "_qprompt() {\n  local path= word known=\n" +
         walk(all, "\"${words[@]:1:$((CURRENT-2))}\"") + choose_words(program, all, "known") +
         "  compadd -- ${=known}\n  _files\n}\n_qprompt \"$@\"\n";
}

std::string fish_completion(const Command& program) {
  std::string out = "# fish completion for qprompt: made by 'qprompt completion fish'\n";
  for (const auto& [path, command] : every_command(program)) {
    // Each word of the path was typed; the program's own words come where none was yet.
    std::string condition;
    for (size_t begin = 0; begin < path.size();) {
      const size_t end = std::min(path.find(' ', begin), path.size());
      condition += (begin == 0 ? "" : "; and ") +
                   ("__fish_seen_subcommand_from " + path.substr(begin, end - begin));
      begin = end + 1;
    }
    const std::string when = condition.empty() ? "" : " -n " + fish_quoted(condition);
    for (const auto& below : command->commands()) {
      out += "complete -c qprompt -f" + (when.empty() ? " -n __fish_use_subcommand" : when) +
             " -a " + below->name() + " -d " + fish_quoted(below->help()) + "\n";
    }
    for (const auto& option : command->options()) {
      if (option->positional() || option->hidden) continue;
      out += "complete -c qprompt" + when + " -l " + option->name +
             (option->letter == 0 ? "" : std::string(" -s ") + option->letter) +
             (option->kind == Option::Kind::kFlag ? "" : " -r") + " -d " +
             fish_quoted(option->help) + "\n";
    }
  }
  return out;
}

void add_completion(Command& program) {
  struct Asked {
    std::string shell, out;
  };
  auto asked = std::make_shared<Asked>();
  Command& command = program.add_command("completion", "completions for bash, zsh and fish");
  command.add_argument("shell", "bash, zsh or fish", asked->shell);
  command.add_text("out", "write the files of all three to this folder", asked->out);
  command.on_run([asked, &program] {
    const std::vector<std::string> shells{"bash", "zsh", "fish"};
    const std::vector<std::string> texts{bash_completion(program), zsh_completion(program),
                                         fish_completion(program)};
    if (asked->out.empty()) {
      std::cout << texts[parse_choice(asked->shell, shells)];
      return;
    }
    const std::filesystem::path folder(asked->out);
    make_folder(asked->out);
    const std::vector<std::string> names{"qprompt", "_qprompt", "qprompt.fish"};
    for (size_t i = 0; i < names.size(); ++i) {
      write_file_atomic((folder / names[i]).string(), texts[i]);
    }
  });
}

}  // namespace qprompt::cli
