// `qprompt import`: a public trainer's checkpoint becomes a `.qprompt` file. What the checkpoint
// does not say comes from options, then from the trainer's log; each fact is printed with its
// source.
#include <charconv>

#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/aten.h"
#include "cli/app.h"
#include "cli/import_words.h"
#include "cli/method.h"
#include "cli/trainer_checkpoint.h"
#include "cli/trainer_log.h"
#include "qprompt/quant.h"

namespace qprompt::cli {
namespace {

using Json = nlohmann::ordered_json;

struct ImportCommand {
  ModelOptions model;
  std::string checkpoint, out, log;
  std::string method = "auto";
  std::optional<std::string> words, position, classes, dataset, shots;
  std::string labels;
  int64_t plain_bits = 16;
  CLI::Option* seed = nullptr;  ///< the program's --seed, to know whether it was given
};

/// One thing that the file says, and where it came from.
struct Fact {
  std::string name;
  Json value;
  std::string from;
};

struct Import {
  const ImportCommand& options;
  const Session& session;
  Log& log;
  TrainerLog run;
  TrainerCheckpoint checkpoint;
  TrainedPrompt prompt;
  std::vector<Fact> facts;

  void add(const std::string& name, const Json& value, const std::string& from) {
    facts.push_back({name, value, from});
  }
  /// An option, or what the log has under `key`, or nothing; `from` is set to which it was.
  std::optional<std::string> choose(const std::optional<std::string>& option,
                                    const std::string& key, std::string& from) const {
    from = "option";
    if (option) return option;
    from = run.path;
    return run.get(key);
  }
};

void open_log(Import& import) {
  const std::string& given = import.options.log;
  if (given == "none") return;
  const std::string path = given.empty() ? find_trainer_log(import.options.checkpoint) : given;
  if (!path.empty()) import.run = read_trainer_log(path);
}

void open_checkpoint(Import& import) {
  std::string trainer = import.options.method, from = "option";
  const auto logged = import.run.get("TRAINER.NAME");
  if (trainer == "auto" && logged) {
    trainer = trainer_of_log(*logged);
    from = import.run.path;
    if (trainer.empty()) {
      import.log.warn(cat("'", import.run.path, "': the trainer '", *logged,
                          "' is not known here; the method is told from the tensors"));
      trainer = "auto";
    }
  }
  import.checkpoint = read_trainer_checkpoint(import.options.checkpoint, trainer);
  const TrainerCheckpoint& found = import.checkpoint;
  if (!found.unknown.empty()) {
    std::string names;
    for (const std::string& name : found.unknown)
      names += (names.empty() ? "'" : ", '") + name + "'";
    import.log.warn(cat("left out, for nothing is known about them: ", names));
  }
  import.add("method", find_method(found.method).label, "checkpoint");
  if (trainer != "auto") import.add("trainer", trainer, from);
  if (found.epoch >= 0) import.add("epoch", found.epoch, "checkpoint");
}

[[noreturn]] void other_clip(const Import& import, const std::string& what, int64_t found,
                             const std::string& which, int64_t expected) {
  fail(ErrorKind::kContent, "'", import.options.checkpoint, "': ", what, " is ", found, ", and ",
       which, " of '", import.options.model.clip, "' is ", expected,
       "; give the CLIP that the prompt was trained on with --clip");
}

/// Every width and depth that the model can contradict.
void check_sizes(const Import& import, const ClipConfig& clip) {
  const TrainerCheckpoint& found = import.checkpoint;
  const auto image_tower = [&](const std::string& name, int64_t width) {
    if (clip.image_kind != ImageTowerKind::kVit) {
      fail(ErrorKind::kContent, "'", import.options.checkpoint, "': a ", find_method(found.method).label,
           " prompt has rows in the image tower, and that of '", import.options.model.clip,
           "' is a ResNet, which takes none; give the ViT that it was trained on with --clip");
    }
    if (width != clip.image_width) {
      other_clip(import, cat("the width of '", name, "'"), width, "the image tower's width",
                 clip.image_width);
    }
  };
  int64_t image_depth = 0, projections = 0;
  for (const auto& [name, source, values] : found.tensors) {
    const bool image = name.rfind("vision.", 0) == 0, weight = name.find(".weight") != name.npos;
    image_depth += image ? 1 : 0;
    if (image) image_tower(source, values.size(1));
    if (name.rfind("proj.", 0) == 0 && weight) {
      ++projections;
      image_tower(source, values.size(0));
    }
    if (name == "meta.1.weight" && values.size(1) != clip.embed_dim) {
      other_clip(import, "the input of 'meta_net'", values.size(1), "the joint width",
                 clip.embed_dim);
    }
  }
  if (found.width != 0 && found.width != clip.text_width) {
    other_clip(import, "the width of 'ctx'", found.width, "the text tower's width",
               clip.text_width);
  }
  const Method& method = find_method(found.method);
  if (method.learns_text && found.depth > clip.text_layers) {
    other_clip(import, "the prompt's depth", found.depth, "the depth of the text tower",
               clip.text_layers);
  }
  image_depth = std::max(image_depth, projections);
  if (image_depth > clip.image_layers) {
    other_clip(import, "the prompt's depth in the image tower", image_depth, "that of the tower",
               clip.image_layers);
  }
}

/// CoOp's names of the released models, where they tell one apart by its shape.
void check_backbone(Import& import, const ClipConfig& clip) {
  const auto name = import.run.get("MODEL.BACKBONE.NAME");
  if (!name || (name->rfind("ViT-", 0) != 0 && name->rfind("RN", 0) != 0)) return;
  const bool vit = name->rfind("ViT-", 0) == 0;
  const size_t slash = name->find('/');
  const std::string patch = slash == name->npos ? "" : name->substr(slash + 1);
  const bool other = vit != (clip.image_kind == ImageTowerKind::kVit) ||
                     (vit && patch != cat(clip.patch_size) &&
                      patch != cat(clip.patch_size, "@", clip.image_size, "px"));
  if (!other) return;
  import.log.warn(cat("'", import.run.path, "' says that the model was ", *name, ", and '",
                      import.options.model.clip, "' is another one"));
}

void take_position(Import& import) {
  const bool placed = MethodOptions(import.checkpoint.method).has("class-position");
  std::string key = "TRAINER.COOP.CLASS_TOKEN_POSITION", from = "the method has no other";
  if (const auto trainer = import.run.get("TRAINER.NAME")) {
    std::string section = *trainer;
    for (char& c : section) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    const std::string own = "TRAINER." + section + ".CLASS_TOKEN_POSITION";
    if (import.run.get(own)) key = own;
  }
  std::optional<std::string> position = import.options.position;
  if (position) from = "option";
  if (!position && placed) position = import.choose(position, key, from);
  if (!position) {
    position = "end";
    if (placed) {
      from = "assumed";
      import.log.warn(
          "neither the checkpoint nor a log says where the class token stands; taken "
          "to be at the end, as in the published configurations (--class-position)");
    }
  }
  try {
    import.prompt.position = static_cast<ClassPosition>(parse_choice(*position, class_positions()));
  } catch (const Error& error) {
    fail(ErrorKind::kUsage, "the class token's position (", from, "): ", error.what());
  }
  import.add("class_position", *position, from);
}

void take_classes(Import& import) {
  const TrainerCheckpoint& found = import.checkpoint;
  const std::string& labels = import.options.labels;
  if (!labels.empty()) import.prompt.class_names = read_labels(labels);
  const auto names = static_cast<int64_t>(import.prompt.class_names.size());
  if (found.class_specific) {
    const int64_t classes = found.tensors[0].values.size(0);
    if (names != classes) {
      fail(ErrorKind::kUsage, "'", import.options.checkpoint,
           "' has a context of its own for each of ", classes,
           " classes, whose names it does not say; --labels gives ",
           names == 0 ? "none" : cat(names), ": give all of them in the order of training");
    }
  }
  if (names != 0) import.add("class_names", names, "option");
}

void take_run(Import& import) {
  std::string from;
  if (const auto text = import.choose(import.options.classes, "DATASET.SUBSAMPLE_CLASSES", from)) {
    import.prompt.half = static_cast<ClassSubset>(parse_choice(*text, class_subsets()));
    import.add("classes", *text, from);
  }
  if (const auto name = import.choose(import.options.dataset, "DATASET.NAME", from)) {
    // The name that training and evaluation here use for it.
    const DatasetInfo* known = find_dataset(*name);
    import.prompt.dataset = known == nullptr ? *name : known->name;
    import.add("dataset", import.prompt.dataset, from);
  }
  if (const auto shots = import.choose(import.options.shots, "DATASET.NUM_SHOTS", from)) {
    import.prompt.shots = *shots == "-1" ? 0 : parse_shots(*shots);  // Dassl's -1: all
    import.add("shots", import.prompt.shots == 0 ? Json("all") : Json(import.prompt.shots), from);
  }
  if (import.options.seed->count() != 0) {
    import.prompt.seed = import.session.seed;
    import.add("seed", import.prompt.seed, "option");
  } else if (const auto seed = import.run.get("SEED"); seed && *seed != "-1") {
    const auto [end, error] =
        std::from_chars(seed->data(), seed->data() + seed->size(), import.prompt.seed);
    if (error != std::errc() || end != seed->data() + seed->size()) {
      fail(ErrorKind::kContent, "'", import.run.path, "': SEED is '", *seed,
           "', a whole number expected; give it with --seed, or --log none");
    }
    import.add("seed", import.prompt.seed, import.run.path);
  }
}

StoredTensor stored(const TrainerCheckpoint::Learned& learned, int64_t plain_bits) {
  StoredTensor out;
  out.name = learned.name;
  out.shape = learned.values.sizes().vec();
  out.bits = learned.values.scalar_type() == at::kHalf ? 16 : plain_bits;
  const at::Tensor values = learned.values.to(at::kFloat).contiguous();
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

void take_tensors(Import& import, const Clip& clip) {
  const TrainerCheckpoint& found = import.checkpoint;
  TrainedPrompt& prompt = import.prompt;
  describe_method(prompt, found.options);
  prompt.width = clip.config().text_width;
  prompt.fingerprint = clip.fingerprint();
  prompt.bits = 16;
  bool rounded = false;
  for (const auto& learned : found.tensors) {
    prompt.tensors.push_back(stored(learned, import.options.plain_bits));
    prompt.bits = std::max(prompt.bits, prompt.tensors.back().bits);
    rounded = rounded || learned.values.scalar_type() != at::kHalf;
  }
  import.add("n_ctx", prompt.n_ctx, "checkpoint");
  import.add("width", prompt.width, found.width == 0 ? "--clip" : "checkpoint");
  import.add("depth", prompt.depth, "checkpoint");
  import.add("bits", prompt.bits, rounded ? "--plain-bits" : "checkpoint");
  import.add("fingerprint", to_hex(prompt.fingerprint), "--clip");
}

void print_import(const Import& import) {
  const std::string& path = import.options.out;
  Table table{"", {"what", "value", "from"}, {}};
  Json json{{"prompt", path}, {"payload_bytes", import.prompt.payload_bytes()}};
  for (const auto& [name, value, from] : import.facts) {
    table.rows.push_back({name, value.is_string() ? value.get<std::string>() : value.dump(), from});
    json[name] = {{"value", value}, {"from", from}};
  }
  for (const StoredTensor& tensor : import.prompt.tensors) {
    json["tensors"].push_back(
        {{"name", tensor.name}, {"shape", tensor.shape}, {"bits", tensor.bits}});
  }
  json["warnings"] = import.log.warnings();
  table.rows.push_back(
      {"prompt", path,
       cat(import.prompt.payload_bytes(), " B in ", import.prompt.tensors.size(), " tensors")});
  print_result(import.session, table, json.dump(-1, ' ', false, Json::error_handler_t::replace));
}

void run_import(const ImportCommand& options, const Session& session) {
  Log log = make_log(session);
  if (options.plain_bits != 16 && options.plain_bits != 32) {
    fail(ErrorKind::kUsage, "--plain-bits is ", options.plain_bits, "; give 16 or 32");
  }
  Import import{options, session, log, {}, {}, {}, {}};
  open_log(import);
  open_checkpoint(import);
  const Clip clip = open_clip(options.model, session, log);
  check_sizes(import, clip.config());
  check_backbone(import, clip.config());
  take_tensors(import, clip);
  take_position(import);
  const ImportedWords words = find_words(clip, import.checkpoint, import.run, options.words, log);
  import.prompt.initial_words = words.text;
  import.add("words", words.text, words.from);
  take_classes(import);
  take_run(import);
  write_prompt(options.out, import.prompt);
  print_import(import);
}

}  // namespace

void add_import(CLI::App& app, Session& session) {
  auto options = std::make_shared<ImportCommand>();
  CLI::App* command = app.add_subcommand(
      "import", "a checkpoint of CoOp, CoCoOp, KgCoOp, ProGrad, MaPLe or PromptSRC as a .qprompt");
  command->add_option("checkpoint", options->checkpoint, "the trainer's model.pth.tar-…")
      ->required();
  command->add_option("--out", options->out, "the .qprompt file to write")->required();
  add_model_options(*command, options->model);
  command
      ->add_option("--method", options->method,
                   "what trained it; auto: the log says it, or its tensors tell")
      ->check(CLI::IsMember(trainer_names()))
      ->capture_default_str();
  command->add_option("--log", options->log,
                      "the run's log.txt; default: looked for beside the checkpoint; none: no log");
  command->add_option("--words", options->words, "the initial words; \"\": a random start");
  command->add_option("--class-position", options->position,
                      "where the class token stands: end, middle, front");
  command->add_option("--classes", options->classes, "trained on: all, base, new");
  command->add_option("--dataset", options->dataset, "name of the data set it was trained on");
  command->add_option("--shots", options->shots, "images a class it was trained on, or all");
  command->add_option("--labels", options->labels,
                      "names of its classes, for class-specific contexts: a file or a,b,c");
  command
      ->add_option("--plain-bits", options->plain_bits,
                   "how values are stored that are not half-precision already: 16 or 32")
      ->capture_default_str();
  options->seed = app.get_option("--seed");
  command->final_callback([options, &session] { run_import(*options, session); });
}

}  // namespace qprompt::cli
