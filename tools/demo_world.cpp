#include "demo_world.h"

#include <algorithm>

namespace qprompt::demo {
namespace {

// Garments and colours of the downstream task, by their first word. Folders sort by colour: the
// first four colours are the base half, the others the new one.
const std::vector<std::string> kTaskGarments = {"bag",   "boot",    "coat",
                                                "dress", "sneaker", "t-shirt"};
const std::vector<std::string> kTaskColours = {"blue",   "brown", "cyan",   "green",
                                               "orange", "pink",  "purple", "yellow"};

bool contains(const std::vector<std::string>& words, const std::string& word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

// The usual word most of the time, else any.
const std::string& choose_word(const std::vector<std::string>& words, Random& random) {
  return random.chance(0.7) ? words.front() : random.pick(words);
}

// Words of a caption that depend on the looks it names.
struct Naming {
  uint32_t named = 0;
  std::string medium;      // empty: any usual one
  std::string adjectives;  // each followed by a space
  std::string adverbials;  // each preceded by a space
};

void name_look(const LookWords& words, Random& random, Naming& naming) {
  const size_t forms[3] = {words.adjectives.size(), words.adverbials.size(),
                           naming.medium.empty() ? words.media.size() : 0};
  const size_t total = forms[0] + forms[1] + forms[2];
  if (total == 0) return;
  const size_t form = random.below(total);
  if (form < forms[0]) {
    naming.adjectives += words.adjectives[form] + " ";
  } else if (form < forms[0] + forms[1]) {
    naming.adverbials += " " + words.adverbials[form - forms[0]];
  } else {
    naming.medium = words.media[form - forms[0] - forms[1]];
  }
  naming.named |= words.look;
}

std::string article(const std::string& next, Random& random) {
  const bool vowel = std::string("aeiou").find(next.front()) != std::string::npos;
  if (vowel && random.chance(0.3)) return "an ";
  return random.chance(0.75) ? "a " : random.pick<std::string>({"the ", "one ", "my ", ""});
}

// "a photo of ", "the blurry picture of ", "itap of ", or nothing.
std::string opening(const Naming& naming, Random& random) {
  static const std::vector<std::string> kMedia = {"photo",   "photo", "photo",
                                                  "picture", "image", "snapshot"};
  if (naming.medium.empty() && naming.adjectives.empty() && random.chance(0.1)) return "itap of ";
  const std::string medium = naming.medium.empty() ? random.pick(kMedia) : naming.medium;
  const std::string words = naming.adjectives + medium;
  const std::string first = random.chance(0.8) ? article(words, random) : "";
  return first + words + " of ";
}

}  // namespace

const std::vector<Garment>& garments() {
  static const std::vector<Garment> kGarments = {
      {{"t-shirt", "tee", "top"}},
      {{"trousers", "pants", "pair of trousers"}},
      {{"pullover", "sweater", "jumper"}},
      {{"dress", "gown", "frock"}},
      {{"coat", "jacket", "overcoat"}},
      {{"sandal", "open shoe", "heel"}},
      {{"shirt", "blouse"}},
      {{"sneaker", "trainer", "running shoe"}},
      {{"bag", "handbag", "purse"}},
      {{"boot", "ankle boot", "high shoe"}},
  };
  return kGarments;
}

const std::vector<Colour>& colours() {
  static const std::vector<Colour> kColours = {
      {{"blue", "royal blue"}, {0.15F, 0.32F, 0.92F}},
      {{"brown", "chocolate"}, {0.52F, 0.31F, 0.14F}},
      {{"cyan", "turquoise"}, {0.15F, 0.80F, 0.85F}},
      {{"green", "leaf green"}, {0.15F, 0.62F, 0.20F}},
      {{"grey", "gray"}, {0.52F, 0.52F, 0.52F}},
      {{"orange", "tangerine"}, {0.95F, 0.52F, 0.10F}},
      {{"pink", "rose"}, {0.98F, 0.58F, 0.75F}},
      {{"purple", "violet"}, {0.55F, 0.22F, 0.75F}},
      {{"red", "scarlet"}, {0.88F, 0.12F, 0.12F}},
      {{"white", "snow white"}, {0.95F, 0.95F, 0.95F}},
      {{"yellow", "lemon yellow"}, {0.95F, 0.88F, 0.20F}},
  };
  return kColours;
}

const std::vector<LookWords>& looks() {
  static const std::vector<LookWords> kLooks = {
      {kBlurry, {"blurry", "blurred", "unsharp"}, {"out of focus"}, {}},
      {kGrainy, {"grainy", "noisy"}, {"with noise"}, {}},
      {kDark, {"dark", "dim"}, {"at night", "in the dark"}, {}},
      {kBright, {"bright", "overexposed"}, {"in bright light"}, {}},
      {kNegative, {"negative", "inverted"}, {}, {"negative", "film negative"}},
      {kSketch, {"sketched"}, {}, {"sketch", "drawing", "pencil drawing"}},
      {kPixelated, {"pixelated", "low resolution"}, {"in big pixels"}, {}},
      {kFaded, {"faded", "pale", "old"}, {"behind fog"}, {}},
      {kUpsideDown, {"flipped"}, {"upside down", "on its head"}, {}},
      {kCloseUp, {"close", "cropped"}, {"seen close"}, {"close-up", "detail"}},
      {kFarAway, {"small", "distant"}, {"far away", "in the distance"}, {}},
      {kCandlelight, {"candlelit", "warm"}, {"by candlelight", "in warm light", "at sunset"}, {}},
      {kMoonlight, {"moonlit", "cold"}, {"by moonlight", "in cold light"}, {}},
      {kNeon, {"neon"}, {"in neon light", "in a night club"}, {}},
      {kStriped, {"striped"}, {"behind blinds", "behind bars"}, {}},
  };
  return kLooks;
}

Caption describe(const Scene& scene, double name_looks, Random& random) {
  Naming naming;
  for (const LookWords& words : looks()) {
    if ((scene.looks & words.look) && random.chance(name_looks)) name_look(words, random, naming);
  }
  const std::string& colour = choose_word(colours()[scene.colour].words, random);
  const std::string& garment = choose_word(garments()[scene.garment].words, random);
  const bool colour_first = random.chance(0.8);
  std::string thing = colour_first ? colour + " " + garment : garment + " in " + colour;
  const bool no_medium = naming.medium.empty() && random.chance(0.2);
  if (no_medium) thing = naming.adjectives + thing;
  const std::string start = no_medium ? "" : opening(naming, random);
  std::string text = start + article(thing, random) + thing;
  if (!naming.adverbials.empty() && random.chance(0.35)) {
    text = naming.adverbials.substr(1) + ", " + text;
  } else {
    text += naming.adverbials;
  }
  if (random.chance(0.8)) text += ".";
  return {text, naming.named};
}

Scene random_scene(size_t garment, Random& random) {
  Scene scene;
  scene.garment = garment;
  scene.colour = random.below(colours().size());
  const double kind = random.uniform();
  if (kind >= 0.25) scene.looks |= random.pick(looks()).look;
  if (kind >= 0.85) scene.looks |= random.pick(looks()).look;
  return scene;
}

std::string class_name(const Scene& scene) {
  return colours()[scene.colour].words.front() + " " + garments()[scene.garment].words.front();
}

std::vector<Scene> task_classes() {
  std::vector<Scene> classes;
  for (size_t colour = 0; colour < colours().size(); ++colour) {
    for (size_t garment = 0; garment < garments().size(); ++garment) {
      if (contains(kTaskColours, colours()[colour].words.front()) &&
          contains(kTaskGarments, garments()[garment].words.front())) {
        classes.push_back({garment, colour, kTaskLooks});
      }
    }
  }
  std::sort(classes.begin(), classes.end(),
            [](const Scene& a, const Scene& b) { return class_name(a) < class_name(b); });
  return classes;
}

}  // namespace qprompt::demo
