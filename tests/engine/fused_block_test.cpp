// The fused block against the same block in ATen operations.
#include "engine/impl/fused_block.h"

#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/autograd.h>

#include <atomic>

#include "clip/impl/packed_plan.h"
#include "clip/impl/place.h"
#include "support/small_clip.h"

namespace qprompt {
namespace {

using engine::Block;
using engine::Sequence;

double distance(const at::Tensor& a, const at::Tensor& b) {
  return ((a - b).norm() / (b.norm() + 1e-300)).item<double>();
}

struct Case {
  std::string name;
  int64_t width, hidden, heads;
  bool last;
  Activation activation;
};
void PrintTo(const Case& c, std::ostream* out) { *out << c.name; }

/// A block with random weights of a tower with these sizes.
std::shared_ptr<const Block> random_block(const Case& c, at::ScalarType type) {
  const auto draw = [&](at::IntArrayRef shape) { return at::randn(shape, type) * 0.2; };
  checkpoint::Tensors weights;
  for (const char* norm : {"ln_1", "ln_2"}) {
    weights[cat("b.0.", norm, ".weight")] = draw({c.width}) + 1;
    weights[cat("b.0.", norm, ".bias")] = draw({c.width});
  }
  const auto layer = [&](const std::string& weight, const std::string& bias, int64_t out,
                         int64_t in) {
    weights["b.0." + weight] = draw({out, in});
    weights["b.0." + bias] = draw({out});
  };
  layer("attn.in_proj_weight", "attn.in_proj_bias", 3 * c.width, c.width);
  layer("attn.out_proj.weight", "attn.out_proj.bias", c.width, c.width);
  layer("mlp.c_fc.weight", "mlp.c_fc.bias", c.hidden, c.width);
  layer("mlp.c_proj.weight", "mlp.c_proj.bias", c.width, c.hidden);
  for (const auto& [name, tensor] : checkpoint::Tensors(weights)) {
    weights["b.1" + name.substr(3)] = tensor;
  }
  ClipConfig config;
  config.activation = c.activation;
  // Of two equal blocks, the first is not the last.
  return clip::place_blocks(weights, "b.", 2, config, {at::kCPU, type})[c.last ? 1 : 0];
}

/// Three images of seven rows each.
std::shared_ptr<const Sequence> images(int64_t heads) {
  auto sequence = std::make_shared<Sequence>();
  sequence->heads = heads;
  sequence->images = 3;
  return sequence;
}

/// A prefix of two rows; own rows of 1, 3 and 15 classes' worth, 19 in all.
std::shared_ptr<const Sequence> texts(int64_t heads) {
  PackedPrompts prompts;
  prompts.prefix = 2;
  prompts.rows.assign(21, {.token = 0});
  for (const auto& [begin, end] : {std::pair{2, 3}, std::pair{3, 6}, std::pair{6, 21}}) {
    prompts.classes.push_back({begin, end});
    prompts.read.push_back(end - 1);
  }
  auto sequence = std::make_shared<Sequence>();
  sequence->heads = heads;
  sequence->packed = clip::plan_packed(prompts).rows;
  return sequence;
}

class FusedBlock : public ::testing::TestWithParam<Case> {};

TEST_P(FusedBlock, EqualsTheGenericBlockInValuesAndGradients) {
  at::manual_seed(5);
  const auto block = random_block(GetParam(), at::kDouble);
  for (const auto& sequence : {images(GetParam().heads), texts(GetParam().heads)}) {
    const at::Tensor x = at::randn({21, GetParam().width}, at::kDouble).requires_grad_();
    const at::Tensor generic = engine::generic_block(*block, x, *sequence);
    const at::Tensor fused = engine::fused_block(block, x, sequence, {});
    EXPECT_LT(distance(fused, generic), 1e-13);
    const at::Tensor direction = at::randn(fused.sizes(), at::kDouble);
    const at::Tensor expected = torch::autograd::grad({generic}, {x}, {direction})[0];
    const at::Tensor gradient = torch::autograd::grad({fused}, {x}, {direction}, true)[0];
    EXPECT_LT(distance(gradient, expected), 1e-12);
    EXPECT_TRUE(at::equal(torch::autograd::grad({fused}, {x}, {direction})[0], gradient));
    const at::NoGradGuard no_grad;
    EXPECT_LT(distance(engine::fused_block(block, x, sequence, {}), generic), 1e-13);
  }
}

TEST_P(FusedBlock, GradientEqualsFiniteDifferencesInDouble) {
  at::manual_seed(6);
  const auto block = random_block(GetParam(), at::kDouble);
  for (const auto& sequence : {images(GetParam().heads), texts(GetParam().heads)}) {
    const at::Tensor x = at::randn({21, GetParam().width}, at::kDouble).requires_grad_();
    const at::Tensor y = engine::fused_block(block, x, sequence, {});
    const at::Tensor direction = at::randn(y.sizes(), at::kDouble), step = at::randn_like(x);
    (y * direction).sum().backward();
    const double expected = (x.grad() * step).sum().item<double>();
    const at::NoGradGuard no_grad;
    const auto at_step = [&](double t) {
      return (engine::fused_block(block, x + t * step, sequence, {}) * direction)
          .sum()
          .item<double>();
    };
    const double h = 1e-6;
    EXPECT_NEAR((at_step(h) - at_step(-h)) / (2 * h), expected, 1e-5 * (1 + std::abs(expected)));
  }
}

TEST_P(FusedBlock, InFloatItIsCloseToTheGenericBlockWhateverMultiplies) {
  at::manual_seed(7);
  const auto block = random_block(GetParam(), at::kFloat);
  for (const auto& sequence : {images(GetParam().heads), texts(GetParam().heads)}) {
    const at::Tensor x = at::randn({21, GetParam().width}).requires_grad_();
    const at::Tensor generic = engine::generic_block(*block, x, *sequence);
    const at::Tensor fused = engine::fused_block(block, x, sequence, {});
    EXPECT_LT(distance(fused, generic), 1e-5);
    const at::Tensor direction = at::randn(fused.sizes());
    EXPECT_LT(distance(torch::autograd::grad({fused}, {x}, {direction})[0],
                       torch::autograd::grad({generic}, {x}, {direction})[0]),
              1e-4);
    const at::NoGradGuard no_grad;
    EXPECT_LT(distance(engine::fused_block(block, x, sequence, {}), generic), 1e-5);
  }
}

TEST_P(FusedBlock, OnlyTheWantedRowsGetAGradientAndItIsTheirs) {
  if (GetParam().last) return;  // the last block is asked for all
  at::manual_seed(8);
  const auto block = random_block(GetParam(), at::kDouble);
  const auto sequence = texts(GetParam().heads);
  const at::Tensor x = at::randn({21, GetParam().width}, at::kDouble).requires_grad_();
  const at::Tensor wanted = at::tensor({1, 4, 20}, at::kLong);
  const at::Tensor all = engine::fused_block(block, x, sequence, {});
  const at::Tensor some = engine::fused_block(block, x, sequence, wanted);
  EXPECT_TRUE(at::equal(all, some));
  const at::Tensor direction = at::randn(all.sizes(), at::kDouble);
  const at::Tensor full = torch::autograd::grad({all}, {x}, {direction})[0];
  const at::Tensor part = torch::autograd::grad({some}, {x}, {direction})[0];
  EXPECT_LT(distance(part.index_select(0, wanted), full.index_select(0, wanted)), 1e-13);
  EXPECT_EQ(part.abs().sum(1).count_nonzero().item<int64_t>(), 3);
}

TEST_P(FusedBlock, TwoThreadsGiveTheResultsOfOne) {
  at::manual_seed(9);
  const auto block = random_block(GetParam(), at::kFloat);
  const int before = at::get_num_threads();
  for (const auto& sequence : {images(GetParam().heads), texts(GetParam().heads)}) {
    const at::Tensor x = at::randn({21, GetParam().width}).requires_grad_();
    std::vector<at::Tensor> values, gradients;
    for (const int threads : {1, 2}) {
      at::set_num_threads(threads);
      values.push_back(engine::fused_block(block, x, sequence, {}));
      gradients.push_back(torch::autograd::grad({values.back().sum()}, {x})[0]);
    }
    EXPECT_TRUE(at::equal(values[1], values[0]));
    EXPECT_TRUE(at::equal(gradients[1], gradients[0]));
  }
  at::set_num_threads(before);
}

TEST(Threads, ParallelLoopsHaveAsManyThreadsAsLibTorch) {
  const int before = at::get_num_threads();
  at::set_num_threads(2);
  std::atomic<int> pieces = 0;
  at::parallel_for(0, 2, 1, [&](int64_t, int64_t) { ++pieces; });
  at::set_num_threads(before);
  EXPECT_EQ(pieces, 2) << "built without OpenMP, at::parallel_for runs on one thread";
}

INSTANTIATE_TEST_SUITE_P(
    Sizes, FusedBlock,
    ::testing::Values(Case{"OddWidths", 33, 29, 3, false, Activation::kQuickGelu},
                      Case{"OddWidthsRead", 33, 29, 3, true, Activation::kQuickGelu},
                      Case{"OneHeadOfOne", 1, 1, 1, false, Activation::kQuickGelu},
                      Case{"WholeVectors", 128, 512, 2, false, Activation::kQuickGelu},
                      Case{"WholeVectorsRead", 128, 512, 2, true, Activation::kQuickGelu},
                      Case{"ExactGelu", 64, 100, 1, false, Activation::kGelu},
                      Case{"ExactGeluRead", 64, 100, 1, true, Activation::kGelu}),
    [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace qprompt
