// `run` and `report` as a user calls them.
#include <nlohmann/json.hpp>

#include "support/run.h"

namespace qprompt::testing_support {
namespace {

using Json = nlohmann::json;

/// One short recipe over the demo's files, run once for all tests.
class RecipeCommandTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = new TempFolder;
    write_all(*folder_ / "published.toml",
              "source = \"made up\"\n[method.CoOp]\nbytes = 1\ngarments = [50, 50, 50]\n");
    write_all(
        *folder_ / "recipe.toml",
        "title = \"A short one\"\nmethods = [\"zero-shot\", \"coop\", \"qcoop\"]\nseeds = [1, 2]\n"
        "shots = [1]\ndatasets = [\"garments\"]\ncache = \"cache\"\npublished = "
        "\"published.toml\"\n"
        "[options]\nepochs = 1\n[folders]\ngarments = \"" +
            demo_data() + "\"\n");
    result_ = new RunResult(run(recipe({"--jobs", "2", "--json", "--quiet"})));
  }
  static void TearDownTestSuite() {
    delete folder_;
    delete result_;
  }
  static std::vector<std::string> recipe(const std::vector<std::string>& more) {
    std::vector<std::string> words{"run",  *folder_ / "recipe.toml", "--clip", demo_clip(),
                                   "--db", *folder_ / "results.db"};
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }
  static RunResult report(const std::vector<std::string>& more) {
    std::vector<std::string> words{"report", *folder_ / "results.db", "--quiet"};
    words.insert(words.end(), more.begin(), more.end());
    return run(words);
  }
  static TempFolder* folder_;
  static RunResult* result_;
};
TempFolder* RecipeCommandTest::folder_ = nullptr;
RunResult* RecipeCommandTest::result_ = nullptr;

TEST_F(RecipeCommandTest, ARunFillsTheDatabaseAndSaysSo) {
  ASSERT_EQ(result_->code, 0) << result_->err;
  const Json totals = Json::parse(result_->out);
  EXPECT_EQ(totals["done"], 1 + 1 + 4);
  EXPECT_EQ(totals["failed"], 0);
  const Json again = Json::parse(run(recipe({"--dry-run", "--json", "--quiet"})).out);
  ASSERT_EQ(again["cells"].size(), 6u);
  for (const Json& cell : again["cells"]) EXPECT_EQ(cell["state"], "done");
}

TEST_F(RecipeCommandTest, TheReportHasOneFormForEachReader) {
  const RunResult text = report({});
  ASSERT_EQ(text.code, 0) << text.err;
  for (const char* part : {"A short one", "garments", "zero-shot CLIP", "QCoOp 1 bit",
                           "  published", "  difference", "±", "Published: made up"}) {
    EXPECT_NE(text.out.find(part), std::string::npos) << part;
  }
  EXPECT_NE(report({"--format", "markdown"}).out.find("| CoOp |"), std::string::npos);
  const RunResult csv = report({"--format", "csv"});
  EXPECT_EQ(csv.out.rfind("experiment,table,method,bytes,column,mean", 0), 0u);
  const Json json = Json::parse(report({"--format", "json"}).out);
  EXPECT_EQ(json, Json::parse(report({"--json"}).out));
  const Json row = json[0]["tables"][0]["rows"][1];
  EXPECT_EQ(row["method"], "CoOp");
  EXPECT_EQ(row["published_bytes"], 1);
  EXPECT_EQ(row["values"][0]["seeds"], 2);
  EXPECT_EQ(json[0]["per_class"][0]["classes"].size(), 24u);
  EXPECT_EQ(report({"--experiment", "absent"}).code, 2);
  EXPECT_EQ(report({"--format", "pdf"}).code, 2);
}

TEST_F(RecipeCommandTest, TheReportAgreesWithEval) {
  const Json json = Json::parse(report({"--json"}).out);
  const Json values = json[0]["tables"][0]["rows"][0]["values"];
  const RunResult alone =
      run({"zero-shot", "--clip", demo_clip(), "--data", demo_data(), "--classes", "new", "--cache",
           *folder_ / "cache", "--json", "--quiet"});
  EXPECT_DOUBLE_EQ(values[1]["mean"], Json::parse(alone.out)["results"][0]["accuracy"]);
}

TEST_F(RecipeCommandTest, ThePageIsOneFile) {
  ASSERT_EQ(report({"--html", *folder_ / "page.html"}).code, 0);
  const std::string page = read_all(*folder_ / "page.html");
  EXPECT_NE(page.find("Results of each class"), std::string::npos);
  EXPECT_EQ(page.find("http"), std::string::npos);
  EXPECT_EQ(report({"--html", *folder_ / "no/such/page.html"}).code, 4);
}

TEST_F(RecipeCommandTest, ErrorsSayWhereAndEndWithTheirCode) {
  EXPECT_EQ(run({"run", *folder_ / "absent.toml"}).code, 4);
  EXPECT_EQ(run({"report", *folder_ / "absent.db"}).code, 4);
  EXPECT_EQ(run({"report", *folder_ / "recipe.toml"}).code, 3);
  write_all(*folder_ / "bad.toml", "methods = [\"coop\"]\ndatasets = [\"dtd\"]\nepohcs = 1\n");
  const RunResult bad = run({"run", *folder_ / "bad.toml", "--data", *folder_ / "nowhere"});
  EXPECT_EQ(bad.code, 3);
  EXPECT_NE(bad.err.find("bad.toml:3"), std::string::npos) << bad.err;
  write_all(*folder_ / "missing.toml", "methods = [\"coop\"]\ndatasets = [\"dtd\"]\nseeds = [1]\n");
  const std::vector<std::string> missing{"run",
                                         *folder_ / "missing.toml",
                                         "--data",
                                         *folder_ / "nowhere",
                                         "--clip",
                                         demo_clip(),
                                         "--db",
                                         *folder_ / "missing.db",
                                         "--quiet",
                                         "--cache",
                                         *folder_ / "cache"};
  const RunResult failed = run(missing);
  EXPECT_EQ(failed.code, 3);
  EXPECT_NE(failed.err.find("failed: CoOp, dtd"), std::string::npos) << failed.err;
  EXPECT_NE(failed.err.find("--retry"), std::string::npos) << failed.err;
}

}  // namespace
}  // namespace qprompt::testing_support
