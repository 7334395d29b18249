// The store of one process: for tests, and for whoever wants no file.
#include <algorithm>
#include <map>
#include <mutex>
#include <set>

#include "base/runtime.h"
#include "experiment/impl/store_rules.h"
#include "experiment/store.h"

namespace qprompt {
namespace {

struct MemoryCell {
  Entry entry;
  std::string error;
};
struct MemoryPlan {
  Heading heading;
  std::vector<MemoryCell> cells;
};
struct MemoryAttempt {
  std::string training;
  Worker worker;
  double expires = 0;
  std::string outcome = "running";
};

class MemoryStore final : public Store {
 public:
  explicit MemoryStore(StoreClock clock) : clock_(clock ? std::move(clock) : now_seconds) {}

  void plan(const Heading& heading, std::span<const Entry> cells, bool retry) override {
    const std::lock_guard lock(mutex_);
    if (std::find(names_.begin(), names_.end(), heading.name) == names_.end()) {
      names_.push_back(heading.name);
    }
    MemoryPlan& plan = plans_[heading.name];
    std::map<std::string, std::string> failed;
    for (const MemoryCell& cell : plan.cells) failed[entry_id(cell.entry)] = cell.error;
    plan.heading = heading;
    plan.cells.clear();
    for (const Entry& entry : cells) {
      const auto before = failed.find(entry_id(entry));
      const bool keeps = !retry && before != failed.end() && entry.error.empty();
      plan.cells.push_back({entry, keeps ? before->second : entry.error});
    }
  }

  std::optional<Claim> claim(const std::string& experiment, const Worker& worker,
                             double lease_seconds) override {
    const std::lock_guard lock(mutex_);
    const auto found = plans_.find(experiment);
    if (found == plans_.end()) return std::nullopt;
    MemoryPlan& plan = found->second;
    take_back(plan, worker.invocation);
    for (size_t i = 0; i < plan.cells.size(); ++i) {
      const MemoryCell& cell = plan.cells[i];
      if (!waits(cell) || is_running(cell.entry.training) || !may_start(plan, cell)) continue;
      attempts_.push_back({cell.entry.training, worker, clock_() + lease_seconds});
      return Claim{experiment, static_cast<int64_t>(i), cell.entry.training,
                   static_cast<int64_t>(attempts_.size())};
    }
    return std::nullopt;
  }

  bool renew(const Claim& claim, double lease_seconds) override {
    const std::lock_guard lock(mutex_);
    MemoryAttempt* attempt = held(claim);
    if (attempt == nullptr || attempt->expires < clock_()) return false;
    attempt->expires = clock_() + lease_seconds;
    return true;
  }

  void release(const Claim& claim) override {
    const std::lock_guard lock(mutex_);
    if (MemoryAttempt* attempt = held(claim)) attempt->outcome = "released";
  }

  void finish(const Claim& claim, const Outcome& outcome) override {
    const std::lock_guard lock(mutex_);
    MemoryAttempt* attempt = held(claim);
    if (attempt == nullptr) return;
    attempt->outcome = "done";
    Outcome& kept = trainings_.emplace(claim.training, outcome).first->second;
    for (const NewScore& score : outcome.scores) scores_.emplace(score.id, score.list);
    kept.scores.clear();
    for (const std::string& id : outcome.spent) blobs_.erase(id);
  }

  void fail(const Claim& claim, const std::string& why) override {
    const std::lock_guard lock(mutex_);
    MemoryAttempt* attempt = held(claim);
    if (attempt == nullptr) return;
    attempt->outcome = "failed";
    const auto plan = plans_.find(claim.experiment);
    if (plan == plans_.end()) return;
    for (MemoryCell& cell : plan->second.cells) {
      if (cell.entry.training == claim.training && waits(cell)) cell.error = why;
    }
  }

  Results results(const std::string& experiment, Detail detail) const override {
    const std::lock_guard lock(mutex_);
    const auto found = plans_.find(experiment);
    if (found == plans_.end()) refuse_unknown(experiment, list(), "this store");
    Results out{found->second.heading, {}};
    for (const MemoryCell& cell : found->second.cells) {
      out.cells.push_back(outcome_of(cell, detail));
    }
    return out;
  }

  void put(const std::string& id, std::string_view bytes) override {
    check_blob_id(id);
    const std::lock_guard lock(mutex_);
    if (bytes.empty()) {
      blobs_.erase(id);
    } else {
      blobs_[id] = std::string(bytes);
    }
  }

  std::string get(const std::string& id) const override {
    const std::lock_guard lock(mutex_);
    if (id == kExperimentsId) return list();
    const auto found = blobs_.find(id);
    return found == blobs_.end() ? std::string() : found->second;
  }

 private:
  std::string list() const {
    std::string out;
    for (const std::string& name : names_) out += name + "\n";
    return out;
  }

  MemoryAttempt* held(const Claim& claim) {
    const auto attempts = static_cast<int64_t>(attempts_.size());
    if (claim.attempt < 1 || claim.attempt > attempts) return nullptr;
    MemoryAttempt& attempt = attempts_[static_cast<size_t>(claim.attempt - 1)];
    return attempt.outcome == "running" ? &attempt : nullptr;
  }

  bool is_running(const std::string& training) const {
    return std::any_of(attempts_.begin(), attempts_.end(), [&](const MemoryAttempt& one) {
      return one.training == training && one.outcome == "running";
    });
  }

  bool is_done(const Entry& entry) const {
    return trainings_.count(entry.training) != 0 &&
           std::all_of(entry.scores.begin(), entry.scores.end(),
                       [&](const WantedScore& score) { return scores_.count(score.id) != 0; }) &&
           std::all_of(entry.blobs.begin(), entry.blobs.end(),
                       [&](const std::string& id) { return blobs_.count(id) != 0; });
  }

  bool waits(const MemoryCell& cell) const { return cell.error.empty() && !is_done(cell.entry); }

  /// Whether all that must come first is done or failed.
  bool may_start(const MemoryPlan& plan, const MemoryCell& cell) const {
    const auto& after = cell.entry.after;
    return std::none_of(plan.cells.begin(), plan.cells.end(), [&](const MemoryCell& other) {
      return std::find(after.begin(), after.end(), other.entry.training) != after.end() &&
             waits(other);
    });
  }

  void take_back(MemoryPlan& plan, const std::string& invocation) {
    for (MemoryAttempt& attempt : attempts_) {
      if (attempt.outcome != "running") continue;
      if (attempt.expires >= clock_() && !is_gone(attempt.worker)) continue;
      attempt.outcome = "died";
      const auto deaths =
          std::count_if(attempts_.begin(), attempts_.end(), [&](const MemoryAttempt& other) {
            return other.training == attempt.training && other.worker.invocation == invocation &&
                   other.outcome == "died";
          });
      if (deaths < kDeathsOfOneCommand) continue;
      for (MemoryCell& cell : plan.cells) {
        if (cell.entry.training == attempt.training && waits(cell)) cell.error = kDeadly;
      }
    }
  }

  CellOutcome outcome_of(const MemoryCell& cell, Detail detail) const {
    CellOutcome out = describe_entry(cell.entry);
    out.error = cell.error;
    const bool done = is_done(cell.entry);
    if (!done && !cell.error.empty()) {
      out.state = CellState::kFailed;
    } else if (done) {
      out.state = CellState::kDone;
      out.error.clear();
    } else if (is_running(cell.entry.training)) {
      out.state = CellState::kRunning;
    }
    if (const auto training = trainings_.find(out.training); training != trainings_.end()) {
      out.prompt_digest = training->second.prompt_digest;
      out.payload_bytes = training->second.payload_bytes;
      out.file_bytes = training->second.file_bytes;
      out.seconds = training->second.seconds;
    }
    if (detail == Detail::kStates) return out;
    for (const WantedScore& wanted : cell.entry.scores) {
      const auto score = scores_.find(wanted.id);
      if (score == scores_.end()) continue;
      add_score(out, wanted, score->second);
    }
    return out;
  }

  mutable std::mutex mutex_;
  StoreClock clock_;
  std::vector<std::string> names_;
  std::map<std::string, MemoryPlan> plans_;
  std::vector<MemoryAttempt> attempts_;
  std::map<std::string, Outcome> trainings_;
  std::map<std::string, ScoredList> scores_;
  std::map<std::string, std::string> blobs_;
};

}  // namespace

std::unique_ptr<Store> memory_store(StoreClock clock) {
  return std::make_unique<MemoryStore>(std::move(clock));
}

}  // namespace qprompt
