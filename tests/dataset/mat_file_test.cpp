#include "dataset/impl/mat_file.h"

#include <random>

#include "dataset/test_splits.h"

namespace qprompt {
namespace {

using namespace testing;
using dataset::read_mat_annotations;
using dataset::read_mat_numbers;
using dataset::read_mat_texts;

class MatFile : public ::testing::Test {
 protected:
  std::string write(const std::string& bytes) {
    write_all(folder_ / "x.mat", bytes);
    return folder_ / "x.mat";
  }
  void refused(const std::string& bytes, const std::vector<std::string>& parts) {
    const std::string file = write(bytes);
    expect_error(ErrorKind::kContent, parts, [&] { read_mat_numbers(file, "labels"); });
  }

  const std::string variables_[3] = {mat::doubles("labels", {7, 1, 102}),
                                     mat::cell("class_names", {"Acura RL Sedan 2012", "B 2009"}),
                                     mat::annotations({{"00001.jpg", 2}, {"00002.jpg", 1}})};
  TempFolder folder_;
};

TEST_F(MatFile, NumbersTextsAndStructsAreReadCompressedOrNot) {
  for (const bool packed : {false, true}) {
    std::string body;
    for (const auto& variable : variables_) body += packed ? mat::compressed(variable) : variable;
    const std::string file = write(mat::file(body));
    EXPECT_EQ(read_mat_numbers(file, "labels"), (std::vector<int64_t>{7, 1, 102}));
    EXPECT_EQ(read_mat_texts(file, "class_names"),
              (std::vector<std::string>{"Acura RL Sedan 2012", "B 2009"}));
    const auto images = read_mat_annotations(file, "annotations");
    ASSERT_EQ(images.size(), 2u);
    EXPECT_EQ(images[0].file_name, "00001.jpg");
    EXPECT_EQ(images[0].label, 2);
    EXPECT_EQ(images[1].label, 1);
  }
}

TEST_F(MatFile, WhatIsNoMatlab5FileIsRefused) {
  refused("", {"too few"});
  refused(std::string(200, 'x'), {"version 5", "-v7"});
  std::string hdf5 = mat::file("");
  hdf5[125] = 2;  // version 7.3 is HDF5 behind such a header
  refused(hdf5, {"version 5"});
  refused(mat::file(""), {"'labels'", "no variable"});
  refused(mat::file(variables_[1]), {"'labels'", "no variable"});
  expect_error(ErrorKind::kPath, {"none.mat"},
               [&] { read_mat_numbers(folder_ / "none.mat", "labels"); });
}

TEST_F(MatFile, VariablesOfOtherKindsAreRefused) {
  refused(mat::file(mat::cell("labels", {"a"})), {"labels", "numbers"});
  refused(mat::file(mat::doubles("labels", {3, 0})), {"[1]", "from 1 up"});
  refused(mat::file(mat::matrix(5, 2, "labels", "")), {"class 5"});
  const std::string file = write(mat::file(mat::doubles("class_names", {1})));
  expect_error(ErrorKind::kContent, {"cell array"}, [&] { read_mat_texts(file, "class_names"); });
  expect_error(ErrorKind::kContent, {"struct array"},
               [&] { read_mat_annotations(file, "class_names"); });
  const std::string other = write(mat::file(mat::cell("class_names", {"a\nb", "caf\xe9"})));
  expect_error(ErrorKind::kContent, {"cell 2", "ASCII"},
               [&] { read_mat_texts(other, "class_names"); });
}

TEST_F(MatFile, SizesThatLieAreRefusedBeforeAnythingIsAllocated) {
  const std::string labels = variables_[0];
  refused(mat::file(labels.substr(0, labels.size() - 8)), {"stands where"});
  refused(mat::file(mat::matrix(6, 9'000'000, "labels", mat::element(2, "ab"))),
          {"9000000 elements has 2 bytes"});
  refused(mat::file(mat::matrix(6, 4'000'000'000, "labels", "")), {"more than"});
  refused(mat::file(mat::matrix(1, 9'000'000, "labels", "")), {"cut off"});
  std::string nested = mat::doubles("", {1});
  for (int i = 0; i < 12; ++i) nested = mat::matrix(1, 1, "labels", nested);
  refused(mat::file(nested), {"nested"});
  const std::string bomb = mat::compressed(std::string(100 << 20, '\0'));
  refused(mat::file(bomb), {"inflates to more than"});
  std::string cut = mat::compressed(labels);
  cut = mat::number(15) + mat::number(uint32_t(cut.size() - 12)) + cut.substr(8, cut.size() - 12);
  refused(mat::file(cut), {"does not inflate"});
}

TEST_F(MatFile, AlteredFilesAreReadOrRefusedButNothingElse) {
  const std::string whole = mat::file(variables_[0] + variables_[1] + variables_[2]);
  std::mt19937 random(1);
  int refusals = 0;
  for (int i = 0; i < 1500; ++i) {
    std::string bytes = whole;
    for (int k = 0; k < 2; ++k) {
      bytes[128 + random() % (bytes.size() - 128)] = static_cast<char>(random());
    }
    const std::string file = write(bytes);
    const auto attempt = [&](auto read, const char* name) {
      try {
        read(file, name);
      } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::kContent) << error.what();
        ++refusals;
      }
    };
    attempt(read_mat_numbers, "labels");
    attempt(read_mat_texts, "class_names");
    attempt(read_mat_annotations, "annotations");
  }
  EXPECT_GT(refusals, 1000);
}

}  // namespace
}  // namespace qprompt
