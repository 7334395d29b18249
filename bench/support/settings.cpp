#include "support/settings.h"

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <thread>

#include "base/runtime.h"
#include "qprompt/base.h"

namespace qprompt::bench {
namespace {

void print_help(const std::string& name, const std::string& what) {
  std::cout
      << name << ": " << what << "\n\n"
      << "  --threads N   threads of every side; 0, the default: all cores\n"
         "  --quick       fewer rounds and sizes\n"
         "  --tiny        toy sizes: shows that it runs, measures nothing\n"
         "  --no-python   leave out the comparison with Python's LibTorch\n"
         "  --json [FILE] results as JSON on standard output, or in FILE besides the tables\n";
}

std::string cpu_name() {
  std::ifstream in("/proc/cpuinfo");
  for (std::string line; std::getline(in, line);) {
    if (line.rfind("model name", 0) == 0) return line.substr(line.find(": ") + 2);
  }
  return "unknown";
}

std::string base_name(const std::string& path) { return path.substr(path.rfind('/') + 1); }

}  // namespace

Settings start(int argc, char** argv, const std::string& what) {
  Settings settings;
  settings.name = base_name(argv[0]);
  const std::vector<std::string> words(argv + 1, argv + argc);
  for (size_t i = 0; i < words.size(); ++i) {
    const bool has_value = i + 1 < words.size() && words[i + 1].rfind("--", 0) != 0;
    if (words[i] == "--quick") {
      settings.quick = true;
    } else if (words[i] == "--tiny") {
      settings.tiny = settings.quick = true;
    } else if (words[i] == "--no-python") {
      settings.python = false;
    } else if (words[i] == "--json") {
      settings.json = !has_value;
      if (has_value) settings.json_file = words[++i];
    } else if (words[i] == "--threads" && has_value) {
      settings.threads = std::atoll(words[++i].c_str());
    } else if (words[i] == "--side" && has_value) {
      settings.side = words[++i];
    } else if (words[i] == "--model" && has_value) {
      settings.model = words[++i];
    } else {
      print_help(settings.name, what);
      std::exit(words[i] == "--help" || words[i] == "-h" ? 0 : 2);
    }
  }
  configure_runtime(settings.threads);
  settings.threads = runtime_info().threads;
  return settings;
}

Findings::Findings(const Settings& settings) : settings_(settings) {}

Table Findings::aims_table() const {
  Table table{"Aims", {"what", "aim", "measured", "met"}, {}};
  for (const Aim& aim : aims_) {
    const bool met = aim.at_least ? aim.measured >= aim.bound : aim.measured <= aim.bound;
    table.rows.push_back({aim.what,
                          cat(aim.at_least ? "≥ " : "≤ ", digits(aim.bound), " ", aim.unit),
                          cat(digits(aim.measured), " ", aim.unit), met ? "yes" : "no"});
  }
  return table;
}

int Findings::finish() const {
  const RuntimeInfo runtime = runtime_info();
  const auto cores = static_cast<int64_t>(std::thread::hardware_concurrency());
  Json all{{"bench", settings_.name},
           {"machine",
            {{"cpu", cpu_name()},
             {"cores", cores},
             {"libtorch", runtime.torch},
             {"blas", runtime.blas},
             {"threads", runtime.threads}}},
           {"rounds", settings_.rounds()},
           {"tiny", settings_.tiny},
           {"results", results_}};
  for (const Aim& aim : aims_) {
    all["aims"].push_back({{"what", aim.what},
                           {aim.at_least ? "at_least" : "at_most", aim.bound},
                           {"measured", aim.measured},
                           {"unit", aim.unit}});
  }
  if (!settings_.json_file.empty()) write_file_atomic(settings_.json_file, all.dump(2) + "\n");
  if (settings_.json) {
    std::cout << all.dump(2) << '\n';
    return 0;
  }
  std::cout << settings_.name << " on " << cpu_name() << ", " << cores << " cores; LibTorch "
            << runtime.torch << ", " << runtime.blas << ", " << runtime.threads << " threads; "
            << settings_.rounds() << " rounds, median (least – most)\n";
  if (settings_.tiny) std::cout << "Toy sizes: these figures mean nothing.\n";
  for (const Table& table : tables_) std::cout << '\n' << to_text(table);
  if (!aims_.empty() && !settings_.tiny) std::cout << '\n' << to_text(aims_table());
  return 0;
}

void say(const std::string& text) { std::cerr << text << std::endl; }

std::string digits(double value) {
  char text[64];
  const double size = std::abs(value);
  const int decimals =
      size >= 100 ? 0 : (size >= 10 ? 1 : (size >= 1 ? 2 : (size >= 0.01 ? 3 : 5)));
  std::snprintf(text, sizeof text, "%.*f", decimals, value);
  return text;
}

}  // namespace qprompt::bench
