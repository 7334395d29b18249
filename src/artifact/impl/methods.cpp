#include "artifact/impl/methods.h"

#include <algorithm>
#include <array>
#include <map>

#include "artifact/impl/format.h"

namespace qprompt {

using Expected = std::vector<TensorSpec>;

namespace {

/// What a file without settings means: the stored form's own values, and not those that a training
/// starts from today.
MethodOptions frozen_options(const Method& method) {
  MethodOptions out(method);
  for (const OptionSpec& spec : method.options) {
    if (spec.in_file && !spec.file_value.empty()) out.set(spec.name, spec.file_value);
  }
  return out;
}

}  // namespace

MethodOptions TrainedPrompt::options() const {
  MethodOptions out = frozen_options(row());
  const auto set = [&](const char* name, const std::string& value) {
    if (out.has(name)) out.set(name, value);
  };
  set("n-ctx", cat(n_ctx));
  set("depth", cat(depth));
  set("class-position", position_name(position));
  // A context has taken the place of words that only started it.
  set("init", out.method().words == Words::kStart ? "" : initial_words);
  for (const auto& [name, text] : settings) out.set(name, text);
  return out;
}

Unseen TrainedPrompt::unseen_rule() const {
  return unseen ? *unseen : qprompt::unseen_rule(options());
}

void describe_method(TrainedPrompt& prompt, const MethodOptions& options) {
  const Method& row = options.method();
  prompt.method = row.word;
  prompt.n_ctx = options.whole_or("n-ctx", 0);
  prompt.depth = options.whole_or("depth", prompt.n_ctx == 0 ? 0 : 1);
  prompt.position = options.has("class-position")
                        ? static_cast<ClassPosition>(options.choice("class-position"))
                        : ClassPosition::kEnd;
  prompt.initial_words = options.has("init") ? options.text("init") : "";
  prompt.settings.clear();
  for (const OptionSpec& spec : row.options) {
    const std::string& text = options.text(spec.name);
    if (!spec.in_file || artifact::in_head(spec.name) || text == spec.file_value) continue;
    prompt.settings.emplace_back(spec.name, text);
  }
}

namespace artifact {
namespace {

std::string shown(const std::vector<int64_t>& shape) {
  std::string out;
  for (const int64_t size : shape) out += cat(out.empty() ? "" : " x ", size);
  return out;
}

/// "M x D = 2 x 512": the letters, then what is known of their sizes.
std::string shown(const std::vector<TensorAxis>& axes) {
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
  const std::string whose = cat("this ", prompt.row().label, " prompt of depth ", prompt.depth);
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

void check_codebooks(const StoredTensor& tensor, const TensorSpec& expected) {
  if (tensor.bits > 8) return;
  const int64_t rows = expected.codebook_rows;
  const int64_t books = rows == 0 ? 1 : tensor.shape.front() / rows;
  if (tensor.codebooks == books) return;
  fail(ErrorKind::kContent, "tensor '", tensor.name, "' has ", tensor.codebooks, " codebooks; ",
       books, " expected");
}

}  // namespace

bool in_head(const std::string& option) {
  return option == "n-ctx" || option == "depth" || option == "class-position" || option == "init";
}

void check_method(const TrainedPrompt& prompt) {
  const auto words = method_words();
  const bool known = std::find(words.begin(), words.end(), prompt.method) != words.end();
  if (!known || prompt.row().stored_form == kNotStored) {
    fail(ErrorKind::kContent, "'", prompt.method,
         "' is no method here that leaves a prompt behind; one from outside is to be added before "
         "its files are read (add_method)");
  }
  const MethodOptions listed(prompt.row());
  const std::string& name = prompt.row().label;
  const bool context = listed.has("n-ctx");
  if (context != (prompt.n_ctx != 0)) {
    fail(ErrorKind::kContent, "n_ctx of this ", name, " prompt is ", prompt.n_ctx, "; ",
         context ? "1 to 65535" : "0", " expected");
  }
  const int64_t only = context ? 1 : 0;  // where the method has no depth
  if (listed.has("depth") ? prompt.depth == 0 : prompt.depth != only) {
    fail(ErrorKind::kContent, "the prompt depth of this ", name, " prompt is ", prompt.depth, "; ",
         listed.has("depth") ? "1 to 255" : cat(only), " expected");
  }
  if (!listed.has("class-position") && prompt.position != ClassPosition::kEnd) {
    fail(ErrorKind::kContent, "the class token's position of this ", name,
         " prompt is not 'end', the only one that this method has");
  }
}

void check_settings(const TrainedPrompt& prompt) {
  const auto& specs = prompt.row().options;
  size_t next = 0;
  for (const auto& [name, text] : prompt.settings) {
    const auto spec = std::find_if(specs.begin(), specs.end(),
                                   [&](const OptionSpec& s) { return s.name == name; });
    if (spec == specs.end() || !spec->in_file || in_head(name)) {
      fail(ErrorKind::kContent, "'", name, "' is no option that a file of ", prompt.row().label,
           " can say");
    }
    const auto at = static_cast<size_t>(spec - specs.begin());
    if (at < next) fail(ErrorKind::kContent, "the option '", name, "' is out of its place");
    next = at + 1;
    if (!text.empty() && text == spec->open) {
      fail(ErrorKind::kContent, "the option '", name, "' is left open");
    }
    MethodOptions canonical(prompt.row());
    canonical.set(name, text);
    if (canonical.text(name) != text || text == spec->file_value) {
      fail(ErrorKind::kContent, "the option '", name, "' should be ",
           text == spec->file_value ? "left out" : "written as '" + canonical.text(name) + "'");
    }
  }
  for (const OptionSpec& spec : specs) {
    if (!spec.in_file || in_head(spec.name) || !spec.file_value.empty()) continue;
    const bool said = std::any_of(prompt.settings.begin(), prompt.settings.end(),
                                  [&](const auto& s) { return s.first == spec.name; });
    if (!said) fail(ErrorKind::kContent, "the option '", spec.name, "' is missing");
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
    std::string source = prompt.bound_to_classes() ? "the head and the class names" : "the head";
    for (size_t a = 0; a < expected[t].axes.size(); ++a) {
      TensorAxis& axis = expected[t].axes[a];
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
    if (fits) {
      check_codebooks(prompt.tensors[t], expected[t]);
      continue;
    }
    fail(ErrorKind::kContent, "the shape of '", expected[t].name, "' is ", shown(shape), "; ",
         shown(expected[t].axes), " expected by ", source);
  }
}

}  // namespace artifact
}  // namespace qprompt
