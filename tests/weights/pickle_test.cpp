#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "weights/impl/archive.h"
#include "weights/assembler.h"
#include "weights/impl/pickle.h"

namespace qprompt {
namespace {

using testing::error_of;
using testing::Pickle;
using testing::says;
using Kind = PickleValue::Kind;

PickleTree parse(const std::string& bytes) {
  return parse_pickle(bytes, "p", [](const StorageRequest& request) {
    return at::zeros({std::min<int64_t>(request.numel, 100)}, request.dtype);
  });
}

std::string refusal(const std::string& bytes) {
  return error_of([&] { parse(bytes); });
}

std::string raw(const std::string& bytes) { return std::string("\x80\x04", 2) + bytes; }

TEST(PickleTest, ReadsPlainValues) {
  // (None, True, False, 7, 300, -2, 2**40, -1 as a long, 2.5, "é", b"\0x", [1], {"k": 2})
  const std::string body = std::string("(N\x88\x89K\x07M\x2c\x01", 9) + "J\xfe\xff\xff\xff" +
                           std::string("\x8a\x06\0\0\0\0\0\x01", 8) + "\x8a\x01\xff" +
                           std::string("G\x40\x04\0\0\0\0\0\0", 9) + "\x8c\x02\xc3\xa9" +
                           std::string("C\x02\0x", 4) + "]K\x01" + "a" + "}\x8c\x01k" +
                           std::string("K\x02s") + "t.";
  const PickleTree tree = parse(raw(body));
  ASSERT_TRUE(tree.root->is(Kind::kTuple));
  const auto& items = tree.root->items;
  ASSERT_EQ(items.size(), 13u);
  EXPECT_TRUE(items[0]->is(Kind::kNone));
  EXPECT_TRUE(items[1]->is(Kind::kBool) && items[1]->integer == 1);
  EXPECT_TRUE(items[2]->is(Kind::kBool) && items[2]->integer == 0);
  const int64_t integers[] = {7, 300, -2, int64_t{1} << 40, -1};
  for (int i = 0; i < 5; ++i) EXPECT_EQ(items[static_cast<size_t>(3 + i)]->integer, integers[i]);
  EXPECT_EQ(items[8]->real, 2.5);
  EXPECT_EQ(items[9]->text, "é");
  EXPECT_EQ(items[10]->text, std::string("\0x", 2));
  EXPECT_EQ(items[11]->items.at(0)->integer, 1);
  EXPECT_EQ(items[12]->find("k")->integer, 2);
  EXPECT_EQ(items[12]->find("other"), nullptr);
  EXPECT_EQ(tree.end, raw(body).size());
}

TEST(PickleTest, ReadsIntegersBeyond64BitsAsBytes) {
  const auto tree =
      parse(raw("\x8a\x09" + std::string("\xff\xff\xff\xff\xff\xff\xff\xff\0", 9) + "."));
  EXPECT_TRUE(tree.root->is(Kind::kBigInt));
  EXPECT_EQ(tree.root->text.size(), 9u);
}

TEST(PickleTest, ReadsObjectsOfUnknownClassesAsData) {
  // As pickle.dumps writes a Datum: class by STACK_GLOBAL, NEWOBJ, then its __dict__.
  const std::string body = std::string("\x95\x05\0\0\0\0\0\0\0", 9) +
                           "\x8c\x03pkg\x94\x8c\x05"
                           "Datum\x94\x93\x94)\x81\x94}\x94(\x8c\x06_label\x94K\x03ub.";
  const auto tree = parse(raw(body));
  ASSERT_TRUE(tree.root->is(Kind::kObject));
  EXPECT_TRUE(tree.root->cls->is_global("pkg.Datum"));
  EXPECT_EQ(tree.root->state->find("_label")->integer, 3);
}

TEST(PickleTest, NeverCallsWhatAPickleNames) {
  const auto tree =
      parse(Pickle().global("os", "system").op("(").text("touch /tmp/owned").op("tR").stop());
  ASSERT_TRUE(tree.root->is(Kind::kObject));
  EXPECT_TRUE(tree.root->cls->is_global("os.system"));
  EXPECT_EQ(tree.root->args->items.at(0)->text, "touch /tmp/owned");
  EXPECT_TRUE(says(error_of([&] { flatten_pickle(tree, "p"); }), "'os.system'"));
}

TEST(PickleTest, RebuildsDictionariesSetsAndBytes) {
  const auto ordered = parse(Pickle()
                                 .global("collections", "OrderedDict")
                                 .op("(](")
                                 .text("k")
                                 .integer(4)
                                 .op("\x86")
                                 .op("etR")
                                 .stop());
  ASSERT_TRUE(ordered.root->is(Kind::kDict));
  EXPECT_EQ(ordered.root->find("k")->integer, 4);
  const auto set =
      parse(Pickle().global("__builtin__", "set").op("(](").integer(1).op("etR").stop());
  EXPECT_TRUE(set.root->is(Kind::kList));
  const auto bytes = parse(Pickle()
                               .global("_codecs", "encode")
                               .op("(")
                               .text("a\xc3\xbf")
                               .text("latin1")
                               .op("tR")
                               .stop());
  EXPECT_TRUE(bytes.root->is(Kind::kBytes));
  EXPECT_EQ(bytes.root->text, "a\xff");
}

TEST(PickleTest, KeepsAttributesOfADictionaryApartFromItsItems) {
  const auto tree = parse(Pickle()
                              .global("collections", "OrderedDict")
                              .op(")R}")
                              .text("_metadata")
                              .integer(1)
                              .op("sb")
                              .stop());
  EXPECT_TRUE(tree.root->pairs.empty());
  EXPECT_EQ(tree.root->state->find("_metadata")->integer, 1);
}

TEST(PickleTest, RefusesEveryTruncation) {
  const std::string bytes = Pickle().op("}").text("a").tensor(6, 0, {2, 3}, {3, 1}).op("s").stop();
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_NE(refusal(bytes.substr(0, size)), "") << size;
  }
  EXPECT_EQ(refusal(bytes), "");
}

TEST(PickleTest, ReadsOrRefusesEverySingleByteAlteration) {
  const std::string bytes = Pickle()
                                .op("}q\x01(")
                                .text("a")
                                .tensor(6, 0, {2, 3}, {3, 1})
                                .text("b")
                                .integer(5)
                                .op("u")
                                .stop();
  for (size_t i = 0; i < bytes.size(); ++i) {
    for (int value = 0; value < 256; ++value) {
      std::string altered = bytes;
      altered[i] = static_cast<char>(value);
      try {
        flatten_pickle(parse(altered), "p");
      } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::kContent);
      }
    }
  }
}

TEST(PickleTest, RefusesAnEmptyStackAndMissingMarks) {
  for (const std::string body :
       {".",  "0.",    "t.",     "a.",     "]a.",   "s.",      "}s.",   "}Ns.", "R.", "NR.",
        "b.", "\x86.", "N\x86.", "Q.",     "(.",    "N(R.",    "e.",    "]e.",  "u.", "}u.",
        "2.", "1.",    "q\x01.", "h\x05.", "\x93.", "NN\x93.", "\x81.", "\x92."}) {
    EXPECT_TRUE(says(refusal(raw(body)), "the pickle is wrong at byte")) << body;
  }
}

TEST(PickleTest, RefusesUseOfTheWrongKind) {
  for (const std::string body : {"NNa.", "NNNs.", "NNb.", "NQ.", "N(NNu.", "}(Nu.", ")Na."}) {
    EXPECT_TRUE(says(refusal(raw(body)), "the pickle is wrong at byte")) << body;
  }
}

TEST(PickleTest, RefusesOpcodesThatItDoesNotKnow) {
  for (const std::string body :
       {"I1\n.", "(cos\nsystem\nios\nsystem\n.", "P1\n.", "\x97.", "\x82\x01."}) {
    EXPECT_NE(refusal(raw(body)), "") << body;
  }
  EXPECT_TRUE(says(refusal("\x80\x06N."), "protocol 6"));
}

TEST(PickleTest, BoundsLongLengths) {
  EXPECT_NE(refusal(raw("X\xff\xff\xff\xff"
                        "a.")),
            "");
  EXPECT_NE(refusal(raw("\x8d\xff\xff\xff\xff\xff\xff\xff\xff.")), "");
  EXPECT_NE(refusal(raw("\x8b\xff\xff\xff\xff.")), "");
  EXPECT_NE(refusal(raw("\x95\xff\xff\xff\xff\xff\xff\xff\xffN.")), "");
}

TEST(PickleTest, BoundsValuesStackMemoAndMembers) {
  const auto limited = [](const std::string& body, auto change) {
    PickleLimits limits;
    change(limits);
    return error_of([&] { parse_pickle(raw(body), "p", nullptr, limits); });
  };
  const std::string many(100, 'N');
  EXPECT_TRUE(says(limited(many + ".", [](auto& l) { l.max_values = 50; }), "more than 50"));
  EXPECT_TRUE(says(limited(many + ".", [](auto& l) { l.max_stack = 50; }), "stack"));
  EXPECT_TRUE(
      says(limited("N" + std::string(100, '2') + ".", [](auto& l) { l.max_stack = 50; }), "stack"));
  EXPECT_TRUE(
      says(limited(std::string(100, '(') + "N.", [](auto& l) { l.max_stack = 50; }), "marks"));
  EXPECT_TRUE(says(limited("N" + std::string(100, '\x94') + ".", [](auto& l) { l.max_memo = 50; }),
                   "memo"));
  EXPECT_TRUE(says(limited("](" + many + "e.", [](auto& l) { l.max_references = 50; }), "members"));
  EXPECT_TRUE(says(limited(many + ".", [](auto& l) { l.max_bytes = 50; }), "at most 50"));
}

TEST(PickleTest, BoundsNamesThatAreCopiedAgainAndAgain) {
  const std::string text(5000, 'x');
  EXPECT_TRUE(says(refusal(Pickle().text(text).op("q\x01h\x01\x93").stop()), "more than 1024"));
}

TEST(PickleTest, ReadsAndDropsAListOfHalfAMillionLevels) {
  // Each level holds the one before: ]]a is [[]]; destroying it must not recurse.
  const size_t levels = 500'000;
  const auto tree = parse(raw(std::string(levels, ']') + std::string(levels - 1, 'a') + "."));
  EXPECT_EQ(tree.values.size(), levels);
}

TEST(PickleTest, ReadsACircleAndRefusesToFlattenIt) {
  const auto tree = parse(Pickle().op("}q\x01").text("self").op("h\x01s").stop());
  EXPECT_EQ(tree.root->find("self"), tree.root);
  EXPECT_TRUE(says(error_of([&] { flatten_pickle(tree, "p"); }), "nested more than"));
}

TEST(PickleTest, RefusesToFlattenAMemoBomb) {
  // Level n is {"a": level n-1, "b": level n-1}: 2^40 names from a few hundred bytes.
  Pickle pickle;
  pickle.op("}q").op(std::string(1, '\0')).op("0");
  for (char level = 0; level < 40; ++level) {
    pickle.op("}(").text("a").op(std::string("h") + level).text("b").op(std::string("h") + level);
    pickle.op("uq").op(std::string(1, static_cast<char>(level + 1))).op("0");
  }
  pickle.op("h\x28");
  EXPECT_TRUE(
      says(error_of([&] { flatten_pickle(parse(pickle.stop()), "p"); }), "this is no checkpoint"));
}

TEST(PickleTest, RefusesToFlattenLongNamesSharedOften) {
  const std::string key(1 << 20, 'k');
  Pickle pickle;
  pickle.op("}q\x01").op("(").text("x").integer(1).op("u0}(");
  for (int i = 0; i < 100; ++i) {
    pickle.text(std::to_string(i)).op("}").text(key).op("h\x01s");
  }
  EXPECT_TRUE(says(error_of([&] { flatten_pickle(parse(pickle.op("u").stop()), "p"); }),
                   "names of its tensors"));
}

TEST(PickleTest, RefusesTensorsThatDoNotFitTheirStorage) {
  const auto tensor = [](int32_t numel, int32_t offset, std::vector<int32_t> sizes,
                         std::vector<int32_t> strides) {
    return refusal(Pickle().tensor(numel, offset, sizes, strides).stop());
  };
  constexpr int32_t kMost = 0x7fffffff;
  EXPECT_EQ(tensor(6, 0, {2, 3}, {3, 1}), "");
  EXPECT_EQ(tensor(6, 0, {3, 2}, {1, 3}), "");
  EXPECT_EQ(tensor(6, 5, {}, {}), "");
  EXPECT_EQ(tensor(6, 0, {0, 3}, {3, 1}), "");
  EXPECT_TRUE(says(tensor(6, 1, {2, 3}, {3, 1}), "does not fit its storage of 6"));
  EXPECT_TRUE(says(tensor(6, 6, {}, {}), "does not fit"));
  EXPECT_TRUE(says(tensor(6, -1, {2}, {1}), "offset -1"));
  EXPECT_TRUE(says(tensor(6, 0, {-2}, {1}), "from 0 up"));
  EXPECT_TRUE(says(tensor(6, 0, {2}, {-1}), "from 0 up"));
  EXPECT_TRUE(says(tensor(6, 0, {2, 2}, {kMost, kMost}), "does not fit"));
  EXPECT_TRUE(says(tensor(6, 0, {kMost, kMost, kMost}, {1, 1, 1}), "offset 0"));
  EXPECT_TRUE(says(tensor(6, 0, {0, kMost, kMost, kMost}, {1, 1, 1, 1}), "offset 0"));
  EXPECT_TRUE(says(tensor(6, 0, {kMost, kMost}, {0, 0}), "does not fit"));
  EXPECT_TRUE(says(tensor(6, 0, {2}, {1, 1}), "strides"));
  EXPECT_TRUE(says(tensor(-6, 0, {2}, {1}), "no storage of torch"));
  EXPECT_TRUE(
      says(tensor(6, 0, std::vector<int32_t>(65, 1), std::vector<int32_t>(65, 1)), "short tuple"));
}

TEST(PickleTest, RefusesStoragesOfUnknownTypes) {
  EXPECT_TRUE(says(refusal(Pickle().storage("QInt8Storage", "0", 1).stop()), "not known"));
  EXPECT_TRUE(
      says(error_of([] { parse_pickle(Pickle().storage("FloatStorage", "0", 1).stop(), "p"); }),
           "data outside itself"));
}

}  // namespace
}  // namespace qprompt
