#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "run/database.h"
#include "run/recipe.h"

namespace qprompt::run {
namespace {

using Json = nlohmann::json;

/// Reads what the database holds, distrusting all of it.
class Reader {
 public:
  explicit Reader(const std::string& path) : database_(path, Database::Mode::kReadOnly) {}

  std::vector<Experiment> experiments() {
    std::vector<Experiment> out;
    Statement rows = database_.prepare(
        "SELECT name, title, protocol, methods, datasets, shots, published FROM experiments "
        "ORDER BY rowid");
    while (rows.step()) {
      Experiment e;
      e.name = rows.text(0);
      e.title = rows.text(1);
      e.protocol = protocol(rows.text(2));
      e.methods = list<std::string>(rows.text(3));
      e.datasets = list<std::string>(rows.text(4));
      e.shots = list<int64_t>(rows.text(5));
      e.published = parse_published(rows.text(6), database_.path() + ": published numbers");
      out.push_back(std::move(e));
    }
    for (Experiment& e : out) read_cells(e);
    return out;
  }

 private:
  [[noreturn]] void refuse(const std::string& what) const {
    fail(ErrorKind::kContent, "the database '", database_.path(), "' is damaged: ", what);
  }

  Protocol protocol(const std::string& name) const {
    const auto& names = protocol_names();
    const auto found = std::find(names.begin(), names.end(), name);
    if (found == names.end()) refuse("unknown protocol '" + name + "'");
    return static_cast<Protocol>(found - names.begin());
  }

  template <class Value>
  std::vector<Value> list(const std::string& text) const {
    try {
      return Json::parse(text).get<std::vector<Value>>();
    } catch (const Json::exception&) {
      refuse("'" + text.substr(0, 80) + "' is not the list that was expected");
    }
  }

  std::vector<int64_t> indices(const std::string& bytes, size_t classes) const {
    if (bytes.size() % 2 != 0) refuse("a list of classes has an odd number of bytes");
    std::vector<int64_t> out;
    out.reserve(bytes.size() / 2);
    for (size_t i = 0; i < bytes.size(); i += 2) {
      const auto low = static_cast<unsigned char>(bytes[i]);
      const auto high = static_cast<unsigned char>(bytes[i + 1]);
      const int64_t index = low | (high << 8);
      if (index >= static_cast<int64_t>(classes)) refuse("a class is out of range");
      out.push_back(index);
    }
    return out;
  }

  struct TestList {
    std::string dataset, half;
    std::shared_ptr<const std::vector<std::string>> classes;
    std::shared_ptr<const std::vector<int64_t>> truth;
  };

  const TestList& test_list(const std::string& digest) {
    const auto found = lists_.find(digest);
    if (found != lists_.end()) return found->second;
    Statement row =
        database_.prepare("SELECT dataset, half, classes, truth FROM test_lists WHERE digest = ?");
    row.bind(digest);
    if (!row.step()) refuse("a test list is missing");
    TestList made{row.text(0), row.text(1), nullptr, nullptr};
    made.classes = std::make_shared<const std::vector<std::string>>(list<std::string>(row.text(2)));
    made.truth =
        std::make_shared<const std::vector<int64_t>>(indices(row.text(3), made.classes->size()));
    return lists_.emplace(digest, std::move(made)).first->second;
  }

  std::vector<TestResult> tests(const std::string& cell) {
    Statement rows = database_.prepare(
        "SELECT test_list, total, correct, failed, predictions FROM scores WHERE cell = ? "
        "ORDER BY position");
    rows.bind(cell);
    std::vector<TestResult> out;
    while (rows.step()) {
      const TestList& list = test_list(rows.text(0));
      TestResult result{list.dataset,    list.half,    rows.integer(1), rows.integer(2),
                        rows.integer(3), list.classes, list.truth,      {}};
      result.predictions = indices(rows.text(4), list.classes->size());
      int64_t hits = 0;
      for (size_t i = 0; i < std::min(result.predictions.size(), list.truth->size()); ++i) {
        hits += result.predictions[i] == (*list.truth)[i];
      }
      if (result.predictions.size() != list.truth->size() || hits != result.correct ||
          result.total != static_cast<int64_t>(list.truth->size())) {
        refuse("a score does not match its predictions");
      }
      out.push_back(std::move(result));
    }
    return out;
  }

  void read_cells(Experiment& e) {
    Statement rows = database_.prepare(
        "SELECT key, kind, label, dataset, shots, seed, state, error, payload_bytes FROM cells "
        "JOIN members m ON m.cell = key LEFT JOIN runs r ON r.cell = key WHERE experiment = ? "
        "ORDER BY ordinal");
    rows.bind(e.name);
    while (rows.step()) {
      if (rows.text(1) != "images") ++e.planned;  // those are a means, not a result
      const std::string name = rows.text(2) + ", " + rows.text(3);
      if (rows.text(6) == "failed") e.failures.push_back(name + ": " + rows.text(7));
      if (rows.text(6) != "done" || rows.text(1) == "images") continue;
      e.cells.push_back({rows.text(2), rows.text(3), rows.integer(4),
                         static_cast<uint64_t>(rows.integer(5)), rows.integer(8),
                         tests(rows.text(0))});
    }
  }

  Database database_;
  std::map<std::string, TestList> lists_;
};

}  // namespace
}  // namespace qprompt::run

namespace qprompt {

std::vector<Experiment> read_results(const std::string& database, const std::string& experiment,
                                     const std::string& published) {
  std::vector<Experiment> all = run::Reader(database).experiments();
  std::string names;
  for (const Experiment& e : all) names += (names.empty() ? "" : ", ") + e.name;
  if (!experiment.empty()) {
    std::erase_if(all, [&](const Experiment& e) { return e.name != experiment; });
    if (all.empty()) {
      fail(ErrorKind::kUsage, "'", database, "' has no experiment '", experiment,
           "'; it has: ", names);
    }
  }
  if (!published.empty()) {
    constexpr int64_t kMaxBytes = 1 << 20;
    const Published given = run::parse_published(read_file(published, kMaxBytes), published);
    for (Experiment& e : all) e.published = given;
  }
  return all;
}

}  // namespace qprompt
