// A random CLIP of ViT-B/16's sizes, written as a user would have it: OpenAI's names in a
// safetensors file, a vocabulary beside it. Both sides of a comparison read the same file.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "learner/learner.h"
#include "qprompt/clip.h"
#include "support/settings.h"

namespace qprompt::bench {

// Sizes; the defaults are ViT-B/16's.
struct Sizes {
  int64_t embed = 512, image = 224, patch = 16, image_width = 768, image_layers = 12;
  int64_t context = 77, vocab = 49408, text_width = 512, text_layers = 12;

  int64_t image_rows() const { return 1 + (image / patch) * (image / patch); }
};
Sizes sizes_of(const Settings& settings);  // toy sizes when tiny

// A folder that goes at the end.
class TempFolder {
 public:
  TempFolder();
  ~TempFolder();
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// Writes `folder`/model.safetensors and `folder`/vocab.txt; returns the model's path. The
// vocabulary is made up but has CLIP's size; digits are a token each, as in CLIP's.
std::string write_random_clip(const std::string& folder, const Sizes& sizes);
Clip open_clip(const std::string& model);

// Class names as token ids.
using Names = std::vector<std::vector<int64_t>>;
// 50 breeds of cats and dogs in CLIP's own token ids (modulo the vocabulary when it is a toy).
Names pet_breeds(const Sizes& sizes);
// Random ids; lengths of 1 to 6 ids with a mean of 2.5, as ImageNet's names have.
Names random_names(const Sizes& sizes, int64_t count);

// Each name as words of one letter or digit: text that the made-up vocabulary turns into as many
// ids, different from all others of its length. At most 36 names of one id.
std::vector<std::string> words_of(const Names& names);

// CoOp over names that are ids already: start, M context rows, name, ".", end.
class IdCoop final : public Learner {
 public:
  IdCoop(const Clip& clip, const Names& names, int64_t n_ctx = 4);
  Values initial_values(Rng& rng) const override;
  TextSide text(const Values& values, const at::Tensor& image) const override;

 private:
  std::shared_ptr<const PackedPrompts> layout_;
};
// The id of "." in CLIP's vocabulary (modulo a toy one).
int64_t full_stop(int64_t vocab);

// Multiplications and additions of the four matrix products of `layers` blocks on `rows` rows, both
// ways.
double block_flops(int64_t width, int64_t layers, int64_t rows);

// The four matrix products of `layers` blocks alone on `rows` rows: x·Wᵀ forward and, where asked,
// g·W backward, by at::mm into buffers that exist, each layer's weights its own. With `few_read`
// the last block has keys and values alone: few of its rows are read, and only those go further.
class Products {
 public:
  Products(int64_t width, int64_t layers, int64_t rows, bool backward, bool few_read = false);
  void run();
  double flops() const { return flops_; }  // multiplications and additions

 private:
  struct Step {
    at::Tensor left, right, out;
  };
  std::vector<Step> steps_;
  double flops_ = 0;
};

}  // namespace qprompt::bench
