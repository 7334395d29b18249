#include "report/chart.h"

#include <gtest/gtest.h>

#include "report/impl/axis.h"

namespace qprompt {
namespace {

size_t count(const std::string& text, const std::string& part) {
  size_t found = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
  return found;
}

Chart example() {
  Chart chart{"fig-a", "a < b", "epoch", "accuracy, %"};
  chart.series = {{"one & two", {{0, 50, 1}, {10, 60, 2}}}, {"", {{0, 55, 0}, {10, 55, 0}}, true}};
  return chart;
}

TEST(ChartTest, AFigureIsOneSvgWithItsTextsEscaped) {
  const std::string figure = draw(example());
  EXPECT_EQ(figure.rfind("<figure id=\"fig-a\"><svg viewBox=", 0), 0u) << figure;
  for (const char* part : {"aria-label=\"a &lt; b\"", "<figcaption>a &lt; b</figcaption>",
                           ">one &amp; two<", ">epoch<", ">accuracy, %<"}) {
    EXPECT_NE(figure.find(part), std::string::npos) << part;
  }
  EXPECT_EQ(count(figure, "class=\"band\""), 1u) << "the second has no spread";
  EXPECT_EQ(count(figure, "<polyline"), 2u);
  EXPECT_EQ(figure, draw(example()));
  EXPECT_EQ(figure.find("http"), std::string::npos);
  EXPECT_EQ(figure.find("#"), std::string::npos) << "colours are the page's";
}

TEST(ChartTest, EveryPointStandsWithItsErrorBar) {
  Chart chart = example();
  chart.shape = Marks::kJoinedPoints;
  chart.places = {"1 shot", "2 shots"};
  chart.series[0].marks = {{0, 50, 1}, {1, 60, 0}};
  const std::string figure = draw(chart);
  EXPECT_EQ(count(figure, "<circle"), 2u);
  EXPECT_NE(figure.find("one &amp; two: 50.00 ± 1.00"), std::string::npos);
  EXPECT_NE(figure.find(">2 shots<"), std::string::npos);
}

TEST(ChartTest, AHistogramGoesDownToItsGroundAtBothEnds) {
  Chart chart{"h", "h", "value", "density", Marks::kSteps, {{"s", {{0.5, 2, 0}, {1.5, 4, 0}}}}};
  chart.from_zero = true;
  const std::string figure = draw(chart);
  const size_t at = figure.find("points=\"");
  EXPECT_EQ(count(figure.substr(at, figure.find('"', at + 8) - at), ","), 6u);
}

TEST(ChartTest, AHeatMapHasTwoNumbersInEachField) {
  const std::string figure = draw(Heat{"m", "m", "x", "y", {"a", "b"}, {"r"}, {70, 71.5}, {3, 12}});
  for (const char* part : {">70.00<", ">71.50<", ">(3)<", ">(12)<", ">a<", ">r<"}) {
    EXPECT_NE(figure.find(part), std::string::npos) << part;
  }
  EXPECT_EQ(count(figure, "<rect"), 2u);
}

TEST(ChartTest, NothingToDrawIsAnEmptyChart) {
  EXPECT_EQ(count(draw(Chart{"e", "e", "x", "y"}), "<svg"), 1u);
  EXPECT_EQ(count(draw(Heat{"e", "e", "x", "y"}), "<rect"), 0u);
}

std::vector<std::string> texts(const report::Axis& axis) {
  std::vector<std::string> out;
  for (const report::Tick& tick : axis.ticks) out.push_back(tick.text);
  return out;
}

TEST(AxisTest, TicksAreRoundNumbersThatHoldTheValues) {
  const report::Axis axis = report::number_axis(61.3, 74.9, 5, true);
  EXPECT_EQ(texts(axis), (std::vector<std::string>{"60", "65", "70", "75"}));
  EXPECT_EQ(axis.low, 60);
  EXPECT_EQ(axis.high, 75);
  EXPECT_EQ(texts(report::number_axis(-0.031, 0.05, 5, true)),
            (std::vector<std::string>{"-0.04", "-0.02", "0.00", "0.02", "0.04", "0.06"}));
  EXPECT_EQ(texts(report::number_axis(0, 3e-5, 3, false)).back(), "3e-05");
  EXPECT_EQ(texts(report::number_axis(7, 7, 5, true)).size(), 5u) << "one value has room around it";
}

TEST(AxisTest, NamesOfPlacesAreBrokenAtBlanksAndCutWhereTheyMust) {
  const report::Axis axis = report::place_axis({"once, norm.", "Antirrhinum majus-orange"}, 120);
  EXPECT_EQ(axis.ticks[0].text, "once,\nnorm.");
  EXPECT_EQ(axis.ticks[1].text, "Antirrh…\nmajus-o…");
  EXPECT_EQ(axis.text_lines, 2);
  EXPECT_DOUBLE_EQ(axis.share(0), 0.25);
}

}  // namespace
}  // namespace qprompt
