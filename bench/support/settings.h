// Command line of the benchmarks, and what they print.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "report/table.h"

namespace qprompt::bench {

using Json = nlohmann::ordered_json;

struct Settings {
  std::string name;       // of the benchmark
  int64_t threads = 0;    // 0: all cores
  bool quick = false;     // fewer rounds, fewer sizes
  bool tiny = false;      // toy sizes: shows that the benchmark runs, measures nothing
  bool python = true;     // compare with Python's LibTorch where it is installed
  bool json = false;      // JSON on standard output in place of the tables
  std::string json_file;  // JSON there, besides the tables
  std::string side;       // a child measures this side alone (memory)
  std::string model;      // the child's model

  // Rounds of a comparison in which every side runs once.
  int64_t rounds() const { return tiny ? 1 : (quick ? 3 : 7); }
};

// Parses, prints help where asked, sets threads and allocator as the program itself does. Exits
// with 2 on an unknown option.
Settings start(int argc, char** argv, const std::string& what_it_measures);

// One aim of the project and what came.
struct Aim {
  std::string what;
  double measured = 0;
  double bound = 0;
  bool at_least = true;  // false: at most
  std::string unit;
};

// What a benchmark found: tables for people, JSON for programs.
class Findings {
 public:
  explicit Findings(const Settings& settings);
  void add(const Table& table) { tables_.push_back(table); }
  void add(const Aim& aim) { aims_.push_back(aim); }
  Json& json() { return results_; }
  // Prints; returns the exit code, 0: a missed aim is shown, it is no error.
  int finish() const;

 private:
  Table aims_table() const;
  Settings settings_;
  std::vector<Table> tables_;
  std::vector<Aim> aims_;
  Json results_ = Json::object();
};

// Progress, to standard error.
void say(const std::string& text);
// "0.251" with three significant digits.
std::string digits(double value);

}  // namespace qprompt::bench
