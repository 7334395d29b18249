// JSON as it is written; nlohmann's parser says whether it was.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "base/json.h"

namespace qprompt {
namespace {

TEST(JsonTest, MembersKeepTheirOrderAndNumbersTheirKind) {
  JsonValue value{{"z", 1}, {"a", 1.0}, {"t", true}, {"n", nullptr}, {"s", "x"}};
  value["list"].push_back({{"k", std::string("v")}});
  value["list"].push_back(JsonValue::array());
  value["numbers"] = std::vector<double>{0.1, 1e300};
  value["words"] = std::vector<std::string>{"a", "b"};
  value["none"] = JsonValue::object();
  EXPECT_EQ(value.dump(), R"({"z":1,"a":1.0,"t":true,"n":null,"s":"x","list":[{"k":"v"},[]],)"
                          R"("numbers":[0.1,1e+300],"words":["a","b"],"none":{}})");
  EXPECT_EQ(nlohmann::ordered_json::parse(value.dump()).dump(), value.dump());
  EXPECT_EQ(nlohmann::ordered_json::parse(value.dump(2)).dump(2), value.dump(2));
}

TEST(JsonTest, TheLargestWholeNumbersAreWhole) {
  const JsonValue value{{"u", std::numeric_limits<uint64_t>::max()},
                        {"i", std::numeric_limits<int64_t>::min()}};
  EXPECT_EQ(value.dump(), R"({"u":18446744073709551615,"i":-9223372036854775808})");
}

TEST(JsonTest, WhatJsonHasNoWordForIsStillJson) {
  const JsonValue value{{"nan", std::nan("")}, {"latin", "caf\xe9"}, {"esc", "\x1b\"\\\n\b\x0b"}};
  const auto back = nlohmann::json::parse(value.dump());
  EXPECT_TRUE(back["nan"].is_null());
  EXPECT_EQ(back["latin"], "caf\xef\xbf\xbd");
  EXPECT_EQ(back["esc"], "\x1b\"\\\n\b\x0b");
}

}  // namespace
}  // namespace qprompt
