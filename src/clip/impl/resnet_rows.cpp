// The ResNet on the CPU: every convolution is a product of its pixels' neighbourhoods.
#include <algorithm>
#include <cmath>

#include "base/aten.h"
#include "clip/impl/image_tower.h"

namespace qprompt::clip {
namespace {

constexpr int64_t kPixelsAtOnce = 192;  // their neighbourhoods stay in the L2 cache

/// A convolution's way over the map: k × k pixels around every `stride`-th one.
struct Window {
  int64_t side = 1, stride = 1;
  int64_t padding() const { return side / 2; }
};

/// The neighbourhoods of output pixels [first, first + count) of maps of `out` pixels a row and a
/// column → `to` (count, k·k·channels); what lies outside of the map is zero.
void gather(const PixelRows& from, const PixelRows& out, Window window, int64_t first,
            const at::Tensor& to) {
  const int64_t channels = from.rows.size(1), count = to.size(0);
  const float* pixels = from.rows.data_ptr<float>();
  float* next = to.data_ptr<float>();
  for (int64_t i = first; i < first + count; ++i) {
    const int64_t image = i / (out.height * out.width), cell = i % (out.height * out.width);
    const int64_t top = cell / out.width * window.stride - window.padding();
    const int64_t left = cell % out.width * window.stride - window.padding();
    for (int64_t k = 0; k < window.side * window.side; ++k, next += channels) {
      const int64_t y = top + k / window.side, x = left + k % window.side;
      if (y < 0 || y >= from.height || x < 0 || x >= from.width) {
        std::fill_n(next, channels, 0.0f);
      } else {
        std::copy_n(pixels + ((image * from.height + y) * from.width + x) * channels, channels,
                    next);
      }
    }
  }
}

/// Convolution (padding keeps the size at stride 1) and batch norm.
PixelRows convolve(const PixelRows& from, const ConvNorm& layer, int64_t stride = 1) {
  const Window window{layer.weight.size(2), stride};
  PixelRows out{{}, from.images, (from.height - 1) / stride + 1, (from.width - 1) / stride + 1};
  const int64_t total = out.images * out.height * out.width;
  out.rows = at::empty({total, layer.bias.size(0)}, from.rows.options());
  const engine::Epilogue then{.bias = layer.bias};
  if (window.side == 1 && stride == 1) {
    layer.matrix.apply_transposed(from.rows, out.rows, then);
    return out;
  }
  const int64_t pieces = (total + kPixelsAtOnce - 1) / kPixelsAtOnce;
  const int64_t columns = window.side * window.side * from.rows.size(1);
  at::parallel_for(0, pieces, 1, [&](int64_t begin, int64_t end) {
    for (int64_t piece = begin; piece < end; ++piece) {
      const int64_t first = piece * kPixelsAtOnce, count = std::min(kPixelsAtOnce, total - first);
      const at::Tensor around =
          at::empty({count, columns}, from.rows.options());  // (count, k·k·in)
      gather(from, out, window, first, around);
      layer.matrix.apply_transposed(around, out.rows.narrow(0, first, count), then);
    }
  });
  return out;
}

PixelRows convolve_relu(const PixelRows& from, const ConvNorm& layer, int64_t stride = 1) {
  PixelRows out = convolve(from, layer, stride);
  out.rows.relu_();
  return out;
}

/// The mean of every 2 × 2 pixels; sides are even.
PixelRows halve(const PixelRows& from) {
  const int64_t channels = from.rows.size(1), h = from.height / 2, w = from.width / 2;
  const at::Tensor map = from.rows.view({from.images, h, 2, w, 2, channels});
  const auto part = [&](int64_t y, int64_t x) { return map.select(2, y).select(3, x); };
  const at::Tensor sum = (part(0, 0) + part(0, 1)) + (part(1, 0) + part(1, 1));  // (B, h, w, c)
  return {sum.mul(0.25).view({from.images * h * w, channels}), from.images, h, w};
}

PixelRows run_bottleneck_rows(const Bottleneck& block, const PixelRows& from) {
  const bool halves = block.stride == 2;
  PixelRows y = convolve_relu(convolve_relu(from, block.conv1), block.conv2);
  y = convolve(halves ? halve(y) : y, block.conv3);
  if (block.shortcut.weight.defined()) {
    y.rows.add_(convolve(halves ? halve(from) : from, block.shortcut).rows);
  } else {
    y.rows.add_(from.rows);
  }
  y.rows.relu_();
  return y;
}

}  // namespace

void fold_batch_norm(ConvNorm& layer) {
  const at::Tensor factor = layer.scale / (layer.variance + kBatchNormEps).sqrt();  // (out)
  layer.matrix = engine::FrozenMatrix((layer.weight * factor.view({-1, 1, 1, 1}))
                                          .permute({0, 2, 3, 1})
                                          .reshape({layer.weight.size(0), -1}));
  layer.bias = layer.shift - layer.mean * factor;
}

PixelRows run_resnet_rows(const ResNetTower& tower, const at::Tensor& pixels) {
  PixelRows map{pixels.permute({0, 2, 3, 1}).reshape({-1, 3}), pixels.size(0), pixels.size(2),
                pixels.size(3)};
  map = convolve_relu(map, tower.stem[0], 2);
  map = convolve_relu(map, tower.stem[1]);
  map = halve(convolve_relu(map, tower.stem[2]));
  for (const Bottleneck& block : tower.blocks) map = run_bottleneck_rows(block, map);
  return map;
}

}  // namespace qprompt::clip
