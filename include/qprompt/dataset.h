// Room `dataset`: folders and CoOp splits; base/new halves, k-shot draws, templates.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "method/kinds.h"
#include "qprompt/base.h"

namespace qprompt {

using Half = ClassSubset;

/// One labelled image. `path` is relative to the split's `image_root`.
struct Item {
  std::string path;
  int64_t label = 0;
};

/// A data set: labels 0..C−1 index `class_names`; list order is the file's and is meaningful.
/// Names may repeat (ImageNet has two "missile"): a class is its label, never its name.
struct Split {
  std::string name;                      ///< "OxfordPets", or the folder's own name
  std::string image_root;                ///< absolute
  std::vector<std::string> class_names;  ///< C, as the data set spells them
  std::vector<Item> train, val, test;
  std::string folder = {};       ///< the set's own folder, absolute: image_root or above it
  bool test_only = false;        ///< no training list: ImageNet's variants
  bool published_split = false;  ///< false: split here, so published numbers do not compare
};

/// One data set of CoOp's benchmark, and the counts it was published with (0: has no such list).
struct DatasetInfo {
  std::string config;  ///< "oxford_pets", the name of its configuration file
  std::string name;    ///< "OxfordPets", the name that CoOp registers
  std::string folder;  ///< below $DATA
  std::string images;  ///< below `folder`: what the paths of items are relative to
  std::string text;    ///< the template of zero-shot CLIP (CoOp, trainers/zsclip.py)
  int64_t classes = 0, train = 0, val = 0, test = 0;
  int64_t base_test = 0, new_test = 0;  ///< test images of the two halves; 0: test-only sets
  bool test_only = false;  ///< a variant of ImageNet: train on "imagenet", test on this
};
/// The eleven data sets, then the four variants of ImageNet.
const std::vector<DatasetInfo>& known_datasets();
/// The set of this configuration, registry or folder name, in any case; null when unknown.
const DatasetInfo* find_dataset(const std::string& name);

/// Where the data is. `dataset` names a CoOp data set (config or registry name, any case), with
/// `root` CoOp's $DATA or the data set's own folder; empty means a folder with a sub-folder a
/// class, or tables and shards: a file of paths and labels (.csv, .tsv, .jsonl), a folder with
/// Hugging Face's metadata.csv or .jsonl, or tar files of WebDataset, alone or in a folder.
struct DataOptions {
  std::string root;
  std::string dataset;
  uint64_t seed = 1;         ///< of the 50/20/30 split of a plain folder
  bool check_images = true;  ///< false: the split file is enough (`data sample`)
  std::string cache = {};    ///< folder for splits built here; empty: they are not kept
  bool partial = false;      ///< drop listed images that are not there, with a warning
};

/// Reads a split. Throws kUsage (unknown data set), kPath (no such folder, missing annotations or
/// images) or kContent (one class only, empty class, malformed files; says where). Never writes
/// into the data folder.
/// - A set whose published split file is absent is split as CoOp splits it, by Python's generator
///   with seed 1 over sorted names, with a warning. The result is kept in `cache` and used again.
/// - ImageNet has no validation list, and test images where `images/val` has class folders.
/// - A variant has test images only, and labels of its own, 0..C−1 in the order of ImageNet's ids:
///   all 1000 classes for V2 and Sketch, the 200 present ones for A and R. `class_names` are
///   ImageNet's, so that a class matrix made from them is over the variant's own classes.
Split load_split(const DataOptions& options, Log& log);

/// What a walk through folders left out.
struct LeftOut {
  int64_t hidden = 0;  ///< names that begin with a dot
  int64_t system = 0;  ///< what systems leave in folders: __MACOSX, @eaDir, Thumbs.db, …
  int64_t other = 0;   ///< files that are no images
  std::vector<std::string> nested, circles, unreadable;  ///< folders: below classes, links up, …
  /// "3 hidden, 1 of the system's and 2 other entries"; empty where all counts are 0.
  std::string counts() const;
};
/// The images below a folder at any depth, links to folders followed, sorted by path.
struct FoundImages {
  std::vector<std::string> paths;
  LeftOut left_out;
};
/// What is left out is noted. Throws kPath when the folder cannot be read.
FoundImages find_images(const std::string& folder, Log& log);

/// CoOp's few-shot draw (Dassl `generate_fewshot_dataset`): `shots` training and min(shots, 4)
/// validation items a class, drawn by CPython's generator from `seed`, train first, both over all
/// classes, in order of first appearance. shots < 1 keeps everything. A smaller class is taken
/// whole, with a warning. The test list is unchanged. Throws kUsage for a test-only split. From
/// ImageNet, CoOp's own draw where its file is there (`find_coop_sample`).
Split draw_few_shot(const Split& split, int64_t shots, uint64_t seed, Log& log);

/// The base or new half (CoOp `subsample_classes`): labels of the training list (of the test list
/// where the split is test-only) sorted, the first ⌈n/2⌉ are base; other items are dropped, labels
/// renumbered. Throws kContent on an empty half.
Split select_half(const Split& split, Half half);

/// A list of training (and, where given, validation) items in place of a draw: JSON as `data sample
/// --json` writes it, or CoOp's pickle `split_fewshot/shot_K-seed_S.pkl`, read as data only.
/// Paths must be in `split`'s training or validation list; of a pickle's absolute paths, the part
/// that is below `image_root` counts, so that it may come from another machine.
Split apply_sample(const Split& split, const std::string& sample_path);

/// CoOp's own pickle of this draw in the data set's folder; empty when there is none. ImageNet's
/// draw depends on the order in which a disk lists its files, so only that file repeats it.
std::string find_coop_sample(const Split& split, int64_t shots, uint64_t seed);

/// What `data check` found; nothing is thrown for problems of single items.
struct DataReport {
  struct ClassCount {
    std::string name;
    int64_t train = 0, val = 0, test = 0;
  };
  std::vector<ClassCount> classes;
  std::vector<std::string> missing;     ///< listed, not on disk
  std::vector<std::string> unreadable;  ///< on disk, not decodable ("path: reason")
  std::vector<std::string> notes;       ///< counts not as published, duplicate names, …
  bool clean() const { return missing.empty() && unreadable.empty() && notes.empty(); }
};
/// Decodes every image when `decode`, else looks at headers only. Same report for any `threads`.
struct CheckOptions {
  bool decode = true;
  int64_t threads = 1;
};
DataReport check_split(const Split& split, const CheckOptions& options, Log& log);

/// The split without those training and validation images that cannot be decoded; `broken` gets
/// why, each with its path.
Split drop_broken(const Split& split, int64_t threads, std::vector<std::string>& broken);

/// The hand-written template of a data set ("a photo of a {}, a type of pet."), CoOp's zero-shot
/// one; "a photo of a {}." for folders and unknown names.
std::string default_template(const std::string& dataset_name);

inline const std::string& half_name(Half half) { return subset_name(half); }

}  // namespace qprompt
