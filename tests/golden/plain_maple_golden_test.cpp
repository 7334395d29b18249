// MaPLe on the plain CLIP, what the library's MaPLe is measured against, and the reference.
#include "golden/oracle.h"
#include "plain_maple.h"
#include "qprompt/tokenizer.h"

namespace qprompt {
namespace {

using golden::file;
using golden::relative_error;

constexpr double kFeatureTolerance = 1e-4, kLossTolerance = 1e-4, kGradientTolerance = 1e-3;

struct Reference {
  WeightStore state;  // OpenAI's names
  WeightStore maple, images;
  std::vector<std::vector<int64_t>> names;  // "of a", class name, "."
  plain::MapleOptions options;
};

Reference read_reference(const std::string& checkpoint) {
  Reference reference{read_weights(checkpoint),
                      read_weights(file("oracle_maple.safetensors")),
                      read_weights(file("oracle.safetensors")),
                      {},
                      {}};
  const auto number = [&](const char* key) {
    return static_cast<int64_t>(std::stoll(reference.maple.metadata.at(key)));
  };
  reference.options.depth = number("depth");
  reference.options.n_ctx = number("n_ctx");
  const int64_t vocab = reference.state.at("token_embedding.weight").size(0);
  const Tokenizer tokenizer = Tokenizer::load(golden::vocabulary(), vocab);
  const nlohmann::json oracle = golden::read_json(file("oracle.json"));
  for (const std::string name : oracle.at("class_names")) {
    std::vector<int64_t> ids = tokenizer.encode("a photo of a " + golden::spoken(name) + ".");
    ids.erase(ids.begin(), ids.begin() + reference.options.n_ctx);
    reference.names.push_back(ids);
  }
  return reference;
}

std::map<std::string, at::Tensor> learned_values(const WeightStore& maple) {
  std::map<std::string, at::Tensor> values;
  for (const auto& [name, value] : maple.tensors) {
    if (name.rfind("param.", 0) == 0) values[name.substr(6)] = value;
  }
  return values;
}

TEST(GoldenPlainMaPLe, FeaturesLogitsLossAndAllGradientsAreTheReferences) {
  QPROMPT_NEEDS("oracle_maple.safetensors");
  QPROMPT_NEEDS_VOCABULARY();
  const testing_support::TempFolder scratch;
  const auto layouts = golden::quick_gelu_layouts(scratch);
  ASSERT_FALSE(layouts.empty());
  const Reference reference = read_reference(layouts.front().path);
  plain::PlainMaple maple(reference.state.tensors, true, reference.names, reference.options);
  maple.set_values(learned_values(reference.maple));
  const at::Tensor pixels = reference.images.at("preprocessed");         // (B, 3, R, R)
  const at::Tensor labels = reference.maple.at("labels").to(at::kLong);  // (B)
  const auto output = maple.forward(pixels);
  EXPECT_LT(relative_error(output.text, reference.maple.at("text_features")), kFeatureTolerance);
  EXPECT_LT(relative_error(output.image, reference.maple.at("image_features")), kFeatureTolerance);
  EXPECT_LT(relative_error(output.logits, reference.maple.at("logits")), kFeatureTolerance);
  const auto before = maple.values();
  const double expected = reference.maple.at("loss").item<double>();
  EXPECT_NEAR(maple.step(pixels, labels), expected, kLossTolerance * expected);
  const auto gradients = maple.gradients();
  ASSERT_EQ(gradients.size(), before.size());
  for (const auto& [name, gradient] : gradients) {
    EXPECT_LT(relative_error(gradient, reference.maple.at("grad." + name)), kGradientTolerance)
        << name;
    // The step is plain SGD.
    const at::Tensor moved = before.at(name) - reference.options.rate * gradient;
    EXPECT_LT(relative_error(maple.values().at(name), moved), 1e-6) << name;
  }
}

}  // namespace
}  // namespace qprompt
