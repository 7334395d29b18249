// Pages as readers see them: in both schemes, on a desk and on a phone.
#include "report/page.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "report/browser.h"
#include "report/example_results.h"
#include "report/example_study.h"
#include "report/impl/thumbnail.h"
#include "report/page_checks.h"

namespace qprompt {
namespace {

using namespace testing_support;

TEST(PageTest, APageIsWholeAndItsTextsAreHarmless) {
  const std::string page = html_page({"a & <b>", {{"date", "2026 & on"}, {"model", ""}}},
                                     html_table({"\"t\"", {"x", "y"}, {{"<i>", "it's"}}}));
  EXPECT_EQ(page.rfind("<!DOCTYPE html>", 0), 0u);
  EXPECT_NE(page.find("<title>a &amp; &lt;b&gt;</title>"), std::string::npos);
  EXPECT_NE(page.find("<dt>date</dt><dd>2026 &amp; on</dd>"), std::string::npos);
  EXPECT_EQ(page.find("<dt>model"), std::string::npos);
  EXPECT_NE(page.find("&quot;t&quot;"), std::string::npos);
  EXPECT_NE(page.find("<td>&lt;i&gt;</td><td>it&#39;s</td>"), std::string::npos);
}

TEST(PageTest, TheDateIsTheOneThatABuildIsGiven) {
  ::setenv("SOURCE_DATE_EPOCH", "1792195200", 1);
  EXPECT_EQ(date_and_time(), "2026-10-17 00:00 UTC");
  ::unsetenv("SOURCE_DATE_EPOCH");
}

double luminance(const std::string& colour) {
  constexpr double kWeights[] = {0.2126, 0.7152, 0.0722};
  double sum = 0;
  for (size_t i = 0; i < 3; ++i) {
    const double v = std::stoi(colour.substr(1 + 2 * i, 2), nullptr, 16) / 255.0;
    sum += kWeights[i] * (v <= 0.04045 ? v / 12.92 : std::pow((v + 0.055) / 1.055, 2.4));
  }
  return sum;
}

double contrast(const std::string& a, const std::string& b) {
  const double high = std::max(luminance(a), luminance(b)),
               low = std::min(luminance(a), luminance(b));
  return (high + 0.05) / (low + 0.05);
}

TEST(PageTest, EveryColourStandsOutFromTheGroundInBothSchemes) {
  EXPECT_NEAR(contrast("#ffffff", "#000000"), 21, 1e-9);
  const std::string page = html_page({"t", {}}, "");
  const std::regex scheme(R"(:root\{([^}]*)\})"), colour(R"(--(\w+):(#[0-9a-f]{6}))");
  int schemes = 0;
  for (std::sregex_iterator it(page.begin(), page.end(), scheme), end; it != end; ++it, ++schemes) {
    const std::string text = (*it)[1].str();
    std::map<std::string, std::string> colours;
    for (std::sregex_iterator c(text.begin(), text.end(), colour); c != end; ++c) {
      colours[(*c)[1].str()] = (*c)[2].str();
    }
    ASSERT_EQ(colours.size(), 6u + 2 * 6);
    for (const auto& [name, value] : colours) {
      if (name == "ground" || name == "rule") continue;  // rules are ornament
      EXPECT_GE(contrast(value, colours.at("ground")), 4.5) << name << ' ' << value;
    }
    // Letters on the strongest field of a heat map, which lets the ground through.
    std::string field = "#";
    for (const size_t at : {1, 3, 5}) {
      const auto part = [&](const char* name) {
        return std::stoi(colours.at(name).substr(at, 2), nullptr, 16);
      };
      char two[8];
      std::snprintf(two, sizeof two, "%02x", int(0.35 * part("s0") + 0.65 * part("ground")));
      field += two;
    }
    EXPECT_GE(contrast(field, colours.at("text")), 4.5) << field;
  }
  EXPECT_EQ(schemes, 2);
}

TEST(PicturesTest, Base64IsThatOfTheStandard) {
  EXPECT_EQ(report::base64(""), "");
  EXPECT_EQ(report::base64("f"), "Zg==");
  EXPECT_EQ(report::base64("fo"), "Zm8=");
  EXPECT_EQ(report::base64("foobar"), "Zm9vYmFy");
  EXPECT_EQ(report::base64("\xff\xfe"), "//4=");
}

/// Four of the demo's images under the labels that the made-up results have.
Split some_pictures() {
  Split split{"a", demo_data() + "/test", {"<cat>", "dog, \"small\""}, {}, {}, {}};
  for (const auto& entry : std::filesystem::recursive_directory_iterator(split.image_root)) {
    if (!entry.is_regular_file() || split.test.size() == 4) continue;
    const int64_t label = split.test.size() < 2 ? 0 : 1;
    split.test.push_back(
        {std::filesystem::relative(entry.path(), split.image_root).string(), label});
  }
  return split;
}

TEST(PicturesTest, ImagesThatAreTakenForAnotherClassAreShown) {
  const std::string page = results_html({few_shot()}, {{}, "", {{"a", some_pictures()}}});
  EXPECT_EQ(outside_parts(page), std::vector<std::string>{});
  // Zero-shot CLIP has three of four wrong, CoOp two and one.
  EXPECT_EQ(all_of(page, "(<img )").size(), 3u + 2 + 1);
  EXPECT_NE(page.find("&lt;cat&gt; taken for dog, &quot;small&quot;"), std::string::npos);
  EXPECT_NE(page.find("src=\"data:image/jpeg;base64,/9j/"), std::string::npos);
}

TEST(PicturesTest, OtherImagesThanThoseThatWereScoredAreNotShown) {
  Split other = some_pictures();
  other.test.pop_back();
  EXPECT_EQ(results_html({few_shot()}, {{}, "", {{"a", other}}}).find("<img"), std::string::npos);
  Split broken = some_pictures();
  for (Item& item : broken.test) item.path = "absent.jpg";
  EXPECT_EQ(results_html({few_shot()}, {{}, "", {{"a", broken}}}).find("<img"), std::string::npos);
}

class BrowserTest : public ::testing::TestWithParam<Screen> {
 protected:
  void SetUp() override {
    if (find_browser().empty()) GTEST_SKIP() << "Chromium is not installed";
  }
};

TEST_P(BrowserTest, ShowsPagesWithoutFaintOverlappingOrCutTexts) {
  const std::string study =
      study_html(example_study(), {{"date", "today"}, {"command", "qprompt study"}});
  const std::string results = results_html({base_to_new(), few_shot()}, {{{"date", "today"}}});
  for (const auto& [page, figures] : {std::pair{study, 19}, std::pair{results, 1}}) {
    EXPECT_EQ(outside_parts(page), std::vector<std::string>{});
    EXPECT_EQ(broken_ids(page), std::vector<std::string>{});
    std::string why;
    const nlohmann::json seen = seen_in_browser(page, GetParam(), why);
    ASSERT_FALSE(seen.is_null()) << "the browser does not run here: " << why;
    EXPECT_EQ(seen["inner"], GetParam().width);
    EXPECT_EQ(seen["ground"].get<double>() < 0.2, GetParam().dark);
    EXPECT_EQ(seen["figures"].size(), size_t(figures));
    for (const nlohmann::json& figure : seen["figures"]) {
      EXPECT_GT(figure["width"], 250) << figure;
      EXPECT_GT(figure["height"], 150) << figure;
      EXPECT_GT(figure["texts"], 4) << figure;
    }
    for (const char* what : {"faint", "overlaps", "outside"}) {
      EXPECT_EQ(seen[what], nlohmann::json::array()) << what;
    }
    EXPECT_FALSE(seen["wide"]) << "tables scroll by themselves";
  }
}

INSTANTIATE_TEST_SUITE_P(Screens, BrowserTest,
                         ::testing::Values(Screen{1200, false}, Screen{1200, true},
                                           Screen{360, false}, Screen{360, true}),
                         [](const auto& info) {
                           return std::string(info.param.width > 500 ? "Desk" : "Phone") +
                                  (info.param.dark ? "Dark" : "Light");
                         });

}  // namespace
}  // namespace qprompt
