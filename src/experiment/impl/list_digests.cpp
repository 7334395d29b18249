#include "experiment/impl/list_digests.h"

#include "features/image_contents.h"
#include "qprompt/weights.h"

namespace qprompt {

const std::string& ListDigests::of(const std::shared_ptr<const Split>& split,
                                   std::vector<Item> Split::*list) {
  const std::vector<Item>& items = (*split).*list;
  Known& known = known_[{split.get(), &items}];
  if (!known.digest.empty()) return known.digest;
  const std::vector<std::string> contents = image_contents(split->image_root, items, features_);
  Digest digest;
  digest.update_text(split->name);  // files of prompts say it
  for (const std::string& name : split->class_names) digest.update_text(name);
  for (size_t i = 0; i < items.size(); ++i) {
    // The path decides the random views.
    digest.update_text(cat(items[i].label, " ", items[i].path));
    digest.update_text(contents[i]);
  }
  known = {split, digest.hex()};
  return known.digest;
}

void ListDigests::fill(Cell& cell) {
  for (TestList& list : cell.tests) list.digest = of(list.split, &Split::test);
  DrawnList& drawn = cell.training.drawn;
  if (!drawn.split) return;
  drawn.digest = of(drawn.split, &Split::train);
  if (cell.training.fit.train.selection == Selection::kValidation) {
    drawn.val_digest = of(drawn.split, &Split::val);
  }
}

}  // namespace qprompt
