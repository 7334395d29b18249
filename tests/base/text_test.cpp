// Texts from outside, made valid, harmless to print, and read as editors save them.
#include <gtest/gtest.h>

#include "base/text.h"
#include "qprompt/base.h"

namespace qprompt {
namespace {

TEST(TextTest, OnlyWellFormedUtf8IsValid) {
  for (const char* good : {"", "a", "caf\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80",
                           "\xed\x9f\xbf", "\xf4\x8f\xbf\xbf"}) {
    EXPECT_TRUE(is_valid_utf8(good)) << good;
    EXPECT_EQ(valid_utf8(good), good);
  }
  for (const char* bad : {"caf\xe9", "\xc0\xaf", "\xe0\x9f\xbf", "\xed\xa0\x80", "\xf0\x8f\xbf\xbf",
                          "\xf4\x90\x80\x80", "\xf5", "\x80", "\xe2\x82", "\xfe"}) {
    EXPECT_FALSE(is_valid_utf8(bad)) << bad;
    EXPECT_TRUE(is_valid_utf8(valid_utf8(bad)));
  }
  EXPECT_EQ(valid_utf8("a\xe9z"), "a\xef\xbf\xbdz");
  EXPECT_EQ(valid_utf8("\xe2\x82z"), "\xef\xbf\xbdz") << "a piece that is broken off is one mark";
}

TEST(TextTest, NothingThatSteersATerminalIsPrinted) {
  EXPECT_EQ(printable("a\x1b]0;x\x07\x7f"), "a\\x1b]0;x\\x07\\x7f");
  EXPECT_EQ(printable("\xc2\x9b"
                      "31m"),
            "\\u009b31m")
      << "C1 is a control sequence of one byte";
  EXPECT_EQ(printable("safe\xe2\x80\xae"
                      "gpj.exe"),
            "safe\\u202egpj.exe");
  EXPECT_EQ(printable("caf\xe9"), "caf\\xe9");
  EXPECT_EQ(printable("café, 猫, 😀"), "café, 猫, 😀");
  EXPECT_EQ(printable("a\nb\tc\r", false), "a\\x0ab\\x09c\\x0d");
  EXPECT_EQ(printable("a\nb\tc\r", true), "a\nb\tc\\x0d");
}

TEST(TextTest, ACellIsNeverAFormula) {
  EXPECT_EQ(csv_cell("=HYPERLINK(1)"), "'=HYPERLINK(1)");
  for (const char* formula : {"+cmd", "-cmd", "@sum", "\tx"}) {
    EXPECT_EQ(csv_cell(formula), std::string("'") + formula);
  }
  EXPECT_EQ(csv_cell("\rx"), "\"'\rx\"");
  for (const char* number : {"-3", "+0.5", "-1.5e3", "12"}) EXPECT_EQ(csv_cell(number), number);
  EXPECT_EQ(csv_cell("a,\"b\"\n"), "\"a,\"\"b\"\"\n\"");
  EXPECT_EQ(csv_cell("-1+cmd|' /C calc'!A0"), "'-1+cmd|' /C calc'!A0");
}

TEST(TextTest, WhatEditorsSaveBecomesUtf8) {
  EXPECT_EQ(decoded_text("\xef\xbb\xbf"
                         "cat",
                         "f"),
            "cat");
  EXPECT_EQ(decoded_text({"\xff\xfe"
                          "c\0\xe9\0=\xd8\0\xde",
                          10},
                         "f"),
            "cé😀");
  EXPECT_EQ(decoded_text({"\xfe\xff\0c\0\xe9\xd8=\xde\0", 10}, "f"), "cé😀");
  EXPECT_EQ(decoded_text("cat", "f"), "cat");
  EXPECT_THROW(decoded_text({"\xff\xfe"
                             "c",
                             3},
                            "f"),
               Error);
  EXPECT_THROW(decoded_text({"\xff\xfe=\xd8", 4}, "f"), Error) << "half a pair";
  EXPECT_THROW(decoded_text({"\xff\xfe\0\xde", 4}, "f"), Error) << "the other half";
}

TEST(TomlDepthTest, DottedKeysAndNestedValuesAreCountedOutsideStrings) {
  const auto many = [](const std::string& one, int times) {
    std::string text;
    for (int i = 0; i < times; ++i) text += one;
    return text;
  };
  const std::string fine = "a.b.c = 1.5  # " + many(".", 1000) +
                           "\n[x.y]\nv = [[1.0, 2.0], {k = 3}]\n" + "s = \"" + many(".[", 500) +
                           "\"\nt = \"\"\"\n" + many("[.", 500) + "\"\"\"\nl = '" + many("{", 500) +
                           "'\nn = [" + many("1.5, ", 1000) + "]\n";
  check_toml_depth(fine, "f");
  for (const std::string& deep :
       {many("a.", 100000) + "a = 1", "[" + many("a.", 100) + "a]", "x = " + many("[", 100),
        "x = " + many("{a=", 100), "\n\"quoted\"" + many(".\"a\"", 100) + " = 1"}) {
    EXPECT_THROW(check_toml_depth(deep, "f"), Error);
  }
}

}  // namespace
}  // namespace qprompt
