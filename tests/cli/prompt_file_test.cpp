// Files of every method, inspected and quantized.
#include <nlohmann/json.hpp>

#include "support/run.h"

namespace qprompt::testing_support {
namespace {

using Json = nlohmann::json;

std::string kept(const std::string& name) {
  return std::string(QPROMPT_SOURCE_DIR) + "/tests/data/artifacts/v1_" + name + ".qprompt";
}

Json inspect(const std::string& path) {
  const RunResult r = run({"inspect", path, "--json"});
  EXPECT_EQ(r.code, 0) << r.err;
  return Json::parse(r.out);
}

TEST(PromptFileTest, InspectNamesTheMethodAndEveryTensor) {
  struct {
    std::string file, method;
    size_t tensors;
  } const all[] = {{"1bit", "CoOp", 1}, {"cocoop", "CoCoOp", 5}, {"maple", "MaPLe", 9},
                   {"ivlp", "IVLP", 5}, {"vpt", "VPT", 3},       {"deep_text", "DeepText", 4}};
  for (const auto& one : all) {
    const Json json = inspect(kept(one.file));
    EXPECT_EQ(json["method"], one.method);
    EXPECT_EQ(json["tensors"].size(), one.tensors);
    const RunResult table = run({"inspect", kept(one.file)});
    EXPECT_NE(table.out.find("method          " + one.method + "\n"), std::string::npos);
    for (const Json& tensor : json["tensors"]) {
      EXPECT_NE(table.out.find("tensor " + tensor["name"].get<std::string>() + " ["),
                std::string::npos);
    }
  }
}

TEST(PromptFileTest, QuantizeRefusesAFileThatHasCodesAlready) {
  TempFolder folder;
  const RunResult r =
      run({"quantize", kept("maple"), "--bits", "2", "--out", folder / "x.qprompt"});
  EXPECT_EQ(r.code, 3);
  EXPECT_NE(r.err.find("has 4 bits already"), std::string::npos) << r.err;
}

TEST(PromptFileTest, QuantizeShrinksTheRowsOfTheImageTowerToo) {
  TempFolder folder;
  const std::string out = folder / "vpt.qprompt";
  ASSERT_EQ(run({"quantize", kept("vpt"), "--bits", "1", "--out", out}).code, 0);
  const Json json = inspect(out);
  EXPECT_EQ(json["method"], "VPT");
  EXPECT_EQ(json["bits"], 1);
  EXPECT_EQ(json["payload_bytes"], 3 * (2 * 12 / 8 + 4));
}

}  // namespace
}  // namespace qprompt::testing_support
