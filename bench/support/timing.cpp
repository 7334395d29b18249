#include "support/timing.h"

#include <ATen/Parallel.h>
#include <dlfcn.h>
#include <malloc.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <iostream>

#include "base/runtime.h"
#include "qprompt/base.h"

namespace qprompt::bench {
namespace {

// A function of the BLAS by its name, where the loaded one has it.
template <class Function>
Function* blas_function(const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_DEFAULT, name));
}

// A field of /proc/self/status, in bytes: the counters of wait4 are no use, since a child inherits
// the peak of the process that started it.
int64_t status_bytes(const std::string& field) {
  std::ifstream in("/proc/self/status");
  for (std::string line; std::getline(in, line);) {
    if (line.rfind(field + ":", 0) == 0) return 1024 * std::stoll(line.substr(field.size() + 1));
  }
  return 0;
}

std::string quote(const std::string& text) {
  std::string out = "'";
  for (char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

// While it lives, the pools are these; then again as they were.
class PoolsGuard {
 public:
  explicit PoolsGuard(const Pools& pools) : torch_(at::get_num_threads()) {
    if (const auto get = blas_function<int()>("openblas_get_num_threads")) blas_ = get();
    set(pools);
  }
  ~PoolsGuard() { set({torch_, blas_}); }
  PoolsGuard(const PoolsGuard&) = delete;
  PoolsGuard& operator=(const PoolsGuard&) = delete;

 private:
  static void set(const Pools& pools) {
    if (pools.torch > 0) at::set_num_threads(static_cast<int>(pools.torch));
    const auto set_blas = blas_function<void(int)>("openblas_set_num_threads");
    if (pools.blas > 0 && set_blas != nullptr) set_blas(static_cast<int>(pools.blas));
  }
  int64_t torch_ = 0, blas_ = 0;
};

double seconds_of(const std::function<void()>& run, int64_t calls) {
  const double started = now_seconds();
  for (int64_t call = 0; call < calls; ++call) run();
  return (now_seconds() - started) / static_cast<double>(calls);
}

// The last line that a command prints, as JSON.
Json json_of(const std::string& command) {
  FILE* pipe = ::popen(command.c_str(), "r");
  if (pipe == nullptr) fail(ErrorKind::kInternal, "cannot start: ", command);
  std::string text;
  char buffer[4096];
  for (size_t n; (n = std::fread(buffer, 1, sizeof buffer, pipe)) > 0;) text.append(buffer, n);
  const int status = ::pclose(pipe);
  while (!text.empty() && text.back() == '\n') text.pop_back();
  const Json json = Json::parse(text.substr(text.rfind('\n') + 1), nullptr, false);
  if (status != 0 || json.is_discarded()) {
    fail(ErrorKind::kInternal, "ended with status ", status, ": ", command);
  }
  return json;
}

}  // namespace

double Sample::median() const {
  std::vector<double> sorted = seconds;
  std::sort(sorted.begin(), sorted.end());
  const size_t n = sorted.size();
  return n % 2 == 1 ? sorted[n / 2] : 0.5 * (sorted[n / 2 - 1] + sorted[n / 2]);
}
double Sample::least() const { return *std::min_element(seconds.begin(), seconds.end()); }
double Sample::most() const { return *std::max_element(seconds.begin(), seconds.end()); }

std::string Sample::text() const {
  const bool small = median() < 0.1;
  const double scale = small ? 1e3 : 1;
  return cat(digits(scale * median()), small ? " ms (" : " s (", digits(scale * least()), " – ",
             digits(scale * most()), ")");
}

Json Sample::json() const {
  return {{"name", name}, {"median_s", median()}, {"least_s", least()}, {"most_s", most()}};
}

Pools best_pools(const Settings& settings, const std::function<void()>& run) {
  const int64_t n = settings.threads;
  const auto parallel = blas_function<int()>("openblas_get_parallel");
  if (n == 1 || parallel == nullptr || parallel() != 1) return {};
  Pools best;
  double least = 1e300;
  for (const Pools& pools : {Pools{n, n}, Pools{1, n}, Pools{n, 1}}) {
    const PoolsGuard guard(pools);
    const double seconds = seconds_of(run, 1);
    if (seconds < least) {
      least = seconds;
      best = pools;
    }
  }
  return best;
}

std::vector<Sample> race(const Settings& settings, const std::vector<Runner>& runners) {
  std::vector<Sample> samples;
  for (const Runner& runner : runners) {
    const PoolsGuard guard(runner.pools);
    runner.run();
    samples.push_back({runner.name, {}});
  }
  for (int64_t round = 0; round < settings.rounds(); ++round) {
    for (size_t i = 0; i < runners.size(); ++i) {
      const PoolsGuard guard(runners[i].pools);
      samples[i].seconds.push_back(seconds_of(runners[i].run, runners[i].calls));
    }
  }
  return samples;
}

int64_t resident_bytes() {
  malloc_trim(0);  // what was freed is not held, though the heap may keep it
  return status_bytes("VmRSS");
}

int report_memory(int64_t loaded, const Json& more) {
  const Json line{{"loaded", loaded}, {"peak", status_bytes("VmHWM")}, {"more", more}};
  std::cout << line.dump() << std::endl;
  return 0;
}

Memory memory_of(const Settings& settings, const std::string& side, const std::string& model) {
  const Json json = json_of(cat("exec /proc/", ::getpid(), "/exe --threads ", settings.threads,
                                settings.tiny ? " --tiny" : (settings.quick ? " --quick" : ""),
                                " --side ", quote(side), " --model ", quote(model)));
  return {json.at("loaded"), json.at("peak"), json.at("more")};
}

Json run_python(const Settings& settings, const std::string& script, const std::string& arguments) {
  if (!settings.python) return Json::object();
  if (std::system("/usr/bin/python3 -c 'import torch' 2> /dev/null") != 0) {
    say("python3 has no torch here (Debian: python3-torch): that side is left out");
    return Json::object();
  }
  return json_of(cat("MALLOC_MMAP_THRESHOLD_=", 1 << 30, " MALLOC_TRIM_THRESHOLD_=", 1 << 30,
                     " OPENBLAS_NUM_THREADS=", settings.threads,
                     " OMP_NUM_THREADS=", settings.threads, " exec /usr/bin/python3 ",
                     quote(std::string(QPROMPT_BENCH_DIR) + "/" + script), " --threads ",
                     settings.threads, settings.tiny ? " --tiny " : " ", arguments));
}

}  // namespace qprompt::bench
