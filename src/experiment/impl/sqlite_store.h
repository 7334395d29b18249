// The store in an SQLite file. Private to the room.
#pragma once

#include <map>
#include <mutex>
#include <string>

#include "experiment/impl/database.h"
#include "experiment/impl/store_rules.h"
#include "experiment/store.h"

namespace qprompt {

class SqliteStore final : public Store {
 public:
  SqliteStore(const std::string& path, StoreMode mode, StoreClock clock);
  void plan(const Heading& heading, std::span<const Entry> cells, bool retry) override;
  std::optional<Claim> claim(const std::string& experiment, const Worker& worker,
                             double lease_seconds) override;
  bool renew(const Claim& claim, double lease_seconds) override;
  void release(const Claim& claim) override;
  void finish(const Claim& claim, const Outcome& outcome) override;
  void fail(const Claim& claim, const std::string& why) override;
  Results results(const std::string& experiment, Detail detail) const override;
  void put(const std::string& id, std::string_view bytes) override;
  std::string get(const std::string& id) const override;

 private:
  /// A scored list as it stands in the file, checked.
  struct KeptList {
    std::shared_ptr<const std::vector<std::string>> classes;
    std::shared_ptr<const std::vector<int64_t>> truth;
  };

  double now() const;
  void enter_heading(const Heading& heading);
  void enter_cell(const std::string& experiment, int64_t ordinal, const Entry& entry,
                  const std::string& error);
  /// What the dead held waits again, unless it is what they died of.
  void take_back(const std::string& experiment, const std::string& invocation);
  bool holds(const Claim& claim);
  void end_attempt(const Claim& claim, const char* outcome);
  void keep_score(const Claim& claim, const NewScore& score);
  std::string names() const;
  std::string damaged() const;  ///< "the database 'FILE'"
  Heading read_heading(const std::string& experiment) const;
  void read_scores(const std::string& experiment, Results& results) const;
  const KeptList& kept_list(const std::string& digest) const;

  mutable Database database_;
  StoreClock clock_;
  mutable std::mutex mutex_;
  mutable std::map<std::string, KeptList> lists_;
};

}  // namespace qprompt
