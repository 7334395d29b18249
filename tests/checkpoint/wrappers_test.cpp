// What trainers put around a model, shards, models of another kind, and activations not said.
#include <cstring>
#include <nlohmann/json.hpp>

#include "qprompt/weights.h"
#include "support/small_clip.h"

namespace qprompt {
namespace {

using checkpoint::Tensors;
using testing_support::error_of;
using testing_support::expect_contains;
using testing_support::oracle_file;
using testing_support::read_all;
using testing_support::with_test_vocabulary;
using testing_support::write_all;

class Wrappers : public ::testing::Test {
 protected:
  testing_support::TempFolder folder_;
  Tensors weights_ =
      testing_support::random_weights(testing_support::bare_architecture(), at::kFloat);

  std::string save(const Tensors& tensors, const std::string& name = "model.safetensors") {
    write_safetensors(folder_ / name, tensors, {});
    return folder_ / name;
  }
  static Clip load(const std::string& path, const std::string& activation = "") {
    ClipOptions options = with_test_vocabulary();
    options.activation = activation;
    return Clip::load(path, options);
  }
  Tensors prefixed(const std::string& prefix) const {
    Tensors out;
    for (const auto& [name, tensor] : weights_) out[prefix + name] = tensor;
    return out;
  }
};

TEST_F(Wrappers, NamesComeOutTheSameWhateverATrainerPutBeforeThem) {
  const Digest::Bytes plain = load(save(weights_)).fingerprint();
  for (const char* prefix :
       {"module.", "_orig_mod.", "_orig_mod.module.", "state_dict.", "state_dict._orig_mod.",
        "state_dict.model.", "state_dict.module.model.", "model_state_dict.", "net.clip.",
        "_fsdp_wrapped_module."}) {
    SCOPED_TRACE(prefix);
    Tensors wrapped = prefixed(prefix);
    wrapped["epoch"] = at::scalar_tensor(3, at::kLong);
    wrapped["global_step"] = at::scalar_tensor(99, at::kLong);
    EXPECT_EQ(load(save(wrapped)).fingerprint(), plain);
  }
}

TEST_F(Wrappers, APartThatWasCompiledOrWrappedAloneIsKnown) {
  const Digest::Bytes plain = load(save(weights_)).fingerprint();
  Tensors wrapped;
  for (const auto& [name, tensor] : weights_) {
    wrapped[name.starts_with("visual.") ? "visual._orig_mod." + name.substr(7) : name] = tensor;
  }
  EXPECT_EQ(load(save(wrapped)).fingerprint(), plain);
}

TEST_F(Wrappers, SeveralModelsInOneFileAreRefusedByTheirNames) {
  Tensors both = prefixed("student.");
  both.merge(prefixed("teacher."));
  const std::string path = save(both);
  const std::string message = error_of([&] { load(path); }, ErrorKind::kContent);
  expect_contains(message, "student.");
  expect_contains(message, "teacher.");
}

TEST_F(Wrappers, AnOpenClipTrainingCheckpointMustBeToldItsActivation) {
  Tensors training = prefixed("state_dict.module.");
  training["epoch"] = at::scalar_tensor(5, at::kLong);
  training["optimizer.state.0.exp_avg"] = at::zeros({3});
  const std::string path = save(training);
  expect_contains(error_of([&] { load(path); }, ErrorKind::kUsage), "--activation");
  EXPECT_EQ(load(path, "gelu").config().activation, Activation::kGelu);
  EXPECT_EQ(load(path, "quick_gelu").config().activation, Activation::kQuickGelu);
  EXPECT_NE(load(path, "gelu").fingerprint(), load(path, "quick_gelu").fingerprint());
  error_of([&] { load(path, "relu"); }, ErrorKind::kUsage);
}

TEST_F(Wrappers, WhetherTheActivationWasAssumedIsKnown) {
  EXPECT_TRUE(load(save(weights_)).config().activation_assumed);
  EXPECT_FALSE(load(save(weights_), "gelu").config().activation_assumed);
  EXPECT_FALSE(load(oracle_file("openai_torchscript.pt")).config().activation_assumed);
  EXPECT_FALSE(load(oracle_file("hf")).config().activation_assumed);
}

TEST_F(Wrappers, AFileThatOpenClipPublishedHasTheActivationOfItsName) {
  const std::string path = save(weights_, "vit_b_16-laion400m_e32-55e67d44.pt");
  EXPECT_EQ(load(path).config().activation, Activation::kGelu);
}

TEST_F(Wrappers, ShardsAreReadAsOneModel) {
  const Tensors whole = read_weights(oracle_file("hf/model.safetensors")).tensors;
  Tensors first, second;
  nlohmann::json index;
  for (const auto& [name, tensor] : whole) {
    const bool early = first.size() < whole.size() / 2;
    (early ? first : second)[name] = tensor;
    index["weight_map"][name] =
        early ? "model-00001-of-00002.safetensors" : "model-00002-of-00002.safetensors";
  }
  save(first, "model-00001-of-00002.safetensors");
  save(second, "model-00002-of-00002.safetensors");
  write_all(folder_ / "config.json", read_all(oracle_file("hf/config.json")));
  write_all(folder_ / "model.safetensors.index.json", index.dump());
  EXPECT_EQ(load(folder_.path()).fingerprint(), load(oracle_file("hf")).fingerprint());
  const auto refused = [&](const std::string& shard) {
    index["weight_map"]["logit_scale"] = shard;
    write_all(folder_ / "model.safetensors.index.json", index.dump());
    return [&] { load(folder_.path()); };
  };
  error_of(refused("../outside.safetensors"), ErrorKind::kContent);
  error_of(refused("none.safetensors"), ErrorKind::kPath);
}

TEST_F(Wrappers, ModelsOfAnotherKindAreRefusedByTheirName) {
  for (const auto& [name, kind] : std::vector<std::pair<std::string, std::string>>{
           {"visual.trunk.attn_pool.latent", "SigLIP"},
           {"visual.blocks.0.attn.q_bias", "EVA"},
           {"image_encoder.model.patch_embed.0.weight", "MobileCLIP"}}) {
    Tensors tensors = weights_;
    tensors[name] = at::zeros({1});
    const std::string path = save(tensors);
    expect_contains(error_of([&] { load(path); }, ErrorKind::kContent), kind);
  }
}

TEST_F(Wrappers, ALogitScaleWhoseUseWouldOverflowIsRefused) {
  weights_["logit_scale"] = at::full({}, 200.0f);
  const std::string path = save(weights_);
  expect_contains(error_of([&] { load(path); }, ErrorKind::kContent), "logit_scale");
}

TEST_F(Wrappers, NoMetadataMayBeWrittenAsNull) {
  const Digest::Bytes plain = load(save(weights_)).fingerprint();
  const std::string bytes = read_all(folder_ / "model.safetensors");
  uint64_t length = 0;
  std::memcpy(&length, bytes.data(), sizeof length);
  std::string header = R"({"__metadata__": null, )" + bytes.substr(9, length - 1);
  while (header.size() % 8 != 0) header += ' ';
  const uint64_t new_length = header.size();
  write_all(folder_ / "model.safetensors",
            std::string(reinterpret_cast<const char*>(&new_length), 8) + header +
                bytes.substr(8 + length));
  EXPECT_EQ(load(folder_ / "model.safetensors").fingerprint(), plain);
}

}  // namespace
}  // namespace qprompt
