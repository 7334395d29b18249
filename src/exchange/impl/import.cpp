#include "exchange/import.h"

#include <charconv>
#include <cmath>

#include "base/aten.h"
#include "exchange/impl/import_checks.h"
#include "exchange/impl/import_words.h"
#include "qprompt/dataset.h"
#include "qprompt/quant.h"

namespace qprompt {
namespace {

/// A prompt that is being put together.
struct Import {
  const ImportOptions& options;
  const TrainerRun& run;
  ImportedPrompt out;

  TrainedPrompt& prompt() { return out.prompt; }
  const TrainerCheckpoint& checkpoint() const { return run.checkpoint; }
  void add(const std::string& name, std::string value, const std::string& from) {
    out.facts.push_back({name, std::move(value), from});
  }
  void add_number(const std::string& name, int64_t value, const std::string& from) {
    out.facts.push_back({name, static_cast<uint64_t>(value), from});
  }
  /// An option, or what the log has under `key`, or nothing; `from` is set to which it was.
  std::optional<std::string> choose(const std::optional<std::string>& option,
                                    const std::string& key, std::string& from) const {
    from = "option";
    if (option) return option;
    from = run.log.path;
    return run.log.get(key);
  }
};

/// CoOp's configuration says it; a trainer that has a section of its own overrides that.
std::string position_key(const TrainerLog& log) {
  if (const auto trainer = log.get("TRAINER.NAME")) {
    std::string section = *trainer;
    for (char& c : section) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    const std::string own = "TRAINER." + section + ".CLASS_TOKEN_POSITION";
    if (log.get(own)) return own;
  }
  return "TRAINER.COOP.CLASS_TOKEN_POSITION";
}

void take_position(Import& import) {
  const bool placed = import.checkpoint().options.has("class-position");
  std::string from = "the method has no other";
  std::optional<std::string> position = import.options.position;
  if (position) from = "option";
  if (!position && placed) position = import.choose(position, position_key(import.run.log), from);
  if (!position) {
    position = "end";
    if (placed) {
      from = "assumed";
      import.out.findings.push_back(
          {"assumed",
           "neither the checkpoint nor a log says where the class token stands; taken to be at the "
           "end, as in the published configurations (--class-position)"});
    }
  }
  try {
    import.prompt().position =
        static_cast<ClassPosition>(parse_choice(*position, class_positions()));
  } catch (const Error& error) {
    fail(ErrorKind::kUsage, "the class token's position (", from, "): ", error.what());
  }
  import.add("class_position", *position, from);
}

void take_classes(Import& import) {
  const TrainerCheckpoint& found = import.checkpoint();
  TrainedPrompt& prompt = import.prompt();
  prompt.class_names = import.options.class_names;
  const auto names = static_cast<int64_t>(prompt.class_names.size());
  if (found.class_specific) {
    const int64_t classes = found.tensors[0].values.size(0);
    if (names != classes) {
      fail(ErrorKind::kUsage, "'", import.options.checkpoint,
           "' has a context of its own for each of ", classes,
           " classes, whose names it does not say; --labels gives ",
           names == 0 ? "none" : cat(names), ": give all of them in the order of training");
    }
  }
  if (names != 0) import.add_number("class_names", names, "option");
}

/// A whole number of the log.
uint64_t logged_number(const Import& import, const std::string& key, const std::string& text) {
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) {
    fail(ErrorKind::kContent, "'", import.run.log.path, "': ", key, " is '", text,
         "', a whole number expected; give it as an option, or --log none");
  }
  return number;
}

void take_shots(Import& import) {
  std::string from = "option";
  std::optional<int64_t> shots = import.options.shots;
  if (!shots) {
    const auto logged = import.run.log.get("DATASET.NUM_SHOTS");
    if (!logged) return;
    from = import.run.log.path;
    const bool all = *logged == "-1";  // Dassl's
    shots = all ? 0 : static_cast<int64_t>(logged_number(import, "NUM_SHOTS", *logged));
  }
  import.prompt().shots = *shots;
  if (*shots == 0) {
    import.add("shots", "all", from);
  } else {
    import.add_number("shots", *shots, from);
  }
}

void take_seed(Import& import) {
  TrainedPrompt& prompt = import.prompt();
  std::string from = "option";
  if (import.options.seed) {
    prompt.seed = *import.options.seed;
  } else {
    const auto logged = import.run.log.get("SEED");
    if (!logged || *logged == "-1") return;  // Dassl's: none
    prompt.seed = logged_number(import, "SEED", *logged);
    from = import.run.log.path;
  }
  import.out.facts.push_back({"seed", prompt.seed, from});
}

void take_data(Import& import) {
  std::string from;
  if (const auto text = import.choose(import.options.classes, "DATASET.SUBSAMPLE_CLASSES", from)) {
    import.prompt().half = static_cast<ClassSubset>(parse_choice(*text, class_subsets()));
    import.add("classes", *text, from);
  }
  if (const auto name = import.choose(import.options.dataset, "DATASET.NAME", from)) {
    // The name that training and evaluation here use for it.
    const DatasetInfo* known = find_dataset(*name);
    import.prompt().dataset = known == nullptr ? *name : known->name;
    import.add("dataset", import.prompt().dataset, from);
  }
}

StoredTensor stored_tensor(const TrainerCheckpoint::Learned& learned, int64_t plain_bits) {
  StoredTensor out;
  out.name = learned.name;
  out.shape = learned.values.sizes().vec();
  out.bits = learned.values.scalar_type() == at::kHalf ? 16 : plain_bits;
  const at::Tensor values = learned.values.to(at::kFloat).contiguous();  // shape of the tensor
  out.plain.assign(values.data_ptr<float>(), values.data_ptr<float>() + values.numel());
  for (float& value : out.plain) {
    if (!std::isfinite(value)) {
      fail(ErrorKind::kContent, "'", learned.source, "' holds ", value,
           "; the training diverged, or the file is damaged");
    }
    if (out.bits == 32) continue;
    const float rounded = from_half(to_half(value));
    if (!std::isfinite(rounded)) {
      fail(ErrorKind::kContent, "'", learned.source, "' holds ", value,
           ", which 16 bits cannot; store it with --plain-bits 32");
    }
    value = rounded;
  }
  return out;
}

void take_learned(Import& import, const Clip& clip) {
  const TrainerCheckpoint& found = import.checkpoint();
  TrainedPrompt& prompt = import.prompt();
  describe_method(prompt, found.options);
  prompt.width = clip.config().text_width;
  prompt.fingerprint = clip.fingerprint();
  prompt.bits = 16;
  bool rounded = false;
  for (const auto& learned : found.tensors) {
    prompt.tensors.push_back(stored_tensor(learned, import.options.plain_bits));
    prompt.bits = std::max(prompt.bits, prompt.tensors.back().bits);
    rounded = rounded || learned.values.scalar_type() != at::kHalf;
  }
  import.add_number("n_ctx", prompt.n_ctx, "checkpoint");
  import.add_number("width", prompt.width, found.width == 0 ? "--clip" : "checkpoint");
  import.add_number("depth", prompt.depth, "checkpoint");
  import.add_number("bits", prompt.bits, rounded ? "--plain-bits" : "checkpoint");
  import.add("fingerprint", to_hex(prompt.fingerprint), "--clip");
}

TrainerLog open_log(const ImportOptions& options) {
  if (options.log == "none") return {};
  const std::string path = options.log.empty() ? find_trainer_log(options.checkpoint) : options.log;
  return path.empty() ? TrainerLog{} : read_trainer_log(path);
}

}  // namespace

TrainerRun open_trainer_run(const ImportOptions& options) {
  parse_choice(options.trainer, trainer_names());
  TrainerRun run;
  run.log = open_log(options);
  std::string trainer = options.trainer, from = "option";
  const auto logged = run.log.get("TRAINER.NAME");
  if (trainer == "auto" && logged) {
    trainer = trainer_of_log(*logged);
    from = run.log.path;
    if (trainer.empty()) {
      run.findings.push_back({"assumed", cat("'", run.log.path, "': the trainer '", *logged,
                                             "' is not known here; the method is told from the "
                                             "tensors")});
      trainer = "auto";
    }
  }
  run.checkpoint = read_trainer_checkpoint(options.checkpoint, trainer);
  const TrainerCheckpoint& found = run.checkpoint;
  std::string names;
  for (const std::string& name : found.unknown) names += (names.empty() ? "'" : ", '") + name + "'";
  if (!names.empty()) {
    run.findings.push_back({"skipped", "left out, for nothing is known about them: " + names});
  }
  run.facts.push_back({"method", find_method(found.method).label, "checkpoint"});
  if (trainer != "auto") run.facts.push_back({"trainer", trainer, from});
  if (found.epoch >= 0) {
    run.facts.push_back({"epoch", static_cast<uint64_t>(found.epoch), "checkpoint"});
  }
  return run;
}

ImportedPrompt import_prompt(const Clip& clip, const TrainerRun& run,
                             const ImportOptions& options) {
  if (options.plain_bits != 16 && options.plain_bits != 32) {
    fail(ErrorKind::kUsage, "--plain-bits is ", options.plain_bits, "; give 16 or 32");
  }
  Import import{options, run, {{}, run.facts, run.findings}};
  check_sizes(run.checkpoint, clip.config(), options);
  check_backbone(run.log, clip.config(), options, import.out.findings);
  take_learned(import, clip);
  take_position(import);
  const ImportedWords words = find_words(clip, run, options.words, import.out.findings);
  import.prompt().initial_words = words.text;
  import.add("words", words.text, words.from);
  take_classes(import);
  take_data(import);
  take_shots(import);
  take_seed(import);
  return import.out;
}

}  // namespace qprompt
