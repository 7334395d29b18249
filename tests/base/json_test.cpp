#include "base/json.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "qprompt/base.h"

namespace qprompt {
namespace {

TEST(JsonTest, MembersKeepTheirOrderInOneLineOrIndented) {
  JsonValue value{{"b", 1}, {"a", "text"}, {"none", nullptr}, {"yes", true}};
  value["list"] = std::vector<double>{1, 0.5};
  value["empty"] = JsonValue::array();
  value["object"] = JsonValue::object();
  value["grown"].push_back({{"x", int64_t{-3}}});
  EXPECT_EQ(value.text(), R"({"b":1,"a":"text","none":null,"yes":true,"list":[1.0,0.5],"empty":[],)"
                          R"("object":{},"grown":[{"x":-3}]})");
  EXPECT_EQ((JsonValue{{"a", std::vector<int>{1, 2}}, {"b", JsonValue::array()}}.text(2)),
            "{\n  \"a\": [\n    1,\n    2\n  ],\n  \"b\": []\n}");
}

TEST(JsonTest, ANameStandsOnceWithItsLastValue) {
  EXPECT_EQ((JsonValue{{"a", 1}, {"a", 2}}.text()), R"({"a":2})");
}

TEST(JsonTest, NumbersReadBackExactlyAndOthersAreNull) {
  for (const double value :
       {0.0, -0.0, 1.0, 100.0, 0.1, 1.0 / 3, 62.5, 1e-5, 1.234e-5, 9.9e-6, 1e14, 1e15, 1e16,
        123456789012345.0, 1e22, 1e300, 5e-324, std::numeric_limits<double>::max()}) {
    const std::string text = JsonValue(value).text();
    EXPECT_EQ(nlohmann::json::parse(text).get<double>(), value) << text;
    EXPECT_TRUE(nlohmann::json::parse(text).is_number_float()) << text;
  }
  EXPECT_EQ(JsonValue(100.0).text(), "100.0");
  EXPECT_EQ(JsonValue(1e300).text(), "1e+300");
  EXPECT_EQ(JsonValue(std::nan("")).text(), "null");
  EXPECT_EQ(JsonValue(HUGE_VAL).text(), "null");
  EXPECT_EQ(JsonValue(std::numeric_limits<uint64_t>::max()).text(), "18446744073709551615");
}

TEST(JsonTest, TextsAreEscapedAndBrokenBytesReplaced) {
  EXPECT_EQ(JsonValue("a\"b\\c\n\t\x01/é").text(), "\"a\\\"b\\\\c\\n\\t\\u0001/é\"");
  EXPECT_EQ(JsonValue(std::string_view("a\0b", 3)).text(), "\"a\\u0000b\"");
  for (const char* broken : {"\xff", "a\xc3", "\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80"}) {
    const std::string text = JsonValue(broken).text();
    const auto read = nlohmann::json::parse(text).get<std::string>();
    EXPECT_NE(read.find("\xef\xbf\xbd"), std::string::npos) << text;
  }
}

TEST(JsonTest, AValueOfAnotherKindIsNotGrown) {
  JsonValue number = 1, list = JsonValue::array(), object = JsonValue::object();
  EXPECT_THROW(number["a"], Error);
  EXPECT_THROW(list["a"], Error);
  EXPECT_THROW(object.push_back(1), Error);
}

}  // namespace
}  // namespace qprompt
