// Running the program as a user does, and temporary folders.
#pragma once

#ifndef QPROMPT_PROGRAM
#define QPROMPT_PROGRAM "qprompt"
#endif

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

namespace qprompt::testing_support {

/// A folder that goes when the test ends.
class TempFolder {
 public:
  TempFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "qprompt-test-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("mkdtemp failed");
    path_ = pattern;
  }
  ~TempFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

inline std::string read_all(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

inline void write_all(const std::string& path, const std::string& bytes) {
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  std::ofstream(path, std::ios::binary) << bytes;
}

struct RunResult {
  int code = -1;
  std::string out, err;
};

/// Runs a shell command; `code` is 128 + the signal when it was killed.
inline RunResult run_shell(const std::string& command) {
  TempFolder temp;
  const std::string err = temp / "err";
  RunResult result;
  FILE* pipe = ::popen(("{ " + command + "\n} 2>" + err).c_str(), "r");
  if (pipe == nullptr) return result;
  char buffer[4096];
  for (size_t n; (n = std::fread(buffer, 1, sizeof buffer, pipe)) > 0;)
    result.out.append(buffer, n);
  const int status = ::pclose(pipe);
  result.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  result.err = read_all(err);
  return result;
}

inline std::string quote(const std::string& text) {
  std::string out = "'";
  for (char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

inline std::string command_line(const std::vector<std::string>& arguments) {
  std::string line = quote(QPROMPT_PROGRAM);
  for (const std::string& argument : arguments) line += " " + quote(argument);
  return line;
}

/// Runs the program with these arguments.
inline RunResult run(const std::vector<std::string>& arguments) {
  return run_shell(command_line(arguments));
}

/// The demo's model and images, which every checkout has.
inline std::string demo_clip() {
  return std::string(QPROMPT_SOURCE_DIR) + "/assets/demo/clip/model.safetensors";
}
inline std::string demo_data() { return std::string(QPROMPT_SOURCE_DIR) + "/assets/demo/data"; }
/// The tiny oracle that the tests carry.
inline std::string tiny_oracle() {
  return std::string(QPROMPT_SOURCE_DIR) + "/tests/data/oracle/tiny";
}

}  // namespace qprompt::testing_support
