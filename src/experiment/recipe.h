// Room `experiment`: what a recipe file says (docs/recipes.md).
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "experiment/matrix.h"
#include "experiment/methods.h"
#include "qprompt/dataset.h"
#include "qprompt/train.h"

namespace qprompt {

/// A recipe file, and what is put before what it says.
struct RecipeRequest {
  std::string recipe;                          ///< TOML file
  std::string clip, vocab, data, cache;        ///< empty: the recipe's
  std::map<std::string, std::string> folders;  ///< in place of entries of its [folders]
  int64_t threads = 0;                         ///< of a cell; 0: the recipe's
};

/// One option as it stands in the file; parsed by the fields of the room that owns it.
struct OptionEntry {
  std::string key, value;
  int64_t line = 0;
};
using OptionTable = std::vector<OptionEntry>;

struct MethodSpec {
  std::string name;  ///< in the recipe
  std::string kind;  ///< one of method_kinds()
  std::string label;
  int64_t bits = 0;                    ///< 0 where the kind stores floats or nothing
  std::vector<std::string> templates;  ///< of zero-shot; empty: the data set's own
};
struct SetSpec {
  std::string name;
  DataOptions data;
};

struct Recipe {
  std::string path, text;  ///< the file
  std::string name, title;
  Protocol protocol = Protocol::kBaseToNew;
  std::vector<MethodSpec> methods;  ///< one a method and number of bits
  std::vector<SetSpec> sets;        ///< trained on and tested; in transfers: tested
  std::vector<SetSpec> source;      ///< of transfers: the one that is trained on
  std::vector<int64_t> shots;       ///< 0: all images
  std::vector<uint64_t> seeds;
  int64_t threads = 1;
  std::string clip, vocab, cache;
  bool exif_orientation = false;
  bool scores_validation = false;  ///< the validation images are scored, never the test images
  std::string published;           ///< content of the file of published numbers
  OptionTable options;             ///< for every cell, then, each overriding:
  std::map<std::string, OptionTable> of_method;   ///< by the method's name
  std::map<std::string, OptionTable> of_shots;    ///< by "1", "2", … or "all"
  std::map<std::string, OptionTable> of_dataset;  ///< by the name of the trained data set
};

/// Reads and checks a recipe, with what the request puts before it. Throws kPath, or kContent with
/// the file and line of what is wrong.
Recipe read_recipe(const RecipeRequest& request);

/// The options of one cell's training: defaults, then the recipe's tables in their order.
FitOptions fit_options(const Recipe& recipe, const MethodSpec& method, const std::string& dataset,
                       int64_t shots);

/// The cells that the recipe asks for.
Matrix matrix_of(const Recipe& recipe);
/// Where its images' features are kept, and how they are read.
FeatureOptions features_of(const Recipe& recipe);

}  // namespace qprompt
