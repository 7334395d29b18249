// The ways in which a split is read from a data folder.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "dataset/impl/catalogue.h"
#include "qprompt/dataset.h"

namespace qprompt::dataset {

/// The most images that a data set may list.
constexpr int64_t kMaxItems = 10'000'000;

/// CoOp's `split_zhou_*.json`: class names and lists. `file` stands in messages.
Split parse_split_json(const std::string& file, std::string_view bytes);
Split read_split_json(const std::string& file);
/// The same, written; reading it gives the split's lists back.
std::string split_json(const Split& split);

/// Where a set lies: its own folder, and what its items' paths are relative to.
struct Place {
  std::string folder, image_root;

  /// The path of a file of the set.
  std::string below(const std::string& name) const { return folder + "/" + name; }
};

/// A data set in CoOp's layout; `options.root` is $DATA or the set's own folder, absolute.
Split read_coop(const DataOptions& options, const KnownDataset& set, Log& log);

/// The split of a set whose split file is absent, as CoOp would make it from the annotations (its
/// `datasets/*.py`), with Python's generator of `seed` on sorted names.
Split build_split(const Place& place, const KnownDataset& set, uint64_t seed, Log& log);
Split build_folders(const Place& place, const KnownDataset& set, Rng& rng, Log& log);
Split build_pets(const Place& place, Rng& rng);
Split build_sun(const Place& place, Rng& rng);
Split build_ucf(const Place& place, Rng& rng);
Split build_cars(const Place& place, Rng& rng);
Split build_flowers(const Place& place, Rng& rng);

/// FGVC-Aircraft's own lists.
Split read_aircraft(const Place& place);
/// ImageNet, or one of its variants; `root` is where ImageNet's own folder may lie beside it.
Split read_imagenet(const Place& place, const KnownDataset& set, Log& log);

/// Throws kContent when a class has no image to train on (to test on, where test-only), or there is
/// one class only; warns of names that repeat. `where` begins the messages.
void check_classes(const Split& split, const std::string& where, Log& log);

/// A split made here is kept in `cache` (empty: nowhere), and the kept one is used from then on.
/// Throws kContent when it lists images that the folder no longer has.
Split keep_split(Split built, const KnownDataset& set, const std::string& cache, Log& log);

/// A folder with a sub-folder a class, or with train/, val/ and test/ above those.
Split read_folder(const std::string& root, uint64_t seed, Log& log);

/// "a, b, c and 9 more": the first few of many names.
std::string first_few(const std::vector<std::string>& names);

/// The plural ending of a count: "" for 1, else "s".
const char* plural(int64_t count);

/// A path with Windows' separators turned into "/": split files are written there, too.
std::string with_slashes(std::string path);

/// What is wrong with a path from a file, which must stay below the image folder; empty if nothing.
std::string path_fault(const std::string& path);

/// CoOp's split of one class of n images: a permutation, of which the first round(n/2) images are
/// for training and the next round(n/5) for validation; halves round to even, as in Python.
void split_class(Split& split, const std::vector<std::string>& paths, int64_t label, Rng& rng);

/// CoOp's `split_trainval`: a fifth of each class's items to `val`, the rest to `train`.
void split_trainval(Split& split, const std::vector<Item>& items, Rng& rng);

}  // namespace qprompt::dataset
