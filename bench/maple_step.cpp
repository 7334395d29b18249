// One training step of MaPLe, which learns in both towers, against the same step with padded texts
// and autograd.
#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include "plain_maple.h"
#include "qprompt/train.h"
#include "support/random_clip.h"
#include "support/timing.h"

namespace qprompt::bench {
namespace {

constexpr int64_t kBatch = 4, kClasses = 50, kManyClasses = 100;
constexpr double kRate = 0.002;
constexpr const char* kWords = "1 2 3 4";  // a token each, as "a photo of a" in CLIP's vocabulary

MethodOptions context_of(const Settings& settings) {
  MethodOptions options("maple");
  options.set("init", kWords);
  options.set("n-ctx", 2);
  options.set("depth", settings.tiny ? 2 : 9);
  return options;
}

std::vector<std::string> names_of(const Sizes& sizes, int64_t classes) {
  return words_of(classes == kClasses ? pet_breeds(sizes) : random_names(sizes, classes));
}

// Pixels (B, 3, R, R) and labels (B).
struct Images {
  at::Tensor pixels, labels;
};

Images random_images(const Sizes& sizes, int64_t classes) {
  at::manual_seed(2);
  const at::Tensor pixels = at::randn({kBatch, 3, sizes.image, sizes.image});
  return {pixels, at::randint(classes, {kBatch}, at::kLong)};
}

// Our side: packed rows, one step of SGD.
struct Ours {
  const Clip& clip;
  std::unique_ptr<Learner> learner;
  Images images;
  std::vector<at::Tensor> values;

  Ours(const Clip& model, const Settings& settings, int64_t classes)
      : clip(model), images(random_images(sizes_of(settings), classes)) {
    learner = make_learner(clip, names_of(sizes_of(settings), classes), context_of(settings));
    Rng rng(1);
    values = learner->initial_values(rng);
  }
  std::vector<at::Tensor> leaves() const {
    std::vector<at::Tensor> leaves;
    for (const at::Tensor& value : values) leaves.push_back(value.detach().requires_grad_(true));
    return leaves;
  }
  double step() {
    const auto learned = leaves();
    const at::Tensor image = clip.encode_image(images.pixels, learner->image_prompts(learned));
    const at::Tensor loss =
        prompt_loss(clip, learner->prompts(learned), image / image.norm(2, 1, true), images.labels);
    loss.backward();
    const at::NoGradGuard no_grad;
    for (size_t i = 0; i < values.size(); ++i) values[i].sub_(learned[i].grad(), kRate);
    return loss.item<double>();
  }
  // The two towers alone, both ways.
  void text_side() const {
    const at::Tensor text = clip.encode_text(learner->prompts(leaves()));
    text.backward(at::ones_like(text));
  }
  void image_side() const {
    const at::Tensor image = clip.encode_image(images.pixels, learner->image_prompts(leaves()));
    image.backward(at::ones_like(image));
  }
  int64_t rows() const { return static_cast<int64_t>(learner->prompts(values).rows.size()); }

  // Under the names of MaPLe's checkpoints.
  std::map<std::string, at::Tensor> checkpoint() const {
    std::map<std::string, at::Tensor> named;
    const auto specs = learner->parameters();
    for (size_t i = 0; i < specs.size(); ++i) {
      const std::string& ours = specs[i].name;  // ctx, deep.1, proj.0.weight, proj.1.weight
      const size_t dot = ours.find('.', 5);
      std::string name = "ctx";
      if (ours.rfind("deep.", 0) == 0) {
        name = cat("compound_prompts_text.", std::stoll(ours.substr(5)) - 1);
      } else if (ours.rfind("proj.0.", 0) == 0) {
        name = "proj" + ours.substr(dot);
      } else if (ours.rfind("proj.", 0) == 0) {
        name =
            cat("compound_prompt_projections.", std::stoll(ours.substr(5)) - 1, ours.substr(dot));
      }
      named["prompt_learner." + name] = values[i];
    }
    return named;
  }
};

// The plain side.
struct Plain {
  WeightStore store;
  Images images;
  std::unique_ptr<plain::PlainMaple> maple;

  Plain(const std::string& model, const Clip& clip, const Settings& settings, int64_t classes)
      : store(read_weights(model)), images(random_images(sizes_of(settings), classes)) {
    const MethodOptions context = context_of(settings);
    Names names;
    for (const std::string& name : names_of(sizes_of(settings), classes)) {
      names.push_back(clip.tokenizer().encode(cat(kWords, " ", name, ".")));
      names.back().erase(names.back().begin(), names.back().begin() + context.whole("n-ctx"));
    }
    const plain::MapleOptions options{context.whole("depth"), context.whole("n-ctx"), kRate};
    maple = std::make_unique<plain::PlainMaple>(store.tensors, true, names, options);
  }
  double step() { return maple->step(images.pixels, images.labels); }
};

// Two steps of QMaPLe as the program trains it, with its optimizer and quantizers.
Json train(const Settings& settings, const Clip& clip, int64_t classes) {
  const auto learner =
      make_learner(clip, names_of(sizes_of(settings), classes), context_of(settings));
  const at::Tensor pixels = random_images(sizes_of(settings), classes).pixels;
  TrainingData data;
  for (int64_t i = 0; i < 2 * kBatch; ++i) data.labels.push_back(i % classes);
  data.pixels = [&](const std::vector<int64_t>&, int64_t) { return pixels; };
  TrainOptions options;
  options.epochs = 1;
  options.batch = kBatch;
  options.quantizer.bits = 4;
  const TrainResult result = train_prompt(clip, *learner, data, options);
  return {{"seconds_a_step", result.train_seconds / double(result.steps)},
          {"class_chunk", result.class_chunk},
          {"image_chunk", result.image_chunk}};
}

// "ours 50", "plain 50", "train 100": a child that holds this side alone.
int run_side(const Settings& settings) {
  const size_t space = settings.side.find(' ');
  const std::string what = settings.side.substr(0, space);
  const int64_t classes = std::stoll(settings.side.substr(space + 1));
  Clip clip = open_clip(settings.model);
  if (what == "plain") {
    Plain plain(settings.model, clip, settings, classes);
    for (const auto& [name, weight] : plain.store.tensors)
      weight.sum();  // so that all are resident
    const int64_t loaded = resident_bytes();
    for (int i = 0; i < 2; ++i) plain.step();
    return report_memory(loaded, {});
  }
  clip.fingerprint();  // reads every weight
  Ours ours(clip, settings, classes);
  const int64_t loaded = resident_bytes();
  if (what == "train") return report_memory(loaded, train(settings, clip, classes));
  for (int i = 0; i < 2; ++i) ours.step();
  return report_memory(loaded, {});
}

double gigaflops(double flops, double seconds) { return flops / seconds * 1e-9; }

// What both sides and their parts took.
struct Race {
  Sample ours, text, image, products, text_products, plain;
};

Race time_sides(const Settings& settings, Ours& ours, Plain& plain, Products& text,
                Products& image) {
  const auto products = [&] {
    text.run();
    image.run();
  };
  const auto text_products = [&] { text.run(); };
  const auto plain_step = [&] { plain.step(); };
  const Pools pools = best_pools(settings, products);
  const auto samples = race(settings, {{"qprompt", [&] { ours.step(); }, 2},
                                       {"qprompt, text tower", [&] { ours.text_side(); }, 3},
                                       {"qprompt, image tower", [&] { ours.image_side(); }, 2},
                                       {"matrix products alone", products, 2, pools},
                                       {"of these, texts", text_products, 3, pools},
                                       {"plain", plain_step, 1, best_pools(settings, plain_step)}});
  return {samples[0], samples[1], samples[2], samples[3], samples[4], samples[5]};
}

// Two steps from the same start: the second loss tells whether the updates agree.
void check_agreement(Ours& ours, Plain& plain) {
  plain.maple->set_values(ours.checkpoint());
  for (int i = 0; i < 2; ++i) {
    const double loss = ours.step(), plain_loss = plain.step();
    if (std::abs(loss - plain_loss) > 1e-3 * std::abs(plain_loss)) {
      fail(ErrorKind::kInternal, "the sides disagree: loss ", loss, " and ", plain_loss);
    }
  }
}

// A row of the table, and the same for programs.
void add_row(Table& table, Json& json, const Sample& sample, const std::string& rows,
             double flops) {
  table.rows.push_back({sample.name, rows, digits(flops * 1e-9), sample.text(),
                        digits(gigaflops(flops, sample.median())), ""});
  json.push_back(sample.json());
  json.back()["rows"] = rows;
  json.back()["gflop"] = flops * 1e-9;
}

void compare(const Settings& settings, const std::string& model, const Clip& clip,
             Findings& findings) {
  const Sizes sizes = sizes_of(settings);
  Ours ours(clip, settings, kClasses);
  Plain plain(model, clip, settings, kClasses);
  check_agreement(ours, plain);
  const int64_t texts = ours.rows(), padded = kClasses * sizes.context;
  const int64_t images = kBatch * (sizes.image_rows() + ours.learner->options().whole("n-ctx"));
  Products text(sizes.text_width, sizes.text_layers, texts, true, true);
  Products image(sizes.image_width, sizes.image_layers, images, true, true);
  say("timing a step of both sides, and the matrix products alone");
  const Race race = time_sides(settings, ours, plain, text, image);
  const Memory memory = memory_of(settings, cat("ours ", kClasses), model);
  const Memory plain_memory = memory_of(settings, cat("plain ", kClasses), model);
  const double flops = text.flops() + image.flops();
  // The plain side's last blocks work for all rows.
  const double plain_flops = block_flops(sizes.text_width, sizes.text_layers, padded) +
                             block_flops(sizes.image_width, sizes.image_layers, images);
  const int64_t depth = ours.learner->options().whole("depth");
  Table table{
      cat("One MaPLe step, depth ", depth, ", ", kClasses, " pet breeds, ", kBatch, " images"),
      {"side", "rows", "GFLOP", "a step", "GFLOP/s", "above the weights"},
      {}};
  Json& json = findings.json()["step"];
  add_row(table, json, race.ours, cat(texts, " + ", images), flops);
  table.rows.back().back() = byte_size(double(memory.above()));
  add_row(table, json, race.text, cat(texts), text.flops());
  add_row(table, json, race.image, cat(images), image.flops());
  add_row(table, json, race.products, cat(texts, " + ", images), flops);
  add_row(table, json, race.text_products, cat(texts), text.flops());
  add_row(table, json, race.plain, cat(padded, " + ", images), plain_flops);
  table.rows.back().back() = byte_size(double(plain_memory.above()));
  findings.add(table);
  findings.json()["bytes_above_weights"] = {{"qprompt", memory.above()},
                                            {"plain", plain_memory.above()}};
  findings.add(
      Aim{"plain step / our step", race.plain.median() / race.ours.median(), 3, true, "×"});
  findings.add(Aim{"our memory / plain memory",
                   100 * double(memory.above()) / double(plain_memory.above()), 25, false, "%"});
  findings.add(Aim{"our rate / rate of the products alone",
                   100 * race.products.median() / race.ours.median(), 85, true, "%"});
}

void many_classes(const Settings& settings, const std::string& model, Findings& findings) {
  Table table{"Two steps of QMaPLe as `qprompt train` makes them, 4 bits, batch 4",
              {"classes", "a step", "above the weights", "with the weights"},
              {}};
  for (const int64_t classes : {kClasses, kManyClasses}) {
    say(cat("training with ", classes, " classes"));
    const Memory memory = memory_of(settings, cat("train ", classes), model);
    table.rows.push_back({cat(classes),
                          digits(memory.more.at("seconds_a_step").get<double>()) + " s",
                          byte_size(double(memory.above())), byte_size(double(memory.peak))});
    findings.json()["training"].push_back({{"classes", classes},
                                           {"bytes_above_weights", memory.above()},
                                           {"bytes", memory.peak},
                                           {"more", memory.more}});
    if (classes == kManyClasses) {
      findings.add(Aim{cat(classes, " classes, with the weights"), double(memory.peak) * 1e-9, 4,
                       false, "GB"});
    }
  }
  findings.add(table);
}

int run(const Settings& settings) {
  if (!settings.side.empty()) return run_side(settings);
  const TempFolder folder;
  say("writing a random CLIP");
  const std::string model = write_random_clip(folder.path(), sizes_of(settings));
  Findings findings(settings);
  compare(settings, model, open_clip(model), findings);
  many_classes(settings, model, findings);
  return findings.finish();
}

}  // namespace
}  // namespace qprompt::bench

int main(int argc, char** argv) {
  using namespace qprompt::bench;
  return run(start(argc, argv, "one step of MaPLe against plain, padded towers"));
}
