// Files that appear whole or not at all, links, devices and pipes as outputs, and locked folders.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <utime.h>
#include <ctime>
#include <filesystem>
#include <thread>

#include "base/files.h"
#include "qprompt/base.h"
#include "support/run.h"

namespace qprompt {
namespace {

namespace fs = std::filesystem;
using testing_support::read_all;
using testing_support::TempFolder;
using testing_support::write_all;

int64_t entries(const std::string& folder) {
  return std::distance(fs::directory_iterator(folder), fs::directory_iterator());
}

void make_old(const std::string& path) {
  const utimbuf times{::time(nullptr) - 7200, ::time(nullptr) - 7200};
  ASSERT_EQ(::utime(path.c_str(), &times), 0);
}

std::string why_refused(const std::function<void()>& act, ErrorKind kind) {
  try {
    act();
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), kind) << e.what();
    return e.what();
  }
  ADD_FAILURE() << "was not refused";
  return "";
}

TEST(AtomicFileTest, NothingIsSeenBeforeTheCommitAndNothingLeftWithoutOne) {
  TempFolder folder;
  write_all(folder / "f", "old");
  {
    AtomicFile file(folder / "f");
    file.write("new", 3);
    EXPECT_EQ(read_all(folder / "f"), "old");
    EXPECT_EQ(entries(folder.path()), 2);
  }
  EXPECT_EQ(read_all(folder / "f"), "old");
  EXPECT_EQ(entries(folder.path()), 1);
}

TEST(AtomicFileTest, TwoWritersOfOneFileDoNotMeet) {
  TempFolder folder;
  AtomicFile one(folder / "f"), two(folder / "f");
  one.write("one", 3);
  two.write("two!", 4);
  one.commit();
  two.commit();
  EXPECT_EQ(read_all(folder / "f"), "two!");
  EXPECT_EQ(entries(folder.path()), 1);
}

TEST(AtomicFileTest, WhatAKilledProcessLeftGoesWhenItIsOldAndNobodyHoldsIt) {
  TempFolder folder;
  const std::vector<std::string> swept{"f.tmp-0123456789abcdef", "f.tmp-12-3", "f.tmp-12-w0"};
  const std::vector<std::string> kept{"f.tmp-notes", "f.tmp-", "g.tmp-0123456789abcdef",
                                      "f.tmp-0123456789abcdeg", "f.tmp-1-w"};
  for (const auto* names : {&swept, &kept}) {
    for (const std::string& name : *names) {
      write_all(folder / name, "x");
      make_old(folder / name);
    }
  }
  write_all(folder / "f.tmp-fedcba9876543210", "a moment ago");
  write_all(folder / "f.tmp-aaaaaaaaaaaaaaaa", "its writer lives");
  make_old(folder / "f.tmp-aaaaaaaaaaaaaaaa");
  const int held = ::open((folder / "f.tmp-aaaaaaaaaaaaaaaa").c_str(), O_WRONLY);
  ASSERT_EQ(::flock(held, LOCK_EX), 0);
  write_file_atomic(folder / "f", "new");
  for (const std::string& name : swept) EXPECT_FALSE(fs::exists(folder / name)) << name;
  for (const std::string& name : kept) EXPECT_TRUE(fs::exists(folder / name)) << name;
  EXPECT_TRUE(fs::exists(folder / "f.tmp-fedcba9876543210"));
  EXPECT_TRUE(fs::exists(folder / "f.tmp-aaaaaaaaaaaaaaaa"));
  ::close(held);
}

TEST(AtomicFileTest, ANameAsLongAsOneMayBeIsWritten) {
  TempFolder folder;
  const std::string name(255, 'n');
  write_file_atomic(folder / name, "x");
  EXPECT_EQ(read_all(folder / name), "x");
  EXPECT_EQ(entries(folder.path()), 1);
}

TEST(AtomicFileTest, ASymbolicLinkStaysAndItsTargetIsWritten) {
  TempFolder folder;
  fs::create_directory(folder / "far");
  fs::create_symlink("far/real", folder / "link");  // which is not there yet
  fs::create_symlink("link", folder / "link-to-link");
  write_file_atomic(folder / "link-to-link", "one");
  EXPECT_EQ(read_all(folder / "far/real"), "one");
  write_file_atomic(folder / "link", "two");
  EXPECT_EQ(read_all(folder / "far/real"), "two");
  EXPECT_TRUE(fs::is_symlink(folder / "link") && fs::is_symlink(folder / "link-to-link"));
  EXPECT_TRUE(fs::is_regular_file(fs::symlink_status(folder / "far/real")));
  fs::create_symlink("round", folder / "round");
  EXPECT_NE(why_refused([&] { write_file_atomic(folder / "round", "x"); }, ErrorKind::kPath)
                .find("round"),
            std::string::npos);
}

TEST(AtomicFileTest, APipeIsWrittenIntoAndOneWithoutAReaderRefused) {
  TempFolder folder;
  const std::string pipe = folder / "pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_NE(why_refused([&] { write_file_atomic(pipe, "x"); }, ErrorKind::kPath).find("reads"),
            std::string::npos);
  const int reader = ::open(pipe.c_str(), O_RDONLY | O_NONBLOCK);
  write_file_atomic(pipe, "through");
  char got[16] = {};
  EXPECT_EQ(::read(reader, got, sizeof got), 7);
  EXPECT_STREQ(got, "through");
  ::close(reader);
  EXPECT_EQ(entries(folder.path()), 1);
}

TEST(AtomicFileTest, ADescriptorByItsNameIsWrittenIntoWhereItStands) {
  TempFolder folder;
  const int fd = ::open((folder / "shell's").c_str(), O_RDWR | O_CREAT, 0600);
  ASSERT_EQ(::write(fd, "before ", 7), 7);
  write_file_atomic("/dev/fd/" + std::to_string(fd), "after");
  EXPECT_EQ(read_all(folder / "shell's"), "before after");
  ::close(fd);
}

TEST(AtomicFileTest, DevicesStayWhatTheyAre) {
  TempFolder folder;
  fs::create_symlink("/dev/null", folder / "null");
  write_file_atomic(folder / "null", "x");
  struct stat info {};
  ASSERT_EQ(::stat("/dev/null", &info), 0);
  EXPECT_TRUE(S_ISCHR(info.st_mode) && fs::is_symlink(folder / "null"));
  fs::create_symlink("/dev/full", folder / "full");
  why_refused([&] { write_file_atomic(folder / "full", "x"); }, ErrorKind::kPath);
  why_refused([&] { write_file_atomic(folder.path(), "x"); }, ErrorKind::kPath);
}

TEST(FolderLockTest, ASecondWriterIsRefusedUntilTheFirstHasEnded) {
  TempFolder folder;
  {
    FolderLock lock(folder.path());
    ASSERT_TRUE(lock.held());
    EXPECT_NE(why_refused([&] { FolderLock second(folder.path()); }, ErrorKind::kPath)
                  .find(folder.path()),
              std::string::npos);
  }
  EXPECT_TRUE(FolderLock(folder.path()).held());
  EXPECT_EQ(entries(folder.path()), 0);
}

TEST(SameFileTest, OneFileUnderTwoNamesIsTold) {
  TempFolder folder;
  write_all(folder / "a", "x");
  write_all(folder / "b", "x");
  fs::create_symlink("a", folder / "link");
  fs::create_hard_link(folder / "a", folder / "hard");
  check_not_same_file(folder / "a", folder / "b");
  check_not_same_file(folder / "a", folder / "absent");
  check_not_same_file("/dev/null", "/dev/null");
  for (const char* name : {"a", "link", "hard"}) {
    why_refused([&] { check_not_same_file(folder / "a", folder / name); }, ErrorKind::kUsage);
  }
}

}  // namespace
}  // namespace qprompt
