#include "qprompt/weights.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>

#include "weights/impl/archive.h"
#include "weights/assembler.h"

namespace qprompt {
namespace {

using testing::error_of;
using testing::says;
using testing::TempFolder;

std::string refusal(const std::string& path, ErrorKind kind = ErrorKind::kContent) {
  return error_of([&] { read_weights(path); }, kind);
}

TEST(ReadWeightsTest, TellsWhatAFileIsByItsFirstBytes) {
  const TempFolder f;
  EXPECT_TRUE(says(refusal(f.write("empty", "")), "is empty"));
  EXPECT_TRUE(says(refusal(f.write("text", "hello, world")), "neither a safetensors file"));
  EXPECT_TRUE(says(refusal(f.write("legacy", "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9 j\xa8P\x19.")),
                   "its protocol number, from byte 15", "ends before"));
  EXPECT_TRUE(says(refusal(f.write("pickle", "\x80\x02]N.")), "torch did not write"));
  EXPECT_TRUE(says(refusal(f.write("lfs", "version https://git-lfs.github.com/spec/v1\noid")),
                   "git lfs pull"));
  EXPECT_TRUE(says(refusal(f.write("zip", testing::zip({}))), "data.pkl"));
}

TEST(ReadWeightsTest, TakesNoSafetensorsFileForAPickleOrAZip) {
  // Headers of 640 and 19,280 bytes begin like a pickle of protocol 2 and like "PK".
  const TempFolder f;
  for (const size_t length : {size_t{640}, size_t{19'280}}) {
    const auto path = f.write("a", testing::safetensors("{}" + std::string(length - 2, ' ')));
    EXPECT_TRUE(read_weights(path).tensors.empty());
  }
}

TEST(ReadPickleTest, KeepsUnknownClassesAsNamesAndRunsNothing) {
  TempFolder f;
  testing::Pickle p;
  p.op("]").global("dassl.data", "Datum").op(")\x81}").text("_label").integer(7).op("sba");
  p.global("os", "system").op("(").text("touch " + f.file("ran")).op("tRa");
  const PickleTree tree = read_pickle(f.write("p.pkl", p.stop()));
  ASSERT_EQ(tree.root->items.size(), 2u);
  EXPECT_TRUE(tree.root->items[0]->cls->is_global("dassl.data.Datum"));
  EXPECT_EQ(tree.root->items[0]->state->find("_label")->integer, 7);
  EXPECT_EQ(tree.root->items[0]->state->find("_other"), nullptr);
  EXPECT_TRUE(tree.root->items[1]->cls->is_global("os.system"));
  EXPECT_FALSE(std::filesystem::exists(f.file("ran")));
}

TEST(ReadPickleTest, RefusesWhatIsNoPlainPickle) {
  TempFolder f;
  const auto refused = [&](const std::string& bytes) {
    const std::string path = f.write("p.pkl", bytes);
    return error_of([&] { read_pickle(path); }, ErrorKind::kContent);
  };
  EXPECT_TRUE(says(refused(""), "no pickle"));
  EXPECT_TRUE(says(refused("{\"train\": []}"), "no pickle"));
  EXPECT_TRUE(says(refused(std::string("\x80\x02]", 3)), "ends before"));
  testing::Pickle tensor;
  EXPECT_TRUE(says(refused(tensor.tensor(1, 0, {1}, {1}).stop()), "outside itself"));
  EXPECT_TRUE(says(error_of([&] { read_pickle(f.file("none")); }, ErrorKind::kPath), "none"));
}

TEST(ReadWeightsTest, ReportsPathsThatCannotBeRead) {
  const TempFolder f;
  EXPECT_TRUE(says(refusal(f.file("none"), ErrorKind::kPath), "none"));
  EXPECT_TRUE(says(refusal(f.file(""), ErrorKind::kPath), "is a folder"));
  ASSERT_EQ(::mkfifo(f.file("pipe").c_str(), 0600), 0);
  EXPECT_TRUE(says(refusal(f.file("pipe"), ErrorKind::kPath), "not a regular file"));
}

TEST(DigestTest, EqualsThePublishedValueOfTheEmptyInput) {
  EXPECT_EQ(Digest().hex(), "99aa06d3014798d86001c324468d497f");
}

TEST(DigestTest, DoesNotDependOnHowBytesArriveButOnTextBounds) {
  Digest whole, parts, a, b;
  whole.update("abcdef", 6);
  parts.update("abc", 3);
  parts.update(nullptr, 0);
  parts.update("def", 3);
  EXPECT_EQ(whole.hex(), parts.hex());
  a.update_text("ab");
  a.update_text("c");
  b.update_text("a");
  b.update_text("bc");
  EXPECT_NE(a.hex(), b.hex());
  EXPECT_EQ(whole.hex(), to_hex(whole.bytes()));
  EXPECT_EQ(whole.hex().size(), 32u);
}

/// The folder of reference files, or "".
std::string oracle_folder() {
  const char* given = std::getenv("QPROMPT_ORACLE_DIR");
  const std::string folder = given != nullptr ? given : QPROMPT_SOURCE_DIR "/../shared/oracle/tiny";
  return std::filesystem::is_directory(folder) ? folder : "";
}

void expect_same_model(const std::string& folder) {
  const auto archive = read_weights(folder + "/openai_torchscript.pt");
  const auto plain = read_weights(folder + "/openai_state_dict.safetensors");
  EXPECT_GT(plain.tensors.size(), 50u);
  size_t same = 0;
  for (const auto& [name, tensor] : plain.tensors) {
    ASSERT_TRUE(archive.contains(name)) << name;
    const at::Tensor& other = archive.at(name);
    ASSERT_EQ(other.sizes(), tensor.sizes()) << name;
    // Batch-norm statistics are fp32 in the archive; rounded to fp16 beforehand, they are equal.
    EXPECT_TRUE(at::equal(other.to(at::kDouble), tensor.to(at::kDouble))) << name;
    ++same;
  }
  EXPECT_EQ(same, plain.tensors.size());
  for (const char* name : {"input_resolution", "context_length", "vocab_size"}) {
    EXPECT_EQ(archive.at(name).numel(), 1) << name;
  }
}

TEST(OracleTest, TorchScriptEqualsSafetensors) {
  const std::string folder = oracle_folder();
  if (folder.empty()) GTEST_SKIP() << "no oracle folder; set QPROMPT_ORACLE_DIR";
  int seen = 0;
  for (const std::string sibling : {".", "../tiny", "../rn_tiny", "../vit"}) {
    const std::string at = folder + "/" + sibling;
    if (!std::filesystem::exists(at + "/openai_torchscript.pt") ||
        !std::filesystem::exists(at + "/openai_state_dict.safetensors")) {
      continue;
    }
    SCOPED_TRACE(at);
    expect_same_model(at);
    ++seen;
  }
  if (seen == 0) GTEST_SKIP() << folder << " lacks one of the two layouts";
}

TEST(OracleTest, ReadsACheckpointOfCoOp) {
  const std::string path = oracle_folder() + "/../coop_checkpoint.pth.tar";
  if (!std::filesystem::exists(path)) GTEST_SKIP() << "no coop_checkpoint.pth.tar";
  const auto store = read_weights(path);
  const at::Tensor& ctx = store.at("state_dict.ctx");  // (M, D)
  EXPECT_EQ(ctx.dim(), 2);
  EXPECT_TRUE(ctx.isfinite().all().item<bool>());
  EXPECT_EQ(store.at("state_dict.token_prefix").size(-1), ctx.size(1));
  EXPECT_EQ(store.at("epoch").dim(), 0);
  const auto tree = parse_archive(map_file(path));
  EXPECT_NE(tree.root->find("scheduler"), nullptr);
}

TEST(OracleTest, RefusesEveryCutOfARealArchive) {
  const std::string path = oracle_folder() + "/../coop_checkpoint.pth.tar";
  if (!std::filesystem::exists(path)) GTEST_SKIP() << "no coop_checkpoint.pth.tar";
  const std::string bytes = testing::slurp(path);
  for (size_t size = 0; size < bytes.size(); size += 4999) {
    EXPECT_NE(error_of([&] { parse_archive(own_bytes("f", bytes.substr(0, size))); }), "") << size;
  }
}

}  // namespace
}  // namespace qprompt
