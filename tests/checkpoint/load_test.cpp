// Loading: what is wrong with a checkpoint is said in full, and hostile sizes are refused early.
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "qprompt/weights.h"
#include "support/small_clip.h"

namespace qprompt {
namespace {

using testing_support::error_of;
using testing_support::expect_contains;
using testing_support::oracle_file;
using testing_support::read_all;
using testing_support::with_test_vocabulary;
using testing_support::write_all;

std::string refused(const std::string& path, ErrorKind kind = ErrorKind::kContent) {
  return error_of([&] { Clip::load(path, with_test_vocabulary()); }, kind);
}

class LoadClip : public ::testing::Test {
 protected:
  testing_support::TempFolder folder_;
  checkpoint::Tensors weights_ =
      testing_support::random_weights(testing_support::bare_architecture(), at::kFloat);

  std::string save(const checkpoint::Tensors& weights) {
    write_safetensors(folder_ / "model_bare.safetensors", weights, {});
    return folder_ / "model_bare.safetensors";
  }
  /// The tiny Hugging Face folder with a changed configuration.
  std::string hugging_face(const std::function<void(nlohmann::json&)>& change) {
    nlohmann::json config = nlohmann::json::parse(read_all(oracle_file("hf/config.json")));
    change(config);
    write_all(folder_ / "hf/config.json", config.dump());
    link("hf/model.safetensors", "hf/model.safetensors");
    return folder_ / "hf";
  }
  std::string open_clip(const std::function<void(nlohmann::json&)>& change) {
    auto config = nlohmann::json::parse(read_all(oracle_file("open_clip/open_clip_config.json")));
    change(config);
    write_all(folder_ / "oc/open_clip_config.json", config.dump());
    auto tensors = read_weights(oracle_file("openai_torchscript.pt")).tensors;
    for (auto name : {"input_resolution", "context_length", "vocab_size"}) tensors.erase(name);
    write_safetensors(folder_ / "oc/open_clip_model.safetensors", tensors, {});
    return folder_ / "oc";
  }
  void link(const std::string& from, const std::string& to) {
    std::filesystem::remove(folder_ / to);
    std::filesystem::create_symlink(oracle_file(from), folder_ / to);
  }
};

TEST_F(LoadClip, ReadsSizesOfABareFileFromItsShapes) {
  const Clip clip = Clip::load(save(weights_), with_test_vocabulary());
  EXPECT_EQ(clip.config().patch_size, 5);
  EXPECT_EQ(clip.config().image_size, 15);
  EXPECT_EQ(clip.config().image_layers, 2);
  EXPECT_EQ(clip.config().text_layers, 3);
  EXPECT_EQ(clip.config().text_heads, 1);
  EXPECT_EQ(clip.config().context_length, 19);
  EXPECT_EQ(clip.config().embed_dim, 10);
  EXPECT_EQ(clip.encode_image(at::randn({2, 3, 15, 15})).sizes(), (std::vector<int64_t>{2, 10}));
}

TEST_F(LoadClip, ListsEverythingThatIsWrongInOneError) {
  weights_.erase("ln_final.bias");
  weights_.erase("visual.transformer.resblocks.1.mlp.c_fc.weight");
  weights_.erase("visual.conv1.weight");
  weights_["visual.extra"] = at::zeros({3});
  weights_["logit_bias"] = at::zeros({});
  weights_["text_projection"] = at::zeros({63, 10});
  weights_["ln_final.weight"] = at::zeros({65});
  weights_["positional_embedding"][3][1] = std::nanf("");
  weights_["visual.proj"][0][0] = std::numeric_limits<float>::infinity();
  const std::string message = refused(save(weights_));
  for (const char* part :
       {"missing tensors:", "\n  ln_final.bias (64)",
        "\n  visual.transformer.resblocks.1.mlp.c_fc.weight (13, 64)", "\n  visual.conv1.weight",
        "unexpected tensors:", "\n  visual.extra (3)", "\n  logit_bias ()",
        "wrongly shaped tensors:", "\n  text_projection: expected (64, 10), came (63, 10)",
        "\n  ln_final.weight: expected (64), came (65)",
        "NaN or infinity:", "\n  positional_embedding", "\n  visual.proj"}) {
    expect_contains(message, part);
  }
}

TEST_F(LoadClip, KnownEntriesThatAreNoWeightsAreIgnored) {
  const Digest::Bytes before = Clip::load(save(weights_), with_test_vocabulary()).fingerprint();
  weights_["input_resolution"] = at::tensor(15, at::kLong);
  weights_["context_length"] = at::tensor(19, at::kLong);
  weights_["vocab_size"] = at::tensor(625, at::kLong);
  weights_["visual.output_dim"] = at::tensor(10, at::kLong).squeeze();
  weights_["attn_mask"] = at::zeros({19, 19});
  weights_["visual.position_ids"] = at::zeros({1, 10}, at::kLong);
  EXPECT_EQ(Clip::load(save(weights_), with_test_vocabulary()).fingerprint(), before);
}

TEST_F(LoadClip, IntegersThatContradictTheShapesAreRefused) {
  weights_["input_resolution"] = at::tensor(224, at::kLong);
  weights_["vocab_size"] = at::tensor(49408, at::kLong);
  const std::string message = refused(save(weights_));
  expect_contains(message, "input_resolution is 224, but the tensors' shapes say 15");
  expect_contains(message, "vocab_size is 49408");
}

TEST_F(LoadClip, HalfAndDoubleFilesOfEqualValuesHaveOneFingerprint) {
  checkpoint::Tensors half, twice;
  for (const auto& [name, tensor] : weights_) half[name] = tensor.to(at::kHalf);
  for (const auto& [name, tensor] : half) twice[name] = tensor.to(at::kFloat);
  const Digest::Bytes first = Clip::load(save(half), with_test_vocabulary()).fingerprint();
  EXPECT_EQ(Clip::load(save(twice), with_test_vocabulary()).fingerprint(), first);
  twice["ln_final.bias"][0] += 1;
  EXPECT_NE(Clip::load(save(twice), with_test_vocabulary()).fingerprint(), first);
}

TEST_F(LoadClip, PrefixesOfTrainingCheckpointsAreTakenOff) {
  checkpoint::Tensors wrapped{{"optimizer.state", at::zeros({4})}};
  for (const auto& [name, tensor] : weights_) wrapped["module." + name] = tensor;
  const Digest::Bytes bare = Clip::load(save(weights_), with_test_vocabulary()).fingerprint();
  EXPECT_EQ(Clip::load(save(wrapped), with_test_vocabulary()).fingerprint(), bare);
}

TEST_F(LoadClip, LayerNumbersBeyondReasonAreRefusedBeforeAnythingIsAllocated) {
  weights_["transformer.resblocks.999999999999.ln_1.weight"] = at::zeros({64});
  expect_contains(refused(save(weights_)), "text layers");
}

TEST_F(LoadClip, AFileThatIsNoClipSaysWhatIsExpected) {
  expect_contains(refused(save({{"ctx", at::zeros({4, 64})}})), "not a CLIP");
}

TEST_F(LoadClip, TruncatedFilesAreContentErrors) {
  const std::string bytes = read_all(save(weights_));
  for (size_t size : {size_t{0}, size_t{7}, size_t{100}, bytes.size() / 2, bytes.size() - 1}) {
    write_all(folder_ / "cut.safetensors", bytes.substr(0, size));
    refused(folder_ / "cut.safetensors");
  }
  const std::string archive = read_all(oracle_file("openai_torchscript.pt"));
  write_all(folder_ / "cut.pt", archive.substr(0, archive.size() / 2));
  refused(folder_ / "cut.pt");
}

TEST_F(LoadClip, PathsThatAreNotThereArePathErrors) {
  refused(folder_ / "none.pt", ErrorKind::kPath);
  const std::string empty = refused(folder_.path(), ErrorKind::kPath);
  expect_contains(empty, "open_clip_config.json");
  write_all(folder_ / "lonely/config.json", "{}");
  expect_contains(refused(folder_ / "lonely", ErrorKind::kPath), "model.safetensors");
}

TEST_F(LoadClip, AMissingVocabularyIsAPathError) {
  ClipOptions options;
  options.vocab = folder_ / "no_vocabulary.txt.gz";
  error_of([&] { Clip::load(save(weights_), options); }, ErrorKind::kPath);
}

TEST_F(LoadClip, DevicesAndTypesThatAreNotThereAreUsageErrors) {
  const std::string path = save(weights_);
  for (const char* device : {"tpu", "cuda:99", "cuda:x", "cuda:", ""}) {
    ClipOptions options = with_test_vocabulary();
    options.device = device;
    error_of([&] { Clip::load(path, options); }, ErrorKind::kUsage);
  }
  ClipOptions options = with_test_vocabulary();
  options.dtype = "float16";
  expect_contains(error_of([&] { Clip::load(path, options); }, ErrorKind::kUsage), "bfloat16");
}

TEST_F(LoadClip, HostileHuggingFaceConfigurationsAreRefused) {
  using Change = std::function<void(nlohmann::json&)>;
  const std::vector<std::pair<const char*, Change>> changes{
      {"text width is 0", [](auto& c) { c["text_config"]["hidden_size"] = 0; }},
      {"text heads (3)", [](auto& c) { c["text_config"]["num_attention_heads"] = 3; }},
      {"text heads is 0", [](auto& c) { c["text_config"]["num_attention_heads"] = 0; }},
      {"text layers", [](auto& c) { c["text_config"]["num_hidden_layers"] = 1'000'000'000; }},
      {"image layers", [](auto& c) { c["vision_config"]["num_hidden_layers"] = -1; }},
      {"patch size (7)", [](auto& c) { c["vision_config"]["patch_size"] = 7; }},
      {"patch size is 0", [](auto& c) { c["vision_config"]["patch_size"] = 0; }},
      {"image size", [](auto& c) { c["vision_config"]["image_size"] = 1 << 30; }},
      {"vocabulary size", [](auto& c) { c["text_config"]["vocab_size"] = 1LL << 60; }},
      {"whole number", [](auto& c) { c["projection_dim"] = 1e300; }},
      {"whole number", [](auto& c) { c["projection_dim"] = "32"; }},
      {"epsilon",
       [](auto& c) {
         c["text_config"]["layer_norm_eps"] = c["vision_config"]["layer_norm_eps"] = 0;
       }},
      {"hidden_act", [](auto& c) { c["text_config"]["hidden_act"] = "relu"; }},
      {"hidden_act", [](auto& c) { c["vision_config"]["hidden_act"] = "gelu"; }},
      {"model_type", [](auto& c) { c["model_type"] = "siglip"; }},
      {"an object", [](auto& c) { c["text_config"] = 3; }},
      {"missing tensors", [](auto& c) { c["text_config"]["num_hidden_layers"] = 3; }},
      {"unexpected tensors", [](auto& c) { c["text_config"]["num_hidden_layers"] = 1; }},
      {"wrongly shaped", [](auto& c) { c["projection_dim"] = 33; }}};
  for (const auto& [part, change] : changes) expect_contains(refused(hugging_face(change)), part);
}

TEST_F(LoadClip, AConfigurationThatIsNotJsonIsRefused) {
  hugging_face([](auto&) {});
  for (const std::string& text :
       {std::string("{"), std::string("[]"), std::string("\xff"), std::string(1'000'000, '[')}) {
    write_all(folder_ / "hf/config.json", text);
    refused(folder_ / "hf");
  }
}

TEST_F(LoadClip, HuggingFaceKeysLeftOutMeanTheirDefaults) {
  const Clip whole = Clip::load(oracle_file("hf"), with_test_vocabulary());
  const Clip sparse = Clip::load(hugging_face([](auto& c) {
                                   for (const char* part : {"text_config", "vision_config"}) {
                                     c[part].erase("hidden_act");
                                     c[part].erase("layer_norm_eps");
                                   }
                                   c["text_config"].erase("max_position_embeddings");
                                   c["vision_config"]["image_size"] = nullptr;
                                   c["vision_config"]["image_size"] = 48;
                                 }),
                                 with_test_vocabulary());
  EXPECT_EQ(sparse.fingerprint(), whole.fingerprint());
  EXPECT_NEAR(sparse.logit_scale(), whole.logit_scale(), 1e-12);
}

TEST_F(LoadClip, PreprocessorGivesNormalisationAndMustAgreeInSize) {
  hugging_face([](auto&) {});
  write_all(folder_ / "hf/preprocessor_config.json",
            R"({"image_mean": [0.1, 0.2, 0.3], "image_std": [0.4, 0.5, 0.6],
                "crop_size": {"height": 48, "width": 48}})");
  const Clip clip = Clip::load(folder_ / "hf", with_test_vocabulary());
  EXPECT_DOUBLE_EQ(clip.config().normalization.mean[1], 0.2);
  EXPECT_DOUBLE_EQ(clip.config().normalization.std[2], 0.6);
  write_all(folder_ / "hf/preprocessor_config.json", R"({"crop_size": 224})");
  expect_contains(refused(folder_ / "hf"), "224");
  write_all(folder_ / "hf/preprocessor_config.json", R"({"image_std": [0.4, 0, 0.6]})");
  expect_contains(refused(folder_ / "hf"), "standard deviation");
}

TEST_F(LoadClip, OpenClipActivationComesFromItsConfiguration) {
  const Clip exact = Clip::load(open_clip([](auto&) {}), with_test_vocabulary());
  EXPECT_EQ(exact.config().activation, Activation::kGelu);
  const Clip quick = Clip::load(open_clip([](auto& c) { c["model_cfg"]["quick_gelu"] = true; }),
                                with_test_vocabulary());
  EXPECT_EQ(quick.config().activation, Activation::kQuickGelu);
  EXPECT_NE(exact.fingerprint(), quick.fingerprint());
  EXPECT_EQ(quick.fingerprint(),
            Clip::load(oracle_file("openai_torchscript.pt"), with_test_vocabulary()).fingerprint());
}

TEST_F(LoadClip, OpenClipVariantsThatAreNotSupportedAreRefused) {
  expect_contains(refused(open_clip([](auto& c) {
                    c["model_cfg"]["vision_cfg"]["timm_model_name"] = "vit_base";
                  })),
                  "timm_model_name");
  expect_contains(
      refused(open_clip([](auto& c) { c["model_cfg"]["text_cfg"]["pool_type"] = "last"; })),
      "pool_type");
  expect_contains(
      refused(open_clip([](auto& c) { c["preprocess_cfg"]["interpolation"] = "nearest"; })),
      "interpolation");
  expect_contains(
      refused(open_clip([](auto& c) { c["model_cfg"]["vision_cfg"]["head_width"] = 0; })),
      "head_width");
}

}  // namespace
}  // namespace qprompt
