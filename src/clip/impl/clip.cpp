#include "qprompt/clip.h"

#include <c10/core/InferenceMode.h>

#include <cmath>
#include <mutex>

#include "base/aten.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/find_model.h"
#include "checkpoint/find_vocabulary.h"
#include "clip/impl/image_tower.h"
#include "clip/impl/text_tower.h"

namespace qprompt {
namespace {

constexpr int64_t kImageRows = 800;  // rows of the ViT that a thread has at a time

constexpr int64_t kMostImageRows = 1024;  // learned ones: more than the patches of any ViT in use

clip::Placement parse_placement(const ClipOptions& options) {
  clip::Placement where;
  if (options.dtype == "bfloat16") {
    where.matrices = at::kBFloat16;
  } else if (options.dtype != "float32") {
    fail(ErrorKind::kUsage, "dtype '", options.dtype, "' is not one of: float32, bfloat16");
  }
  const std::string& name = options.device;
  if (name != "cpu" && name != "cuda" && name.rfind("cuda:", 0) != 0) {
    fail(ErrorKind::kUsage, "device '", name, "' is not one of: cpu, cuda, cuda:N");
  }
  try {
    where.device = at::Device(name);
    at::empty({1}, at::TensorOptions().device(where.device));
  } catch (const c10::Error& error) {
    const std::string reason = error.what_without_backtrace();
    fail(ErrorKind::kUsage, "device '", name, "' is not available here (",
         reason.substr(0, reason.find('\n')), "); use cpu");
  }
  return where;
}

/// Images that one call of the tower takes, so that its activations stay in the caches and memory
/// does not grow with the number of images.
int64_t images_at_once(const ClipConfig& config, int64_t learned_rows) {
  if (config.image_kind == ImageTowerKind::kResNet) {
    return 1;  // its products have thousands of rows for one image alone
  }
  const int64_t grid = config.image_size / config.patch_size;
  return std::max<int64_t>(1, kImageRows / (grid * grid + 1 + learned_rows));
}

}  // namespace

struct Clip::Impl {
  explicit Impl(Tokenizer tokenizer) : tokenizer(std::move(tokenizer)) {}

  Tokenizer tokenizer;
  checkpoint::Architecture architecture;
  clip::Placement where;
  std::string dtype;
  double logit_scale = 1;
  clip::TextTower text;
  clip::VitTower vit;  // one of the two
  clip::ResNetTower resnet;
  at::Tensor table;  // (V, D), CPU
  // Canonical float32 weights until the fingerprint is known; the towers share them on the CPU.
  mutable checkpoint::Tensors weights;
  mutable std::once_flag fingerprint_once;
  mutable Digest::Bytes fingerprint{};

  const Digest::Bytes& find_fingerprint() const {
    std::call_once(fingerprint_once, [this] {
      fingerprint = checkpoint::fingerprint_of(architecture, weights);
      weights.clear();
    });
    return fingerprint;
  }

  /// Features (B, E) without a graph; `learned` (J, n, D) or undefined.
  at::Tensor encode_images(const at::Tensor& pixels, const at::Tensor& learned) const;
};

at::Tensor Clip::Impl::encode_images(const at::Tensor& pixels, const at::Tensor& learned) const {
  const ClipConfig& config = architecture.config;
  const int64_t images = pixels.size(0);
  const at::Tensor rows = learned.defined() ? learned.to(where.device, at::kFloat) : learned;
  const auto encode = [&](int64_t first, int64_t count) {
    const at::NoGradGuard same;  // the mode is each thread's own
    const at::Tensor part =
        pixels.narrow(0, first, count).to(where.device, at::kFloat).contiguous();
    return config.image_kind == ImageTowerKind::kVit ? clip::run_vit(vit, part, rows)
                                                     : clip::run_resnet(resnet, part);
  };
  // Threads go to images where there are enough, and into one image's products where not.
  const bool shared = where.device == at::kCPU && !at::in_parallel_region() && images > 1;
  const int64_t threads = shared ? at::get_num_threads() : 1;
  const int64_t each = std::clamp<int64_t>(
      images / threads, 1, images_at_once(config, rows.defined() ? rows.size(1) : 0));
  std::vector<at::Tensor> features((images + each - 1) / each);  // (B of the piece, E)
  const auto pieces = [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      features[i] = encode(i * each, std::min(each, images - i * each));
    }
  };
  if (threads > 1) {
    at::parallel_for(0, static_cast<int64_t>(features.size()), 1, pieces);
  } else {
    pieces(0, static_cast<int64_t>(features.size()));
  }
  if (features.empty()) {
    return at::empty({0, config.embed_dim}, at::TensorOptions(where.device));
  }
  return features.size() == 1 ? features[0] : at::cat(features, 0);
}

Clip Clip::load(const std::string& path, const ClipOptions& options) {
  const c10::InferenceMode normal_tensors(false);
  const at::NoGradGuard no_grad;
  const clip::Placement where = parse_placement(options);
  const FoundModel found = find_model(path);
  checkpoint::Checkpoint opened = checkpoint::open_checkpoint(
      found.path, options.activation.empty() ? found.activation : options.activation);
  const checkpoint::Architecture architecture = opened.architecture;
  const ClipConfig& config = architecture.config;
  const std::string vocabulary = find_vocabulary(found.path, options.vocab);
  auto impl = std::make_shared<Impl>(Tokenizer::load(vocabulary, config.vocab_size));
  impl->architecture = architecture;
  impl->where = where;
  impl->dtype = options.dtype;
  impl->weights = checkpoint::canonicalise(std::move(opened));
  impl->logit_scale = std::exp(impl->weights.at("logit_scale").item<double>());
  if (constexpr double kLargest = 1e6; !(impl->logit_scale < kLargest)) {
    fail(ErrorKind::kContent, path, ": exp(logit_scale) is ", impl->logit_scale,
         ", with which logits overflow; CLIP's is at most 100, and below ", kLargest,
         " was expected");
  }
  impl->table = impl->weights.at("token_embedding.weight");
  impl->text = clip::place_text_tower(impl->weights, config, where);
  if (config.image_kind == ImageTowerKind::kVit) {
    impl->vit = clip::place_vit(impl->weights, config, where);
  } else {
    impl->resnet = clip::place_resnet(impl->weights, config, where);
  }
  // Towers that do not share the canonical weights must not keep a second copy of them alive.
  if (where.device != at::kCPU || where.matrices != at::kFloat) impl->find_fingerprint();
  return Clip(std::move(impl));
}

const ClipConfig& Clip::config() const { return impl_->architecture.config; }
const Tokenizer& Clip::tokenizer() const { return impl_->tokenizer; }
const Digest::Bytes& Clip::fingerprint() const { return impl_->find_fingerprint(); }
double Clip::logit_scale() const { return impl_->logit_scale; }
const at::Tensor& Clip::token_table() const { return impl_->table; }

namespace {

void check_pixels(const ClipConfig& config, const at::Tensor& pixels) {
  check_shape(pixels, {-1, 3, config.image_size, config.image_size}, "pixels (B, 3, R, R)");
  if (!pixels.is_floating_point()) {
    fail(ErrorKind::kContent, "pixels (B, 3, R, R): expected floating point, normalised; came ",
         pixels.scalar_type());
  }
}

void check_image_prompts(const ClipConfig& config, const ImagePrompts& prompts) {
  if (config.image_kind != ImageTowerKind::kVit) {
    fail(ErrorKind::kContent,
         "learned rows need an image tower that is a ViT; this model's is a ResNet");
  }
  check_shape(prompts.learned, {-1, -1, config.image_width}, "learned rows of the image tower");
  const int64_t depth = prompts.learned.size(0);
  const int64_t rows = prompts.learned.size(1);
  if (depth < 1 || depth > config.image_layers || rows < 1 || rows > kMostImageRows) {
    fail(ErrorKind::kContent, "learned rows of the image tower: ", rows, " rows before ", depth,
         " blocks; 1 to ", kMostImageRows, " rows before 1 to ", config.image_layers,
         " blocks expected");
  }
}

}  // namespace

at::Tensor Clip::encode_image(const at::Tensor& pixels) const {
  return encode_image(pixels, {}, 0);
}

at::Tensor Clip::encode_image(const at::Tensor& pixels, const ImagePrompts& prompts,
                              int64_t image_chunk) const {
  const c10::InferenceMode normal_tensors(false);
  const at::Tensor& learned = prompts.learned;
  check_pixels(config(), pixels);
  if (learned.defined()) check_image_prompts(config(), prompts);
  const bool graph = learned.defined() && learned.requires_grad() && at::GradMode::is_enabled();
  if (graph && pixels.size(0) > 0) {
    const at::Tensor placed = pixels.to(impl_->where.device, at::kFloat).contiguous();
    return clip::run_prompted_vit(impl_->vit, placed, learned, image_chunk);
  }
  const at::NoGradGuard no_grad;
  return impl_->encode_images(pixels, learned);
}

int64_t Clip::image_chunk_within(const ImagePrompts& prompts, int64_t bytes) const {
  check_image_prompts(config(), prompts);
  return clip::image_chunk_within(impl_->vit, prompts.learned.size(1), bytes);
}

at::Tensor Clip::encode_text(const PackedPrompts& prompts, int64_t class_chunk) const {
  clip::check_packed(prompts, impl_->text.limits);
  return clip::run_text_tower(impl_->text, prompts, class_chunk);
}

int64_t Clip::class_chunk_within(const PackedPrompts& prompts, int64_t bytes) const {
  return clip::class_chunk_within(impl_->text, prompts, bytes);
}

const std::string& Clip::dtype() const { return impl_->dtype; }
std::string Clip::product() { return engine::product_name(); }

at::Tensor Clip::token_embeddings(const std::vector<int64_t>& ids) const {
  const int64_t vocab = config().vocab_size;
  const at::Tensor rows = at::empty({static_cast<int64_t>(ids.size()), config().text_width});
  const at::Tensor& table = impl_->table;
  for (size_t i = 0; i < ids.size(); ++i) {
    if (ids[i] < 0 || ids[i] >= vocab) {
      fail(ErrorKind::kUsage, "token ", ids[i], " is not one of the ", vocab, " of this model");
    }
    rows.select(0, static_cast<int64_t>(i)).copy_(table.select(0, ids[i]));
  }
  return rows;
}

}  // namespace qprompt
