// Vocabulary files that are damaged, incomplete or of something else: refused, and saying where.
#include <gtest/gtest.h>

#include "qprompt/base.h"
#include "qprompt/tokenizer.h"
#include "tokenizer/test_vocabularies.h"

namespace qprompt {
namespace {

using namespace testing;
using nlohmann::json;

class HostileVocabulary : public ::testing::Test {
 protected:
  /// Loads a file of these bytes and expects an error that has all of `parts`.
  void expect_error(const std::string& name, const std::string& bytes,
                    const std::vector<std::string>& parts, int64_t vocab_size = kSmallVocabSize,
                    ErrorKind kind = ErrorKind::kContent) {
    const std::string path = folder_.write(name, bytes);
    try {
      Tokenizer::load(path, vocab_size);
      ADD_FAILURE() << "no error for " << bytes.substr(0, 200);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), kind) << error.what();
      for (const std::string& part : parts) {
        EXPECT_NE(std::string(error.what()).find(part), std::string::npos)
            << "'" << part << "' is not in: " << error.what();
      }
    }
  }
  void expect_text_error(std::vector<std::string> merges, const std::vector<std::string>& parts) {
    expect_error("vocab.txt", merges_text(merges, "header"), parts);
  }

  TempFolder folder_;
  std::vector<std::string> merges_ = small_merges();
};

TEST_F(HostileVocabulary, TooFewMergesAreCounted) {
  merges_.pop_back();
  expect_text_error(merges_, {"has 7 merges", "522 token embeddings needs 8"});
  expect_error("empty.txt", "", {"has 0 merges"});
}

TEST_F(HostileVocabulary, ABlankLineEndsTheMerges) {
  merges_[3] = "";
  expect_text_error(merges_, {"has 3 merges"});
}

TEST_F(HostileVocabulary, MalformedLinesAreNamed) {
  for (const char* line : {"one", "a b c", "a  b", " a", "a ", "a\tb", "a b\t"}) {
    merges_[2] = line;
    expect_text_error(merges_, {"vocab.txt", "line 4", "two symbols"});
  }
}

TEST_F(HostileVocabulary, InvalidUtf8IsNamed) {
  merges_[1] = "p \xff";
  expect_text_error(merges_, {"line 3", "byte 3", "UTF-8"});
}

TEST_F(HostileVocabulary, DuplicateMergesAreNamed) {
  merges_[4] = "p h";
  expect_text_error(merges_, {"line 6", "'p h'", "already has"});
}

TEST_F(HostileVocabulary, MergesOfUnknownSymbolsAreNamed) {
  merges_[1] = "pp h";
  expect_text_error(merges_, {"line 3", "'pp' is no token"});
  merges_[1] = "p \u4e00";
  expect_text_error(merges_, {"line 3", "'\u4e00' is no token"});
}

TEST_F(HostileVocabulary, CompressedFilesAreChecked) {
  const std::string whole = gzip(merges_text(merges_, "header"));
  EXPECT_NO_THROW(Tokenizer::load(folder_.write("whole.gz", whole), kSmallVocabSize));
  for (size_t size = 2; size < whole.size(); ++size) {
    expect_error("cut.gz", whole.substr(0, size), {"cut.gz", "cut off"});
  }
  for (size_t at = 10; at < whole.size(); ++at) {
    std::string altered = whole;
    altered[at] = static_cast<char>(altered[at] ^ 0x41);
    expect_error("altered.gz", altered, {"altered.gz"});
  }
}

TEST_F(HostileVocabulary, AFileThatInflatesWithoutEndIsRefused) {
  expect_error("bomb.gz", gzip(std::string(80u << 20, '\n')), {"larger than 67108864 bytes"});
}

TEST_F(HostileVocabulary, ImpossibleSizesAreRefused) {
  for (const int64_t size : {int64_t{-1}, int64_t{0}, int64_t{513}, int64_t{1} << 40}) {
    expect_error("vocab.txt", merges_text(merges_, "header"), {"token embeddings"}, size);
  }
}

TEST_F(HostileVocabulary, MissingFilesAreAboutThePath) {
  EXPECT_THROW(Tokenizer::load(folder_ / "none.txt", 522), Error);
  expect_error("vocab.json", vocab_json(merges_).dump(), {"merges.txt"}, kSmallVocabSize,
               ErrorKind::kPath);
  try {
    Tokenizer::load(folder_.path() + "/..//" + "", 522);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kPath) << error.what();
  }
}

class HostileVocabJson : public HostileVocabulary {
 protected:
  void SetUp() override { folder_.write("merges.txt", merges_text(merges_, "#version: 0.2")); }
  json vocab_ = vocab_json(small_merges());
  void expect_json_error(const std::vector<std::string>& parts) {
    expect_error("vocab.json", vocab_.dump(), parts);
  }
};

TEST_F(HostileVocabJson, TheUnalteredFileLoads) {
  EXPECT_NO_THROW(Tokenizer::load(folder_.write("vocab.json", vocab_.dump()), kSmallVocabSize));
}

TEST_F(HostileVocabJson, WhatIsNotAnObjectOfTokensIsRefused) {
  expect_error("vocab.json", "{\"a\": 1", {"vocab.json", "not valid JSON at byte"});
  expect_error("vocab.json", "[1, 2]", {"object was expected", "array"});
  expect_error("vocab.json", "", {"not valid JSON"});
  expect_error("vocab.json", "{\"a\xff\": 1}", {"not valid JSON"});
  expect_error("vocab.json", std::string(1 << 20, '['), {"nested more than"});
}

TEST_F(HostileVocabJson, IdsMustBeWholeNumbersInRangeAndUnique) {
  vocab_["of</w>"] = "512";
  expect_json_error({"'of</w>'", "whole number"});
  vocab_["of</w>"] = 512.5;
  expect_json_error({"'of</w>'", "whole number"});
  vocab_["of</w>"] = -1;
  expect_json_error({"'of</w>'", "id -1"});
  vocab_["of</w>"] = 522;
  expect_json_error({"'of</w>'", "id 522", "522 token embeddings"});
  vocab_["of</w>"] = 18446744073709551615u;
  expect_json_error({"'of</w>'"});
  vocab_["of</w>"] = 513;
  expect_json_error({"'of</w>'", "'ph'", "513"});
}

TEST_F(HostileVocabJson, ATokenThatAMergeMakesMustBeThere) {
  vocab_.erase("of</w>");
  expect_json_error({"merges.txt line", "'of</w>' is no token"});
}

TEST_F(HostileVocabJson, MissingBytesAndFrameTokensAreListed) {
  vocab_["other"] = vocab_["a"];
  vocab_.erase("a");
  merges_ = {"p h", "o t", "ph ot", "! !"};
  folder_.write("merges.txt", merges_text(merges_, "#version: 0.2"));
  expect_json_error({"lacks tokens that CLIP needs", "'a'"});
  vocab_["a"] = vocab_["other"];
  vocab_.erase("other");
  vocab_["[CLS]"] = vocab_["<|startoftext|>"];
  vocab_.erase("<|startoftext|>");
  expect_json_error({"lacks tokens", "'<|startoftext|>'"});
}

TEST_F(HostileVocabJson, MergesThatAreCutOffAreNoticed) {
  merges_.pop_back();
  folder_.write("merges.txt", merges_text(merges_, "#version: 0.2"));
  expect_json_error({"no merge makes '!!'", "cut off"});
}

TEST_F(HostileVocabJson, MergesThatDoNotFitTheTokensAreNamed) {
  merges_.push_back("p h");
  folder_.write("merges.txt", merges_text(merges_, "#version: 0.2"));
  expect_json_error({"merges.txt line 10", "already given at merges.txt line 3"});
  merges_.back() = "q q";
  folder_.write("merges.txt", merges_text(merges_, "#version: 0.2"));
  expect_json_error({"merges.txt line 10", "'qq' is no token"});
}

class HostileTokenizerJson : public HostileVocabulary {
 protected:
  json root_ = tokenizer_json(small_merges(), true);
  void expect_json_error(const std::vector<std::string>& parts) {
    expect_error("tokenizer.json", root_.dump(), parts);
    root_ = tokenizer_json(small_merges(), true);
  }
};

TEST_F(HostileTokenizerJson, OtherModelsAreRefused) {
  root_["model"]["type"] = "WordPiece";
  expect_json_error({"model.type", "WordPiece"});
  root_["model"]["end_of_word_suffix"] = "";
  expect_json_error({"end_of_word_suffix"});
  root_["model"].erase("end_of_word_suffix");
  expect_json_error({"end_of_word_suffix"});
  root_["model"]["continuing_subword_prefix"] = "##";
  expect_json_error({"continuing_subword_prefix"});
  root_["model"] = "x";
  expect_json_error({"'model' must be an object"});
}

TEST_F(HostileTokenizerJson, WrongTypesAreNamed) {
  root_["model"]["vocab"] = json::array();
  expect_json_error({"model.vocab"});
  root_["model"]["merges"] = "a b";
  expect_json_error({"model.merges"});
  for (const json& bad : {json("ab"), json(1), json{"a"}, json{"a", "b", "c"}, json{"a", 1},
                          json(" b"), json("a "), json{"", ""}}) {
    root_["model"]["merges"][5] = bad;
    expect_json_error({"model.merges[5]"});
  }
  root_["added_tokens"][0] = 3;
  expect_json_error({"added_tokens"});
  root_["added_tokens"][0]["id"] = "x";
  root_["added_tokens"][0]["content"] = "new";
  expect_json_error({"'new'", "whole number"});
}

TEST_F(HostileTokenizerJson, FrameTokensMayStandAmongTheAddedTokensOnly) {
  root_["model"]["vocab"].erase("<|startoftext|>");
  root_["model"]["vocab"].erase("<|endoftext|>");
  const std::string path = folder_.write("tokenizer.json", root_.dump());
  EXPECT_EQ(Tokenizer::load(path, kSmallVocabSize).start_token(), 520);
}

}  // namespace
}  // namespace qprompt
