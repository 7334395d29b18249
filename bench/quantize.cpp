// What quantization adds to a training step, and what one large fit takes.
#include <ATen/ATen.h>

#include "qprompt/quant.h"
#include "qprompt/train.h"
#include "support/random_clip.h"
#include "support/timing.h"

namespace qprompt::bench {
namespace {

constexpr int64_t kMapleValues = 3'500'000;
constexpr int64_t kMapleBatch = 4;
constexpr int64_t kMapleBits = 4;

// Quantizer steps over weights that move: two tensors taken in turn, the default schedule.
class Steps {
 public:
  Steps(std::vector<int64_t> shape, int64_t bits) : quantizer_(QuantizerOptions{.bits = bits}) {
    at::manual_seed(4);
    const at::Tensor start = at::randn(shape).mul_(0.02);
    weights_ = {start, start + at::randn(shape).mul_(0.0005)};
    for (at::Tensor& w : weights_) w.set_requires_grad(true);
  }
  void run() { quantizer_.step(weights_[size_t(turn_++ % 2)]); }

 private:
  Quantizer quantizer_;
  std::vector<at::Tensor> weights_;
  int64_t turn_ = 0;
};

// A training step of the 50 pet breeds on cached features, forward and backward.
class TrainingStep {
 public:
  TrainingStep(const Clip& clip, const Sizes& sizes)
      : clip_(clip), learner_(clip, pet_breeds(sizes)) {
    Rng rng(1);
    context_ = learner_.initial_values(rng)[0];
    const at::Tensor image = at::randn({32, sizes.embed});
    image_ = image / image.norm(2, 1, true);
    labels_ = at::randint(50, {32}, at::kLong);
  }
  void run() {
    const at::Tensor leaf = context_.detach().requires_grad_(true);
    prompt_loss(clip_, learner_.prompts({leaf}), image_, labels_).backward();
  }

 private:
  const Clip& clip_;
  IdCoop learner_;
  at::Tensor context_, image_, labels_;
};

int run(const Settings& settings) {
  const Sizes sizes = sizes_of(settings);
  const TempFolder folder;
  say("writing a random CLIP");
  const Clip clip = open_clip(write_random_clip(folder.path(), sizes));
  const int64_t many = settings.tiny ? 35'000 : kMapleValues;
  TrainingStep training(clip, sizes);
  const at::Tensor pixels = at::randn({kMapleBatch, 3, sizes.image, sizes.image});
  Steps coop({4, sizes.text_width}, 1), maple({many}, kMapleBits);
  const at::Tensor fresh = at::randn({many});
  const std::span<const float> values(fresh.data_ptr<float>(), size_t(many));
  say("timing");
  // Enough calls a sample that the fits of the adaptive schedule fall into it.
  const auto s =
      race(settings, {{"CoOp step, 50 classes", [&] { training.run(); }, 3},
                      {"image tower, 4 images", [&] { clip.encode_image(pixels); }},
                      {"quantizer step, 4 × 512 values, 1 bit", [&] { coop.run(); }, 200},
                      {"quantizer step, 3.5 M values, 4 bits", [&] { maple.run(); }, 50},
                      {"fit, 3.5 M values, 4 bits", [&] { fit_codebook(values, kMapleBits); }}});
  Findings findings(settings);
  Table table{"Quantization beside training", {"what", "a call"}, {}};
  for (const Sample& sample : s) {
    table.rows.push_back({sample.name, sample.text()});
    findings.json()["samples"].push_back(sample.json());
  }
  findings.add(table);
  // A deep prompt's step has no cache: its images go through the tower, and the gradient comes back
  // through it, which costs as much again.
  const double maple_step = s[0].median() + 2 * s[1].median();
  findings.add(Aim{"quantizer / CoOp step", 100 * s[2].median() / s[0].median(), 1, false, "%"});
  findings.add(Aim{"3.5 M values: quantizer / (CoOp step + 2 × 4 images)",
                   100 * s[3].median() / maple_step, 3, false, "%"});
  findings.add(Aim{"fit of 3.5 M values at 4 bits", 1e3 * s[4].median(), 150, false, "ms"});
  return findings.finish();
}

}  // namespace
}  // namespace qprompt::bench

int main(int argc, char** argv) {
  using namespace qprompt::bench;
  return run(start(argc, argv, "the quantizer's share of a training step, and a large fit"));
}
