// Two methods from outside this project's sources, through the public headers alone: a head on
// features, and a learner of both towers. Each is added at run time, trained, stored, read back and
// scored.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <stdexcept>

#include "base/observer.h"
#include "experiment/matrix.h"
#include "experiment/run.h"
#include "qprompt/eval.h"
#include "qprompt/learner.h"
#include "qprompt/train.h"
#include "support/tiny_clip.h"

namespace {

using namespace qprompt;
using testing_support::open_tiny_clip;
using testing_support::TempFolder;
using testing_support::tiny_oracle;

const Clip& tiny() {
  static const Clip clip = open_tiny_clip();
  return clip;
}

Split pictures() {
  Split split;
  split.name = "pictures";
  split.image_root = tiny_oracle() + "/images";
  split.class_names = {"ant", "bee", "cow"};
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(split.image_root)) {
    names.push_back(entry.path().filename().string());
  }
  std::sort(names.begin(), names.end());
  int64_t next = 0;
  for (const std::string& name : names) split.train.push_back({name, next++ % 3});
  split.test = split.train;
  return split;
}

/// A head: the image's features through a residual layer, W starting at zero (CLIP-Adapter without
/// its bottleneck).
class ResidualHead final : public Learner {
 public:
  using Learner::Learner;
  Values initial_values(Rng&) const override {
    return {at::zeros(parameters()[0].shape), at::zeros(parameters()[1].shape)};
  }
  at::Tensor logits(const Values& values, const HeadInput& input, Phase) const override {
    const double mix = options().number("mix");
    const at::Tensor moved =
        input.image + mix * (at::mm(input.image, values[0].t()) + values[1]);  // (B, E)
    const at::Tensor unit = moved / moved.norm(2, -1, true).clamp_min(1e-12);  // (B, E)
    return input.scale * at::mm(unit, input.text.t());                         // (B, C)
  }
};

Method head_row(const std::string& word) {
  Method row;
  row.word = word;
  row.label = "Toy " + word;
  row.learner = word;
  row.learns_text = false;
  row.options = {{.name = "mix",
                  .help = "share of the layer",
                  .value = "0.5",
                  .kind = OptionKind::kNumber,
                  .bounds = {0, 1},
                  .in_file = true,
                  .file_value = "0.5"}};
  row.tensors = [](const MethodOptions&, const Sizes& sizes) {
    const TensorAxis e{'E', sizes.joint_width};
    return std::vector<TensorSpec>{{"layer.weight", {e, e}}, {"layer.bias", {e}, false}};
  };
  return row;
}

/// Both towers: two rows of the text before block 0, and the image's rows made from them.
class BothTowers final : public Learner {
 public:
  explicit BothTowers(const Start& start)
      : Learner(start),
        layout_(std::make_shared<PackedPrompts>(
            pack_classes(start.clip, start.class_names, {0, start.options.whole("n-ctx")}))) {}
  Values initial_values(Rng& rng) const override {
    return {random_rows(parameters()[0].shape, rng),
            random_linear(parameters()[1].shape, parameters()[1].shape[1], rng)};
  }
  TextSide text(const Values& values, const at::Tensor&) const override {
    return {layout_, {{0, values[0]}}};
  }
  ImageSide image(const Values& values) const override {
    return {{{0, at::mm(values[0], values[1].t())}}};
  }

 private:
  std::shared_ptr<const PackedPrompts> layout_;
};

Method towers_row() {
  Method row;
  row.word = row.learner = "toy-towers";
  row.label = "ToyTowers";
  row.reads = Reads::kPixels;
  row.options = {
      {.name = "n-ctx", .help = "rows", .value = "2", .bounds = {1, 16}, .in_file = true}};
  row.tensors = [](const MethodOptions& options, const Sizes& sizes) {
    return std::vector<TensorSpec>{
        {"ctx", {{'M', options.whole("n-ctx")}, {'D', sizes.text_width}}},
        {"to.image", {{'W', sizes.image_width}, {'D', sizes.text_width}}}};
  };
  return row;
}

template <class Maker>
void add_once(const Method& row, Maker maker) {
  const auto words = method_words();
  if (std::find(words.begin(), words.end(), row.word) != words.end()) return;
  add_learner(row.learner, maker);
  add_method(row);
}

void add_toys() {
  add_once(head_row("toy-head"), [](const Start& s) { return std::make_unique<ResidualHead>(s); });
  add_once(towers_row(), [](const Start& s) { return std::make_unique<BothTowers>(s); });
}

FitOptions quick(const std::string& word) {
  FitOptions options;
  options.method = MethodOptions(word);
  options.train.epochs = 3;
  options.train.batch = 4;
  options.train.warmup_epochs = 0;
  options.train.learning_rate = 0.05;
  options.train.quantizer.bits = 4;
  options.features.cache = "none";
  return options;
}

class FromOutside : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override { add_toys(); }
};

TEST_P(FromOutside, IsTrainedStoredReadBackAndScored) {
  const Split split = pictures();
  Log log;
  TempFolder folder;
  for (const Quantization quantization : {Quantization::kNone, Quantization::kAware}) {
    FitOptions options = quick(GetParam());
    options.train.quantization = quantization;
    options.out = folder / cat(static_cast<int>(quantization));
    const FitResult trained = fit_prompt(tiny(), split, options, log);
    const TrainedPrompt read = read_prompt(trained.path);
    EXPECT_EQ(read.method, GetParam());
    EXPECT_EQ(read.class_names, split.class_names);
    EXPECT_EQ(read.tensors[0].bits, quantization == Quantization::kNone ? 16 : 4);
    // Scored from the file alone; the class names come from it.
    const PromptedClasses classes(tiny(), read, read.class_names);
    FeatureOptions features;
    features.cache = "none";
    features.prompts = classes.image_prompts();
    const FeatureSet set = test_features(tiny(), split.image_root, split.test, features, log);
    const at::Tensor logits = classes.logits(set.features[0]);  // (N, C)
    const Score score = score_logits(logits, set, split.test, split.class_names);
    EXPECT_EQ(score.total, 8);
    // What was learned is in the logits: those of untrained values differ.
    Rng rng(options.train.seed);
    const auto learner = make_learner(tiny(), split.class_names, read.options());
    const Values fresh = learner->initial_values(rng);
    const at::Tensor learned =
        at::tensor(read.tensors.back().values(), at::kFloat).view(fresh.back().sizes());
    EXPECT_FALSE(at::equal(learned, fresh.back()));
  }
}

INSTANTIATE_TEST_SUITE_P(Toys, FromOutside, ::testing::Values("toy-head", "toy-towers"));

TEST(HeadFromOutside, DecidesTheLogitsAndKeepsItsOptionInTheFile) {
  add_toys();
  const Split split = pictures();
  Log log;
  FitOptions options = quick("toy-head");
  options.train.quantization = Quantization::kNone;
  options.method.set("mix", "0.75");
  const TrainedPrompt prompt = fit_prompt(tiny(), split, options, log).prompt;
  EXPECT_EQ(prompt.settings, (NamedTexts{{"mix", "0.75"}}));
  EXPECT_EQ(prompt.n_ctx, 0);
  const at::Tensor image = at::arange(tiny().config().embed_dim).view({1, -1}).sin();  // (1, E)
  const PromptedClasses classes(tiny(), prompt, split.class_names);
  const at::Tensor plain = class_logits(tiny(), image, classes.matrix());  // (1, C)
  EXPECT_FALSE(at::allclose(classes.logits(image), plain));
  TrainedPrompt off = prompt;
  off.settings = {{"mix", "0"}};
  EXPECT_TRUE(at::allclose(PromptedClasses(tiny(), off, split.class_names).logits(image), plain,
                           1e-4, 1e-4));
}

TEST(MethodsFromOutside, AreRunInAnExperimentByTheirWords) {
  add_toys();
  Split split = pictures();
  split.class_names = {"ant", "bee", "cow", "dog"};
  for (size_t i = 0; i < split.train.size(); ++i) split.train[i].label = int64_t(i % 4);
  split.test = split.train;
  Log log;
  TempFolder folder;
  Matrix matrix = base_to_new(split, {"toy-head", "qtoy-towers"}, 4, quick("toy-head"));
  matrix.shots = {2};
  matrix.seeds = {1};
  const auto planner = matrix_planner(std::move(matrix), log);
  const auto store = memory_store();
  RunOptions options;
  options.scratch = folder / "work";
  options.features.cache = folder / "cache";
  LogObserver observer(log);
  const Results results = qprompt::run(tiny(), *planner, *store, options, observer);
  std::vector<std::string> methods;
  for (const CellOutcome& cell : results.cells) {
    EXPECT_EQ(cell.state, CellState::kDone) << cell.label << ": " << cell.error;
    if (cell.kind != "prompt") continue;
    EXPECT_GE(cell.scores.size(), 2u) << cell.label;
    methods.push_back(decode_prompt(store->get(prompt_id(cell.training)), "kept").method);
  }
  EXPECT_EQ(methods, (std::vector<std::string>{"toy-head", "toy-towers"}));
}

TEST(MethodsFromOutside, AWordOrAFormThatIsTakenIsAnErrorWithTheWord) {
  add_toys();
  const auto refusal = [](auto act) -> std::string {
    try {
      act();
    } catch (const Error& e) {
      EXPECT_EQ(e.kind(), ErrorKind::kUsage);
      return e.what();
    }
    return "";
  };
  EXPECT_NE(refusal([] { add_method(head_row("toy-head")); }).find("toy-head"), std::string::npos);
  EXPECT_NE(refusal([] {
              add_learner("toy-head",
                          [](const Start& s) { return std::make_unique<ResidualHead>(s); });
            }).find("toy-head"),
            std::string::npos);
  Method taken = head_row("toy-of-form-zero");
  taken.stored_form = 0;
  EXPECT_NE(refusal([&] { add_method(taken); }).find("toy-of-form-zero"), std::string::npos);
}

/// Each way of going wrong, by its word.
class Broken final : public Learner {
 public:
  using Learner::Learner;
  Values initial_values(Rng&) const override {
    const std::string& word = method().word;
    if (word == "toy-throws") throw std::runtime_error("out of luck");
    const int64_t more = word == "toy-shape" ? 1 : 0;
    const auto& shape = parameters()[0].shape;
    return {at::zeros({shape[0] + more, shape[1]}), at::zeros(parameters()[1].shape)};
  }
  at::Tensor logits(const Values&, const HeadInput& input, Phase) const override {
    const int64_t wrong = method().word == "toy-logits" ? 1 : 0;
    return at::zeros({input.image.size(0), input.text.size(0) + wrong});
  }
};

TEST(MethodsFromOutside, ThatThrowOrGiveOtherShapesAreErrorsWithTheirWordAndNothingIsWritten) {
  const Split split = pictures();
  Log log;
  TempFolder folder;
  for (const char* word : {"toy-throws", "toy-shape", "toy-logits"}) {
    add_once(head_row(word), [](const Start& s) { return std::make_unique<Broken>(s); });
    FitOptions options = quick(word);
    options.out = folder / word;
    try {
      fit_prompt(tiny(), split, options, log);
      ADD_FAILURE() << word;
    } catch (const Error& e) {
      EXPECT_EQ(e.kind(), ErrorKind::kContent);
      EXPECT_NE(std::string(e.what()).find(word), std::string::npos) << e.what();
    }
    const auto written = std::filesystem::exists(options.out)
                             ? std::distance(std::filesystem::directory_iterator(options.out), {})
                             : 0;
    EXPECT_EQ(written, 0) << word;
  }
}

}  // namespace
