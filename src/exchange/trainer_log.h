// The log.txt that the public trainers (Dassl) write beside their checkpoints.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

namespace qprompt {

/// What a log says of a run. Everything is text as it stands there.
struct TrainerLog {
  std::string path;                           ///< empty: there is no log
  std::map<std::string, std::string> config;  ///< "TRAINER.COOP.N_CTX" → "16"
  std::optional<std::string> context;         ///< of the line `Initial context: "…"`
  std::optional<int64_t> n_ctx;               ///< of the line that counts the text's context words

  /// A value of the configuration; nothing when it is absent or empty.
  std::optional<std::string> get(const std::string& key) const;
};

/// <output_dir>/log.txt for <output_dir>/prompt_learner/model.pth.tar-50; the checkpoint's own
/// folder counts too. Empty when there is none.
std::string find_trainer_log(const std::string& checkpoint);

/// Reads at most 64 MB. Throws kPath when it is not readable, kContent when it is no log of a
/// training run (it shows no configuration and no context).
TrainerLog read_trainer_log(const std::string& path);

}  // namespace qprompt
