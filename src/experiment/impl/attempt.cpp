#include "experiment/impl/attempt.h"

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>

#include "base/runtime.h"
#include "qprompt/weights.h"

namespace qprompt {
namespace fs = std::filesystem;
namespace {

constexpr int64_t kMaxAttemptFile = int64_t{1} << 30;
constexpr auto kBeat = std::chrono::milliseconds(100);

bool contains(const std::vector<int64_t>& epochs, int64_t epoch) {
  return std::find(epochs.begin(), epochs.end(), epoch) != epochs.end();
}

/// Keeps what is watched of a training, and passes everything on.
class WatchingObserver final : public Observer {
 public:
  WatchingObserver(const Watch& watch, const std::string& training, Store& store, Observer& behind)
      : watch_(watch), training_(training), store_(store), behind_(behind) {}
  Stop step(std::string_view what, int64_t done, int64_t total) override {
    return behind_.step(what, done, total);
  }
  void epoch(const EpochReport& report) override {
    behind_.epoch(report);
    if (!contains(watch_.epochs, report.epoch)) return;
    if (watch_.scores) store_.put(watched_id(training_, report.epoch), report.prompt());
    if (watch_.weights) store_.put(weights_id(training_, report.epoch), report.exact_prompt());
  }
  void finding(const Finding& finding) override { behind_.finding(finding); }

 private:
  const Watch& watch_;
  const std::string& training_;
  Store& store_;
  Observer& behind_;
};

/// A folder of one attempt, which goes with it; those that a killed one left go first.
class AttemptFolder {
 public:
  AttemptFolder(const std::string& root, const Claim& claim) {
    std::error_code ignored;
    for (const auto& entry : fs::directory_iterator(root, ignored)) {
      if (entry.path().filename().string().starts_with(claim.training + ".")) {
        fs::remove_all(entry.path(), ignored);
      }
    }
    path_ = (fs::path(root) / cat(claim.training, ".", claim.attempt)).string();
    make_folder(path_);
  }
  ~AttemptFolder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  AttemptFolder(const AttemptFolder&) = delete;
  AttemptFolder& operator=(const AttemptFolder&) = delete;
  std::string operator/(const char* name) const { return (fs::path(path_) / name).string(); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

std::string scratch_root(const RunOptions& options) {
  if (!options.scratch.empty()) return options.scratch;
  return (fs::temp_directory_path() / "qprompt-trainings").string();
}

}  // namespace

std::string watched_id(const std::string& training, int64_t epoch) {
  return cat(training, "/epoch-", epoch);
}

std::string checkpoint_id(const std::string& training, const FitOptions& fit) {
  return cat(training, "/checkpoint ", fit.device, " ", runtime_info().threads, " threads");
}

Heartbeat::Heartbeat(Store& store, const Claim& claim, double lease_seconds)
    : store_(store), claim_(claim), lease_seconds_(lease_seconds), thread_([this] { beat(); }) {}

Heartbeat::~Heartbeat() {
  {
    const std::lock_guard lock(mutex_);
    ended_ = true;
  }
  woken_.notify_all();
  thread_.join();
}

bool Heartbeat::lost() const {
  const std::lock_guard lock(mutex_);
  return lost_;
}

void Heartbeat::watch(const std::string& path, const std::string& id) {
  const std::lock_guard lock(mutex_);
  hand_on();
  path_ = path;
  id_ = id;
  handed_on_ = {};
  std::error_code ignored;
  if (!path.empty()) handed_on_ = fs::last_write_time(path, ignored);
}

void Heartbeat::hand_on() {
  if (path_.empty() || lost_) return;
  std::error_code absent;
  const auto written = fs::last_write_time(path_, absent);
  if (absent || written == handed_on_) return;
  try {
    store_.put(id_, read_file(path_, kMaxAttemptFile));
    handed_on_ = written;
  } catch (const Error&) {
    // Gone meanwhile, or the store cannot take it now: the next beat tries again.
  }
}

void Heartbeat::beat() {
  double renewed = now_seconds();
  std::unique_lock lock(mutex_);
  while (!woken_.wait_for(lock, kBeat, [this] { return ended_; })) {
    hand_on();
    if (now_seconds() - renewed < lease_seconds_ / 4) continue;
    try {
      lost_ = lost_ || !store_.renew(claim_, lease_seconds_);
      renewed = now_seconds();
    } catch (const Error&) {
      lost_ = lost_ || now_seconds() - renewed > lease_seconds_;
    }
  }
}

TrainedCell train_cell(const TrainingPlace& place, const Cell& cell, const Claim& claim) {
  const AttemptFolder folder(scratch_root(place.options), claim);
  Store& store = place.store;
  WatchingObserver watching(cell.watch, claim.training, store, place.observer);
  FitOptions fit = cell.training.fit;
  fit.keep_finished = false;
  fit.out = folder.path();
  fit.train.observer = &watching;
  const std::string checkpoint = checkpoint_id(claim.training, fit);
  const std::string checkpoint_file = folder / "checkpoint.safetensors";
  if (const std::string kept = store.get(checkpoint); !kept.empty()) {
    write_file_atomic(checkpoint_file, kept);
  }
  place.heartbeat.watch(checkpoint_file, checkpoint);
  TrainedCell trained;
  try {
    trained.findings = fit_prompt(place.clip, *cell.training.drawn.split, fit).findings;
  } catch (const Error&) {
    place.heartbeat.watch("", "");  // hands on the checkpoint of a training that was stopped
    throw;
  }
  place.heartbeat.watch("", "");
  const std::string record = read_file(folder / "run.json", kMaxAttemptFile);
  store.put(record_id(claim.training), record);
  store.put(prompt_id(claim.training), read_file(folder / "prompt.qprompt", kMaxAttemptFile));
  const auto json = nlohmann::json::parse(record, nullptr, false);
  if (!json.is_object()) fail(ErrorKind::kInternal, "the run record is no JSON object");
  trained.encoded = json.value("/features/encoded"_json_pointer, int64_t{0});
  trained.resumed_epoch = json.value("resumed_epoch", int64_t{0});
  return trained;
}

}  // namespace qprompt
