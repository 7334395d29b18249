// Runs `qprompt import` on checkpoints in a folder of a run, against the tiny CLIP.
#pragma once

#include <nlohmann/json.hpp>

#include "import/checkpoint_writer.h"
#include "qprompt/artifact.h"
#include "support/run.h"

namespace qprompt::testing {

using Json = nlohmann::json;
using testing_support::RunResult;

/// What the log of a run prints, with its own method, words and counts.
inline std::string log_text(const std::string& trainer, const std::string& words, int64_t n_ctx) {
  return "** Config **\nDATASET:\n  NAME: OxfordPets\n  NUM_SHOTS: 16\n  SUBSAMPLE_CLASSES: base\n"
         "MODEL:\n  BACKBONE:\n    NAME: ViT-B/16\nSEED: 3\nTRAINER:\n  COOP:\n"
         "    CLASS_TOKEN_POSITION: middle\n    CTX_INIT: '" +
         words + "'\n    N_CTX: 16\n  NAME: " + trainer +
         "\nCollecting env info ...\nInitial context: \"" + words +
         "\"\nNumber of context words (tokens): " + std::to_string(n_ctx) + "\n";
}

/// <folder>/run/prompt_learner/model.pth.tar-50 and what is imported from it.
class Importer {
 public:
  explicit Importer(const std::string& bytes, const std::string& log = "") {
    testing_support::write_all(checkpoint_, bytes);
    if (!log.empty()) testing_support::write_all(log_, log);
  }
  explicit Importer(const std::vector<Entry>& entries, const std::string& log = "")
      : Importer(checkpoint(entries, Format::kLegacy), log) {}

  const std::string& log() const { return log_; }
  const std::string& out() const { return out_; }
  std::string file(const std::string& name) const { return folder_ / name; }

  RunResult run(const std::vector<std::string>& options = {}) const {
    std::vector<std::string> arguments = {"import", checkpoint_, "--out", out_};
    arguments.insert(arguments.end(), options.begin(), options.end());
    if (std::find(options.begin(), options.end(), "--clip") == options.end()) {
      for (const std::string& word : tiny()) arguments.push_back(word);
    }
    return testing_support::run(arguments);
  }
  /// The facts as JSON; the import must succeed.
  Json facts(std::vector<std::string> options = {}) const {
    options.push_back("--json");
    const RunResult r = run(options);
    EXPECT_EQ(r.code, 0) << r.err;
    return r.code == 0 ? Json::parse(r.out) : Json();
  }
  /// What standard error says; the import must end with this code and leave nothing behind.
  std::string refusal(int code, const std::vector<std::string>& options = {}) const {
    const RunResult r = run(options);
    EXPECT_EQ(r.code, code) << r.err;
    EXPECT_FALSE(std::filesystem::exists(out_));
    EXPECT_EQ(r.err.find("internal"), std::string::npos) << r.err;
    return r.err;
  }
  TrainedPrompt prompt() const { return read_prompt(out_); }

  static std::vector<std::string> tiny() {
    return {"--clip", testing_support::tiny_oracle() + "/hf", "--vocab",
            testing_support::tiny_oracle() + "/vocab.txt.gz"};
  }

 private:
  testing_support::TempFolder folder_;
  std::string checkpoint_ = folder_ / "run/prompt_learner/model.pth.tar-50";
  std::string log_ = folder_ / "run/log.txt", out_ = folder_ / "out.qprompt";
};

/// The stored tensor `name` must hold the values that the trainer's `source` was written with.
inline void expect_pattern(const TrainedPrompt& prompt, const std::string& name,
                           const std::string& source) {
  const StoredTensor& tensor = prompt.tensor(name);
  EXPECT_EQ(tensor.values(), pattern(source, tensor.count())) << name;
}

}  // namespace qprompt::testing
