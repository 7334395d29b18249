// Lists of names as people write them.
#include <gtest/gtest.h>

#include <functional>
#include <sstream>

#include "base/names.h"
#include "qprompt/base.h"
#include "support/run.h"

namespace qprompt {
namespace {

using testing_support::TempFolder;
using testing_support::write_all;
using Names = std::vector<std::string>;

const Names kTwo{"golden retriever", "café"};

Names paths_of(const std::string& bytes, bool null_separated = false) {
  std::istringstream in(bytes);
  PathStream stream(in, null_separated);
  Names paths;
  for (std::string path; stream.next(path);) paths.push_back(path);
  return paths;
}

std::string why_not(const std::function<void()>& act, ErrorKind kind) {
  try {
    act();
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), kind) << e.what();
    return e.what();
  }
  ADD_FAILURE() << "was not refused";
  return "";
}

TEST(NamesTest, AListIsTheSameHoweverAnEditorSavedIt) {
  const std::string utf16("g\0o\0l\0d\0e\0n\0 \0r\0e\0t\0r\0i\0e\0v\0e\0r\0\r\0\n\0c\0a\0f\0\xe9\0",
                          44);
  for (const std::string& bytes :
       {std::string("golden retriever\ncafé\n"), std::string("golden retriever\r\ncafé"),
        std::string("\xef\xbb\xbfgolden retriever\n\n  café\t\n\n"),
        std::string("\xc2\xa0golden retriever \ncafé\xe3\x80\x80\n"), "\xff\xfe" + utf16}) {
    EXPECT_EQ(parse_names(bytes, "f"), kTwo) << bytes;
  }
}

TEST(NamesTest, WhatIsNoNameIsRefusedWithItsLine) {
  for (const std::string& bad :
       {std::string("caf\xe9"), std::string("c\0t", 3), std::string("c\x1b[31mt"),
        std::string("a\tb"), std::string("\x7f")}) {
    EXPECT_NE(why_not([&] { parse_names("dog\n\n" + bad + "\n", "'f'"); }, ErrorKind::kContent)
                  .find("'f', line 3"),
              std::string::npos);
    EXPECT_THROW(read_labels("dog," + bad, "--labels"), Error);
  }
}

TEST(LabelsTest, CommasPartAListAndQuotesKeepThem) {
  EXPECT_EQ(read_labels("golden retriever, café", "--labels"), kTwo);
  EXPECT_EQ(read_labels("cat,", "--labels"), Names{"cat"});
  EXPECT_EQ(read_labels("\"yes, it is\",no", "--labels"), (Names{"yes, it is", "no"}));
  EXPECT_EQ(read_labels("a, \"b \"\"c\"\"\" ,d", "--labels"), (Names{"a", "b \"c\"", "d"}));
  EXPECT_EQ(read_labels("6\" nail,12\" nail", "--labels"), (Names{"6\" nail", "12\" nail"}));
  why_not([] { read_labels("\"a,b", "--labels"); }, ErrorKind::kUsage);
  for (const char* none : {"", ",", " , ,"}) {
    why_not([&] { read_labels(none, "--labels"); }, ErrorKind::kUsage);
  }
}

TEST(LabelsTest, AListMayBeLongerThanAFileName) {
  std::string text;
  for (int i = 0; i < 2000; ++i) text += "number " + std::to_string(i) + ",";
  EXPECT_EQ(read_labels(text, "--labels").size(), 2000u);
}

TEST(LabelsTest, AFileThatIsNotThereNeverBecomesAClass) {
  for (const char* absent : {"lables.txt", "cat", "no/such/list", "/no/such/list"}) {
    EXPECT_NE(why_not([&] { read_labels(absent, "--labels"); }, ErrorKind::kPath).find(absent),
              std::string::npos);
  }
}

TEST(LabelsTest, AListStaysAListWhereAFileIsCalledLikeIt) {
  TempFolder folder;
  write_all(folder / "cat,dog", "bird\nfish\n");
  const std::string before = std::filesystem::current_path();
  std::filesystem::current_path(folder.path());
  std::filesystem::create_directory("cat");
  EXPECT_EQ(read_labels("cat,dog", "--labels"), (Names{"cat", "dog"}));
  EXPECT_EQ(read_labels("./cat,dog", "--labels"), (Names{"bird", "fish"}));
  why_not([] { read_labels("cat", "--labels"); }, ErrorKind::kPath);
  std::filesystem::current_path(before);
}

TEST(LabelsTest, AClassThatIsNamedTwiceIsRefusedWithBothPlaces) {
  EXPECT_NE(why_not([] { read_labels("cat,dog,cat", "--labels"); }, ErrorKind::kUsage)
                .find("name 1 and --labels, name 3"),
            std::string::npos);
  TempFolder folder;
  write_all(folder / "l", "cat\ndog\n cat \n");
  EXPECT_NE(
      why_not([&] { read_labels(folder / "l", "--labels"); }, ErrorKind::kUsage).find("line 3"),
      std::string::npos);
}

TEST(TemplatesTest, ATextWithBracesIsOneAndAFileHoldsMany) {
  TempFolder folder;
  write_all(folder / "t",
            "\xef\xbb\xbf"
            "a photo of a {}.\r\nart of a {}.\r\n");
  EXPECT_EQ(read_templates({"a {}", folder / "t"}, "--template"),
            (Names{"a {}", "a photo of a {}.", "art of a {}."}));
  why_not([] { read_templates({"a photo"}, "--template"); }, ErrorKind::kUsage);
  write_all(folder / "t", "a photo of a {}.\na photo\n");
  EXPECT_NE(why_not([&] { read_templates({folder / "t"}, "--template"); }, ErrorKind::kContent)
                .find("line 2"),
            std::string::npos);
}

TEST(PathStreamTest, LinesLoseTheirEndsAndNothingElse) {
  EXPECT_EQ(paths_of("a.png\nb c.png \r\n\n\xe9.png"), (Names{"a.png", "b c.png ", "\xe9.png"}));
  EXPECT_EQ(paths_of("\xef\xbb\xbf"
                     "a\nb\n"),
            (Names{"a", "b"}));
  EXPECT_EQ(paths_of("\xef\xbb\n\xff\n"), (Names{"\xef\xbb", "\xff"})) << "no mark, but a name";
  EXPECT_EQ(paths_of(""), Names{});
  EXPECT_EQ(paths_of("\n\na\na\n"), (Names{"a", "a"})) << "a path may come twice";
  EXPECT_EQ(paths_of({"\xff\xfe"
                      "a\0\n\0b\0",
                      8}),
            (Names{"a", "b"}));
}

TEST(PathStreamTest, NulEndsAPathOnlyWhereItWasSaid) {
  EXPECT_EQ(paths_of({"a\nb\0 c\0\0d", 9}, true), (Names{"a\nb", " c", "d"}));
  EXPECT_NE(why_not(
                [] {
                  paths_of({"a\0b\0", 4});
                },
                ErrorKind::kUsage)
                .find("-0"),
            std::string::npos);
}

}  // namespace
}  // namespace qprompt
