// One training step of CoOp against the same step with padded texts and autograd.
#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include "plain_baseline.h"
#include "qprompt/train.h"
#include "support/random_clip.h"
#include "support/timing.h"

namespace qprompt::bench {
namespace {

constexpr int64_t kBatch = 32;
constexpr double kRate = 0.002;

// Normalised random image features (B, E) and labels (B).
struct Images {
  at::Tensor features, labels;
};

Images random_images(const Sizes& sizes, int64_t classes) {
  at::manual_seed(2);
  const at::Tensor features = at::randn({kBatch, sizes.embed});
  return {features / features.norm(2, 1, true), at::randint(classes, {kBatch}, at::kLong)};
}

// Our side: packed rows, one step of SGD.
struct Ours {
  const Clip& clip;
  IdCoop learner;
  Images images;
  at::Tensor context;  // (M, D)

  Ours(const Clip& model, const Sizes& sizes, const Names& names)
      : clip(model),
        learner(model, names),
        images(random_images(sizes, static_cast<int64_t>(names.size()))) {
    Rng rng(1);
    context = learner.initial_values(rng)[0];
  }
  double step() {
    const at::Tensor leaf = context.detach().requires_grad_(true);
    const at::Tensor loss =
        prompt_loss(clip, learner.prompts({leaf}), images.features, images.labels);
    loss.backward();
    const at::NoGradGuard no_grad;
    context = context - kRate * leaf.grad();
    return loss.item<double>();
  }
  int64_t rows() const { return static_cast<int64_t>(learner.prompts({context}).rows.size()); }
};

// The plain side, from the same start.
struct Plain {
  WeightStore store;
  plain::PlainBaseline clip;
  plain::CoopTexts texts;
  Images images;
  at::Tensor context;

  Plain(const std::string& model, const Sizes& sizes, Names names, const at::Tensor& start)
      : store(read_weights(model)),
        clip(store.tensors, true),
        images(random_images(sizes, static_cast<int64_t>(names.size()))),
        context(start.clone()) {
    for (auto& name : names) name.push_back(full_stop(sizes.vocab));
    texts = clip.coop_texts(names, start.size(0));
  }
  double step() { return clip.coop_step(texts, context, images.features, images.labels); }
};

int run_side(const Settings& settings) {
  const Sizes sizes = sizes_of(settings);
  const Names names = pet_breeds(sizes);
  if (settings.side == "ours") {
    const Clip clip = open_clip(settings.model);
    Ours ours(clip, sizes, names);
    clip.fingerprint();  // reads every weight, so that all of them are resident
    const int64_t loaded = resident_bytes();
    for (int i = 0; i < 2; ++i) ours.step();
    return report_memory(loaded, {});
  }
  Plain plain(settings.model, sizes, names, at::zeros({4, sizes.text_width}));
  for (const auto& [name, weight] : plain.store.tensors) weight.sum();
  const int64_t loaded = resident_bytes();
  for (int i = 0; i < 2; ++i) plain.step();
  return report_memory(loaded, {});
}

double gigaflops(double flops, double seconds) { return flops / seconds * 1e-9; }

void compare(const Settings& settings, const std::string& model, const Clip& clip,
             Findings& findings) {
  const Sizes sizes = sizes_of(settings);
  const Names names = pet_breeds(sizes);
  Ours ours(clip, sizes, names);
  Plain plain(model, sizes, names, ours.context);
  const double first = ours.step(), plain_first = plain.step();
  if (std::abs(first - plain_first) > 1e-3 * std::abs(plain_first)) {
    fail(ErrorKind::kInternal, "the sides disagree: loss ", first, " and ", plain_first);
  }
  const int64_t rows = ours.rows();
  const auto padded = static_cast<int64_t>(names.size()) * sizes.context;
  Products products(sizes.text_width, sizes.text_layers, rows, true);
  say("timing a step of both sides and the matrix products alone");
  const auto alone_run = [&] { products.run(); };
  const auto plain_run = [&] { plain.step(); };
  const auto samples =
      race(settings, {{"qprompt", [&] { ours.step(); }, 3},
                      {"matrix products alone", alone_run, 3, best_pools(settings, alone_run)},
                      {"plain, 77 tokens", plain_run, 1, best_pools(settings, plain_run)}});
  const Memory memory = memory_of(settings, "ours", model);
  const Memory plain_memory = memory_of(settings, "plain", model);
  const double step = samples[0].median(), alone = samples[1].median();
  const double plain_step = samples[2].median();
  const double padded_flops = products.flops() / double(rows) * double(padded);
  const auto megabytes = [](const Memory& m) { return byte_size(double(m.above())); };
  findings.add(Table{
      cat("One CoOp step, ", names.size(), " pet breeds, batch ", kBatch, " of cached features"),
      {"side", "rows", "GFLOP", "a step", "GFLOP/s", "above the weights"},
      {{samples[0].name, cat(rows), digits(products.flops() * 1e-9), samples[0].text(),
        digits(gigaflops(products.flops(), step)), megabytes(memory)},
       {samples[1].name, cat(rows), digits(products.flops() * 1e-9), samples[1].text(),
        digits(gigaflops(products.flops(), alone)), ""},
       {samples[2].name, cat(padded), digits(padded_flops * 1e-9), samples[2].text(),
        digits(gigaflops(padded_flops, plain_step)), megabytes(plain_memory)}}});
  findings.json()["step"] = {{"rows", rows},
                             {"padded_rows", padded},
                             {"gflop", products.flops() * 1e-9},
                             {"qprompt", samples[0].json()},
                             {"products", samples[1].json()},
                             {"plain", samples[2].json()},
                             {"qprompt_bytes_above_weights", memory.above()},
                             {"plain_bytes_above_weights", plain_memory.above()}};
  findings.add(Aim{"plain step / our step", plain_step / step, 30, true, "×"});
  findings.add(Aim{"our rate / rate of the products alone", 100 * alone / step, 85, true, "%"});
}

void compare_python(const Settings& settings, Findings& findings) {
  std::string lengths;
  for (const auto& name : pet_breeds(sizes_of(settings))) lengths += cat(name.size(), " ");
  const Json python =
      run_python(settings, "plain_step.py", "--what text --names '" + lengths + "'");
  if (python.empty()) return;
  const Sample sample{"Python", python.at("seconds").get<std::vector<double>>()};
  findings.add(Table{cat("The same in Python, LibTorch ", python.at("torch").get<std::string>()),
                     {"side", "a step", "above the weights"},
                     {{"plain, 77 tokens", sample.text(),
                       byte_size(python.at("bytes_above_weights").get<double>())}}});
  findings.json()["python"] = python;
}

void scale(const Settings& settings, const Clip& clip, Findings& findings) {
  const Sizes sizes = sizes_of(settings);
  std::vector<int64_t> counts{10, 50, 100, 397};
  if (!settings.quick) counts.push_back(1000);
  std::vector<std::unique_ptr<Ours>> sides;
  std::vector<Runner> runners;
  for (int64_t classes : counts) {
    sides.push_back(std::make_unique<Ours>(clip, sizes, random_names(sizes, classes)));
    runners.push_back({cat(classes), [side = sides.back().get()] { side->step(); },
                       std::max<int64_t>(1, 100 / classes)});
  }
  say("timing steps of more classes");
  const auto samples = race(settings, runners);
  Table table{"A step by the number of classes (made-up names of ImageNet's lengths)",
              {"classes", "rows", "a step", "ms a class", "µs a row"},
              {}};
  double least = 1e300, most = 0;
  for (size_t i = 0; i < samples.size(); ++i) {
    const double each = samples[i].median() / double(counts[i]);
    const double row = samples[i].median() / double(sides[i]->rows());
    if (counts[i] >= 50) {
      least = std::min(least, each);
      most = std::max(most, each);
    }
    table.rows.push_back({samples[i].name, cat(sides[i]->rows()), samples[i].text(),
                          digits(1e3 * each), digits(1e6 * row)});
    Json entry = samples[i].json();
    entry["rows"] = sides[i]->rows();
    findings.json()["classes"].push_back(entry);
  }
  findings.add(table);
  findings.add(
      Aim{"time a class from 50 up: most above least", 100 * (most / least - 1), 15, false, "%"});
}

int run(const Settings& settings) {
  if (!settings.side.empty()) return run_side(settings);
  const TempFolder folder;
  say("writing a random CLIP");
  const std::string model = write_random_clip(folder.path(), sizes_of(settings));
  const Clip clip = open_clip(model);
  Findings findings(settings);
  compare(settings, model, clip, findings);
  compare_python(settings, findings);
  scale(settings, clip, findings);
  return findings.finish();
}

}  // namespace
}  // namespace qprompt::bench

int main(int argc, char** argv) {
  using namespace qprompt::bench;
  return run(start(argc, argv, "one step of CoOp against the plain 77-token text tower"));
}
