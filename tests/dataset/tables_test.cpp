// Tables of paths and labels, Hugging Face's metadata, shards of WebDataset; parts and equal files.
#include <cstring>
#include <sstream>

#include "dataset/impl/tables.h"
#include "dataset/test_splits.h"
#include "qprompt/image.h"
#include "support/pictures.h"

namespace qprompt {
namespace {

using namespace testing;
using dataset::parse_table;
using dataset::TableRow;
using Paths = std::vector<std::string>;

Split load_tables(const std::string& path, Log& log) {
  return load_split({path, "", 1, true}, log);
}

std::vector<std::string> shown(const std::vector<TableRow>& rows) {
  std::vector<std::string> out;
  for (const TableRow& row : rows) out.push_back(row.path + "|" + row.label + "|" + row.part);
  return out;
}

TEST(Tables, ColumnsAreFoundByTheirNamesInAnyOrder) {
  EXPECT_EQ(shown(parse_table("x.csv", "label,split,file_name\ncat,train,a.jpg\ndog,test,b.jpg\n")),
            (Paths{"a.jpg|cat|train", "b.jpg|dog|test"}));
  EXPECT_EQ(shown(parse_table("x.csv", "Image;Category\r\na b.jpg;cat\r\n")),
            (Paths{"a b.jpg|cat|"}));
  EXPECT_EQ(shown(parse_table("x.tsv", "path\tclass\nin\\side.jpg\tcat")),
            (Paths{"in/side.jpg|cat|"}));
}

TEST(Tables, WithoutNamesTheFirstColumnIsThePath) {
  EXPECT_EQ(shown(parse_table("x.csv", "a.jpg,cat\nb.jpg,dog\n")),
            (Paths{"a.jpg|cat|", "b.jpg|dog|"}));
}

TEST(Tables, QuotedCellsMayHoldSeparatorsQuotesAndLineBreaks) {
  EXPECT_EQ(shown(parse_table("x.csv",
                              "path,label\n\"a,b.jpg\",\"he said \"\"cat\"\"\"\n"
                              "\"c\nd.jpg\",dog\n")),
            (Paths{"a,b.jpg|he said \"cat\"|", "c\nd.jpg|dog|"}));
}

TEST(Tables, ByteOrderMarksAndEmptyLinesAreNoRows) {
  EXPECT_EQ(shown(parse_table("x.csv", "\xEF\xBB\xBFpath,label\n\na.jpg,cat\n\n")),
            (Paths{"a.jpg|cat|"}));
}

TEST(Tables, JsonLinesHaveTheSameNames) {
  EXPECT_EQ(shown(parse_table("metadata.jsonl", R"({"file_name": "a.jpg", "label": "cat"}
{"label": 3, "image": "b.jpg", "split": "val"}
)")),
            (Paths{"a.jpg|cat|", "b.jpg|3|val"}));
}

TEST(Tables, WhatIsWrongIsSaidWithItsLine) {
  const auto refused = [](const std::string& file, const std::string& text,
                          const std::vector<std::string>& parts) {
    expect_error(ErrorKind::kContent, parts, [&] { parse_table(file, text); });
  };
  refused("x.csv", "path,label\na.jpg\n", {"x.csv", "line 2"});
  refused("x.csv", "path,label\n\"a.jpg,cat\n", {"line 2", "not closed"});
  refused("x.csv", "path,label\n\"a\"b.jpg,cat\n", {"line 2", "quotation"});
  refused("x.csv", "path,label\n../a.jpg,cat\n", {"line 2", "below"});
  refused("x.csv", "path,label\na.jpg,\n", {"line 2", "label is empty"});
  refused("x.csv", "one,two,three\na,b,c\n", {"line 1", "column"});
  refused("x.csv", "path,label\na.jpg,caf\xe9\n", {"UTF-8"});
  refused("x.jsonl", "{\"file_name\": \"a.jpg\"}\n", {"line 1", "label"});
  refused("x.jsonl", "\n[]\n", {"line 2", "object"});
  refused("x.jsonl", std::string(100'000, '['), {"line 1", "deep"});
}

TEST(Tables, AFileOfPathsAndLabelsIsSplitAsAFolderIs) {
  TempFolder folder;
  make_images(folder, {{"pictures", 12}});
  std::string table = "path,label\n";
  for (int i = 0; i < 12; ++i) {
    table += cat("pictures/", i / 10, i % 10, ".jpg,", i % 2 == 0 ? "even" : "odd", "\n");
  }
  write_all(folder / "list.csv", table);
  std::ostringstream out;
  Log log(out, false, false);
  const Split split = load_tables(folder / "list.csv", log);
  EXPECT_EQ(split.class_names, (Paths{"even", "odd"}));
  EXPECT_EQ(split.train.size() + split.val.size() + split.test.size(), 12u);
  EXPECT_EQ(split.image_root, folder.path());
  EXPECT_EQ(split.name, "list");
  EXPECT_NE(out.str().find("50/20/30"), std::string::npos) << out.str();
}

TEST(Tables, HuggingFacesFoldersAreReadWithTheirMetadata) {
  TempFolder folder;
  make_images(folder, {{"train", 4}, {"test", 2}});
  write_all(folder / "train/metadata.csv",
            "file_name,label\n00.jpg,cat\n01.jpg,dog\n02.jpg,cat\n03.jpg,dog\n");
  write_all(folder / "test/metadata.jsonl",
            "{\"file_name\": \"00.jpg\", \"label\": \"dog\"}\n"
            "{\"file_name\": \"01.jpg\", \"label\": \"cat\"}\n");
  Log log;
  const Split split = load_tables(folder.path(), log);
  EXPECT_EQ(paths(split.test), (Paths{"test/00.jpg", "test/01.jpg"}));
  EXPECT_EQ(labels(split.test), (std::vector<int64_t>{1, 0}));
  EXPECT_EQ(split.train.size(), 4u);
}

TEST(Tables, NumbersAreOrderedAsNumbers) {
  TempFolder folder;
  make_images(folder, {{"p", 9}});
  std::string table = "path,label,split\n";
  const std::vector<std::string> numbers{"10", "9", "2"};
  for (int i = 0; i < 9; ++i) table += cat("p/0", i, ".jpg,", numbers[size_t(i % 3)], ",train\n");
  write_all(folder / "metadata.csv", table);
  Log log;
  EXPECT_EQ(load_tables(folder.path(), log).class_names, (Paths{"2", "9", "10"}));
}

/// One entry of a tar file.
std::string tar_entry(const std::string& name, const std::string& content, char type = '0') {
  std::string header(512, '\0');
  std::memcpy(header.data(), name.data(), std::min<size_t>(name.size(), 100));
  std::snprintf(header.data() + 124, 12, "%011o", static_cast<unsigned>(content.size()));
  header[156] = type;
  std::memcpy(header.data() + 257,
              "ustar\0"
              "00",
              8);
  unsigned sum = 8 * ' ';
  for (const char c : header) sum += static_cast<unsigned char>(c);
  std::snprintf(header.data() + 148, 8, "%06o", sum);
  header[155] = ' ';
  std::string padded = content;
  padded.resize((content.size() + 511) / 512 * 512, '\0');
  return header + padded;
}

TEST(Tables, ShardsAreReadWithoutBeingUnpacked) {
  TempFolder folder;
  make_images(folder, {{"source", 4}}, testing_support::picture_of);
  std::string train, test;
  for (int i = 0; i < 4; ++i) {
    const std::string image = read_all(folder / cat("source/0", i, ".jpg"));
    std::string& shard = i < 3 ? train : test;
    shard += tar_entry(cat("dir.v1/00", i, ".jpg"), image);
    shard += tar_entry(cat("dir.v1/00", i, i % 2 == 0 ? ".cls" : ".json"),
                       i % 2 == 0 ? cat(i, "\n") : cat(R"({"label": )", i - 1, "}"));
  }
  const std::string long_name(150, 'n');
  train += tar_entry("././@LongLink", long_name + ".jpg", 'L') + tar_entry("short", "x");
  train += tar_entry("x", cat(long_name.size() + 14, " path=", long_name, ".txt\n"), 'x') +
           tar_entry("short", "2");
  write_all(folder / "shards/train-0000.tar", train + std::string(1024, '\0'));
  write_all(folder / "shards/test-0000.tar", test + std::string(1024, '\0'));
  Log log;
  const Split split = load_tables(folder / "shards", log);
  EXPECT_EQ(split.class_names, (Paths{"0", "2"}));
  EXPECT_EQ(labels(split.train), (std::vector<int64_t>{0, 0, 1, 1}));
  EXPECT_EQ(labels(split.test), (std::vector<int64_t>{1}));
  const std::string path = folder / "shards/" + split.train[1].path;
  EXPECT_EQ(read_image_file(path, 1 << 20), read_all(folder / "source/01.jpg"));
  EXPECT_EQ(image_file_state(path)->bytes,
            static_cast<int64_t>(read_all(folder / "source/01.jpg").size()));
  EXPECT_FALSE(image_file_state(folder / "shards/none.tar/@512+10/a.jpg").has_value());
}

TEST(Tables, ADamagedShardIsRefused) {
  TempFolder folder;
  const std::string entry = tar_entry("a.jpg", "picture") + tar_entry("a.cls", "1");
  const auto refused = [&](const std::string& bytes, const std::string& part) {
    write_all(folder / "s.tar", bytes);
    expect_error(ErrorKind::kContent, {"s.tar", part},
                 [&] { dataset::read_shard(folder / "s.tar", "s.tar"); });
  };
  std::string altered = entry;
  altered[3] ^= 1;
  refused(altered, "sum");
  refused(entry.substr(0, 515), "beyond");
  refused(tar_entry("a.jpg", "picture"), "no label");
  std::string huge = tar_entry("a.jpg", "");
  std::memcpy(huge.data() + 124, "77777777777", 11);
  refused(huge, "sum");
}

TEST(EqualFiles, FindsEqualFilesUnderDifferentNames) {
  TempFolder folder;
  make_images(folder, {{"train/a", 3}, {"train/b", 3}, {"test/a", 2}, {"test/b", 2}},
              testing_support::picture_of);
  const auto copy = [&](const std::string& from, const std::string& to) {
    write_all(folder / to, read_all(folder / from));
  };
  copy("train/a/00.jpg", "test/a/leaked.jpg");
  copy("train/b/00.jpg", "train/a/other.jpg");
  Log log;
  const Split split = load_tables(folder.path(), log);
  for (const bool decode : {true, false}) {
    std::string notes;
    for (const auto& note : check_split(split, {.decode = decode}, log).notes) notes += note + "\n";
    EXPECT_NE(notes.find("both training and test images: 1 group, 'train/a/00.jpg = "
                         "test/a/leaked.jpg'"),
              std::string::npos)
        << notes;
    EXPECT_NE(notes.find("of different classes"), std::string::npos) << notes;
  }
}

TEST(EqualFiles, APartOfASetCanBeUsedAndSaysSo) {
  TempFolder folder;
  make_images(folder, {{"caltech-101/101_ObjectCategories/dog", 2},
                       {"caltech-101/101_ObjectCategories/fox", 1}});
  write_all(folder / "caltech-101/split_zhou_Caltech101.json",
            R"({"train": [["dog/00.jpg", 0, "dog"], ["fox/00.jpg", 1, "fox"]], "val": [],
                "test": [["dog/01.jpg", 0, "dog"], ["fox/01.jpg", 1, "fox"]]})");
  Log log;
  DataOptions options{folder.path(), "caltech101", 1, true};
  expect_error(ErrorKind::kPath, {"--partial", "1 of the 4"}, [&] { load_split(options, log); });
  options.partial = true;
  const Split part = load_split(options, log);
  EXPECT_EQ(paths(part.test), (Paths{"dog/01.jpg"}));
  EXPECT_EQ(part.class_names.size(), 2u);
  EXPECT_FALSE(part.published_split);
  EXPECT_NE(warnings_of(log).find("1 of 2 test"), std::string::npos) << warnings_of(log);
  options = {folder.path(), "caltech101", 1, false};
  std::string notes;
  for (const auto& note : check_split(load_split(options, log), {.decode = false}, log).notes) {
    notes += note + "\n";
  }
  EXPECT_NE(notes.find("3 of 4 images are there"), std::string::npos) << notes;
  EXPECT_NE(notes.find("plain folder"), std::string::npos) << notes;
}

}  // namespace
}  // namespace qprompt
