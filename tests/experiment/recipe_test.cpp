// What a recipe may say, and what is refused, with the line.
#include "experiment/recipe.h"
#include "base/statistics.h"
#include "experiment/published.h"

#include "experiment/support.h"

namespace qprompt {
namespace {

using namespace testing_support;

class RecipeTest : public ::testing::Test {
 protected:
  Recipe read(const std::string& lines) {
    return read_recipe(request_of(write_recipe(folder_, lines)));
  }
  /// The message of the refusal; two lines stand before `lines`.
  std::string refusal(const std::string& lines, ErrorKind kind = ErrorKind::kContent) {
    try {
      read(lines);
    } catch (const Error& e) {
      EXPECT_EQ(e.kind(), kind) << e.what();
      return e.what();
    }
    return "it was accepted";
  }
  TempFolder folder_;
};

void expect_in(const std::string& text, const std::vector<std::string>& parts) {
  for (const std::string& part : parts) {
    EXPECT_NE(text.find(part), std::string::npos) << "'" << part << "' is not in: " << text;
  }
}

TEST_F(RecipeTest, ListsMultiplyAndDefaultsAreTheFieldsOwn) {
  const Recipe recipe = read(
      "methods = [\"coop\", \"qcoop\"]\nbits = [1, 4]\ndatasets = [\"garments\"]\nseeds = [7]");
  ASSERT_EQ(recipe.methods.size(), 3u);
  EXPECT_EQ(recipe.methods[1].label, "QCoOp 1 bit");
  EXPECT_EQ(recipe.methods[2].label, "QCoOp 4 bits");
  EXPECT_EQ(recipe.name, "recipe");
  EXPECT_EQ(recipe.protocol, Protocol::kBaseToNew);
  EXPECT_EQ(recipe.shots, std::vector<int64_t>{16});
  EXPECT_EQ(recipe.threads, 1);
  const FitOptions fit = fit_options(recipe, recipe.methods[0], "garments", 16);
  EXPECT_EQ(fit.train.epochs, TrainOptions().epochs);
  EXPECT_EQ(fit.half, Half::kBase);
}

TEST_F(RecipeTest, LaterTablesGoBeforeEarlierOnes) {
  const Recipe recipe = read(
      "protocol = \"few-shot\"\nmethods = [\"coop\", \"qcoop\"]\nshots = [1, 2]\n"
      "datasets = [\"garments\", \"others\"]\n[options]\nepochs = 2\nlr = 0.5\nschedule = "
      "\"once\"\n"
      "[method.qcoop]\nepochs = 3\n[shot.2]\nepochs = 4\n[dataset.others]\nepochs = 5\n");
  const auto epochs = [&](size_t method, const char* set, int64_t shots) {
    return fit_options(recipe, recipe.methods[method], set, shots).train.epochs;
  };
  EXPECT_EQ(epochs(0, "garments", 1), 2);
  EXPECT_EQ(epochs(1, "garments", 1), 3);
  EXPECT_EQ(epochs(1, "garments", 2), 4);
  EXPECT_EQ(epochs(1, "others", 2), 5);
  const FitOptions fit = fit_options(recipe, recipe.methods[1], "garments", 1);
  EXPECT_EQ(fit.train.learning_rate, 0.5);
  EXPECT_EQ(fit.train.quantizer.schedule, Schedule::kOnce);
  EXPECT_EQ(fit.half, Half::kAll);
}

TEST_F(RecipeTest, UnknownKeysAreRefusedWithTheirLine) {
  const std::string good = "methods = [\"coop\"]\ndatasets = [\"garments\"]\n";  // lines 3 and 4
  expect_in(refusal(good + "epochs = 3"), {"recipe.toml:5", "unknown key 'epochs'", "seeds"});
  expect_in(refusal(good + "[options]\nepohcs = 3"), {":6", "unknown key 'epohcs'", "epochs"});
  expect_in(refusal(good + "[options]\nbits = 3"), {":6", "unknown key 'bits'"});
  expect_in(refusal(good + "[method.qcoop]\nepochs = 1"), {"[method.qcoop]", "methods"});
  expect_in(refusal(good + "[dataset.dtd]\nepochs = 1"), {"[dataset.dtd]"});
  expect_in(refusal(good + "[shot.8]\nepochs = 1"), {"[shot.8]"});
}

TEST_F(RecipeTest, OptionsThatServeNoMethodAreRefusedByName) {
  const std::string good = "datasets = [\"garments\"]\nmethods = [\"coop\"]\n";
  const auto useless = [&](const std::string& lines) {
    return refusal(good + lines, ErrorKind::kUsage);
  };
  expect_in(useless("[method.coop]\nschedule = \"once\""), {":6", "'schedule'", "CoOp"});
  expect_in(useless("[method.coop]\ndepth = 3"), {":6", "'depth'", "CoOp", "MaPLe"});
  expect_in(useless("[options]\nvision-ctx = 3"), {":6", "'vision-ctx'", "CoOp", "IVLP"});
  expect_in(useless("[shot.16]\nrecluster-kl = 1"), {":6", "'recluster-kl'", "CoOp"});
  // One that serves another method of the recipe is that one's.
  EXPECT_NO_THROW(
      read("datasets = [\"garments\"]\nmethods = [\"coop\", \"qmaple\"]\n"
           "[options]\ndepth = 1\nschedule = \"once\""));
}

TEST_F(RecipeTest, WrongValuesAreRefusedWithTheirLine) {
  const std::string good = "methods = [\"coop\"]\ndatasets = [\"garments\"]\n";
  expect_in(refusal(good + "[options]\nepochs = \"many\""), {":6", "epochs", "whole number"});
  expect_in(refusal(good + "[options]\nepochs = 0"), {":6", "epochs", "outside"});
  expect_in(refusal(good + "seeds = [1, -2]"), {":5", "seed"});
  expect_in(refusal(good + "seeds = [1, 1]"), {":5", "twice"});
  expect_in(refusal(good + "shots = [0]"), {":5", "shots"});
  expect_in(refusal(good + "threads = 0"), {":5", "threads"});
  expect_in(refusal(good + "protocol = \"all\""), {":5", "base-to-new", "domain"});
  expect_in(refusal(good + "source = [\"others\"]"), {":5", "source"});
  expect_in(refusal(good + "protocol = \"domain\""), {"source"});
  expect_in(refusal("methods = [\"magic\"]\ndatasets = [\"garments\"]"), {":3", "magic", "qcoop"});
  expect_in(refusal("methods = [\"qcoop\"]\nbits = [9]\ndatasets = [\"garments\"]"),
            {":3", "from 1 to 8"});
  expect_in(refusal("methods = [\"coop\"]\ndatasets = [\"no_such_set\"]"), {":4", "dtd"});
  expect_in(refusal("methods = [\"coop\"]\ndatasets = [\"dtd\"]"), {":4", "--data"});
  expect_in(refusal("methods = [\"coop\""), {"recipe.toml:"});
  expect_in(refusal("data = \"d\"\nmethods = [\"coop\"]\ndatasets = [\"imagenet_a\"]"),
            {":5", "test images only"});
}

TEST_F(RecipeTest, CharactersOutsideAsciiAreReadInTextsAndRefusedElsewhere) {
  const std::string good = "methods = [\"coop\"]\ndatasets = [\"garments\"]\n";
  EXPECT_EQ(read("title = \"\"\"\\\n§ Ω 、\"\"\"\n" + good).title, "§ Ω 、");
  expect_in(refusal(good + "bits = [Ω]"), {":5:"});
  expect_in(refusal(good + "é = 1"), {":5:", "é"});
  expect_in(refusal(good + "、"), {":5:"});
  expect_in(refusal(good + "threads = 1\u00a0\n"), {":5:"});
  expect_in(refusal(good + "\xcc\n"), {"recipe.toml:", "utf-8"});
}

TEST_F(RecipeTest, EveryShippedRecipeIsReadable) {
  int read_recipes = 0;
  const std::string recipes = std::string(QPROMPT_SOURCE_DIR) + "/recipes";
  for (const auto& entry : std::filesystem::directory_iterator(recipes)) {
    if (entry.path().extension() != ".toml") continue;
    RecipeRequest request = request_of(entry.path().string());
    request.data = folder_ / "data";
    const Recipe recipe = read_recipe(request);
    EXPECT_FALSE(recipe.methods.empty()) << entry.path();
    if (!recipe.published.empty()) {
      const Published published = parse_published(recipe.published, "published");
      EXPECT_FALSE(published.source.empty()) << entry.path();
      bool any = false;
      for (const MethodSpec& method : recipe.methods) any |= published.methods.count(method.label);
      EXPECT_TRUE(any) << entry.path() << ": no method has a published number";
    }
    ++read_recipes;
  }
  EXPECT_GE(read_recipes, 5);
}

/// A number that was typed wrongly shows in the averages and in H.
TEST_F(RecipeTest, PublishedNumbersAgreeWithTheirAverages) {
  int checked = 0;
  for (const std::string name : {"base_to_new", "cross_dataset", "domain", "ablation"}) {
    const std::string path =
        std::string(QPROMPT_SOURCE_DIR) + "/recipes/published/" + name + ".toml";
    const Published published = parse_published(read_all(path), path);
    ASSERT_FALSE(published.methods.empty()) << path;
    for (const auto& [method, numbers] : published.methods) {
      const auto average = numbers.values.find("average");
      ASSERT_NE(average, numbers.values.end()) << method;
      std::vector<double> sum(average->second.size(), 0);
      int64_t sets = 0;
      for (const auto& [set, v] : numbers.values) {
        ASSERT_EQ(v.size(), sum.size()) << method << ' ' << set;
        if (v.size() == 3) {
          EXPECT_NEAR(harmonic_mean(v[0], v[1]), v[2], 0.0151) << method << set;
        }
        if (set == "average" || (name != "base_to_new" && set == "imagenet")) continue;
        ++sets;
        for (size_t c = 0; c < v.size(); ++c) sum[c] += v[c];
      }
      if (sets == 0) continue;  // an average only
      ++checked;
      ASSERT_EQ(sets, published.average_over) << method;
      for (size_t c = 0; c < std::min<size_t>(2, sum.size()); ++c) {  // H is not averaged
        EXPECT_NEAR(sum[c] / double(sets), average->second[c], 0.006) << name << ' ' << method;
      }
    }
  }
  EXPECT_GE(checked, 7 + 4 + 5);
}

TEST_F(RecipeTest, AFormatThatIsNotThisOneIsRefusedWithItsNumber) {
  EXPECT_NO_THROW(read("format = 1\nmethods = [\"coop\"]\ndatasets = [\"garments\"]\n"));
  try {
    read("format = 2\nmethods = [\"coop\"]\ndatasets = [\"garments\"]\n");
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), ErrorKind::kContent);
    EXPECT_NE(std::string(e.what()).find("format 2"), std::string::npos) << e.what();
  }
}

}  // namespace
}  // namespace qprompt
