#include "experiment/impl/execute.h"

#include <ATen/core/Tensor.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>

#include "base/runtime.h"
#include "experiment/impl/attempt.h"
#include "qprompt/version.h"
#include "qprompt/weights.h"

namespace qprompt {
namespace fs = std::filesystem;
namespace {

using RecordJson = nlohmann::ordered_json;

ScoredList scored_list(const TestList& list, const TestSet& test, Score score) {
  ScoredList out;
  out.dataset = list.dataset;
  out.half = half_name(list.half);
  out.total = score.total;
  out.correct = score.correct;
  out.failed = score.failed;
  out.classes = std::make_shared<const std::vector<std::string>>(test.split.class_names);
  std::vector<int64_t> truth;
  for (const int64_t i : test.features.kept) {
    truth.push_back(test.split.test[static_cast<size_t>(i)].label);
  }
  out.truth = std::make_shared<const std::vector<int64_t>>(std::move(truth));
  out.predictions = std::move(score.predictions);
  out.confidences = std::move(score.confidences);
  out.base_scores = std::move(score.base_scores);
  return out;
}

/// How long the training took, where it was done, and how this attempt went, from the run record.
void read_run_record(const std::string& text, Outcome& outcome) {
  const RecordJson record = RecordJson::parse(text, nullptr, false);
  if (!record.is_object()) fail(ErrorKind::kContent, "a run record in the store is damaged");
  outcome.seconds = record.value("/seconds/total"_json_pointer, 0.0);
  RecordJson machine = record.value("runtime", RecordJson::object());
  machine["qprompt"] = record.value("qprompt", "");
  outcome.machine = machine.dump(-1, ' ', false, RecordJson::error_handler_t::replace);
}

/// The items of several lists, each path once.
class ItemUnion {
 public:
  void add(const std::vector<Item>& items) {
    for (const Item& item : items) {
      if (seen_.insert(item.path).second) items_.push_back(item);
    }
  }
  const std::vector<Item>& items() const { return items_; }

 private:
  std::set<std::string> seen_;
  std::vector<Item> items_;
};

}  // namespace

Workshop::Workshop(const Clip& clip, Store& store, const RunOptions& options)
    : clip_(clip), store_(store), options_(options) {}

void Workshop::forget_all_but(const Cell& cell) {
  std::set<std::string> lists;
  for (const TestList& list : cell.tests) lists.insert(list.digest);
  std::erase_if(tests_, [&](const auto& one) { return lists.count(one.first) == 0; });
}

const TestSet& Workshop::opened(const TestList& list, Log& log) {
  const auto found = tests_.find(list.digest);
  if (found != tests_.end()) return found->second;
  TestSet test = open_test_set(clip_, *list.split, Half::kAll, features_, log);
  test.half = list.half;
  test.options.observer = nullptr;  // it outlives this cell
  encoded_ += test.features.encoded;
  return tests_.emplace(list.digest, std::move(test)).first->second;
}

Outcome Workshop::execute(const Cell& cell, const Claim& claim, Heartbeat& heartbeat,
                          Observer& observer) {
  if (cell.kind != CellKind::kImages) forget_all_but(cell);
  encoded_ = 0;
  features_ = options_.features;
  features_.observer = &observer;
  const double started = now_seconds();
  Log log;  // keeps the warnings
  Outcome outcome;
  if (cell.kind == CellKind::kImages) outcome = encode_images(cell, log);
  if (cell.kind == CellKind::kTemplates) outcome = score_zero_shot(cell, claim, log);
  if (cell.kind == CellKind::kPrompt) {
    outcome = learn_and_score(cell, claim, {heartbeat, observer}, log);
  }
  outcome.encoded += encoded_;
  outcome.took = now_seconds() - started;
  outcome.peak_memory_bytes = peak_memory_bytes();
  outcome.warnings = log.warnings();
  for (const std::string& warning : outcome.warnings) observer.finding({"cell", warning});
  return outcome;
}

Outcome Workshop::encode_images(const Cell& cell, Log& log) {
  ItemUnion plain;
  std::map<std::pair<int64_t, uint64_t>, ItemUnion> random;  // (V, seed)
  const Split* split = nullptr;
  for (const TestList& list : cell.tests) {
    split = list.split.get();
    plain.add(split->test);
  }
  for (const Training& reader : cell.readers) {
    split = reader.drawn.split.get();
    if (reader.fit.views == 0) {
      plain.add(split->train);
    } else {
      random[{reader.fit.views, reader.fit.train.seed}].add(split->train);
    }
  }
  FeatureOptions lenient = features_;
  lenient.skip_broken = true;  // the cells that need a broken image say so
  encoded_ += test_features(clip_, split->image_root, plain.items(), lenient, log).encoded;
  for (const auto& [draw, items] : random) {
    Split training{split->name, split->image_root, split->class_names, items.items(), {}, {}};
    encoded_ += train_features(clip_, training, {draw.first, draw.second}, features_, log).encoded;
  }
  return {};
}

Outcome Workshop::score_zero_shot(const Cell& cell, const Claim& claim, Log& log) {
  Outcome outcome;
  const auto& templates = cell.training.templates;
  for (size_t i = 0; i < cell.tests.size(); ++i) {
    const TestList& list = cell.tests[i];
    const TestSet& test = opened(list, log);
    const Score score =
        score_templates(clip_, templates.size() == 1 ? templates[0] : templates.at(i), test);
    outcome.scores.push_back(
        {score_id(claim.training, kLastEpoch, list.digest), scored_list(list, test, score)});
  }
  return outcome;
}

bool Workshop::is_trained(const Cell& cell, const std::string& training) const {
  if (store_.get(prompt_id(training)).empty() || store_.get(record_id(training)).empty()) {
    return false;
  }
  return std::all_of(cell.watch.epochs.begin(), cell.watch.epochs.end(), [&](int64_t epoch) {
    return (!cell.watch.scores || !store_.get(watched_id(training, epoch)).empty()) &&
           (!cell.watch.weights || !store_.get(weights_id(training, epoch)).empty());
  });
}

decltype(Outcome::scores) Workshop::scores_of(const Cell& cell, const std::string& training,
                                              int64_t epoch, const std::string& bytes, Log& log) {
  decltype(Outcome::scores) scores;
  const TrainedPrompt prompt = decode_prompt(bytes, cell.label + " in the store");
  for (const TestList& list : cell.tests) {
    const TestSet& test = opened(list, log);
    scores.push_back({score_id(training, epoch, list.digest),
                      scored_list(list, test, score_prompt(clip_, prompt, test))});
  }
  return scores;
}

Outcome Workshop::learn_and_score(const Cell& cell, const Claim& claim, const UnderWay& under_way,
                                  Log& log) {
  Outcome outcome;
  if (!is_trained(cell, claim.training)) {
    const TrainingPlace place{clip_, store_, options_, under_way.heartbeat, under_way.observer};
    TrainedCell trained = train_cell(place, cell, claim);
    if (!is_trained(cell, claim.training)) {
      // The checkpoint was of a process that nobody had asked to watch: from the start.
      store_.put(checkpoint_id(claim.training, cell.training.fit), "");
      trained = train_cell(place, cell, claim);
    }
    for (const Finding& finding : trained.findings) {
      if (finding.warns) log.warn(finding.text);
    }
    outcome.encoded = trained.encoded;
    outcome.resumed_epoch = trained.resumed_epoch;
  }
  // What is scored is what the file says, not what training left in memory.
  const std::string bytes = store_.get(prompt_id(claim.training));
  const TrainedPrompt prompt = decode_prompt(bytes, cell.label + " in the store");
  Digest digest;
  digest.update(bytes.data(), bytes.size());
  outcome.prompt_digest = digest.hex();
  outcome.payload_bytes = prompt.payload_bytes();
  outcome.file_bytes = static_cast<int64_t>(bytes.size());
  read_run_record(store_.get(record_id(claim.training)), outcome);
  outcome.scores = scores_of(cell, claim.training, kLastEpoch, bytes, log);
  outcome.spent.push_back(checkpoint_id(claim.training, cell.training.fit));
  if (!cell.watch.scores) return outcome;
  for (const int64_t epoch : cell.watch.epochs) {
    const std::string watched = watched_id(claim.training, epoch);
    for (auto& score : scores_of(cell, claim.training, epoch, store_.get(watched), log)) {
      outcome.scores.push_back(std::move(score));
    }
    outcome.spent.push_back(watched);
  }
  return outcome;
}

}  // namespace qprompt
