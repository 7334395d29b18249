// The table of methods: its words, its rows by themselves, and rows from outside.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "method/choice.h"
#include "method/method.h"

namespace qprompt {
namespace {

template <class Act>
std::string refusal(Act act) {
  try {
    act();
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), ErrorKind::kUsage) << e.what();
    return e.what();
  }
  ADD_FAILURE() << "nothing was refused";
  return "";
}

bool says(const std::string& message, const std::string& part) {
  return message.find(part) != std::string::npos;
}

/// Sizes of a small model with ViT.
Sizes small() { return {3, 8, 12, 32, 4, 2, 4, 10}; }

TEST(Methods, EachIsFoundByItsWordAndByWhatItsFilesSay) {
  std::set<int> forms;
  for (const std::string& word : method_words()) {
    const Method& row = find_method(word);
    EXPECT_EQ(row.word, word);
    EXPECT_FALSE(row.paper.empty()) << word;
    if (!row.trained()) continue;
    ASSERT_NE(find_form(row.stored_form), nullptr) << word;
    EXPECT_EQ(find_form(row.stored_form)->learner, row.learner) << word;
    forms.insert(row.stored_form);
  }
  EXPECT_EQ(forms, (std::set<int>{0, 1, 2, 3, 4, 5}));
  EXPECT_TRUE(says(refusal([] { find_method("nonesuch"); }), "coop, cocoop, maple"));
  EXPECT_EQ(find_form(6), nullptr);
  EXPECT_EQ(find_form(kOutsideForm), nullptr);
}

TEST(Methods, AreChosenPlainQuantizedInTrainingAndAfterIt) {
  const MethodChoice aware = find_choice("qmaple"), after = find_choice("coop-ptq");
  EXPECT_EQ(aware.method->word, "maple");
  EXPECT_EQ(aware.quantization, Quantization::kAware);
  EXPECT_EQ(aware.label(4), "QMaPLe 4 bits");
  EXPECT_EQ(aware.word(), "qmaple");
  EXPECT_EQ(after.quantization, Quantization::kPostTraining);
  EXPECT_EQ(after.label(1), "CoOp quantized, 1 bit");
  EXPECT_EQ(find_choice("zero-shot").label(1), "zero-shot CLIP");
  EXPECT_FALSE(find_choice("vpt").stores_codes());
  EXPECT_EQ(choice_words().size(), 1 + 3 * (method_words().size() - 1));
  EXPECT_TRUE(says(refusal([] { find_choice("qzero-shot"); }), "'qzero-shot' is not one of"));
}

TEST(Methods, OptionsAreCanonicalAndThoseOfOtherMethodsAreRefusedByName) {
  MethodOptions options("coop");
  options.set("n-ctx", "04");
  EXPECT_EQ(options.text("n-ctx"), "4");
  EXPECT_EQ(options.whole("n-ctx"), 4);
  EXPECT_TRUE(says(refusal([&] { options.set("depth", "3"); }), "CoOp has no option 'depth'"));
  EXPECT_TRUE(says(refusal([&] { options.set("n-ctx", "four"); }), "n-ctx of CoOp"));
  EXPECT_TRUE(says(refusal([&] { options.set("class-position", "top"); }), "end, middle, front"));
  const NamedTexts expected{{"n-ctx", "4"},
                            {"init", "a photo of a"},
                            {"class-position", "end"},
                            {"class-specific", "false"}};
  EXPECT_EQ(options.list(), expected);
}

TEST(Methods, LeaveNothingOpenOnceResolved) {
  for (const std::string& word : method_words()) {
    const Method& row = find_method(word);
    if (!row.trained()) continue;
    const MethodOptions options = resolved(MethodOptions(row), small());
    for (const OptionSpec& spec : row.options) {
      if (spec.open.empty()) continue;
      EXPECT_NE(options.text(spec.name), spec.open) << word;
    }
    for (const TensorSpec& tensor : row.tensors(options, small())) {
      for (const TensorAxis& axis : tensor.axes) EXPECT_GT(axis.size, 0) << word << ' ' << tensor.name;
    }
  }
  EXPECT_EQ(resolved(MethodOptions("vpt"), small()).whole("n-ctx"), 8);
  EXPECT_EQ(resolved(MethodOptions("ivlp"), small()).whole("vision-depth"), 2);
  EXPECT_EQ(resolved(MethodOptions("deep-text"), small()).whole("depth"), 4);
}

TEST(Methods, RefuseModelsAndWordsThatTheyDoNotFit) {
  Sizes resnet = small();
  resnet.image_blocks = 0;
  try {
    resolved(MethodOptions("maple"), resnet);
    ADD_FAILURE();
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), ErrorKind::kContent);
  }
  MethodOptions three("coop");
  three.set("n-ctx", 3);
  EXPECT_TRUE(says(refusal([&] { resolved(three, small()); }), "are 4 tokens, but n-ctx is 3"));
}

/// A row from outside, whole.
Method outside(const std::string& word) {
  Method row;
  row.word = word;
  row.label = "Label of " + word;
  row.learner = "some-learner";
  row.tensors = [](const MethodOptions&, const Sizes&) { return std::vector<TensorSpec>(); };
  return row;
}

TEST(MethodsFromOutside, AreAddedOnceAndNeverOverAnother) {
  add_method(outside("table-test"));
  EXPECT_EQ(find_choice("qtable-test").method, &find_method("table-test"));
  const Method* first = &find_method("table-test");
  EXPECT_TRUE(says(refusal([] { add_method(outside("table-test")); }), "'table-test' cannot"));
  EXPECT_TRUE(says(refusal([] { add_method(outside("coop")); }), "is taken by CoOp"));
  EXPECT_TRUE(says(refusal([] { add_method(outside("qcoop")); }), "is taken by CoOp"));
  Method form = outside("other-form");
  form.stored_form = 0;
  EXPECT_TRUE(says(refusal([&] { add_method(form); }), "'other-form' cannot be added: the stored"));
  Method label = outside("other-label");
  label.label = "CoOp";
  EXPECT_TRUE(says(refusal([&] { add_method(label); }), "the label 'CoOp' is taken"));
  add_method(outside("table-test-two"));
  EXPECT_EQ(first, &find_method("table-test")) << "rows stay where they are";
}

TEST(MethodsFromOutside, ThatAreNotWholeAreRefused) {
  EXPECT_TRUE(says(refusal([] { add_method(outside("No Word")); }), "a word is"));
  Method row = outside("half-a-row");
  row.tensors = nullptr;
  EXPECT_TRUE(says(refusal([&] { add_method(row); }), "its tensors"));
  row = outside("half-a-row");
  row.options = {{.name = "size", .help = "", .value = "many"}};
  EXPECT_TRUE(says(refusal([&] { add_method(row); }), "a default is no value"));
  const auto words = method_words();
  EXPECT_EQ(std::count(words.begin(), words.end(), "half-a-row"), 0);
}

}  // namespace
}  // namespace qprompt
