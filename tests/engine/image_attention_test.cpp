// Attention within images against the same in differentiable ATen operations.
#include "engine/impl/attention.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>

namespace qprompt {
namespace {

using engine::AttentionInput;

struct Shape {
  int64_t rows, heads, head_width;  // rows of one image
};

class ImageAttention : public ::testing::TestWithParam<Shape> {};

TEST_P(ImageAttention, ForwardAndBackwardEqualTheGenericOnes) {
  constexpr int64_t kImages = 2;
  const auto [rows, heads, head_width] = GetParam();
  const int64_t width = heads * head_width;
  engine::Sequence sequence;
  sequence.heads = heads;
  sequence.images = kImages;
  const auto draw = [&](int64_t n, int64_t columns) {
    return at::randn({kImages * n, columns}, at::kDouble).requires_grad_();
  };
  const auto distance = [](const at::Tensor& a, const at::Tensor& b) {
    return ((a - b).norm() / (b.norm() + 1e-300)).item<double>();
  };
  for (const AttentionInput& input :
       {AttentionInput{draw(rows, 3 * width), {}},                        // every row asks
        AttentionInput{draw(1, width), draw(rows, 2 * width)}}) {         // an image's one
    const at::Tensor dense = engine::generic_attention(input, sequence);  // (Q, D)
    const at::Tensor direction = at::randn(dense.sizes(), at::kDouble);
    (dense * direction).sum().backward();
    const at::NoGradGuard no_grad;
    const auto attention = engine::attend(input, sequence);
    EXPECT_LT(distance(attention.seen, dense), 1e-13);
    EXPECT_FALSE(attention.probabilities.defined());
    const AttentionInput grads = engine::attend_backward(input, sequence, {}, direction);
    // With one row the probability is 1 whatever it asks for: the gradient is rounding alone.
    const double scale = direction.norm().item<double>();
    EXPECT_LT((grads.a - input.a.grad()).norm().item<double>(), 1e-12 * scale);
    if (input.reads_only()) {
      EXPECT_LT((grads.b - input.b.grad()).norm().item<double>(), 1e-12 * scale);
    }
  }
}

// One row; fewer and more than a tile; fewer and more than two vectors; whole tiles and vectors.
INSTANTIATE_TEST_SUITE_P(Shapes, ImageAttention,
                         ::testing::Values(Shape{1, 1, 1}, Shape{5, 3, 11}, Shape{41, 2, 37},
                                           Shape{48, 1, 64}, Shape{67, 3, 8}));

}  // namespace
}  // namespace qprompt
