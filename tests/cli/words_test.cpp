// Commands and options by their names: the nearest known one, help, environment, completion, pages.
#include "support/run.h"

namespace qprompt::testing_support {
namespace {

namespace fs = std::filesystem;

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST(WordsTest, AnUnknownWordGetsTheNearestKnownOne) {
  const std::vector<std::pair<std::vector<std::string>, std::string>> cases{
      {{"trian"}, "'train'"},
      {{"clasify", "x.png"}, "'classify'"},
      {{"train", "--epoch", "3"}, "'--epochs'"},
      {{"classify", "--lables", "a,b", "x.png"}, "'--labels'"},
      {{"data", "chekc"}, "'check'"},
      {{"help", "trian"}, "'train'"},
      {{"--quite", "train"}, "'--quiet'"}};
  for (const auto& [words, near] : cases) {
    const RunResult r = run(words);
    EXPECT_EQ(r.code, 2) << words[0];
    EXPECT_TRUE(has(r.err, "did you mean " + near)) << r.err;
  }
  EXPECT_FALSE(has(run({"frobnicate"}).err, "did you mean"));
  EXPECT_EQ(run({"data"}).code, 2);
}

TEST(WordsTest, HelpOfACommandIsItsHelp) {
  const RunResult help = run({"help", "train"});
  EXPECT_EQ(help.code, 0) << help.err;
  EXPECT_EQ(help.out, run({"train", "--help"}).out);
  EXPECT_TRUE(has(run({"help", "data", "check"}).out, "--headers-only"));
  EXPECT_TRUE(has(run({"help"}).out, "classify"));
  EXPECT_TRUE(has(run({"train", "--help"}).out, "REQUIRED"));
}

TEST(WordsTest, EveryOptionMayComeFromTheEnvironment) {
  const std::string line = command_line({"tokenize", "--quiet", "a cat"});
  const RunResult r = run_shell("QPROMPT_CLIP=" + quote(demo_clip()) + " " + line);
  EXPECT_EQ(r.code, 0) << r.err;
  EXPECT_TRUE(has(r.out, "\"text\":\"a cat\""));
  EXPECT_EQ(run_shell("QPROMPT_CLIP=/no/such " + line).code, 4);
  EXPECT_EQ(run_shell("QPROMPT_CLIP=/no/such " + line + " --clip " + quote(demo_clip())).code, 0)
      << "the command line goes first";
  const RunResult bad = run_shell("QPROMPT_SEED=x " + line);
  EXPECT_EQ(bad.code, 2);
  EXPECT_TRUE(has(bad.err, "QPROMPT_SEED")) << bad.err;
}

TEST(WordsTest, AFileOfSettingsHoldsForTheCommandsOfItsFolder) {
  TempFolder folder;
  const auto sample = [&](const std::string& settings, const std::string& more = "") {
    write_all(folder / "qprompt.toml", settings);
    return run_shell("cd " + folder.path() + " && " + command_line({"data", "sample", "--json"}) +
                     more);
  };
  // The option 'data' cannot stand beside the tables of the command 'data' in one TOML file.
  const std::string top = "quiet = true\n", table = "[data.sample]\ndata = '" + demo_data() + "'\n";
  const RunResult one = sample(top + table + "shots = 1\n");
  EXPECT_EQ(one.code, 0) << one.err;
  EXPECT_EQ(
      one.out,
      run({"data", "sample", "--json", "--quiet", "--data", demo_data(), "--shots", "1"}).out);
  EXPECT_EQ(sample(top + "shots = 2\n" + table + "shots = 1\n").out, one.out);
  EXPECT_EQ(sample(top + table + "shots = 2\n", " --shots 1").out, one.out);
  const RunResult unknown = sample(top + "shotz = 2\n");
  EXPECT_EQ(unknown.code, 2);
  EXPECT_TRUE(has(unknown.err, "did you mean 'shots'")) << unknown.err;
  EXPECT_EQ(sample("[trian]\nshots = 1\n").code, 2);
  EXPECT_EQ(sample("config = 'x'\n").code, 2);
  EXPECT_EQ(sample("shots = \n").code, 3);
  EXPECT_EQ(sample("nonsense", " --config none --data " + demo_data() + " --shots 1 --quiet").out,
            one.out);
}

TEST(WordsTest, BashCompletesCommandsAndOptions) {
  TempFolder folder;
  ASSERT_EQ(run({"completion", "--out", folder.path()}).code, 0);
  const auto completed = [&](const std::string& words, int count) {
    return run_shell("bash -c '. " + folder / "qprompt" + "; COMP_WORDS=(" + words +
                     "); COMP_CWORD=" + std::to_string(count) +
                     "; _qprompt; echo \"${COMPREPLY[*]}\"'")
        .out;
  };
  EXPECT_EQ(completed("qprompt tra", 1), "train\n");
  EXPECT_EQ(completed("qprompt train --epo", 2), "--epochs\n");
  EXPECT_EQ(completed("qprompt data ch", 2), "check\n");
  EXPECT_EQ(completed("qprompt data check --head", 3), "--headers-only\n");
  EXPECT_EQ(completed("qprompt classify --thr", 2), "--threads\n");
  for (const auto& [shell, file] :
       {std::pair{"zsh", "_qprompt"}, std::pair{"fish", "qprompt.fish"}}) {
    if (run_shell(std::string("command -v ") + shell).code != 0) continue;
    const RunResult r = run_shell(std::string(shell) + " -n " + folder / file);
    EXPECT_EQ(r.code, 0) << r.err;
  }
}

TEST(WordsTest, EveryCommandHasAManualPageWithItsOptions) {
  TempFolder folder;
  ASSERT_EQ(run({"man", "--out", folder.path()}).code, 0);
  EXPECT_TRUE(has(read_all(folder / "qprompt.1"), "qprompt\\-classify"));
  EXPECT_TRUE(has(read_all(folder / "qprompt-classify.1"), "\\-0, \\-\\-null"));
  EXPECT_TRUE(has(read_all(folder / "qprompt-data.1"), "\\-\\-headers\\-only"));
  EXPECT_EQ(run({"man", "train"}).out, read_all(folder / "qprompt-train.1"));
  if (run_shell("command -v groff").code != 0) GTEST_SKIP() << "groff is not installed";
  for (const auto& page : fs::directory_iterator(folder.path())) {
    const RunResult r = run_shell("groff -Kutf8 -ww -man -Tutf8 " + quote(page.path().string()));
    EXPECT_EQ(r.code, 0);
    EXPECT_EQ(r.err, "") << page.path();
  }
}

TEST(WordsTest, NothingFromOutsideSteersTheTerminal) {
  TempFolder folder;
  const std::string escape = "\x1b]0;x\x07";
  write_all(folder / ("a" + escape + ".png"), "junk");
  const RunResult image = run(
      {"classify", "--clip", demo_clip(), "--labels", "cat,dog", folder / ("a" + escape + ".png")});
  EXPECT_EQ(image.code, 3);
  EXPECT_FALSE(has(image.err, "\x1b]")) << image.err;
  for (const char* part : {"train", "test"}) {
    for (const std::string& name : {"cat" + escape, std::string("dog")}) {
      fs::create_directories(folder / "data/" + part + "/" + name);
      int images = 0;
      for (const auto& entry : fs::recursive_directory_iterator(demo_data() + "/test")) {
        if (!entry.is_regular_file() || images == 2) continue;
        fs::copy_file(entry, folder / "data/" + part + "/" + name + "/" + std::to_string(images++) +
                                 entry.path().extension().string());
      }
    }
  }
  const RunResult table = run({"zero-shot", "--quiet", "--cache", "none", "--per-class", "--clip",
                               demo_clip(), "--data", folder / "data"});
  EXPECT_FALSE(has(table.out + table.err, "\x1b]")) << table.out << table.err;
}

}  // namespace
}  // namespace qprompt::testing_support
