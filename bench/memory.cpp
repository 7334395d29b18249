// Memory of training with many classes, each size in a process of its own.
#include <ATen/ATen.h>
#include <sys/resource.h>

#include "qprompt/train.h"
#include "support/random_clip.h"
#include "support/timing.h"

namespace qprompt::bench {
namespace {

constexpr int64_t kBatch = 32;
constexpr double kBudget = 1.5e9;         // bytes above the weights
constexpr rlim_t kLimit = 6'000'000'000;  // a run that wants more is stopped, not the machine

// Trains `classes` classes for two steps under a limit; the last line is the report.
int run_side(const Settings& settings) {
  const Sizes sizes = sizes_of(settings);
  const int64_t classes = std::stoll(settings.side);
  const Clip clip = open_clip(settings.model);
  clip.fingerprint();  // reads every weight, so that all of them are resident
  const IdCoop learner(clip, random_names(sizes, classes));
  TrainingData data{at::randn({1, 2 * kBatch, sizes.embed}), {}};
  for (int64_t i = 0; i < 2 * kBatch; ++i) data.labels.push_back(i % classes);
  TrainOptions options;
  options.epochs = 1;
  options.batch = kBatch;
  const int64_t loaded = resident_bytes();
  struct rlimit limit {};
  ::getrlimit(RLIMIT_DATA, &limit);
  limit.rlim_cur = static_cast<rlim_t>(loaded) + kLimit;
  ::setrlimit(RLIMIT_DATA, &limit);
  Rng rng(1);
  const auto rows = learner.prompts(learner.initial_values(rng)).rows.size();
  try {
    const TrainResult result = train_prompt(clip, learner, data, options);
    return report_memory(
        loaded, {{"rows", rows}, {"seconds_a_step", result.train_seconds / double(result.steps)}});
  } catch (const Error&) {
    throw;
  } catch (const std::exception&) {  // LibTorch's or the library's: no memory
    return report_memory(loaded, {{"rows", rows}});
  }
}

int run(const Settings& settings) {
  if (!settings.side.empty()) return run_side(settings);
  const TempFolder folder;
  say("writing a random CLIP");
  const std::string model = write_random_clip(folder.path(), sizes_of(settings));
  Findings findings(settings);
  Table table{"Training with many classes: two steps of QCoOp, batch 32 of cached features",
              {"classes", "rows", "a step", "above the weights"},
              {}};
  const std::vector<int64_t> counts =
      settings.tiny ? std::vector<int64_t>{100, 400} : std::vector<int64_t>{50, 1000, 20000};
  for (int64_t classes : counts) {
    say(cat("training with ", classes, " classes"));
    const Memory memory = memory_of(settings, cat(classes), model);
    const bool ended = memory.more.contains("seconds_a_step");
    const double step = ended ? memory.more.at("seconds_a_step").get<double>() : 0;
    table.rows.push_back(
        {cat(classes), cat(memory.more.at("rows").get<int64_t>()),
         ended ? digits(step) + " s" : "stopped",
         ended ? byte_size(double(memory.above())) : "more than " + byte_size(double(kLimit))});
    findings.json()["runs"].push_back({{"classes", classes},
                                       {"ended", ended},
                                       {"bytes_above_weights", memory.above()},
                                       {"more", memory.more}});
    if (classes < 1000) continue;
    const double bytes = ended ? double(memory.above()) : double(kLimit);
    findings.add(Aim{cat(classes, " classes, above the weights"), bytes * 1e-9, kBudget * 1e-9,
                     false, "GB"});
  }
  findings.add(table);
  return findings.finish();
}

}  // namespace
}  // namespace qprompt::bench

int main(int argc, char** argv) {
  using namespace qprompt::bench;
  return run(start(argc, argv, "memory of training with 1,000 and 20,000 classes"));
}
