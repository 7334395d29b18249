#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>

#include "artifact/examples.h"
#include "artifact/same.h"
#include "qprompt/artifact.h"

namespace qprompt {
namespace {

TEST(Artifact, APromptComesBackWithEveryFieldForEveryWidth) {
  for (const int64_t bits : {1, 2, 3, 4, 5, 6, 7, 8, 16, 32}) {
    const TrainedPrompt prompt = examples::prompt(bits);
    const std::string bytes = encode_prompt(prompt);
    expect_same(decode_prompt(bytes, "memory"), prompt);
    EXPECT_EQ(encode_prompt(decode_prompt(bytes, "memory")), bytes);
  }
  const TrainedPrompt specific = examples::class_specific();
  expect_same(decode_prompt(encode_prompt(specific), "memory"), specific);
}

TEST(Artifact, AllExtremesOfTheHeadComeBack) {
  TrainedPrompt prompt = examples::prompt(32);
  prompt.n_ctx = 1;
  prompt.width = 65535;
  prompt.tensors = {examples::context({1, 65535}, 32)};
  prompt.tensors[0].plain[0] = -0.0f;
  prompt.tensors[0].plain[1] = 1e-45f;
  prompt.tensors[0].plain[2] = -3.4e38f;
  prompt.position = ClassPosition::kFront;
  prompt.half = ClassSubset::kNew;
  prompt.shots = 0xFFFFFFFF;
  prompt.seed = UINT64_MAX;
  prompt.initial_words.clear();
  prompt.dataset.clear();
  const TrainedPrompt back = decode_prompt(encode_prompt(prompt), "memory");
  expect_same(back, prompt);
  EXPECT_TRUE(std::signbit(back.tensors[0].plain[0]));
}

TEST(Artifact, OneBitOfFourByFiveHundredAndTwelveTakes260BytesAndTheFileAtMost400) {
  TrainedPrompt prompt = examples::prompt(1);
  prompt.initial_words = std::string(32, 'w');
  prompt.dataset = std::string(32, 'd');
  EXPECT_EQ(prompt.payload_bytes(), 260);
  EXPECT_LE(encode_prompt(prompt).size(), 400u);
  EXPECT_EQ(encode_prompt(prompt).size(), 381u);  // as docs/artifact.md counts
  prompt.base_model = "ViT-B/16";
  EXPECT_EQ(encode_prompt(prompt).size(), 391u);
  EXPECT_EQ(examples::context({4, 512}, 4).payload_bytes(), 1024 + 32);
  EXPECT_EQ(examples::context({3, 3}, 3).payload_bytes(), 4 + 16);
  EXPECT_EQ(examples::context({4, 512}, 16).payload_bytes(), 4096);
  EXPECT_EQ(examples::context({4, 512}, 32).payload_bytes(), 8192);
}

TEST(Artifact, ValuesAreTheCentresOfTheCodesOrThePlainOnes) {
  const StoredTensor codes = examples::context({2, 4}, 1);
  const auto values = codes.values();
  for (size_t i = 0; i < 8; ++i) {
    EXPECT_EQ(values[i], codes.quantized.codes[i] == 0 ? -1.0f / 64 : 1.0f / 64);
  }
  EXPECT_EQ(examples::context({2, 4}, 16).values(), examples::plain(8));
}

TEST(Artifact, ATensorIsFoundByItsNameAndAMissingOneIsNamed) {
  const TrainedPrompt prompt = examples::prompt(1);
  EXPECT_EQ(prompt.tensor("ctx").name, "ctx");
  try {
    prompt.tensor("deep");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kContent);
    EXPECT_NE(std::string(error.what()).find("ctx"), std::string::npos);
  }
}

TEST(Artifact, FilesAreWrittenWholeAndReadBack) {
  const auto folder = std::filesystem::path(::testing::TempDir()) / "qprompt_artifact";
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  const std::string path = (folder / "p.qprompt").string();
  write_prompt(path, examples::prompt(1));
  write_prompt(path, examples::prompt(2));
  expect_same(read_prompt(path), examples::prompt(2));
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder), {}), 1);
  try {
    write_prompt((folder / "absent" / "p.qprompt").string(), examples::prompt(1));
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kPath);
  }
  try {
    read_prompt((folder / "absent.qprompt").string());
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kPath);
  }
  std::filesystem::remove_all(folder);
}

/// What encode_prompt says of a prompt after a change; empty when it takes it.
template <class Change>
std::string refusal(TrainedPrompt prompt, Change change) {
  change(prompt);
  try {
    encode_prompt(prompt);
    return "";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kContent);
    return error.what();
  }
}

TEST(Artifact, FieldsOutOfRangeAreNotWritten) {
  using P = TrainedPrompt;
  const P good = examples::prompt(1);
  EXPECT_EQ(refusal(good, [](P&) {}), "");
  EXPECT_NE(refusal(good, [](P& p) { p.method = "nonesuch"; }), "");
  EXPECT_NE(refusal(good, [](P& p) { p.position = ClassPosition(3); }), "");
  EXPECT_NE(refusal(good, [](P& p) { p.half = ClassSubset(3); }), "");
  for (const int64_t bits : {-1, 0, 9, 15, 17, 33, 257}) {
    EXPECT_NE(refusal(good, [&](P& p) { p.bits = bits; }), "");
    EXPECT_NE(refusal(good, [&](P& p) { p.tensors[0].bits = bits; }), "");
  }
  for (const int64_t value : {int64_t{-1}, int64_t{0}, int64_t{1} << 40}) {
    EXPECT_NE(refusal(good, [&](P& p) { p.n_ctx = value; }), "") << value;
    EXPECT_NE(refusal(good, [&](P& p) { p.width = value; }), "");
    EXPECT_NE(refusal(good, [&](P& p) { p.depth = value; }), "");
  }
  EXPECT_NE(refusal(good, [](P& p) { p.shots = -1; }), "");
  EXPECT_NE(refusal(good, [](P& p) { p.shots = int64_t{1} << 32; }), "");
}

TEST(Artifact, TensorsThatDoNotFitTogetherAreNotWritten) {
  using P = TrainedPrompt;
  const P good = examples::prompt(1), halves = examples::prompt(16);
  EXPECT_NE(refusal(good, [](P& p) { p.tensors.clear(); }), "");
  EXPECT_NE(refusal(good, [](P& p) { p.tensors.push_back(p.tensors[0]); }), "");
  EXPECT_NE(refusal(good, [](P& p) { p.tensors.resize(1025, p.tensors[0]); }), "");
  for (const char* name : {"", "Ctx", "c x", "ctx\n", "weights", "é"}) {
    EXPECT_NE(refusal(good, [&](P& p) { p.tensors[0].name = name; }), "") << name;
  }
  EXPECT_NE(refusal(good, [](P& p) { p.tensors[0].name = std::string(33, 'a'); }), "");
  EXPECT_NE(refusal(good, [](P& p) { p.tensors[0].shape = {}; }), "");
  EXPECT_NE(refusal(good, [](P& p) { p.tensors[0].shape = {2048}; }), "");
  EXPECT_NE(refusal(good, [](P& p) { p.tensors[0].shape = {512, 4}; }), "");
  EXPECT_NE(refusal(good, [](P& p) { p.tensors[0].shape = {4, 512, 0}; }), "");
  EXPECT_NE(refusal(good, [](P& p) { p.tensors[0].shape = {1, 1, 1, 4, 512}; }), "");
  EXPECT_NE(refusal(good, [](P& p) { p.tensors[0].shape = {1 << 20, 1 << 20}; }), "");
  EXPECT_NE(refusal(good, [](P& p) { p.tensors[0].quantized.codes.pop_back(); }), "");
  EXPECT_NE(refusal(good, [](P& p) { p.tensors[0].quantized.codes[7] = 2; }), "");
  EXPECT_NE(refusal(good, [](P& p) { p.tensors[0].quantized.codebook.push_back(0); }), "");
  EXPECT_NE(refusal(good, [](P& p) { p.tensors[0].quantized.codebook[1] = 0xbc00; }), "");
  EXPECT_NE(refusal(good, [](P& p) { p.tensors[0].quantized.codebook[1] = 0x7c00; }), "");
  EXPECT_NE(refusal(good, [](P& p) { p.tensors[0].quantized.codebook[0] = 0x7e00; }), "");
  EXPECT_NE(refusal(good, [](P& p) { p.tensors[0].quantized.bits = 2; }), "");
  EXPECT_NE(refusal(good, [](P& p) { p.tensors[0].plain = {1}; }), "");
  EXPECT_NE(refusal(halves, [](P& p) { p.tensors[0].plain.pop_back(); }), "");
  EXPECT_NE(refusal(halves, [](P& p) { p.tensors[0].plain[3] = 0.1f; }), "");  // no half
  EXPECT_NE(refusal(halves, [](P& p) { p.tensors[0].plain[3] = NAN; }), "");
  EXPECT_NE(refusal(halves, [](P& p) { p.tensors[0].plain[3] = INFINITY; }), "");
  EXPECT_NE(refusal(halves, [](P& p) { p.tensors[0].plain[3] = 65520; }), "");
}

TEST(Artifact, TextsThatAreNotPlainUtf8AreNotWritten) {
  using P = TrainedPrompt;
  const P good = examples::prompt(1);
  for (const char* text : {"\x80", "a\xc3", "\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80",
                           "\xe0\x80\xaf", "\xff", "tab\t", "\x1b[31m", "\x7f", "\xc2\x85"}) {
    EXPECT_NE(refusal(good, [&](P& p) { p.initial_words = text; }), "") << text;
    EXPECT_NE(refusal(good, [&](P& p) { p.dataset = text; }), "") << text;
    EXPECT_NE(refusal(good, [&](P& p) { p.class_names = {"cat", text}; }), "") << text;
  }
  EXPECT_EQ(refusal(good, [](P& p) { p.dataset = "ß 猫 🐈 \xc2\xa0 \xf4\x8f\xbf\xbf"; }), "");
  EXPECT_NE(refusal(good, [](P& p) { p.dataset = std::string(4097, 'a'); }), "");
  EXPECT_NE(refusal(good, [](P& p) { p.dataset = std::string("a\0b", 3); }), "");
  EXPECT_NE(refusal(good, [](P& p) { p.class_names = {""}; }), "");
  EXPECT_NE(refusal(good, [](P& p) { p.class_names.resize(1000001, "a"); }), "");
}

TEST(Artifact, AClassSpecificPromptNeedsOneNameForEachOfItsContexts) {
  using P = TrainedPrompt;
  const P good = examples::class_specific();
  EXPECT_EQ(refusal(good, [](P&) {}), "");
  EXPECT_NE(refusal(good, [](P& p) { p.class_names.clear(); }), "");
  EXPECT_NE(refusal(good, [](P& p) { p.class_names.pop_back(); }), "");
  EXPECT_NE(refusal(good, [](P& p) { p.settings.clear(); }), "");
  EXPECT_NE(refusal(examples::prompt(1),
                    [](P& p) {
                      p.settings = {{"class-specific", "true"}};
                    }),
            "");
}

}  // namespace
}  // namespace qprompt
