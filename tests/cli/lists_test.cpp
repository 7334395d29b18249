// Lists of names given to the program: classes, templates, paths on standard input.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "support/run.h"

namespace qprompt::testing_support {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

std::vector<std::string> some_images(size_t count) {
  std::vector<std::string> images;
  for (const auto& entry : fs::recursive_directory_iterator(demo_data() + "/test")) {
    if (entry.is_regular_file()) images.push_back(entry.path().string());
  }
  std::sort(images.begin(), images.end());
  images.resize(count);
  return images;
}

RunResult classify(std::vector<std::string> more) {
  std::vector<std::string> words{"classify", "--quiet", "--json", "--clip", demo_clip()};
  words.insert(words.end(), more.begin(), more.end());
  return run(words);
}

std::vector<Json> lines_of(const std::string& out) {
  std::vector<Json> lines;
  std::istringstream stream(out);
  for (std::string line; std::getline(stream, line);) lines.push_back(Json::parse(line));
  return lines;
}

TEST(ListsTest, AListOfClassesAnswersAlikeHoweverItWasSaved) {
  TempFolder folder;
  const std::string image = some_images(1)[0];
  write_all(folder / "plain", "red dress\nblue shirt\n");
  write_all(folder / "windows", "\xef\xbb\xbfred dress\r\nblue shirt\r\n");
  write_all(folder / "blanks", "  red dress \t\n\nblue shirt  ");
  const RunResult plain = classify({"--labels", folder / "plain", image});
  ASSERT_EQ(plain.code, 0) << plain.err;
  for (const char* other : {"windows", "blanks"}) {
    EXPECT_EQ(classify({"--labels", folder / other, image}).out, plain.out) << other;
  }
  EXPECT_EQ(classify({"--labels", "red dress, blue shirt", image}).out, plain.out);
}

TEST(ListsTest, AListIsNotTakenForAFileNorAMissingFileForAClass) {
  const std::string image = some_images(1)[0];
  std::string many;
  for (int i = 0; i < 40; ++i)
    many += (i ? ",garment number " : "garment number ") + std::to_string(i);
  const RunResult r = classify({"--top", "40", "--labels", many, image});
  ASSERT_EQ(r.code, 0) << r.err;
  EXPECT_EQ(lines_of(r.out).at(0)["predictions"].size(), 40u);
  const RunResult absent = classify({"--labels", "lables.txt", image});
  EXPECT_EQ(absent.code, 4);
  EXPECT_NE(absent.err.find("lables.txt"), std::string::npos);
  EXPECT_EQ(absent.out, "");
  EXPECT_EQ(classify({"--labels", "cat,dog,cat", image}).code, 2);
}

TEST(ListsTest, ASingleClassIsSaidToBeTheOnlyOne) {
  const RunResult r = classify({"--labels", "cat,", some_images(1)[0]});
  EXPECT_EQ(r.code, 0) << r.err;
  EXPECT_NE(r.err.find("only class"), std::string::npos) << r.err;
}

TEST(ListsTest, PathsOnStandardInputAreLinesOrEndInNul) {
  TempFolder folder;
  std::vector<std::string> images = some_images(2);
  const std::string odd = folder / "two\nlines.png";
  fs::copy_file(images[0], odd);
  const std::string line =
      command_line({"classify", "--quiet", "--json", "--clip", demo_clip(), "--labels", "cat,dog"});
  const auto piped = [&](const std::string& bytes, const std::string& end) {
    write_all(folder / "list", bytes);
    return run_shell(line + end + " <" + folder / "list");
  };
  const std::string both = images[0] + "\r\n" + images[1] + "\n" + images[0] + "\n";
  RunResult r = piped("\xef\xbb\xbf" + both, " -");
  EXPECT_EQ(r.code, 0) << r.err;
  EXPECT_EQ(lines_of(r.out).size(), 3u) << "a path may come twice";
  r = piped(images[0] + '\0' + odd + '\0' + images[1] + '\0', " -0 -");
  EXPECT_EQ(r.code, 0) << r.err;
  ASSERT_EQ(lines_of(r.out).size(), 3u);
  EXPECT_EQ(lines_of(r.out)[1]["path"], odd);
  r = piped(images[0] + '\0' + images[1] + '\0', " -");
  EXPECT_EQ(r.code, 2);
  EXPECT_NE(r.err.find("-0"), std::string::npos) << r.err;
}

TEST(ListsTest, ArgumentsInBracketsStayWhole) {
  const RunResult r =
      run({"tokenize", "--quiet", "--clip", demo_clip(), "[a,b]", "[c]", "[", "{}", "%%"});
  ASSERT_EQ(r.code, 0) << r.err;
  const auto lines = lines_of(r.out);
  ASSERT_EQ(lines.size(), 5u);
  EXPECT_EQ(lines[0]["text"], "[a,b]");
  EXPECT_EQ(lines[1]["text"], "[c]");
  EXPECT_EQ(lines[3]["text"], "{}");
}

TEST(ListsTest, TemplatesMayStandInAFile) {
  TempFolder folder;
  write_all(folder / "templates", "a photo of a {}.\r\na picture of a {}.\r\n");
  const std::string image = some_images(1)[0];
  const std::vector<std::string> classes{"--labels", "cat,dog", image};
  std::vector<std::string> file{"--template", folder / "templates"};
  std::vector<std::string> given{"--template", "a photo of a {}.", "--template",
                                 "a picture of a {}."};
  file.insert(file.end(), classes.begin(), classes.end());
  given.insert(given.end(), classes.begin(), classes.end());
  const RunResult r = classify(file);
  EXPECT_EQ(r.code, 0) << r.err;
  EXPECT_EQ(r.out, classify(given).out);
  EXPECT_EQ(classify({"--template", "no braces", "--labels", "cat,dog", image}).code, 2);
}

TEST(ClassifyTest, ImprobableAnswersAreRejectedAndImagesCopiedToTheirClass) {
  TempFolder folder;
  const auto images = some_images(2);
  const std::vector<std::string> words{"--labels",        "cat,a/../b", "--copy-to",
                                       folder / "sorted", images[0],    images[1]};
  RunResult r = classify(words);
  ASSERT_EQ(r.code, 0) << r.err;
  const auto copies = [&] {
    std::vector<std::string> found;
    for (const auto& entry : fs::recursive_directory_iterator(folder / "sorted")) {
      if (entry.is_regular_file()) found.push_back(fs::relative(entry, folder / "sorted"));
    }
    return found;
  };
  EXPECT_EQ(copies().size(), 2u);
  for (const std::string& copy : copies()) {
    EXPECT_TRUE(copy.rfind("cat/", 0) == 0 || copy.rfind("a_.._b/", 0) == 0) << copy;
  }
  ASSERT_EQ(classify(words).code, 0);
  EXPECT_EQ(copies().size(), 2u) << "the same image is not copied twice";
  r = classify({"--labels", "cat,dog", "--reject", "1", images[0]});
  EXPECT_EQ(lines_of(r.out).at(0)["rejected"], true);
}

TEST(ClassifyTest, CsvHoldsALineAnAnswerAndNoFormula) {
  const RunResult r = run({"classify", "--quiet", "--csv", "--clip", demo_clip(), "--labels",
                           "=1+1,dog", "--top", "2", some_images(1)[0], "/no/such.png"});
  EXPECT_EQ(r.code, 0) << r.err;
  EXPECT_EQ(std::count(r.out.begin(), r.out.end(), '\n'), 4);
  EXPECT_NE(r.out.find(",'=1+1,"), std::string::npos) << r.out;
  EXPECT_NE(r.out.find("/no/such.png,,,,,,"), std::string::npos) << r.out;
}

}  // namespace
}  // namespace qprompt::testing_support
