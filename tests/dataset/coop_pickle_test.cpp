// CoOp's few-shot caches. tests/data/few_shot/imagenet_protocol_*.pkl were written by CPython 3.11:
// Datum objects of Dassl's class name, with the absolute paths of another machine.
#include <cstring>

#include "dataset/test_splits.h"

namespace qprompt {
namespace {

using namespace testing;
using Paths = std::vector<std::string>;

/// Opcodes of a pickle, one call each.
struct Pickle {
  std::string out = std::string("\x80\x02", 2);

  Pickle& op(const std::string& bytes) {
    out += bytes;
    return *this;
  }
  Pickle& text(const std::string& s) {
    return op("X").number(static_cast<uint32_t>(s.size())).op(s);
  }
  Pickle& integer(int v) { return op("J").number(static_cast<uint32_t>(v)); }
  Pickle& global(const std::string& module, const std::string& name) {
    return op("c" + module + "\n" + name + "\n");
  }
  Pickle& number(uint32_t v) {
    char bytes[4];
    std::memcpy(bytes, &v, 4);
    return op(std::string(bytes, 4));
  }
  std::string stop() const { return out + "."; }
};

class CoopPickle : public ::testing::Test {
 protected:
  void SetUp() override {
    split_.name = "ImageNet";
    split_.image_root = "/elsewhere/imagenet/images";
    split_.class_names = {"tench", "goldfish", "great white shark"};
    const Paths ids = {"n01440764", "n01443537", "n01484850"};
    for (int64_t label = 0; label < 3; ++label) {
      for (const char* name : {"a", "b", "c"}) {
        split_.train.push_back({"train/" + ids[size_t(label)] + "/" + name + ".JPEG", label});
      }
      split_.test.push_back({"val/" + ids[size_t(label)] + "/a.JPEG", label});
    }
  }
  /// A pickle {"train": [Datum of these three attributes…]}.
  std::string pickle(const std::vector<std::array<std::string, 3>>& items) {
    Pickle p;
    p.op("}").text("train").op("]");
    for (const auto& [path, label, name] : items) {
      p.global("dassl.data.datasets.base_dataset", "Datum").op(")\x81}");
      p.text("_impath").text(path).op("s").text("_label").integer(std::stoi(label)).op("s");
      p.text("_classname").text(name).op("sba");
    }
    return p.op("s").stop();
  }
  Split apply(const std::string& bytes) {
    write_all(folder_ / "shot_1-seed_1.pkl", bytes);
    return apply_sample(split_, folder_ / "shot_1-seed_1.pkl");
  }
  void refused(const std::string& bytes, const std::vector<std::string>& parts) {
    expect_error(ErrorKind::kContent, parts, [&] { apply(bytes); });
  }

  TempFolder folder_;
  Split split_;
};

TEST_F(CoopPickle, IsReadInItsOrderWhateverMachineWroteIt) {
  for (const int protocol : {2, 4, 5}) {
    const Split sampled = apply(read_all(
        cat(QPROMPT_SOURCE_DIR, "/tests/data/few_shot/imagenet_protocol_", protocol, ".pkl")));
    EXPECT_EQ(paths(sampled.train),
              (Paths{"train/n01440764/b.JPEG", "train/n01443537/a.JPEG", "train/n01443537/c.JPEG",
                     "train/n01440764/a.JPEG", "train/n01484850/a.JPEG", "train/n01484850/c.JPEG"}))
        << protocol;
    EXPECT_EQ(labels(sampled.train), (std::vector<int64_t>{0, 1, 1, 0, 2, 2}));
    EXPECT_EQ(paths(sampled.test), paths(split_.test));
  }
}

TEST_F(CoopPickle, PathsOfWindowsAreUnderstood) {
  const Split sampled =
      apply(pickle({{"D:\\data\\imagenet\\images\\train\\n01440764\\a.JPEG", "0", "tench"},
                    {"train/n01443537/a.JPEG", "1", "goldfish"},
                    {"/x/train/n01484850/a.JPEG", "2", "great white shark"}}));
  EXPECT_EQ(sampled.train[0].path, "train/n01440764/a.JPEG");
}

TEST_F(CoopPickle, EntriesThatDoNotFitTheDataAreNamed) {
  refused(pickle({{"/d/train/n01440764/z.JPEG", "0", "tench"}}), {"train[0]", "has no image"});
  refused(pickle({{"/d/train/n01440764/a.JPEG", "1", "goldfish"}}), {"train[0]", "has label 0"});
  refused(pickle({{"/d/train/n01440764/a.JPEG", "0", "fish"}}), {"'tench'", "\"fish\""});
  refused(pickle({{"/d/val/n01440764/a.JPEG", "0", "tench"}}), {"test image"});
  refused(pickle({{"/d/train/n01440764/a.JPEG", "0", "tench"}}), {"no image of class 'goldfish'"});
}

TEST_F(CoopPickle, OtherPicklesAreRefused) {
  refused(Pickle().op("]").stop(), {"'train'"});
  refused(Pickle().op("}").stop(), {"'train'"});
  refused(Pickle().op("}").text("train").integer(3).op("s").stop(), {"train must be a list"});
  refused(Pickle().op("}").text("train").op("]").integer(3).op("as").stop(), {"train[0]", "Datum"});
  // An object that Python would execute stays a name, and is no Datum.
  refused(Pickle()
              .op("}")
              .text("train")
              .op("]")
              .global("os", "system")
              .op("(")
              .text("true")
              .op("tRas")
              .stop(),
          {"train[0]", "Datum"});
  Pickle odd;
  odd.op("}").text("train").op("]").global("m", "Datum").op(")\x81}").text("_impath").integer(1);
  refused(odd.op("sbas").stop(), {"train[0]._impath"});
}

TEST_F(CoopPickle, DamagedFilesSayWhere) {
  const std::string whole = pickle({{"/d/train/n01440764/a.JPEG", "0", "tench"}});
  for (size_t size = 2; size < whole.size(); ++size) {
    refused(whole.substr(0, size), {"shot_1-seed_1.pkl"});
  }
  refused(std::string("\x80\x07.", 3), {"no pickle of protocol 2 to 5"});
}

}  // namespace
}  // namespace qprompt
