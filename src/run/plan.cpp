#include "run/plan.h"

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "qprompt/weights.h"

namespace qprompt::run {
namespace {

using Json = nlohmann::ordered_json;

/// What is the same for all cells of a run and decides their results.
struct Setting {
  const Recipe& recipe;
  const RunRequest& request;
  const std::string& fingerprint;
};

Json set_json(const SetSpec& set) {
  std::error_code ignored;  // a folder that is missing fails later, with the cell
  const auto root = std::filesystem::weakly_canonical(set.data.root, ignored);
  return {{"name", set.name},
          {"root", root.empty() ? set.data.root : root.string()},
          {"dataset", set.data.dataset}};
}

std::string text_of(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string digest_of(const char* what, const std::string& text) {
  Digest digest;
  digest.update_text(what);
  digest.update_text(text);
  return digest.hex();
}

/// What decides the bytes of a prompt.
Json training_json(const Setting& setting, const Cell& cell) {
  Json out{{"kind", cell.method.kind},  {"bits", cell.method.bits},
           {"set", set_json(cell.set)}, {"shots", cell.shots},
           {"seed", cell.seed},         {"half", half_name(cell.fit.half)}};
  if (cell.kind == CellKind::kPrompt) {
    FitOptions copy = cell.fit;
    for (const Field& field : fit_fields(copy)) {
      // These decide when, not what.
      if (field.name == "checkpoint-seconds" || field.name == "pixel-memory") continue;
      out["options"][field.name] = field.print();
    }
  }
  out["fingerprint"] = setting.fingerprint;
  out["threads"] = setting.recipe.threads;
  out["device"] = setting.request.device;
  out["dtype"] = setting.request.dtype;
  out["exif-orientation"] = setting.recipe.exif_orientation;
  return out;
}

/// The settings of a cell in one canonical text; its digest is the cell's key.
void seal(const Setting& setting, Cell& cell) {
  const Json training = training_json(setting, cell);
  cell.prompt_key = digest_of("prompt 1", text_of(training));
  Json out{{"kind", kind_name(cell.kind)},
           {"protocol", protocol_names()[static_cast<size_t>(setting.recipe.protocol)]},
           {"method", cell.method.label},
           {"training", training}};
  for (const TestSpec& test : cell.tests) {
    out["tests"].push_back({{"set", set_json(test.set)}, {"half", half_name(test.half)}});
  }
  for (const Draw& draw : cell.draws) {
    out["draws"].push_back({{"shots", draw.shots}, {"seed", draw.seed}, {"views", draw.views}});
  }
  if (!cell.method.templates.empty()) out["templates"] = cell.method.templates;
  cell.configuration = text_of(out);
  cell.key = digest_of("cell 1", cell.configuration);
}

std::vector<TestSpec> tests_of(const Recipe& recipe, const SetSpec& set) {
  if (recipe.protocol == Protocol::kBaseToNew) return {{set, Half::kBase}, {set, Half::kNew}};
  std::vector<TestSpec> tests{{set, Half::kAll}};
  if (recipe.source.empty()) return tests;
  for (const SetSpec& target : recipe.sets) {
    if (target.name != set.name) tests.push_back({target, Half::kAll});
  }
  return tests;
}

/// The cells that learn a prompt on `set`, and the zero-shot ones.
std::vector<Cell> scoring_cells(const Setting& setting, const SetSpec& set) {
  const Recipe& recipe = setting.recipe;
  std::vector<Cell> cells;
  for (const MethodSpec& method : recipe.methods) {
    Cell cell;
    cell.method = method;
    cell.set = set;
    cell.tests = tests_of(recipe, set);
    if (method.kind == "zero-shot") {
      cell.kind = CellKind::kTemplates;
      cell.name = method.label + ", " + set.name;
      cells.push_back(cell);
      continue;
    }
    for (const int64_t shots : recipe.shots) {
      for (const uint64_t seed : recipe.seeds) {
        cell.fit = fit_options(recipe, method, set.name, shots);
        cell.fit.train.seed = seed;
        cell.fit.device = setting.request.device;
        cell.fit.dtype = setting.request.dtype;
        cell.fit.features.cache = recipe.cache;
        cell.shots = shots;
        cell.seed = seed;
        cell.name = cat(method.label, ", ", set.name, ", ", shots_name(shots),
                        shots == 1 ? " shot, seed " : " shots, seed ", seed);
        cells.push_back(cell);
      }
    }
  }
  return cells;
}

/// The cell that encodes what the others read, so that the plain image tower sees each image once,
/// whatever the number of processes.
Cell images_cell(const SetSpec& set, const std::vector<Cell>& scoring) {
  Cell images;
  images.kind = CellKind::kImages;
  images.name = "images of " + set.name;
  images.method.label = "images";
  images.set = set;
  for (const Cell& cell : scoring) {
    if (cell.kind != CellKind::kPrompt || cell.set.name != set.name) continue;
    if (cell.fit.method.method().reads == Reads::kPixels) continue;  // reads pixels, of which none are kept
    const Draw draw{cell.shots, cell.seed, cell.fit.views};
    if (std::find(images.draws.begin(), images.draws.end(), draw) == images.draws.end()) {
      images.draws.push_back(draw);
    }
  }
  return images;
}

}  // namespace

const std::string& kind_name(CellKind kind) {
  static const std::string kNames[] = {"images", "templates", "prompt"};
  return kNames[static_cast<size_t>(kind)];
}

Plan make_plan(Recipe recipe, const RunRequest& request, const std::string& fingerprint) {
  Plan plan{std::move(recipe), fingerprint, {}};
  const Setting setting{plan.recipe, request, fingerprint};
  const bool transfers = !plan.recipe.source.empty();
  const auto add_images = [&](const SetSpec& set, std::vector<Cell>& scoring) {
    if (plan.recipe.cache == "none") return;  // nothing could be handed on
    Cell images = images_cell(set, scoring);
    seal(setting, images);
    for (Cell& cell : scoring) cell.needs.push_back(images.key);
    plan.cells.push_back(std::move(images));
  };
  for (const SetSpec& set : transfers ? plan.recipe.source : plan.recipe.sets) {
    std::vector<Cell> scoring = scoring_cells(setting, set);
    add_images(set, scoring);
    for (const SetSpec& target : plan.recipe.sets) {
      if (transfers && target.name != set.name) add_images(target, scoring);
    }
    for (Cell& cell : scoring) {
      seal(setting, cell);
      plan.cells.push_back(std::move(cell));
    }
  }
  return plan;
}

Split draw_split(const Split& whole, int64_t shots, uint64_t seed, Half half, Log& log) {
  if (shots == 0) return select_half(whole, half);
  // CoOp's draw from ImageNet follows the order of a disk's listing: only its own file repeats it.
  if (const DatasetInfo* info = find_dataset(whole.name);
      info != nullptr && info->config == "imagenet") {
    const std::string sample = find_coop_sample(whole, shots, seed);
    if (!sample.empty()) return select_half(apply_sample(whole, sample), half);
  }
  return select_half(draw_few_shot(whole, shots, seed, log), half);
}

}  // namespace qprompt::run
