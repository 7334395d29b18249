// What a recipe will cost: counts from the lists, seconds from a short probe on this machine.
#include <algorithm>
#include <map>
#include <set>
#include <sstream>

#include "base/aten.h"
#include "base/runtime.h"
#include "experiment/impl/execute.h"
#include "experiment/impl/store_rules.h"
#include "experiment/run.h"
#include "learner/learner.h"

namespace qprompt {
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
  explicit Estimator(const Clip& clip) : clip_(clip) {}

  void estimate(const Cell& cell, bool trained, PlannedCell& out) {
    try {
      if (cell.kind == CellKind::kImages) {
        out.encode = images_of(cell);
        out.seconds = double(out.encode) * image_seconds();
      } else {
        out.seconds = scoring_seconds(cell);
        if (cell.kind == CellKind::kPrompt && !trained) {
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
  static int64_t images_of(const Cell& cell) {
    std::set<std::string> plain;
    std::set<std::pair<std::string, std::pair<int64_t, uint64_t>>> random;
    for (const TestList& list : cell.tests) {
      for (const Item& item : list.split->test) plain.insert(item.path);
    }
    for (const Training& reader : cell.readers) {
      for (const Item& item : reader.drawn.split->train) {
        if (reader.fit.views == 0) plain.insert(item.path);
        for (int64_t v = 0; v < reader.fit.views; ++v) {
          random.insert({item.path, {v, reader.fit.train.seed}});
        }
      }
    }
    return static_cast<int64_t>(plain.size() + random.size());
  }

  static int64_t images_to_learn(const Cell& cell) {
    return static_cast<int64_t>(cell.training.drawn.split->train.size());
  }

  int64_t batch_of(const Cell& cell) {
    return std::max<int64_t>(1, std::min(cell.training.fit.train.batch, images_to_learn(cell)));
  }

  int64_t steps_of(const Cell& cell) {
    return cell.training.fit.train.epochs * (images_to_learn(cell) / batch_of(cell));
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
    const Method& method = cell.training.fit.method.method();
    for (const TestList& list : cell.tests) {
      const auto images = static_cast<double>(list.split->test.size());
      const double pass = text_seconds(list.split->class_names, cell.training.fit.method, false);
      seconds += pass * (learned && method.text_by_image ? images : 1.0);
      if (learned && method.reads == Reads::kPixels) seconds += images * image_seconds();
    }
    return seconds;
  }

  double step_seconds(const Cell& cell) {
    const std::vector<std::string>& names = cell.training.drawn.split->class_names;
    const MethodOptions& options = cell.training.fit.method;
    const Method& method = options.method();
    const auto images = static_cast<double>(batch_of(cell));
    // Texts that are not learned are encoded once.
    const double text = method.learns_text ? text_seconds(names, options, true) : 0;
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
  std::map<std::string, double> text_seconds_, image_steps_;
  double image_seconds_ = -1;
};

/// By `entry_id`, of an experiment that is there.
std::map<std::string, CellState> states_in(const Store* store, const std::string& experiment) {
  std::map<std::string, CellState> states;
  if (store == nullptr) return states;
  std::istringstream names(store->get(kExperimentsId));
  for (std::string name; std::getline(names, name);) {
    if (name != experiment) continue;
    for (const CellOutcome& cell : store->results(name, Detail::kStates).cells) {
      states[cell.key] = cell.state;
    }
  }
  return states;
}

}  // namespace

std::vector<PlannedCell> estimate(const Clip& clip, Planner& planner, const Store* store,
                                  const RunOptions& options, Observer& observer) {
  std::vector<Cell> cells = planner.next({});
  ListDigests digests(options.features);
  for (Cell& cell : cells) use_run_options(options, digests, cell);
  for (Cell& images : images_cells(cells, options.features)) cells.push_back(std::move(images));
  const std::map<std::string, CellState> states = states_in(store, planner.heading().name);
  Estimator estimator(clip);
  std::vector<PlannedCell> planned;
  for (const Cell& cell : cells) {
    const Entry entry = entry_of(clip, cell, options.features);
    const auto state = states.find(entry_id(entry));
    PlannedCell one;
    one.name = cell_name(describe_entry(entry));
    one.state = state_name(state == states.end() ? CellState::kWaiting : state->second);
    if (one.state == "done") {
      one.seconds = 0;
    } else if (!entry.error.empty()) {
      one.unknown_why = entry.error;
    } else {
      const bool trained = store != nullptr && !store->get(prompt_id(entry.training)).empty();
      estimator.estimate(cell, trained, one);
    }
    planned.push_back(std::move(one));
    ask(&observer, "estimating", static_cast<int64_t>(planned.size()),
        static_cast<int64_t>(cells.size()));
  }
  return planned;
}

}  // namespace qprompt
