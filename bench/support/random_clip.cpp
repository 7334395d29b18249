#include "support/random_clip.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>

#include "qprompt/weights.h"

namespace qprompt::bench {
namespace fs = std::filesystem;
namespace {

using Tensors = std::map<std::string, at::Tensor>;

at::Tensor normal(at::IntArrayRef shape, double deviation) {
  return at::randn(shape, at::kFloat).mul_(deviation);
}

void add_layer_norm(Tensors& tensors, const std::string& name, int64_t width) {
  tensors[name + ".weight"] = normal({width}, 0.1).add_(1);
  tensors[name + ".bias"] = normal({width}, 0.1);
}

// Deviations near those of OpenAI's initialisation, so that activations keep their size.
void add_blocks(Tensors& tensors, const std::string& prefix, int64_t width, int64_t layers) {
  const double in = 1 / std::sqrt(double(width)), out = in / std::sqrt(2.0 * double(layers));
  for (int64_t i = 0; i < layers; ++i) {
    const std::string block = cat(prefix, "resblocks.", i, ".");
    add_layer_norm(tensors, block + "ln_1", width);
    add_layer_norm(tensors, block + "ln_2", width);
    tensors[block + "attn.in_proj_weight"] = normal({3 * width, width}, in);
    tensors[block + "attn.in_proj_bias"] = normal({3 * width}, 0.02);
    tensors[block + "attn.out_proj.weight"] = normal({width, width}, out);
    tensors[block + "attn.out_proj.bias"] = normal({width}, 0.02);
    tensors[block + "mlp.c_fc.weight"] = normal({4 * width, width}, in / std::sqrt(2.0));
    tensors[block + "mlp.c_fc.bias"] = normal({4 * width}, 0.02);
    tensors[block + "mlp.c_proj.weight"] = normal({width, 4 * width}, out);
    tensors[block + "mlp.c_proj.bias"] = normal({width}, 0.02);
  }
}

// As many merges as the vocabulary has room for: words of two, three, four letters.
std::string made_up_vocabulary(int64_t vocab) {
  constexpr int64_t kOthers = 514;  // 256 bytes, 256 bytes that end a word, start and end token
  int64_t left = vocab - kOthers;
  std::string text = "#version: made up for a benchmark\n";
  std::vector<std::string> words;
  for (char c = 'a'; c <= 'z'; ++c) words.emplace_back(1, c);
  while (left > 0) {
    std::vector<std::string> longer;
    for (const std::string& word : words) {
      for (char c = 'a'; c <= 'z' && left > 0; ++c, --left) {
        text += word + " " + c + "\n";
        longer.push_back(word + c);
      }
    }
    words = longer;
  }
  return text;
}

}  // namespace

Sizes sizes_of(const Settings& settings) {
  Sizes sizes;
  if (!settings.tiny) return sizes;
  sizes.embed = 32;
  sizes.image = 32;
  sizes.image_width = sizes.text_width = 64;
  sizes.image_layers = sizes.text_layers = 2;
  sizes.vocab = 1000;
  return sizes;
}

TempFolder::TempFolder() {
  std::string pattern = (fs::temp_directory_path() / "qprompt-bench-XXXXXX").string();
  if (::mkdtemp(pattern.data()) == nullptr) fail(ErrorKind::kPath, "cannot make ", pattern);
  path_ = pattern;
}

TempFolder::~TempFolder() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

std::string write_random_clip(const std::string& folder, const Sizes& s) {
  at::manual_seed(1);
  Tensors t;
  const double image_std = 1 / std::sqrt(double(s.image_width));
  t["visual.conv1.weight"] =
      normal({s.image_width, 3, s.patch, s.patch}, 1 / (std::sqrt(3.0) * double(s.patch)));
  t["visual.class_embedding"] = normal({s.image_width}, image_std);
  t["visual.positional_embedding"] = normal({s.image_rows(), s.image_width}, image_std);
  add_layer_norm(t, "visual.ln_pre", s.image_width);
  add_layer_norm(t, "visual.ln_post", s.image_width);
  add_blocks(t, "visual.transformer.", s.image_width, s.image_layers);
  t["visual.proj"] = normal({s.image_width, s.embed}, image_std);
  t["token_embedding.weight"] = normal({s.vocab, s.text_width}, 0.02);
  t["positional_embedding"] = normal({s.context, s.text_width}, 0.01);
  add_blocks(t, "transformer.", s.text_width, s.text_layers);
  add_layer_norm(t, "ln_final", s.text_width);
  t["text_projection"] = normal({s.text_width, s.embed}, 1 / std::sqrt(double(s.text_width)));
  t["logit_scale"] = at::scalar_tensor(std::log(100.0), at::kFloat);
  write_safetensors(folder + "/model.safetensors", t, {});
  write_file_atomic(folder + "/vocab.txt", made_up_vocabulary(s.vocab));
  return folder + "/model.safetensors";
}

Clip open_clip(const std::string& model) {
  const std::string vocabulary = (fs::path(model).parent_path() / "vocab.txt").string();
  return Clip::load(model, {vocabulary, "cpu", "float32"});
}

double block_flops(int64_t width, int64_t layers, int64_t rows) {
  return 2.0 * 2.0 * 12.0 * double(width) * double(width) * double(layers) * double(rows);
}

Products::Products(int64_t width, int64_t layers, int64_t rows, bool backward, bool few_read) {
  // Inputs and outputs of the four products, in widths: qkv, projection, and the two of the MLP.
  constexpr int64_t kIn[] = {1, 1, 1, 4}, kOut[] = {3, 1, 4, 1};
  at::Tensor buffers[5];  // (rows, n · width), n = 0 … 4
  for (int64_t n = 1; n <= 4; ++n) buffers[n] = at::randn({rows, n * width});
  at::Tensor results[5];
  for (int64_t n = 1; n <= 4; ++n) results[n] = at::empty({rows, n * width});
  const auto add = [&](int64_t in, int64_t out) {
    const at::Tensor weight = normal({out * width, in * width}, 0.02);
    steps_.push_back({buffers[in], weight.t(), results[out]});
    if (backward) steps_.push_back({buffers[out], weight, results[in]});
    const double one = 2.0 * double(rows) * double(weight.numel());
    flops_ += backward ? 2 * one : one;
  };
  for (int64_t layer = 0; layer < layers; ++layer) {
    if (few_read && layer + 1 == layers) {
      add(1, 2);
      break;
    }
    for (int i = 0; i < 4; ++i) add(kIn[i], kOut[i]);
  }
}

void Products::run() {
  const at::NoGradGuard no_grad;
  for (Step& step : steps_) at::mm_out(step.out, step.left, step.right);
}

}  // namespace qprompt::bench
