// What commands print with --json is what docs/json says.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "support/run.h"

namespace qprompt::testing_support {
namespace {

using Json = nlohmann::json;

bool has_type(const Json& value, const std::string& type) {
  if (type == "object") return value.is_object();
  if (type == "array") return value.is_array();
  if (type == "string") return value.is_string();
  if (type == "integer") return value.is_number_integer();
  if (type == "number") return value.is_number();
  if (type == "boolean") return value.is_boolean();
  return type == "null" && value.is_null();
}

/// What is wrong with a value by a schema, of which the words that docs/json uses are known; empty:
/// nothing.
std::string fault(const Json& value, const Json& schema, const std::string& at) {
  if (schema.contains("enum")) {
    const auto& allowed = schema["enum"];
    return std::find(allowed.begin(), allowed.end(), value) == allowed.end()
               ? at + ": " + value.dump()
               : "";
  }
  const Json types = schema["type"].is_array() ? schema["type"] : Json::array({schema["type"]});
  bool fits = false;
  for (const Json& type : types) fits = fits || has_type(value, type);
  if (!fits) return at + " is no " + types.dump() + ": " + value.dump();
  if (value.is_array()) {
    for (size_t i = 0; i < value.size(); ++i) {
      const auto inner = fault(value[i], schema["items"], at + "/" + std::to_string(i));
      if (!inner.empty()) return inner;
    }
  }
  if (!value.is_object()) return "";
  for (const auto& name : schema["required"]) {
    if (!value.contains(name)) return at + " lacks " + name.get<std::string>();
  }
  for (const auto& [name, member] : value.items()) {
    if (!schema["properties"].contains(name)) return at + " has the unknown member " + name;
    const auto inner = fault(member, schema["properties"][name], at + "/" + name);
    if (!inner.empty()) return inner;
  }
  return "";
}

/// Every line of a command's output against a schema.
void expect_kept(const std::string& name, std::vector<std::string> words) {
  const Json schema = Json::parse(
      read_all(std::string(QPROMPT_SOURCE_DIR) + "/docs/json/" + name + ".schema.json"));
  words.insert(words.end(), {"--json", "--quiet"});
  const RunResult r = run(words);
  EXPECT_EQ(r.code, 0) << name << ": " << r.err;
  std::istringstream lines(r.out);
  int checked = 0;
  for (std::string line; std::getline(lines, line); ++checked) {
    const Json value = Json::parse(line, nullptr, false);
    ASSERT_FALSE(value.is_discarded()) << name << ": " << line;
    EXPECT_EQ(fault(value, schema, name), "");
  }
  EXPECT_GT(checked, 0) << name;
}

TEST(JsonSchemaTest, EveryCommandKeepsToItsSchema) {
  TempFolder folder;
  const std::string image = demo_data() + "/test";
  const std::vector<std::string> model{"--clip", demo_clip()};
  const auto with_model = [&](std::vector<std::string> words) {
    words.insert(words.end(), model.begin(), model.end());
    return words;
  };
  const std::string out = folder / "run", prompt = out + "/prompt.qprompt";
  expect_kept("train",
              with_model({"train", "--method", "coop", "--data", demo_data(), "--shots", "1",
                          "--epochs", "1", "--cache", folder / "cache", "--out", out}));
  expect_kept("eval", with_model({"eval", "--prompt", prompt, "--data", demo_data(), "--per-class",
                                  "--cache", folder / "cache"}));
  expect_kept("eval",
              with_model({"zero-shot", "--data", demo_data(), "--cache", folder / "cache"}));
  expect_kept("inspect", with_model({"inspect", prompt}));
  expect_kept("quantize", {"quantize", prompt, "--bits", "2", "--out", folder / "q.qprompt"});
  expect_kept("inspect", {"inspect", folder / "q.qprompt"});
  expect_kept("encode", with_model({"encode", "text", "a cat", "--out", folder / "f.safetensors"}));
  expect_kept("tokenize", with_model({"tokenize", "a cat", "a dog"}));
  expect_kept("classify",
              with_model({"classify", "--labels", "shirt,shoe", image, "/no/such.png"}));
  expect_kept("data-list", {"data", "list"});
  expect_kept("data-check", {"data", "check", "--data", demo_data(), "--headers-only"});
  expect_kept("data-sample", {"data", "sample", "--data", demo_data(), "--shots", "1"});
}

TEST(JsonSchemaTest, TheCheckSeesWhatIsWrong) {
  const Json schema = Json::parse(R"({"type":"object","properties":{"a":{"type":"integer"}},
                                      "required":["a"],"additionalProperties":false})");
  EXPECT_EQ(fault(Json::parse(R"({"a":1})"), schema, ""), "");
  for (const char* wrong : {R"({})", R"({"a":1.5})", R"({"a":1,"b":2})", "[]"}) {
    EXPECT_NE(fault(Json::parse(wrong), schema, ""), "") << wrong;
  }
}

}  // namespace
}  // namespace qprompt::testing_support
