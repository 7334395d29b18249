#include "artifact/methods.h"

#include <algorithm>
#include <array>
#include <map>

namespace qprompt {

using Expected = std::vector<TensorSpec>;

MethodOptions TrainedPrompt::options() const {
  MethodOptions out(row());
  const auto set = [&](const char* name, const std::string& value) {
    if (out.has(name)) out.set(name, value);
  };
  set("n-ctx", cat(n_ctx));
  set("depth", cat(depth));
  set("class-position", position_name(position));
  set("class-specific", class_specific ? "true" : "false");
  // A context has taken the place of words that only started it.
  set("init", out.method().words == Words::kStart ? "" : initial_words);
  int64_t blocks = 0, rows = 0;  // of the image tower
  for (const StoredTensor& tensor : tensors) {
    if (tensor.name.rfind("vision.", 0) != 0) continue;
    if (blocks++ == 0 && !tensor.shape.empty()) rows = tensor.shape.front();
  }
  // At least one: text rows alone are another method's.
  set("vision-depth", cat(std::clamp<int64_t>(blocks, 1, 255)));
  set("vision-ctx", cat(std::clamp<int64_t>(rows, 0, 65535)));
  return out;
}

namespace artifact {
namespace {

std::string shown(const std::vector<int64_t>& shape) {
  std::string out;
  for (const int64_t size : shape) out += cat(out.empty() ? "" : " x ", size);
  return out;
}

/// "M x D = 2 x 512": the letters, then what is known of their sizes.
std::string shown(const std::vector<Axis>& axes) {
  std::string letters, sizes;
  for (const auto& axis : axes) {
    letters += cat(letters.empty() ? "" : " x ", axis.letter);
    sizes += sizes.empty() ? "" : " x ";
    sizes += axis.size == 0 ? "any" : cat(axis.size);
  }
  return letters + " = " + sizes;
}

/// Whether one of the tensors, found or expected, has this name.
template <class Tensors>
bool has(const Tensors& tensors, const std::string& name) {
  return std::any_of(tensors.begin(), tensors.end(),
                     [&](const auto& tensor) { return tensor.name == name; });
}

void check_names(const TrainedPrompt& prompt, const Expected& expected) {
  const std::string whose =
      cat("this ", prompt.row().label, " prompt of depth ", prompt.depth);
  for (const auto& tensor : expected) {
    if (has(prompt.tensors, tensor.name)) continue;
    fail(ErrorKind::kContent, "tensor '", tensor.name, "' is missing, which ", whose, " has");
  }
  for (const auto& tensor : prompt.tensors) {
    if (has(expected, tensor.name)) continue;
    fail(ErrorKind::kContent, "tensor '", tensor.name, "' is none of the ", expected.size(),
         " tensors of ", whose);
  }
  for (size_t t = 0; t < prompt.tensors.size(); ++t) {
    if (t < expected.size() && prompt.tensors[t].name == expected[t].name) continue;
    fail(ErrorKind::kContent, "tensor ", t + 1, " of ", whose, " is '", prompt.tensors[t].name,
         "' where ", t < expected.size() ? cat("'", expected[t].name, "'") : "nothing",
         " was expected; the order of the tensors is fixed");
  }
}

}  // namespace

void check_method(const TrainedPrompt& prompt) {
  const auto words = method_words();
  const bool known = std::find(words.begin(), words.end(), prompt.method) != words.end();
  if (!known || prompt.row().stored_form == kNotStored) {
    fail(ErrorKind::kContent, "'", prompt.method, "' is no method that leaves a prompt behind");
  }
  const MethodOptions listed(prompt.row());
  const std::string& name = prompt.row().label;
  if (!listed.has("depth") && prompt.depth != 1) {
    fail(ErrorKind::kContent, "the prompt depth of this ", name, " prompt is ", prompt.depth,
         "; 1 expected, for it has a context before the first block only");
  }
  if (prompt.class_specific && !listed.has("class-specific")) {
    fail(ErrorKind::kContent, "this ", name, " prompt is marked class-specific; it cannot be");
  }
  if (!listed.has("class-position") && prompt.position != ClassPosition::kEnd) {
    fail(ErrorKind::kContent, "the class token's position of this ", name,
         " prompt is not 'end', the only one that this method has");
  }
}

void check_tensors(const TrainedPrompt& prompt) {
  Sizes sizes;
  sizes.classes = static_cast<int64_t>(prompt.class_names.size());
  sizes.text_width = prompt.width;
  Expected expected = prompt.row().tensors(prompt.options(), sizes);
  check_names(prompt, expected);
  std::map<char, int64_t> found;           // sizes that the head does not say
  std::map<char, std::string_view> where;  // and the tensor that said them
  for (size_t t = 0; t < expected.size(); ++t) {
    const std::vector<int64_t>& shape = prompt.tensors[t].shape;
    bool fits = shape.size() == expected[t].axes.size();
    std::string source = prompt.class_specific ? "the head and the class names" : "the head";
    for (size_t a = 0; a < expected[t].axes.size(); ++a) {
      Axis& axis = expected[t].axes[a];
      if (axis.size == 0 && found.count(axis.letter) != 0) {
        axis.size = found[axis.letter];
        source = cat("the head, and '", where[axis.letter], "' for ", axis.letter);
      }
      if (fits && axis.size == 0) {
        axis.size = found[axis.letter] = shape[a];
        where[axis.letter] = expected[t].name;
      }
      fits = fits && shape[a] == axis.size;
    }
    if (fits) continue;
    fail(ErrorKind::kContent, "the shape of '", expected[t].name, "' is ", shown(shape), "; ",
         shown(expected[t].axes), " expected by ", source);
  }
}

}  // namespace artifact
}  // namespace qprompt
