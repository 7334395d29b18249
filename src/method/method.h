// Room `method`: the table of methods. A row is a method's identity: command line, recipes,
// records, files, estimates and documents are driven by it, and nothing else knows a method by name
// but the learner that computes it.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "method/kinds.h"
#include "method/options.h"

namespace qprompt {

/// Sizes of the model and the data that the shapes of tensors follow from; 0: not known, as for a
/// file alone, whose tensors then tell it.
struct Sizes {
  int64_t classes = 0;       ///< C
  int64_t text_width = 0;    ///< D
  int64_t image_width = 0;   ///< W
  int64_t joint_width = 0;   ///< E
  int64_t text_blocks = 0;   ///< of the text tower
  int64_t image_blocks = 0;  ///< of the image tower, 0 where it is no ViT
  int64_t words = 0;         ///< tokens of the initial words
  int64_t images = 0;        ///< N, training images
};

/// One axis of a tensor: its letter in docs/notation.md, and its size; 0: whatever the first tensor
/// with this letter has.
struct TensorAxis {
  char letter = 'N';
  int64_t size = 0;
};

/// One learned tensor.
struct TensorSpec {
  std::string name;  ///< "ctx", of a-z, 0-9, '_' and '.'
  std::vector<TensorAxis> axes;
  bool quantized = true;      ///< false for biases, which stay in 16 bits (docs/method.md)
  int64_t codebook_rows = 0;  ///< rows that share a codebook; 0: all
};

/// A published recipe: what it holds for ("": any), and what it sets. Where several hold, the later
/// one overrides.
struct Preset {
  std::string protocol;  ///< a word of `protocols`
  std::string dataset;   ///< "imagenet"; "own": a user's folder
  std::string backbone;  ///< "ViT-B/16"
  std::string shots;     ///< "16"
  NamedTexts settings;   ///< options of the method, of training and of the draw
  std::string source;    ///< where it is published
};

/// One term of the objective.
struct TermUse {
  std::string term;          ///< its word in room `train`: "cross-entropy"
  std::string weight = "1";  ///< a number, or the name of the option that holds it
  int group = 0;             ///< terms of one group share a gradient
};

/// Stored forms: what no file holds, and what comes from outside this project.
inline constexpr int kNotStored = -1;
inline constexpr int kOutsideForm = 255;

/// A row of the table.
struct Method {
  /// The number in files: learner, tensors and rule for unseen classes. Never given twice.
  int stored_form = kOutsideForm;
  std::string word;     ///< as users give it: "coop", of a-z, 0-9 and '-', at most 32
  std::string label;    ///< as tables print it: "CoOp"
  std::string learner;  ///< word of the learner; empty: nothing is learned
  std::string paper;    ///< the source
  Reads reads = Reads::kFeatures;
  Unseen unseen = Unseen::kMeets;
  Words words = Words::kNone;
  bool learns_text = true;     ///< whether the texts of the classes change in training
  bool text_by_image = false;  ///< whether every image has class texts of its own
  std::vector<OptionSpec> options;
  /// The tensors, in the order of the file. Pure; the options are resolved.
  std::function<std::vector<TensorSpec>(const MethodOptions&, const Sizes&)> tensors;
  /// Fills in what an option leaves open ("0: as many as the words"). Pure. Throws kUsage on what
  /// the sizes contradict, kContent where the model is of the wrong kind. Unset: nothing is open.
  std::function<void(MethodOptions&, const Sizes&)> resolve;
  std::vector<TermUse> objective = {{"cross-entropy"}};
  std::string gradient_rule = "sum";
  std::vector<Preset> presets;

  bool trained() const { return !learner.empty(); }
};

/// The row of a word. Throws kUsage listing the words.
const Method& find_method(std::string_view word);
/// The first row of a stored form, whose word a file needs not say; null when there is none.
const Method* find_form(int stored_form);
/// The words of all rows, in their order.
std::vector<std::string> method_words();
/// Appends a row from outside this project, for this process: with `add_learner`, the library's
/// only global state. Throws kUsage, naming the word, when word, label or stored form are taken
/// (one from outside has `kOutsideForm`), or when the row is not whole.
void add_method(Method method);

/// The options with everything filled in.
MethodOptions resolved(MethodOptions options, const Sizes& sizes);
/// Whether the classifier is bound to the classes that it was trained with.
Unseen unseen_rule(const MethodOptions& options);

}  // namespace qprompt
