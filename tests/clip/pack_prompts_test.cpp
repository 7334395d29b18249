#include "clip/impl/packed_plan.h"
#include "support/small_clip.h"

namespace qprompt {
namespace {

using testing_support::error_of;
using testing_support::expect_contains;

constexpr clip::RowLimits kLimits{10, 100, 4};

PackedRow token(int64_t id) { return {.token = id}; }
PackedRow learned(int64_t row) { return {.learned = row}; }

TEST(PackPrompts, SharesTheLongestCommonRunOfRows) {
  const PackedPrompts packed = pack_prompts({{token(1), learned(0), token(5), token(9)},
                                             {token(1), learned(0), token(6), token(7), token(9)},
                                             {token(1), learned(0), token(5), token(7)}});
  EXPECT_EQ(packed.prefix, 2);
  ASSERT_EQ(packed.rows.size(), 9u);
  EXPECT_EQ(packed.rows[1].learned, 0);
  ASSERT_EQ(packed.classes.size(), 3u);
  EXPECT_EQ(packed.classes[1].begin, 4);
  EXPECT_EQ(packed.classes[1].end, 7);
  EXPECT_EQ(packed.read, (std::vector<int64_t>{3, 6, 8}));
  EXPECT_EQ(packed.rows[6].position, 4);
}

TEST(PackPrompts, OneClassIsAllPrefix) {
  const PackedPrompts packed = pack_prompts({{token(1), learned(0), token(9)}});
  EXPECT_EQ(packed.prefix, 3);
  EXPECT_EQ(packed.read, (std::vector<int64_t>{2}));
  EXPECT_EQ(packed.classes[0].begin, packed.classes[0].end);
}

TEST(PackPrompts, EqualTextsReadTheSameRow) {
  const PackedPrompts packed = pack_prompts({{token(1), token(9)}, {token(1), token(9)}});
  EXPECT_EQ(packed.rows.size(), 2u);
  EXPECT_EQ(packed.read, (std::vector<int64_t>{1, 1}));
}

TEST(PackPrompts, ATextThatStartsAnotherReadsThePrefix) {
  const PackedPrompts packed = pack_prompts({{token(1), token(9)}, {token(1), token(9), token(3)}});
  EXPECT_EQ(packed.prefix, 2);
  EXPECT_EQ(packed.read, (std::vector<int64_t>{1, 2}));
}

TEST(PackPrompts, ClassSpecificContextsShareTheStartTokenOnly) {
  const PackedPrompts packed =
      pack_prompts({{token(1), learned(0), token(9)}, {token(1), learned(1), token(9)}});
  EXPECT_EQ(packed.prefix, 1);
  EXPECT_EQ(packed.rows.size(), 5u);
}

TEST(PackPrompts, NoTextAndEmptyTextsAreRefused) {
  error_of([] { pack_prompts({}); }, ErrorKind::kUsage);
  expect_contains(error_of([] { pack_prompts({{token(1)}, {}}); }, ErrorKind::kUsage), "class 1");
}

/// Two classes with one learned row, all of it right.
PackedPrompts good() {
  PackedPrompts packed =
      pack_prompts({{token(1), learned(0), token(9)}, {token(1), learned(0), token(8)}});
  packed.learned = at::zeros({1, 4});
  return packed;
}

std::string refusal(const std::function<void(PackedPrompts&)>& spoil) {
  PackedPrompts packed = good();
  clip::check_packed(packed, kLimits);
  spoil(packed);
  return error_of([&] { clip::check_packed(packed, kLimits); }, ErrorKind::kUsage);
}

TEST(CheckPacked, NamesTheRowThatIsWrong) {
  expect_contains(refusal([](auto& p) { p.rows[2].token = 100; }), "row 2 has token 100");
  expect_contains(refusal([](auto& p) { p.rows[1].learned = 1; }), "row 1 takes learned row 1");
  expect_contains(refusal([](auto& p) { p.rows[3].position = 10; }), "row 3 has position 10");
  expect_contains(refusal([](auto& p) { p.rows[3].position = -1; }), "position -1");
  expect_contains(refusal([](auto& p) { p.rows[0].learned = 0; }), "row 0 must be either");
  expect_contains(refusal([](auto& p) { p.rows[0].token = -1; }), "row 0 must be either");
  expect_contains(refusal([](auto& p) { p.learned = at::Tensor(); }), "there are 0");
}

TEST(CheckPacked, NamesTheClassThatIsWrong) {
  expect_contains(refusal([](auto& p) { p.read[1] = 2; }), "class 1 reads row 2");
  expect_contains(refusal([](auto& p) { p.read[0] = -1; }), "class 0 reads row -1");
  expect_contains(refusal([](auto& p) { p.read.pop_back(); }), "2 classes but 1 rows");
  expect_contains(refusal([](auto& p) { p.classes[1].begin = 2; }), "class 1 has rows");
  expect_contains(refusal([](auto& p) { p.classes[1].end = 9; }), "class 1 has rows");
  expect_contains(refusal([](auto& p) { p.prefix = -1; }), "prefix of -1");
  expect_contains(refusal([](auto& p) { p.rows.push_back({.token = 1}); }), "belong to no class");
  expect_contains(refusal([](auto& p) {
                    p.classes.clear();
                    p.read.clear();
                  }),
                  "no class");
}

TEST(CheckPacked, RefusesLearnedRowsOfAnotherWidth) {
  PackedPrompts packed = good();
  packed.learned = at::zeros({1, 5});
  error_of([&] { clip::check_packed(packed, kLimits); }, ErrorKind::kContent);
}

}  // namespace
}  // namespace qprompt
