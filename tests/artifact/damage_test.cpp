// Files that are broken, hostile or from the future.
#include <gtest/gtest.h>

#include "artifact/examples.h"
#include "artifact/impl/format.h"
#include "artifact/method_examples.h"
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
  newer[4] = 3;
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
  EXPECT_TRUE(says(refusal(replaced(bytes, 12, 1, {9})), "stored form 9"));
  EXPECT_TRUE(says(refusal(replaced(bytes, 12, 1, "\xff")), "its word is missing"));
  EXPECT_NE(refusal(replaced(bytes, 13, 1, {3})), "");     // position
  EXPECT_NE(refusal(replaced(bytes, 14, 1, {3})), "");     // class subset
  EXPECT_NE(refusal(replaced(bytes, 15, 1, {9})), "");     // bits
  EXPECT_NE(refusal(replaced(bytes, 16, 1, {0})), "");     // depth
  EXPECT_NE(refusal(replaced(bytes, 17, 2, {5, 0})), "");  // n_ctx
  EXPECT_NE(refusal(replaced(bytes, 19, 2, {0, 0})), "");  // width
  EXPECT_TRUE(says(refusal(replaced(bytes, 37, 1, std::string("\x90\x00", 2))),
                   "more bytes than it needs"));
}

TEST(ArtifactDamage, SealedLiesAboutATensorAreRefusedBeforeAnythingIsAllocated) {
  // ctx: 39 length of the name, 40 name, 43 bits, 44 rank, 45 and 46 axes, 48 codebooks, 49 codes,
  // 305 centres.
  const std::string bytes = encode_prompt(examples::prompt(1));
  const std::string most = "\xff\xff\xff\xff\x0f";
  EXPECT_TRUE(says(refusal(replaced(bytes, 39, 4, std::string(1, '\0'))), "byte 39"));
  EXPECT_NE(refusal(replaced(bytes, 39, 1, "\xff")), "");
  EXPECT_NE(refusal(replaced(bytes, 40, 1, "C")), "");
  EXPECT_NE(refusal(replaced(bytes, 43, 1, {16})), "");
  EXPECT_NE(refusal(replaced(bytes, 43, 1, {0})), "");
  EXPECT_TRUE(says(refusal(replaced(bytes, 44, 1, {5})), "byte 44"));
  EXPECT_NE(refusal(replaced(bytes, 44, 1, {0})), "");
  EXPECT_NE(refusal(replaced(bytes, 45, 3, most + most)), "");
  EXPECT_NE(refusal(replaced(bytes, 45, 1, "\x80\x80\x80\x08")), "");  // 2^24 x 512 values
  EXPECT_TRUE(says(refusal(replaced(bytes, 45, 1, "\x80\x80\x10")), "bytes, and only"));  // 2^27
  EXPECT_NE(refusal(replaced(bytes, 48, 1, {0})), "");   // no codebook
  EXPECT_NE(refusal(replaced(bytes, 48, 1, {3})), "");   // no divisor of the rows
  EXPECT_NE(refusal(replaced(bytes, 48, 1, {2})), "");   // not as the row says
  EXPECT_NE(refusal(replaced(bytes, 48, 1, most)), "");  // more than there are values
  EXPECT_TRUE(says(refusal(replaced(bytes, 305, 4, {0, '\x3c', 0, '\xbc'})), "byte 49"));
  EXPECT_NE(refusal(replaced(bytes, 307, 2, {0, 0x7c})), "");
}

TEST(ArtifactDamage, NonZeroPaddingIsRefused) {
  TrainedPrompt prompt = examples::prompt(1);
  prompt.n_ctx = 1;
  prompt.width = 9;
  prompt.tensors = {examples::context({1, 9}, 1)};
  std::string bytes = encode_prompt(prompt);
  EXPECT_EQ(refusal(sealed(bytes)), "");
  bytes[49] = static_cast<char>(bytes[49] | 0x80);
  EXPECT_TRUE(says(refusal(sealed(bytes)), "not zero"));
}

/// A section with a short content.
std::string section(int tag, const std::string& content) {
  return std::string{static_cast<char>(tag), static_cast<char>(content.size())} + content;
}
/// A text behind its length.
std::string counted(const std::string& text) { return static_cast<char>(text.size()) + text; }

/// A file without sections, and the refusal of it with others.
struct Sections {
  std::string bytes;
  explicit Sections(TrainedPrompt prompt) {
    prompt.initial_words.clear();
    prompt.dataset.clear();
    prompt.class_names.clear();
    bytes = encode_prompt(prompt);
  }
  std::string with(const std::string& sections) const {
    return refusal(replaced(bytes, bytes.size() - 4, 0, sections));
  }
};

TEST(ArtifactDamage, SectionsInDisorderTwiceUnknownEmptyOrOverlongAreRefused) {
  const Sections file(examples::prompt(1));
  const std::string words = section(3, "hi"), set = section(0x81, "x"),
                    names = section(6, counted("a") + counted("b"));
  EXPECT_EQ(file.with(words + names + set), "");
  EXPECT_NE(file.with(names + words), "");
  EXPECT_NE(file.with(words + words), "");
  EXPECT_NE(file.with(section(0, "a")), "");
  for (const int tag : {8, 9, 64, 127, 128}) {
    EXPECT_TRUE(says(file.with(words + section(tag, "a")), cat("section ", tag, " is not known")));
  }
  EXPECT_NE(file.with(section(3, "")), "");
  EXPECT_NE(file.with(section(6, "")), "");
  EXPECT_NE(file.with(section(6, std::string(1, '\0'))), "");
  EXPECT_NE(file.with({3}), "");
  EXPECT_NE(file.with({3, 5, 'h', 'i'}), "");
  EXPECT_TRUE(says(file.with(std::string("\x03\x82\x00hi", 5)), "more bytes than it needs"));
  EXPECT_NE(file.with("\x03\xff\xff\xff\xff\x7fhi"), "");
  EXPECT_NE(file.with("\x03\xff\xff\xff\xff\xff\x01hi"), "");
  EXPECT_NE(file.with({6, 4, 1, 'a', 2, 'b'}), "");           // runs over the section
  EXPECT_NE(file.with(std::string{6, 2, 2, 'a'} + set), "");  // and into the next one
  EXPECT_NE(file.with({3, 1, '\x07'}), "");
  EXPECT_NE(file.with({3, 1, '\x80'}), "");
}

TEST(ArtifactDamage, AnUnknownSectionThatIsHarmlessIsSkippedAndKept) {
  const Sections file(examples::prompt(1));
  const std::string more = section(0x83, "later") + section(0xff, "");
  EXPECT_EQ(file.with(section(0x81, "set") + more), "");
  const std::string bytes = replaced(file.bytes, file.bytes.size() - 4, 0, more);
  EXPECT_EQ(encode_prompt(decode_prompt(bytes, "x")), bytes);
}

TEST(ArtifactDamage, AMethodsWordThatIsNotOfTheStoredFormIsRefused) {
  const Sections file(examples::prompt(1));
  EXPECT_TRUE(says(file.with(section(1, "maple")), "the head says 0"));
  EXPECT_TRUE(says(file.with(section(1, "coop")), "is that of the stored form"));
  EXPECT_TRUE(says(file.with(section(1, "nonesuch")), "'nonesuch' is no method here"));
  const Sections outside(examples::prompt(1));
  std::string bytes = replaced(outside.bytes, 12, 1, "\xff");
  bytes = replaced(bytes, bytes.size() - 4, 0, section(1, "nonesuch"));
  EXPECT_TRUE(says(refusal(bytes), "add_method"));
}

TEST(ArtifactDamage, OptionsThatAreNotTheMethodsOrNotCanonicalAreRefused) {
  const auto options = [](const std::string& name, const std::string& value) {
    return section(2, counted(name) + counted(value));
  };
  const Sections file(examples::prompt(1));
  EXPECT_TRUE(says(file.with(options("class-specific", "true")), "needs their names"));
  EXPECT_TRUE(says(file.with(options("class-specific", "false")), "should be left out"));
  EXPECT_NE(file.with(options("class-specific", "maybe")), "");
  EXPECT_TRUE(says(file.with(options("n-ctx", "4")), "is no option that a file of CoOp"));
  EXPECT_TRUE(says(file.with(options("vision-ctx", "4")), "is no option that a file of CoOp"));
  EXPECT_NE(file.with(section(2, "")), "");
  EXPECT_NE(file.with(section(2, counted("class-specific"))), "");
  const std::string bytes = encode_prompt(examples::ivlp());
  const std::string said = counted("vision-ctx") + counted("5");
  const size_t at = bytes.find(said);
  ASSERT_NE(at, std::string::npos);
  EXPECT_TRUE(says(refusal(replaced(bytes, at, said.size(), counted("vision-ctx") + counted("0"))),
                   "left open"));
  EXPECT_NE(refusal(replaced(bytes, at + said.size() - 1, 1, "6")), "");
}

TEST(ArtifactDamage, RuleTemperatureAndFeaturesOutOfTheirRangeAreRefused) {
  const Sections file(examples::prompt(1));
  EXPECT_EQ(file.with(section(4, {2})), "");
  EXPECT_NE(file.with(section(4, {0})), "");  // the method's own
  EXPECT_NE(file.with(section(4, {9})), "");
  EXPECT_TRUE(says(file.with(section(4, {3})), "needs their names"));
  EXPECT_EQ(file.with(section(5, std::string("\x00\x00\xc8\x42", 4))), "");
  EXPECT_NE(file.with(section(5, std::string("\x00\x00\x00\x00", 4))), "");
  EXPECT_NE(file.with(section(5, std::string("\x00\x00\xc0\x7f", 4))), "");
  EXPECT_NE(file.with(section(5, std::string("\x00\x00\xc8", 3))), "");
  EXPECT_EQ(file.with(section(7, {1, 1, 0, 0x3c, 0})), "");
  EXPECT_NE(file.with(section(7, {1, 1, 0, 0x3c})), "");     // no label
  EXPECT_NE(file.with(section(7, {1, 1, 0, 0x7c, 0})), "");  // infinite
  EXPECT_NE(file.with(section(7, {0, 1})), "");
  EXPECT_NE(file.with(section(7, "\xff\xff\xff\xff\x0f\xff\xff\xff\xff\x0f")), "");
}

}  // namespace
}  // namespace qprompt
