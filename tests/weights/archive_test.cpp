#include "weights/impl/archive.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "base/runtime.h"
#include "weights/assembler.h"

namespace qprompt {
namespace {

using testing::archive;
using testing::error_of;
using testing::Pickle;
using testing::says;
using testing::zip;

WeightStore parse(const std::string& bytes) {
  return flatten_pickle(parse_archive(own_bytes("f", bytes)), "f");
}

std::string refusal(const std::string& bytes) {
  return error_of([&] { parse(bytes); });
}

const std::vector<float> kValues = {0, 1, 2, 3, 4, 5};

std::string checkpoint() {
  return Pickle()
      .op("}(")
      .text("state_dict")
      .op("}")
      .text("ctx")
      .tensor(6, 0, {2, 3}, {3, 1})
      .op("s")
      .text("epoch")
      .integer(5)
      .op("u")
      .stop();
}

std::string float_bytes() { return {reinterpret_cast<const char*>(kValues.data()), 24}; }

TEST(ArchiveTest, GivesDottedNamesAndIntegers) {
  const auto store = parse(archive(checkpoint(), kValues));
  ASSERT_EQ(store.tensors.size(), 2u);
  EXPECT_TRUE(at::equal(store.at("state_dict.ctx"), at::arange(6).to(at::kFloat).view({2, 3})));
  EXPECT_EQ(store.at("epoch").dim(), 0);
  EXPECT_EQ(store.at("epoch").item<int64_t>(), 5);
}

TEST(ArchiveTest, ReadsModulesOfTorchScript) {
  Pickle pickle;
  pickle.global("__torch__.m", "Clip").op(")\x81}(").text("training").op("\x89").text("visual");
  pickle.global("__torch__.m", "Vit").op(")\x81}(").text("weight").tensor(6, 1, {2, 2}, {1, 2});
  pickle.text("is_on").op("N").op("ub").text("size").integer(7).text("sizes");
  pickle.global("torch.jit._pickle", "build_intlist").op("(](").integer(1).op("etR").op("ub");
  const auto store = parse(archive(pickle.stop(), kValues));
  ASSERT_EQ(store.tensors.size(), 2u);
  const float expected[] = {1, 3, 2, 4};
  EXPECT_TRUE(at::equal(store.at("visual.weight"),
                        at::tensor(at::ArrayRef<float>(expected, 4)).view({2, 2})));
  EXPECT_EQ(store.at("size").item<int64_t>(), 7);
}

TEST(ArchiveTest, LeavesOutTheInsideOfOtherClasses) {
  Pickle pickle;
  pickle.op("}(").text("scheduler").global("torch.optim.lr_scheduler", "CosineAnnealingLR");
  pickle.op(")\x81}").text("T_max").integer(50).op("sb").text("a").tensor(6, 0, {6}, {1}).op("u");
  const auto store = parse(archive(pickle.stop(), kValues));
  EXPECT_EQ(store.tensors.size(), 1u);
  EXPECT_TRUE(store.contains("a"));
}

TEST(ArchiveTest, BringsTensorsOfAGpuToTheCpu) {
  Pickle pickle;
  pickle.op("}").text("a").global("torch._utils", "_rebuild_parameter").op("(");
  pickle.global("torch._utils", "_rebuild_tensor_v2").op("(");
  pickle.storage("FloatStorage", "0", 6, "cuda:1").integer(0).integers({6}).integers({1});
  pickle.op("\x89N").op("tR").op("\x88N").op("tRs");
  const auto store = parse(archive(pickle.stop(), kValues));
  EXPECT_TRUE(store.at("a").is_cpu());
  EXPECT_EQ(store.at("a").sum().item<float>(), 15.f);
}

TEST(ArchiveTest, SharesAlignedBytesInsteadOfCopying) {
  const testing::TempFolder folder;
  const ByteRange file = map_file(folder.write("a", archive(checkpoint(), kValues)));
  const auto store = flatten_pickle(parse_archive(file), "f");
  const auto* at = static_cast<const uint8_t*>(store.at("state_dict.ctx").data_ptr());
  EXPECT_TRUE(at >= file.data && at < file.data + file.size);
}

TEST(ArchiveTest, KeepsAliasesOfMisalignedStorages) {
  Pickle pickle;
  pickle.op("}(").text("a").tensor(6, 0, {6}, {1}).text("b").tensor(6, 2, {2}, {1}).op("u");
  for (size_t pad = 0; pad < 4; ++pad) {
    const auto store = parse(zip({{"m/data.pkl", pickle.stop()},
                                  {"m/x", std::string(pad, 'x')},
                                  {"m/data/0", float_bytes()}},
                                 1));
    EXPECT_EQ(reinterpret_cast<uintptr_t>(store.at("a").data_ptr()) % 4, 0u);
    EXPECT_EQ(store.at("b").data_ptr<float>(), store.at("a").data_ptr<float>() + 2);
    EXPECT_EQ(store.at("b").sum().item<float>(), 5.f);
  }
}

TEST(ArchiveTest, ReadsDeflatedEntriesAndZip64AndLeftOutChecksums) {
  EXPECT_EQ(refusal(zip({{"m/data.pkl", checkpoint(), true}, {"m/data/0", float_bytes(), true}})),
            "");
  EXPECT_EQ(refusal(zip({{"m/data.pkl", checkpoint()}, {"m/data/0", float_bytes()}}, 64, true)),
            "");
  EXPECT_EQ(refusal(zip({{"m/data.pkl", checkpoint(), false, false},
                         {"m/data/0", float_bytes(), false, false}})),
            "");
}

TEST(ArchiveTest, RefusesEveryTruncation) {
  const std::string bytes = archive(checkpoint(), kValues);
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_TRUE(says(refusal(bytes.substr(0, size)), "'f'")) << size;
  }
}

TEST(ArchiveTest, ReadsRightOrRefusesEverySingleByteAlteration) {
  for (const bool zip64 : {false, true}) {
    const std::string bytes =
        zip({{"m/data.pkl", checkpoint(), true}, {"m/data/0", float_bytes()}}, 64, zip64);
    const at::Tensor right = parse(bytes).at("state_dict.ctx").clone();
    for (size_t i = 0; i < bytes.size(); ++i) {
      for (const int change : {1, 2, 0x80, 0xff, 0x20}) {
        std::string altered = bytes;
        altered[i] = static_cast<char>(altered[i] ^ change);
        try {
          const auto store = parse(altered);
          EXPECT_TRUE(at::equal(store.at("state_dict.ctx"), right)) << i;
        } catch (const Error& error) {
          EXPECT_EQ(error.kind(), ErrorKind::kContent) << error.what();
        }
      }
    }
  }
}

TEST(ArchiveTest, RefusesWrongChecksums) {
  std::string bytes = archive(checkpoint(), kValues);
  bytes[bytes.find(float_bytes())] ^= 1;
  EXPECT_TRUE(says(refusal(bytes), "the checksum of entry 'm/data/0' is wrong"));
}

TEST(ArchiveTest, RefusesMissingAndShortStorages) {
  EXPECT_TRUE(says(refusal(zip({{"m/data.pkl", checkpoint()}})), "'m/data/0' is missing"));
  EXPECT_TRUE(says(refusal(archive(checkpoint(), {1, 2})), "has only 8 bytes"));
}

TEST(ArchiveTest, RefusesNamesThatComeTwice) {
  EXPECT_TRUE(says(refusal(zip({{"m/data.pkl", checkpoint()}, {"m/data.pkl", checkpoint()}})),
                   "comes twice"));
  EXPECT_TRUE(says(refusal(zip({{"m/data.pkl", checkpoint()}, {"n/data.pkl", checkpoint()}})),
                   "two pickles"));
  Pickle pickle;
  pickle.op("}(").text("a.b").integer(1).text("a").op("}").text("b").integer(2).op("su");
  EXPECT_TRUE(says(refusal(archive(pickle.stop())), "two values are called 'a.b'"));
}

TEST(ArchiveTest, TreatsPathTricksAsPlainNames) {
  EXPECT_EQ(refusal(zip({{"../../etc/passwd", "x"},
                         {"/tmp/x", "x"},
                         {"m/data.pkl", checkpoint()},
                         {"m/data/0", float_bytes()}})),
            "");
  Pickle pickle;
  pickle.op("}").text("a").storage("FloatStorage", "../../etc/passwd", 1).op("s");
  EXPECT_TRUE(says(refusal(archive(pickle.stop())), "is missing"));
}

TEST(ArchiveTest, RefusesArchivesThatAreNotOfTorch) {
  EXPECT_TRUE(says(refusal(zip({{"readme.txt", "x"}})), "no entry <name>/data.pkl"));
  EXPECT_TRUE(says(refusal(zip({})), "no entry <name>/data.pkl"));
  EXPECT_TRUE(says(refusal(archive(Pickle().integer(3).stop())), "a single plain value"));
  EXPECT_TRUE(
      says(refusal(archive(Pickle().tensor(6, 0, {6}, {1}).stop(), kValues)), "a single tensor"));
  EXPECT_TRUE(
      says(refusal(zip({{"m/data.pkl", checkpoint()}, {"m/byteorder", "big"}})), "big-endian"));
}

TEST(ArchiveTest, RefusesEntriesThatOverlap) {
  // Both directory entries point at the first local header.
  std::string bytes = zip({{"m/a", "x"}, {"m/b", "y"}}, 1);
  const size_t second = bytes.rfind("PK\x01\x02");
  bytes.replace(second + 42, 4, std::string(4, '\0'));
  EXPECT_TRUE(says(refusal(bytes), "is not called 'm/b'"));
  bytes[bytes.rfind("m/b")] = 'm';
  bytes[bytes.rfind("m/b") + 2] = 'a';
  EXPECT_TRUE(says(refusal(bytes), "comes twice"));
  // The first entry claims the bytes of the second.
  std::string longer = zip({{"m/a", "x"}, {"m/b", "y"}}, 1);
  const size_t first = longer.find("PK\x01\x02");
  longer[first + 20] = longer[first + 24] = 40;
  EXPECT_TRUE(says(refusal(longer), "overlaps"));
}

TEST(ArchiveTest, RefusesADeflateBomb) {
  const std::string zeros(std::size_t{80} << 20, '\0');
  Pickle pickle;
  pickle.op("}").text("a").storage("ByteStorage", "0", 1).op("s");
  EXPECT_TRUE(says(refusal(zip({{"m/data.pkl", pickle.stop()}, {"m/data/0", zeros, true}})),
                   "which is too much"));
}

TEST(ArchiveTest, RefusesALieAboutTheUnfoldedSize) {
  std::string bytes = zip({{"m/data.pkl", checkpoint(), true}, {"m/data/0", float_bytes()}});
  const size_t first = bytes.find("PK\x01\x02");
  for (const int change : {-1, 1}) {
    std::string lie = bytes;
    lie[first + 24] = static_cast<char>(lie[first + 24] + change);
    EXPECT_TRUE(says(refusal(lie), "does not unfold"));
  }
}

TEST(ArchiveTest, RefusesBooleansThatAreNone) {
  Pickle pickle;
  pickle.op("}").text("a").storage("BoolStorage", "0", 1).op("s");
  EXPECT_TRUE(
      says(refusal(zip({{"m/data.pkl", pickle.stop()}, {"m/data/0", "\x07"}})), "a byte above 1"));
}

TEST(ArchiveTest, LooksAtAStorageOfBooleansOnceHoweverOftenItIsNamed) {
  constexpr int kNames = 20'000;  // × 32 MB: minutes, were each name to read them all
  Pickle pickle;
  pickle.op("}(");
  for (int i = 0; i < kNames; ++i) {
    pickle.text("t" + std::to_string(i)).storage("BoolStorage", "0", 1);
  }
  pickle.op("u");
  const std::string zeros(std::size_t{32} << 20, '\0');
  const double started = now_seconds();
  refusal(zip({{"m/data.pkl", pickle.stop()}, {"m/data/0", zeros, true}}));
  EXPECT_LT(now_seconds() - started, 30);
}

TEST(ArchiveTest, RefusesEncryptedAndUnknownMethods) {
  std::string bytes = archive(checkpoint(), kValues);
  const size_t first = bytes.find("PK\x01\x02");
  std::string encrypted = bytes;
  encrypted[first + 8] = 1;
  EXPECT_TRUE(says(refusal(encrypted), "encrypted"));
  bytes[first + 10] = 12;
  EXPECT_TRUE(says(refusal(bytes), "packed by method 12"));
}

}  // namespace
}  // namespace qprompt
