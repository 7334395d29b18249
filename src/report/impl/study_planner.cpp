#include "report/impl/study_plan.h"
#include "report/study.h"

namespace qprompt {
namespace {

using study::StudyCell;

/// The zero-shot line, then every setting with every seed.
class StudyPlanner final : public Planner {
 public:
  StudyPlanner(const StudyOptions& options, const Split& split, Log& log)
      : options_(options), split_(split), plan_(study::make_plan(options)), log_(log) {}

  Heading heading() const override {
    Heading heading;
    heading.title =
        "A study of quantized prompts: " + (options_.title.empty() ? split_.name : options_.title);
    heading.methods = {"zero-shot CLIP"};
    for (const StudyCell& cell : plan_.cells) heading.methods.push_back(cell.label);
    heading.datasets = {split_.name};
    heading.shots = {options_.fit.shots};
    return heading;
  }

  std::vector<Cell> next(const Results&) override {
    if (done_) return {};
    done_ = true;
    Cell like;
    like.dataset = split_.name;
    like.tests = {test_list(split_.name, split_, Half::kBase),
                  test_list(split_.name, split_, Half::kNew)};
    Cell zero_shot = like;
    zero_shot.kind = CellKind::kTemplates;
    zero_shot.label = "zero-shot CLIP";
    zero_shot.training.templates = {options_.templates};
    std::vector<Cell> cells{zero_shot};
    std::vector<DrawnList> draws;
    for (const uint64_t seed : options_.seeds) draws.push_back(draw(seed, draws.empty()));
    for (const StudyCell& planned : plan_.cells) {
      Cell cell = like;
      cell.label = planned.label;
      cell.watch = planned.watch();
      cell.training.fit = planned.fit;
      cell.training.fit.half = Half::kBase;
      for (size_t s = 0; s < options_.seeds.size(); ++s) {
        cell.training.fit.train.seed = options_.seeds[s];
        cell.training.drawn = draws[s];
        cells.push_back(cell);
      }
    }
    return cells;
  }

 private:
  DrawnList draw(uint64_t seed, bool first) {
    Log quiet;  // warnings of small classes would repeat for every seed
    Split drawn = draw_few_shot(split_, options_.fit.shots, seed, first ? log_ : quiet);
    drawn = select_half(drawn, Half::kBase);
    std::vector<Item>().swap(drawn.test);
    return drawn_list(std::move(drawn));
  }

  StudyOptions options_;
  Split split_;
  study::Plan plan_;
  Log& log_;
  bool done_ = false;
};

}  // namespace

std::unique_ptr<Planner> study_planner(const StudyOptions& options, const Split& split, Log& log) {
  return std::make_unique<StudyPlanner>(options, split, log);
}

}  // namespace qprompt
