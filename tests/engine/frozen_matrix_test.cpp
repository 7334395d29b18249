// Products with frozen weights, whatever multiplies here.
#include "engine/frozen_matrix.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

namespace qprompt {
namespace {

using engine::Epilogue;
using engine::FrozenMatrix;
using engine::Packing;

constexpr int64_t kOut = 48, kIn = 80;

/// Rows of the last block of a small batch, of one image, of a few images.
class FrozenMatrixTest : public ::testing::TestWithParam<int64_t> {};

at::Tensor forward(const FrozenMatrix& matrix, const at::Tensor& x, Packing packing) {
  const at::Tensor y = at::empty({x.size(0), kOut});
  matrix.apply_transposed(x, y, {.bias = at::ones({kOut})}, packing);
  return y;
}

at::Tensor backward(const FrozenMatrix& matrix, const at::Tensor& g, Packing packing) {
  const at::Tensor y = at::empty({g.size(0), kIn});
  matrix.apply(g, y, {.times = at::full({g.size(0), kIn}, 2, at::kFloat)}, packing);
  return y;
}

TEST_P(FrozenMatrixTest, PassingWeightsGiveTheBitsOfWeightsThatStay) {
  const at::Tensor weight = at::randn({kOut, kIn});
  const at::Tensor x = at::randn({GetParam(), kIn}), g = at::randn({GetParam(), kOut});
  const FrozenMatrix passing(weight), kept(weight);
  for (int time = 0; time < 2; ++time) {
    EXPECT_TRUE(
        at::equal(forward(passing, x, Packing::kPassing), forward(kept, x, Packing::kKept)));
    EXPECT_TRUE(
        at::equal(backward(passing, g, Packing::kPassing), backward(kept, g, Packing::kKept)));
  }
  // What stays already is taken.
  EXPECT_TRUE(at::equal(forward(kept, x, Packing::kPassing), forward(kept, x, Packing::kKept)));
}

TEST_P(FrozenMatrixTest, TheProductIsLibTorchs) {
  const at::Tensor weight = at::randn({kOut, kIn});
  const at::Tensor x = at::randn({GetParam(), kIn}), g = at::randn({GetParam(), kOut});
  const FrozenMatrix matrix(weight);
  for (const Packing packing : {Packing::kPassing, Packing::kKept}) {
    EXPECT_TRUE(at::allclose(forward(matrix, x, packing), at::mm(x, weight.t()) + 1, 1e-4, 1e-4));
    EXPECT_TRUE(at::allclose(backward(matrix, g, packing), at::mm(g, weight) * 2, 1e-4, 1e-4));
  }
}

// Sizes around tiles, vectors and blocks of rows and columns.
TEST(FrozenMatrixRows, ARowHasTheSameBitsWhateverStandsBesideIt) {
  for (const auto [out, in] : {std::pair{48, 80}, std::pair{29, 33}, std::pair{5, 600}}) {
    const FrozenMatrix matrix(at::randn({out, in}));
    const at::Tensor bias = at::randn({out}), x = at::randn({260, in}), add = at::randn({260, out});
    const auto run = [&](int64_t first, int64_t rows) {
      const at::Tensor y = at::empty({rows, out});
      matrix.apply_transposed(x.narrow(0, first, rows), y,
                              {.bias = bias, .add = add.narrow(0, first, rows)});
      return y;
    };
    const at::Tensor all = run(0, 260);
    for (const int64_t rows : {1, 2, 5, 6, 7, 11, 12, 13, 50, 239, 241}) {
      for (const int64_t first : {int64_t{0}, int64_t{3}, 260 - rows}) {
        if (first + rows > 260) continue;
        EXPECT_TRUE(at::equal(run(first, rows), all.narrow(0, first, rows)))
            << out << " x " << in << ", rows " << first << " + " << rows;
      }
    }
  }
}

TEST(FrozenMatrixRows, ActivationsAreTheirFunctionsAndKnowNoPlace) {
  const FrozenMatrix matrix(at::eye(37));
  const at::Tensor x = at::linspace(-9, 9, 37 * 13).view({13, 37});
  const at::Tensor exact = x.to(at::kDouble);
  for (const auto act : {Epilogue::Act::kQuickGelu, Epilogue::Act::kGelu}) {
    const auto run = [&](const at::Tensor& rows) {
      const at::Tensor y = at::empty_like(rows);
      matrix.apply_transposed(rows, y, {.act = act});
      return y;
    };
    const at::Tensor expected =
        act == Epilogue::Act::kGelu ? at::gelu(exact) : exact * at::sigmoid(exact * 1.702);
    EXPECT_LT((run(x) - expected).abs().max().item<double>(), 2e-6);
    for (int64_t i = 0; i < 13; ++i) {
      EXPECT_TRUE(at::equal(run(x.narrow(0, i, 1))[0], run(x)[i])) << i;
    }
  }
}

// Matrices of different sizes share a thread's room for passing weights.
TEST(FrozenMatrixRoom, AWiderMatrixAfterANarrowOneIsWhole) {
  for (const int64_t width : {16, 700, 300}) {
    const at::Tensor weight = at::randn({width, width}), x = at::randn({400, width});
    const at::Tensor y = at::empty({400, width});
    FrozenMatrix(weight).apply(x, y, {}, Packing::kPassing);
    EXPECT_TRUE(at::allclose(y, at::mm(x, weight), 1e-3, 1e-3)) << width;
  }
}

INSTANTIATE_TEST_SUITE_P(Rows, FrozenMatrixTest, ::testing::Values(2, 100, 400));

}  // namespace
}  // namespace qprompt
