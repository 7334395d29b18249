// How a scene becomes pixels.
#include <algorithm>
#include <array>
#include <cmath>

#include "demo_world.h"

namespace qprompt::demo {
namespace {

using Grey = std::array<float, kGreyBytes>;       // 0 (background) to 1
using Canvas = std::array<float, kPictureBytes>;  // RGB interleaved, 0 to 1

struct Placement {
  double zoom = 1.0;    // above 1: larger
  double centre_x = 0;  // shift in pixels
  double centre_y = 0;
  bool mirrored = false;
  bool upside_down = false;
};

Placement place(const Scene& scene, bool augment, Random& random) {
  Placement placement;
  if (augment) {
    placement.zoom = random.uniform(0.85, 1.15);
    placement.centre_x = random.uniform(-2.0, 2.0);
    placement.centre_y = random.uniform(-2.0, 2.0);
    placement.mirrored = random.chance(0.5);
  }
  if (scene.looks & kCloseUp) {
    placement.zoom *= random.uniform(1.5, 2.0);
    placement.centre_x += random.uniform(-4.0, 4.0);
    placement.centre_y += random.uniform(-4.0, 4.0);
  }
  if (scene.looks & kFarAway) placement.zoom *= random.uniform(0.5, 0.65);
  placement.upside_down = (scene.looks & kUpsideDown) != 0;
  return placement;
}

float sample(const uint8_t* grey, double x, double y) {  // bilinear; black outside
  const int left = static_cast<int>(std::floor(x)), top = static_cast<int>(std::floor(y));
  const double fx = x - left, fy = y - top;
  auto at = [grey](int column, int row) {
    const bool inside = column >= 0 && column < kSide && row >= 0 && row < kSide;
    return inside ? grey[row * kSide + column] / 255.0 : 0.0;
  };
  const double upper = at(left, top) * (1 - fx) + at(left + 1, top) * fx;
  const double lower = at(left, top + 1) * (1 - fx) + at(left + 1, top + 1) * fx;
  return static_cast<float>(upper * (1 - fy) + lower * fy);
}

Grey placed(const uint8_t* grey, const Placement& placement) {
  constexpr double kMiddle = (kSide - 1) / 2.0;
  Grey result;
  for (int row = 0; row < kSide; ++row) {
    for (int column = 0; column < kSide; ++column) {
      double x = (column - kMiddle - placement.centre_x) / placement.zoom;
      double y = (row - kMiddle - placement.centre_y) / placement.zoom;
      if (placement.mirrored) x = -x;
      if (placement.upside_down) y = -y;
      result[row * kSide + column] = sample(grey, x + kMiddle, y + kMiddle);
    }
  }
  return result;
}

// The garment in its colour on a dark ground. Dark parts of the cloth keep some of their colour.
Canvas tint(const Grey& grey, const Colour& colour, Random& random) {
  float paint[3], ground[3];
  const double brightness = random.uniform(0.85, 1.05);
  const double ground_level = random.uniform(0.02, 0.10);
  for (int c = 0; c < 3; ++c) {
    paint[c] = static_cast<float>(colour.rgb[c] * brightness + random.uniform(-0.05, 0.05));
    ground[c] = static_cast<float>(ground_level + random.uniform(-0.01, 0.01));
  }
  Canvas canvas;
  for (int i = 0; i < kGreyBytes; ++i) {
    const float cover = std::min(1.0F, grey[i] * 5.0F);
    const float shade = 0.35F + 0.65F * grey[i];
    for (int c = 0; c < 3; ++c) {
      canvas[3 * i + c] = cover * shade * paint[c] + (1 - cover) * ground[c];
    }
  }
  return canvas;
}

// Coloured lines along the edges on white paper.
Canvas sketch(const Grey& grey, const Colour& colour) {
  Canvas canvas;
  for (int row = 0; row < kSide; ++row) {
    for (int column = 0; column < kSide; ++column) {
      const int right = std::min(column + 1, kSide - 1), below = std::min(row + 1, kSide - 1);
      const float here = grey[row * kSide + column];
      const float edge = std::min(1.0F, 2.5F * (std::abs(grey[row * kSide + right] - here) +
                                                std::abs(grey[below * kSide + column] - here)));
      for (int c = 0; c < 3; ++c) {
        canvas[3 * (row * kSide + column) + c] = 1 - edge * (1 - 0.8F * colour.rgb[c]);
      }
    }
  }
  return canvas;
}

void blur(Canvas& canvas) {  // a 3 x 3 box
  const Canvas source = canvas;
  for (int row = 0; row < kSide; ++row) {
    for (int column = 0; column < kSide; ++column) {
      for (int c = 0; c < 3; ++c) {
        float sum = 0;
        for (int dy = -1; dy <= 1; ++dy) {
          for (int dx = -1; dx <= 1; ++dx) {
            const int y = std::clamp(row + dy, 0, kSide - 1);
            const int x = std::clamp(column + dx, 0, kSide - 1);
            sum += source[3 * (y * kSide + x) + c];
          }
        }
        canvas[3 * (row * kSide + column) + c] = sum / 9;
      }
    }
  }
}

void pixelate(Canvas& canvas) {  // blocks of 4 x 4
  constexpr int kBlock = 4;
  for (int row = 0; row < kSide; row += kBlock) {
    for (int column = 0; column < kSide; column += kBlock) {
      for (int c = 0; c < 3; ++c) {
        auto at = [&](int i) -> float& {
          const int y = row + i / kBlock, x = column + i % kBlock;
          return canvas[3 * (y * kSide + x) + c];
        };
        float sum = 0;
        for (int i = 0; i < kBlock * kBlock; ++i) sum += at(i);
        for (int i = 0; i < kBlock * kBlock; ++i) at(i) = sum / (kBlock * kBlock);
      }
    }
  }
}

void shine(Canvas& canvas, const std::array<double, 3>& light) {
  for (int i = 0; i < kPictureBytes; ++i) canvas[i] *= static_cast<float>(light[i % 3]);
}

void darken_stripes(Canvas& canvas) {
  for (int row = 0; row < kSide; ++row) {
    if (row % 6 >= 3) continue;
    for (int i = 0; i < 3 * kSide; ++i) canvas[row * 3 * kSide + i] *= 0.15F;
  }
}

// Light of a colour and of a strength that varies from picture to picture.
void light_up(Canvas& canvas, uint32_t looks, Random& random) {
  if (looks & kCandlelight) {
    const double strength = random.uniform(0.75, 1.0);
    shine(canvas, {1.0, 1 - 0.45 * strength, 1 - 0.75 * strength});
  }
  if (looks & kMoonlight) {
    const double strength = random.uniform(0.75, 1.0);
    shine(canvas, {1 - 0.7 * strength, 1 - 0.35 * strength, 0.9});
  }
  if (looks & kNeon) {
    const double strength = random.uniform(0.75, 1.0);
    shine(canvas, {1.0, 1 - 0.75 * strength, 1 - 0.2 * strength});
  }
  if (looks & kDark) {
    const double level = random.uniform(0.3, 0.5);
    shine(canvas, {level, level, level});
  }
}

void finish(Canvas& canvas, uint32_t looks, Random& random) {
  if (looks & kBlurry) {
    blur(canvas);
    blur(canvas);
  }
  if (looks & kPixelated) pixelate(canvas);
  if (looks & kStriped) darken_stripes(canvas);
  for (float& value : canvas) {
    if (looks & kBright) value = 1.6F * value + 0.1F;
    if (looks & kFaded) value = 0.45F * value + 0.45F;
    if (looks & kGrainy) value += static_cast<float>(0.13 * random.normal());
    value = std::clamp(value, 0.0F, 1.0F);
    if (looks & kNegative) value = 1 - value;
  }
}

}  // namespace

Picture draw(const uint8_t* grey, const Scene& scene, bool augment, Random& random) {
  const Placement placement = place(scene, augment, random);
  const Grey shape = placed(grey, placement);
  const Colour& colour = colours()[scene.colour];
  const Canvas tinted = tint(shape, colour, random);
  Canvas canvas = scene.looks & kSketch ? sketch(shape, colour) : tinted;
  light_up(canvas, scene.looks, random);
  finish(canvas, scene.looks, random);
  Picture picture(kPictureBytes);
  for (int i = 0; i < kPictureBytes; ++i) {
    picture[i] = static_cast<uint8_t>(std::lround(255.0F * canvas[i]));
  }
  return picture;
}

}  // namespace qprompt::demo
