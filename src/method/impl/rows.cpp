// The rows. A method stands here, in its learner's file where it has one of its own, in its tests
// and in docs/artifact.md, and nowhere else.
#include "method/impl/rows.h"

#include <algorithm>

namespace qprompt::method {
namespace {

using Specs = std::vector<TensorSpec>;

constexpr int64_t kDefaultDepth = 9;
constexpr int64_t kBottleneck = 16;  // CoCoOp's hidden layer is a 16th of the joint width

OptionSpec n_ctx(const std::string& open) {
  return {.name = "n-ctx",
          .help = "learned rows; 0: " + open,
          .value = "0",
          .bounds = {0, 65535},
          .in_file = true,
          .open = "0"};
}

OptionSpec init() {
  return {.name = "init",
          .help = "words that the context starts from; empty: random",
          .value = "a photo of a",
          .kind = OptionKind::kText};
}

OptionSpec class_position() {
  return {.name = "class-position",
          .help = "where the class name stands",
          .value = class_positions().front(),
          .kind = OptionKind::kChoice,
          .choices = class_positions(),
          .in_file = true,
          .file_value = class_positions().front()};
}

OptionSpec class_specific() {
  return {.name = "class-specific",
          .help = "learn one context a class: true or false",
          .value = "false",
          .kind = OptionKind::kFlag,
          .in_file = true,
          .file_value = "false"};
}

OptionSpec depth() {
  return {.name = "depth",
          .help = "blocks that take learned rows; 0: 9, or all where there are fewer",
          .value = "0",
          .bounds = {0, 255},
          .in_file = true,
          .open = "0"};
}

OptionSpec vision(const std::string& name, const std::string& help, double most) {
  return {
      .name = name, .help = help, .value = "0", .bounds = {0, most}, .in_file = true, .open = "0"};
}

/// M from the words where it is open; words that are another number are a contradiction.
void resolve_rows(MethodOptions& options, const Sizes& sizes) {
  const int64_t given = options.whole("n-ctx");
  const int64_t rows = given != 0 ? given : (sizes.words != 0 ? sizes.words : 4);
  if (sizes.words != 0 && sizes.words != rows) {
    fail(ErrorKind::kUsage, "the initial words '", options.text("init"), "' are ", sizes.words,
         " tokens, but n-ctx is ", rows, "; leave n-ctx at 0, or give no words");
  }
  options.set("n-ctx", rows);
}

void check_blocks(const std::string& label, const Sizes& sizes, int64_t text, int64_t image) {
  if (image != 0 && sizes.image_blocks == 0) {
    fail(ErrorKind::kContent, label,
         " puts learned rows into a ViT, but this model's image tower is a ResNet; take a ViT, or "
         "a method of the text tower alone (coop, cocoop, deep-text)");
  }
  if (text > sizes.text_blocks || image > sizes.image_blocks) {
    fail(ErrorKind::kUsage, "depth ", text, " of the text tower and ", image,
         " of the image tower; this model has ", sizes.text_blocks, " and ", sizes.image_blocks,
         " blocks");
  }
}

/// Which towers a deep method learns in, and how many rows it has where none are asked for.
struct Towers {
  bool text = true, image = true;
  int64_t rows = 0;  // 0: as many as the words, or 4
};

void resolve_deep(MethodOptions& options, const Sizes& sizes, const Towers& towers) {
  int64_t rows = options.whole("n-ctx"), blocks = kDefaultDepth;
  if (rows == 0) rows = towers.rows;
  if (rows == 0) rows = sizes.words != 0 ? sizes.words : 4;
  options.set("n-ctx", rows);
  if (towers.text) blocks = std::min(blocks, sizes.text_blocks);
  if (towers.image) blocks = std::min(blocks, sizes.image_blocks);
  if (options.whole("depth") == 0) options.set("depth", std::max<int64_t>(1, blocks));
  const int64_t depth = options.whole("depth");
  if (options.has("vision-ctx")) {
    if (options.whole("vision-ctx") == 0) options.set("vision-ctx", rows);
    if (options.whole("vision-depth") == 0) options.set("vision-depth", depth);
  }
  check_blocks(options.method().label, sizes, towers.text ? depth : 0,
               towers.image ? options.whole_or("vision-depth", depth) : 0);
  if (towers.text && sizes.words != 0 && sizes.words < rows) {
    fail(ErrorKind::kUsage, "n-ctx is ", rows, ", but the initial words '", options.text("init"),
         "' are ", sizes.words, " tokens; give more words, or none for a random start");
  }
}

/// `ctx`, then the rows that take its place before the blocks 1 … J - 1.
void add_text(Specs& out, const MethodOptions& options, const Sizes& sizes) {
  const std::vector<TensorAxis> rows = {{'M', options.whole("n-ctx")}, {'D', sizes.text_width}};
  out.push_back({"ctx", rows});
  for (int64_t j = 1; j < options.whole_or("depth", 1); ++j) out.push_back({cat("deep.", j), rows});
}

void add_vision(Specs& out, int64_t blocks, const TensorAxis& rows, const Sizes& sizes) {
  for (int64_t j = 0; j < blocks; ++j) {
    out.push_back({cat("vision.", j), {rows, {'W', sizes.image_width}}});
  }
}

Specs context_tensors(const MethodOptions& options, const Sizes& sizes) {
  Specs out;
  add_text(out, options, sizes);
  if (options.has("class-specific") && options.flag("class-specific")) {
    out[0].axes.insert(out[0].axes.begin(), {'C', sizes.classes});
  }
  return out;
}

Specs conditional_tensors(const MethodOptions& options, const Sizes& sizes) {
  const int64_t hidden =
      sizes.joint_width == 0 ? 0 : std::max<int64_t>(1, sizes.joint_width / kBottleneck);
  const TensorAxis h{'H', hidden}, e{'E', sizes.joint_width}, d{'D', sizes.text_width};
  Specs out;
  add_text(out, options, sizes);
  out.push_back({"meta.1.weight", {h, e}});
  out.push_back({"meta.1.bias", {h}, false});
  out.push_back({"meta.2.weight", {d, h}});
  out.push_back({"meta.2.bias", {d}, false});
  return out;
}

Specs projected_tensors(const MethodOptions& options, const Sizes& sizes) {
  const TensorAxis w{'W', sizes.image_width}, d{'D', sizes.text_width};
  Specs out;
  add_text(out, options, sizes);
  for (int64_t j = 0; j < options.whole("depth"); ++j) {
    out.push_back({cat("proj.", j, ".weight"), {w, d}});
    out.push_back({cat("proj.", j, ".bias"), {w}, false});
  }
  return out;
}

Specs independent_tensors(const MethodOptions& options, const Sizes& sizes) {
  Specs out;
  add_text(out, options, sizes);
  add_vision(out, options.whole("vision-depth"), {'V', options.whole("vision-ctx")}, sizes);
  return out;
}

Specs vision_tensors(const MethodOptions& options, const Sizes& sizes) {
  Specs out;
  add_vision(out, options.whole("depth"), {'M', options.whole("n-ctx")}, sizes);
  return out;
}

const char* const kAsWords = "as many as the words of --init, or 4 without words";

Method zero_shot() {
  Method row;
  row.stored_form = kNotStored;
  row.word = "zero-shot";
  row.label = "zero-shot CLIP";
  row.paper =
      "Radford et al., Learning Transferable Visual Models From Natural Language "
      "Supervision, §3.1";
  row.learns_text = false;
  return row;
}

Method coop() {
  Method row;
  row.stored_form = 0;
  row.word = "coop";
  row.learner = "context";
  row.label = "CoOp";
  row.paper = "Zhou et al., Learning to Prompt for Vision-Language Models, §3.2";
  row.words = Words::kStart;
  row.options = {n_ctx(kAsWords), init(), class_position(), class_specific()};
  row.tensors = context_tensors;
  row.resolve = resolve_rows;
  return row;
}

Method cocoop() {
  Method row = coop();
  row.stored_form = 1;
  row.word = "cocoop";
  row.learner = "conditional-context";
  row.label = "CoCoOp";
  row.paper = "Zhou et al., Conditional Prompt Learning for Vision-Language Models, §3.2";
  row.text_by_image = true;
  row.options = {n_ctx(kAsWords), init(), class_position()};
  row.tensors = conditional_tensors;
  return row;
}

/// A method with rows that are learned anew before each of the first blocks.
Method deep(const std::string& word, const std::string& label, const Towers& towers) {
  Method row;
  row.word = word;
  row.learner = "deep";
  row.label = label;
  row.words = towers.text ? Words::kBehind : Words::kAll;
  row.learns_text = towers.text;
  row.reads = towers.image ? Reads::kPixels : Reads::kFeatures;
  const std::string open = towers.rows == 0 ? kAsWords : cat(towers.rows);
  row.options = {n_ctx(open), init(), depth()};
  row.resolve = [towers](MethodOptions& options, const Sizes& sizes) {
    resolve_deep(options, sizes, towers);
  };
  return row;
}

Method maple() {
  Method row = deep("maple", "MaPLe", {true, true, 2});
  row.stored_form = 2;
  row.paper = "Khattak et al., MaPLe: Multi-modal Prompt Learning, §3.2";
  row.tensors = projected_tensors;
  return row;
}

Method ivlp() {
  Method row = deep("ivlp", "IVLP", {true, true, 2});
  row.stored_form = 3;
  row.paper = "Khattak et al., MaPLe: Multi-modal Prompt Learning, §4.1 (independent prompting)";
  row.options.push_back(
      vision("vision-ctx", "learned rows of an image; 0: as many as of the text", 65535));
  row.options.push_back(vision(
      "vision-depth", "blocks of the image tower that take learned rows; 0: as --depth", 255));
  row.tensors = independent_tensors;
  return row;
}

Method vpt() {
  Method row = deep("vpt", "VPT", {false, true, 8});
  row.stored_form = 4;
  row.paper = "Jia et al., Visual Prompt Tuning, §3.2";
  row.tensors = vision_tensors;
  return row;
}

Method deep_text() {
  Method row = deep("deep-text", "DeepText", {true, false, 0});
  row.stored_form = 5;
  row.paper = "Khattak et al., MaPLe: Multi-modal Prompt Learning, §4.1 (the language branch)";
  row.tensors = context_tensors;
  return row;
}

}  // namespace

std::vector<Method> own_rows() {
  std::vector<Method> rows{zero_shot(), coop(), cocoop(), maple(), ivlp(), vpt(), deep_text()};
  add_presets(rows);
  return rows;
}

}  // namespace qprompt::method
