#include <algorithm>
#include <charconv>
#include <filesystem>
#include <iostream>
#include <new>

#include "base/runtime.h"
#include "base/text.h"
#include "cli/app.h"
#include "cli/generate.h"
#include "cli/parse.h"
#include "qprompt/version.h"

namespace qprompt::cli {
namespace {

std::string version_text() {
  const RuntimeInfo info = runtime_info();
  return cat("qprompt ", kVersion, "\nLibTorch ", info.torch, "\nBLAS ", info.blas,
             info.slow_blas ? " (slow: install OpenBLAS)" : "", "\nproducts ", Clip::product(),
             "\nallocator ", info.allocator, "\nthreads ", info.threads);
}

Field seed_field(uint64_t& seed) {
  return {"seed", "seed of draws, views, order and random contexts", [&seed] { return cat(seed); },
          [&seed](const std::string& text) {
            const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seed);
            if (error != std::errc() || end != text.data() + text.size()) {
              fail(ErrorKind::kUsage, "'", text, "' is not a whole number from 0 to 2^64 - 1");
            }
          }};
}

Field dtype_field(std::string& dtype) {
  return {"dtype", "arithmetic of the towers: float32 or bfloat16", [&dtype] { return dtype; },
          [&dtype](const std::string& text) {
            const std::vector<std::string> names{"float32", "bfloat16"};
            dtype = names[parse_choice(text, names)];
          }};
}

void add_common_options(Command& program, Session& session) {
  program.add_number("threads", "threads; 0: all cores (the demo: 1)", session.threads, {0, 1024});
  program.add_text("device", "cpu, cuda, cuda:1 …", session.device);
  program.add(dtype_field(session.dtype));
  program.add(seed_field(session.seed));
  program.add_flag("quiet", "no notes and no progress bar", session.quiet);
  program.add_flag("json", "results as JSON on standard output", session.json);
}

void add_commands(Command& program, Session& session) {
  add_demo(program, session);
  add_train(program, session);
  add_eval(program, session);
  add_base_to_new(program, session);
  add_run(program, session);
  add_report(program, session);
  add_study(program, session);
  add_zero_shot(program, session);
  add_classify(program, session);
  add_import(program, session);
  add_quantize(program, session);
  add_inspect(program, session);
  add_encode(program, session);
  add_tokenize(program, session);
  add_data(program, session);
  add_completion(program);
  add_manual(program);
  // Read as 'CMD --help' before anything is parsed (cli/parse.h); here for lists of commands.
  program.add_command("help", "the help of a command");
}

/// Threads must be set before a command starts, which is after the options are known.
void configure(const Session& session, bool version) {
  configure_runtime(session.threads);
  if (!version && runtime_info().slow_blas) {
    std::cerr << "warning: the slow reference BLAS is in use; install OpenBLAS (on Debian: "
                 "libopenblas0-pthread)\n";
  }
}

int run(const std::vector<std::string>& arguments) {
  Command program("qprompt", "Prompt learning for CLIP with quantized prompts");
  Session session;
  session.words = arguments;
  bool version = false;
  add_common_options(program, session);
  program.add_flag("version", "versions of the program and of what computes", version)
      .only_on_command_line();
  add_commands(program, session);
  program
      .add_text("config", "file of settings; default: qprompt.toml in this folder; none: no file",
                session.config)
      .only_on_command_line();
  const Settings settings = Settings::find(arguments);
  settings.check(program);
  std::string help;
  const Command& command = parse(program, arguments, settings, help);
  if (help.empty()) configure(session, version);
  if (version) help = version_text() + "\n";
  if (!help.empty()) {
    std::cout << help;
  } else if (command.run()) {
    command.run()();
  } else {
    parse(program, {command.name(), "--help"}, settings, help);
    std::cerr << help;
    return static_cast<int>(ErrorKind::kUsage);
  }
  std::cout.flush();
  if (!std::cout) fail(ErrorKind::kPath, "cannot write to standard output");
  return 0;
}

/// LibTorch's allocator has an error of its own.
bool is_out_of_memory(const std::exception& e) {
  const std::string_view what = e.what();
  return dynamic_cast<const std::bad_alloc*>(&e) != nullptr ||
         what.find("allocate memory") != what.npos || what.find("out of memory") != what.npos;
}

int explain(const std::exception& e) {
  if (is_out_of_memory(e)) {
    std::cerr << "error: out of memory; fewer classes or images at a time may help\n";
  } else {
    std::cerr << "internal error: " << printable(e.what(), true)
              << "\nThis is a bug in qprompt; please report it.\n";
  }
  return static_cast<int>(ErrorKind::kInternal);
}

}  // namespace
}  // namespace qprompt::cli

int main(int argc, char** argv) {
  try {
    return qprompt::cli::run({argv + std::min(argc, 1), argv + argc});
  } catch (const qprompt::Error& e) {
    std::cerr << "error: " << qprompt::printable(e.what(), true) << '\n';
    return static_cast<int>(e.kind());
  } catch (const std::filesystem::filesystem_error& e) {
    std::cerr << "error: " << qprompt::printable(e.what(), true) << '\n';
    return static_cast<int>(qprompt::ErrorKind::kPath);
  } catch (const std::exception& e) {
    return qprompt::cli::explain(e);
  }
}
