#include <iostream>

#include "cli/app.h"
#include "qprompt/version.h"

namespace qprompt::cli {
namespace {

std::string version_text() {
  const RuntimeInfo info = runtime_info();
  return cat("qprompt ", kVersion, "\nLibTorch ", info.torch, "\nBLAS ", info.blas,
             info.slow_blas ? " (slow: install OpenBLAS)" : "", "\nproducts ", Clip::product(),
             "\nallocator ", info.allocator, "\nthreads ", info.threads);
}

void add_common_options(CLI::App& app, Session& session) {
  app.add_option("--threads", session.threads, "threads; 0: all cores (the demo: 1)")
      ->check(CLI::Range(0, 1024))
      ->envname("QPROMPT_THREADS")
      ->capture_default_str();
  app.add_option("--device", session.device, "cpu, cuda, cuda:1 …")->capture_default_str();
  app.add_option("--dtype", session.dtype, "arithmetic of the towers: float32 or bfloat16")
      ->check(CLI::IsMember({"float32", "bfloat16"}))
      ->capture_default_str();
  app.add_option("--seed", session.seed, "seed of draws, views, order and random contexts")
      ->capture_default_str();
  app.add_flag("--quiet", session.quiet, "no notes and no progress bar");
  app.add_flag("--json", session.json, "results as JSON on standard output");
}

void add_commands(CLI::App& app, Session& session) {
  add_demo(app, session);
  add_train(app, session);
  add_eval(app, session);
  add_base_to_new(app, session);
  add_run(app, session);
  add_report(app, session);
  add_study(app, session);
  add_zero_shot(app, session);
  add_classify(app, session);
  add_import(app, session);
  add_quantize(app, session);
  add_inspect(app, session);
  add_encode(app, session);
  add_tokenize(app, session);
  add_data(app, session);
}

int run(int argc, char** argv) {
  CLI::App app{"Prompt learning for CLIP with quantized prompts", "qprompt"};
  Session session;
  bool version = false;
  for (int i = 0; i < argc; ++i) {
    session.command += (i == 0 ? "qprompt" : cat(" ", argv[i]));
  }
  add_common_options(app, session);
  app.add_flag("--version", version, "versions of the program and of what computes");
  app.fallthrough();
  app.require_subcommand(0, 1);
  add_commands(app, session);
  // Threads must be set before a command starts, which is after the options are known.
  app.parse_complete_callback([&] {
    configure_runtime(session.threads);
    if (!version && runtime_info().slow_blas) {
      std::cerr << "warning: the slow reference BLAS is in use; install OpenBLAS (on Debian: "
                   "libopenblas0-pthread)\n";
    }
  });
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    if (e.get_exit_code() == static_cast<int>(CLI::ExitCodes::Success)) return app.exit(e);
    app.exit(e, std::cerr, std::cerr);
    return static_cast<int>(ErrorKind::kUsage);
  }
  if (version) {
    std::cout << version_text() << '\n';
  } else if (app.get_subcommands().empty()) {
    std::cerr << app.help();
    return static_cast<int>(ErrorKind::kUsage);
  }
  std::cout.flush();
  if (!std::cout) fail(ErrorKind::kPath, "cannot write to standard output");
  return 0;
}

}  // namespace
}  // namespace qprompt::cli

int main(int argc, char** argv) {
  try {
    return qprompt::cli::run(argc, argv);
  } catch (const qprompt::Error& e) {
    std::cerr << "error: " << e.what() << '\n';
    return static_cast<int>(e.kind());
  } catch (const std::bad_alloc&) {
    std::cerr << "error: out of memory; fewer classes or images at a time may help\n";
  } catch (const std::exception& e) {
    std::cerr << "internal error: " << e.what()
              << "\nThis is a bug in qprompt; please report it.\n";
  }
  return static_cast<int>(qprompt::ErrorKind::kInternal);
}
