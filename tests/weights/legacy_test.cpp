// Torch's files from before 1.6: read, and refused where they lie.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "qprompt/weights.h"
#include "weights/impl/legacy_archive.h"
#include "weights/legacy_writer.h"

namespace qprompt {
namespace {

using namespace testing;

const std::vector<float> kValues = {0, 1, 2, 3, 4, 5};

/// {"a": (2, 3) of storage "7"}
std::string object() {
  Pickle pickle;
  pickle.op("}").text("a");
  return legacy_tensor(pickle, "FloatStorage", "7", {2, 3}).op("s").stop();
}

std::string file(const std::string& object, const std::vector<LegacyStorage>& storages) {
  return legacy_head() + object + legacy_tail(storages);
}
std::string good_file() { return file(object(), {{"7", 6, bytes_of(kValues)}}); }

WeightStore read(const std::string& bytes) {
  const TempFolder folder;
  return read_weights(folder.write("old.pt", bytes));
}

std::string refusal(const std::string& bytes) {
  return error_of([&] { read(bytes); });
}

TEST(LegacyTest, ReadsATensor) {
  const at::Tensor a = read(good_file()).at("a");
  EXPECT_TRUE(a.equal(at::arange(6, at::kFloat).view({2, 3})));
}

TEST(LegacyTest, ReadsFilesThatTorchWrote) {
  const std::string folder = std::string(QPROMPT_SOURCE_DIR) + "/tests/data/checkpoints/";
  const WeightStore legacy = read_weights(folder + "maple_legacy.pth.tar"),
                    zip = read_weights(folder + "maple_zip.pth.tar");
  ASSERT_EQ(legacy.tensors.size(), zip.tensors.size());
  for (const auto& [name, tensor] : zip.tensors) {
    EXPECT_EQ(legacy.at(name).scalar_type(), tensor.scalar_type()) << name;
    EXPECT_TRUE(legacy.at(name).equal(tensor)) << name;
  }
  EXPECT_EQ(zip.at("state_dict.prompt_learner.ctx").scalar_type(), at::kHalf);
  EXPECT_EQ(zip.at("epoch").item<int64_t>(), 5);
}

TEST(LegacyTest, ReadsEveryCutOfAFileThatTorchWroteAsDamaged) {
  const std::string bytes =
      slurp(std::string(QPROMPT_SOURCE_DIR) + "/tests/data/checkpoints/maple_legacy.pth.tar");
  ASSERT_FALSE(bytes.empty());
  for (size_t size = 15; size < bytes.size(); size += 7) {
    EXPECT_NE(refusal(bytes.substr(0, size)), "") << size;
  }
}

TEST(LegacyTest, TensorsThatShareAStorageGoOnSharingIt) {
  Pickle pickle;
  pickle.op("}").text("a");
  legacy_tensor(pickle, "HalfStorage", "s", {4}).op("s").text("b");
  legacy_tensor(pickle, "HalfStorage", "s", {2, 2}).op("s");
  const std::vector<c10::Half> values = {1, 2, 3, 4};
  const WeightStore store = read(file(pickle.stop(), {{"s", 4, bytes_of(values)}}));
  EXPECT_EQ(store.at("a").data_ptr(), store.at("b").data_ptr());
  EXPECT_TRUE(store.at("b").equal(at::arange(1, 5, at::kHalf).view({2, 2})));
}

TEST(LegacyTest, APartOfAStorageBeginsWhereItsIdSays) {
  Pickle part;  // ("v", 2, 3), without the head of a pickle
  part.op("(").text("v").integer(2).integer(3).op("t");
  Pickle pickle;
  pickle.op("}").text("a").global("torch._utils", "_rebuild_tensor_v2").op("(");
  legacy_storage(pickle, "FloatStorage", "7", 6, part.out.substr(2)).integer(1).integers({2});
  pickle.integers({1}).op("tR").op("s");
  const auto store = read(file(pickle.stop(), {{"7", 6, bytes_of(kValues)}}));
  EXPECT_TRUE(store.at("a").equal(at::tensor({3.f, 4.f})));
}

TEST(LegacyTest, APartOutsideItsStorageIsRefused) {
  for (const auto& [offset, size] : {std::pair{4, 3}, {-1, 2}, {7, 0}, {0, -1}, {1, 6}}) {
    Pickle part, pickle;
    part.op("(").text("v").integer(offset).integer(size).op("t");
    pickle.op("}").text("a");
    legacy_storage(pickle, "FloatStorage", "7", 6, part.out.substr(2)).op("s");
    EXPECT_TRUE(says(refusal(file(pickle.stop(), {{"7", 6, bytes_of(kValues)}})), "does not fit"));
  }
}

TEST(LegacyTest, AClassWithItsSourceCodeIsOnlyAName) {
  Pickle pickle;
  pickle.op("}").text("model").op("(").text("module").global("net", "Net").text("net.py");
  pickle.text("import os").op("tQ").op(")\x81s");
  EXPECT_TRUE(read(file(pickle.stop(), {})).tensors.empty());
}

TEST(LegacyTest, OtherMachinesAndProtocolsAreRefused) {
  EXPECT_TRUE(says(refusal(legacy_head(1001, false) + object()), "big-endian"));
  EXPECT_TRUE(says(refusal(legacy_head(1000) + object()), "protocol is not 1001", "byte 23"));
  const std::string no_order =
      legacy_magic() + Pickle().integer(1001).stop() + Pickle().op("}").stop();
  EXPECT_TRUE(says(refusal(no_order), "byte order"));
}

TEST(LegacyTest, StoragesThatTheObjectAndTheFileTellDifferentlyAreRefused) {
  const std::string six = bytes_of(kValues);
  EXPECT_TRUE(says(refusal(file(object(), {{"7", 5, six}})), "has 5 values", "says 6"));
  EXPECT_TRUE(says(refusal(file(object(), {{"7", -1, six}})), "has -1 values"));
  EXPECT_TRUE(says(refusal(file(object(), {{"7", int64_t{1} << 60, six}})), "values"));
  EXPECT_TRUE(says(refusal(file(object(), {{"8", 6, six}})), "does not have"));
  EXPECT_TRUE(says(refusal(file(object(), {})), "1 storage keys was expected"));
  EXPECT_TRUE(says(refusal(file(object(), {{"7", 6, six}, {"7", 6, six}})), "1 storage keys"));
  EXPECT_TRUE(says(refusal(file(object(), {{"7", 6, six.substr(1)}})), "has only 23 bytes"));
  EXPECT_TRUE(says(refusal(good_file() + "x"), "1 bytes follow the last storage"));
  EXPECT_TRUE(says(refusal(legacy_head() + object() + Pickle().op("]").integer(7).op("a").stop()),
                   "list of storage keys names one"));
  EXPECT_TRUE(says(refusal(legacy_head() + object() + Pickle().op("}").stop()), "storage keys"));
}

TEST(LegacyTest, AStorageOfTwoTypesOrSizesIsRefused) {
  Pickle types, sizes;
  types.op("}").text("a");
  legacy_tensor(types, "FloatStorage", "7", {6}).op("s").text("b");
  legacy_tensor(types, "IntStorage", "7", {6}).op("s");
  EXPECT_TRUE(says(refusal(file(types.stop(), {{"7", 6, bytes_of(kValues)}})), "two types"));
  sizes.op("}").text("a");
  legacy_tensor(sizes, "FloatStorage", "7", {6}).op("s").text("b");
  legacy_tensor(sizes, "FloatStorage", "7", {5}).op("s");
  EXPECT_TRUE(says(refusal(file(sizes.stop(), {{"7", 6, bytes_of(kValues)}})), "two types"));
}

TEST(LegacyTest, ALieAboutTheSizeIsRefusedBeforeAnythingIsAllocated) {
  Pickle pickle;
  pickle.op("}").text("a");
  legacy_tensor(pickle, "DoubleStorage", "7", {2000000000}).op("s");
  EXPECT_TRUE(says(refusal(file(pickle.stop(), {{"7", 2000000000, ""}})), "more than the whole"));
}

TEST(LegacyTest, ATensorOutsideItsStorageIsRefused) {
  Pickle pickle;
  pickle.op("}").text("a").global("torch._utils", "_rebuild_tensor_v2").op("(");
  legacy_storage(pickle, "FloatStorage", "7", 6).integer(1).integers({2, 3}).integers({3, 1});
  pickle.op("tRs");
  EXPECT_TRUE(says(refusal(file(pickle.stop(), {{"7", 6, bytes_of(kValues)}})), "does not fit"));
}

TEST(LegacyTest, BooleansThatAreNoneAreRefused) {
  Pickle pickle;
  pickle.op("}").text("a");
  legacy_tensor(pickle, "BoolStorage", "7", {1}).op("s");
  EXPECT_TRUE(says(refusal(file(pickle.stop(), {{"7", 1, "\x07"}})), "byte above 1"));
}

TEST(LegacyTest, BombsAndDeepNestingAreRefused) {
  // A list that holds itself twice over and over, 2^30 members when written out.
  Pickle bomb;
  bomb.op("}").text("a").op("}q").op(std::string(1, '\1'));
  for (int i = 1; i < 30; ++i) {
    const std::string before(1, static_cast<char>(i)), now(1, static_cast<char>(i + 1));
    bomb.op("}q" + now).text("x").op("h" + before + "s").text("y").op("h" + before + "s");
  }
  bomb.op("s");
  EXPECT_TRUE(
      says(refusal(legacy_head() + bomb.stop() + legacy_tail({})), "this is no checkpoint"));
  Pickle nested;
  nested.op("}");
  for (int i = 0; i < 1000; ++i) nested.text("x").op("}");
  for (int i = 0; i < 1000; ++i) nested.op("s");
  EXPECT_TRUE(says(refusal(legacy_head() + nested.stop() + legacy_tail({})), "nested more than"));
  Pickle marks;
  marks.op(std::string(2000000, '('));
  EXPECT_TRUE(says(refusal(legacy_head() + marks.stop()), "marks"));
  EXPECT_TRUE(says(refusal(legacy_magic() + "\x80\x02" + std::string(5000, 'N') + "."), "byte 1"));
}

TEST(LegacyTest, AFileThatNamesACommandIsRefusedByItsNameAndNothingRuns) {
  const TempFolder folder;
  for (const auto& [module, name] : {std::pair{"os", "system"},
                                     {"posix", "system"},
                                     {"subprocess", "Popen"},
                                     {"builtins", "eval"},
                                     {"__builtin__", "exec"},
                                     {"runpy", "run_path"},
                                     {"importlib.util", "find_spec"}}) {
    Pickle call, hidden;
    call.op("}").text("a").global(module, name).op("(").text("touch " + folder.file("ran"));
    call.op("tRs");
    const std::string message = refusal(file(call.stop(), {}));
    EXPECT_TRUE(says(message, cat("'", module, '.', name, "'"), "nothing was run here"));
    // As an argument of something harmless, and in a zip archive.
    hidden.op("}").text("a").global("builtins", "getattr").op("(").global(module, name);
    hidden.text("x").op("tRs");
    EXPECT_TRUE(says(refusal(archive(hidden.stop())), cat("'", module, '.', name, "'")));
  }
  EXPECT_EQ(folder.count(), 0u);
  Pickle harmless;
  harmless.op("}").text("a").global("builtins", "getattr").op("(").text("x").op("tRs");
  EXPECT_EQ(refusal(file(harmless.stop(), {})), "");
}

}  // namespace
}  // namespace qprompt
