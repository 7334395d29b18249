#include <gtest/gtest.h>

#include <cstdlib>

#include "checkpoint/find_vocabulary.h"
#include "qprompt/base.h"
#include "tokenizer/test_vocabularies.h"

namespace qprompt {
namespace {

using namespace testing;

/// Points every variable that the search reads into a temporary folder, and back afterwards.
class FindVocabulary : public ::testing::Test {
 protected:
  void SetUp() override {
    for (const char* name : {"HOME", "QPROMPT_VOCAB"}) {
      const char* value = std::getenv(name);
      saved_.emplace_back(name, value != nullptr ? value : "", value != nullptr);
      ::unsetenv(name);
    }
    ::setenv("HOME", (folder_ / "home").c_str(), 1);
    clip_ = folder_.write("models/clip.pt", "x");
  }
  void TearDown() override {
    for (const auto& [name, value, was_set] : saved_) {
      was_set ? ::setenv(name.c_str(), value.c_str(), 1) : ::unsetenv(name.c_str());
    }
  }
  std::string find(const std::string& named = "") { return find_vocabulary(clip_, named); }
  std::string error(const std::string& named = "") {
    try {
      return "found " + find(named);
    } catch (const Error& e) {
      EXPECT_EQ(e.kind(), ErrorKind::kPath);
      return e.what();
    }
  }

  TempFolder folder_;
  std::string clip_;
  std::vector<std::tuple<std::string, std::string, bool>> saved_;
};

TEST_F(FindVocabulary, TheNamedFileComesFirstAndMustExist) {
  folder_.write("models/vocab.txt.gz", "x");
  const std::string named = folder_.write("named.gz", "x");
  EXPECT_EQ(find(named), named);
  EXPECT_NE(error(folder_ / "none.gz").find("none.gz"), std::string::npos);
  EXPECT_EQ(find(folder_ / "models"), folder_ / "models/vocab.txt.gz");
}

TEST_F(FindVocabulary, FilesBesideTheModelAreFoundInOrder) {
  const auto beside = [&](const std::string& name) { return folder_.write("models/" + name, "x"); };
  beside("tokenizer.json");
  EXPECT_EQ(folder_ / "models/tokenizer.json", find());
  beside("vocab.json");
  EXPECT_EQ(folder_ / "models/tokenizer.json", find()) << "vocab.json lacks its merges.txt";
  beside("merges.txt");
  EXPECT_EQ(folder_ / "models/vocab.json", find());
  beside("vocab.txt.gz");
  EXPECT_EQ(folder_ / "models/vocab.txt.gz", find());
  beside("bpe_simple_vocab_16e6.txt.gz");
  EXPECT_EQ(folder_ / "models/bpe_simple_vocab_16e6.txt.gz", find());
  EXPECT_EQ(find_vocabulary(folder_ / "models", ""), find()) << "the model as a folder";
}

TEST_F(FindVocabulary, TheVariableComesAfterTheModelsFolder) {
  const std::string named = folder_.write("variable.gz", "x");
  ::setenv("QPROMPT_VOCAB", named.c_str(), 1);
  EXPECT_EQ(find(), named);
  const std::string beside = folder_.write("models/vocab.txt.gz", "x");
  EXPECT_EQ(find(), beside);
  fs::remove(beside);
  ::setenv("QPROMPT_VOCAB", (folder_ / "none").c_str(), 1);
  EXPECT_NE(error().find("QPROMPT_VOCAB names"), std::string::npos);
}

TEST_F(FindVocabulary, WhereThereIsNoneClipsOwnIsMeant) { EXPECT_EQ(find(), ""); }

}  // namespace
}  // namespace qprompt
