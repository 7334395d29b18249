// Room `dataset`: folders and CoOp splits; base/new halves, k-shot draws, templates.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "qprompt/base.h"

namespace qprompt {

enum class Half { kAll, kBase, kNew };

/// One labelled image. `path` is relative to the split's `image_root`.
struct Item {
  std::string path;
  int64_t label = 0;
};

/// A data set: labels 0..C−1 index `class_names`; list order is the file's and is meaningful.
struct Split {
  std::string name;                      ///< "OxfordPets", or the folder's own name
  std::string image_root;                ///< absolute
  std::vector<std::string> class_names;  ///< C, as the data set spells them
  std::vector<Item> train, val, test;
};

/// Where the data is. `dataset` names a CoOp data set (config or registry name, any case), with
/// `root` CoOp's $DATA or the data set's own folder; empty means a folder with a sub-folder a
/// class.
struct DataOptions {
  std::string root;
  std::string dataset;
  uint64_t seed = 1;         ///< of the 50/20/30 split of a plain folder
  bool check_images = true;  ///< false: the split file is enough (`data sample`)
};

/// Reads a split. Throws kUsage (unknown data set), kPath (no such folder, no split file, missing
/// images) or kContent (one class only, empty class, malformed JSON; says where). Never writes into
/// the data folder.
Split load_split(const DataOptions& options, Log& log);

/// CoOp's few-shot draw (Dassl `generate_fewshot_dataset`): `shots` training and min(shots, 4)
/// validation items a class, drawn by CPython's generator from `seed`, train first, both over all
/// classes, in order of first appearance. shots < 1 keeps everything. A smaller class is taken
/// whole, with a warning. The test list is unchanged.
Split draw_few_shot(const Split& split, int64_t shots, uint64_t seed, Log& log);

/// The base or new half (CoOp `subsample_classes`): labels of the training list sorted, the first
/// ⌈n/2⌉ are base; other items are dropped, labels renumbered. Throws kContent on an empty half.
Split select_half(const Split& split, Half half);

/// A list of training (and, where given, validation) items in place of a draw: JSON as `data sample
/// --json` writes it. Paths must be in `split`'s training or validation list.
Split apply_sample(const Split& split, const std::string& sample_json_path);

/// What `data check` found; nothing is thrown for problems of single items.
struct DataReport {
  struct ClassCount {
    std::string name;
    int64_t train = 0, val = 0, test = 0;
  };
  std::vector<ClassCount> classes;
  std::vector<std::string> missing;     ///< listed, not on disk
  std::vector<std::string> unreadable;  ///< on disk, not decodable ("path: reason")
  std::vector<std::string> notes;       ///< duplicate names, empty halves, items listed twice, …
  bool clean() const { return missing.empty() && unreadable.empty() && notes.empty(); }
};
/// Decodes every image when `decode`, else looks at headers only.
DataReport check_split(const Split& split, bool decode, Log& log);

/// The hand-written template of a data set ("a photo of a {}, a type of pet."), CoOp's zero-shot
/// one; "a photo of a {}." for folders and unknown names.
std::string default_template(const std::string& dataset_name);
/// The template with `{}` replaced by the name, `_` shown as a space; throws kUsage without `{}`.
std::string fill_template(const std::string& text, const std::string& class_name);
/// Names of every known CoOp data set (config names).
std::vector<std::string> known_datasets();

std::string half_name(Half half);  ///< "all", "base", "new"

}  // namespace qprompt
