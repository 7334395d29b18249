#include "report/table.h"

#include <gtest/gtest.h>

namespace qprompt {
namespace {

TEST(ReportTest, TextAlignsColumnsByWhatIsSeen) {
  const Table table{"T", {"name", "x"}, {{"a ± b", "1"}, {"c", "100"}}};
  EXPECT_EQ(to_text(table), "T\nname     x\n----------\na ± b    1\nc      100\n");
}

TEST(ReportTest, MarkdownHasARulerAndAllCells) {
  const Table table{"", {"name", "x"}, {{"a", "1"}}};
  EXPECT_EQ(to_markdown(table), "| name | x |\n|---|--:|\n| a | 1 |\n");
}

TEST(ReportTest, NumbersReadAsThePaperPrintsThem) {
  EXPECT_EQ(percent(77.434), "77.43");
  EXPECT_EQ(percent(77.434, 0.256), "77.43 ± 0.26");
  EXPECT_EQ(byte_size(260), "260 B");
  EXPECT_EQ(byte_size(4096), "4.1 KB");
  EXPECT_EQ(byte_size(1774080), "1.8 MB");
  EXPECT_EQ(duration(0.84), "0.8 s");
  EXPECT_EQ(duration(192), "3 min 12 s");
}

}  // namespace
}  // namespace qprompt
