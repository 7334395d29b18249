// Features and gradients do not depend on neighbours in a batch, nor on threads: the same bits.
#include <ATen/Parallel.h>
#include <torch/csrc/autograd/autograd.h>

#include "clip/impl/image_tower.h"
#include "clip/impl/text_tower.h"
#include "qprompt/weights.h"
#include "support/small_clip.h"

namespace qprompt {
namespace {

using testing_support::odd_architecture;
using testing_support::random_weights;
using testing_support::with_test_vocabulary;

/// Runs `f` with so many threads, then sets back what was.
template <class F>
auto with_threads(int threads, F&& f) {
  const int before = at::get_num_threads();
  at::set_num_threads(threads);
  auto result = f();
  at::set_num_threads(before);
  return result;
}

/// Every image alone, then all kinds of batches: the same bits at every place.
template <class Encode>
void expect_rows_of_their_own(const at::Tensor& pixels, Encode&& encode) {
  const int64_t images = pixels.size(0);
  std::vector<at::Tensor> alone;  // (E)
  for (int64_t i = 0; i < images; ++i) alone.push_back(encode(pixels.narrow(0, i, 1))[0]);
  for (const int threads : {1, 2}) {
    for (const int64_t batch : {int64_t{1}, int64_t{2}, int64_t{5}, images}) {
      for (int64_t first = 0; first + batch <= images; first += batch) {
        const at::Tensor features = with_threads(
            threads, [&] { return encode(pixels.narrow(0, first, batch)); });  // (batch, E)
        for (int64_t i = 0; i < batch; ++i) {
          EXPECT_TRUE(at::equal(features[i], alone[static_cast<size_t>(first + i)]))
              << "image " << first + i << " in a batch of " << batch << ", " << threads
              << " threads";
        }
      }
    }
  }
}

TEST(BatchInvariance, SixteenCopiesOfOneImageHaveOneRow) {
  const Clip clip =
      Clip::load(testing_support::oracle_file("openai_torchscript.pt"), with_test_vocabulary());
  const int64_t side = clip.config().image_size;
  const at::Tensor one = at::randn({1, 3, side, side});
  for (const int threads : {1, 2}) {
    const at::Tensor features = with_threads(threads, [&] {
      return clip.encode_image(one.repeat({16, 1, 1, 1}));
    });  // (16, E)
    for (int64_t i = 1; i < 16; ++i) EXPECT_TRUE(at::equal(features[i], features[0])) << i;
  }
}

TEST(BatchInvariance, AViTsImagesDoNotSeeEachOther) {
  for (const Activation activation : {Activation::kQuickGelu, Activation::kGelu}) {
    auto architecture = odd_architecture();
    architecture.config.activation = activation;
    const auto weights = random_weights(architecture, at::kFloat);
    const auto tower = clip::place_vit(weights, architecture.config, {});
    expect_rows_of_their_own(at::randn({11, 3, 15, 15}), [&](const at::Tensor& pixels) {
      return clip::run_vit(tower, pixels.contiguous(), {});
    });
  }
}

TEST(BatchInvariance, AResNetsImagesDoNotSeeEachOther) {
  const testing_support::TempFolder folder;
  write_safetensors(folder / "rn.safetensors",
                    random_weights(testing_support::resnet_architecture(), at::kFloat), {});
  const Clip clip = Clip::load(folder / "rn.safetensors", with_test_vocabulary());
  expect_rows_of_their_own(at::randn({7, 3, 64, 64}),
                           [&](const at::Tensor& pixels) { return clip.encode_image(pixels); });
}

/// Texts of 1 to 9 tokens behind `learned` learned rows.
std::vector<std::vector<PackedRow>> some_texts(int64_t count, int64_t learned) {
  Rng rng(5);
  std::vector<std::vector<PackedRow>> texts;
  for (int64_t i = 0; i < count; ++i) {
    std::vector<PackedRow> rows{{.token = 35}};
    for (int64_t m = 0; m < learned; ++m) rows.push_back({.learned = m});
    for (int64_t n = 1 + rng.below(9); n > 0; --n) rows.push_back({.token = rng.below(30)});
    rows.push_back({.token = 36});
    texts.push_back(std::move(rows));
  }
  return texts;
}

class TextInvariance : public ::testing::TestWithParam<Activation> {
 protected:
  clip::TextTower tower() {
    auto architecture = odd_architecture();
    architecture.config.activation = GetParam();
    return clip::place_text_tower(random_weights(architecture, at::kFloat), architecture.config,
                                  {});
  }
};

TEST_P(TextInvariance, ATextDoesNotSeeTheOthersNorHowTheyArePacked) {
  const clip::TextTower text = tower();
  const auto texts = some_texts(40, 0);
  for (const int threads : {1, 2}) {
    const at::Tensor together = with_threads(
        threads, [&] { return clip::run_text_tower(text, pack_prompts(texts)); });  // (40, E)
    for (size_t i = 0; i < texts.size(); ++i) {
      const at::Tensor alone = clip::run_text_tower(text, pack_prompts({texts[i]}));  // (1, E)
      EXPECT_TRUE(at::equal(together[static_cast<int64_t>(i)], alone[0])) << i;
    }
  }
}

TEST_P(TextInvariance, ThreadsChangeNoBitOfAGradient) {
  const clip::TextTower text = tower();
  PackedPrompts prompts = pack_prompts(some_texts(90, 3));
  const at::Tensor start = at::randn({3, 33}) * 0.2;
  for (const int64_t chunk : {0, 20}) {
    std::vector<at::Tensor> features, gradients;
    for (const int threads : {1, 2, 3}) {
      prompts.learned = start.clone().requires_grad_();
      features.push_back(
          with_threads(threads, [&] { return clip::run_text_tower(text, prompts, chunk); }));
      gradients.push_back(with_threads(threads, [&] {
        return torch::autograd::grad({features.back().sin().sum()}, {prompts.learned})[0];
      }));
    }
    for (size_t i = 1; i < gradients.size(); ++i) {
      EXPECT_TRUE(at::equal(features[i], features[0]));
      EXPECT_TRUE(at::equal(gradients[i], gradients[0]));
    }
  }
}

TEST(BatchInvariance, ThreadsChangeNoBitOfAnImageTowersGradient) {
  const auto architecture = odd_architecture();
  const auto tower =
      clip::place_vit(random_weights(architecture, at::kFloat), architecture.config, {});
  const at::Tensor pixels = at::randn({5, 3, 15, 15}), start = at::randn({2, 2, 21}) * 0.2;
  for (const int64_t chunk : {0, 2}) {
    std::vector<at::Tensor> gradients;
    for (const int threads : {1, 2, 3}) {
      const at::Tensor learned = start.clone().requires_grad_();  // (J, n, D)
      gradients.push_back(with_threads(threads, [&] {
        const at::Tensor features = clip::run_prompted_vit(tower, pixels, learned, chunk);
        return torch::autograd::grad({features.sin().sum()}, {learned})[0];
      }));
    }
    for (size_t i = 1; i < gradients.size(); ++i) {
      EXPECT_TRUE(at::equal(gradients[i], gradients[0])) << chunk;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Activations, TextInvariance,
                         ::testing::Values(Activation::kQuickGelu, Activation::kGelu));

}  // namespace
}  // namespace qprompt
