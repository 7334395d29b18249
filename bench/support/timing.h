// Fair timing: the sides take turns within every round, so that a busy moment of the machine meets
// all of them; medians and ratios of medians are reported.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "support/settings.h"

namespace qprompt::bench {

// Threads of LibTorch and of the BLAS. They differ where OpenBLAS has a pool of its own: both at
// once slow each other down, and which one should have the cores depends on the program.
struct Pools {
  int64_t torch = 0, blas = 0;  // 0: leave as the program's own start set them
};
// The pools under which `run` is fastest, tried once each; so that a side that is compared with
// ours does not suffer from settings that suit ours.
Pools best_pools(const Settings& settings, const std::function<void()>& run);

struct Runner {
  std::string name;
  std::function<void()> run;
  int64_t calls = 1;  // a round: the mean of so many is one sample
  Pools pools{};
};

// Seconds a call, one sample a round.
struct Sample {
  std::string name;
  std::vector<double> seconds;

  double median() const;
  double least() const;
  double most() const;
  std::string text() const;  // "0.251 s (0.249 – 0.260)"
  Json json() const;
};

// One warm-up call of each, then the rounds.
std::vector<Sample> race(const Settings& settings, const std::vector<Runner>& runners);

// What a child that runs one side alone held at most.
struct Memory {
  int64_t loaded = 0;  // resident once the weights are in memory, bytes
  int64_t peak = 0;    // resident at most, bytes
  Json more;           // whatever else the child reported

  int64_t above() const { return peak - loaded; }
};
// Runs this program again as `--side SIDE --model MODEL`; the child ends with `report_memory`.
Memory memory_of(const Settings& settings, const std::string& side, const std::string& model);
// The child: remembers what is resident now …
int64_t resident_bytes();
// … and ends by printing it with the peak. Returns the exit code.
int report_memory(int64_t loaded, const Json& more);

// Runs a Python script of this folder under /usr/bin/python3 with the same threads and allocator
// settings; an empty object and a note where Python has no LibTorch.
Json run_python(const Settings& settings, const std::string& script, const std::string& arguments);

}  // namespace qprompt::bench
