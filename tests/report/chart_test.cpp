#include <gtest/gtest.h>

#include <regex>

#include "qprompt/base.h"
#include "qprompt/report.h"
#include "support/run.h"

namespace qprompt {
namespace {

ErrorKind refusal(const std::string& gnuplot, const Plot& plot, std::string& message) {
  try {
    draw_plot(gnuplot, plot);
  } catch (const Error& e) {
    message = e.what();
    return e.kind();
  }
  return ErrorKind::kUsage;
}

class PlotTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (testing_support::run_shell("gnuplot --version").code != 0) {
      GTEST_SKIP() << "gnuplot is not installed";
    }
  }
};

TEST_F(PlotTest, AFigureIsOneSvgWithIdsOfItsOwn) {
  const std::string figure =
      draw_plot("gnuplot", {"fig-a", "a < b", "plot x with points pt 7 title 'line'", 400, 300});
  EXPECT_EQ(figure.rfind("<figure id=\"fig-a\"", 0), 0u);
  EXPECT_NE(figure.find("<figcaption>a &lt; b</figcaption>"), std::string::npos);
  EXPECT_NE(figure.find("aria-label=\"a &lt; b\""), std::string::npos);
  EXPECT_NE(figure.find("viewBox=\"0 0 400 300\""), std::string::npos);
  EXPECT_NE(figure.find(">line<"), std::string::npos);
  EXPECT_EQ(figure.find("http"), std::string::npos);
  EXPECT_EQ(figure.find("<?xml"), std::string::npos);
  const std::regex id(R"re(\b(?:id=|href=)['"]#?([^'"]*))re");
  int ids = 0;
  for (std::sregex_iterator it(figure.begin(), figure.end(), id), end; it != end; ++it, ++ids) {
    EXPECT_EQ((*it)[1].str().rfind("fig-a", 0), 0u) << (*it)[1].str();
  }
  EXPECT_GT(ids, 5);
}

TEST_F(PlotTest, AScriptThatGnuplotRefusesIsAnErrorWithItsMessage) {
  std::string message;
  EXPECT_EQ(refusal("gnuplot", {"a", "", "plot nonsense(", 400, 300}, message),
            ErrorKind::kInternal);
  EXPECT_NE(message.find("plot nonsense("), std::string::npos) << message;
}

TEST(PlotlessTest, AMissingGnuplotIsNamedWithItsPackage) {
  std::string message;
  EXPECT_EQ(refusal("/no/gnuplot", {"a", "", "plot x", 400, 300}, message), ErrorKind::kPath);
  EXPECT_NE(message.find("'/no/gnuplot'"), std::string::npos) << message;
  EXPECT_NE(message.find("gnuplot-nox"), std::string::npos) << message;
}

TEST(HtmlTest, APageIsWholeAndItsTextsAreHarmless) {
  const std::string page =
      html_page("a & <b>", html_table({"\"t\"", {"x", "y"}, {{"<i>", "it's"}}}));
  EXPECT_EQ(page.rfind("<!DOCTYPE html>", 0), 0u);
  EXPECT_NE(page.find("<title>a &amp; &lt;b&gt;</title>"), std::string::npos);
  EXPECT_NE(page.find("&quot;t&quot;"), std::string::npos);
  EXPECT_NE(page.find("<td>&lt;i&gt;</td><td>it&#39;s</td>"), std::string::npos);
}

}  // namespace
}  // namespace qprompt
