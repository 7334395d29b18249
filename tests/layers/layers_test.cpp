// The rules of the house (CONTRIBUTING.md): who may enter whom, and how large things may be.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "layers/source_tree.h"

namespace qprompt::layers {
namespace {

using Rooms = std::map<std::string, std::set<std::string>>;

/// Room → rooms it may enter.
const Rooms& allowed_rooms() {
  static const Rooms kRooms{
      {"base", {}},
      {"method", {"base"}},
      {"weights", {"base"}},
      {"tokenizer", {"base"}},
      {"image", {"base"}},
      {"engine", {"base"}},
      {"checkpoint", {"base", "weights", "tokenizer", "image", "engine"}},
      {"clip", {"base", "weights", "tokenizer", "image", "engine", "checkpoint"}},
      {"dataset", {"base", "weights", "image", "method"}},
      {"learner", {"base", "method", "clip"}},
      {"features", {"base", "weights", "image", "clip", "dataset"}},
      {"quant", {"base"}},
      {"artifact", {"base", "quant", "method"}},
      {"predict", {"base", "weights", "image", "clip", "learner", "artifact", "method"}},
      {"train",
       {"base", "method", "weights", "image", "clip", "dataset", "learner", "features", "quant",
        "artifact"}},
      {"eval",
       {"base", "method", "weights", "image", "clip", "dataset", "features", "quant", "predict",
        "artifact"}},
      {"exchange",
       {"base", "weights", "tokenizer", "image", "clip", "dataset", "learner", "quant", "artifact",
        "method"}},
      {"experiment",
       {"base", "weights", "tokenizer", "image", "clip", "dataset", "learner", "features", "quant",
        "artifact", "train", "eval", "predict", "method"}},
      {"report",
       {"base", "image", "clip", "dataset", "features", "quant", "artifact", "train", "eval",
        "experiment", "method"}},
  };
  return kRooms;
}

/// Rooms whose doors are src/<room>/<concept>.h; what is private lies in impl/.
const std::set<std::string>& rooms_with_concepts() {
  static const std::set<std::string> kRooms{
      "base",    "method", "engine", "checkpoint", "clip",     "learner",   "features",
      "predict", "train",  "report", "eval",       "exchange", "experiment"};
  return kRooms;
}

/// Files over the limits, each with its reason.
const std::map<std::string, std::string>& exceptions() {
  static const std::map<std::string, std::string> kExceptions{
      {"src/tokenizer/impl/html_entities.cpp", "a table of named entities, one a line"},
  };
  return kExceptions;
}

std::string room_of_source(const std::string& path) {
  const size_t begin = std::string("src/").size();
  return path.substr(begin, path.find('/', begin) - begin);
}

/// The room whose door a header is: qprompt/<room>.h or <room>/<concept>.h; "" for other headers.
std::string room_of_header(const std::string& include) {
  const std::string prefix = "qprompt/";
  const std::string folder = include.substr(0, include.find('/'));
  const bool nested = include.find('/', folder.size() + 1) != std::string::npos;
  if (rooms_with_concepts().count(folder) == 1 && !nested) return folder;
  if (include.rfind(prefix, 0) != 0) return "";
  const std::string room = include.substr(prefix.size(), include.size() - prefix.size() - 2);
  return room == "version" || room == "qprompt" ? "" : room;  // the face may lead anywhere
}

TEST(LayersTest, ARoomEntersOnlyTheRoomsItMayAndOnlyByTheirDoors) {
  for (const SourceFile& file : read_sources({"src"})) {
    const std::string room = room_of_source(file.path);
    for (const std::string& include : includes_of(file)) {
      const std::string door = room_of_header(include);
      if (room == "cli") {
        EXPECT_TRUE(include.find('/') == std::string::npos || include.rfind("cli/", 0) == 0 ||
                    !door.empty() ||
                    allowed_rooms().count(include.substr(0, include.find('/'))) == 0)
            << file.path << " looks through the window " << include;
        continue;
      }
      ASSERT_EQ(allowed_rooms().count(room), 1u) << file.path << " is in no known room";
      if (!door.empty()) {
        EXPECT_TRUE(door == room || allowed_rooms().at(room).count(door) == 1)
            << file.path << ": " << room << " may not enter " << door;
      }
      const std::string folder = include.substr(0, include.find('/'));
      if (include.find('/') != std::string::npos && door.empty() &&
          allowed_rooms().count(folder) == 1) {
        EXPECT_EQ(folder, room) << file.path << " looks through the window " << include;
      }
    }
  }
}

TEST(LayersTest, ADoorLeadsOnlyWhereItsRoomMayGo) {
  for (const SourceFile& file : read_sources({"include"})) {
    const std::string room = room_of_header(file.path.substr(std::string("include/").size()));
    if (room.empty()) continue;
    for (const std::string& include : includes_of(file)) {
      const std::string door = room_of_header(include);
      if (door.empty()) continue;
      EXPECT_TRUE(door == room || allowed_rooms().at(room).count(door) == 1)
          << file.path << ": " << room << " may not enter " << door;
    }
  }
}

TEST(LayersTest, PublicHeadersNameNoThirdPartyBesidesTheTensor) {
  for (const SourceFile& file : read_sources({"include"})) {
    for (const std::string& include : includes_of(file)) {
      const bool standard =
          include.find('/') == std::string::npos && include.find('.') == std::string::npos;
      EXPECT_TRUE(standard || !room_of_header(include).empty() ||
                  include.rfind("qprompt/", 0) == 0 || include == "ATen/core/Tensor.h")
          << file.path << " includes " << include;
    }
  }
}

TEST(LayersTest, OnlyTheCoreOfLibTorchIsUsedOutsideThePlainModel) {
  for (const SourceFile& file : read_sources({"src", "include"})) {
    for (const std::string& include : includes_of(file)) {
      EXPECT_NE(include, "torch/torch.h") << file.path;
      EXPECT_NE(include, "torch/script.h") << file.path;
    }
  }
}

TEST(LayersTest, FilesStayShort) {
  for (const SourceFile& file : read_sources({"src", "include", "plain", "tools", "bench"})) {
    if (exceptions().count(file.path) == 1) continue;
    const size_t limit = file.path.back() == 'h' ? 150 : 400;
    EXPECT_LE(file.lines.size(), limit) << file.path;
    for (size_t i = 0; i < file.lines.size(); ++i) {
      const auto columns = std::count_if(file.lines[i].begin(), file.lines[i].end(),
                                         [](char c) { return (c & 0xc0) != 0x80; });
      EXPECT_LE(columns, 100) << file.path << ':' << i + 1;
    }
  }
}

TEST(LayersTest, FunctionsStayShortAndTakeFewParameters) {
  int checked = 0;
  for (const SourceFile& file : read_sources({"src", "include", "plain", "tools", "bench"})) {
    for (const Function& function : functions_of(file)) {
      ++checked;
      EXPECT_LE(function.length, 60) << file.path << ':' << function.line;
      const bool free_or_member = function.head.find("TEST(") == std::string::npos;
      if (free_or_member && exceptions().count(file.path) == 0) {
        EXPECT_LE(function.parameters, 5) << file.path << ':' << function.line << function.head;
      }
    }
  }
  EXPECT_GT(checked, 100) << "the scan no longer recognises functions";
}

TEST(LayersTest, ExceptionsStillExist) {
  for (const auto& [path, reason] : exceptions()) {
    EXPECT_TRUE(std::filesystem::exists(std::string(QPROMPT_SOURCE_DIR) + "/" + path)) << path;
    EXPECT_FALSE(reason.empty());
  }
}

}  // namespace
}  // namespace qprompt::layers
