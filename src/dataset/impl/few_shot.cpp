#include <algorithm>
#include <set>
#include <unordered_map>

#include "dataset/impl/readers.h"

namespace qprompt {
namespace {

constexpr int64_t kMostValidationShots = 4;

/// The draw from one list. Classes in order of first appearance; the generator is asked only for
/// classes that have enough items, as CPython's `random.sample` is.
std::vector<Item> draw(const std::vector<Item>& items, int64_t shots, Rng& rng,
                       std::vector<int64_t>& small_labels) {
  std::vector<int64_t> labels;
  std::unordered_map<int64_t, std::vector<size_t>> places;
  for (size_t i = 0; i < items.size(); ++i) {
    auto& group = places[items[i].label];
    if (group.empty()) labels.push_back(items[i].label);
    group.push_back(i);
  }
  std::vector<Item> drawn;
  for (const int64_t label : labels) {
    const std::vector<size_t>& group = places[label];
    const auto n = static_cast<int64_t>(group.size());
    if (n < shots) {
      small_labels.push_back(label);
      for (const size_t place : group) drawn.push_back(items[place]);
      continue;
    }
    for (const int64_t i : rng.sample(n, shots)) {
      drawn.push_back(items[group[static_cast<size_t>(i)]]);
    }
  }
  return drawn;
}

void warn_small(const Split& split, const std::vector<int64_t>& labels, int64_t shots,
                const char* kind, Log& log) {
  if (labels.empty()) return;
  std::vector<std::string> names;
  for (const int64_t label : labels)
    names.push_back(split.class_names.at(static_cast<size_t>(label)));
  const auto n = static_cast<int64_t>(labels.size());
  log.warn(cat(n, n == 1 ? " class has" : " classes have", " fewer than ", shots, " ", kind,
               " image", dataset::plural(shots), " and ", n == 1 ? "is" : "are",
               " taken whole: ", dataset::first_few(names)));
}

/// CoOp's draw from ImageNet is over the order in which one disk listed its files, so only CoOp's
/// own file repeats it. False where there is none.
bool draw_as_coop_did(const Split& split, int64_t shots, uint64_t seed, Log& log, Split& drawn) {
  if (split.name != "ImageNet") return false;
  const std::string pickle = find_coop_sample(split, shots, seed);
  if (!pickle.empty()) {
    drawn = apply_sample(split, pickle);
    log.note("this draw from ImageNet is CoOp's own, from '" + pickle + "'");
    return true;
  }
  log.note(
      "this draw from ImageNet is over sorted file names; CoOp's own is over the order of one disk "
      "and can only be read, from its split_fewshot/*.pkl, where you have that");
  return false;
}

}  // namespace

Split draw_few_shot(const Split& split, int64_t shots, uint64_t seed, Log& log) {
  if (split.test_only) {
    fail(ErrorKind::kUsage, "'", split.name, "' has test images only; train on another data set (",
         "for a variant of ImageNet, on imagenet) and test on this one");
  }
  Split drawn = split;
  if (shots < 1) return drawn;
  if (draw_as_coop_did(split, shots, seed, log, drawn)) return drawn;
  Rng rng(seed);
  const int64_t val_shots = std::min(shots, kMostValidationShots);
  std::vector<int64_t> small_train, small_val;
  drawn.train = draw(split.train, shots, rng, small_train);
  drawn.val = draw(split.val, val_shots, rng, small_val);
  warn_small(split, small_train, shots, "training", log);
  warn_small(split, small_val, val_shots, "validation", log);
  return drawn;
}

Split select_half(const Split& split, Half half) {
  if (half == Half::kAll) return split;
  std::set<int64_t> distinct;
  for (const Item& item : split.test_only ? split.test : split.train) distinct.insert(item.label);
  const std::vector<int64_t> labels(distinct.begin(), distinct.end());
  const size_t middle = (labels.size() + 1) / 2;
  const size_t first = half == Half::kBase ? 0 : middle;
  const size_t last = half == Half::kBase ? middle : labels.size();
  if (first == last) {
    fail(ErrorKind::kContent, "the ", half_name(half), " half of ", split.name,
         " is empty: its images are of ", labels.size(), " class", labels.size() == 1 ? "" : "es");
  }
  Split selected = split;
  selected.class_names.clear();
  for (auto* items : {&selected.train, &selected.val, &selected.test}) items->clear();
  std::unordered_map<int64_t, int64_t> renumbered;
  for (size_t i = first; i < last; ++i) {
    renumbered.emplace(labels[i], static_cast<int64_t>(i - first));
    selected.class_names.push_back(split.class_names.at(static_cast<size_t>(labels[i])));
  }
  const auto keep = [&](const std::vector<Item>& items, std::vector<Item>& kept) {
    for (const Item& item : items) {
      const auto found = renumbered.find(item.label);
      if (found != renumbered.end()) kept.push_back({item.path, found->second});
    }
  };
  keep(split.train, selected.train);
  keep(split.val, selected.val);
  keep(split.test, selected.test);
  return selected;
}

}  // namespace qprompt
