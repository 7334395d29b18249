#include "cli/experiment.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <thread>

#include "base/runtime.h"
#include "cli/signals.h"

namespace qprompt::cli {
namespace fs = std::filesystem;
namespace {

int64_t cores() { return std::max<int64_t>(1, std::thread::hardware_concurrency()); }

/// This command once more, as one of its processes.
std::vector<std::string> own_command(int64_t threads) {
  std::error_code error;
  const fs::path program = fs::read_symlink("/proc/self/exe", error);
  std::ifstream file("/proc/self/cmdline", std::ios::binary);
  std::vector<std::string> words;
  for (std::string word; std::getline(file, word, '\0');) words.push_back(word);
  if (error || words.empty()) {
    fail(ErrorKind::kInternal, "cannot tell how this program was started; run without --jobs");
  }
  words[0] = program.string();
  words.insert(words.end(), {"--quiet", "--worker-threads", cat(threads), "--worker"});
  return words;
}

std::string counted(int64_t count, const char* one, const char* many) {
  return cat(count, " ", count == 1 ? one : many);
}

/// How many processes, each with its fixed threads: as many as were asked for, but no more than the
/// cores carry; 0 asks for that many.
int64_t job_count(int64_t asked, int64_t threads, Log& log) {
  const int64_t fit = std::max<int64_t>(1, cores() / threads);
  if (asked > fit) {
    log.warn(cat("--jobs ", asked, " with ", counted(threads, "thread", "threads"),
                 " a cell is more than ", counted(cores(), "core carries", "cores carry"),
                 " and would be slower; ", counted(fit, "process is", "processes are"), " used"));
  }
  return asked == 0 ? fit : std::min(asked, fit);
}

/// The store of a command. Where the default place cannot be written, one that ends with it.
std::unique_ptr<Store> open_store(const ExperimentOptions& options, std::string& path, Log& log) {
  if (!options.database.empty()) {
    path = options.database;
    return sqlite_store(path, StoreMode::kCreate);
  }
  path = default_store_path(options.cache);
  try {
    make_folder(fs::path(path).parent_path().string());
    return sqlite_store(path, StoreMode::kCreate);
  } catch (const Error& e) {
    if (e.kind() != ErrorKind::kPath) throw;
    log.warn(cat(e.what(), "; finished trainings are not kept. Name a place with --db FILE"));
  }
  path.clear();
  return memory_store();
}

}  // namespace

void add_experiment_options(Command& command, ExperimentOptions& options, bool copies) {
  command.add_text("db",
                   "SQLite file that keeps what is finished; default: experiments.db in the cache, "
                   "where commands share it",
                   options.database);
  if (copies) {
    command.add_text("out", "folder for copies of the prompts and run records", options.out);
    command.add_flag("overwrite", "replace copies of other trainings in --out", options.overwrite);
  }
  command.add_number("jobs",
                     "processes side by side, each with its own threads; at most, and with 0: as "
                     "many as the cores carry",
                     options.jobs, {0, 1024});
  command.add_flag("retry", "try cells again that failed", options.retry);
  command.add_text("worker", "", options.invocation).hide();
  command.add_number("worker-threads", "", options.worker_threads, {0, 1024}).hide();
}

int64_t use_threads(const ExperimentOptions& options, const Session& session, int64_t usual) {
  int64_t threads = options.worker_threads > 0 ? options.worker_threads : session.threads;
  if (threads == 0) threads = usual;
  if (threads == 0 && options.jobs != 1) threads = 1;
  configure_runtime(threads);
  return runtime_info().threads;
}

Experimented run_experiment(const Clip& clip, Planner& planner, const ExperimentOptions& options,
                            const FeatureOptions& features, const Session& session) {
  Experimented out;
  Log log = make_log(session);
  const std::shared_ptr<Store> store = open_store(options, out.database, log);
  out.store = store;
  SignalObserver observer(log);
  qprompt::RunOptions run_options;
  run_options.features = features;
  run_options.device = session.device;
  run_options.dtype = session.dtype;
  run_options.retry = options.retry;
  run_options.invocation = options.invocation;
  run_options.store_name = out.database;
  if (!out.database.empty()) run_options.scratch = out.database + ".work";
  if (options.invocation.empty() && options.jobs != 1 && !out.database.empty()) {
    const int64_t threads = runtime_info().threads;
    run_options.jobs = job_count(options.jobs, threads, log);
    run_options.worker_command = own_command(threads);
  }
  if (!options.invocation.empty()) end_with_parent();
  out.results = run(clip, planner, *store, run_options, observer);
  out.printed_by_parent = !options.invocation.empty();
  if (!out.printed_by_parent && !options.out.empty()) {
    out.folders = copy_prompts(out.results, *store, options.out, options.overwrite);
  }
  return out;
}

void check_failures(const Results& results) {
  const int64_t failed = results.count(CellState::kFailed);
  if (failed == 0) return;
  for (const std::string& failure : results.failures()) std::cerr << "failed: " << failure << '\n';
  fail(ErrorKind::kContent, failed, " of ", results.cells.size(),
       " cells failed; the others are done. Run again with --retry to try them once more");
}

}  // namespace qprompt::cli
