// What a recipe will cost: counts from the lists, seconds from a short probe on this machine.

#include <algorithm>
#include <filesystem>
#include <set>

#include "base/aten.h"
#include "run/plan.h"
#include "run/runner.h"
#include "run/store.h"

namespace qprompt::run {
namespace {

constexpr int64_t kProbeImages = 16;

/// Seconds of the second call; the first one warms up.
template <class Work>
double time_of(const Work& work) {
  work();
  const double started = now_seconds();
  work();
  return now_seconds() - started;
}

/// Counts and measured times, each data set looked at once.
class Estimator {
 public:
  Estimator(const Opened& opened, Log& log) : clip_(opened.clip), plan_(opened.plan), log_(log) {}

  void estimate(const Cell& cell, PlannedCell& out) {
    try {
      if (cell.kind == CellKind::kImages) {
        out.encode = images_of(cell);
        out.seconds = double(out.encode) * image_seconds();
      } else {
        out.seconds = scoring_seconds(cell);
        if (cell.kind == CellKind::kPrompt) {
          out.steps = steps_of(cell);
          out.seconds += double(out.steps) * step_seconds(cell);
        }
      }
    } catch (const Error& e) {
      out.seconds = -1;
      out.unknown_why = e.what();
    }
  }

 private:
  const Split& split_of(const SetSpec& set) {
    const auto found = splits_.find(set.name);
    if (found != splits_.end()) return found->second;
    DataOptions data = set.data;
    data.check_images = false;
    return splits_.emplace(set.name, load_split(data, log_)).first->second;
  }

  Half trained_half() const {
    return plan_.recipe.protocol == Protocol::kBaseToNew ? Half::kBase : Half::kAll;
  }

  int64_t images_of(const Cell& cell) {
    const Split& split = split_of(cell.set);
    std::set<std::string> plain;
    std::set<std::pair<std::string, std::pair<int64_t, uint64_t>>> random;
    for (const Item& item : split.test) plain.insert(item.path);
    for (const Draw& draw : cell.draws) {
      Log quiet;
      const Split drawn = draw_split(split, draw.shots, draw.seed, trained_half(), quiet);
      for (const Item& item : drawn.train) {
        if (draw.views == 0) {
          plain.insert(item.path);
          continue;
        }
        for (int64_t v = 0; v < draw.views; ++v) random.insert({item.path, {v, draw.seed}});
      }
    }
    return static_cast<int64_t>(plain.size() + random.size());
  }

  int64_t images_to_learn(const Cell& cell) {
    Log quiet;
    const Split drawn =
        draw_split(split_of(cell.set), cell.shots, cell.seed, trained_half(), quiet);
    return static_cast<int64_t>(drawn.train.size());
  }

  int64_t batch_of(const Cell& cell) {
    return std::max<int64_t>(1, std::min(cell.fit.train.batch, images_to_learn(cell)));
  }

  int64_t steps_of(const Cell& cell) {
    return cell.fit.train.epochs * (images_to_learn(cell) / batch_of(cell));
  }

  double image_seconds() {
    if (image_seconds_ < 0) {
      const int64_t size = clip_.config().image_size;
      const at::Tensor pixels = at::zeros({kProbeImages, 3, size, size});
      image_seconds_ = time_of([&] { clip_.encode_image(pixels); }) / double(kProbeImages);
    }
    return image_seconds_;
  }

  /// Text passes of the test lists, one an image where each has its own, and image passes where the
  /// prompt reaches into that tower; the rest of scoring is one product of matrices.
  double scoring_seconds(const Cell& cell) {
    double seconds = 0;
    const bool learned = cell.kind == CellKind::kPrompt;
    const Method& method = cell.fit.method.method();
    for (const TestSpec& test : cell.tests) {
      const Split half = select_half(split_of(test.set), test.half);
      const auto images = static_cast<double>(half.test.size());
      const double pass = text_seconds(half.class_names, cell.fit.method, false);
      seconds += pass * (learned && method.text_by_image ? images : 1.0);
      if (learned && method.reads == Reads::kPixels) seconds += images * image_seconds();
    }
    return seconds;
  }

  double step_seconds(const Cell& cell) {
    const Split half = select_half(split_of(cell.set), trained_half());
    const MethodOptions& options = cell.fit.method;
    const Method& method = options.method();
    const auto images = static_cast<double>(batch_of(cell));
    // Texts that are not learned are encoded once.
    const double text = method.learns_text ? text_seconds(half.class_names, options, true) : 0;
    if (method.text_by_image) return text * images;
    return text + (method.reads == Reads::kPixels ? images * image_step_seconds(options) : 0.0);
  }

  /// A pass of the text tower over these classes, with or without its gradient.
  double text_seconds(const std::vector<std::string>& names, const MethodOptions& options,
                      bool gradient) {
    std::string key = cat(gradient, " ", learner_key(options), " ", names.size(), " ");
    for (const std::string& name : names) key += name + "\n";
    const auto found = text_seconds_.find(key);
    if (found != text_seconds_.end()) return found->second;
    const auto learner = make_learner(clip_, names, options);
    const at::Tensor image = at::ones({32, clip_.config().embed_dim});
    const at::Tensor labels = at::zeros({32}, at::kLong);
    const double seconds = time_of([&] {
      const PackedPrompts prompts = learner->prompts_for(fresh(*learner, gradient), image[0]);
      const at::Tensor loss = prompt_loss(clip_, prompts, image, labels);
      if (loss.requires_grad()) loss.backward();
    });
    return text_seconds_[key] = seconds;
  }

  /// A pass of the image tower and back, of one image.
  double image_step_seconds(const MethodOptions& options) {
    const auto found = image_steps_.find(learner_key(options));
    if (found != image_steps_.end()) return found->second;
    const auto learner = make_learner(clip_, {"a", "b"}, options);
    const int64_t size = clip_.config().image_size, images = 4;
    const at::Tensor pixels = at::zeros({images, 3, size, size});
    const double seconds = time_of([&] {
      const ImagePrompts rows = learner->image_prompts(fresh(*learner, true));
      clip_.encode_image(pixels, rows).sum().backward();
    });
    return image_steps_[learner_key(options)] = seconds / double(images);
  }

  static std::string learner_key(const MethodOptions& options) {
    std::string key = options.method().word;
    for (const auto& [name, text] : options.list()) key += cat(" ", name, "=", text);
    return key;
  }

  static std::vector<at::Tensor> fresh(const Learner& learner, bool gradient) {
    Rng rng(1);
    std::vector<at::Tensor> values = learner.initial_values(rng);
    for (at::Tensor& value : values) value.set_requires_grad(gradient);
    return values;
  }

  const Clip& clip_;
  const Plan& plan_;
  Log& log_;
  std::map<std::string, Split> splits_;
  std::map<std::string, double> text_seconds_, image_steps_;
  double image_seconds_ = -1;
};

}  // namespace
}  // namespace qprompt::run

namespace qprompt {

std::vector<PlannedCell> plan_run(const RunRequest& request, Log& log) {
  const run::Opened opened = run::open_run(request, log);
  std::map<std::string, std::string> states;
  if (std::filesystem::exists(request.database)) {
    run::Database database(request.database, run::Database::Mode::kReadOnly);
    states = run::states_of(database);
  }
  run::Estimator estimator(opened, log);
  std::vector<PlannedCell> cells;
  for (const run::Cell& cell : opened.plan.cells) {
    const auto state = states.find(cell.key);
    PlannedCell planned;
    planned.name = cell.name;
    planned.state = state == states.end() ? "waiting" : state->second;
    if (planned.state == "done") {
      planned.seconds = 0;
    } else {
      estimator.estimate(cell, planned);
    }
    cells.push_back(std::move(planned));
    log.progress("estimating", static_cast<int64_t>(cells.size()),
                 static_cast<int64_t>(opened.plan.cells.size()));
  }
  return cells;
}

}  // namespace qprompt
