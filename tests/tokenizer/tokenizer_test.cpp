#include "qprompt/tokenizer.h"

#include <gtest/gtest.h>

#include <chrono>

#include "qprompt/base.h"
#include "tokenizer/test_vocabularies.h"
#include "tokenizer/impl/vocabulary.h"

namespace qprompt {
namespace {

using namespace testing;
using Ids = std::vector<int64_t>;

const std::string kHeader = "\"a small vocabulary\"";
const std::string kShared = QPROMPT_SOURCE_DIR "/../shared";

/// The folder of the tiny oracle: the project's copy, or the one beside it.
std::string tiny_oracle() {
  const std::string kept = QPROMPT_SOURCE_DIR "/tests/data/oracle/tiny";
  return fs::exists(kept + "/tokens.json") ? kept : kShared + "/oracle/tiny";
}

/// The reference cut texts at 77 ids, the end token last, where this project gives an error.
void expect_oracle_tokens(const Tokenizer& tokenizer, const std::string& path) {
  const nlohmann::json cases = nlohmann::json::parse(testing_support::read_all(path));
  ASSERT_GT(cases.size(), 0u);
  for (const auto& entry : cases) {
    const auto text = entry["text"].get<std::string>();
    Ids ids = tokenizer.encode_framed(text, 1 << 20);
    if (ids.size() > 77) {
      EXPECT_THROW(tokenizer.encode_framed(text, 77), Error) << text;
      ids.resize(77);
      ids.back() = tokenizer.end_token();
    }
    EXPECT_EQ(ids, entry["ids"].get<Ids>()) << text;
  }
}

Tokenizer small_tokenizer() {
  TempFolder folder;
  return Tokenizer::load(folder.write("vocab.txt", merges_text(small_merges(), kHeader)),
                         kSmallVocabSize);
}

/// What the call throws, "" when it throws nothing.
template <class Call>
std::string message_of(ErrorKind kind, Call call) {
  try {
    call();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), kind) << error.what();
    return error.what();
  }
  return "";
}

TEST(Tokenizer, TokensOfClipsVocabularyEqualTheReference) {
  const Tokenizer tokenizer = Tokenizer::load("", 49408);
  if (fs::exists(kShared + "/oracle/tokens.json")) {
    expect_oracle_tokens(tokenizer, kShared + "/oracle/tokens.json");
  }
  // openai/CLIP's own example: clip.tokenize("a photo of a cat").
  EXPECT_EQ(tokenizer.encode("a photo of a cat"), (Ids{320, 1125, 539, 320, 2368}));
  EXPECT_EQ(tokenizer.encode("child’s"), tokenizer.encode("child's"));
  EXPECT_EQ(tokenizer.start_token(), 49406);
  EXPECT_EQ(tokenizer.end_token(), 49407);
  EXPECT_EQ(tokenizer.vocab_size(), 49408);
  EXPECT_EQ(tokenizer.token_text(1929), "dog ");
  EXPECT_EQ(tokenizer.token_text(49406), "<|startoftext|>");
  EXPECT_EQ(tokenizer.token_text(127), "\ufffd");  // half of a two-byte character
}

TEST(Tokenizer, ClipsOwnVocabularyIsForModelsOfItsSizeOrPaddedOnes) {
  const Tokenizer clip = Tokenizer::load("", 49'408), padded = Tokenizer::load("", 49'472);
  EXPECT_EQ(padded.vocab_size(), 49'472);
  EXPECT_EQ(padded.end_token(), 49'407);
  EXPECT_EQ(padded.encode("a tabby cat, asleep"), clip.encode("a tabby cat, asleep"));
  EXPECT_EQ(padded.token_text(49'450), "");
  const std::string message = message_of(ErrorKind::kPath, [] { Tokenizer::load("", 49'407); });
  EXPECT_NE(message.find("49407 token embeddings"), std::string::npos) << message;
}

TEST(Tokenizer, EmbeddingsMayBePaddedAtTheirEnd) {
  TempFolder folder;
  folder.write("vocab.json", vocab_json(small_merges()).dump());
  folder.write("merges.txt", merges_text(small_merges(), "#version: 0.2"));
  const Tokenizer padded = Tokenizer::load(folder.path(), kSmallVocabSize + 6);
  EXPECT_EQ(padded.encode("of photo"), (Ids{512, 516}));
  EXPECT_EQ(padded.end_token(), kSmallVocabSize - 1);
}

TEST(Tokenizer, AByteOrderMarkBeforeMergesOrVocabularyIsNotRead) {
  TempFolder folder;
  folder.write("vocab.json", "\xEF\xBB\xBF" + vocab_json(small_merges()).dump());
  folder.write("merges.txt", "\xEF\xBB\xBF" + merges_text(small_merges(), "#version: 0.2"));
  EXPECT_EQ(Tokenizer::load(folder.path(), kSmallVocabSize).encode("of"), (Ids{512}));
  folder.write("merges.txt", "\xEF\xBB\xBF" + merges_text(small_merges(), "").substr(1));
  EXPECT_EQ(Tokenizer::load(folder.path(), kSmallVocabSize).encode("of"), (Ids{512}));
}

/// A tokenizer.json to which tokens were added.
nlohmann::json with_added(const std::vector<nlohmann::json>& tokens) {
  nlohmann::json root = tokenizer_json(small_merges(), true);
  for (const auto& token : tokens) root["added_tokens"].push_back(token);
  return root;
}

TEST(Tokenizer, AnAddedTokenIsOneTokenWhereverTheFileKeepsIt) {
  TempFolder folder;
  folder.write("slow/vocab.json", vocab_json(small_merges()).dump());
  folder.write("slow/merges.txt", merges_text(small_merges(), "#version: 0.2"));
  folder.write("slow/added_tokens.json", R"({"<cat-toy>": 522})");
  folder.write("fast/tokenizer.json", with_added({{{"id", 522}, {"content", "<cat-toy>"}}}).dump());
  for (const char* name : {"slow", "fast"}) {
    SCOPED_TRACE(name);
    const Tokenizer tokenizer = Tokenizer::load(folder / name, kSmallVocabSize + 1);
    EXPECT_EQ(tokenizer.encode("of <Cat-Toy>photo"), (Ids{512, 522, 516}));
    EXPECT_EQ(tokenizer.encode("<cat-toy>"), (Ids{522}));
    EXPECT_EQ(tokenizer.token_text(522), "<cat-toy>");
    EXPECT_NE(tokenizer.encode("<cat-toys").front(), 522);
    EXPECT_NE(
        message_of(ErrorKind::kContent, [&] { Tokenizer::load(folder / name, kSmallVocabSize); })
            .find("<cat-toy>"),
        std::string::npos);
  }
}

TEST(Tokenizer, AddedTokensKeepTheirCaseAndTheirWordBounds) {
  TempFolder folder;
  const std::string path = folder.write(
      "tokenizer.json", with_added({{{"id", 522}, {"content", "XY"}, {"normalized", false}},
                                    {{"id", 523}, {"content", "of"}, {"single_word", true}},
                                    {{"id", 524}, {"content", "XYZ"}, {"normalized", false}}})
                            .dump());
  const Tokenizer tokenizer = Tokenizer::load(path, kSmallVocabSize + 3);
  EXPECT_EQ(tokenizer.encode("XY"), (Ids{522}));
  EXPECT_EQ(tokenizer.encode("XYZXY"), (Ids{524, 522}));
  EXPECT_EQ(tokenizer.encode("xy"), (Ids{87, 344}));
  EXPECT_EQ(tokenizer.encode("of of!"), (Ids{523, 523, 256}));
  EXPECT_EQ(tokenizer.encode("ofo"), (Ids{78, 69, 334}));
}

TEST(Tokenizer, AVocabularyNestedWithoutEndIsRefused) {
  TempFolder folder;
  const std::string deep = std::string(200'000, '[') + std::string(200'000, ']');
  const std::string path = folder.write("tokenizer.json", R"({"model": {"type": )" + deep + "}}");
  EXPECT_NE(message_of(ErrorKind::kContent, [&] { Tokenizer::load(path, 522); }).find("levels"),
            std::string::npos);
}

TEST(Tokenizer, TokensOfTheTinyVocabularyEqualTheReference) {
  if (!fs::exists(tiny_oracle() + "/tokens.json")) GTEST_SKIP() << "no tiny oracle";
  const Tokenizer tokenizer = Tokenizer::load(tiny_oracle() + "/vocab.txt.gz", 625);
  expect_oracle_tokens(tokenizer, tiny_oracle() + "/tokens.json");
}

TEST(Tokenizer, AllFileFormatsGiveTheSameIds) {
  if (!fs::exists(tiny_oracle() + "/tokens.json")) GTEST_SKIP() << "no tiny oracle";
  const std::string text = tokenizer::read_maybe_gzip(tiny_oracle() + "/vocab.txt.gz");
  std::vector<std::string> merges;
  std::istringstream lines(text);
  std::string line;
  std::getline(lines, line);
  while (std::getline(lines, line)) merges.push_back(line);
  ASSERT_EQ(merges.size(), 111u);
  TempFolder folder;
  folder.write("hf/vocab.json", vocab_json(merges).dump());
  folder.write("hf/merges.txt", merges_text(merges, "#version: 0.2") + "\n");
  folder.write("plain/vocab.txt", merges_text(merges, kHeader) + "\r\n");
  folder.write("fast/tokenizer.json", tokenizer_json(merges, false).dump());
  const std::vector<std::string> paths = {
      folder / "hf",
      folder / "hf/vocab.json",
      folder / "hf/merges.txt",
      folder / "plain",
      folder / "fast",
      folder.write("pairs.json", tokenizer_json(merges, true).dump()),
      folder.write("two_members.gz", gzip(text.substr(0, 300)) + gzip(text.substr(300)))};
  for (const std::string& path : paths) {
    SCOPED_TRACE(path);
    expect_oracle_tokens(Tokenizer::load(path, 625), tiny_oracle() + "/tokens.json");
  }
}

TEST(Tokenizer, MergesPastTheModelsNumberAreIgnored) {
  TempFolder folder;
  const std::string file = folder.write("vocab.txt", merges_text(small_merges(), kHeader));
  const Tokenizer whole = Tokenizer::load(file, kSmallVocabSize);
  const Tokenizer fewer = Tokenizer::load(file, 514 + 1);
  EXPECT_EQ(whole.encode("of photo"), (Ids{512, 516}));
  EXPECT_EQ(fewer.encode("of photo"), (Ids{512, 79, 71, 78, 83, 334}));
  EXPECT_EQ(fewer.start_token(), 513);
  EXPECT_EQ(fewer.end_token(), 514);
  EXPECT_EQ(Tokenizer::load(file, 514).encode("of"), (Ids{78, 325}));
}

TEST(Tokenizer, EveryOccurrenceOfTheBestPairIsMergedBeforeThePairsThatItMakes) {
  // "b c" makes one token of two merges; the rank of "abc d" lies below that of "a bc".
  TempFolder folder;
  const std::vector<std::string> merges = {"b c", "a b", "ab c", "abc a"};
  auto vocab = vocab_json(merges);
  folder.write("vocab.json", vocab.dump());
  folder.write("merges.txt", "#version: 0.2\nb c\na b\nab c\nabc a\na bc\n");
  const Tokenizer tokenizer = Tokenizer::load(folder.path(), 514 + 4);
  // a bc a bc x → abc abc x (rank 4, twice), not abca bc x (rank 3 after the first).
  EXPECT_EQ(tokenizer.encode("abcabcx"), (Ids{514, 514, 343}));
}

TEST(Tokenizer, RepeatedSymbolsMergeFromTheLeft) {
  const Tokenizer tokenizer = small_tokenizer();
  EXPECT_EQ(tokenizer.encode("!!!!!"), (Ids{519, 519, 256}));
  EXPECT_EQ(tokenizer.encode("!!!!"), (Ids{519, 0, 256}));
}

TEST(Tokenizer, TextsOfTokensAreReadable) {
  const Tokenizer tokenizer = small_tokenizer();
  EXPECT_EQ(tokenizer.token_text(512), "of ");
  EXPECT_EQ(tokenizer.token_text(513), "ph");
  EXPECT_EQ(tokenizer.token_text(kSmallVocabSize - 1), "<|endoftext|>");
  for (const int64_t id : {int64_t{-1}, kSmallVocabSize}) {
    EXPECT_NE(message_of(ErrorKind::kContent, [&] { tokenizer.token_text(id); }).find("0 … 521"),
              std::string::npos);
  }
}

TEST(Tokenizer, ATextThatIsTooLongIsNamedWithItsLength) {
  const Tokenizer tokenizer = small_tokenizer();
  EXPECT_EQ(tokenizer.encode_framed("of of of", 5).size(), 5u);
  const std::string message =
      message_of(ErrorKind::kContent, [&] { tokenizer.encode_framed("of of of of", 5); });
  EXPECT_NE(message.find("'of of of of' has 6 tokens"), std::string::npos) << message;
  EXPECT_NE(message.find("at most 5"), std::string::npos) << message;
  const std::string long_text = message_of(
      ErrorKind::kContent, [&] { tokenizer.encode_framed(std::string(5000, 'x') + "\xff", 77); });
  EXPECT_LT(long_text.size(), 300u);
  EXPECT_NE(long_text.find("x…'"), std::string::npos) << long_text;
}

TEST(Tokenizer, AMegabyteWithoutSpacesIsTokenizedFast) {
  const Tokenizer tokenizer = small_tokenizer();
  std::string text;
  while (text.size() < (1u << 20)) text += "photof!";
  const auto start = std::chrono::steady_clock::now();
  EXPECT_GT(tokenizer.encode(text).size(), 100'000u);
  EXPECT_GT(tokenizer.encode(std::string(1 << 20, '!')).size(), 500'000u);
  EXPECT_GT(tokenizer.encode(std::string(1 << 20, '&')).size(), 1000u);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(30));
}

TEST(Tokenizer, ATextOfManyMegabytesIsRefused) {
  const Tokenizer tokenizer = small_tokenizer();
  const std::string message =
      message_of(ErrorKind::kContent, [&] { tokenizer.encode(std::string(5 << 20, 'x')); });
  EXPECT_NE(message.find("has 5242880 bytes; at most"), std::string::npos) << message;
}

TEST(Tokenizer, AnyBytesCanBeEncoded) {
  const Tokenizer tokenizer = small_tokenizer();
  uint32_t state = 1;
  for (int round = 0; round < 2000; ++round) {
    std::string text;
    for (int i = 0; i < round % 40; ++i) {
      state = state * 1664525u + 1013904223u;
      text.push_back(static_cast<char>(state >> 24));
    }
    for (const int64_t id : tokenizer.encode(text)) ASSERT_LT(id, kSmallVocabSize);
  }
}

}  // namespace
}  // namespace qprompt
