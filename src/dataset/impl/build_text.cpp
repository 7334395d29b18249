// Sets whose annotations are text files: Oxford Pets, SUN397, UCF101, FGVC-Aircraft.
#include <algorithm>
#include <filesystem>
#include <unordered_map>

#include "dataset/impl/annotations.h"
#include "dataset/impl/readers.h"

namespace qprompt::dataset {
namespace {

using LabelsByName = std::unordered_map<std::string, int64_t>;

/// "american_bulldog_12" → "american_bulldog": all but the last part, in lower case.
std::string breed_of(const std::string& image) {
  std::string breed = image.substr(0, std::min(image.rfind('_'), image.size()));
  for (char& c : breed) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return breed;
}

std::vector<Item> read_pets(const std::string& path, NamesByLabel& names) {
  std::vector<Item> items;
  for (LineFile file(path); file.next();) {
    const auto words = file.words(4, "'image class species breed'");
    const std::string& image = file.checked_path(words[0]);
    if (image.find('_') == std::string::npos) {
      file.refuse("the image '", image, "' is not named BREED_NUMBER");
    }
    const int64_t label = file.number(words[1]) - 1;
    name_label(names, label, breed_of(image), file);
    items.push_back({image + ".jpg", label});
  }
  return items;
}

/// "/b/bow_window/indoor" → "indoor bow_window": without the letter, parts in reverse.
std::string sun_name(const std::string& folder) {
  std::vector<std::string> parts;
  std::string part;
  for (const char c : folder + "/") {
    if (c != '/') {
      part += c;
    } else if (!part.empty()) {
      parts.push_back(std::move(part));
      part.clear();
    }
  }
  if (!parts.empty()) parts.erase(parts.begin());
  std::reverse(parts.begin(), parts.end());
  return join_words(parts, 0);
}

std::vector<Item> read_sun(const std::string& path, const LabelsByName& labels) {
  std::vector<Item> items;
  for (LineFile file(path); file.next();) {
    if (file.line()[0] != '/') file.refuse("a path that begins with '/' was expected");
    const std::string image = file.line().substr(1);
    file.checked_path(image);
    const std::string folder = image.substr(0, std::min(image.rfind('/'), image.size()));
    const auto found = labels.find(folder);
    if (found == labels.end()) file.refuse("ClassName.txt has no class '/", folder, "'");
    items.push_back({image, found->second});
  }
  return items;
}

/// "YoYo" → "Yo_Yo": a new part at every capital letter; what stands before the first is lost.
std::string ucf_name(const std::string& action) {
  std::string name;
  for (const char c : action) {
    const bool capital = c >= 'A' && c <= 'Z';
    if (capital && !name.empty()) name += '_';
    if (capital || !name.empty()) name += c;
  }
  return name;
}

std::vector<Item> read_ucf(const std::string& path, const LabelsByName& labels) {
  std::vector<Item> items;
  for (LineFile file(path); file.next();) {
    const std::string video = file.words(1, "a video's path")[0];
    file.checked_path(video);
    const size_t slash = video.find('/');
    const std::string action = video.substr(0, slash);
    const auto found = labels.find(action);
    if (slash == std::string::npos || found == labels.end()) {
      file.refuse("'ACTION/VIDEO.avi' with an action of classInd.txt was expected, got '",
                  video.substr(0, 200), "'");
    }
    std::string frame = video.substr(slash + 1);
    if (const size_t ending = frame.rfind(".avi"); ending != std::string::npos) {
      frame = frame.substr(0, ending) + ".jpg";
    }
    items.push_back({ucf_name(action) + "/" + frame, found->second});
  }
  return items;
}

std::vector<Item> read_variants(const std::string& path, const LabelsByName& labels) {
  std::vector<Item> items;
  for (LineFile file(path); file.next();) {
    const auto words = file.words(2, "'image variant'");
    const std::string variant = join_words(words, 1);
    const auto found = labels.find(variant);
    if (found == labels.end()) file.refuse("variants.txt has no variant '", variant, "'");
    items.push_back({file.checked_path(words[0]) + ".jpg", found->second});
  }
  return items;
}

}  // namespace

Split build_pets(const Place& place, Rng& rng) {
  Split split;
  NamesByLabel names;
  const std::string trainval = place.below("annotations/trainval.txt");
  split_trainval(split, read_pets(trainval, names), rng);
  split.test = read_pets(place.below("annotations/test.txt"), names);
  split.class_names = names_in_order(names, trainval);
  return split;
}

Split build_sun(const Place& place, Rng& rng) {
  Split split;
  LabelsByName labels;
  for (LineFile file(place.below("ClassName.txt")); file.next();) {
    const std::string name = sun_name(file.line());
    if (file.line()[0] != '/' || name.empty()) {
      file.refuse("a class as '/a/abbey' was expected, got '", file.line().substr(0, 200), "'");
    }
    const auto label = static_cast<int64_t>(split.class_names.size());
    if (!labels.emplace(file.line().substr(1), label).second) {
      file.refuse("the class '", file.line(), "' is listed twice");
    }
    split.class_names.push_back(name);
  }
  split_trainval(split, read_sun(place.below("Training_01.txt"), labels), rng);
  split.test = read_sun(place.below("Testing_01.txt"), labels);
  return split;
}

Split build_ucf(const Place& place, Rng& rng) {
  NamesByLabel names;
  LabelsByName labels;
  LineFile classes(place.below("ucfTrainTestlist/classInd.txt"));
  while (classes.next()) {
    const auto words = classes.words(2, "'number action'");
    const int64_t label = classes.number(words[0]) - 1;
    const std::string name = ucf_name(words[1]);
    if (name.empty()) classes.refuse("the action '", words[1], "' has no capital letter");
    name_label(names, label, name, classes);
    if (!labels.emplace(words[1], label).second) {
      classes.refuse("the action '", words[1], "' is listed twice");
    }
  }
  Split split;
  split.class_names = names_in_order(names, classes.path());
  split_trainval(split, read_ucf(place.below("ucfTrainTestlist/trainlist01.txt"), labels), rng);
  split.test = read_ucf(place.below("ucfTrainTestlist/testlist01.txt"), labels);
  return split;
}

Split read_aircraft(const Place& place) {
  Split split;
  LabelsByName labels;
  for (LineFile file(place.below("variants.txt")); file.next();) {
    // The lists are joined with single spaces, so a variant's own name must be, too.
    const std::string name = join_words(file.words(1, "a variant's name"), 0);
    if (!labels.emplace(name, static_cast<int64_t>(split.class_names.size())).second) {
      file.refuse("the variant '", name, "' is listed twice");
    }
    split.class_names.push_back(name);
  }
  split.train = read_variants(place.below("images_variant_train.txt"), labels);
  split.val = read_variants(place.below("images_variant_val.txt"), labels);
  split.test = read_variants(place.below("images_variant_test.txt"), labels);
  split.published_split = true;
  return split;
}

}  // namespace qprompt::dataset
