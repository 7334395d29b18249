// The data sets of CoOp's benchmark: where their files are, and how a split is read from them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "qprompt/dataset.h"

namespace qprompt::dataset {

/// How the images of a set are listed. For sets with a published split file: where that is absent.
enum class Layout {
  kFolders,     ///< a folder a class, split 50/20/30 %
  kPets,        ///< annotations/{trainval,test}.txt
  kCars,        ///< three .mat files
  kFlowers,     ///< imagelabels.mat, cat_to_name.json
  kSun,         ///< ClassName.txt, Training_01.txt, Testing_01.txt
  kUcf,         ///< ucfTrainTestlist/
  kAircraft,    ///< variants.txt, images_variant_*.txt: published, needs no split file
  kImageNet,    ///< classnames.txt, images/{train,val}/<id>/
  kNumbers,     ///< classnames.txt, a folder a label
  kIds,         ///< classnames.txt, a folder an id of every class
  kIdsPresent,  ///< classnames.txt, a folder an id; labels count the present ones
};

/// To add a set that has a split file or a folder a class, add its line to the table.
struct KnownDataset {
  DatasetInfo info;
  Layout layout = Layout::kFolders;
  std::string split_file;  ///< in the set's folder; empty when none was published
  /// Whether its published lists are the files that class folders hold.
  bool listed() const { return layout >= Layout::kImageNet; }
};

const std::vector<KnownDataset>& catalogue();

/// The set of this configuration, registry or folder name, in any case; null when unknown.
const KnownDataset* find_known(std::string_view name);

}  // namespace qprompt::dataset
