// Dassl pickles its `Datum` objects by class, each with a dictionary of attributes. The class is
// never looked for: any object with these attributes is taken.
#include "dataset/impl/coop_pickle.h"

#include "qprompt/base.h"
#include "qprompt/weights.h"

namespace qprompt::dataset {
namespace {

using nlohmann::json;
using Kind = PickleValue::Kind;

template <class... What>
[[noreturn]] void refuse(const std::string& file, const What&... what) {
  fail(ErrorKind::kContent, "the sample '", file, "': ", what...);
}

json read_datum(const PickleValue& value, const std::string& file, const std::string& where) {
  const PickleValue* state = value.is(Kind::kObject) ? value.state : nullptr;
  if (state == nullptr || !state->is(Kind::kDict)) {
    refuse(file, where, " is no Datum of Dassl (an object with _impath, _label and _classname)");
  }
  const PickleValue* path = state->find("_impath");
  const PickleValue* label = state->find("_label");
  const PickleValue* name = state->find("_classname");
  if (path == nullptr || !path->is(Kind::kString)) refuse(file, where, "._impath is no text");
  if (label == nullptr || !label->is(Kind::kInt)) refuse(file, where, "._label is no whole number");
  if (name == nullptr || !name->is(Kind::kString)) refuse(file, where, "._classname is no text");
  return {{"path", path->text}, {"label", label->integer}, {"class", name->text}};
}

}  // namespace

json read_coop_pickle(const std::string& file) {
  const PickleTree tree = read_pickle(file);
  if (!tree.root->is(Kind::kDict) || tree.root->find("train") == nullptr) {
    refuse(file, "a dictionary with the list 'train' (and optionally 'val') was expected in it");
  }
  json out = json::object();
  for (const char* key : {"train", "val"}) {
    const PickleValue* list = tree.root->find(key);
    if (list == nullptr) continue;
    if (!list->is(Kind::kList)) refuse(file, key, " must be a list");
    out[key] = json::array();
    for (size_t i = 0; i < list->items.size(); ++i) {
      out[key].push_back(read_datum(*list->items[i], file, cat(key, "[", i, "]")));
    }
  }
  return out;
}

}  // namespace qprompt::dataset
