// Files that are broken, hostile or from the future.
#include <gtest/gtest.h>

#include "artifact/examples.h"
#include "artifact/format.h"
#include "qprompt/artifact.h"

namespace qprompt {
namespace {

std::string refusal(const std::string& bytes) {
  try {
    decode_prompt(bytes, "file.qprompt");
    return "";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kContent);
    EXPECT_NE(std::string(error.what()).find("file.qprompt"), std::string::npos) << error.what();
    return error.what();
  }
}

bool says(const std::string& message, const std::string& part) {
  return message.find(part) != std::string::npos;
}

/// Length and checksum made right again, as a forger would.
std::string sealed(std::string bytes) {
  bytes.resize(bytes.size() - 4);
  for (size_t i = 0; i < 4; ++i) bytes[8 + i] = static_cast<char>((bytes.size() + 4) >> (8 * i));
  const uint32_t sum = artifact::crc32(bytes);
  for (int i = 0; i < 4; ++i) bytes.push_back(static_cast<char>(sum >> (8 * i)));
  return bytes;
}

/// A sealed file with `count` bytes at `at` replaced.
std::string replaced(std::string bytes, size_t at, size_t count, const std::string& by) {
  return sealed(bytes.replace(at, count, by));
}

TEST(ArtifactDamage, TheChecksumIsTheCommonCrc32) {
  EXPECT_EQ(artifact::crc32("123456789"), 0xCBF43926u);
  EXPECT_EQ(artifact::crc32(""), 0u);
}

TEST(ArtifactDamage, EverySingleByteCorruptionIsRefused) {
  const std::string bytes = encode_prompt(examples::prompt(1));
  ASSERT_LE(bytes.size(), 400u);
  for (size_t at = 0; at < bytes.size(); ++at) {
    for (int change = 1; change < 256; ++change) {
      std::string altered = bytes;
      altered[at] = static_cast<char>(altered[at] ^ change);
      ASSERT_THROW(decode_prompt(altered, "x"), Error) << at << " " << change;
    }
  }
}

TEST(ArtifactDamage, EveryTruncationAndEveryAppendedByteIsRefused) {
  for (const auto& prompt : {examples::prompt(1), examples::class_specific()}) {
    const std::string bytes = encode_prompt(prompt);
    for (size_t size = 0; size < bytes.size(); ++size) {
      EXPECT_NE(refusal(bytes.substr(0, size)), "") << size;
    }
    for (int extra = 0; extra < 256; ++extra) {
      EXPECT_NE(refusal(bytes + static_cast<char>(extra)), "");
    }
  }
}

TEST(ArtifactDamage, EverySealedTruncationAndExchangedPairIsRefusedOrStillCanonical) {
  for (const auto& prompt : {examples::prompt(1), examples::class_specific()}) {
    const std::string bytes = encode_prompt(prompt);
    for (size_t at = 12; at + 5 < bytes.size(); ++at) {
      std::string swapped = bytes, shortened = bytes;
      std::swap(swapped[at], swapped[at + 1]);
      shortened.erase(at, 1);
      for (const std::string& altered : {sealed(swapped), sealed(shortened)}) {
        try {
          EXPECT_EQ(encode_prompt(decode_prompt(altered, "x")), altered);
        } catch (const Error& error) {
          EXPECT_EQ(error.kind(), ErrorKind::kContent);
        }
      }
    }
  }
}

TEST(ArtifactDamage, EachKindOfDamageSaysWhatItIs) {
  const std::string bytes = encode_prompt(examples::prompt(1));
  EXPECT_TRUE(says(refusal(""), "not a .qprompt file"));
  EXPECT_TRUE(says(refusal("PK\x03\x04 something else"), "not a .qprompt file"));
  EXPECT_TRUE(says(refusal(bytes.substr(0, 40)), "cut short"));
  EXPECT_TRUE(says(refusal(bytes.substr(0, 300)), "damaged"));
  std::string newer = bytes;
  newer[4] = 2;
  EXPECT_TRUE(says(refusal(newer), "made by a newer qprompt"));
  std::string flipped = bytes;
  flipped[100] = static_cast<char>(flipped[100] ^ 1);
  EXPECT_TRUE(says(refusal(flipped), "checksum"));
}

TEST(ArtifactDamage, SealedLiesAboutTheHeadAreRefusedWithTheirByte) {
  const std::string bytes = encode_prompt(examples::prompt(1));
  EXPECT_EQ(refusal(sealed(bytes)), "");
  EXPECT_TRUE(says(refusal(replaced(bytes, 6, 2, {0, 0})), "byte 6"));      // no tensors
  EXPECT_TRUE(says(refusal(replaced(bytes, 6, 2, "\xff\xff")), "byte 6"));  // 65535 tensors
  EXPECT_NE(refusal(replaced(bytes, 6, 2, {2, 0})), "");                    // one too few
  EXPECT_TRUE(says(refusal(replaced(bytes, 12, 1, {9})), "method 9"));
  EXPECT_NE(refusal(replaced(bytes, 13, 1, {3})), "");                 // position
  EXPECT_NE(refusal(replaced(bytes, 14, 1, {3})), "");                 // half
  EXPECT_TRUE(says(refusal(replaced(bytes, 15, 1, {2})), "byte 15"));  // flag
  EXPECT_NE(refusal(replaced(bytes, 15, 1, {1})), "");                 // without names
  EXPECT_NE(refusal(replaced(bytes, 16, 1, {9})), "");                 // bits
  EXPECT_NE(refusal(replaced(bytes, 17, 1, {0})), "");                 // depth
  EXPECT_NE(refusal(replaced(bytes, 18, 2, {5, 0})), "");              // n_ctx
  EXPECT_NE(refusal(replaced(bytes, 20, 2, {0, 0})), "");              // width
}

TEST(ArtifactDamage, SealedLiesAboutATensorAreRefusedBeforeAnythingIsAllocated) {
  // ctx: 50 length of the name, 51 name, 54 bits, 55 rank, 56 and 60 axes, 64 codes, 320 centres.
  const std::string bytes = encode_prompt(examples::prompt(1));
  const std::string most = "\xff\xff\xff\xff";
  EXPECT_TRUE(says(refusal(replaced(bytes, 50, 4, std::string(1, '\0'))), "byte 50"));
  EXPECT_NE(refusal(replaced(bytes, 50, 1, "\xff")), "");
  EXPECT_NE(refusal(replaced(bytes, 51, 1, "C")), "");
  EXPECT_NE(refusal(replaced(bytes, 54, 1, {16})), "");
  EXPECT_NE(refusal(replaced(bytes, 54, 1, {0})), "");
  EXPECT_TRUE(says(refusal(replaced(bytes, 55, 1, {5})), "byte 55"));
  EXPECT_NE(refusal(replaced(bytes, 55, 1, {0})), "");
  EXPECT_NE(refusal(replaced(bytes, 56, 8, most + most)), "");
  EXPECT_NE(refusal(replaced(bytes, 56, 4, {0, 0, 0, 1})), "");  // 2^24 x 512 values
  EXPECT_TRUE(says(refusal(replaced(bytes, 56, 4, {0, 0, 4, 0})), "bytes, and only"));  // 2^27
  EXPECT_TRUE(says(refusal(replaced(bytes, 320, 4, {0, '\x3c', 0, '\xbc'})), "byte 64"));
  EXPECT_NE(refusal(replaced(bytes, 322, 2, {0, 0x7c})), "");
}

TEST(ArtifactDamage, NonZeroPaddingIsRefused) {
  TrainedPrompt prompt = examples::prompt(1);
  prompt.n_ctx = 1;
  prompt.width = 9;
  prompt.tensors = {examples::context({1, 9}, 1)};
  std::string bytes = encode_prompt(prompt);
  EXPECT_EQ(refusal(sealed(bytes)), "");
  bytes[65] = static_cast<char>(bytes[65] | 0x80);
  EXPECT_TRUE(says(refusal(sealed(bytes)), "not zero"));
}

TEST(ArtifactDamage, SectionsInDisorderTwiceUnknownEmptyOrOverlongAreRefused) {
  TrainedPrompt prompt = examples::prompt(1);
  prompt.initial_words.clear();
  prompt.dataset.clear();
  const std::string bytes = encode_prompt(prompt);
  const size_t end = bytes.size() - 4;
  const auto with = [&](const std::string& sections) {
    return refusal(replaced(bytes, end, 0, sections));
  };
  const std::string words = {1, 2, 'h', 'i'}, set = {2, 1, 'x'}, names = {3, 4, 1, 'a', 1, 'b'};
  EXPECT_EQ(with(words + set + names), "");
  EXPECT_NE(with(set + words), "");
  EXPECT_NE(with(words + words), "");
  EXPECT_NE(with({0, 1, 'a'}), "");
  EXPECT_TRUE(says(with(words + std::string{9, 1, 'a'}), "section 9 does not exist"));
  EXPECT_NE(with({1, 0}), "");
  EXPECT_NE(with({3, 0}), "");
  EXPECT_NE(with({3, 1, 0}), "");
  EXPECT_NE(with({1}), "");
  EXPECT_NE(with({1, 5, 'h', 'i'}), "");
  EXPECT_TRUE(says(with(std::string("\x01\x82\x00hi", 5)), "more bytes than it needs"));
  EXPECT_NE(with("\x01\xff\xff\xff\xff\x7fhi"), "");
  EXPECT_NE(with("\x01\xff\xff\xff\xff\xff\x01hi"), "");
  EXPECT_NE(with({3, 4, 1, 'a', 2, 'b'}), "");             // runs over the section
  EXPECT_NE(with(std::string{3, 2, 2, 'a'} + words), "");  // and into the next one
  EXPECT_NE(with({1, 1, '\x07'}), "");
  EXPECT_NE(with({1, 1, '\x80'}), "");
}

}  // namespace
}  // namespace qprompt
