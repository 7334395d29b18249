// A whole QCoOp training, from JPEGs to the file, against the plain implementation's steps.
#include <ATen/ATen.h>

#include <filesystem>

#include "plain_baseline.h"
#include "qprompt/train.h"
#include "support/jpegs.h"
#include "support/random_clip.h"
#include "support/timing.h"

namespace qprompt::bench {
namespace {

constexpr int64_t kBatch = 32;

// The job: CoOp's own (16 shots, 50 epochs, batch 32), or a short one.
struct Job {
  int64_t classes = 24, shots = 16, epochs = 50;
  int64_t steps() const { return classes * shots / kBatch * epochs; }
};

Job job_of(const Settings& settings) {
  Job job;
  if (settings.quick) job.epochs = 5;
  if (settings.tiny) {
    job.classes = 4;
    job.epochs = 2;
  }
  return job;
}

// Seconds of one run of `fit_prompt`, with V augmented views or (0) the test view.
double fit(const Settings& settings, const Clip& clip, const Split& split, const std::string& cache,
           int64_t views) {
  FitOptions options;
  options.train.epochs = job_of(settings).epochs;
  options.train.batch = kBatch;
  options.method.set("n-ctx", 4);
  options.method.set("init", std::string());
  options.features.cache = cache;
  options.features.threads = settings.threads;
  options.views = views;
  options.shots = job_of(settings).shots;
  Log log;
  return fit_prompt(clip, split, options, log).seconds;
}

// A step as the published code makes it: 32 images encoded, the padded text tower both ways.
double plain_step(const Settings& settings, const std::string& model, const Clip& clip,
                  const Split& split) {
  const Sizes sizes = sizes_of(settings);
  const WeightStore store = read_weights(model);
  plain::PlainBaseline plain(store.tensors, true);
  Names names;
  for (const std::string& name : split.class_names) {
    names.push_back(clip.tokenizer().encode(name));
    names.back().push_back(full_stop(sizes.vocab));
  }
  const auto texts = plain.coop_texts(names, 4);
  at::Tensor context = at::randn({4, sizes.text_width}).mul_(0.02);
  const at::Tensor pixels = at::randn({kBatch, 3, sizes.image, sizes.image});
  const at::Tensor labels = at::randint(static_cast<int64_t>(names.size()), {kBatch}, at::kLong);
  Settings few = settings;
  few.quick = true;
  const auto step = [&] {
    const at::Tensor image = plain.encode_image(pixels);
    plain.coop_step(texts, context, image / image.norm(2, 1, true), labels);
  };
  const auto samples = race(few, {{"plain step", step, 1, best_pools(settings, step)}});
  return samples[0].median();
}

int run(const Settings& settings) {
  const Job job = job_of(settings);
  const TempFolder folder;
  say("writing a random CLIP and made-up images");
  const std::string model = write_random_clip(folder.path(), sizes_of(settings));
  std::filesystem::create_directory(folder.path() + "/images");
  const Split split = write_images(folder.path() + "/images", job.classes, job.shots);
  const Clip clip = open_clip(model);
  clip.fingerprint();
  const std::string cache = folder.path() + "/cache";
  say("timing the plain step");
  const double before = plain_step(settings, model, clip, split);
  struct Run {
    const char* name;
    int64_t views;
    double aim, seconds = 0;
  } runs[] = {
      {"cold, test view", 0, 40}, {"warm, test view", 0, 100}, {"cold, one augmented view", 1, 30}};
  for (Run& one : runs) {
    say(cat("training: ", one.name));
    one.seconds = fit(settings, clip, split, cache, one.views);
  }
  say("timing the plain step again");
  const double step = 0.5 * (before + plain_step(settings, model, clip, split));
  const double plain = step * double(job.steps());
  Findings findings(settings);
  Table table{cat("QCoOp, ", job.classes, " classes, ", job.shots, " shots, ", job.epochs,
                  " epochs: ", job.steps(), " steps"),
              {"side", "a run", "plain / this"},
              {}};
  findings.json() = {{"steps", job.steps()}, {"plain_step_s", step}, {"plain_s", plain}};
  for (const Run& one : runs) {
    table.rows.push_back(
        {cat("qprompt, ", one.name), duration(one.seconds), digits(plain / one.seconds) + " ×"});
    findings.json()[one.name] = one.seconds;
    if (!settings.quick)
      findings.add(Aim{cat("plain / ours, ", one.name), plain / one.seconds, one.aim, true, "×"});
  }
  table.rows.push_back(
      {cat("plain, ", digits(step), " s a step (measured) × steps"), duration(plain), ""});
  findings.add(table);
  return findings.finish();
}

}  // namespace
}  // namespace qprompt::bench

int main(int argc, char** argv) {
  using namespace qprompt::bench;
  return run(start(argc, argv, "a whole training, from images to the file"));
}
