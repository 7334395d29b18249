#include "experiment/matrix.h"

#include <algorithm>
#include <map>

#include "experiment/methods.h"

namespace qprompt {
namespace {

/// Whether all classes together cost little beside the halves: classes are encoded once for all
/// images, and the images are encoded already.
bool joint_is_cheap(const Method& method) {
  return method.reads == Reads::kFeatures && method.learns_text && !method.text_by_image;
}

class MatrixPlanner final : public Planner {
 public:
  MatrixPlanner(Matrix matrix, Log& log) : matrix_(std::move(matrix)), log_(log) {
    Heading& heading = matrix_.heading;
    heading.shots = matrix_.shots;
    for (const MatrixMethod& method : matrix_.methods) heading.methods.push_back(method.label);
    for (const MatrixSet& set : matrix_.source) heading.datasets.push_back(set.name);
    for (const MatrixSet& set : matrix_.sets) {
      if (!is_source(set)) heading.datasets.push_back(set.name);
    }
  }

  Heading heading() const override { return matrix_.heading; }

  std::vector<Cell> next(const Results&) override {
    if (done_) return {};
    done_ = true;
    std::vector<Cell> cells;
    for (const MatrixSet& set : matrix_.source.empty() ? matrix_.sets : matrix_.source) {
      add_cells(set, cells);
    }
    return cells;
  }

 private:
  /// A data set that is trained on, while its cells are planned.
  struct Opened {
    Split whole;
    std::vector<TestList> tests;
    std::vector<std::vector<std::string>> templates;          ///< of zero-shot, as in `Training`
    std::map<std::pair<int64_t, uint64_t>, DrawnList> draws;  ///< by shots and seed
  };

  bool base_to_new() const { return matrix_.heading.protocol == Protocol::kBaseToNew; }
  bool is_source(const MatrixSet& set) const {
    return !matrix_.source.empty() && set.name == matrix_.source[0].name;
  }

  /// The cells that are trained on a set, and what is there of it when it cannot be read.
  void add_cells(const MatrixSet& set, std::vector<Cell>& cells) {
    Cell cell;
    cell.dataset = set.name;
    Opened opened;
    try {
      opened.whole = set.open(log_);
      add_tests(set, opened, cells);
    } catch (const Error& e) {
      cell.error = e.what();
    }
    cell.tests = opened.tests;
    for (const MatrixMethod& method : matrix_.methods) {
      cell.label = method.label;
      if (method.fit) {
        add_prompts(set, method, opened, cell, cells);
      } else {
        add_templates(method, opened, cell, cells);
      }
    }
  }

  void add_templates(const MatrixMethod& method, const Opened& opened, Cell cell,
                     std::vector<Cell>& cells) {
    cell.kind = CellKind::kTemplates;
    cell.training.templates = opened.templates;
    if (!method.templates.empty()) cell.training.templates = {method.templates};
    cells.push_back(std::move(cell));
  }

  void add_prompts(const MatrixSet& set, const MatrixMethod& method, Opened& opened,
                   const Cell& like, std::vector<Cell>& cells) {
    for (const int64_t shots : matrix_.shots) {
      for (const uint64_t seed : matrix_.seeds) {
        Cell cell = like;
        FitOptions& fit = cell.training.fit;
        fit = method.fit(set.name, shots);
        fit.shots = shots;
        fit.half = base_to_new() ? Half::kBase : Half::kAll;
        fit.train.seed = seed;
        if (base_to_new() && !joint_is_cheap(fit.method.method()) && cell.tests.size() > 2) {
          cell.tests.resize(2);
        }
        if (cell.error.empty()) draw(set, opened, cell);
        cells.push_back(std::move(cell));
      }
    }
  }

  void draw(const MatrixSet& set, Opened& opened, Cell& cell) {
    auto& draws = opened.draws;
    const Split& whole = opened.whole;
    const FitOptions& fit = cell.training.fit;
    const auto key = std::pair{fit.shots, fit.train.seed};
    try {
      if (draws.count(key) == 0) {
        Log quiet;  // warnings of small classes would repeat for every seed
        Log& log = draws.empty() ? log_ : quiet;
        Split drawn = set.sample.empty() ? draw_few_shot(whole, fit.shots, fit.train.seed, log)
                                         : apply_sample(whole, set.sample);
        drawn = select_half(drawn, fit.half);
        std::vector<Item>().swap(drawn.test);
        draws.emplace(key, drawn_list(std::move(drawn)));
      }
      cell.training.drawn = draws.at(key);
    } catch (const Error& e) {
      cell.error = e.what();
    }
  }

  void add_tests(const MatrixSet& set, Opened& opened, std::vector<Cell>& cells) {
    if (base_to_new()) {
      // The last for the scores where both halves' classes are told apart.
      opened.tests = {test_list(set.name, opened.whole, Half::kBase),
                      test_list(set.name, opened.whole, Half::kNew),
                      test_list(set.name, opened.whole, Half::kAll)};
      opened.templates = {set.templates};
      return;
    }
    opened.tests = {test_list(set.name, opened.whole, Half::kAll)};
    opened.templates = {set.templates};
    if (matrix_.source.empty()) return;
    for (const MatrixSet& target : matrix_.sets) {
      if (is_source(target)) continue;
      try {
        opened.tests.push_back(test_list(target.name, target.open(log_), Half::kAll));
        opened.templates.push_back(target.templates);
      } catch (const Error& e) {
        Cell failed;
        failed.kind = CellKind::kTemplates;
        failed.label = "test images";
        failed.dataset = target.name;
        failed.error = e.what();
        cells.push_back(std::move(failed));
      }
    }
    const auto& all = opened.templates;
    if (std::count(all.begin(), all.end(), all[0]) == static_cast<int64_t>(all.size())) {
      opened.templates = {set.templates};
    }
  }

  Matrix matrix_;
  Log& log_;
  bool done_ = false;
};

}  // namespace

Matrix base_to_new(const Split& split, const std::vector<std::string>& methods, int64_t bits,
                   const FitOptions& fit) {
  Matrix matrix;
  matrix.heading.name = split.name;
  matrix.heading.title = split.name + ", base-to-new";
  matrix.methods.push_back({"zero-shot CLIP", {}, nullptr});
  for (const std::string& word : methods) {
    FitOptions one = fit;
    const std::string label = set_method(word, bits, one);
    matrix.methods.push_back({label, {}, [one](const std::string&, int64_t) { return one; }});
  }
  matrix.sets.push_back({split.name, [split](Log&) { return split; }});
  return matrix;
}

std::unique_ptr<Planner> matrix_planner(Matrix matrix, Log& log) {
  return std::make_unique<MatrixPlanner>(std::move(matrix), log);
}

}  // namespace qprompt
