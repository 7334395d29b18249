// The little world that the demo's CLIP learns: coloured garments in various looks, drawn from
// Fashion-MNIST images, and the captions that people might write under them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "demo_files.h"
#include "demo_random.h"

namespace qprompt::demo {

// A garment of Fashion-MNIST; its index is the label there. The first word is the usual one.
struct Garment {
  std::vector<std::string> words;
};

struct Colour {
  std::vector<std::string> words;
  float rgb[3];
};

// What can be done to a picture. Each is one bit of Scene::looks.
enum Look : uint32_t {
  kBlurry = 1u << 0,
  kGrainy = 1u << 1,
  kDark = 1u << 2,
  kBright = 1u << 3,
  kNegative = 1u << 4,
  kSketch = 1u << 5,
  kPixelated = 1u << 6,
  kFaded = 1u << 7,
  kUpsideDown = 1u << 8,
  kCloseUp = 1u << 9,
  kFarAway = 1u << 10,
  kCandlelight = 1u << 11,
  kMoonlight = 1u << 12,
  kNeon = 1u << 13,
  kStriped = 1u << 14,
};

// How captions say it: as an adjective before the medium or the garment ("a blurry photo"), as an
// adverbial ("by candlelight"), or as the medium itself ("a sketch of"). Lists may be empty.
struct LookWords {
  Look look;
  std::vector<std::string> adjectives;
  std::vector<std::string> adverbials;
  std::vector<std::string> media;
};

const std::vector<Garment>& garments();
const std::vector<Colour>& colours();
const std::vector<LookWords>& looks();

struct Scene {
  size_t garment = 0;  // in garments()
  size_t colour = 0;   // in colours()
  uint32_t looks = 0;  // set of Look

  bool same_class(const Scene& other) const {
    return garment == other.garment && colour == other.colour;
  }
};

// Draws the scene from a grey image of its garment. Colour, light and background vary a little from
// picture to picture; with `augment`, position, size and side do too.
Picture draw(const uint8_t* grey, const Scene& scene, bool augment, Random& random);

struct Caption {
  std::string text;
  uint32_t named = 0;  // the looks that the text names: a subset of the scene's
};

// A caption in varied wording; each look is named with probability `name_looks`.
Caption describe(const Scene& scene, double name_looks, Random& random);

// A scene for pretraining: any garment and colour, and none, one or two looks.
Scene random_scene(size_t garment, Random& random);

// "red sneaker"
std::string class_name(const Scene& scene);

// The classes of the downstream task in the order of their folders, "red_sneaker".
std::vector<Scene> task_classes();

// The looks of the downstream task, and words that name them, for information only: the task's own
// template is "a photo of a {}.".
inline constexpr uint32_t kTaskLooks = kUpsideDown | kNeon;
inline constexpr char kPlainTemplate[] = "a photo of a {}.";
inline constexpr char kNamingTemplate[] = "a flipped neon photo of a {}.";

}  // namespace qprompt::demo
