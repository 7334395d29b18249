#include "base/json_depth.h"

#include <gtest/gtest.h>

#include <string>

namespace qprompt {
namespace {

TEST(JsonDepth, CountsListsAndObjects) {
  EXPECT_FALSE(json_is_deeper_than("3", 0));
  EXPECT_TRUE(json_is_deeper_than("[]", 0));
  EXPECT_FALSE(json_is_deeper_than(R"([{"a": [1]}, [[2]], {}])", 3));
  EXPECT_TRUE(json_is_deeper_than(R"([{"a": [1]}, [[[2]]], {}])", 3));
  EXPECT_TRUE(json_is_deeper_than(std::string(200'000, '['), kMaxJsonDepth));
}

TEST(JsonDepth, BracketsInTextsDoNotCount) {
  EXPECT_FALSE(json_is_deeper_than(R"(["[[[[[[", "\"[[[[", "\\"])", 1));
  // Closing brackets in texts must not hide the depth of what follows.
  std::string deep = "[";
  for (int i = 0; i < 50; ++i) deep += R"("]]]",[)";
  EXPECT_TRUE(json_is_deeper_than(deep, 40));
}

}  // namespace
}  // namespace qprompt
