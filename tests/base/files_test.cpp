#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>

#include "qprompt/base.h"
#include "support/run.h"

namespace qprompt {
namespace {

using testing_support::read_all;
using testing_support::TempFolder;

TEST(FilesTest, AnAtomicWriteReplacesTheWholeFile) {
  TempFolder folder;
  write_file_atomic(folder / "f", "old and long");
  write_file_atomic(folder / "f", std::string("new\0x", 5));
  EXPECT_EQ(read_all(folder / "f"), std::string("new\0x", 5));
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path()),
                          std::filesystem::directory_iterator()),
            1);
}

TEST(FilesTest, AFolderThatCannotBeWrittenIsAPathError) {
  try {
    write_file_atomic("/no/such/folder/f", "x");
    ADD_FAILURE() << "wrote into a missing folder";
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), ErrorKind::kPath);
    EXPECT_NE(std::string(e.what()).find("/no/such/folder/f"), std::string::npos);
  }
}

TEST(FilesTest, AFileThatIsTooLargeIsRefused) {
  TempFolder folder;
  write_file_atomic(folder / "f", "12345");
  EXPECT_EQ(read_file(folder / "f", 5), "12345");
  EXPECT_THROW(read_file(folder / "f", 4), Error);
  EXPECT_THROW(read_file(folder.path(), 100), Error);
  EXPECT_THROW(read_file("/dev/zero", 1000), Error);
}

TEST(FilesTest, APipeOrADeviceIsRefusedAndNotWaitedFor) {
  TempFolder folder;
  const std::string pipe = folder / "pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  for (const std::string& path : {pipe, std::string("/dev/zero"), std::string("/dev/null")}) {
    try {
      read_file(path, 1000);
      ADD_FAILURE() << path << " was read";
    } catch (const Error& e) {
      EXPECT_EQ(e.kind(), ErrorKind::kPath);
      EXPECT_NE(std::string(e.what()).find(path), std::string::npos) << e.what();
    }
  }
}

TEST(FieldsTest, NumbersKeepTheirBoundsAndTheirDigits) {
  int64_t whole = 4;
  double real = 0.1;
  const Field a = number_field("a", "", whole, {1, 8}), b = number_field("b", "", real, {0, 1});
  EXPECT_EQ(a.print(), "4");
  EXPECT_EQ(b.print(), "0.1");
  a.parse("8");
  EXPECT_EQ(whole, 8);
  for (const char* bad : {"9", "0", "2.5", " 3", "3 ", "x"})
    EXPECT_THROW(a.parse(bad), Error) << bad;
  EXPECT_EQ(whole, 8);
  EXPECT_THROW(b.parse("1.5"), Error);
}

TEST(FieldsTest, AChoiceListsWhatItMayBe) {
  enum class Colour { kRed, kBlue } colour = Colour::kRed;
  const Field field = choice_field("c", "", colour, {"red", "blue"});
  field.parse("blue");
  EXPECT_EQ(colour, Colour::kBlue);
  EXPECT_EQ(field.print(), "blue");
  try {
    field.parse("green");
    ADD_FAILURE();
  } catch (const Error& e) {
    EXPECT_STREQ(e.what(), "'green' is not one of: red, blue");
  }
}

TEST(LogTest, QuietDropsNotesButKeepsWarnings) {
  std::ostringstream out;
  Log log(out, true, true);
  log.note("a note");
  log.progress("work", 1, 2);
  log.warn("a warning");
  EXPECT_EQ(out.str(), "warning: a warning\n");
  EXPECT_EQ(log.warnings(), std::vector<std::string>{"a warning"});
}

TEST(LogTest, ABarIsDrawnOnlyWhereOneWasAskedFor) {
  std::ostringstream plain, bars;
  Log without(plain, false, false), with_bar(bars, false, true);
  without.progress("work", 1, 2);
  with_bar.progress("work", 1, 2);
  EXPECT_EQ(plain.str(), "");
  EXPECT_NE(bars.str().find("work ["), std::string::npos);
}

}  // namespace
}  // namespace qprompt
