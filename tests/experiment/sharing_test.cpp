// Commands that ask for the same training meet in one place: it is done once.
#include <nlohmann/json.hpp>

#include "experiment/impl/database.h"
#include "experiment/support.h"

namespace qprompt {
namespace {

using namespace testing_support;
using Json = nlohmann::json;

class SharingTest : public ::testing::Test {
 protected:
  SharingTest() { ::setenv("XDG_CACHE_HOME", (folder_ / "home").c_str(), 1); }
  ~SharingTest() override { ::unsetenv("XDG_CACHE_HOME"); }

  std::string store() const { return folder_ / "home/qprompt/experiments.db"; }
  int64_t count(const std::string& sql) const {
    Database database(store(), StoreMode::kReadOnly);
    Statement statement = database.prepare(sql);
    return statement.step() ? statement.integer(0) : -1;
  }
  int64_t trained() const {
    return count("SELECT count(*) FROM trainings WHERE prompt_digest <> ''");
  }
  std::vector<std::string> base_to_new(const std::string& seeds) const {
    return {"base-to-new", "--clip",    demo_clip(), "--data",  demo_data(), "--method",
            "coop",        "--epochs",  "2",         "--shots", "2",         "--seeds",
            seeds,         "--threads", "1",         "--json",  "--quiet"};
  }
  TempFolder folder_;
};

TEST_F(SharingTest, ARecipeAndBaseToNewShareATraining) {
  const RunResult first = run(base_to_new("1,2"));
  ASSERT_EQ(first.code, 0) << first.err;
  EXPECT_EQ(trained(), 2);
  write_all(folder_ / "recipe.toml",
            "methods = [\"coop\"]\nshots = [2]\nseeds = [2, 3]\ndatasets = [\"other name\"]\n"
            "[options]\nepochs = 2\n[folders]\n\"other name\" = \"" +
                demo_data() + "\"\n");
  const RunResult second =
      run({"run", folder_ / "recipe.toml", "--clip", demo_clip(), "--quiet", "--json"});
  ASSERT_EQ(second.code, 0) << second.err;
  EXPECT_EQ(trained(), 3) << "seed 2 was there";
  EXPECT_EQ(Json::parse(second.out)["database"], store());
  // As another machine would do it: other threads, another place of the images.
  std::filesystem::copy(demo_data(), folder_ / "data", std::filesystem::copy_options::recursive);
  std::vector<std::string> elsewhere = base_to_new("1,2,3");
  for (std::string& word : elsewhere) {
    if (word == demo_data()) word = folder_ / "data";
  }
  const RunResult third = run(elsewhere);
  ASSERT_EQ(third.code, 0) << third.err;
  EXPECT_EQ(trained(), 3);
  const Json seeds = Json::parse(third.out)["methods"][1]["seeds"];
  EXPECT_EQ(seeds[0], Json::parse(first.out)["methods"][1]["seeds"][0]);
}

TEST_F(SharingTest, TwoProcessesAtOnceDoEachTrainingOnce) {
  const RunResult both =
      run_shell(command_line(base_to_new("1,2,3")) + " > " + quote(folder_ / "a") + " & " +
                command_line(base_to_new("1,2,3")) + " > " + quote(folder_ / "b") + " && wait $!");
  ASSERT_EQ(both.code, 0) << both.err;
  EXPECT_EQ(trained(), 3);
  EXPECT_EQ(count("SELECT count(*) FROM attempts WHERE outcome = 'done'"), 3 + 1 + 1);
  EXPECT_EQ(read_all(folder_ / "a"), read_all(folder_ / "b"));
}

TEST_F(SharingTest, TheDemoARecipeAndAStudyAskForOneTraining) {
  namespace fs = std::filesystem;
  fs::create_directories(folder_ / "demo");
  fs::create_directory_symlink(fs::path(demo_clip()).parent_path(), folder_ / "demo/clip");
  copy_some_images(folder_ / "demo/data", 6, 4, 3);
  write_all(folder_ / "demo/demo.toml",
            "methods = [\"zero-shot\", \"coop\", \"qcoop\"]\nshots = [2]\nseeds = [1]\n"
            "datasets = [\"garments\"]\n[folders]\ngarments = \"data\"\n"
            "[options]\nepochs = 2\nbatch = 4\n");
  const RunResult demo = run_shell("QPROMPT_DEMO=" + quote(folder_ / "demo") + " " +
                                   command_line({"demo", "--quiet", "--json"}));
  ASSERT_EQ(demo.code, 0) << demo.err;
  EXPECT_EQ(trained(), 2);
  const int64_t attempts = count("SELECT count(*) FROM attempts");
  const RunResult recipe = run({"run", folder_ / "demo/demo.toml", "--clip", demo_clip(),
                                "--threads", "2", "--quiet", "--json"});
  ASSERT_EQ(recipe.code, 0) << recipe.err;
  EXPECT_EQ(trained(), 2);
  EXPECT_EQ(count("SELECT count(*) FROM attempts"), attempts) << "nothing was left to do";
  const RunResult study = run({"study",
                               "--parts",
                               "bits",
                               "--bits",
                               "1",
                               "--seeds",
                               "1",
                               "--shots",
                               "2",
                               "--epochs",
                               "2",
                               "--batch",
                               "4",
                               "--clip",
                               demo_clip(),
                               "--data",
                               folder_ / "demo/data",
                               "--jobs",
                               "2",
                               "--threads",
                               "1",
                               "--out",
                               folder_ / "study",
                               "--quiet"});
  ASSERT_EQ(study.code, 0) << study.err;
  EXPECT_EQ(trained(), 2) << "CoOp and QCoOp at 1 bit were there";
}

TEST_F(SharingTest, CopiesOfPromptsAndRecordsGoWhereTheyAreAsked) {
  std::vector<std::string> words = base_to_new("1");
  words.insert(words.end(), {"--out", folder_ / "copies"});
  const RunResult result = run(words);
  ASSERT_EQ(result.code, 0) << result.err;
  const Json seed = Json::parse(result.out)["methods"][1]["seeds"][0];
  EXPECT_EQ(seed["prompt"], folder_ / "copies/coop-seed1/prompt.qprompt");
  EXPECT_EQ(read_prompt(seed["prompt"]).seed, 1u);
  EXPECT_EQ(Json::parse(read_all(folder_ / "copies/coop-seed1/run.json"))["configuration"]["seed"],
            1);
}

TEST_F(SharingTest, TheLibraryRunsBaseToNewInAFewLines) {
  const RunResult result =
      run_shell(quote(QPROMPT_EXAMPLE) + " " + quote(demo_clip()) + " " + quote(demo_data()));
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_NE(result.out.find("zero-shot CLIP, data: base "), std::string::npos) << result.out;
  EXPECT_NE(result.out.find("QCoOp 1 bit, data, 16 shots, seed 3: base "), std::string::npos);
}

}  // namespace
}  // namespace qprompt
