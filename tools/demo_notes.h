// The words that accompany the demo's files.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace qprompt::demo {

struct Notes {
  std::string accuracies;  // a Markdown table
  std::string model;       // one line about the model's sizes
  int64_t steps = 0;
  int64_t batch = 0;
};

// Writes README.md and LICENSE-fashion-mnist into `folder`.
void write_notes(const std::filesystem::path& folder, const Notes& notes);

}  // namespace qprompt::demo
