// Makes everything in assets/demo from Fashion-MNIST: vocabulary, CLIP, pictures, notes.
//
// Without an option: all of it, into --out DIR (assets/demo), from one seed.
// --keep-model: pictures and notes only, with the model that is there.
// --check: writes nothing; measures every look zero-shot, and CoOp on the task.
//
// Images 0..49,999 of Fashion-MNIST's training file serve pretraining, 50,000..54,999 the task's
// training pictures, 55,000..59,999 its validation pictures; test pictures come from the t10k file.
// The task's look, its classes and the length of pretraining were chosen on validation pictures;
// test pictures are measured once, at the end, for the notes.
#include <dlfcn.h>
#include <malloc.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <stdexcept>
#include <string>

#include "demo_check.h"
#include "demo_model.h"
#include "demo_notes.h"
#include "demo_task.h"
#include "demo_train.h"

namespace qprompt::demo {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMerges = 400;
constexpr size_t kTrainPerClass = 16;
constexpr size_t kValPerClass = 4;
constexpr size_t kTestPerClass = 20;
constexpr size_t kWideValPerClass = 40;  // for measuring; the first kValPerClass are written

struct Options {
  fs::path out = "assets/demo";
  fs::path fashion = "/usr/share/datasets/fashion-mnist";
  bool check = false;
  bool keep_model = false;
  PretrainOptions pretraining;
};

struct Sources {
  GreyImages train;
  GreyImages test;
};

// ATen and the BLAS stay on the caller's thread: training runs its two towers side by side, which
// serves two cores better than splitting small products, and gives the same bits on any machine
// load. OpenBLAS keeps its own count; another BLAS is left as it is.
void use_one_thread_per_tower() {
  at::set_num_threads(1);
  if (void* symbol = dlsym(RTLD_DEFAULT, "openblas_set_num_threads")) {
    reinterpret_cast<void (*)(int)>(symbol)(1);
  }
}

Sources read_sources(const Options& options) {
  return {read_grey_images(options.fashion, "train"), read_grey_images(options.fashion, "t10k")};
}

TaskSplit wide_validation(const Sources& sources, uint32_t looks, uint64_t seed) {
  return draw_task({&sources.train, 55000, 60000}, kWideValPerClass, looks, seed + 102);
}

void write_pictures(const Options& options, const Sources& sources) {
  const uint64_t seed = options.pretraining.seed;
  const fs::path data = options.out / "data";
  write_task(data / "train",
             draw_task({&sources.train, 50000, 55000}, kTrainPerClass, kTaskLooks, seed + 101));
  write_task(data / "val", first_of(wide_validation(sources, kTaskLooks, seed), kValPerClass));
  write_task(data / "test", draw_task({&sources.test, 0, sources.test.size()}, kTestPerClass,
                                      kTaskLooks, seed + 103));
}

std::string row(const std::string& name, const HalfAccuracies& result) {
  char text[128];
  std::snprintf(text, sizeof text, "| %-46s | %5.1f | %5.1f |\n", name.c_str(), result.base,
                result.fresh);
  return text;
}

std::string table_head(const std::string& name) {
  char text[256];
  std::snprintf(text, sizeof text, "| %-46s | base  | new   |\n|%s|------:|------:|\n",
                name.c_str(), std::string(48, '-').c_str());
  return text;
}

// Zero-shot accuracies of the written model and pictures.
std::string zero_shot_table(plain::PlainClip& clip, const Bpe& bpe, const Options& options,
                            const Sources& sources) {
  const TaskSplit val = wide_validation(sources, kTaskLooks, options.pretraining.seed);
  const TaskSplit test = read_task(options.out / "data" / "test");
  std::string table = table_head("zero-shot accuracy, %");
  for (const char* prompt : {kPlainTemplate, kNamingTemplate}) {
    const std::string quoted = "\"" + std::string(prompt) + "\"";
    table += row(quoted + ", validation", zero_shot(clip, bpe, val, prompt));
    table += row(quoted + ", test", zero_shot(clip, bpe, test, prompt));
  }
  return table;
}

std::string model_line(plain::PlainClip& clip) {
  const plain::PlainClipConfig& c = clip->config();
  auto number = [](int64_t value) { return std::to_string(value); };
  return "Image tower: ViT, " + number(c.image_resolution) + " pixels, patches of " +
         number(c.patch_size) + ",\n  width " + number(c.vision_width) + ", " +
         number(c.vision_layers) + " layers. Text tower: width " + number(c.text_width) + ", " +
         number(c.text_layers) + " layers, " + number(c.context_length) + " tokens, " +
         number(c.vocab_size) + " ids.\n  Joint width " + number(c.embed_dim) + ".";
}

std::string naming_template(const LookWords& words) {
  if (!words.adjectives.empty()) return "a " + words.adjectives.front() + " photo of a {}.";
  return "a photo of a {} " + words.adverbials.front() + ".";
}

// Every look on validation pictures, with the plain template and with one that names the look, and
// CoOp on the task.
void check(plain::PlainClip& clip, const Bpe& bpe, const Options& options, const Sources& sources) {
  const uint64_t seed = options.pretraining.seed;
  std::string table = table_head("validation, zero-shot accuracy, %");
  table += row("no look: plain template",
               zero_shot(clip, bpe, wide_validation(sources, 0, seed), kPlainTemplate));
  for (const LookWords& words : looks()) {
    const TaskSplit val = wide_validation(sources, words.look, seed);
    const std::string naming = naming_template(words);
    table += row(naming.substr(2) + " plain", zero_shot(clip, bpe, val, kPlainTemplate));
    table += row(naming.substr(2) + " named", zero_shot(clip, bpe, val, naming));
  }
  std::fputs(table.c_str(), stdout);
  const TaskSplit train = read_task(options.out / "data" / "train");
  const TaskSplit val = wide_validation(sources, kTaskLooks, seed);
  table = table_head("validation, the task, accuracy, %");
  table += row("zero-shot", zero_shot(clip, bpe, val, kPlainTemplate));
  for (uint64_t run = 1; run <= 2; ++run) {
    table += row("CoOp, seed " + std::to_string(run), coop(clip, bpe, train, val, run));
  }
  std::fputs(table.c_str(), stdout);
}

Options parse(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string name = argv[i];
    if (name == "--check" || name == "--keep-model") {
      (name == "--check" ? options.check : options.keep_model) = true;
      continue;
    }
    if (i + 1 == argc) throw std::runtime_error(name + ": expected a value");
    const std::string value = argv[++i];
    if (name == "--out") {
      options.out = value;
    } else if (name == "--fashion-mnist") {
      options.fashion = value;
    } else if (name == "--steps") {
      options.pretraining.steps = std::stoll(value);
    } else {
      throw std::runtime_error(name +
                               ": unknown; known are --out DIR, --fashion-mnist DIR, "
                               "--steps N, --keep-model, --check");
    }
  }
  return options;
}

void make_model(const Options& options, const Sources& sources) {
  const PretrainOptions& pretraining = options.pretraining;
  const Bpe bpe = learn_vocabulary(kMerges, pretraining.name_looks, pretraining.seed);
  std::fprintf(stderr, "vocabulary: %zu merges, %zu ids\n", bpe.merge_count(), bpe.size());
  fs::create_directories(options.out / "clip");
  write_gzip(options.out / "clip" / "vocab.txt.gz", bpe.file_text());
  plain::PlainClip clip(demo_config(bpe), pretraining.seed);
  pretrain(clip, bpe, {&sources.train, 0, 50000}, pretraining);
  settle_text_scale(clip);
  round_to_half(clip);
  save_model(clip, options.out / "clip" / "model.safetensors");
}

void run(const Options& options) {
  const auto start = std::chrono::steady_clock::now();
  use_one_thread_per_tower();
  const Sources sources = read_sources(options);
  if (!options.check) {
    write_pictures(options, sources);
    if (!options.keep_model) make_model(options, sources);
  }
  const Bpe bpe = Bpe::parse(read_gzip(options.out / "clip" / "vocab.txt.gz"));
  plain::PlainClip clip(demo_config(bpe));
  load_model(clip, options.out / "clip" / "model.safetensors");
  if (options.check) {
    check(clip, bpe, options, sources);
  } else {
    const std::string table = zero_shot_table(clip, bpe, options, sources);
    std::fputs(table.c_str(), stdout);
    const PretrainOptions& pretraining = options.pretraining;
    write_notes(options.out, {table, model_line(clip), pretraining.steps, pretraining.batch});
  }
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  std::fprintf(stderr, "%.0f s, %.2f MB\n", seconds.count(),
               static_cast<double>(folder_bytes(options.out)) / 1e6);
}

}  // namespace
}  // namespace qprompt::demo

int main(int argc, char** argv) {
  // Large temporaries come from the heap and stay there: fresh pages for each cost more than the
  // arithmetic done on them.
  mallopt(M_MMAP_THRESHOLD, 1 << 30);
  mallopt(M_TRIM_THRESHOLD, 1 << 30);
  try {
    qprompt::demo::run(qprompt::demo::parse(argc, argv));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "make_demo: %s\n", error.what());
    return EXIT_FAILURE;
  }
  return EXIT_SUCCESS;
}
