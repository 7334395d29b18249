#include "artifact/methods.h"

#include <algorithm>
#include <array>
#include <map>

namespace qprompt {

std::string_view method_name(PromptMethod method) {
  constexpr std::array<std::string_view, 6> kNames = {"CoOp", "CoCoOp", "MaPLe",
                                                      "IVLP", "VPT",    "DeepText"};
  const auto number = static_cast<size_t>(method);
  return number < kNames.size() ? kNames[number] : "";
}

namespace artifact {
namespace {

using Expected = std::vector<ExpectedTensor>;

/// `ctx`, then the rows that take their place before the blocks 1 … depth - 1.
void add_text(Expected& out, const TrainedPrompt& prompt) {
  const std::vector<ExpectedAxis> rows = {{'M', prompt.n_ctx}, {'D', prompt.width}};
  out.push_back({"ctx", rows});
  for (int64_t j = 1; j < prompt.depth; ++j) out.push_back({cat("deep.", j), rows});
}

void add_vision(Expected& out, int64_t blocks, const ExpectedAxis& rows) {
  for (int64_t j = 0; j < blocks; ++j) {
    out.push_back({cat("vision.", j), {rows, {'W', 0}}});
  }
}

void add_meta_net(Expected& out, const TrainedPrompt& prompt) {
  out.push_back({"meta.1.weight", {{'H', 0}, {'E', 0}}});
  out.push_back({"meta.1.bias", {{'H', 0}}});
  out.push_back({"meta.2.weight", {{'D', prompt.width}, {'H', 0}}});
  out.push_back({"meta.2.bias", {{'D', prompt.width}}});
}

void add_projections(Expected& out, const TrainedPrompt& prompt) {
  for (int64_t j = 0; j < prompt.depth; ++j) {
    out.push_back({cat("proj.", j, ".weight"), {{'W', 0}, {'D', prompt.width}}});
    out.push_back({cat("proj.", j, ".bias"), {{'W', 0}}});
  }
}

std::string shown(const std::vector<int64_t>& shape) {
  std::string out;
  for (const int64_t size : shape) out += cat(out.empty() ? "" : " x ", size);
  return out;
}

/// "M x D = 2 x 512": the letters, then what is known of their sizes.
std::string shown(const std::vector<ExpectedAxis>& axes) {
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
      cat("this ", method_name(prompt.method), " prompt of depth ", prompt.depth);
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

int64_t count_vision(const TrainedPrompt& prompt) {
  return std::count_if(prompt.tensors.begin(), prompt.tensors.end(), [](const auto& tensor) {
    return tensor.name.compare(0, 7, "vision.") == 0;
  });
}

}  // namespace

Expected expected_tensors(const TrainedPrompt& prompt) {
  Expected out;
  switch (prompt.method) {
    case PromptMethod::kCoOp:
      add_text(out, prompt);
      if (prompt.class_specific) {
        out[0].axes.insert(out[0].axes.begin(), {'C', int64_t(prompt.class_names.size())});
      }
      break;
    case PromptMethod::kCoCoOp:
      add_text(out, prompt);
      add_meta_net(out, prompt);
      break;
    case PromptMethod::kMaPLe:
      add_text(out, prompt);
      add_projections(out, prompt);
      break;
    case PromptMethod::kIvlp:
      add_text(out, prompt);
      // At least one: text rows alone are a DeepText prompt.
      add_vision(out, std::max<int64_t>(1, count_vision(prompt)), {'V', 0});
      break;
    case PromptMethod::kVpt:
      add_vision(out, prompt.depth, {'M', prompt.n_ctx});
      break;
    case PromptMethod::kDeepText:
      add_text(out, prompt);
      break;
  }
  return out;
}

void check_method(const TrainedPrompt& prompt) {
  const std::string_view name = method_name(prompt.method);
  if (name.empty()) {
    fail(ErrorKind::kContent, "prompt method ", int(prompt.method),
         " is unknown; it may come from a newer qprompt");
  }
  const bool shallow =
      prompt.method == PromptMethod::kCoOp || prompt.method == PromptMethod::kCoCoOp;
  if (shallow && prompt.depth != 1) {
    fail(ErrorKind::kContent, "the prompt depth of this ", name, " prompt is ", prompt.depth,
         "; 1 expected, for it has a context before the first block only");
  }
  if (prompt.class_specific && prompt.method != PromptMethod::kCoOp) {
    fail(ErrorKind::kContent, "this ", name,
         " prompt is marked class-specific; only a CoOp prompt can be");
  }
  if (!shallow && prompt.position != StoredPosition::kEnd) {
    fail(ErrorKind::kContent, "the class token's position of this ", name,
         " prompt is not 'end', the only one that this method has");
  }
}

void check_tensors(const TrainedPrompt& prompt) {
  Expected expected = expected_tensors(prompt);
  check_names(prompt, expected);
  std::map<char, int64_t> found;           // sizes that the head does not say
  std::map<char, std::string_view> where;  // and the tensor that said them
  for (size_t t = 0; t < expected.size(); ++t) {
    const std::vector<int64_t>& shape = prompt.tensors[t].shape;
    bool fits = shape.size() == expected[t].axes.size();
    std::string source = prompt.class_specific ? "the head and the class names" : "the head";
    for (size_t a = 0; a < expected[t].axes.size(); ++a) {
      ExpectedAxis& axis = expected[t].axes[a];
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
