#include <filesystem>
#include <iostream>

#include "cli/generate.h"
#include "cli/parse.h"
#include "qprompt/version.h"

namespace qprompt::cli {
namespace {

/// Text for roff: a backslash and a line's leading dot or quote mean something there.
std::string roff(const std::string& text) {
  std::string out;
  for (char c : text) {
    if (c == '\\') {
      out += "\\e";
    } else if (c == '-') {
      out += "\\-";
    } else {
      if ((c == '.' || c == '\'') && (out.empty() || out.back() == '\n')) out += "\\&";
      out += c;
    }
  }
  return out;
}

std::string option_entry(const Option& option) {
  std::string name = option.positional() ? option.name : "--" + option.name;
  if (option.letter != 0) name = std::string("-") + option.letter + ", " + name;
  std::string out = ".TP\n\\fB" + roff(name) + "\\fR";
  if (!option.positional() && option.kind != Option::Kind::kFlag) out += " \\fIvalue\\fR";
  out += "\n" + roff(option.help);
  if (option.required) out += roff(" (required)");
  if (!option.default_text.empty()) out += roff("; default: " + option.default_text);
  return out + "\n";
}

std::string option_entries(const Command& command) {
  std::string out;
  for (const auto& option : command.options()) {
    if (!option->hidden) out += option_entry(*option);
  }
  return out;
}

std::string synopsis(const std::string& name, const Command& command) {
  std::string out = "\\fB" + roff(name) + "\\fR";
  if (!command.commands().empty()) out += " \\fIcommand\\fR";
  out += " [\\fIoptions\\fR]";
  for (const auto& option : command.options()) {
    if (!option->positional()) continue;
    out += " \\fI" + roff(option->name) + "\\fR" + (option->repeated() ? " ..." : "");
  }
  return out + "\n";
}

/// A command below another one is part of its page.
std::string sub_commands(const Command& program, const Command& command) {
  std::string out;
  for (const auto& below : command.commands()) {
    if (&command == &program) {
      out += ".TP\n\\fBqprompt\\-" + roff(below->name()) + "\\fR(1)\n" + roff(below->help()) + "\n";
      continue;
    }
    const std::string name = program.name() + " " + command.name() + " " + below->name();
    out += ".SS " + synopsis(name, *below) + roff(below->help()) + "\n" + option_entries(*below);
  }
  return out.empty() ? "" : ".SH COMMANDS\n" + out;
}

constexpr const char* kExitCodes =
    ".SH EXIT STATUS\n"
    ".TP\n0\ndone\n.TP\n2\nwrong usage\n.TP\n3\ncontent that is wrong or damaged\n"
    ".TP\n4\na path that is missing, unreadable or cannot be written\n"
    ".TP\n70\nan internal error, or out of memory\n"
    ".TP\n75\nstopped by SIGTERM; the same command goes on\n"
    ".TP\n130\ninterrupted by Ctrl\\-C; the same command goes on\n";

std::string page_name(const Command& program, const Command& command) {
  return &command == &program ? program.name() : program.name() + "-" + command.name();
}

const Command& find_command(const Command& program, const std::string& name) {
  if (name.empty()) return program;
  std::vector<std::string> names;
  for (const auto& below : program.commands()) {
    if (below->name() == name) return *below;
    names.push_back(below->name());
  }
  const std::string near = nearest(name, names);
  fail(ErrorKind::kUsage, "there is no command '", name, "'",
       near.empty() ? "" : "; did you mean '" + near + "'?");
}

}  // namespace

std::string manual_page(const Command& program, const Command& command) {
  const std::string name = page_name(program, command);
  const std::string words = &command == &program ? name : program.name() + " " + command.name();
  std::string title;
  for (char c : name) title += c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  std::string out = ".TH \"" + title + "\" 1 \"\" \"qprompt " + kVersion + "\"\n.SH NAME\n" +
                    roff(name) + " \\- " + roff(command.help()) + "\n.SH SYNOPSIS\n" +
                    synopsis(words, command) + sub_commands(program, command);
  const std::string own = option_entries(command);
  if (!own.empty()) out += ".SH OPTIONS\n" + own;
  if (&command != &program) {
    out += ".SH OPTIONS OF EVERY COMMAND\n" + option_entries(program);
  }
  out += ".SH ENVIRONMENT\nEvery option can be set by a variable: \\fB" +
         environment_name("some-option") +
         "\\fR for \\fB\\-\\-some\\-option\\fR. The command line "
         "goes first.\n";
  out += kExitCodes;
  if (&command != &program) out += ".SH SEE ALSO\n.BR qprompt (1)\n";
  return out;
}

void add_manual(Command& program) {
  struct Asked {
    std::string command, out;
  };
  auto asked = std::make_shared<Asked>();
  Command& command = program.add_command("man", "manual pages, as man(1) reads them");
  command.add_argument("command", "the page of this command; default: the program's",
                       asked->command);
  command.add_text("out", "write all pages to this folder", asked->out);
  command.on_run([asked, &program] {
    if (asked->out.empty()) {
      std::cout << manual_page(program, find_command(program, asked->command));
      return;
    }
    make_folder(asked->out);
    const std::filesystem::path folder(asked->out);
    const auto write = [&](const Command& one) {
      write_file_atomic((folder / (page_name(program, one) + ".1")).string(),
                        manual_page(program, one));
    };
    write(program);
    for (const auto& below : program.commands()) write(*below);
  });
}

}  // namespace qprompt::cli
