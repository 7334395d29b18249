// What the documents show is true: options exist, code compiles elsewhere, links lead somewhere.
#include <gtest/gtest.h>

#include <algorithm>
#include <regex>
#include <set>

#include "report/page_checks.h"
#include "support/run.h"

namespace qprompt::testing_support {
namespace {

std::string source(const std::string& path) {
  return read_all(std::string(QPROMPT_SOURCE_DIR) + "/" + path);
}

std::set<std::string> options_in(const std::string& text) {
  static const std::regex kOption("--[a-z][a-z-]+");
  std::set<std::string> found;
  for (std::sregex_iterator it(text.begin(), text.end(), kOption), end; it != end; ++it) {
    found.insert(it->str());
  }
  return found;
}

/// Options of the help of every command.
std::set<std::string> real_options() {
  std::set<std::string> all = options_in(run({"--help"}).out);
  const std::vector<std::vector<std::string>> commands{{"demo"},           {"train"},
                                                       {"eval"},           {"zero-shot"},
                                                       {"base-to-new"},    {"classify"},
                                                       {"import"},         {"quantize"},
                                                       {"inspect"},        {"encode", "image"},
                                                       {"encode", "text"}, {"tokenize"},
                                                       {"data", "list"},   {"data", "check"},
                                                       {"data", "sample"}, {"run"},
                                                       {"report"},         {"study"}};
  for (std::vector<std::string> command : commands) {
    command.push_back("--help");
    all.merge(options_in(run(command).out));
  }
  return all;
}

TEST(DocsTest, TheCommandLinePageNamesEveryOptionAndNoOther) {
  const std::set<std::string> real = real_options(), shown = options_in(source("docs/cli.md"));
  for (const std::string& option : real) EXPECT_EQ(shown.count(option), 1u) << option;
  for (const std::string& option : shown) EXPECT_EQ(real.count(option), 1u) << option;
}

TEST(DocsTest, TheReadmesOptionsExist) {
  const std::set<std::string> real = real_options();
  for (const std::string& option : options_in(source("README.md"))) {
    EXPECT_EQ(real.count(option), 1u) << option;
  }
}

TEST(DocsTest, TheReadmesCodeStandsInTheExampleThatIsCompiled) {
  const std::string readme = source("README.md"), example = source("examples/consumer/main.cpp");
  const size_t begin = readme.find("```cpp\n") + 7, end = readme.find("```", begin);
  std::istringstream lines(readme.substr(begin, end - begin));
  int checked = 0;
  for (std::string line; std::getline(lines, line); ++checked) {
    EXPECT_NE(example.find(line), std::string::npos) << line;
  }
  EXPECT_GT(checked, 3);
}

TEST(DocsTest, LinksLeadToFiles) {
  static const std::regex kLink(R"(\]\(([^)#:]+)\))");
  for (const std::string page :
       {"README.md", "CONTRIBUTING.md", "docs/cli.md", "docs/method.md", "docs/artifact.md",
        "docs/notation.md", "docs/ablation.md", "docs/recipes.md", "docs/study.md"}) {
    const std::string text = source(page);
    ASSERT_FALSE(text.empty()) << page;
    const auto folder = std::filesystem::path(QPROMPT_SOURCE_DIR) / page;
    for (std::sregex_iterator it(text.begin(), text.end(), kLink), end; it != end; ++it) {
      EXPECT_TRUE(std::filesystem::exists(folder.parent_path() / (*it)[1].str()))
          << page << ": " << (*it)[1];
    }
  }
}

TEST(DocsTest, TheStudysPageStandsAloneAndHasTheNumbersOfItsDocument) {
  const std::string page = source("docs/study.html"), text = source("docs/study.md");
  ASSERT_FALSE(page.empty());
  EXPECT_LT(page.size(), 1u << 20);
  EXPECT_EQ(outside_parts(page), std::vector<std::string>{});
  EXPECT_EQ(broken_ids(page), std::vector<std::string>{});
  // Every row of a table in the document is a row of the page.
  static const std::regex kBlock("```\\n([^`]*)```"), kGap(" {2,}");
  int checked = 0;
  for (std::sregex_iterator it(text.begin(), text.end(), kBlock), end; it != end; ++it) {
    std::istringstream lines((*it)[1].str());
    std::string line;
    std::getline(lines, line);  // the header
    for (; std::getline(lines, line); ++checked) {
      std::string row;
      const std::sregex_token_iterator cells(line.begin(), line.end(), kGap, -1), none;
      for (auto cell = cells; cell != none; ++cell) row += "<td>" + cell->str() + "</td>";
      const bool empty_cell = row.find("zero-shot") != std::string::npos;
      EXPECT_TRUE(empty_cell || page.find(row) != std::string::npos) << line;
    }
  }
  EXPECT_GT(checked, 20);
}

TEST(DocsTest, TheReadmeStaysShort) {
  const std::string readme = source("README.md");
  EXPECT_LE(std::count(readme.begin(), readme.end(), '\n'), 150);
}

TEST(DocsTest, FilesThatTheMethodPageNamesExist) {
  static const std::regex kPath("`((?:src|tests|include)/[a-z_/.]+)`");
  const std::string text = source("docs/method.md");
  int checked = 0;
  for (std::sregex_iterator it(text.begin(), text.end(), kPath), end; it != end; ++it, ++checked) {
    const std::string path = std::string(QPROMPT_SOURCE_DIR) + "/" + (*it)[1].str();
    EXPECT_TRUE(std::filesystem::exists(path)) << path;
  }
  EXPECT_GT(checked, 5);
}

}  // namespace
}  // namespace qprompt::testing_support
