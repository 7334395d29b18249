#include <unistd.h>

#include <filesystem>
#include <optional>

#include "base/runtime.h"
#include "cli/app.h"
#include "cli/method.h"
#include "cli/training_watch.h"
#include "qprompt/eval.h"
#include "train/option_door.h"

namespace qprompt::cli {
namespace fs = std::filesystem;
namespace {

struct TrainCommand : RunOptions {
  std::string out, tensorboard;
  bool overwrite = false;
  bool strict = false;
};

/// What people came for: the accuracy on images that were not trained on, before and after.
struct HeldOut {
  double zero_shot = 0, learned = 0;
  int64_t images = 0;
};

/// Nothing where there are no test images of these classes.
std::optional<HeldOut> score_held_out(const TrainCommand& options, const Clip& clip,
                                      const Split& whole, const TrainedPrompt& prompt, Log& log) {
  const Split half = select_half(whole, options.images.half);
  if (half.test.empty()) return std::nullopt;
  const TestSet test =
      open_test_set(clip, whole, options.images.half, feature_options(options.images), log);
  const Score before = score_templates(clip, {default_template(options.images.data.dataset)}, test);
  const Score after = score_prompt(clip, prompt, test);
  if (after.total == 0) return std::nullopt;
  return HeldOut{before.accuracy(), after.accuracy(), after.total};
}

FitOptions fit_options(const TrainCommand& options, const Session& session, FitOptions fit) {
  fit.train.seed = session.seed;
  fit.half = options.images.half;
  fit.out = options.out;
  fit.device = session.device;
  fit.dtype = session.dtype;
  fit.overwrite = options.overwrite;
  fit.command = session.words;
  fit.clip_path = options.model.clip;
  fit.data_path = options.images.data.root;
  return fit;
}

FitResult watched_fit(const Clip& clip, const Split& split, FitOptions fit,
                      const TrainCommand& options, Log& log) {
  TrainingWatch watch(log, {(fs::path(options.out) / "log.csv").string(), options.tensorboard,
                            ::isatty(STDERR_FILENO) != 0});
  fit.train.observer = &watch;
  try {
    FitResult result = fit_prompt(clip, split, fit, log);
    watch.finish();
    return result;
  } catch (const Error& e) {
    if (can_go_on(e)) watch.finish();
    throw;
  }
}

/// What is printed of a training.
struct Trained {
  const std::string& method;
  const Split& split;
  const FitResult& result;
  const std::optional<HeldOut>& held_out;
};

void print_training(const TrainCommand& options, const Session& session, const Trained& trained) {
  const auto& [method, split, result, held_out] = trained;
  Table table{"",
              {"method", "data", "classes", "images", "payload", "file", "seconds"},
              {{method, split.name, cat(split.class_names.size()), cat(split.train.size()),
                cat(result.prompt.payload_bytes(), " B"), cat(result.file_bytes, " B"),
                duration(result.seconds)}}};
  Json json{{"prompt", result.path},
            {"record", (fs::path(options.out) / "run.json").string()},
            {"method", method},
            {"classes", split.class_names.size()},
            {"train_images", split.train.size()},
            {"payload_bytes", result.prompt.payload_bytes()},
            {"file_bytes", result.file_bytes},
            {"seconds", result.seconds},
            {"kept", result.kept}};
  if (held_out) {
    json["held_out"] = {{"images", held_out->images},
                        {"zero_shot", held_out->zero_shot},
                        {"accuracy", held_out->learned}};
  }
  print_result(session, table, json);
}

/// The drawn images that can be read; the others are said one by one.
Split readable(const Split& drawn, const TrainCommand& options, Log& log) {
  if (options.strict) return drawn;
  std::vector<std::string> broken;
  Split sound = drop_broken(drawn, runtime_info().threads, broken);
  for (const std::string& why : broken) log.warn("left out of the training: " + why);
  if (!broken.empty()) {
    log.warn(cat(broken.size(), " of ", drawn.train.size() + drawn.val.size(),
                 " images cannot be read and are left out; --strict stops at such an image"));
  }
  return sound;
}

void run_train(const TrainCommand& options, const Session& session) {
  Log log = make_log(session);
  const std::vector<Variant> variants = make_variants(options);
  if (variants.size() != 1) {
    fail(ErrorKind::kUsage,
         "'train' trains one prompt; give one --method and one number of --bits");
  }
  const Split whole = open_split(options.images, session, log);
  const Split drawn = draw_training(whole, options, session.seed, log);
  const Split split = readable(select_half(drawn, options.images.half), options, log);
  const Clip clip = open_clip(options.model, session, log);
  const Protocol protocol =
      options.images.half == Half::kAll ? Protocol::kFewShot : Protocol::kBaseToNew;
  const Situation situation = situation_of(clip, whole, protocol, parse_shots(options.shots));
  const FitOptions chosen = make_variants(options, situation, log)[0].fit;
  const FitResult result =
      watched_fit(clip, split, fit_options(options, session, chosen), options, log);
  const auto held_out = score_held_out(options, clip, whole, result.prompt, log);
  print_training(options, session, {variants[0].name, split, result, held_out});
  log.note(cat(result.kept ? "kept '" : "wrote '", result.path, "', with run.json beside it"));
  if (held_out) {
    log.note(cat("zero-shot ", percent(held_out->zero_shot), " % → ", percent(held_out->learned),
                 " % on ", held_out->images, " held-out images, ", result.file_bytes, " bytes"));
  }
}

}  // namespace

void add_train(Command& program, Session& session) {
  auto options = std::make_shared<TrainCommand>();
  Command& command = program.add_command("train", "learn a prompt and write DIR/prompt.qprompt");
  add_run_options(command, *options);
  add_classes_option(command, options->images);
  command.add_text("out", "folder for prompt.qprompt, run.json and log.csv", options->out)
      .require();
  command.add_flag("overwrite", "replace a finished run of other settings in --out",
                   options->overwrite);
  command.add_flag("strict", "stop at a training image that cannot be read, do not leave it out",
                   options->strict);
  command.add_text("tensorboard", "folder for an event file of loss and learning rate",
                   options->tensorboard);
  command.on_run([options, &session] { run_train(*options, session); });
}

}  // namespace qprompt::cli
