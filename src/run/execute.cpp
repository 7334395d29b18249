#include "run/execute.h"

#include <ATen/core/Tensor.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>

#include "qprompt/eval.h"
#include "qprompt/weights.h"

namespace qprompt::run {
namespace fs = std::filesystem;
namespace {

using Json = nlohmann::ordered_json;

constexpr int64_t kMaxFile = 256 << 20;

StoredScore stored(const TestSpec& spec, const TestSet& test, Score score) {
  StoredScore out{spec.set.name, half_name(spec.half), std::move(score), {}};
  for (const int64_t i : test.features.kept) {
    out.truth.push_back(test.split.test[static_cast<size_t>(i)].label);
  }
  return out;
}

/// The run record without what differs from one machine or attempt to the next.
void read_record(const std::string& path, Outcome& outcome) {
  Json record = Json::parse(read_file(path, kMaxFile), nullptr, false);
  if (!record.is_object()) fail(ErrorKind::kContent, "'", path, "' is damaged; remove its folder");
  if (record.contains("features")) {
    outcome.encoded += record["features"].value("encoded", int64_t{0});
    record["features"].erase("encoded");
  }
  outcome.resumed_epoch = record.value("resumed_epoch", int64_t{0});
  for (const char* key : {"seconds", "peak_memory_bytes", "resumed_epoch", "warnings"}) {
    record.erase(key);
  }
  outcome.record = record.dump(-1, ' ', false, Json::error_handler_t::replace);
}

/// The items of several lists, each path once.
class Union {
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

std::string split_digest(const Split& split) {
  Digest digest;
  digest.update_text(split.name);
  for (const std::string& name : split.class_names) digest.update_text(name);
  for (const auto* list : {&split.train, &split.val, &split.test}) {
    digest.update_text(cat(list->size()));
    for (const Item& item : *list) digest.update_text(cat(item.label, " ", item.path));
  }
  return digest.hex();
}

Workshop::Workshop(const Clip& clip, const Plan& plan, std::string out)
    : clip_(clip), plan_(plan), out_(std::move(out)) {}

FeatureOptions Workshop::features() const {
  FeatureOptions features;
  features.cache = plan_.recipe.cache;
  features.decode.exif_orientation = plan_.recipe.exif_orientation;
  features.threads = plan_.recipe.threads;
  return features;
}

const Split& Workshop::split_of(const SetSpec& set, Log& log) {
  const auto found = splits_.find(set.name);
  if (found != splits_.end()) return found->second;
  return splits_.emplace(set.name, load_split(set.data, log)).first->second;
}

const TestSet& Workshop::test_of(const TestSpec& spec, Log& log) {
  const TestKey key{spec.set.name, spec.half};
  const auto found = tests_.find(key);
  if (found != tests_.end()) return found->second;
  TestSet test = open_test_set(clip_, split_of(spec.set, log), spec.half, features(), log);
  encoded_ += test.features.encoded;
  return tests_.emplace(key, std::move(test)).first->second;
}

void Workshop::forget_all_but(const Cell& cell) {
  std::set<std::string> sets{cell.set.name};
  for (const TestSpec& test : cell.tests) sets.insert(test.set.name);
  std::erase_if(tests_, [&](const auto& one) { return sets.count(one.first.first) == 0; });
  std::erase_if(splits_, [&](const auto& one) { return sets.count(one.first) == 0; });
}

Outcome Workshop::execute(const Cell& cell, Log& log) {
  forget_all_but(cell);
  encoded_ = 0;
  Outcome outcome;
  switch (cell.kind) {
    case CellKind::kImages:
      outcome = encode_images(cell, log);
      break;
    case CellKind::kTemplates:
      outcome = score_zero_shot(cell, log);
      break;
    case CellKind::kPrompt:
      outcome = learn_and_score(cell, log);
      break;
  }
  outcome.encoded += encoded_;
  outcome.data_digest = split_digest(split_of(cell.set, log));
  return outcome;
}

Outcome Workshop::encode_images(const Cell& cell, Log& log) {
  const Split& split = split_of(cell.set, log);
  const Half half = plan_.recipe.protocol == Protocol::kBaseToNew ? Half::kBase : Half::kAll;
  Union plain;
  plain.add(split.test);
  std::map<std::pair<int64_t, uint64_t>, Union> random;  // (V, seed)
  for (const Draw& draw : cell.draws) {
    Log quiet;  // the cells that train on the draw warn of small classes
    const Split drawn = draw_split(split, draw.shots, draw.seed, half, quiet);
    if (draw.views == 0) {
      plain.add(drawn.train);
    } else {
      random[{draw.views, draw.seed}].add(drawn.train);
    }
  }
  FeatureOptions lenient = features();
  lenient.skip_broken = true;  // the cells that need a broken image say so
  const FeatureSet set = test_features(clip_, split.image_root, plain.items(), lenient, log);
  encoded_ += set.encoded;
  auto views = static_cast<int64_t>(set.kept.size());
  for (const auto& [draw, items] : random) {
    Split training{split.name, split.image_root, split.class_names, items.items(), {}, {}};
    const FeatureSet made =
        train_features(clip_, training, {draw.first, draw.second}, features(), log);
    encoded_ += made.encoded;
    views += made.features.size(0) * made.features.size(1);
  }
  Outcome outcome;
  outcome.record = Json{{"views", views}, {"failed", set.failed.size()}}.dump();
  return outcome;
}

Outcome Workshop::score_zero_shot(const Cell& cell, Log& log) {
  Outcome outcome;
  for (const TestSpec& spec : cell.tests) {
    std::vector<std::string> templates = cell.method.templates;
    if (templates.empty()) templates = {default_template(spec.set.data.dataset)};
    const TestSet& test = test_of(spec, log);
    outcome.scores.push_back(stored(spec, test, score_templates(clip_, templates, test)));
  }
  return outcome;
}

Outcome Workshop::learn_and_score(const Cell& cell, Log& log) {
  FitOptions fit = cell.fit;
  fit.features = features();
  fit.keep_finished = true;
  fit.out = (fs::path(out_) / cell.prompt_key).string();
  const FolderLock alone(fit.out);
  const Split drawn = draw_split(split_of(cell.set, log), cell.shots, cell.seed, fit.half, log);
  const FitResult trained = fit_prompt(clip_, drawn, fit, log);
  // What is scored is what the file says, not what training left in memory.
  const std::string bytes = read_file(trained.path, kMaxFile);
  const TrainedPrompt prompt = decode_prompt(bytes, trained.path);
  Outcome outcome;
  Digest digest;
  digest.update(bytes.data(), bytes.size());
  outcome.prompt = cell.prompt_key + "/" + fs::path(trained.path).filename().string();
  outcome.prompt_digest = digest.hex();
  outcome.payload_bytes = prompt.payload_bytes();
  outcome.file_bytes = static_cast<int64_t>(bytes.size());
  read_record((fs::path(fit.out) / "run.json").string(), outcome);
  for (const TestSpec& spec : cell.tests) {
    const TestSet& test = test_of(spec, log);
    outcome.scores.push_back(stored(spec, test, score_prompt(clip_, prompt, test)));
  }
  return outcome;
}

}  // namespace qprompt::run
