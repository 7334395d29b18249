// Each method's tensors: which, in which order, in which shapes.
#include <gtest/gtest.h>

#include <algorithm>

#include "artifact/impl/format.h"
#include "artifact/method_examples.h"
#include "artifact/same.h"
#include "qprompt/artifact.h"

namespace qprompt {
namespace {

using P = TrainedPrompt;
using examples::tensor;

/// What encode_prompt says of a prompt after a change; empty when it takes it.
template <class Change>
std::string refusal(P prompt, Change change) {
  change(prompt);
  try {
    encode_prompt(prompt);
    return "";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kContent);
    return error.what();
  }
}

::testing::AssertionResult says(const std::string& message, const std::string& part) {
  if (message.find(part) != std::string::npos) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure() << "\"" << message << "\" lacks \"" << part << '"';
}

StoredTensor& find(P& prompt, const std::string& name) {
  return *std::find_if(prompt.tensors.begin(), prompt.tensors.end(),
                       [&](const StoredTensor& t) { return t.name == name; });
}

void erase(P& prompt, const std::string& name) {
  std::erase_if(prompt.tensors, [&](const StoredTensor& t) { return t.name == name; });
}

/// Another shape for a tensor, with values that fit it.
void reshape(P& prompt, const std::string& name, std::vector<int64_t> shape) {
  StoredTensor& found = find(prompt, name);
  found = tensor(name, std::move(shape), found.bits);
}

TEST(ArtifactMethods, APromptOfEachMethodComesBackAndHasOneEncoding) {
  for (const P& prompt : examples::all_methods()) {
    const std::string bytes = encode_prompt(prompt);
    expect_same(decode_prompt(bytes, "memory"), prompt);
    EXPECT_EQ(encode_prompt(decode_prompt(bytes, "memory")), bytes) << prompt.method;
  }
}

TEST(ArtifactMethods, AMethodThatIsNotHereAndOneThatLearnsNothingAreNotWritten) {
  EXPECT_TRUE(says(refusal(examples::vpt(), [](P& p) { p.method = "nonesuch"; }),
                   "'nonesuch' is no method here"));
  EXPECT_TRUE(says(refusal(examples::vpt(), [](P& p) { p.method = "zero-shot"; }),
                   "'zero-shot' is no method here"));
}

TEST(ArtifactMethods, AMissingTensorIsNamedWhateverTheMethod) {
  for (const P& prompt : examples::all_methods()) {
    for (const StoredTensor& gone : prompt.tensors) {
      const std::string message = refusal(prompt, [&](P& p) { erase(p, gone.name); });
      EXPECT_TRUE(says(message, cat("tensor '", gone.name, "' is missing"))) << prompt.method;
    }
  }
}

TEST(ArtifactMethods, EveryExchangeOfTwoTensorsIsRefused) {
  for (const P& prompt : examples::all_methods()) {
    for (size_t t = 0; t + 1 < prompt.tensors.size(); ++t) {
      const std::string message =
          refusal(prompt, [&](P& p) { std::swap(p.tensors[t], p.tensors[t + 1]); });
      EXPECT_TRUE(says(message, cat("tensor ", t + 1, " of"))) << prompt.method;
      EXPECT_TRUE(says(message, cat("'", prompt.tensors[t].name, "' was expected")));
      EXPECT_TRUE(says(message, "order"));
    }
  }
}

TEST(ArtifactMethods, EveryOtherSizeOfAnAxisIsRefusedUnlessTheMethodLeavesItFree) {
  for (const P& prompt : examples::all_methods()) {
    for (const StoredTensor& t : prompt.tensors) {
      for (size_t a = 0; a < t.shape.size(); ++a) {
        std::vector<int64_t> shape = t.shape;
        ++shape[a];
        const std::string message = refusal(prompt, [&](P& p) { reshape(p, t.name, shape); });
        // E is said by this one tensor only.
        const bool free = t.name == "meta.1.weight" && a == 1;
        EXPECT_EQ(message.empty(), free) << prompt.method << ' ' << t.name << ' ' << a;
        EXPECT_TRUE(free || says(message, "expected by the head")) << t.name << ": " << message;
      }
      std::vector<int64_t> longer = t.shape;
      longer.push_back(1);
      EXPECT_NE(refusal(prompt, [&](P& p) { reshape(p, t.name, longer); }), "") << t.name;
    }
  }
}

TEST(ArtifactMethods, ATensorOfAnotherMethodOrTooDeepARowIsRefused) {
  for (const P& prompt : examples::all_methods()) {
    for (const char* name : {"ctx2", "proj.9.bias", "deep.0", "deep.9", "vision.9", "deep.01"}) {
      const std::string message = refusal(prompt, [&](P& p) {
        p.tensors.push_back(tensor(name, {2, 8}, 16));
      });
      EXPECT_NE(message, "") << prompt.method << ' ' << name;
    }
  }
  const auto with = [](P prompt, const std::string& name, size_t at) {
    return refusal(std::move(prompt), [&](P& p) {
      p.tensors.insert(p.tensors.begin() + std::ptrdiff_t(at), tensor(name, {2, 8}, p.bits));
    });
  };
  EXPECT_TRUE(says(with(examples::maple(), "deep.3", 3),
                   "'deep.3' is none of the 9 tensors of this MaPLe prompt of depth 3"));
  EXPECT_TRUE(says(with(examples::ivlp(), "deep.3", 3),
                   "'deep.3' is none of the 5 tensors of this IVLP prompt of depth 3"));
  EXPECT_TRUE(says(with(examples::deep_text(), "vision.0", 4), "'vision.0' is none of"));
  EXPECT_TRUE(says(with(examples::vpt(), "ctx", 0), "'ctx' is none of"));
  EXPECT_TRUE(says(with(examples::deep_text(), "deep.3", 4), "where nothing was expected"));
}

TEST(ArtifactMethods, WidthsThatDisagreeAreRefusedAndTheFirstOneIsNamed) {
  EXPECT_TRUE(says(refusal(examples::maple(),
                           [](P& p) {
                             reshape(p, "proj.2.weight", {13, 8});
                           }),
                   "the shape of 'proj.2.weight' is 13 x 8; W x D = 12 x 8 expected by the head, "
                   "and 'proj.0.weight' for W"));
  EXPECT_TRUE(says(refusal(examples::ivlp(),
                           [](P& p) {
                             reshape(p, "vision.1", {5, 8});
                           }),
                   "'vision.0' for W"));
  EXPECT_TRUE(says(refusal(examples::cocoop(),
                           [](P& p) {
                             reshape(p, "meta.2.weight", {8, 4});
                           }),
                   "'meta.1.weight' for H"));
  EXPECT_TRUE(says(refusal(examples::deep_text(), [](P& p) { p.width = 9; }), "M x D = 2 x 9"));
}

TEST(ArtifactMethods, OnlyCoOpCanBeClassSpecific) {
  for (const P& prompt : examples::all_methods()) {
    if (prompt.method == "coop") continue;
    const std::string message = refusal(prompt, [](P& p) {
      p.settings.insert(p.settings.begin(), {"class-specific", "true"});
      p.class_names = {"cat", "dog"};
    });
    EXPECT_TRUE(says(message, "'class-specific' is no option that a file of"));
    EXPECT_TRUE(says(message, prompt.row().label));
  }
}

TEST(ArtifactMethods, TheClassTokenOfADeepMethodIsAtTheEnd) {
  for (const P& prompt : examples::all_methods()) {
    const bool deep = prompt.row().stored_form >= 2;
    for (const auto position : {ClassPosition::kMiddle, ClassPosition::kFront}) {
      const std::string message = refusal(prompt, [&](P& p) { p.position = position; });
      EXPECT_EQ(message.empty(), !deep) << prompt.method;
      EXPECT_TRUE(!deep || says(message, "is not 'end'")) << message;
    }
  }
}

TEST(ArtifactMethods, TheDepthIsThatOfTheTensorsAndOneForAContextAlone) {
  EXPECT_TRUE(says(refusal(examples::cocoop(), [](P& p) { p.depth = 2; }), "1 expected"));
  EXPECT_TRUE(says(refusal(examples::prompt(1), [](P& p) { p.depth = 2; }), "1 expected"));
  for (const P& prompt :
       {examples::maple(), examples::ivlp(), examples::vpt(), examples::deep_text()}) {
    EXPECT_NE(refusal(prompt, [](P& p) { ++p.depth; }), "") << prompt.method;
    EXPECT_NE(refusal(prompt, [](P& p) { --p.depth; }), "") << prompt.method;
    EXPECT_NE(refusal(prompt, [](P& p) { p.depth = 256; }), "") << prompt.method;
  }
  P deepest = examples::maple(255, 2, 3, 1);  // 765 tensors, fewer than the most of 1024
  EXPECT_EQ(deepest.tensors.size(), 765u);
  expect_same(decode_prompt(encode_prompt(deepest), "memory"), deepest);
}

TEST(ArtifactMethods, QMaPLeOfViTB16TakesFourBitsAWeight) {
  const P prompt = examples::maple(9, 512, 768, 4);
  int64_t codes = 0, codebooks = 0, books = 0, biases = 0;
  for (const StoredTensor& t : prompt.tensors) {
    if (t.bits == 16) {
      biases += t.payload_bytes();
      continue;
    }
    ++books;
    codes += int64_t(pack_codes(t.quantized.codes, t.bits).size());
    codebooks += 2 * int64_t(t.quantized.codebook.size());
  }
  EXPECT_EQ(codes, 1774080);  // the paper's 1774 KB
  EXPECT_EQ(books, 9 + 9);    // ctx and eight deep rows; nine projections
  EXPECT_EQ(codebooks, 18 * 32);
  EXPECT_EQ(biases, 9 * 768 * 2);
  EXPECT_EQ(prompt.payload_bytes(), codes + codebooks + biases);
  const std::string bytes = encode_prompt(prompt);
  expect_same(decode_prompt(bytes, "memory"), prompt);
  const int64_t heads = int64_t(bytes.size()) - prompt.payload_bytes();
  EXPECT_LT(heads, 1000);  // what names, shapes, head and sections add
}

TEST(ArtifactMethods, ASealedLieAboutTheMethodIsRefusedWithItsByte) {
  for (const P& prompt : examples::all_methods()) {
    const std::string bytes = encode_prompt(prompt);
    for (int method = 0; method < 256; ++method) {
      std::string lie = bytes.substr(0, bytes.size() - 4);
      lie[12] = static_cast<char>(method);
      const uint32_t sum = artifact::crc32(lie);
      for (int i = 0; i < 4; ++i) lie.push_back(static_cast<char>(sum >> (8 * i)));
      if (method == prompt.row().stored_form) continue;
      // A context alone has the tensors of a DeepText prompt of depth 1.
      if (prompt.method == "coop" && method == 5 && prompt.settings.empty()) continue;
      try {
        decode_prompt(lie, "lie.qprompt");
        ADD_FAILURE() << prompt.method << " taken for " << method;
      } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::kContent);
        EXPECT_TRUE(says(error.what(), "'lie.qprompt': byte ")) << method;
      }
    }
  }
}

}  // namespace
}  // namespace qprompt
