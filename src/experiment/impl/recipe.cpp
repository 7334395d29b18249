#include "experiment/recipe.h"

#include <algorithm>
#include <filesystem>
#include <set>

#include "experiment/impl/toml_reader.h"
#include "experiment/published.h"
#include "train/option_door.h"

namespace qprompt {
namespace fs = std::filesystem;
namespace {

constexpr int64_t kRecipeFormat = 1, kMaxRecipeBytes = 1 << 20, kMaxThreads = 1024;
constexpr double kMaxCells = 100'000;

/// A path of the recipe: relative ones start at the recipe's own folder.
std::string beside(const Recipe& recipe, const std::string& path) {
  return path.empty() ? path
                      : (fs::path(recipe.path).parent_path() / path).lexically_normal().string();
}

/// Throws kContent on a key that no method knows. The bits stand at the top, or with a method.
void check_known(const OptionEntry& entry, const std::string& file) {
  std::string names;
  for (const KnownOption& known : known_options()) {
    if (known.field.name == "bits") continue;
    if (known.field.name == entry.key) return;
    names += (names.empty() ? "" : ", ") + known.field.name;
  }
  fail(ErrorKind::kContent, file, ":", entry.line, ": unknown key '", entry.key,
       "'; known here: ", names);
}

/// Sets one entry; what is wrong is told with its line.
void set_entry(const OptionEntry& entry, FitOptions& fit, const std::string& file) {
  check_known(entry, file);
  try {
    set_option(fit, entry.key, entry.value);
  } catch (const Error& e) {
    const ErrorKind kind = has_option(fit, entry.key) ? ErrorKind::kContent : e.kind();
    fail(kind, file, ":", entry.line, ": ", e.what());
  }
}

/// Sets what the table names and the method has: a shared table may serve others (`check_shared`).
void apply_shared(const OptionTable& table, FitOptions& fit, const std::string& file) {
  for (const OptionEntry& entry : table) {
    if (has_option(fit, entry.key)) set_entry(entry, fit, file);
  }
}

/// Every entry of a table that methods share must serve at least one of them.
void check_shared(const OptionTable& table, const Recipe& recipe) {
  std::vector<FitOptions> fits;
  for (const MethodSpec& method : recipe.methods) {
    if (method.kind != "zero-shot") set_method(method.kind, method.bits, fits.emplace_back());
  }
  std::vector<FitOptions*> shared;
  for (FitOptions& fit : fits) shared.push_back(&fit);
  for (const OptionEntry& entry : table) {
    check_known(entry, recipe.path);
    if (shared.empty()) {
      fail(ErrorKind::kUsage, recipe.path, ":", entry.line, ": the option '", entry.key,
           "' has no use: nothing is trained");
    }
    const bool served = std::any_of(fits.begin(), fits.end(), [&](const FitOptions& fit) {
      return has_option(fit, entry.key);
    });
    try {
      set_shared_options({{entry.key, entry.value}}, shared);
    } catch (const Error& e) {
      fail(served ? ErrorKind::kContent : e.kind(), recipe.path, ":", entry.line, ": ", e.what());
    }
  }
}

/// What [method.NAME] says.
struct MethodTable {
  std::string kind, label;
  std::vector<int64_t> bits;
  std::vector<std::string> templates;
  int64_t line = 0;
};

/// One spec for each number of bits that the method is asked for.
void add_method(const std::string& name, const MethodTable& table,
                const std::vector<int64_t>& common_bits, TomlTable& root, Recipe& recipe) {
  const std::string kind = table.kind.empty() ? name : table.kind;
  const auto& kinds = method_kinds();
  if (std::find(kinds.begin(), kinds.end(), kind) == kinds.end()) {
    std::string known;
    for (const std::string& one : kinds) known += (known.empty() ? "" : ", ") + one;
    root.refuse(table.line, "the method '" + name + "' is of no known kind; give [method." + name +
                                "] a kind, one of: " + known);
  }
  std::vector<int64_t> bits{0};
  if (stores_codes(kind)) bits = table.bits.empty() ? common_bits : table.bits;
  for (const int64_t b : bits) {
    MethodSpec spec{name, kind, table.label, b, table.templates};
    FitOptions ignored;
    try {
      const std::string usual =
          kind == "zero-shot" ? "zero-shot CLIP" : set_method(kind, b, ignored);
      if (spec.label.empty()) {
        spec.label = usual;
      } else if (bits.size() > 1) {
        spec.label += cat(" ", b, b == 1 ? " bit" : " bits");
      }
    } catch (const Error& e) {
      root.refuse(table.line, "method '" + name + "': " + e.what());
    }
    for (const MethodSpec& other : recipe.methods) {
      if (other.label == spec.label) {
        root.refuse(table.line, "two methods are called '" + spec.label + "'; give one a label");
      }
    }
    recipe.methods.push_back(std::move(spec));
  }
}

void read_methods(TomlTable& root, Recipe& recipe) {
  const std::vector<std::string> names = root.texts("methods");
  std::vector<int64_t> bits = root.integers("bits");
  if (bits.empty()) bits = {1};
  if (names.empty()) {
    root.refuse(root.line_of("methods"),
                "'methods' names no method; 'qprompt train --help' lists them");
  }
  std::map<std::string, MethodTable> tables;
  for (auto& [name, table] : root.tables("method")) {
    MethodTable method{table.text("kind", ""), table.text("label", ""), table.integers("bits"),
                       table.texts("templates"), root.line_of("method")};
    recipe.of_method[name] = table.options();
    if (std::find(names.begin(), names.end(), name) == names.end()) {
      table.refuse(method.line, "[method." + name + "] is not in the list 'methods'");
    }
    tables[name] = method;
  }
  for (const std::string& name : names) {
    MethodTable table = tables[name];
    if (table.line == 0) table.line = root.line_of("methods");
    add_method(name, table, bits, root, recipe);
  }
}

/// What a recipe says about where data is.
struct Places {
  std::string data;   ///< root of CoOp's layout
  std::string cache;  ///< for splits that are made here
  std::map<std::string, std::string> folders;
};

/// A name of CoOp's layout; refused where it is unknown or has no root.
void check_known(TomlTable& root, const char* key, const std::string& name, const Places& places) {
  const auto& known = known_datasets();
  if (std::none_of(known.begin(), known.end(), [&](const auto& s) { return s.config == name; })) {
    std::string all;
    for (const DatasetInfo& one : known) all += (all.empty() ? "" : ", ") + one.config;
    root.refuse(root.line_of(key), "'" + name + "' is no data set of CoOp's layout (" + all +
                                       ") and no key of [folders]");
  }
  if (places.data.empty()) {
    root.refuse(root.line_of(key), "'" + name +
                                       "' needs the root of CoOp's layout; give it with "
                                       "--data, or as data = \"…\" here");
  }
}

/// The data sets of a list: names of CoOp's layout, or keys of [folders].
std::vector<SetSpec> read_sets(TomlTable& root, const char* key, const Places& places) {
  std::vector<SetSpec> sets;
  for (const std::string& name : root.texts(key)) {
    for (const SetSpec& other : sets) {
      if (other.name == name) root.refuse(root.line_of(key), "'" + name + "' is listed twice");
    }
    SetSpec set{name, {}};
    set.data.cache = places.cache;
    if (const auto folder = places.folders.find(name); folder != places.folders.end()) {
      set.data.root = folder->second;
    } else {
      check_known(root, key, name, places);
      set.data.root = places.data;
      set.data.dataset = name;
    }
    sets.push_back(std::move(set));
  }
  return sets;
}

/// Sets that are trained on must have training images.
void check_trained(TomlTable& root, const char* key, const std::vector<SetSpec>& sets) {
  for (const SetSpec& set : sets) {
    const DatasetInfo* info = set.data.dataset.empty() ? nullptr : find_dataset(set.data.dataset);
    if (info != nullptr && info->test_only) {
      root.refuse(root.line_of(key), "'" + set.name +
                                         "' has test images only; test on it with "
                                         "protocol = \"domain\"");
    }
  }
}

void read_data(TomlTable& root, const RecipeRequest& request, Recipe& recipe) {
  Places places;
  const std::string own = root.text("data", "");
  places.data = request.data.empty() ? beside(recipe, own) : request.data;
  if (recipe.cache != "none") {
    places.cache = recipe.cache.empty() ? default_cache_folder() : recipe.cache;
  }
  for (const OptionEntry& entry : root.table_options("folders")) {
    const auto given = request.folders.find(entry.key);
    places.folders[entry.key] =
        given == request.folders.end() ? beside(recipe, entry.value) : given->second;
  }
  recipe.sets = read_sets(root, "datasets", places);
  if (recipe.sets.empty()) {
    root.refuse(root.line_of("datasets"), "'datasets' names no data set; for example: [\"dtd\"]");
  }
  const bool transfers =
      recipe.protocol == Protocol::kCrossDataset || recipe.protocol == Protocol::kDomain;
  recipe.source = read_sets(root, "source", places);
  if (transfers != (recipe.source.size() == 1)) {
    root.refuse(root.line_of("source"),
                transfers ? "this protocol trains on one data set: source = [\"imagenet\"]"
                          : "'source' is for the protocols cross-dataset and domain only");
  }
  check_trained(root, transfers ? "source" : "datasets", transfers ? recipe.source : recipe.sets);
}

void read_scored(TomlTable& root, Recipe& recipe) {
  const std::string scored = root.text("scored", "test");
  if (scored != "test" && scored != "validation") {
    root.refuse(root.line_of("scored"), "'scored' must be \"test\" or \"validation\"");
  }
  recipe.scores_validation = scored == "validation";
}

void read_lists(TomlTable& root, Recipe& recipe) {
  recipe.shots = root.shots("shots");
  if (recipe.shots.empty()) {
    recipe.shots = recipe.protocol == Protocol::kFewShot ? std::vector<int64_t>{1, 2, 4, 8, 16}
                                                         : std::vector<int64_t>{16};
  }
  std::vector<int64_t> seeds = root.integers("seeds");
  if (seeds.empty()) seeds = {1, 2, 3};
  for (const int64_t seed : seeds) {
    if (seed < 0) root.refuse(root.line_of("seeds"), "a seed must be a whole number from 0");
    recipe.seeds.push_back(static_cast<uint64_t>(seed));
  }
  for (const auto& list : {std::vector<int64_t>(recipe.shots), seeds}) {
    if (std::set<int64_t>(list.begin(), list.end()).size() != list.size()) {
      root.refuse(root.line_of("seeds"), "'shots' or 'seeds' names a number twice");
    }
  }
}

void read_option_tables(TomlTable& root, Recipe& recipe) {
  recipe.options = root.table_options("options");
  for (auto& [name, table] : root.tables("dataset")) recipe.of_dataset[name] = table.options();
  for (auto& [name, table] : root.tables("shot")) recipe.of_shots[name] = table.options();
  check_shared(recipe.options, recipe);
  const auto check_all = [&](const char* what, const std::map<std::string, OptionTable>& tables,
                             const std::set<std::string>& names) {
    for (const auto& [name, table] : tables) {
      if (names.count(name) == 0) {
        root.refuse(root.line_of(what), cat("[", what, ".", name, "] names nothing that is run"));
      }
      check_shared(table, recipe);
    }
  };
  std::set<std::string> sets, shots;
  for (const SetSpec& set : recipe.source.empty() ? recipe.sets : recipe.source)
    sets.insert(set.name);
  for (const int64_t k : recipe.shots) shots.insert(shots_name(k));
  check_all("dataset", recipe.of_dataset, sets);
  check_all("shot", recipe.of_shots, shots);
  for (const MethodSpec& method : recipe.methods) {
    fit_options(recipe, method, sets.empty() ? "" : *sets.begin(), recipe.shots.front());
  }
}

}  // namespace

FitOptions fit_options(const Recipe& recipe, const MethodSpec& method, const std::string& dataset,
                       int64_t shots) {
  FitOptions fit;
  const auto table = [](const std::map<std::string, OptionTable>& tables, const std::string& name) {
    const auto found = tables.find(name);
    return found == tables.end() ? OptionTable() : found->second;
  };
  if (method.kind == "zero-shot") {
    for (const OptionEntry& entry : table(recipe.of_method, method.name)) {
      fail(ErrorKind::kContent, recipe.path, ":", entry.line, ": unknown key '", entry.key,
           "'; zero-shot trains nothing and knows: kind, label, templates");
    }
    return fit;
  }
  set_method(method.kind, method.bits, fit);
  apply_shared(recipe.options, fit, recipe.path);
  for (const OptionEntry& entry : table(recipe.of_method, method.name)) {
    set_entry(entry, fit, recipe.path);
  }
  apply_shared(table(recipe.of_shots, shots_name(shots)), fit, recipe.path);
  apply_shared(table(recipe.of_dataset, dataset), fit, recipe.path);
  fit.shots = shots;
  fit.features.decode.exif_orientation = recipe.exif_orientation;
  fit.half = recipe.protocol == Protocol::kBaseToNew ? Half::kBase : Half::kAll;
  return fit;
}

Recipe read_recipe(const RecipeRequest& request) {
  Recipe recipe;
  recipe.path = request.recipe;
  recipe.text = read_file(request.recipe, kMaxRecipeBytes);
  const toml::table parsed = parse_toml(recipe.text, recipe.path);
  TomlTable root(parsed, recipe.path, "");
  if (const int64_t format = root.integer("format", kRecipeFormat); format != kRecipeFormat) {
    root.refuse(root.line_of("format"),
                cat("this is a recipe of format ", format, "; this qprompt reads format ",
                    kRecipeFormat, ". Use the version that it was written for"));
  }
  recipe.name = root.text("name", fs::path(recipe.path).stem().string());
  recipe.title = root.text("title", recipe.name);
  const std::string protocol = root.text("protocol", "base-to-new");
  try {
    recipe.protocol = static_cast<Protocol>(parse_choice(protocol, protocols()));
  } catch (const Error& e) {
    root.refuse(root.line_of("protocol"), std::string("protocol: ") + e.what());
  }
  recipe.threads = request.threads > 0 ? request.threads : root.integer("threads", 1);
  if (recipe.threads < 1 || recipe.threads > kMaxThreads || root.integer("threads", 1) < 1) {
    root.refuse(root.line_of("threads"),
                cat("'threads' of a cell must be from 1 to ", kMaxThreads));
  }
  const std::string clip = root.text("clip", ""), vocab = root.text("vocab", "");
  const std::string cache = root.text("cache", ""), published = root.text("published", "");
  recipe.clip = request.clip.empty() ? beside(recipe, clip) : request.clip;
  recipe.vocab = request.vocab.empty() ? beside(recipe, vocab) : request.vocab;
  recipe.cache =
      request.cache.empty() ? (cache == "none" ? cache : beside(recipe, cache)) : request.cache;
  recipe.exif_orientation = root.flag("exif-orientation", false);
  read_scored(root, recipe);
  if (!published.empty()) {
    const std::string file = beside(recipe, published);
    recipe.published = read_file(file, kMaxRecipeBytes);
    parse_published(recipe.published, file);
  }
  read_methods(root, recipe);
  read_lists(root, recipe);
  read_data(root, request, recipe);
  const double cells = double(recipe.methods.size()) * double(recipe.shots.size()) *
                       double(recipe.seeds.size()) * double(recipe.sets.size());
  if (cells > kMaxCells) {
    root.refuse(root.line_of("seeds"), cat("the lists multiply to ", cells, " cells; at most ",
                                           kMaxCells, " are run from one recipe"));
  }
  read_option_tables(root, recipe);
  root.refuse_unknown();
  return recipe;
}

FeatureOptions features_of(const Recipe& recipe) {
  FeatureOptions features;
  features.cache = recipe.cache;
  features.decode.exif_orientation = recipe.exif_orientation;
  features.threads = recipe.threads;
  return features;
}

Matrix matrix_of(const Recipe& recipe) {
  Matrix matrix;
  matrix.heading = {recipe.name, recipe.title, recipe.protocol, {},
                    {},          {},           recipe.text,     recipe.published};
  matrix.shots = recipe.shots;
  matrix.seeds = recipe.seeds;
  const auto set_of = [validation = recipe.scores_validation](const SetSpec& spec) {
    MatrixSet set{spec.name, nullptr, "", {default_template(spec.data.dataset)}};
    set.open = [data = spec.data, validation](Log& log) {
      Split split = load_split(data, log);
      if (validation) split.test = split.val;
      return split;
    };
    return set;
  };
  for (const SetSpec& spec : recipe.sets) matrix.sets.push_back(set_of(spec));
  for (const SetSpec& spec : recipe.source) matrix.source.push_back(set_of(spec));
  for (const MethodSpec& spec : recipe.methods) {
    MatrixMethod method{spec.label, spec.templates, nullptr};
    if (spec.kind != "zero-shot") {
      method.fit = [recipe, spec](const std::string& dataset, int64_t shots) {
        return fit_options(recipe, spec, dataset, shots);
      };
    }
    matrix.methods.push_back(std::move(method));
  }
  return matrix;
}

}  // namespace qprompt
